"""Messages: their classes, states and dispositions, and what the order of receipts may do to them."""

from enum import IntEnum, StrEnum

from gateway.model.rows import record


class MessageClass(IntEnum):
    """What a message is for; smaller is more important. Unset means promotional (design section 1)."""

    emergency = 0
    security = 1
    transactional = 2
    conversational = 3
    promotional = 4


class Direction(StrEnum):
    """mo: from the mobile. mt: to the mobile."""

    mo = "mo"
    mt = "mt"


class MessageState(StrEnum):
    """Where an MT stands; `sending` and `sent` are read from the attempt journal, never stored. An MO is final."""

    held = "held"
    queued = "queued"
    sending = "sending"
    sent = "sent"
    final = "final"


class Disposition(StrEnum):
    """How a message ended."""

    delivered = "delivered"
    blocked = "blocked"
    bounced = "bounced"
    misdirected = "misdirected"
    expired = "expired"
    opted_out = "opted_out"
    in_doubt = "in_doubt"
    unknown = "unknown"


class Lane(IntEnum):
    """Which queue of the carrier a message waits in; replies never wait behind bulk."""

    reply = 0
    transactional = 1
    bulk = 2


class Outcome(StrEnum):
    """How one attempt ended (the attempt journal).

    `unsent`: the bytes never left us. `refused`: the carrier said no for good. `retry`: it said "not now".
    `in_doubt`: the bytes left and no answer came; nobody can know.
    """

    accepted = "accepted"
    refused = "refused"
    retry = "retry"
    unsent = "unsent"
    in_doubt = "in_doubt"


class ReceiptState(StrEnum):
    """States of SMPP v3.4 5.2.28 (`message_state`) and appendix B (`stat:`)."""

    scheduled = "SCHEDULED"
    enroute = "ENROUTE"
    delivered = "DELIVRD"
    expired = "EXPIRED"
    deleted = "DELETED"
    undeliverable = "UNDELIV"
    accepted = "ACCEPTD"
    unknown = "UNKNOWN"
    rejected = "REJECTD"
    skipped = "SKIPPED"


# A receipt moves a message forward only: order by rank, not by arrival. DELIVRD beats all, since the phone has it.
RANK = {
    ReceiptState.scheduled: 0,
    ReceiptState.enroute: 1,
    ReceiptState.accepted: 1,
    ReceiptState.unknown: 2,
    ReceiptState.skipped: 3,
    ReceiptState.expired: 4,
    ReceiptState.deleted: 4,
    ReceiptState.rejected: 4,
    ReceiptState.undeliverable: 4,
    ReceiptState.delivered: 5,
}

FINAL = {
    ReceiptState.delivered: Disposition.delivered,
    ReceiptState.expired: Disposition.expired,
    ReceiptState.deleted: Disposition.bounced,
    ReceiptState.undeliverable: Disposition.bounced,
    ReceiptState.rejected: Disposition.blocked,
    ReceiptState.skipped: Disposition.blocked,
    ReceiptState.unknown: Disposition.unknown,
}


def later(known: ReceiptState | None, told: ReceiptState) -> bool:
    """Whether a receipt tells something newer than what is known: the monotone rule (early, late, double, foreign)."""
    return known is None or RANK[told] > RANK[known]


def worst(parts: list[ReceiptState | None]) -> Disposition | None:
    """The disposition of a message from its parts: any failure is the message's, None while a part is open."""
    ends = [FINAL.get(part) if part else None for part in parts]
    failed = [end for end in ends if end not in (None, Disposition.delivered)]
    if failed and all(end is not None for end in ends):
        return failed[0]
    return Disposition.delivered if ends and all(end is Disposition.delivered for end in ends) else None


@record
class Author:
    """Who wrote an MT. kind: bot, agent, system, api, event. id: handler name, agent's JID or name, key's name."""

    kind: str
    id: str = ""


@record
class Message:
    """One text, to or from a customer, as the store keeps it.

    ours, theirs: our sender and the customer's number. key: the customer. text: whole, as a person reads it.
    parts: how many carrier parts. expires_at: ms, after which it is not sent at all. gates: JSON list of gate
    decisions, in order. parent_id: the message that this one resends; of an agent's, that it corrects. digest: of an
    MO's bytes, to tell a redelivery. epoch: of the conversation, when its author wrote it.
    """

    id: int
    channel: str
    direction: Direction
    key: str
    address_id: int
    ours: str
    theirs: str
    brand: str
    text: str
    cls: MessageClass
    state: MessageState
    disposition: Disposition | None
    author_kind: str
    author_id: str
    conversation_id: int | None = None
    event_id: int | None = None
    offer_id: int | None = None
    parent_id: int | None = None
    idempotency_key: str | None = None
    carrier: str | None = None
    encoding: str | None = None
    parts: int = 1
    reference: int = 0
    expires_at: int | None = None
    possible_duplicate: bool = False
    error: str | None = None
    reason: str | None = None
    gates: str | None = None
    digest: str | None = None
    session: int | None = None
    sequence: int | None = None
    lane: int = 0


@record
class Attempt:
    """One try to hand one part to one carrier, journalled before the bytes leave.

    Its key: message, part, number of try.
    """

    message_id: int
    part: int
    attempt: int
    carrier: str
    at: int
    possible_duplicate: bool = False
