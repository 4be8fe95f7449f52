"""A billing system to play with: takes the gateway's signed calls, checks them, keeps them, and answers.

It does what every receiver of Careline's calls should: verifies the signature (Standard Webhooks), and does a thing
once however often the same Idempotency-Key comes. `POST /set {"mode": "refuse"}` makes it misbehave.
"""

import argparse
import asyncio
import json
import os
import signal
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

MODES = {
    "answer": "does what is asked",
    "refuse": "refuses with a 4xx problem: the customer is told, a person takes over",
    "fail": "answers 503: the call is tried again, with the same key",
    "slow": "answers after 5 seconds",
}
_KEPT, _KEYS = 200, 10_000
_SLOW_SECONDS = 5.0


@dataclass(slots=True)
class Call:
    """One request as it came."""

    at: str
    action: str
    verified: bool
    idempotency_key: str
    webhook_id: str
    status: int
    repeated: bool
    body: Any
    answer: Any


class Billing:
    """The billing system."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self.mode = "answer"
        self.calls: deque[Call] = deque(maxlen=_KEPT)
        self._done: OrderedDict[str, tuple[int, Mapping[str, Any]]] = OrderedDict()

    def application(self) -> web.Application:
        """Its routes."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_routes(
            [
                web.post("/fulfil", self._fulfil),
                web.get("/received", self._received),
                web.post("/set", self._set),
                web.post("/clear", self._clear),
            ]
        )
        return app

    async def _fulfil(self, request: web.Request) -> web.Response:
        raw = await request.read()
        key = request.headers.get("Idempotency-Key", "")
        try:
            self._webhook.verify(raw, {name.lower(): value for name, value in request.headers.items()})
            body, verified = json.loads(raw), True
        except (WebhookVerificationError, ValueError):
            body, verified = None, False
        if self.mode == "slow":
            await asyncio.sleep(_SLOW_SECONDS)
        repeated = key in self._done
        status: int
        answer: Mapping[str, Any]
        if not verified:
            status, answer = 401, _problem(401, "the signature does not fit")
        elif repeated:
            status, answer = self._done[key]
        else:
            status, answer = self._decide(body)
            if status < 500 and key:
                self._done[key] = (status, answer)
                while len(self._done) > _KEYS:
                    self._done.popitem(last=False)
        action = str(body.get("action", "")) if isinstance(body, dict) else ""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        webhook_id = request.headers.get("webhook-id", "")
        self.calls.append(Call(now, action, verified, key, webhook_id, status, repeated, body, dict(answer)))
        kind = "application/json" if status < 400 else "application/problem+json"
        return web.json_response(answer, status=status, content_type=kind)

    def _decide(self, body: Any) -> tuple[int, Mapping[str, Any]]:
        action = str(body.get("action", "")) if isinstance(body, dict) else ""
        if self.mode == "fail":
            return 503, _problem(503, "billing is down for maintenance")
        if self.mode == "refuse":
            return 422, _problem(422, _REFUSALS.get(action, "billing does not do that today"))
        if action == "offer.accepted":
            offer = body.get("offer") or {}
            return 200, {"order": f"A-{1000 + len(self.calls)}", "plan": offer.get("name"), "price": offer.get("price")}
        if action == "rebook":
            return 200, {"flight": "AA34", "new_flight": "AA34", "seat": "14C"}
        if action == "balance":
            return 200, {"balance": "42.10", "currency": "USD"}
        return 404, _problem(404, f"billing knows no action {action[:40]!r}")

    async def _received(self, request: web.Request) -> web.Response:
        return web.json_response({"mode": self.mode, "modes": MODES, "calls": [asdict(call) for call in self.calls]})

    async def _set(self, request: web.Request) -> web.Response:
        asked = await request.json()
        mode = asked.get("mode") if isinstance(asked, dict) else None
        if mode not in MODES:
            return web.json_response(_problem(422, f"mode is one of {', '.join(MODES)}"), status=422)
        self.mode = mode
        return web.json_response({"mode": mode})

    async def _clear(self, request: web.Request) -> web.Response:
        self.calls.clear()
        return web.json_response({})


_REFUSALS = {
    "offer.accepted": "the account has an unpaid bill; plans cannot be changed",
    "rebook": "no seat is left on any flight today",
    "balance": "the account is locked",
}


def _problem(status: int, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": "Billing", "status": status, "detail": detail}


async def _serve(port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    runner = web.AppRunner(
        Billing(os.environ["DEMO_BILLING_SECRET"]).application(), access_log=None, shutdown_timeout=1.0
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    """`python -m gateway.demo.billing --port N`, the secret in DEMO_BILLING_SECRET."""
    parser = argparse.ArgumentParser(description="A billing system to play with.")
    parser.add_argument("--port", type=int, default=9100)
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
