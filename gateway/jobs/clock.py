"""The clock: APScheduler 3.11 with its memory store. It never holds a customer's timer; each tick only says
that a chore is due (scale anchor section 4).
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler

Chore = Callable[[], Awaitable[None]]


class Clock:
    """Runs chores at their intervals, each at most once at a time; a missed tick is caught up by the next."""

    def __init__(self) -> None:
        # A tick that comes while its chore is still at work is nothing that anybody should read of.
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        self._scheduler = AsyncIOScheduler(
            executors={"default": AsyncIOExecutor()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def every(self, seconds: float, name: str, chore: Chore) -> None:
        """A chore with a fixed id."""
        self._scheduler.add_job(
            _until_stopped, "interval", args=(chore,), seconds=seconds, id=name, replace_existing=True
        )

    def start(self) -> None:
        """Begins to tick."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ends; a chore under way finishes by itself."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


async def _until_stopped(chore: Chore) -> None:
    """A stop in the middle of a chore is no error that anybody should read of."""
    with contextlib.suppress(asyncio.CancelledError):
        await chore()
