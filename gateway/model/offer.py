"""Offers: priced proposals with a life."""

from enum import StrEnum

from gateway.model.rows import record


class OfferState(StrEnum):
    """open -> accepted | declined | expired | withdrawn; accepted -> fulfilling -> fulfilled | failed."""

    open = "open"
    accepted = "accepted"
    declined = "declined"
    expired = "expired"
    withdrawn = "withdrawn"
    fulfilling = "fulfilling"
    fulfilled = "fulfilled"
    failed = "failed"


ACTIVE = frozenset({OfferState.open, OfferState.accepted, OfferState.fulfilling})

_NEXT = {
    OfferState.open: {OfferState.accepted, OfferState.declined, OfferState.expired, OfferState.withdrawn},
    OfferState.accepted: {OfferState.fulfilling, OfferState.fulfilled, OfferState.failed},
    OfferState.fulfilling: {OfferState.fulfilled, OfferState.failed},
}


def may_become(state: OfferState, wanted: OfferState) -> bool:
    """Whether the life of an offer allows this step."""
    return wanted in _NEXT.get(state, ())


@record
class Offer:
    """One offer to one customer, with the price as it was shown.

    made_by: `handler:plan.overage` or `agent:ana@example.test`. words: the exact text that showed it. expires_at: ms.
    accepted_via: channel; accepted_by: customer or agent. result: JSON of the back office, or its problem. asked: it
    has the floor: a bare YES or NO means it, since nobody has said anything after it that may be a question.
    """

    id: int
    name: str
    family: str
    brand: str
    customer_id: int
    key: str
    conversation_id: int
    dialogue_id: int | None
    event_id: int | None
    title: str
    price: str
    currency: str
    period: str
    backoffice: str | None
    promotional: bool
    state: OfferState
    made_by: str
    words: str
    message_id: int | None
    expires_at: int
    accepted_at: int | None = None
    accepted_via: str | None = None
    accepted_by: str | None = None
    accepted_words: str | None = None
    ended_at: int | None = None
    result: str | None = None
    asked: bool = True
