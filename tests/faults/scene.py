"""A gateway as its own process between a carrier and a billing system of ours: what the fault tests play with."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.running import KEY, SENDER, GatewayProcess, free_port, write_config
from tests.faults.business import Ledger
from tests.faults.judge import read
from tests.faults.office import Office
from tests.faults.smsc import Smsc

CLOUDEVENT = "application/cloudevents+json"


@dataclass(slots=True)
class Scene:
    """All that takes part."""

    gateway: GatewayProcess
    smsc: Smsc
    office: Office
    ledger: Ledger
    database: Path
    session: aiohttp.ClientSession
    url: str

    async def event(self, phone: str, text: str, kind: str = "bench.notice") -> tuple[int, dict[str, Any]]:
        """Posts an event, once; status and answer."""
        body = {
            "specversion": "1.0",
            "type": kind,
            "source": "faults",
            "id": f"{phone}/{text}",
            "subject": f"tel:{phone}",
            "data": {"text": text},
        }
        async with self.session.post(f"{self.url}/v1/events", json=body, headers={"Content-Type": CLOUDEVENT}) as got:
            return got.status, await got.json(content_type=None)

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """GET of the API."""
        async with self.session.get(f"{self.url}{path}") as got:
            return got.status, await got.json(content_type=None)

    async def until(self, what: str, true: Callable[[], bool], seconds: float = 20.0) -> float:
        """Waits for a condition; how long that took. Raises AssertionError when the time is over."""
        begun = time.monotonic()
        while not true():
            waited = time.monotonic() - begun
            assert waited < seconds, f"not within {seconds:g} s: {what}\n{self.gateway.tail()}"
            await asyncio.sleep(0.02)  # between two looks
        return time.monotonic() - begun

    def rows(self, sql: str, *values: object) -> list[Any]:
        """What the database says."""
        connection = read(self.database)
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:  # the gateway is just making it
            return [error]
        finally:
            connection.close()

    def took(self, text: str) -> int:
        """How often the carrier took a text."""
        return sum(1 for one in self.smsc.taken if one.text == text)


@asynccontextmanager
async def scene(
    folder: Path,
    *,
    database: Path | None = None,
    window: int = 20,
    response_timeout: float = 1.0,
    doubt_wait: float = 0.3,
    more: str = "",
    rules: str = "",
    handlers: Sequence[str] = ("plan_overage", "bench_echo"),
) -> AsyncIterator[Scene]:
    """A running scene; all of it is gone at the end. more: of gateway.toml. rules: rules.toml. handlers: modules."""
    smsc, office = Smsc(folder / "carrier.log", 1, SENDER), Office(folder / "billing.log", 2)
    smsc.moods.lost = smsc.moods.late = smsc.moods.no_receipt = 0.0
    await smsc.start()
    await office.start()
    http_port = free_port()
    database = database or folder / "data" / "careline.db"
    config = write_config(
        folder / "config",
        http_port=http_port,
        smsc_port=smsc.port,
        office_port=office.port,
        window=window,
        doubt_wait=doubt_wait,
        response_timeout=response_timeout,
        database=database,
        rules=rules,
        handlers=handlers,
    )
    with (config / "gateway.toml").open("a") as toml:
        toml.write(more)
    gateway = GatewayProcess(config, http_port)
    ledger = Ledger()
    smsc.on_taken = ledger.came_out
    try:
        gateway.start()
        async with aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {KEY}"}, timeout=aiohttp.ClientTimeout(total=10)
        ) as session:
            played = Scene(gateway, smsc, office, ledger, database, session, f"http://127.0.0.1:{http_port}")
            await played.until("the bind", smsc.bound.is_set, 30)
            yield played
        assert await asyncio.to_thread(gateway.stop) == 0, gateway.tail()
    finally:
        gateway.kill()
        await smsc.stop()
        await office.stop()
