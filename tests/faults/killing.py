"""The kill test itself: a gateway that is killed again and again under load, and never allowed to finish."""

import asyncio
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.running import SENDER, GatewayProcess, free_port, write_config
from tests.faults.business import Business, Ledger
from tests.faults.judge import Verdict, judge, unfinished
from tests.faults.office import Office
from tests.faults.points import POINTS
from tests.faults.smsc import Smsc

WINDOW = 50
DRAIN = 60.0  # seconds without progress, at the end
RULES = """
[classes.security]
ttl = "24h"
doubt = "at_most_once"
"""
_IN_DOUBT = re.compile(r"(\d+) submits of the last run are in doubt")


@dataclass(slots=True)
class Report:
    """What happened."""

    kills: int = 0
    at_points: Counter[str] = field(default_factory=Counter)
    not_reached: Counter[str] = field(default_factory=Counter)
    at_random: int = 0
    idle: int = 0
    alive: float = 0.0
    started_in: list[float] = field(default_factory=list)
    acknowledged: tuple[int, int] = (0, 0)

    @property
    def up(self) -> float:
        """Seconds in which it was bound, between its start and its kill."""
        return max(0.001, self.alive - sum(self.started_in))

    unsettled: str = ""
    verdict: Verdict = field(default_factory=Verdict)


def say(line: str) -> None:
    """A line of progress, past the capture of the test runner's standard output."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Killing:
    """One run: `kills` counted kills, half of them at named points, then the verdict."""

    def __init__(self, folder: Path, seed: int, kills: int, window: int = WINDOW) -> None:
        self._chance = random.Random(seed)
        self._kills, self._window, self._folder = kills, window, folder
        self.ledger = Ledger()
        self.report = Report()
        self.smsc = Smsc(folder / "carrier.log", seed + 1, SENDER)
        self.office = Office(folder / "billing.log", seed + 2)
        self.database = folder / "data" / "careline.db"
        self._names = list(POINTS)

    async def run(self) -> Report:
        """Kills, lets it finish, judges."""
        await self.smsc.start()
        await self.office.start()
        http_port = free_port()
        config = write_config(
            self._folder / "config",
            http_port=http_port,
            smsc_port=self.smsc.port,
            office_port=self.office.port,
            window=self._window,
            doubt_wait=0.5,
            response_timeout=1.5,
            rules=RULES,
            database=self.database,
        )
        gateway = GatewayProcess(config, http_port)
        business = Business(self.smsc, http_port, self.ledger)
        try:
            business.start()
            while self.report.kills < self._kills:
                await self._one_life(gateway)
            self.report.acknowledged = (len(self.ledger.events), self.ledger.texts)
            await self._finish(gateway, business)
        finally:
            gateway.kill()
            await self.smsc.stop()
            await self.office.stop()
        self.report.verdict = judge(self.database, self.ledger, self.smsc, self.office.calls)
        if self.report.unsettled:
            self.report.verdict.say("not settled", self.report.unsettled)
        self._check_doubts(gateway)
        return self.report

    async def _one_life(self, gateway: GatewayProcess) -> None:
        report, chance = self.report, self._chance
        self.smsc.life += 1
        point = ""
        environment: dict[str, str] = {}
        if self.smsc.life % 2:
            point = self._names[self.smsc.life // 2 % len(self._names)]
            environment["GATEWAY_FAILPOINT"] = f"{point}:{chance.randint(1, POINTS[point])}"
        begun = time.monotonic()
        gateway.start(**environment)
        dead = asyncio.create_task(asyncio.to_thread(gateway.wait_dead, 40.0))
        bound = asyncio.create_task(self.smsc.bound.wait())
        await asyncio.wait({dead, bound}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        came_up = bound.done()
        bound.cancel()
        if came_up:
            report.started_in.append(time.monotonic() - begun)
            await asyncio.wait({dead}, timeout=3.0 if point else chance.uniform(0.05, 1.2))
        if dead.done() and gateway.code() != -9:
            raise AssertionError(f"the gateway ended by itself with {gateway.code()}:\n{gateway.tail()}")
        if not dead.done() and not came_up:
            gateway.kill()
            raise AssertionError(f"the gateway did not bind within 30 s:\n{gateway.tail()}")
        by_itself = dead.done()
        counts = len(self.ledger.open)
        gateway.kill()
        await dead
        report.alive += time.monotonic() - begun
        self._count(point, by_itself, counts)

    def _count(self, point: str, by_itself: bool, open_work: int) -> None:
        """A kill counts only where acknowledged work was unfinished."""
        report = self.report
        if not open_work:
            report.idle += 1
            return
        report.kills += 1
        if point and by_itself:
            report.at_points[point] += 1
        else:
            report.at_random += 1
            if point:
                report.not_reached[point] += 1
        if report.kills % 10 == 0:
            say(
                f"kill test: {report.kills} of {self._kills} kills, {report.idle} idle; acknowledged "
                f"{len(self.ledger.events)} events and {self.ledger.texts} texts, carrier took {len(self.smsc.taken)}, "
                f"open {open_work}"
            )

    async def _finish(self, gateway: GatewayProcess, business: Business) -> None:
        """The last life: no new work, until all is settled; then it stops as it should."""
        self.smsc.life += 1
        gateway.start()
        if not await business.finish(DRAIN):
            raise AssertionError(f"events have no answer after {DRAIN} s:\n{gateway.tail()}")
        least, since = sys.maxsize, time.monotonic()
        while least and time.monotonic() - since < DRAIN:
            left = self.smsc.waiting + unfinished(self.database)
            if left < least:
                least, since = left, time.monotonic()
            await asyncio.sleep(0.2)  # between two looks
        if least:
            self.report.unsettled = (
                f"{unfinished(self.database)} rows of work, {self.smsc.waiting} texts, and no progress"
            )
        await asyncio.to_thread(gateway.stop)

    def _check_doubts(self, gateway: GatewayProcess) -> None:
        """A crash leaves one window in doubt at most (invariant 6)."""
        log = gateway.log.read_text(errors="replace")
        worst = max((int(found) for found in _IN_DOUBT.findall(log)), default=0)
        self.report.verdict.counts["most submits in doubt after a kill"] = worst
        if worst > self._window:
            self.report.verdict.say("more than a window in doubt", f"{worst} submits, the window is {self._window}")
        for line in log.splitlines():
            if "Traceback" in line or "CRITICAL" in line:
                self.report.verdict.say("a fault in the log", line[:200])
