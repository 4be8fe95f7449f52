"""The demo's billing system does what every receiver of our calls should."""

import json
from datetime import UTC, datetime

import pytest
from aiohttp.test_utils import TestClient, TestServer
from standardwebhooks import Webhook

from gateway.demo.billing import MODES, Billing

SECRET = "whsec_Y2FyZWxpbmUtZGVtby1iYWNrLW9mZmljZS1zZWNyZXQ="
ACCEPTED = {"action": "offer.accepted", "offer": {"name": "unlimited", "price": "20.00"}}


def signed(body: object, key: str, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    raw = json.dumps(body)
    now = datetime.now(UTC)
    signature = Webhook(secret).sign("m1", now, raw)
    return raw.encode(), {
        "webhook-id": "m1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature,
        "Idempotency-Key": key,
    }  # fmt: skip


async def test_signature_once_and_modes() -> None:
    async with TestClient(TestServer(Billing(SECRET).application())) as client:
        raw, headers = signed(ACCEPTED, "k1")
        first = await client.post("/fulfil", data=raw, headers=headers)
        assert first.status == 200
        told = await first.json()
        assert told["plan"] == "unlimited"
        second = await client.post("/fulfil", data=raw, headers=headers)
        assert await second.json() == told
        forged = await client.post("/fulfil", data=raw.replace(b"20.00", b"00.01"), headers=headers)
        assert forged.status == 401
        calls = (await (await client.get("/received")).json())["calls"]
        assert [(call["verified"], call["repeated"]) for call in calls] == [(True, False), (True, True), (False, True)]


@pytest.mark.parametrize(("mode", "status"), [("answer", 200), ("refuse", 422), ("fail", 503)])
async def test_modes(mode: str, status: int) -> None:
    async with TestClient(TestServer(Billing(SECRET).application())) as client:
        assert (await client.post("/set", json={"mode": mode})).status == 200
        raw, headers = signed({"action": "rebook", "arguments": {}}, "k2")
        answer = await client.post("/fulfil", data=raw, headers=headers)
        assert answer.status == status
        if mode == "answer":
            assert (await answer.json())["new_flight"] == "AA34"
        else:
            assert (await answer.json())["detail"]
        if mode == "fail":  # what failed was not done: it is done when it comes again
            await client.post("/set", json={"mode": "answer"})
            assert (await client.post("/fulfil", data=raw, headers=headers)).status == 200
        assert (await client.post("/set", json={"mode": "nonsense"})).status == 422
    assert "slow" in MODES
