"""A billing system for the kill test: writes each call down, then answers, fails, or breaks the connection."""

import asyncio
import json
import random
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Call:
    """One call that came."""

    key: str
    action: str
    offer: str
    customer: str
    answer: str


class Office:
    """The billing system."""

    def __init__(self, log: Path, seed: int) -> None:
        self.calls: list[Call] = []
        self.port = 0
        self._chance = random.Random(seed)
        self._log = log.open("a")
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listens."""
        app = web.Application()
        app.router.add_post("/fulfil", self._fulfil)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Ends."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._log.close()

    async def _fulfil(self, request: web.Request) -> web.Response:
        body = await request.json()
        draw = self._chance.random()
        answer = "ok" if draw < 0.85 else "500" if draw < 0.9 else "broken" if draw < 0.95 else "slow"
        call = Call(
            request.headers.get("Idempotency-Key", ""),
            str(body.get("action")),
            str((body.get("offer") or {}).get("id", "")),
            str(body.get("customer")),
            answer,
        )
        self.calls.append(call)
        self._log.write(json.dumps([call.key, call.action, call.offer, call.customer, answer]) + "\n")
        if answer == "broken" and request.transport is not None:
            request.transport.abort()
        if answer == "500":
            return web.json_response({"title": "busy"}, status=500)
        if answer == "slow":
            await asyncio.sleep(0.3)  # it works on it
        return web.json_response({"ok": True})
