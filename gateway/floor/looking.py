"""Looks again and again: when something changed, soon, else now and then."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.care.engine import FAULTS
from gateway.care.turn import Refused
from gateway.store.access import READ_FAULT
from gateway.store.units import Failure

log = logging.getLogger("gateway.floor.looking")


class Looking:
    """what: what is looked after, for the log. look: one look. spacing, quiet: seconds between looks at
    least, and while nothing changes.
    """

    def __init__(self, what: str, look: Callable[[], Awaitable[None]], spacing: float, quiet: float) -> None:
        self._what, self._look, self._spacing, self._quiet = what, look, spacing, quiet
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def poke(self) -> None:
        """Something changed."""
        self._wake.set()

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self._what)

    async def stop(self) -> None:
        """Looks no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._look()
            except (Failure, Refused, READ_FAULT) as error:
                log.warning("%s cannot be looked after now: %s", self._what, error)
            except FAULTS:
                log.exception("a fault of ours in %s; the next look is soon", self._what)
            await asyncio.sleep(self._spacing)
            try:
                async with asyncio.timeout(self._quiet):
                    await self._wake.wait()
            except TimeoutError:
                continue
