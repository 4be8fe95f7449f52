"""Writing what nobody waits for, so that those who wait hardly notice."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from gateway.store.database import Store
from gateway.store.units import Unit

REST = 4.0
"""Times what a commit took, with the wait for company: so long a rest before the next, so that few customers' commits
find one before them."""
LONGEST_REST = 0.012
"""Seconds: where the disk is slow, waiting for it is most of what a commit takes."""

CROWD = 5000
"""Units written a second, from which on more comes than can be written in small pieces with rests between: those do
some 7,000 messages a second on a quick disk, and a unit is about one."""
LOOK_SECONDS, LONG_AGO = 0.25, 0.75
STAND_BACK, WORK_ON = 3.0, 9.0
"""Seconds: so long at most it stands back for bursts, then so long for none, however they follow each other."""


class Crowd:
    """Tells whether customers are many just now. written: units written so far, all told. clock: seconds."""

    def __init__(self, written: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._written, self._clock = written, clock
        self._before, self._at, self._crowded = written(), clock(), False

    def __call__(self) -> bool:
        now = self._clock()
        since = now - self._at
        if since >= LOOK_SECONDS:
            written = self._written()
            # Nobody has asked for long: what was written since tells nothing about now.
            self._crowded = since < LONG_AGO and written - self._before > CROWD * since
            self._before, self._at = written, now
        return self._crowded


class Background:
    """burst: whether a burst of events is being taken, for which all else stands back. clock: seconds. rest: waits so
    many seconds.
    """

    def __init__(
        self,
        store: Store,
        burst: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store, self._burst, self._clock, self._rest = store, burst, clock, rest
        self._works_on_until = float("-inf")

    async def write(self, unit: Unit, *, hurry: bool = False) -> bool:
        """Commits a unit, together with what customers wait for, and rests. During a burst it waits first.

        hurry: there is more than can be written like that; it takes its turn, and no rest.

        Returns:
            False: it was not written; whoever asked leaves off, and the next tick tries again.
        """
        if not hurry:
            await self._stand_back()
        began = self._clock()
        [failure] = await self._store.apply([unit], patient=not hurry)
        if failure is not None:
            return False
        if not hurry:
            await self._rest(min(LONGEST_REST, REST * (self._clock() - began)))
        return True

    async def _stand_back(self) -> None:
        """For a burst. A sender that pauses now and then begins a new one each time: nothing may wait for all."""
        began = self._clock()
        if began < self._works_on_until or not self._burst():
            return
        while self._burst() and self._clock() < began + STAND_BACK:
            await self._rest(LONGEST_REST)
        self._works_on_until = self._clock() + WORK_ON
