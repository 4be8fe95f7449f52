"""Submits whose answer was lost: recorded at start-up, resolved after waiting for evidence (invariant 6)."""

import json
from collections.abc import Callable, Mapping

from gateway import failpoints
from gateway.care.evidence import parked_key
from gateway.care.outbound import COMPLIANCE
from gateway.care.playbook import Playbook
from gateway.care.turn import for_agent
from gateway.model import desk
from gateway.model.ids import Ids
from gateway.model.message import Disposition, Message, MessageClass, Outcome
from gateway.store import ends, evidence, messages, work
from gateway.store.database import Store
from gateway.store.units import Due, Unit

DOUBT_LANE = "doubt"
HEARING_MS = 1000  # what a receipt that waits gets to be matched, before the rule is applied
STOPPED = messages.STOPPED
Again = list[tuple[Due, int]]
AttemptKey = tuple[int, int, int]


def add_doubt(unit: Unit, item_id: int, message: Message, attempt: AttemptKey, due: int) -> None:
    """Waits for evidence before the rule for a submit in doubt is applied."""
    work.add(unit, Due(item_id, DOUBT_LANE, message.key, "doubt", due, 0, 0, message.id, json.dumps(attempt[1:])))


NOBODY_KNOWS = "the carrier never answered: it may have arrived or not; it is not sent again unless you do"


class Doubts:
    """Submits whose answer was lost: after waiting for evidence, the rule of the message's class (invariant 6)."""

    def __init__(self, store: Store, playbook: Playbook, ids: Ids, now: Callable[[], int], push: Callable[[Due], None]):
        self._store, self.playbook, self._ids, self._now, self._push = store, playbook, ids, now, push
        self.resent = 0
        self.given_up = 0

    async def recover(self, waits: Mapping[str, float]) -> int:
        """At start-up, before the first bind: tries without an outcome are in doubt. Returns how many.

        waits: seconds to wait for evidence, by carrier.
        """
        found = await self._store.read(messages.in_doubt)
        if not found:
            return 0
        unit = Unit("doubts at start")
        now = self._now()
        messages.all_open_in_doubt(unit, now)
        known = await self._store.read(messages.messages_by_id, list({row[0] for row in found}))
        for message_id, part, attempt, carrier in found:
            message = known.get(message_id)
            if message is not None:
                messages.doubt(unit, message_id, "Careline stopped before the carrier's answer was recorded")
                due = now + int(waits.get(carrier, 60.0) * 1000)
                add_doubt(unit, self._ids(), message, (message_id, part, attempt), due)
        failpoints.hit("before_doubts_commit")
        await self._store.write(unit)
        failpoints.hit("after_doubts_commit")
        return len(found)

    async def run(self, batch: list[Due]) -> Again:
        """Applies the rule where no evidence came; receipts that still wait to be matched are heard first."""
        tries = {due.ref: await self._store.read(messages.attempts_of, due.ref) for due in batch}
        known = await self._store.read(messages.messages_by_id, [due.ref for due in batch])
        phones = {message.id: parked_key(message.carrier or "", message.theirs) for message in known.values()}
        waiting = await self._store.read(evidence.waiting_receipts, phones.values())
        units = []
        for due in batch:
            unit = Unit(due.key)
            work.take(unit, due)
            message = known.get(due.ref)
            if message is not None and not due.attempts and phones[message.id] in waiting:
                later = self._now() + HEARING_MS
                work.add(unit, Due(due.id, due.lane, due.key, due.kind, later, due.prio, 1, due.ref, due.body))
            elif message is not None:
                self._resolve(unit, due, message, tries[due.ref])
            units.append(unit)
        now = self._now()
        heard = [self._hear(one, now) for receipts in waiting.values() for one in receipts if one.due > now]
        failpoints.hit("before_resend_commit")
        results = await self._store.apply([*units, *heard])
        failpoints.hit("after_resend_commit")
        for unit, failure in zip([*units, *heard], results, strict=True):
            if failure is None:
                for queued in unit.due:
                    self._push(queued)
        return [
            (due, 1000)
            for due, failure in zip(batch, results[: len(batch)], strict=True)
            if failure is not None and not work.is_gone(failure)
        ]

    def _hear(self, receipt: Due, now: int) -> Unit:
        """Brings a parked receipt forward: it may be the evidence. A Conflict when it is being looked at anyway."""
        unit = Unit(receipt.key)
        work.take(unit, receipt)
        looks = max(0, receipt.attempts - 1)  # this one is beside those that it has anyway
        again = (receipt.prio, looks, receipt.ref, receipt.body)
        work.add(unit, Due(receipt.id, receipt.lane, receipt.key, receipt.kind, now, *again))
        return unit

    def _resolve(self, unit: Unit, due: Due, message: Message, tries: list[messages.Try]) -> None:
        part, attempt = json.loads(due.body or "[1, 1]")
        mine = [row for row in tries if row[0] == part]
        this = next((row for row in mine if row[1] == attempt), None)
        if this is None or this[2] != Outcome.in_doubt or message.disposition not in (None, Disposition.in_doubt):
            return
        # A doubt that we made ourselves by stopping says nothing about the carrier: it does not use up the repetition.
        earlier = sum(1 for row in mine if row[2] == Outcome.in_doubt and row[4] != STOPPED)
        alive = message.expires_at is None or message.expires_at > self._now()
        if self._may_repeat(message) and earlier <= 1 and alive:
            self.resent += 1
            messages.mark_duplicate(unit, message.id)
            messages.add_event(unit, self._ids(), message.id, "resend", reason="no evidence; sent once more, marked")
            last = max(row[1] for row in mine)
            work.add(
                unit,
                Due(
                    self._ids(),
                    f"send:{message.carrier}",
                    message.key,
                    "send",
                    self._now(),
                    message.lane,
                    last,
                    message.id,
                    f"{part}d",
                ),
            )
            return
        self.given_up += 1
        ends.finish(unit, message.id, Disposition.unknown, None, "the carrier never answered; not sent again")
        if bubble := desk.bubble_of(message, desk=self.playbook.desk):
            kind, stanza = bubble
            agent, now = message.author_id, self._now()
            work.add(unit, for_agent(self._ids(), message.key, kind, agent, message.id, now, stanza, NOBODY_KNOWS))

    def _may_repeat(self, message: Message) -> bool:
        """Confirmations of STOP and an agent's typed words are never sent twice on our own; the rest by rules.toml."""
        if message.author_id == COMPLIANCE or message.author_kind == "agent":
            return False
        return self.playbook.rules.of(MessageClass(message.cls).name).doubt == "at_least_once"
