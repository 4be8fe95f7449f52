"""Filling the word index of messages, in the time that customers leave over.

A text costs about as much to index as a tenth of its whole way, and nobody waits for it: a search reads what is not
indexed yet as it stands. So in a burst the index stands back for up to a minute, and catches up after it.
"""

import time
from collections.abc import Callable

from gateway.jobs.background import Background
from gateway.model.ids import made_at
from gateway.store import upkeep
from gateway.store.database import Store

LATEST_MS = 60_000
"""How far the index may fall behind."""
BUSY = 0.8
"""Share of a processor above which the process has no time to spare: its threads share one (`gateway.cores`)."""
MOST_LOOKS = 3
"""Looks at one tick, some 6,000 messages: what is caught up after a burst must not crowd out who writes then."""


class Indexing:
    """Indexes at each tick what is there, unless the process is busy and the index young enough.

    settle: the id up to which messages may be indexed (`Ids.settle`). now: wall clock in ms. clock, spent: seconds, of
    the clock and of this process's processor time.
    """

    def __init__(
        self,
        store: Store,
        settle: Callable[[], int],
        background: Background,
        now: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.process_time,
    ) -> None:
        self._store, self._settle, self._background = store, settle, background
        self._now, self._clock, self._spent = now, clock, spent
        self._rested_at, self._spent_before = clock(), spent()

    async def tick(self) -> None:
        """Indexes, a stretch in each commit; what customers wait for goes between."""
        busy = self._spent() - self._spent_before > BUSY * (self._clock() - self._rested_at)
        for _ in range(MOST_LOOKS):
            stretches = await self._store.read(upkeep.stretches, self._settle())
            if not stretches or (busy and made_at(stretches[0][1]) > self._now() - LATEST_MS):
                break
            for above, up_to in stretches:
                if not await self._background.write(upkeep.index_words(above, up_to)):
                    return
        # What indexing itself took says nothing about customers.
        self._rested_at, self._spent_before = self._clock(), self._spent()
