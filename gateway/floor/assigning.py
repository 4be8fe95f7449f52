"""Brings those who wait and the agents together: reads who waits, chooses, and asks the customer's lane to reserve.

What is decided here is a proposal; the reservation is decided, and written, in the customer's own order.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from gateway.care import queueing, reserving
from gateway.care.engine import FAULTS, Engine
from gateway.care.turn import Refused, Turn
from gateway.floor.attendance import Attendance
from gateway.floor.choosing import Floor, choose
from gateway.model.desk import Show
from gateway.store.access import READ_FAULT
from gateway.store.database import Store
from gateway.store.units import Failure, StoreClosed, StoreFull
from gateway.store.waiting import Room, Waiting, held, room

LOOK_SECONDS = 1.0
log = logging.getLogger("gateway.floor.assigning")


class Assigning:
    """Looks when something changed, and each second, since opening hours and rounds end by time alone."""

    def __init__(self, store: Store, engine: Engine, attendance: Attendance, now: Callable[[], int]) -> None:
        self._store, self._engine, self.attendance, self._now = store, engine, attendance, now
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._busy: dict[str, int] = {}
        self._seen: tuple[Waiting, ...] = ()
        self._free_since: dict[str, int] = {}

    def poke(self) -> None:
        """Something changed: who waits, who is there, who has room."""
        self._wake.set()

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.get_running_loop().create_task(self._look(), name="assigning")

    async def stop(self) -> None:
        """Looks no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.round()
            except (Failure, READ_FAULT) as error:
                log.warning("who waits cannot be read: %s", error)
            except FAULTS:
                log.exception("a fault of ours while agents were asked; the next look is in a second")
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def round(self) -> int:
        """Asks whom there is to ask; how many were."""
        seen = await self._store.read(room)
        self._note_busy(seen.busy)
        self._seen = seen.waiting
        count = await self._miss()
        asked = set(seen.asked)
        for one in seen.waiting:
            its = reserving.read(one.reservation)
            if its.agent is not None:
                if self.attendance.show(its.agent) is Show.offline:
                    count += await self._ask(one.key, partial(reserving.left, conversation_id=one.id, its=its))
                continue
            agent = self._choose(one, its, seen, asked)
            if agent is not None:
                asked.add(agent)
                reserve = partial(reserving.reserve, conversation_id=one.id, epoch=one.epoch, agent=agent)
                count += await self._ask(one.key, reserve)
        return count

    def waiting(self) -> dict[str, int]:
        """How many waited in each queue at the last look."""
        return {
            **dict.fromkeys(self._engine.playbook.queues, 0),
            **Counter(one.queue for one in self._seen),
        }

    def _choose(self, one: Waiting, its: reserving.Reservation, seen: Room, asked: set[str]) -> str | None:
        book = self._engine.playbook
        queue = book.queues.get(one.queue)
        brand = book.brands.get(one.brand)
        if queue is None or brand is None:
            return None
        now = self._now()
        if not queue.opening.is_open(datetime.fromtimestamp(now / 1000, ZoneInfo(brand.timezone))):
            return None
        floor = Floor(self.attendance, seen.busy, asked, self._free_since)
        return choose(book.agents, one.queue, its, floor, now, one.language or brand.default_language)

    async def _miss(self) -> int:
        """What agents have who have been gone for long waits again."""
        book = self._engine.playbook
        grace = int(book.rules.conversations.grace * 1000)
        known = {agent.jid for agent in book.agents}
        count = 0
        for an_id, key, agent, since in await self._store.read(held):
            # One whom the configuration does not name any more can neither read nor write.
            missed = self._now() - since >= grace and self.attendance.gone(agent, grace)
            if missed or (known and agent not in known):
                count += await self._ask(key, partial(queueing.missed, conversation_id=an_id, agent=agent))
        return count

    async def _ask(self, key: str, decide: Callable[[Turn], bool]) -> bool:
        try:
            return bool(await self._engine.ask(key, decide))
        except (StoreClosed, StoreFull):
            raise
        except (Refused, Failure) as error:
            log.warning("a conversation could not be offered: %s", error)
            return False

    def _note_busy(self, busy: dict[str, int]) -> None:
        for agent, before in self._busy.items():
            if busy.get(agent, 0) < before:
                self._free_since[agent] = self._now()
        self._busy = busy
