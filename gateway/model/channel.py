"""The ports between the gateway and a carrier: what care hands to a channel, and what comes back.

A channel knows these words and nothing else of ours. It reports by callback, in batches: all that one read of its
socket produced is one call, so that it can become one transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.model.message import Outcome, ReceiptState
from gateway.model.rows import record


class Encoding(StrEnum):
    """How the characters of a text are written on the wire (SMPP v3.4 5.2.19 data_coding)."""

    gsm7 = "gsm7"
    latin1 = "latin1"
    ucs2 = "ucs2"


class Fault(StrEnum):
    """The closed vocabulary of refusals: each says what to do next (see FAULT_ADVICE)."""

    throttled = "throttled"
    temporary = "temporary"
    bad_number = "bad_number"
    bad_sender = "bad_sender"
    bad_message = "bad_message"
    opted_out = "opted_out"
    blocked = "blocked"
    account = "account"
    unknown = "unknown"


# (try again here, sentence that a care rep reads)
FAULT_ADVICE: Mapping[Fault, tuple[bool, str]] = {
    Fault.throttled: (True, "the carrier asked us to slow down; it is sent again by itself"),
    Fault.temporary: (True, "the carrier is busy or has a fault; it is sent again by itself"),
    Fault.bad_number: (False, "the carrier knows no such number; check it with the customer"),
    Fault.bad_sender: (False, "the carrier refuses this sender; ask operations to register it"),
    Fault.bad_message: (False, "the carrier refuses the form of this message; report it to operations"),
    Fault.opted_out: (False, "the carrier says the customer opted out; use another channel"),
    Fault.blocked: (False, "the carrier blocked the message by its own policy"),
    Fault.account: (False, "the carrier refuses our account (credit, rights); tell operations"),
    Fault.unknown: (False, "the carrier gave a code we do not know; operations can map it in the carrier's `errors`"),
}


@record
class Part:
    """One part to hand over. `attempt` is the journalled attempt's key and comes back in the answer.

    text: this part's characters alone. part, parts: 1-based place in the message. reference: 16-bit number shared
    by the parts. validity: seconds the carrier may keep trying, None = carrier's default. user_reference: 16
    bits, sent as the user_message_reference TLV and echoed by some carriers in receipts.
    """

    attempt: tuple[int, int, int]
    sender: str
    to: str
    text: str
    encoding: Encoding
    part: int = 1
    parts: int = 1
    reference: int = 0
    validity: int | None = None
    user_reference: int | None = None


@record
class PartAnswer:
    """What became of one part that was handed over.

    status: the carrier's command_status, 0 = none or OK. remote_id: the id as the carrier wrote it. late: an
    answer that came after the part had been reported in_doubt (it settles the doubt).
    """

    attempt: tuple[int, int, int]
    outcome: Outcome
    status: int = 0
    remote_id: str = ""
    fault: Fault | None = None
    late: bool = False


@record
class InboundPart:
    """A text (or one part of a long one) from a phone: a deliver_sm, parsed.

    token: opaque; handed back to `Channel.acknowledge`. session: number of the bind it came over, unique in the store's
    life (start time in ms). sequence: its number there. digest: hex hash of the raw body without header, equal for a
    redelivery of the same bytes. reference/part/parts: 0/1/1 for a whole text. readable: False where the bytes fit no
    alphabet; the text is then a best effort and raw has the bytes.
    """

    token: object
    carrier: str
    sender: str
    to: str
    text: str
    raw: bytes
    data_coding: int
    session: int
    sequence: int
    digest: str
    reference: int = 0
    part: int = 1
    parts: int = 1
    readable: bool = True


@record
class Receipt:
    """A delivery receipt of one part.

    remote_ids: the id as written first, then the other forms it may have been answered with (hex, decimal, without
    leading zeros, lower case). error: the network's error as written ("001"), "" = none. done_at: the carrier's
    own time text. user_reference: echoed user_message_reference.
    """

    token: object
    carrier: str
    remote_ids: tuple[str, ...]
    state: ReceiptState
    sender: str
    to: str
    error: str = ""
    done_at: str = ""
    user_reference: int | None = None
    text: str = ""


class LinkState(StrEnum):
    """State of a carrier: up = a bind that may send; degraded = some binds down; refused = password or rights."""

    down = "down"
    degraded = "degraded"
    up = "up"
    refused = "refused"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """What operators see of a carrier. counters: name -> count since start (bad_pdu, throttled, status_0x0b ...)."""

    name: str
    state: LinkState
    reason: str
    binds: tuple[Mapping[str, object], ...] = ()
    window: int = 0
    in_flight: int = 0
    tps: float = 0.0
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelEvents:
    """The callbacks of a channel; app wires them to care. None of them blocks; each takes a whole batch.

    inbound: texts and receipts of one read, in order of arrival; each must be acknowledged later.
    answers: outcomes of handed-over parts. ready: capacity has come back, or the state changed.
    """

    inbound: Callable[[Sequence[InboundPart | Receipt]], None]
    answers: Callable[[Sequence[PartAnswer]], None]
    ready: Callable[[str], None]


class Channel(Protocol):
    """A carrier link. All methods run on the event loop."""

    name: str

    async def start(self) -> None:
        """Begins to connect, and returns at once."""

    async def stop(self, drain: float) -> None:
        """Stops sending, waits up to `drain` seconds for open answers, unbinds, reports what is left as in_doubt."""

    def room(self) -> int:
        """How many parts may be handed over now: free window slots, bounded by TPS tokens. 0 while no bind may send."""

    def submit(self, parts: Sequence[Part]) -> None:
        """Takes at most `room()` parts whose attempts are journalled, and writes them in one go."""

    def acknowledge(self, tokens: Sequence[object], *, accepted: bool) -> None:
        """Answers inbound texts and receipts: accepted, or "try again later". Called after the commit."""

    def postpone(self, tokens: Sequence[object]) -> None:
        """These are committed and will be acknowledged within moments: they keep the channel from taking no others."""

    def status(self) -> LinkStatus:
        """For operators."""
