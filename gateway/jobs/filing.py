"""Filing messages under their addresses, thousands together (decision 19)."""

from collections.abc import Callable

from gateway.jobs.background import Background
from gateway.store import filing
from gateway.store.database import Store
from gateway.store.marks import stretch_end

LARGER = 4
"""Times as many at once when it has much to do in a crowd: then more come than could be filed in small pieces. What a
flood leaves behind is filed in small ones: who writes after it waits for nothing."""
MUCH = 4096
"""Messages gathered at one tick."""
MOST = 40_960
"""Messages gathered at one tick, however many there are: more than any come in that time."""


class Filing:
    """At each tick gathers what has settled, stretch by stretch, and files it when that is many.

    settle: the id up to which messages may be gathered (`Ids.settle`). crowded: whether customers are many (`Crowd`).
    """

    def __init__(
        self, store: Store, settle: Callable[[], int], background: Background, crowded: Callable[[], bool]
    ) -> None:
        self._store, self._settle, self._background, self._crowded = store, settle, background, crowded
        self._gathered: int | None = None
        self._behind = False  # the last tick left something over
        self._count = 0

    async def tick(self) -> None:
        """Leaves off where a commit fails, to go on at the next tick."""
        if self._gathered is None:
            if not await self._background.write(filing.make_room()):
                return
            self._gathered = await self._store.read(filing.filed_up_to)
        settled, taken = self._settle(), 0
        while taken < MOST:
            much = taken >= MUCH
            if self._count >= filing.TOGETHER and not await self._file(self._gathered, much=much):
                return
            hurry = self._hurry(much=much)
            stretch = filing.STRETCH * LARGER if hurry else filing.STRETCH
            end = await self._store.read(stretch_end, self._gathered, settled, stretch)
            if end is None:
                self._behind = False
                return
            if not await self._background.write(filing.gather(self._gathered, end), hurry=hurry):
                return
            self._gathered = end
            self._count += stretch
            taken += stretch
        self._behind = True

    def _hurry(self, *, much: bool) -> bool:
        """Asks about the crowd each time, since it tells by what came since it was asked last."""
        crowded = self._crowded()
        return much and (crowded or self._behind)

    async def _file(self, gathered: int, *, much: bool) -> bool:
        place = 0
        while True:
            hurry = self._hurry(much=much)
            some = filing.SLICE * LARGER if hurry else filing.SLICE
            if place + some >= self._count:
                break
            if not await self._background.write(filing.file_slice(place, some), hurry=hurry):
                return False
            place += some
        if not await self._background.write(filing.file_rest(place, gathered), hurry=hurry):
            return False
        self._count = 0
        return True
