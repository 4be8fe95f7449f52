"""The HTTP port: that of the npm peer, the phones, the stream of events."""

import asyncio
import dataclasses
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway.simulator import FAULTS, Faults, SimulatedCarrier
from gateway.simulator.faults import parse_value
from tests.simulator.esme import DELIVER, bound


@pytest.fixture
async def carrier() -> AsyncIterator[SimulatedCarrier]:
    async with SimulatedCarrier() as running:
        yield running


@pytest.fixture
async def http(carrier: SimulatedCarrier) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(carrier.url) as session:
        yield session


async def get(http: aiohttp.ClientSession, path: str) -> Any:
    async with http.get(path) as response:
        return await response.json(content_type=None)


async def post(http: aiohttp.ClientSession, path: str, body: Any, **more: Any) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with http.post(path, data=io.BytesIO(data), **more) as response:
        return response.status, await response.json()


async def test_the_npm_peers_way(carrier: SimulatedCarrier, http: aiohttp.ClientSession) -> None:
    assert (await post(http, "/mo", {"from": "+15551234567", "to": "70007", "text": "hi"}))[0] == 503
    async with bound(carrier.port) as esme:
        status, answer = await post(http, "/mo", {"from": "+15551234567", "to": "70007", "text": "hi"})
        assert (status, answer["status"]) == (200, 0)
        assert answer["ms"] >= 0
        raw = {"from": "+1555123456789", "to": "70007", "hex": "00e9", "data_coding": 8, "udh_hex": "0500030a0201"}
        assert (await post(http, "/mo", raw))[0] == 200
        assert esme.delivered[1]["octets"].hex() == "0500030a020100e9"
        assert (esme.delivered[1]["esm_class"], esme.delivered[1]["data_coding"]) == (0x40, 8)
        assert (await post(http, "/set", {"status": 88}))[1]["status"] == 88
        await esme.next(), await esme.next()
        assert (await esme.submit()).status == 88
        assert (await post(http, "/set", {"status": 0}))[0] == 200
        assert (await esme.submit()).status == 0
        rows = await get(http, "/log")
        kinds = [row["kind"] for row in rows]
        assert kinds.index("bind_transceiver") < kinds.index("refused") < kinds.index("submit_sm")
        assert {row["n"] for row in rows} == set(range(1, len(rows) + 1))
        for to in ("%2B15551234567", "+15551234567", "15551234567"):
            assert [row["text"] for row in await get(http, f"/mt?to={to}")] == ["hello"]
        assert await get(http, "/mt?to=15559999999") == []
        state = await get(http, "/state")
        assert (state["sessions"], state["submits"], state["set"]["status"]) == (1, 2, 0)
        assert (await post(http, "/raw", {"hex": "00000010800000150000000000000001"}))[0] == 200
        while (await esme.next()).command != 0x80000015:
            pass
        assert (await post(http, "/drop", {}))[1] == {"dropped": 1}
        await asyncio.wait_for(esme.closed.wait(), 5)


async def test_pages_of_the_log(carrier: SimulatedCarrier, http: aiohttp.ClientSession) -> None:
    async with bound(carrier.port) as esme:
        for _ in range(20):
            await esme.submit(registered=0)
    assert [row["n"] for row in await get(http, "/log?since=5&limit=3&kind=submit_sm")] == [19, 20, 21]
    assert len(await get(http, "/log?since=19&kind=submit_sm")) == 2
    assert await get(http, "/log?since=9999") == []
    async with http.get("/log?format=jsonl") as response:
        lines = (await response.text()).splitlines()
    assert json.loads(lines[0])["kind"] == "bind_transceiver"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/set", {"nonsense": 1}, 400),
        ("/set", {"dlr": "maybe"}, 400),
        ("/set", {"dlr_ms": -1}, 400),
        ("/set", {"dlr_ms": "soon"}, 400),
        ("/set", {"rate": float("inf")}, 400),
        ("/set", {"fail_digits": "<b>"}, 400),
        ("/set", [], 400),
        ("/set", b"{", 400),
        ("/set", b"\xff", 400),
        ("/set", b"[" * 100_000, 400),
        ("/mo", {"from": "+1", "to": "70007", "text": "x"}, 400),
        ("/mo", {"from": "+15551234567", "to": "70007", "text": 5}, 400),
        ("/mo", {"from": "+15551234567", "to": "70007", "hex": "zz"}, 400),
        ("/mo", {"from": "+15551234567", "to": "70007", "hex": 5}, 400),
        ("/mo", {"from": "+15551234567", "to": "70007", "text": "x", "data_coding": "8"}, 400),
        ("/mo", {"from": "+15551234567", "to": "70007", "text": "x" * 2001}, 400),
        ("/mo", b'"' + b"x" * 1_100_000 + b'"', 413),
        ("/raw", {"hex": "0"}, 400),
        ("/phones", {"number": "Maya"}, 400),
        ("/phones", {"number": "+15551230000", "name": "x" * 41}, 400),
        ("/phones", {"number": "+15551230000", "name": "a\u202eb"}, 400),
        ("/nowhere", {}, 404),
    ],
)
async def test_wrong_requests_are_told_and_change_nothing(
    carrier: SimulatedCarrier, http: aiohttp.ClientSession, path: str, body: Any, status: int
) -> None:
    got, answer = await post(http, path, body)
    assert got == status
    assert answer["error"]
    assert carrier.faults == Faults()


async def test_set_is_all_or_nothing(carrier: SimulatedCarrier, http: aiohttp.ClientSession) -> None:
    assert (await post(http, "/set", {"dlr": "never", "id": "wrong"}))[0] == 400
    assert carrier.faults == Faults()
    assert (await post(http, "/set", {"dlr": "never", "strict": "off", "rate": "2.5"}))[0] == 200
    assert carrier.faults == Faults(dlr="never", strict=False, rate=2.5)


async def test_pages_of_other_origins_change_nothing(carrier: SimulatedCarrier, http: aiohttp.ClientSession) -> None:
    own = carrier.url.rstrip("/")
    for origin, status in ((own, 200), ("http://evil.example", 403), ("null", 403)):
        assert (await post(http, "/set", {"dlr": "never"}, headers={"Origin": origin}))[0] == status


async def test_phones_are_added_renamed_and_removed(carrier: SimulatedCarrier, http: aiohttp.ClientSession) -> None:
    assert (await post(http, "/phones", {"number": "15551230000", "name": "Ana"}))[1]["number"] == "+15551230000"
    await post(http, "/phones", {"number": "+15551230000", "name": "Ana B"})
    listing = await get(http, "/phones")
    assert [phone["name"] for phone in listing["pinned"]] == ["Maya", "Tom", "Ana B"]
    assert listing["peer"] == "70007"
    async with http.delete("/phones/%2B15551230000") as response:
        assert response.status == 200
    async with http.delete("/phones/%2B15551230000") as response:
        assert response.status == 404


async def test_bounds_of_phones(carrier: SimulatedCarrier, http: aiohttp.ClientSession) -> None:
    phones = carrier.phones
    for n in range(3000):
        phones.received(f"1555{n:07}", "70007", "x", alphabet="GSM-7", wants_receipt=False)
    listing = phones.listing()
    assert len(listing["pinned"]) == 4  # the first strangers are shown, the others are listed
    assert len(listing["others"]) == 50
    assert len(phones.messages("15550002999")) == 1
    assert phones.messages("15550000500") == []
    for n in range(1200):
        phones.received("15551234567", "70007", str(n), alphabet="GSM-7", wants_receipt=False, join=("udh0", n, 2, 1))
    kept = phones.messages("+15551234567")
    assert (len(kept), kept[-1]["text"]) == (1000, "1199 … ")


async def test_news(carrier: SimulatedCarrier, http: aiohttp.ClientSession) -> None:
    async with http.get("/events?rows=1") as stream, bound(carrier.port) as esme:
        assert stream.content_type == "text/event-stream"
        await esme.submit(registered=1)
        assert (await esme.next()).command == DELIVER
        seen: dict[str, Any] = {}
        async with asyncio.timeout(5):
            while "rows" not in seen or seen.get("messages", [{}])[0].get("state") != "DELIVRD":
                name = (await stream.content.readline()).decode().removeprefix("event: ").strip()
                seen[name] = json.loads((await stream.content.readline()).decode().removeprefix("data: "))
                await stream.content.readline()
        assert [phone["name"] for phone in seen["phones"]["pinned"]] == ["Maya", "Tom"]
        assert seen["rows"]["missed"] == 0
        assert seen["state"]["sessions"] == 1
        await carrier.stop()
        async with asyncio.timeout(5):
            await stream.read()


async def test_a_page_for_one_phone_hears_of_that_one_only(
    carrier: SimulatedCarrier, http: aiohttp.ClientSession
) -> None:
    async with http.get("/events?phone=%2B15550000001") as stream, bound(carrier.port) as esme:
        await esme.submit("15551234567", registered=0)
        await esme.submit("15550000001", b"for me", registered=0)
        async with asyncio.timeout(5):
            async for line in stream.content:
                assert b"15551234567" not in line or b'"pinned"' in line
                if b"for me" in line:
                    break


async def test_the_page_is_served_strictly(http: aiohttp.ClientSession) -> None:
    for path, kind in (("/", "text/html"), ("/phone.css", "text/css"), ("/phone.js", "text/javascript")):
        async with http.get(path) as response:
            assert (response.status, response.content_type) == (200, kind)
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            text = await response.text()
            assert "innerHTML" not in text
            assert " style=" not in text
            assert "<script>" not in text


async def test_one_list_of_switches(http: aiohttp.ClientSession) -> None:
    shown = await get(http, "/switches")
    assert [one["name"] for one in shown] == [field.name for field in dataclasses.fields(Faults)]
    assert all(one["label"] and one["help"] and one["group"] for one in shown)
    for switch in FAULTS:
        assert parse_value(switch.name, str(switch.default)) == switch.default
        assert type(parse_value(switch.name, switch.default)) is switch.type
