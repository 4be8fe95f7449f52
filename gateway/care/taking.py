"""Taking the events of business systems: on disk with their work before anybody is told, each of them once.

Nothing is decided here. Events that come together are one unit, since a row costs far less than a unit; when the store
refuses that unit, each is tried by itself, so that one that was known before harms no other.
"""

import asyncio
from collections.abc import Callable, Sequence

from gateway import failpoints
from gateway.care.inputs import EVENT, Started
from gateway.care.turn import CUSTOMER_LANE
from gateway.model.event import Event
from gateway.model.rows import record
from gateway.store import events, work
from gateway.store.database import Store
from gateway.store.units import Due, Failure, Rejected, StoreClosed, Unit
from gateway.triggers import EventData

CHUNK = 500
Accepted = tuple[Event, EventData | None]


@record
class Taken:
    """What an accepted event got: its id, and whether it was known. clash: the key is known with another body."""

    event_id: int
    duplicate: bool = False
    clash: bool = False


_Gathered = list[tuple[Accepted, asyncio.Future[Taken]]]


class Taking:
    """Takes events for all who bring them.

    now: wall clock, ms. push: hands committed work to its lane.
    """

    def __init__(self, store: Store, now: Callable[[], int], push: Callable[[Due], None]) -> None:
        self._store, self._now, self._push = store, now, push
        self._gathered: _Gathered = []
        self._under_way: set[asyncio.Task[list[Taken]]] = set()

    async def one(self, accepted: Accepted) -> Taken:
        """Takes one event, together with all that others bring in the same turn of the loop. Raises Failure."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Taken] = loop.create_future()
        if not self._gathered:
            loop.call_soon(self._send)
        self._gathered.append((accepted, future))
        return await future

    async def many(self, batch: Sequence[Accepted]) -> list[Taken]:
        """Takes events; a repetition gets the answer of the first.

        Raises:
            Failure: nothing of the rest was taken (disk full, store closed); what was taken answers as a duplicate.
        """
        answers: list[Taken] = []
        for start in range(0, len(batch), CHUNK):
            answers += await self._chunk(batch[start : start + CHUNK])
        return answers

    def _send(self) -> None:
        gathered, self._gathered = self._gathered, []
        task = asyncio.get_running_loop().create_task(self.many([accepted for accepted, _ in gathered]))
        self._under_way.add(task)
        task.add_done_callback(lambda task: self._tell(gathered, task))

    def _tell(self, gathered: _Gathered, task: asyncio.Task[list[Taken]]) -> None:
        """Each who waits hears what became of their event, whatever it was."""
        self._under_way.discard(task)
        error = None if task.cancelled() else task.exception()
        answers = [] if task.cancelled() or error is not None else task.result()
        for place, (_, future) in enumerate(gathered):
            if future.done():
                continue  # the request was given up meanwhile
            if error is not None:
                future.set_exception(error)
            elif answers:
                future.set_result(answers[place])
            else:
                future.cancel()

    async def _chunk(self, chunk: Sequence[Accepted]) -> list[Taken]:
        unit = self._unit(chunk)
        failpoints.hit("before_events_commit")
        [failure] = await self._store.apply([unit])
        failpoints.hit("after_events_commit")
        if failure is None:
            for due in unit.due:
                self._push(due)
            return [Taken(event.id) for event, _ in chunk]
        if not isinstance(failure, Rejected):
            raise failure
        return await self._one_by_one(chunk)

    async def _one_by_one(self, chunk: Sequence[Accepted]) -> list[Taken]:
        """Those that were not known are taken, the others are looked up. Raises Failure."""
        units = [self._unit([accepted]) for accepted in chunk]
        results = await self._store.apply(units)
        answers: dict[int, Taken] = {}
        lost: Failure | None = None
        for place, (unit, failure) in enumerate(zip(units, results, strict=True)):
            if failure is None:
                answers[place] = Taken(chunk[place][0].id)
                for due in unit.due:
                    self._push(due)
            elif not isinstance(failure, Rejected):
                lost = failure
        if lost is not None:
            raise lost
        unsure = [place for place in range(len(chunk)) if place not in answers]
        keys = [(chunk[place][0].source, chunk[place][0].event_key) for place in unsure]
        known = await self._store.read(events.known, keys)
        for place, key in zip(unsure, keys, strict=True):
            if key not in known:
                raise StoreClosed("an event was refused by the store, and not as a repetition; see the log")
            event_id, digest = known[key]
            answers[place] = Taken(event_id, duplicate=True, clash=digest != chunk[place][0].digest)
        return [answers[place] for place in range(len(chunk))]

    def _unit(self, chunk: Sequence[Accepted]) -> Unit:
        """The events and the work that each of them is."""
        now = self._now()
        unit = Unit(f"event#{chunk[0][0].id}", intake=True)
        events.add(unit, [event for event, _ in chunk])
        for event, parsed in chunk:
            due = Due(event.id, CUSTOMER_LANE, event.key, EVENT, now, 1, 0, event.id)
            due.hot = Started(event, parsed)
            work.add(unit, due)
        return unit
