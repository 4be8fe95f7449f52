"""Handing messages to carriers: claim, journal, submit, and what the answer means (invariants 6 and 15).

An attempt is journalled only when a window slot and a TPS token are held, in the same commit that takes the work row:
after a crash at most one window is in doubt, and nobody else can take the same part.
"""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway import failpoints
from gateway.care import dispatch, inputs
from gateway.care.doubts import add_doubt
from gateway.care.evidence import reference_of
from gateway.care.outbound import COMPLIANCE
from gateway.care.playbook import Playbook
from gateway.care.seen import Seen
from gateway.care.turn import CUSTOMER_LANE, Departure, for_agent
from gateway.jobs.lane import Lane
from gateway.model.channel import FAULT_ADVICE, Channel, Encoding, Fault, Part, PartAnswer
from gateway.model.desk import bubble_of
from gateway.model.ids import Ids
from gateway.model.message import Attempt, Disposition, Message, MessageClass, Outcome
from gateway.model.segments import Mode, split
from gateway.store import ends, messages, work
from gateway.store.database import Store
from gateway.store.units import Due, StoreFull, Unit
from gateway.store.writer import Result

LONGEST_BACKOFF_MS = 60_000
MOST_DOUBTFUL = 10_000
ORDER_WAIT_MS = 2000
log = logging.getLogger("gateway.care.delivery")
Again = list[tuple[Due, int]]
AttemptKey = tuple[int, int, int]

_ENDS = {
    Fault.bad_number: Disposition.bounced,
    Fault.opted_out: Disposition.opted_out,
}


@dataclass(slots=True)
class _Flight:
    """A part that is with the carrier."""

    due: Due
    message: Message


@dataclass(slots=True)
class DeliveryFigures:
    """Counts since start, by outcome of attempts; doubts by what settled them."""

    outcomes: dict[str, int] = field(default_factory=dict)
    doubts: dict[str, int] = field(default_factory=dict)

    def count(self, outcome: str) -> None:
        """One more."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


def part_of(due: Due) -> tuple[int, bool]:
    """Which part a row of work sends, and whether it may be a duplicate: body is None, "2" or "2d"."""
    body = due.body
    if body is None:
        return 1, False
    return int(body.rstrip("d")), body.endswith("d")


class Delivery:
    """The sending side of one carrier.

    `run` is the lane's worker, `room` its limit, `answered` the channel's callback. window: parts that may be with the
    carrier without an answer, over all binds.
    """

    def __init__(
        self,
        store: Store,
        playbook: Playbook,
        ids: Ids,
        now: Callable[[], int],
        channel: Channel,
        push: Callable[[Due], None],
        *,
        seen: Seen,
        doubt_wait: float,
        window: int,
    ) -> None:
        self._store, self.playbook, self._ids, self._now = store, playbook, ids, now
        self._channel, self._push, self._seen = channel, push, seen
        self._lane: Lane | None = None
        self._doubt_wait_ms = int(doubt_wait * 1000)
        self.window = window
        self._flying: dict[AttemptKey, _Flight] = {}
        self._unanswered: dict[str, tuple[int, int, int]] = {}
        self._doubtful: OrderedDict[AttemptKey, _Flight] = OrderedDict()
        self._kept = 0
        self.figures = DeliveryFigures()

    def attach(self, lane: Lane) -> None:
        """The lane that brings the parts; it hears when there is room again."""
        self._lane = lane

    def room(self) -> int:
        """How many parts may be claimed now, those apart for which a place is kept."""
        return self._channel.room() - self._kept

    def waiting(self) -> int:
        """Customers to whom an answer could leave, were there room."""
        return self._lane.ready() if self._lane is not None else 0

    def spare(self) -> int:
        """How much room nothing waits for; less than nothing while more waits than there is room for."""
        under_way = self._lane.under_way if self._lane is not None else 0
        return self.room() - under_way - self.waiting()

    def blocked(self, due: Due) -> bool:
        """Whether another text of this customer is on its way: the next one waits for its answer, so that a refusal
        for now changes no order; but not for ever, should the carrier not answer. Parts of one text go together.
        """
        flight = self._unanswered.get(due.key)
        return flight is not None and flight[2] != due.ref and self._now() - flight[1] < ORDER_WAIT_MS

    # -- at once

    def depart(self, unit: Unit, due: Due) -> Departure | None:
        """Journals a part in the unit of the decision that made it, when it may leave right after: it is due, nothing
        waits before it, and the carrier has room. None: it has to wait in the lane.

        Consent needs no second look, as it does for what waited: this very decision has weighed it.
        """
        lane, message, now = self._lane, due.hot, self._now()
        if lane is None or not isinstance(message, Message) or due.due > now or not lane.may_overtake(due):
            return None
        if self.blocked(due) or self.room() - lane.under_way <= 0:
            return None
        part_no, duplicate = part_of(due)
        number = due.attempts + 1
        departure = Departure(due, self._part(message, part_no, number, now))
        messages.add_attempt(unit, Attempt(message.id, part_no, number, self._channel.name, now, duplicate))
        self._kept += 1
        self._unanswered_more(due, now)
        return departure

    def departed(self, departures: Sequence[Departure]) -> None:
        """Their decisions are on disk: the bytes leave."""
        self._kept -= len(departures)
        for one in departures:
            assert isinstance(one.due.hot, Message), "what departs was just made"
            self._flying[one.part.attempt] = _Flight(one.due, one.due.hot)
        self._hand_over([one.part for one in departures])

    def stayed(self, departure: Departure) -> None:
        """Its decision is not on disk: there is no such part."""
        self._kept -= 1
        self._answered(departure.due.key)

    def _unanswered_more(self, due: Due, now: int) -> None:
        count, _, _ = self._unanswered.get(due.key, (0, 0, 0))
        self._unanswered[due.key] = (count + 1, now, due.ref)

    def _answered(self, key: str) -> None:
        count, since, message_id = self._unanswered.get(key, (0, 0, 0))
        if count > 1:
            self._unanswered[key] = (count - 1, since, message_id)
        else:
            self._unanswered.pop(key, None)
            if self._lane is not None:
                self._lane.unblock(key)

    async def run(self, batch: list[Due]) -> Again:
        """Claims parts: one commit takes the rows and journals the attempts; then the bytes leave."""
        await self._load(batch)
        claims = [(due, *self._claim(due)) for due in batch]
        failpoints.hit("before_claim_commit")
        results = await self._store.apply([unit for _, unit, _ in claims])
        failpoints.hit("after_claim_commit")
        again: Again = []
        parts: list[Part] = []
        stopped: list[Due] = []
        for (due, unit, part), failure in zip(claims, results, strict=True):
            if failure is None and part is not None:
                assert isinstance(due.hot, Message)
                self._flying[part.attempt] = _Flight(due, due.hot)
                self._unanswered_more(due, self._now())
                parts.append(part)
            elif failure is None:
                for queued in unit.due:
                    self._push(queued)
            elif work.may_not_leave(failure):
                stopped.append(due)
            elif not work.is_gone(failure):
                again.append((due, 1000))
        self._hand_over(parts)
        if stopped:
            units = [_not_sent(due, self._now(), desk=self.playbook.desk) for due in stopped]
            for unit, failure in zip(units, await self._store.apply(units), strict=True):
                for told in unit.due if failure is None else ():
                    self._push(told)
        return again

    def _hand_over(self, parts: list[Part]) -> None:
        room = self._channel.room()
        if parts[:room]:
            failpoints.hit("before_submit")
            self._channel.submit(parts[:room])
            failpoints.hit("after_submit")
        if parts[room:]:
            # The link was lost between the claim and now: nothing of these left, they are free to go again.
            self.answered([PartAnswer(part.attempt, Outcome.unsent) for part in parts[room:]])

    async def _load(self, batch: list[Due]) -> None:
        cold = [due.ref for due in batch if due.hot is None]
        if cold:
            found = await self._store.read(messages.messages_by_id, cold)
            for due in batch:
                if due.hot is None:
                    due.hot = found.get(due.ref)

    def _claim(self, due: Due) -> tuple[Unit, Part | None]:
        """The unit that takes one part, and the part; None where it is not to be sent any more."""
        unit = Unit(due.key)
        message = due.hot
        now = self._now()
        if not isinstance(message, Message):
            work.take(unit, due)
            return unit, None
        if message.cls == MessageClass.emergency or message.author_id == COMPLIANCE:
            work.take(unit, due)
        else:
            work.take_send(unit, due, message.address_id, message.brand)
        if message.expires_at is not None and message.expires_at <= now:
            reason = "its time was over before it could leave"
            ends.finish(unit, message.id, Disposition.expired, None, reason)
            self._seen.failed(message)
            if message.author_kind == "agent":
                add_failed(unit, self._ids(), message, reason, now)
            return unit, None
        part_no, duplicate = part_of(due)
        number = due.attempts + 1
        messages.add_attempt(unit, Attempt(message.id, part_no, number, self._channel.name, now, duplicate))
        return unit, self._part(message, part_no, number, now)

    def _part(self, message: Message, part_no: int, number: int, now: int) -> Part:
        encoding = message.encoding if isinstance(message.encoding, Encoding) else Encoding(message.encoding or "gsm7")
        text = message.text
        if message.parts > 1:
            text = _cut(message, encoding, self.playbook.long_messages.get(message.carrier or "", "udh16"))[part_no - 1]
        validity = None
        if message.expires_at is not None:
            # The carrier must not deliver what we would not send any more.
            validity = max(60, (message.expires_at - now) // 1000)
        return Part(
            attempt=(message.id, part_no, number),
            sender=message.ours,
            to=message.theirs,
            text=text,
            encoding=encoding,
            part=part_no,
            parts=message.parts,
            reference=message.reference,
            validity=validity,
            user_reference=reference_of(message.id),
        )

    # -- answers

    def answered(self, answers: Sequence[PartAnswer]) -> None:
        """The channel's callback: records outcomes, one commit for all of one read."""
        now = self._now()
        units: list[Unit] = []
        for answer in answers:
            self.figures.count(answer.outcome)
            flight = self._flying.pop(answer.attempt, None) or self._doubtful.pop(answer.attempt, None)
            unit = Unit(flight.due.key if flight else str(answer.attempt[0]))
            status_id = answer.remote_id or None
            messages.settle(unit, answer.attempt, answer.outcome, now, answer.status, status_id, answer.fault)
            self._settle(unit, answer, flight, now)
            units.append(unit)
        failpoints.hit("before_outcome_commit")
        self._record(units, patient=all(answer.outcome is Outcome.accepted for answer in answers))
        if self._lane is not None:
            self._lane.poke()

    def _record(self, units: list[Unit], *, patient: bool) -> None:
        """Outcomes that nobody waits for share the commit of a decision.

        Their places in the window are free at once. What takes them is written after them, however patient they are
        (`Store.submit` keeps the order), so a crash never leaves more in doubt than the window holds.
        """
        self._store.submit(units, lambda results: self._recorded(units, results), patient=patient)

    def _settle(self, unit: Unit, answer: PartAnswer, flight: _Flight | None, now: int) -> None:
        message_id = answer.attempt[0]
        if answer.outcome is Outcome.accepted:
            if flight is not None:
                self._seen.accepted(flight.message)
            if answer.late or (flight is not None and part_of(flight.due)[1]):
                # The doubt is over: the late answer came, or the marked repetition was taken.
                messages.undoubt(unit, message_id)
                self.figures.doubts["response"] = self.figures.doubts.get("response", 0) + 1
        elif flight is None:
            return
        elif answer.outcome is Outcome.refused:
            self._refused(unit, flight.message, answer, now)
        elif answer.outcome is Outcome.in_doubt:
            messages.doubt(unit, message_id, "the carrier's answer was lost; waiting for evidence")
            # Kept for a late answer, which may be a refusal.
            self._doubtful[answer.attempt] = flight
            if len(self._doubtful) > MOST_DOUBTFUL:
                self._doubtful.popitem(last=False)
            add_doubt(unit, self._ids(), flight.message, answer.attempt, now + self._doubt_wait_ms)
        else:
            self._requeue(unit, flight, answer, now)

    def _refused(self, unit: Unit, message: Message, answer: PartAnswer, now: int) -> None:
        fault = answer.fault or Fault.unknown
        disposition = _ENDS.get(fault, Disposition.blocked)
        reason = FAULT_ADVICE[fault][1]
        code = f"0x{answer.status:08X}"
        ends.finish(unit, message.id, disposition, code, reason)
        self._seen.failed(message)
        if message.parts > 1:
            work.drop_parts_of(unit, message.key, message.id)
        opted_out = fault is Fault.opted_out
        if opted_out or dispatch.matters(message):
            add_failed(unit, self._ids(), message, f"{reason} ({code})", now, opted_out=opted_out)

    def _requeue(self, unit: Unit, flight: _Flight, answer: PartAnswer, now: int) -> None:
        """Not now, or never left: the same part again, before those that came after it."""
        old = flight.due
        wait = 0
        if answer.outcome is Outcome.retry and answer.fault is not Fault.throttled:
            wait = min(LONGEST_BACKOFF_MS, 1000 << min(old.attempts, 6))
        due = min(old.due, now)
        again = Due(old.id, old.lane, old.key, old.kind, due, old.prio, old.attempts + 1, old.ref, old.body)
        again.hot, again.wait = flight.message, wait
        work.add(unit, again)

    def _recorded(self, units: list[Unit], results: list[Result]) -> None:
        failpoints.hit("after_outcome_commit")
        lost = [
            (unit, failure)
            for unit, failure in zip(units, results, strict=True)
            # A late answer to what evidence has settled meanwhile says nothing new.
            if failure is not None and not messages.is_settled(failure)
        ]
        for unit, failure in zip(units, results, strict=True):
            if isinstance(failure, StoreFull):
                continue  # it is recorded later, and what comes next of its customer waits for that
            if failure is None:
                for due in unit.due:
                    self._push(due)
            # After the push: what goes again stands before what comes next.
            self._answered(unit.key)
        full = [unit for unit, failure in lost if isinstance(failure, StoreFull)]
        if full:
            # They carry what is to be sent again; there will be space.
            loop = asyncio.get_running_loop()
            loop.call_later(1.0, lambda: self._record(full, patient=False))
        elif lost:
            # Without its outcome an attempt is in doubt at the next start: safe, and told.
            log.warning("outcomes of %d attempts could not be recorded: %s", len(lost), lost[0][1])


def _cut(message: Message, encoding: Encoding, mode: Mode) -> tuple[str, ...]:
    """The text in as many parts as were queued: since then the carrier may have got another way to tie them."""
    ways: tuple[Mode, ...] = (mode, "udh16", "udh8")
    cuts = [split(message.text, encoding, way) for way in ways]
    return next(parts for parts in cuts if len(parts) == message.parts)


def _not_sent(due: Due, now: int, *, desk: bool) -> Unit:
    """The claim found a STOP, or another who settled the row: then the row is gone and this changes nothing."""
    unit = Unit(due.key)
    work.take(unit, due)
    ends.stopped(unit, due.ref, again=part_of(due)[1])
    message = due.hot
    if isinstance(message, Message) and (bubble := bubble_of(message, desk=desk)):
        agent, (kind, stanza) = message.author_id, bubble
        work.add(unit, for_agent(due.id, message.key, kind, agent, message.id, now, stanza, ends.BEFORE_IT_LEFT))
    return unit


def add_failed(unit: Unit, item_id: int, message: Message, reason: str, now: int, *, opted_out: bool = False) -> None:
    """Tells the customer's lane that a message failed, so that it gets an owner."""
    body = json.dumps({"reason": reason, "opted_out": opted_out})
    due = Due(item_id, CUSTOMER_LANE, message.key, inputs.FAILED, now, 0, 0, message.id, body)
    due.hot = message
    work.add(unit, due)
