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
from gateway.store.writer import Result
from gateway.triggers import EventData

CHUNK = 500
# Events that came in one turn of the loop, from which on they are a crowd; seconds after which it is over.
CROWD, MOMENT = 8, 0.03
BURST, FLOOD, BURST_SECONDS = 24.0, 4.0, 3.0
MOST_CHUNKS = 2
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
        # One chunk is on its way to the disk while the next waits for it: were there more, one transaction would take
        # them all, and the texts that came meanwhile would wait for so much longer to be acknowledged.
        self._chunks = asyncio.Semaphore(MOST_CHUNKS)
        self._gathered: _Gathered = []
        self._under_way: set[asyncio.Task[list[Taken | Failure]]] = set()
        self._crowd_at = self._crowd_since = float("-inf")

    def pressure(self) -> float:
        """How far those that wait to be handled stand back: a pause so many times as long as their last turn.

        A burst is taken first, within its first seconds; a flood that goes on shares with them. At a pace at which
        nobody waits to be taken, nothing stands back.
        """
        now = asyncio.get_running_loop().time()
        if now - self._crowd_at >= MOMENT:
            return 0.0
        return BURST if now - self._crowd_since < BURST_SECONDS else FLOOD

    def burst(self) -> bool:
        """Whether a burst is being taken."""
        return self.pressure() >= BURST

    def _crowd(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._crowd_at >= MOMENT:
            self._crowd_since = now
        self._crowd_at = now

    async def one(self, accepted: Accepted) -> Taken:
        """Takes one event, together with all that others bring in the same turn of the loop. Raises Failure."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Taken] = loop.create_future()
        if not self._gathered:
            loop.call_soon(self._send)
        self._gathered.append((accepted, future))
        return await future

    async def many(self, batch: Sequence[Accepted]) -> list[Taken]:
        """Takes events, in order; a repetition gets the answer of the first.

        Raises:
            Failure: nothing of the rest was taken (disk full, store closed); what was taken answers as a duplicate.
        """
        answers: list[Taken] = []
        for start in range(0, len(batch), CHUNK):
            async with self._chunks:
                outcomes = await self._chunk(batch[start : start + CHUNK])
            for outcome in outcomes:
                if isinstance(outcome, Failure):
                    raise outcome
                answers.append(outcome)
        return answers

    # -- those that come one by one

    def _send(self) -> None:
        gathered, self._gathered = self._gathered, []
        task = asyncio.get_running_loop().create_task(self._chunk([accepted for accepted, _ in gathered]))
        self._under_way.add(task)
        task.add_done_callback(lambda task: self._tell(gathered, task))

    def _tell(self, gathered: _Gathered, task: asyncio.Task[list[Taken | Failure]]) -> None:
        """Each who waits hears what became of their event, whatever it was."""
        self._under_way.discard(task)
        error = None if task.cancelled() else task.exception()
        outcomes = [] if task.cancelled() or error is not None else task.result()
        for place, (_, future) in enumerate(gathered):
            if future.done():
                continue  # whoever asked has given up
            outcome = outcomes[place] if outcomes else error
            if isinstance(outcome, Taken):
                future.set_result(outcome)
            elif outcome is not None:
                future.set_exception(outcome)
            else:
                future.cancel()

    # -- on disk

    async def _chunk(self, chunk: Sequence[Accepted]) -> list[Taken | Failure]:
        crowd = len(chunk) >= CROWD
        if crowd:
            self._crowd()
        unit = self._unit(chunk)
        [failure] = await self._apply([unit])
        if crowd:
            self._crowd()
        if failure is None:
            for due in unit.due:
                self._push(due)
            return [Taken(event.id) for event, _ in chunk]
        if isinstance(failure, Rejected):
            return await self._one_by_one(chunk)
        return [failure for _ in chunk]

    async def _one_by_one(self, chunk: Sequence[Accepted]) -> list[Taken | Failure]:
        """Those that were not known are taken, the others are looked up."""
        units = [self._unit([accepted]) for accepted in chunk]
        outcomes: list[Taken | Failure] = []
        unsure: list[int] = []
        for place, failure in enumerate(await self._apply(units)):
            if isinstance(failure, Rejected):
                unsure.append(place)
            elif failure is None:
                for due in units[place].due:
                    self._push(due)
            outcomes.append(failure or Taken(chunk[place][0].id))
        keys = [(chunk[place][0].source, chunk[place][0].event_key) for place in unsure]
        known = await self._store.read(events.known, keys)
        for place, key in zip(unsure, keys, strict=True):
            if key in known:
                event_id, digest = known[key]
                outcomes[place] = Taken(event_id, duplicate=True, clash=digest != chunk[place][0].digest)
            else:
                outcomes[place] = StoreClosed("an event was refused by the store, and not as a repetition; see the log")
        return outcomes

    async def _apply(self, units: Sequence[Unit]) -> list[Result]:
        failpoints.hit("before_events_commit")
        results = await self._store.apply(units)
        failpoints.hit("after_events_commit")
        return results

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
