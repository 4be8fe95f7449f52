"""Taking what carriers hand to us: texts and receipts.

Commit, then acknowledge (invariant 1). A text of a customer of whom nothing else waits is decided at once, in the same
commit; any other is kept as work, so that no acknowledgement needs a decision (`acknowledging` says when it leaves).
"""

import asyncio
import json
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.care.acknowledging import Acknowledging
from gateway.care.engine import Engine
from gateway.care.inbound import Text
from gateway.care.inputs import TEXT
from gateway.care.redeliveries import REDELIVERY_MS, Redeliveries
from gateway.care.tracking import Tracking
from gateway.care.turn import CUSTOMER_LANE
from gateway.model.address import BadAddress, phone_address
from gateway.model.channel import Channel, InboundPart, Receipt
from gateway.model.ids import Ids, id_at, made_at
from gateway.model.segments import join
from gateway.store import messages, work
from gateway.store.database import Store
from gateway.store.units import Conflict, Due, Failure, Rejected, Unit
from gateway.store.writer import Result

JOIN_LANE = "join"
JOIN_AFTER_MS = 60_000
SET_LIVES_MS = 3_600_000
CHUNK = 500
MOST_AT_ONCE = 200
"""Texts of one read that are decided before anything else happens: some 0.4 ms each; the others go through the lane."""
log = logging.getLogger("gateway.care.intake")
Again = list[tuple[Due, int]]
PartSet = tuple[str, str, str, int, int]


@dataclass(slots=True)
class IntakeFigures:
    """Counts since start."""

    texts: int = 0
    redelivered: int = 0
    parts: int = 0
    incomplete: int = 0
    refused: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class _Taken:
    """One PDU on its way to the disk.

    token: what acknowledges it. digest, id: its mark among the redeliveries. key: its customer, "" where the sender is
    no phone. text: a whole text, as work that has no row yet; else `unit` says what is to be written. lost: it was
    decided, in vain; what came later of its customer waits until it is kept.
    """

    token: object
    id: int
    digest: str
    key: str
    text: Due | None
    unit: Unit | None = None
    lost: bool = False


class Intake:
    """Takes what carriers bring.

    One for all of them; receipts have a lane of their own, so a flood of them holds up no text.
    """

    def __init__(
        self,
        store: Store,
        tracking: Tracking,
        engine: Engine,
        ids: Ids,
        now: Callable[[], int],
        push: Callable[[Due], None],
    ) -> None:
        self._store, self._tracking, self._engine = store, tracking, engine
        self._ids, self._now, self._push = ids, now, push
        self._on_their_way: Counter[str] = Counter()
        self._deciding: dict[str, list[tuple[Channel, _Taken]]] = {}  # by customer, what came meanwhile
        self._seen = Redeliveries()
        self._receipts: deque[tuple[Channel, Receipt]] = deque()
        self._sets: deque[PartSet] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.acknowledging = Acknowledging(engine)
        self.figures = IntakeFigures()

    async def start(self, *, orderly: bool = False) -> None:
        """Reads what was taken lately, so that a redelivery after a restart is told.

        orderly: the last run acknowledged all that it took before it unbound, so nothing can come again.
        """
        rows = await self._store.read(messages.recent_inbound, id_at(self._now() - REDELIVERY_MS))
        for digest, session, sequence, an_id in rows:
            self._seen.remember(digest, session or 0, sequence or 0, an_id)
        newest = max((an_id for _, _, _, an_id in rows), default=0)
        # The last run ended when it took its last text, as far as anybody can tell.
        self._seen.ended_before = self._now() + 10 * REDELIVERY_MS if orderly else made_at(newest)
        for due in await self._store.read(work.due_now, CUSTOMER_LANE, 0, self._now(), 100_000):
            if due.kind == TEXT and due.body:
                text = Text(*json.loads(due.body))
                self._seen.remember(text.digest or "", text.session or 0, text.sequence or 0, due.id)
        self._task = asyncio.get_running_loop().create_task(self._serve(), name="intake")

    async def stop(self) -> None:
        """Ends; what was not acknowledged is handed over again by the carrier."""
        self.acknowledging.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # -- carriers

    def inbound(self, channel: Channel, batch: Sequence[InboundPart | Receipt]) -> None:
        """The channel's callback: all that one read of its socket brought."""
        rows: list[_Taken] = []
        at_once: dict[str, _Taken] = {}
        meanwhile: dict[str, list[tuple[Channel, _Taken]]] = {}
        now = self._now()
        for item in batch:
            if isinstance(item, Receipt):
                self._receipts.append((channel, item))
                self._wake.set()
                continue
            taken = self._take(item, now)
            key = taken.key
            waits = self._deciding.get(key, meanwhile.get(key))
            if waits is not None:
                waits.append((channel, taken))
            elif taken.text is not None and len(at_once) < MOST_AT_ONCE and self._idle(key):
                at_once[key] = taken
                meanwhile[key] = []
            else:
                rows.append(taken)
        if rows:
            self._keep(channel, rows)
        if at_once:
            self._decide(channel, at_once, meanwhile)

    def _decide(
        self, channel: Channel, at_once: dict[str, _Taken], meanwhile: dict[str, list[tuple[Channel, _Taken]]]
    ) -> None:
        """Has texts decided at once. Until they are on disk, all that comes of their customers waits for that. Those
        of customers who must be read hold up no others.
        """
        self._deciding.update(meanwhile)
        known: list[_Taken] = []
        others: list[_Taken] = []
        for key, taken in at_once.items():
            (known if self._engine.knows(key) else others).append(taken)
        try:
            self._hand_in(channel, known)
        finally:  # also after a fault of ours in what is known
            self._hand_in(channel, others)

    def _hand_in(self, channel: Channel, these: list[_Taken]) -> None:
        if not these:
            return
        texts = [taken.text for taken in these if taken.text is not None]
        told = False
        try:
            self._engine.at_once(texts, lambda results: self._decided(channel, these, results))
            told = True
        finally:
            if not told:
                for taken in these:
                    self._deciding.pop(taken.key, None)

    def _idle(self, key: str) -> bool:
        return key not in self._on_their_way and self._engine.idle(key)

    def _keep(self, channel: Channel, rows: list[_Taken]) -> None:
        """Writes texts as work, for the lane to take up."""
        units = []
        for taken in rows:
            unit = taken.unit or Unit(f"mo#{taken.id}", intake=True)
            if (due := taken.text) is not None:
                assert isinstance(due.hot, Text)
                due.stored, due.body = True, due.hot.body()
                work.add(unit, due)
                self._on_their_way[due.key] += 1
            units.append(unit)
        self._store.submit(units, lambda results: self._kept(channel, rows, units, results))

    def links_changed(self, alive: frozenset[int]) -> None:
        """Which sessions stand now, over all carriers: what a lost one brought last may come again."""
        self._seen.standing(alive, self._now())

    def _take(self, part: InboundPart, now: int) -> _Taken:
        """What becomes of one text (or part of one); nothing of it is decided yet."""
        item_id = self._ids()
        key, problem = "", ""
        try:
            key = str(phone_address(part.sender))
        except BadAddress as error:
            problem = str(error)
        original = self._seen.original(part.digest, part.session, part.sequence, now)
        if original is not None:
            self.figures.redelivered += 1
            unit = Unit(f"mo#{item_id}", intake=True)
            reason = "the carrier handed it over again"
            messages.add_event(unit, item_id, original, "gate", code="duplicate", reason=reason)
            return _Taken(part.token, item_id, "", key, None, unit)
        self._seen.remember(part.digest, part.session, part.sequence, item_id)
        if not key:
            self.figures.unreadable += 1
            unit = Unit(f"mo#{item_id}", intake=True)
            due = Due(item_id, CUSTOMER_LANE, part.carrier, TEXT, now, body=self._text(part).body())
            work.bury(unit, due, f"the sender of a text is no phone number: {problem}")
            return _Taken(part.token, item_id, part.digest, key, None, unit)
        if part.parts > 1:
            unit = Unit(f"mo#{item_id}", intake=True)
            self._keep_part(unit, part, item_id, now)
            return _Taken(part.token, item_id, part.digest, key, None, unit)
        self.figures.texts += 1
        due = Due(item_id, CUSTOMER_LANE, key, TEXT, now, hot=self._text(part), stored=False)
        return _Taken(part.token, item_id, part.digest, key, due)

    def _text(self, part: InboundPart) -> Text:
        broken = None if part.readable else f"unreadable bytes (data_coding {part.data_coding})"
        return Text(part.to, join([part.text]), part.carrier, part.digest, part.session, part.sequence, broken)

    def _keep_part(self, unit: Unit, part: InboundPart, item_id: int, now: int) -> None:
        self.figures.parts += 1
        row = (
            item_id,
            part.carrier,
            part.sender,
            part.to,
            part.reference,
            part.parts,
            part.part,
            part.text,
            part.digest,
            part.session,
            part.sequence,
            False,
        )
        messages.add_part(unit, row)
        body = json.dumps([part.carrier, part.sender, part.to, part.reference, part.parts])
        work.add(unit, Due(item_id, JOIN_LANE, part.sender, "join", now + JOIN_AFTER_MS, 0, 0, item_id, body))
        self._sets.append((part.carrier, part.sender, part.to, part.reference, part.parts))

    def _kept(self, channel: Channel, rows: list[_Taken], units: list[Unit], results: list[Result]) -> None:
        self._acknowledge(channel, rows, results)
        for taken, unit, failure in zip(rows, units, results, strict=True):
            if taken.text is not None:
                self._arrived(taken.text.key)
            if failure is not None:
                self._seen.forget(taken.digest, taken.id)
            else:
                for due in unit.due:
                    self._push(due)
            if taken.lost and taken.text is not None:
                self._engine.let_go(taken.text.key)
        if self._sets:
            self._wake.set()

    def _arrived(self, key: str) -> None:
        self._on_their_way[key] -= 1
        if not self._on_their_way[key]:
            del self._on_their_way[key]

    def _decided(self, channel: Channel, texts: list[_Taken], results: list[Result]) -> None:
        """Texts that were decided at once are on disk, or not. One whose decision lost its commit is kept as work, and
        so is what came of the same customer meanwhile: none is on disk before the one that came before it.
        """
        settled: list[_Taken] = []
        outcomes: list[Result] = []
        kept: list[_Taken] = []
        elsewhere: list[tuple[Channel, _Taken, Result]] = []
        for taken, failure in zip(texts, results, strict=True):
            lost = isinstance(failure, Conflict | Rejected)
            if lost:
                taken.lost = True
                kept.append(taken)
            else:
                self._settle(taken, failure, settled, outcomes)
            for its, follower in self._deciding.pop(taken.key):
                if its is not channel:
                    elsewhere.append((its, follower, None if lost else failure))
                elif lost or failure is None:
                    kept.append(follower)
                else:  # the carrier brings both again, in this order
                    self._settle(follower, failure, settled, outcomes)
        self._acknowledge(channel, settled, outcomes)
        if kept:
            self._keep(channel, kept)
        for its, follower, refused in elsewhere:
            if refused is None:
                self._keep(its, [follower])
            else:
                self._seen.forget(follower.digest, follower.id)
                self._acknowledge(its, [follower], [refused])

    def _settle(self, taken: _Taken, failure: Result, settled: list[_Taken], outcomes: list[Result]) -> None:
        settled.append(taken)
        outcomes.append(failure)
        if failure is not None:
            self._seen.forget(taken.digest, taken.id)

    def _acknowledge(self, channel: Channel, rows: list[_Taken], results: list[Result]) -> None:
        """After the commit, and only then."""
        good = [taken.token for taken, failure in zip(rows, results, strict=True) if failure is None]
        if good:
            self.acknowledging.taken(channel, good)
        if len(good) < len(rows):
            bad = [taken.token for taken, failure in zip(rows, results, strict=True) if failure is not None]
            self.figures.refused += len(bad)
            channel.acknowledge(bad, accepted=False)

    # -- what needs a look before it is written

    async def _serve(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._receipts or self._sets:
                await self._some_receipts()
                sets = list(dict.fromkeys(self._sets))
                self._sets.clear()
                for one in sets:
                    await self._join(one, late=False, newer_than=id_at(self._now() - SET_LIVES_MS))

    async def _some_receipts(self) -> None:
        batch = [self._receipts.popleft() for _ in range(min(CHUNK, len(self._receipts)))]
        if not batch:
            return
        try:
            accepted = await self._tracking.track([receipt for _, receipt in batch])
        except Failure:
            accepted = False
        by_channel: dict[int, tuple[Channel, list[object]]] = {}
        for channel, receipt in batch:
            by_channel.setdefault(id(channel), (channel, []))[1].append(receipt.token)
        for channel, tokens in by_channel.values():
            channel.acknowledge(tokens, accepted=accepted)

    async def _join(self, one: PartSet, *, late: bool, newer_than: int) -> bool:
        """Makes one text of its parts, once they are all here, or of what came when the time is over.

        False when the store did not take it: to be tried again.
        """
        carrier, theirs, ours, reference, parts = one
        rows = await self._store.read(messages.parts_of_set, carrier, theirs, ours, reference, parts, newer_than)
        pieces: dict[int, str] = {}
        for _, part, text in rows:
            pieces.setdefault(part, text)
        if not rows or (len(pieces) < parts and not late):
            return True
        broken = None
        if len(pieces) < parts:
            self.figures.incomplete += 1
            missing = ", ".join(str(part) for part in range(1, parts + 1) if part not in pieces)
            broken = f"incomplete: part {missing} of {parts} never came"
        self.figures.texts += 1
        whole = Text(ours, join([pieces[part] for part in sorted(pieces)]), carrier, broken=broken, parts=parts)
        unit = Unit(f"join#{rows[0][0]}")
        messages.join_parts(unit, [row[0] for row in rows])
        due = Due(self._ids(), CUSTOMER_LANE, str(phone_address(theirs)), TEXT, self._now(), 0, 0, 0, whole.body())
        due.hot = whole
        work.add(unit, due)
        [failure] = await self._store.apply([unit])
        if failure is None:
            self._push(due)
        return failure is None or isinstance(failure, Conflict)

    async def run(self, batch: list[Due]) -> Again:
        """The lane `join`: the time of a long text's part is over."""
        again: Again = []
        settled: list[Due] = []
        for due in batch:
            carrier, theirs, ours, reference, parts = json.loads(due.body or "[]")
            newer_than = id_at(made_at(due.id) - SET_LIVES_MS)
            one = (carrier, theirs, ours, reference, parts)
            if await self._join(one, late=True, newer_than=newer_than):
                settled.append(due)
            else:
                again.append((due, 1000))
        units = []
        for due in settled:
            unit = Unit(due.key)
            work.take(unit, due)
            units.append(unit)
        for due, failure in zip(settled, await self._store.apply(units), strict=True):
            if failure is not None and not isinstance(failure, Conflict):
                again.append((due, 1000))
        return again
