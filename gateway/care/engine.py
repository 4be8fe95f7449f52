"""The conversation engine: takes a batch of inputs of different customers, decides each, commits them together.

One input = one unit of work: state, timers, messages, the journal of what may leave at once, and the removal of the
input's own row, whose count is the fence. A text whose customer is idle needs no row: it is written together with what
it causes (`at_once`). A decision that loses its commit is decided again on fresh state; one that its handler breaks
goes to the dead letters.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway import failpoints
from gateway.care import inputs, promises
from gateway.care.delivery import Delivery
from gateway.care.dialogues import StepFailed
from gateway.care.elsewhere import Presence
from gateway.care.inputs import FAILED, PARKED, Request, Started
from gateway.care.playbook import Playbook
from gateway.care.seen import Seen
from gateway.care.turn import CUSTOMER_LANE, Departure, Refused, Turn
from gateway.jobs.lane import Lane
from gateway.model.ids import Ids
from gateway.store import messages, work
from gateway.store.access import READ_FAULT
from gateway.store.database import Store
from gateway.store.loading import load_batch
from gateway.store.states import CustomerState, StateCache
from gateway.store.units import Conflict, Due, Failure, Rejected, StoreClosed, StoreFull, Unit
from gateway.store.writer import Result
from gateway.triggers import StepError

MOST_TRIES = 5
MOST_COLD = 200
FULL_RETRY_MS = 1000
POISON_RETRY_MS = 60_000
# What a fault of ours can raise while it decides; anything else is a bug that must be seen at once.
FAULTS = (AssertionError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError, OSError)
BUG = "a fault of ours, see the log"
log = logging.getLogger("gateway.care")
Again = list[tuple[Due, int]]


@dataclass(slots=True)
class _Decided:
    """An input, what is to be written of it, and what follows once it is."""

    due: Due
    unit: Unit
    state: CustomerState
    answer: object
    after: list[Callable[[], None]]
    departures: list[Departure]


@dataclass(slots=True)
class _Known:
    """What decisions are made of. unsent: texts of open offers that no customer can have seen."""

    states: dict[str, CustomerState]
    unsent: frozenset[int] = frozenset()


@dataclass(slots=True)
class _AtOnce:
    """Texts that are to be decided together, and who hears of it."""

    batch: Sequence[Due]
    done: Callable[[list[Result]], None]


class Engine:
    """Decides inputs.

    push: hands work that a commit queued to the lanes. deliveries: by lane, those that may send at once. dead: dead
    letters made since start. desk_changed: hears of each commit after which a conversation may be offered to an agent.
    presence: of agents' chat clients, where they have such.
    """

    def __init__(
        self, store: Store, playbook: Playbook, ids: Ids, now: Callable[[], int], push: Callable[[Due], None]
    ) -> None:
        self._store, self.playbook, self._ids, self.now, self.push = store, playbook, ids, now, push
        self.states = StateCache()
        self.deliveries: dict[str, Delivery] = {}
        self.dead = 0
        self.seen = Seen()
        self.desk_changed: Callable[[], None] = lambda: None
        self.presence: Presence | None = None
        self._lane: Lane | None = None
        self._cold: deque[_AtOnce] = deque()  # texts of customers who must be read
        self._reading: asyncio.Task[None] | None = None

    def attach(self, lane: Lane) -> None:
        """The lane of customers, without which nothing is decided at once."""
        self._lane = lane

    async def run(self, batch: list[Due]) -> Again:
        """Decides and commits a batch; answers what is to be tried again, and after how many ms."""
        decided = self._decide_all(batch, await self._load(batch))
        if not decided:
            return []
        failpoints.hit("before_decision_commit")
        results = await self._store.apply([one.unit for one in decided])
        failpoints.hit("after_decision_commit")
        again: Again = []
        for one, failure in zip(decided, results, strict=True):
            if failure is not None and (delay := self._lost(one.due, failure)) is not None:
                again.append((one.due, delay))
        self._settle(decided, results)
        return again

    # -- at once

    def idle(self, key: str) -> bool:
        """Whether nothing of this customer waits or is being decided: a text of theirs may be decided at once."""
        return self._lane is not None and self._lane.clear(key)

    def waiting(self) -> int:
        """Customers of whom a text or a request waits to be decided."""
        return self._lane.ready() if self._lane is not None else 0

    def at_once(self, batch: Sequence[Due], done: Callable[[list[Result]], None]) -> None:
        """Decides inputs that have no row, of customers that are `idle`, each written in one commit with what it
        causes. `done` hears a result per input: of a Failure nothing is on disk, and nothing was decided. After a
        Conflict or Rejected the customer stays occupied until `let_go`: the input is kept as work before what came
        later is decided.
        """
        assert self._lane is not None, "nothing is decided at once without the lane"
        for due in batch:
            self._lane.occupy(due.key)
        states = {due.key: state for due in batch if (state := self.states.get(due.key)) is not None}
        if len(states) == len(batch) and not self._unsure(batch, states):
            self._decide_at_once(batch, _Known(states), done)
            return
        self._cold.append(_AtOnce(batch, done))
        self._read_cold()

    def knows(self, key: str) -> bool:
        """Whether the customer need not be read."""
        return self.states.knows(key)

    def _read_cold(self) -> None:
        """Reads the customers that memory has not, in one question for all who came while the last one was answered."""
        if self._reading is None and self._cold:
            self._reading = asyncio.get_running_loop().create_task(self._load_cold())
            self._reading.add_done_callback(self._have_read)

    def _have_read(self, _: asyncio.Task[None]) -> None:
        self._reading = None
        self._read_cold()

    async def _load_cold(self) -> None:
        some: deque[_AtOnce] = deque()
        batch: list[Due] = []
        while self._cold and (not some or len(batch) + len(self._cold[0].batch) <= MOST_COLD):
            some.append(self._cold.popleft())
            batch.extend(some[-1].batch)
        known: _Known | None = None
        failure: Failure = Rejected(BUG)
        try:
            known = await self._load(batch)
        except READ_FAULT as error:
            log.warning("customers cannot be read: %s", error)
            failure = StoreClosed("the store cannot be read at the moment")
        finally:
            try:
                while some:
                    one = some.popleft()
                    if known is None:
                        self._told(one.batch, [failure] * len(one.batch), one.done)
                    else:
                        self._decide_at_once(one.batch, known, one.done)
            finally:
                self._cold.extendleft(reversed(some))  # after a fault of ours, which is seen

    def _decide_at_once(self, batch: Sequence[Due], known: _Known, done: Callable[[list[Result]], None]) -> None:
        decided: list[_Decided] = []
        try:
            decided = self._decide_all(batch, known)
        finally:
            if not decided:
                self._told(batch, [Rejected(BUG)] * len(batch), done)

        def committed(results: list[Result]) -> None:
            failpoints.hit("after_decision_commit")
            for one, failure in zip(decided, results, strict=True):
                if failure is not None:
                    self.states.drop(one.due.key)
            self._told(batch, results, done, lambda: self._settle(decided, results))

        failpoints.hit("before_decision_commit")
        self._store.submit([one.unit for one in decided], committed)

    def _told(
        self,
        batch: Sequence[Due],
        results: list[Result],
        done: Callable[[list[Result]], None],
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """Whoever asked hears first; then the customers are free, those apart whose input is still to be kept."""
        done(results)
        settle()
        for due, failure in zip(batch, results, strict=True):
            if not isinstance(failure, Conflict | Rejected):
                self.let_go(due.key)

    def let_go(self, key: str) -> None:
        """What came of this customer meanwhile may be decided."""
        assert self._lane is not None
        self._lane.vacate(key)

    async def ask(self, key: str, decide: Callable[[Turn], object]) -> object:
        """Decides something for a customer, in their order; returns the answer after the commit.

        Raises:
            Refused: it cannot be done now. Failure: the store did not take it.
        """
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.push(Due(0, CUSTOMER_LANE, key, "request", self.now(), 0, hot=Request(decide, future)))
        return await future

    async def _load(self, batch: list[Due]) -> _Known:
        """Reads what the batch needs and memory has not: states, events, texts, whether offers have left."""
        states: dict[str, CustomerState] = {}
        cold: list[str] = []
        event_ids: list[int] = []
        message_ids: list[int] = []
        for due in batch:
            state = self.states.get(due.key)
            if state is None:
                cold.append(due.key)
            else:
                states[due.key] = state
            if due.hot is None and due.kind == inputs.EVENT:
                event_ids.append(due.ref)
            elif due.hot is None and due.kind in (PARKED, FAILED):
                message_ids.append(due.ref)
        if cold or event_ids or message_ids:
            loaded, found, texts = await self._store.read(load_batch, cold, event_ids, message_ids, self.now())
            states.update(loaded)
            for due in batch:
                if due.hot is None and due.kind == inputs.EVENT and due.ref in found:
                    due.hot = Started(found[due.ref])
                elif due.hot is None and due.kind in (PARKED, FAILED):
                    due.hot = texts.get(due.ref)
        unsure = self._unsure(batch, states)
        unsent = await self._store.read(messages.unsent, unsure) if unsure else ()
        return _Known(states, frozenset(unsent))

    def _unsure(self, batch: Sequence[Due], states: dict[str, CustomerState]) -> list[int]:
        """The texts of open offers of those who write that memory knows nothing of."""
        found: list[int] = []
        for due in batch:
            state = states.get(due.key) if due.kind in (inputs.TEXT, PARKED) else None
            if state is not None and state.offers:
                found += self.seen.unsure(state.offers.values())
        return found

    def _decide_all(self, batch: Sequence[Due], known: _Known) -> list[_Decided]:
        """Each input decided, refused requests apart."""
        decided: list[_Decided] = []
        whole = False
        try:
            for due in batch:
                one = self._decide(due, known)
                if one is not None:
                    decided.append(one)
            whole = True
        finally:
            if not whole:
                # A bug, which whoever called will see; the places kept in windows are not lost with it.
                self._settle(decided, [Rejected(BUG)] * len(decided))
        return decided

    def _decide(self, due: Due, known: _Known) -> _Decided | None:
        """The unit of one input; None where a request was refused and nothing is to be written."""
        state = known.states.get(due.key) or CustomerState(due.key)
        turn = Turn(self.playbook, self._ids, state, self.now())
        turn.unsent = known.unsent
        request = due.hot if isinstance(due.hot, Request) else None
        answer: object = None
        try:
            if request is not None:
                answer = request.decide(turn)
            elif due.attempts >= MOST_TRIES:
                raise StepFailed(f"its decision lost the commit {due.attempts} times")
            else:
                inputs.take(turn, due)
                inputs.decide(turn, due)
            if turn.cared:
                promises.follow(turn)
            unit, state_after = turn.finish(self._depart)
        except (Refused, StepFailed, StepError, *FAULTS) as error:
            told = isinstance(error, Refused | StepFailed | StepError)
            for departure in turn.departures:
                self.deliveries[departure.due.lane].stayed(departure)
            if not told:
                # A fault of ours on one input: quarantined with its cause, never a crash (invariant 13).
                log.exception("input %s %d could not be decided", due.kind, due.id)
            if request is not None:
                request.refuse(error if told else Refused(f"an internal fault: {type(error).__name__}; see the log"))
                return None
            turn = self._dead_letter(due, state, str(error) if told else f"{type(error).__name__}: {error}")
            unit, state_after = turn.finish(self._depart)
        unit.intake = not due.stored  # new, and refused while the disk is full
        if turn.desk_changed:
            turn.after.append(self.desk_changed)
        return _Decided(due, unit, state_after, answer, turn.after, turn.departures)

    def _depart(self, unit: Unit, part: Due) -> Departure | None:
        delivery = self.deliveries.get(part.lane)
        return delivery.depart(unit, part) if delivery is not None else None

    def _dead_letter(self, due: Due, state: CustomerState, cause: str) -> Turn:
        """The effects are dropped; the input goes to the dead letters, and a customer's words to a person."""
        self.dead += 1
        log.error("dead letter: %s %d: %s", due.kind, due.id, cause)
        turn = Turn(self.playbook, self._ids, state, self.now())
        try:
            inputs.quarantine(turn, due, cause)
            promises.follow(turn)
        except (Refused, *FAULTS):
            log.exception("dead letter %d has no person to go to", due.id)
            turn = Turn(self.playbook, self._ids, state, self.now())
            inputs.bury(turn, due, cause)
        return turn

    def _settle(self, decided: Sequence[_Decided], results: Sequence[Result]) -> None:
        """After the commit: what left at once leaves together, what was queued goes to its lane."""
        leaving: dict[str, list[Departure]] = {}
        for one, failure in zip(decided, results, strict=True):
            if failure is None:
                self._committed(one)
            for departure in one.departures:
                if failure is None:
                    leaving.setdefault(departure.due.lane, []).append(departure)
                else:
                    self.deliveries[departure.due.lane].stayed(departure)
        for lane, departures in leaving.items():
            self.deliveries[lane].departed(departures)

    def _committed(self, one: _Decided) -> None:
        self.states.put(one.state)
        for queued in one.unit.due:
            self.push(queued)
        for call in one.after:
            call()
        if isinstance(one.due.hot, Request) and not one.due.hot.future.done():
            one.due.hot.future.set_result(one.answer)

    def _lost(self, due: Due, failure: Failure) -> int | None:
        """After how many ms to try again; None = given up (another settled it, or whoever asked was told)."""
        self.states.drop(due.key)
        request = due.hot if isinstance(due.hot, Request) else None
        if isinstance(failure, StoreClosed | StoreFull):
            self.states.clear()
            if request is not None:
                request.refuse(failure)
                return None
            return FULL_RETRY_MS if isinstance(failure, StoreFull) else None
        if request is None and work.is_gone(failure):
            return None
        due.attempts += 1
        if due.attempts > MOST_TRIES:
            log.error("%s %d is not decided: %s", due.kind, due.id, failure)
            if request is not None:
                request.refuse(failure)
                return None
            return POISON_RETRY_MS
        return 0
