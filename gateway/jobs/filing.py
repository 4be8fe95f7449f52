"""Filing messages under their addresses, thousands together (decision 19)."""

from collections.abc import Callable

from gateway.jobs.background import Background
from gateway.store import filing
from gateway.store.database import Store


class Filing:
    """At each tick gathers what has settled, stretch by stretch, and files it when that is many.

    settle: the id up to which messages may be gathered (`Ids.settle`).
    """

    def __init__(self, store: Store, settle: Callable[[], int], background: Background) -> None:
        self._store, self._settle, self._background = store, settle, background
        self._gathered: int | None = None
        self._stretches = 0

    async def tick(self) -> None:
        """Leaves off where a commit fails, to go on at the next tick."""
        if self._gathered is None:
            if not await self._background.write(filing.make_room()):
                return
            self._gathered = await self._store.read(filing.filed_up_to)
        settled = self._settle()
        while True:
            if self._stretches >= filing.STRETCHES and not await self._file(self._gathered):
                return
            end = await self._store.read(filing.stretch_end, self._gathered, settled)
            if end is None or not await self._background.write(filing.gather(self._gathered, end)):
                return
            self._gathered = end
            self._stretches += 1

    async def _file(self, gathered: int) -> bool:
        last = self._stretches * filing.STRETCH - filing.SLICE
        for place in range(0, last, filing.SLICE):
            if not await self._background.write(filing.file_slice(place)):
                return False
        if not await self._background.write(filing.file_rest(last, gathered)):
            return False
        self._stretches = 0
        return True
