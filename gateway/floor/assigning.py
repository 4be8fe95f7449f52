"""Brings those who wait and the agents together: reads who waits, chooses, and asks the customer's lane to reserve.

What is decided here is a proposal; the reservation is decided, and written, in the customer's own order. Customers are
asked side by side: one whose lane stands still holds up nobody, and the agent meant for them is free again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.care import opening, queueing, reserving
from gateway.care.engine import FAULTS, Engine
from gateway.care.standing import MOST_CLAIMS, Standing
from gateway.care.turn import Refused, Turn
from gateway.floor.attendance import Attendance
from gateway.floor.choosing import Choosing, Floor, Wanted
from gateway.model.desk import Show
from gateway.model.ids import made_at
from gateway.settings.gateway_file import Queue
from gateway.store.access import READ_FAULT
from gateway.store.database import Store
from gateway.store.units import Failure, StoreClosed, StoreFull
from gateway.store.waiting import MOST_WAITING, Held, Room, Waiting, held, room

LOOK_SECONDS = 1.0
PAUSE_SECONDS = 0.1
"""Between two rounds at least: when much happens one look serves many."""
PATIENCE_SECONDS = 1.0
"""So long a round waits for the customers that it asks; whose lane stands still longer is passed over."""
MOST_ASKED = 200
"""At once; the others in the next round."""
MOST_OUTSTANDING = 2000
"""With those whose lane stands still."""
BEHIND_MS = 1500
"""Cards that the server has not taken for so long: more of them would only come later still, after their deadlines."""
LIVE_MS = 600_000
"""So long after the last word others are asked to go on with what an agent left, even where nothing is owed."""
_STRETCH = 200
"""So many conversations are looked at before others have their turn."""
log = logging.getLogger("gateway.floor.assigning")


@dataclass(slots=True)
class _Ask:
    """Something that is asked of a customer's lane. agent: who is meant to take them. decided: the lane has come to it.
    withdrawn: it came too late; nothing is decided any more.
    """

    id: int
    key: str
    decide: Callable[[Turn], bool]
    agent: str | None = None
    decided: bool = False
    withdrawn: bool = False

    def __call__(self, turn: Turn) -> bool:
        if self.withdrawn:
            return False
        self.decided = True
        return self.decide(turn)


class Assigning:
    """Looks when something changed, and each second, since opening hours and rounds end by time alone.

    patience: seconds that a round waits for the customers that it asks.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        attendance: Attendance,
        now: Callable[[], int],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._store, self._engine, self.attendance, self._now = store, engine, attendance, now
        self._patience = patience
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asks: dict[asyncio.Task[bool], _Ask] = {}
        self._busy: dict[str, int] = {}
        self._seen = Room((), {}, {}, {})
        self._free_since: dict[str, int] = {}
        self._claims: dict[str, deque[int]] = {}
        self._had: set[int] = set()
        self._homeless: set[str] = set()
        self._was_behind = False

    def poke(self) -> None:
        """Something changed: who waits, who is there, who has room."""
        self._wake.set()

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.get_running_loop().create_task(self._look(), name="assigning")

    async def stop(self) -> None:
        """Looks no more."""
        ours = [*self._asks, *([self._task] if self._task is not None else [])]
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.round()
            except (Failure, READ_FAULT) as error:
                log.warning("who waits cannot be read: %s", error)
            except FAULTS:
                log.exception("a fault of ours while agents were asked; the next look is in a second")
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def round(self) -> int:
        """Asks whom there is to ask; how many were."""
        book = self._engine.playbook
        point = int(book.rules.conversations.ageing * 1000)
        points = {name: queue.priority for name, queue in book.queues.items()}
        seen = await self._store.read(room, point, points, MOST_WAITING, self._now() - LIVE_MS)
        theirs = await self._store.read(held)
        self._note(seen, theirs)
        outstanding = {ask.id for ask in self._asks.values()}
        asks: dict[int, _Ask] = {}
        for ask in (*self._missed(theirs), *self._left(seen), *self._homes(seen)):
            if ask.id not in outstanding:
                asks.setdefault(ask.id, ask)
        if not self._behind(seen):
            for ask in await self._offers(seen, outstanding | asks.keys()):
                asks[ask.id] = ask
        return await self._ask(list(asks.values()))

    def waiting(self) -> dict[str, int]:
        """How many waited in each queue at the last look, all of them."""
        return {**dict.fromkeys(self._engine.playbook.queues, 0), **self._seen.counts}

    def seen(self) -> Room:
        """What the floor looked like at the last look."""
        return self._seen

    # -- what is asked

    def _missed(self, theirs: Sequence[Held]) -> Iterator[_Ask]:
        """What agents have who have been gone for long waits again."""
        book = self._engine.playbook
        grace = int(book.rules.conversations.grace * 1000)
        for one in theirs:
            # One whom the configuration does not name any more can neither read nor write.
            missed = self._now() - one.since >= grace and self.attendance.gone(one.agent, grace)
            if missed or not book.lists(one.agent):
                yield _Ask(one.id, one.key, partial(queueing.missed, conversation_id=one.id, agent=one.agent))

    def _left(self, seen: Room) -> Iterator[_Ask]:
        """Whoever was asked and has logged out, or is no agent any more, passes it on."""
        for agent, (an_id, key, its) in seen.asked.items():
            if self.attendance.show(agent) is Show.offline or not self._engine.playbook.lists(agent):
                yield _Ask(an_id, key, partial(reserving.left, conversation_id=an_id, its=reserving.read(its)))

    def _homes(self, seen: Room) -> Iterator[_Ask]:
        """What waits in a queue that the configuration does not know any more waits in its brand's default queue."""
        book = self._engine.playbook
        gone = seen.counts.keys() - book.queues.keys()
        for name in sorted(gone - self._homeless):
            log.error(
                "%d conversations wait in queue %s, which gateway.toml does not name: they move to their brand's "
                "default queue; where there is none they wait until it is named again",
                seen.counts[name],
                name,
            )
        self._homeless = set(gone)
        for one in seen.waiting if gone else ():
            if one.queue in gone and one.brand in book.brands and book.default_queue(one.brand) in book.queues:
                yield _Ask(one.id, one.key, partial(queueing.move_home, conversation_id=one.id))

    def _behind(self, seen: Room) -> bool:
        """Whether the server is so slow that whoever was asked does not know it yet."""
        behind = seen.unshown is not None and self._now() - made_at(seen.unshown) > BEHIND_MS
        if behind and not self._was_behind:
            log.warning("the XMPP server takes cards later than %d ms: nobody is asked until it has", BEHIND_MS)
        self._was_behind = behind
        return behind

    async def _offers(self, seen: Room, taken: set[int]) -> list[_Ask]:
        """An agent for each who waits, in their order, while there are agents. taken: conversations that are asked
        already.
        """
        book, now = self._engine.playbook, self._now()
        found: list[_Ask] = []
        meant = {ask.agent for ask in self._asks.values() if ask.agent is not None and not ask.withdrawn}
        taken = taken | {an_id for an_id, _, _ in seen.asked.values()}
        floor = Floor(self.attendance, seen.busy, meant | seen.asked.keys(), self._free_since)
        choosing = Choosing(book.agents, floor)
        hours = _Hours(self._engine, now)
        over = set(seen.counts) - book.queues.keys()
        for at, one in enumerate(seen.waiting):
            if at % _STRETCH == _STRETCH - 1:
                await asyncio.sleep(0)
            queue = book.queues.get(one.queue)
            if queue is None or queue.name in over or one.id in taken or one.brand not in book.brands:
                continue
            if not any(choosing.left(name, queue.skills) for name in hours.of(queue)):
                over.add(queue.name)
                if over >= seen.counts.keys():
                    break
                continue
            agent = choosing.choose(self._wanted(one, queue.skills, hours.for_one(queue, one)), now)
            if agent is not None:
                reserve = partial(reserving.reserve, conversation_id=one.id, epoch=one.epoch, agent=agent)
                found.append(_Ask(one.id, one.key, reserve, agent))
        return found

    def _wanted(self, one: Waiting, skills: tuple[str, ...], queues: Sequence[str]) -> Wanted:
        brand = self._engine.playbook.brands[one.brand]
        its = reserving.read(one.reservation)
        return Wanted(queues, its, one.language or brand.default_language, one.last_agent, skills)

    # -- asking

    async def _ask(self, asks: Sequence[_Ask]) -> int:
        """Side by side; how many were decided as they were meant."""
        room_for = MOST_ASKED - sum(not ask.withdrawn for ask in self._asks.values())
        room_for = min(room_for, MOST_OUTSTANDING - len(self._asks))
        mine: dict[asyncio.Task[bool], _Ask] = {}
        for ask in asks[: max(room_for, 0)]:
            task = asyncio.get_running_loop().create_task(self._one(ask))
            self._asks[task] = mine[task] = ask
            task.add_done_callback(self._answered)
        if not mine:
            return 0
        done, late = await asyncio.wait(mine, timeout=self._patience)
        for task in late:
            # Of what is decided the commit is under way: the agent has this question.
            mine[task].withdrawn = not mine[task].decided
        return sum(task.result() for task in done)

    async def _one(self, ask: _Ask) -> bool:
        try:
            return bool(await self._engine.ask(ask.key, ask))
        except (StoreClosed, StoreFull):
            raise
        except (Refused, Failure) as error:
            log.warning("a conversation could not be offered: %s", error)
            return False

    def _answered(self, task: asyncio.Task[bool]) -> None:
        ask = self._asks.pop(task)
        if task.cancelled():
            return
        fault = task.exception()
        if fault is not None:
            log.warning("a conversation could not be offered: %s", fault)
        if ask.withdrawn:
            self.poke()

    # -- what is noted

    def _note(self, seen: Room, theirs: Sequence[Held]) -> None:
        """Who has become free, and how the queues stand."""
        for agent, before in self._busy.items():
            if seen.busy.get(agent, 0) < before:
                self._free_since[agent] = self._now()
        self._busy, self._seen = seen.busy, seen
        had = {one.id for one in theirs}
        for one in sorted(theirs, key=lambda one: one.since):
            # Whom an agent wrote to first, or got from a colleague, nobody took from the queue.
            if one.queue is not None and one.waited and one.id not in self._had:
                self._claims.setdefault(one.queue, deque(maxlen=MOST_CLAIMS)).append(one.since)
        self._had = had
        order: dict[str, list[int]] = {}
        for waiting in seen.waiting:
            order.setdefault(waiting.queue, []).append(waiting.id)
        standings = self._engine.playbook.standings
        for name in self._engine.playbook.queues:
            standings[name] = Standing(tuple(order.get(name, ())), tuple(self._claims.get(name, ())))


class _Hours:
    """Which queues' agents work now, looked up once in a round."""

    def __init__(self, engine: Engine, now: int) -> None:
        self._book, self._now = engine.playbook, now
        self._open: dict[str, bool] = {}
        self._of: dict[str, tuple[str, ...]] = {}

    def of(self, queue: Queue) -> tuple[str, ...]:
        """The queue and its back-up, as far as they are open."""
        found = self._of.get(queue.name)
        if found is None:
            names = (queue.name, queue.backup)
            found = self._of[queue.name] = tuple(name for name in names if name is not None and self._works(name))
        return found

    def for_one(self, queue: Queue, one: Waiting) -> Sequence[str]:
        """The same for a conversation: the back-up is asked when it has waited long, or alone works."""
        names = self.of(queue)
        early = self._now - one.since < queue.backup_after * 1000
        return names[:1] if early and names[:1] == (queue.name,) else names

    def _works(self, name: str) -> bool:
        found = self._open.get(name)
        if found is None:
            queue = self._book.queues.get(name)
            found = self._open[name] = queue is not None and opening.works(self._book, queue, self._now)
        return found
