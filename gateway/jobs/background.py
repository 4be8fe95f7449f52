"""Writing what nobody waits for, so that those who wait hardly notice."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from gateway.store.database import Store
from gateway.store.units import Unit

REST = 4.0
"""Times what a commit took, with the wait for company: so long a rest before the next, so that few customers' commits
find one before them."""
LONGEST_REST = 0.02
"""Seconds: where the disk is slow, waiting for it is most of what a commit takes."""

CROWD = 5000
"""Units written a second, from which on more comes than can be written in small pieces with rests between: those do
some 7,000 messages a second, and a unit is about one."""
LOOK_SECONDS, LONG_AGO = 0.25, 0.75


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

    async def write(self, unit: Unit, *, hurry: bool = False) -> bool:
        """Commits a unit, together with what customers wait for, and rests. During a burst it waits first.

        hurry: there is more than can be written like that; it takes its turn, and no rest.

        Returns:
            False: it was not written; whoever asked leaves off, and the next tick tries again.
        """
        while not hurry and self._burst():
            await self._rest(LONGEST_REST)
        began = self._clock()
        [failure] = await self._store.apply([unit], patient=not hurry)
        if failure is not None:
            return False
        if not hurry:
            await self._rest(min(LONGEST_REST, REST * (self._clock() - began)))
        return True
