"""Filling the word index of messages, in the time that customers leave over.

A text costs about as much to index as a tenth of its whole way, and nobody waits for it: a search reads what is not
indexed yet as it stands. So in a burst the index stands back for up to a minute, and catches up after it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from gateway.model.ids import made_at
from gateway.store import upkeep
from gateway.store.database import Store

LATEST_MS = 60_000
"""How far the index may fall behind."""
BUSY = 0.8
"""Share of a processor above which the process has no time to spare: its threads share one (`gateway.cores`)."""
MOST_LOOKS = 3
"""Looks at one tick, some 6,000 messages: what is caught up after a burst must not crowd out who writes then."""
REST = 4.0
"""Times what a stretch took: it rests so long before the next, so that few commits find one before them."""
LONGEST_REST = 0.02
"""Seconds: where the disk is slow, waiting for it is most of what a stretch takes."""


class Indexing:
    """Indexes at each tick what is there, unless the process is busy and the index young enough.

    now: wall clock in ms. clock, spent: seconds, of the clock and of this process's processor time. rest: waits so many
    seconds.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.process_time,
        rest: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store, self._now, self._clock, self._spent, self._rest = store, now, clock, spent, rest
        self._rested_at, self._spent_before = clock(), spent()

    async def tick(self) -> None:
        """Indexes, a stretch in each commit; what customers wait for goes between."""
        busy = self._spent() - self._spent_before > BUSY * (self._clock() - self._rested_at)
        for _ in range(MOST_LOOKS):
            stretches = await self._store.read(upkeep.stretches, self._now())
            if not stretches or (busy and made_at(stretches[0][1]) > self._now() - LATEST_MS):
                break
            for above, up_to in stretches:
                began = self._clock()
                [failure] = await self._store.apply([upkeep.index_words(above, up_to)])
                if failure is not None:
                    return
                await self._rest(min(LONGEST_REST, REST * (self._clock() - began)))
        # What indexing itself took says nothing about customers.
        self._rested_at, self._spent_before = self._clock(), self._spent()
