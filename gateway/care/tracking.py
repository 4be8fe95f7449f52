"""Receipts: matched to the part they speak of, parked when they overtake the response, forward only (design 3d)."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway import failpoints
from gateway.care import delivery, dispatch
from gateway.care.evidence import REASONS, RECENT_MS, owner_of, parked_key, told_text
from gateway.care.seen import Seen
from gateway.care.turn import for_agent
from gateway.model.channel import Receipt
from gateway.model.desk import TICK, bubble_of
from gateway.model.ids import Ids
from gateway.model.message import FINAL, Disposition, Outcome, ReceiptState, later, worst
from gateway.model.rows import replace
from gateway.store import ends, evidence, messages, work
from gateway.store.database import Store
from gateway.store.messages import Traced
from gateway.store.units import Due, Unit
from gateway.store.writer import Result

RECEIPT_LANE = "receipt"
# A receipt that overtook its response is matched at once when that is recorded; one of another system never is.
PARK_MS = (100, 300, 1000, 5000, 30_000, 120_000, 600_000, 3_600_000)
log = logging.getLogger("gateway.care.tracking")
Again = list[tuple[Due, int]]
_SENTENCES = {
    Disposition.bounced: "the phone could not be reached (network says so)",
    Disposition.blocked: "the carrier or network blocked it",
    Disposition.expired: "the carrier gave up before the phone was reachable",
    Disposition.unknown: "the carrier does not know what became of it",
}


@dataclass(slots=True)
class TrackingFigures:
    """Receipts since start: matched, parked, unknown (never matched), stale (told nothing new); and submits in doubt
    that a receipt settled, by_reference and by_match of sender, phone and text.
    """

    matched: int = 0
    parked: int = 0
    unknown: int = 0
    stale: int = 0
    by_reference: int = 0
    by_match: int = 0


class Tracking:
    """Applies receipts. `track` is for those fresh from the carrier, `run` is the lane's worker for parked ones.

    desk: whether agents have chat clients, whose bubbles are ticked.
    """

    def __init__(
        self,
        store: Store,
        ids: Ids,
        now: Callable[[], int],
        push: Callable[[Due], None],
        seen: Seen,
        *,
        desk: bool = False,
    ) -> None:
        self._store, self._ids, self._now, self._push, self._desk = store, ids, now, push, desk
        self._seen = seen
        self._one_at_a_time = asyncio.Lock()
        self.figures = TrackingFigures()
        self.by_carrier: dict[str, TrackingFigures] = {}

    async def track(self, receipts: Sequence[Receipt]) -> bool:
        """Applies or parks receipts; True once all of it is on disk, so that they may be acknowledged."""
        async with self._one_at_a_time:
            traced = await self._store.read(messages.trace_receipts, receipts)
            if None in traced:
                # The response may have come in the same read; its record is on its way to the disk, ahead of this.
                await self._store.apply([Unit("barrier")])
                late = [receipt for receipt, found in zip(receipts, traced, strict=True) if found is None]
                again = iter(await self._store.read(messages.trace_receipts, late))
                traced = [found if found is not None else next(again) for found in traced]
            now = self._now()
            traced = await self._by_evidence(receipts, traced, now)
            fold = _Fold()
            units = []
            for receipt, found in zip(receipts, traced, strict=True):
                unit = Unit(found.message.key if found else receipt.remote_ids[0] if receipt.remote_ids else "?")
                unit.intake = found is None
                if found is not None:
                    self._apply(unit, receipt, found, fold, now)
                else:
                    self._park(unit, receipt, now)
                units.append(unit)
            failpoints.hit("before_receipts_commit")
            results = await self._store.apply(units)
            failpoints.hit("after_receipts_commit")
        self._push_all(units, results)
        return not any(results)

    async def run(self, batch: list[Due]) -> Again:
        """Parked receipts: their response may be recorded by now."""
        receipts = [receipt_of(due) for due in batch]
        async with self._one_at_a_time:
            now = self._now()
            traced = await self._store.read(messages.trace_receipts, receipts)
            traced = await self._by_evidence(receipts, traced, now)
            fold = _Fold()
            units = []
            for due, receipt, found in zip(batch, receipts, traced, strict=True):
                unit = Unit(due.key)
                work.take(unit, due)
                if found is not None:
                    self._apply(unit, receipt, found, fold, now)
                else:
                    self._park_again(unit, due, receipt, now)
                units.append(unit)
            results = await self._store.apply(units)
        self._push_all(units, results)
        return [
            (due, 1000)
            for due, failure in zip(batch, results, strict=True)
            if failure is not None and not work.is_gone(failure)
        ]

    async def _by_evidence(
        self, receipts: Sequence[Receipt], traced: list[Traced | None], now: int
    ) -> list[Traced | None]:
        """Finds a submit in doubt for receipts that no id matched; those that an id matched cost nothing here."""
        unknown = [place for place, found in enumerate(traced) if found is None]
        if not unknown:
            return traced
        lost = [receipts[place] for place in unknown]
        owners = await self._store.read(evidence.owners, lost, now, RECENT_MS)
        claims: dict[tuple[int, int, int], list[int]] = {}
        for place, possible in zip(unknown, owners, strict=True):
            owner = owner_of(receipts[place], possible, now)
            if owner is not None:
                claims.setdefault(owner.attempt, []).append(place)
        # Two ids cannot both be this one submit's: then neither proves anything.
        claims = {
            attempt: places
            for attempt, places in claims.items()
            if len({receipts[place].remote_ids[:1] for place in places}) == 1
        }
        if not claims:
            return traced
        result = list(traced)
        for found in await self._store.read(evidence.traced, list(claims)):
            first, *more = claims[found.attempt]
            result[first] = found
            for place in more:  # it is settled by the time that these are applied
                result[place] = replace(found, outcome=Outcome.accepted)
        return result

    def _settle(self, unit: Unit, receipt: Receipt, found: Traced, now: int) -> None:
        """The doubt is over: the carrier has the text, and it is not sent again."""
        message_id, part, _ = found.attempt
        by_reference = receipt.user_reference is not None
        self._count(receipt, "by_reference" if by_reference else "by_match")
        remote_id = receipt.remote_ids[0] if receipt.remote_ids else None
        messages.settle(unit, found.attempt, Outcome.accepted, now, 0, remote_id, None)
        messages.undoubt(unit, message_id)
        work.drop_repetition(unit, found.message.key, message_id, part)
        reason = REASONS[by_reference]
        messages.add_event(
            unit,
            self._ids(),
            message_id,
            "receipt",
            reason=reason,
            segment=part,
            route=receipt.carrier,
            remote_id=remote_id,
        )

    def _count(self, receipt: Receipt, what: str) -> None:
        for figures in (self.figures, self.by_carrier.setdefault(receipt.carrier, TrackingFigures())):
            setattr(figures, what, getattr(figures, what) + 1)

    def _push_all(self, units: Sequence[Unit], results: Sequence[Result]) -> None:
        for unit, failure in zip(units, results, strict=True):
            if failure is None:
                for due in unit.due:
                    self._push(due)

    def _park_again(self, unit: Unit, due: Due, receipt: Receipt, now: int) -> None:
        tries = due.attempts + 1
        if tries < len(PARK_MS):
            work.add(unit, Due(due.id, due.lane, due.key, due.kind, now + PARK_MS[tries], 0, tries, 0, due.body))
            return
        self._count(receipt, "unknown")
        log.warning("a receipt of carrier %s belongs to none of our messages", receipt.carrier)

    def _park(self, unit: Unit, receipt: Receipt, now: int) -> None:
        self._count(receipt, "parked")
        key = parked_key(receipt.carrier, receipt.sender)
        work.add(unit, Due(self._ids(), RECEIPT_LANE, key, "receipt", now + PARK_MS[0], 0, 0, 0, _body(receipt)))

    def _apply(self, unit: Unit, receipt: Receipt, found: Traced, fold: "_Fold", now: int) -> None:
        """Moves the part forward, and the message with it: any failed part is the message's failure."""
        message = found.message
        if found.outcome == Outcome.in_doubt:
            self._settle(unit, receipt, found, now)
        states, settled = fold.of(found)
        place = found.attempt[1:]
        if not later(states.get(place), receipt.state):
            self._count(receipt, "stale")
            return
        self._count(receipt, "matched")
        states[place] = receipt.state
        messages.receipt(unit, found.attempt, receipt.state, now, receipt.error)
        best: dict[int, ReceiptState | None] = dict.fromkeys(range(1, message.parts + 1))
        for (part, _), state in states.items():
            if later(best.get(part), state):
                best[part] = state
        disposition = worst(list(best.values()))
        if disposition is None or disposition == settled:
            return
        fold.settled[message.id] = disposition
        if disposition is Disposition.delivered:
            ends.correct(unit, message.id, disposition, None, None)
            bubble = bubble_of(message, desk=self._desk)
            if bubble is not None and bubble[0] == TICK:
                agent, stanza = message.author_id, bubble[1]
                work.add(unit, for_agent(self._ids(), message.key, TICK, agent, message.id, now, stanza, ""))
            return
        reason = _SENTENCES.get(disposition, "it was not delivered")
        ends.correct(unit, message.id, disposition, receipt.error or receipt.state, reason)
        if FINAL.get(receipt.state) is Disposition.unknown:
            return
        self._seen.failed(message)
        if dispatch.matters(message):
            delivery.add_failed(unit, self._ids(), message, f"{reason} ({receipt.state})", now)


class _Fold:
    """What the receipts of one batch said so far: each must see those before it, which are not on disk yet."""

    def __init__(self) -> None:
        self._states: dict[int, dict[tuple[int, int], ReceiptState]] = {}
        self.settled: dict[int, Disposition | None] = {}

    def of(self, found: Traced) -> tuple[dict[tuple[int, int], ReceiptState], Disposition | None]:
        """The state of each (part, attempt) of the message, and its disposition."""
        message_id = found.message.id
        states = self._states.get(message_id)
        if states is None:
            states = {(part, attempt): ReceiptState(told) for part, attempt, told, _ in found.siblings if told}
            self._states[message_id] = states
            self.settled[message_id] = found.message.disposition
        return states, self.settled[message_id]


def _body(receipt: Receipt) -> str:
    return json.dumps(
        [
            receipt.carrier,
            list(receipt.remote_ids),
            receipt.state,
            receipt.sender,
            receipt.to,
            receipt.error,
            receipt.done_at,
            receipt.user_reference,
            told_text(receipt),
        ]
    )


def receipt_of(due: Due) -> Receipt:
    """The receipt of a parked row."""
    carrier, remote_ids, state, sender, to, error, done_at, reference, *told = json.loads(due.body or "[]")
    text = f"text:{told[0]}" if told else ""  # a row that an older build parked has none
    return Receipt(None, carrier, tuple(remote_ids), ReceiptState(state), sender, to, error, done_at, reference, text)
