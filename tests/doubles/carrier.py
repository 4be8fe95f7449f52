"""A carrier without a network: takes parts, answers as the test wants, and hands over texts and receipts."""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.model.channel import ChannelEvents, Fault, InboundPart, LinkState, LinkStatus, Part, PartAnswer, Receipt
from gateway.model.message import Outcome, ReceiptState

OK, THROTTLE, BUSY, LOSE, LOSE_UNTAKEN, HOLD = "ok", "throttle", "busy", "lose", "lose_untaken", "hold"
REFUSALS = {
    "bad_number": (0x0B, Fault.bad_number),
    "blocked": (0x0400, Fault.blocked),
    "opted_out": (0x0401, Fault.opted_out),
}


@dataclass(slots=True)
class Taken:
    """A part that the carrier has: it will reach the phone."""

    part: Part
    remote_id: str


@dataclass(slots=True)
class FakeCarrier:
    """A Channel under the test's control. Nothing happens by itself: `flush` reports what is to be reported.

    moods: what happens to the next parts, one each; then `mood`. delivered: what phones hold, in order.
    """

    name: str = "sim"
    window: int = 10
    up: bool = True
    mood: str = OK
    moods: deque[str] = field(default_factory=deque)
    submitted: list[Part] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    acknowledged: list[tuple[object, bool]] = field(default_factory=list)
    postponed: list[object] = field(default_factory=list)
    held: list[PartAnswer] = field(default_factory=list)
    session: int = 1
    events: ChannelEvents | None = None
    _answers: list[PartAnswer] = field(default_factory=list)
    _inbound: list[InboundPart | Receipt] = field(default_factory=list)
    _open: int = 0
    _ids: int = 0x1000
    _sequence: int = 0

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self, drain: float) -> None:
        """What is not answered is in doubt."""
        lost = [PartAnswer(answer.attempt, Outcome.in_doubt) for answer in self.held]
        self.held.clear()
        if lost and self.events is not None:
            self.events.answers(lost)

    def room(self) -> int:
        """Free window slots; none while the link is down."""
        return max(0, self.window - self._open) if self.up else 0

    def submit(self, parts: Sequence[Part]) -> None:
        """Takes parts; what becomes of each is its mood's."""
        assert len(parts) <= self.room(), "more parts than there is room for"
        for part in parts:
            self.submitted.append(part)
            self._open += 1
            self._submit(part, self.moods.popleft() if self.moods else self.mood)

    def _submit(self, part: Part, mood: str) -> None:
        if mood == THROTTLE:
            self._answers.append(PartAnswer(part.attempt, Outcome.retry, 0x58, "", Fault.throttled))
        elif mood == BUSY:
            self._answers.append(PartAnswer(part.attempt, Outcome.retry, 0x08, "", Fault.temporary))
        elif mood in REFUSALS:
            status, fault = REFUSALS[mood]
            self._answers.append(PartAnswer(part.attempt, Outcome.refused, status, "", fault))
        elif mood == LOSE_UNTAKEN:
            self._answers.append(PartAnswer(part.attempt, Outcome.in_doubt))
        else:
            self._ids += 1
            self.taken.append(Taken(part, f"{self._ids:08X}"))
            answer = PartAnswer(part.attempt, Outcome.accepted, 0, f"{self._ids:08X}")
            if mood == LOSE:
                self._answers.append(PartAnswer(part.attempt, Outcome.in_doubt))
                self.held.append(PartAnswer(part.attempt, Outcome.accepted, 0, answer.remote_id, None, True))
            elif mood == HOLD:
                self.held.append(answer)
            else:
                self._answers.append(answer)

    def answer_held(self, *, outcome: Outcome | None = None, fault: Fault | None = None, status: int = 0) -> None:
        """The carrier answers what it had kept waiting: as it is, or with another outcome."""
        for answer in self.held:
            told = answer if outcome is None else PartAnswer(answer.attempt, outcome, status, "", fault, answer.late)
            self._answers.append(told)
        self.held.clear()

    def acknowledge(self, tokens: Sequence[object], *, accepted: bool) -> None:
        """Notes what was acknowledged."""
        self.acknowledged += [(token, accepted) for token in tokens]

    def postpone(self, tokens: Sequence[object]) -> None:
        """Notes what is to be acknowledged later."""
        self.postponed += tokens

    def status(self) -> LinkStatus:
        """Up or down."""
        return LinkStatus(self.name, LinkState.up if self.up else LinkState.down, "")

    # -- what phones and networks do

    def write(
        self,
        sender: str,
        to: str,
        text: str,
        *,
        reference: int = 0,
        part: int = 1,
        parts: int = 1,
        sequence: int | None = None,
        readable: bool = True,
    ) -> InboundPart:
        """A phone sends a text (or a part of one)."""
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        body = f"{sender}|{to}|{text}|{reference}|{part}|{parts}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(body).hexdigest()
        token = (self.session, sequence)
        item = InboundPart(
            token,
            self.name,
            sender,
            to,
            text,
            body,
            0,
            self.session,
            sequence,
            digest,
            reference,
            part,
            parts,
            readable,
        )
        self._inbound.append(item)
        return item

    def again(self, item: InboundPart) -> None:
        """The carrier hands over a text that it has handed over before."""
        self._inbound.append(item)

    def report(
        self,
        taken: Taken,
        state: ReceiptState,
        error: str = "000",
        remote_id: str | None = None,
        *,
        reference: int | None = None,
        text: str = "",
    ) -> None:
        """The network tells what became of a part. reference: echoed. text: what the receipt says of the text."""
        part = taken.part
        ids = (remote_id or taken.remote_id,)
        token = (self.session, f"receipt {taken.remote_id} {state}")
        told = f"id:{ids[0]} stat:{state} err:{error} text:{text}"
        receipt = Receipt(
            token, self.name, ids, state, part.to, part.sender, error, user_reference=reference, text=told
        )
        self._inbound.append(receipt)

    def flush(self) -> bool:
        """Reports, each kind as one batch; False when there was nothing."""
        assert self.events is not None
        inbound, self._inbound = self._inbound, []
        answers, self._answers = self._answers, []
        if inbound:
            self.events.inbound(inbound)
        if answers:
            self._open -= len(answers)
            self.events.answers([answer for answer in answers if not answer.late])
            if late := [answer for answer in answers if answer.late]:
                self._open += len(late)
                self.events.answers(late)
        return bool(inbound or answers)

    # -- what phones show

    def texts(self, to: str) -> list[str]:
        """What a phone received, long texts put together, in order of their first parts."""
        shown: dict[tuple[int, int], list[str]] = {}
        for one in self.taken:
            part = one.part
            if part.to == to:
                pieces = shown.setdefault((part.attempt[0], part.attempt[2]), [""] * part.parts)
                pieces[part.part - 1] = part.text
        return ["".join(pieces) for pieces in shown.values()]
