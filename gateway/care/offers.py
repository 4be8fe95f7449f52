"""Offers: made once per family, with the price as shown; bought once; fulfilled by one call to the back office."""

import json
from collections.abc import Mapping

from gateway.care import closing, rules
from gateway.care.turn import Turn
from gateway.model.conversation import Conversation, Dialogue
from gateway.model.ids import TIME_SHIFT
from gateway.model.message import Message, MessageClass
from gateway.model.offer import Offer, OfferState
from gateway.model.rows import replace
from gateway.settings.policy import Offer as Terms
from gateway.store import conversations, work
from gateway.store.tables import CallRow
from gateway.store.units import Due

CALL_LANE = "call"
OFFER_EXPIRES = "offer_expires"
STILL_WORKING = "still_working"
STILL_AFTER_MS = 60_000
AGENTS = "agent:"
"""How `made_by` of an agent's offer begins."""


def terms_of(turn: Turn, name: str, brand: str) -> Terms | None:
    """The configured offer, if this brand makes it."""
    terms = turn.playbook.offers.get(name)
    return terms if terms is not None and terms.brand in (None, brand) else None


def why_not(turn: Turn, conversation: Conversation, terms: Terms) -> str | None:
    """Why the customer is not eligible now, or None: one active offer per family, law and consent."""
    for offer in turn.offers.values():
        if offer.family != terms.family:
            continue
        if offer.state in (OfferState.accepted, OfferState.fulfilling):
            return f"offer {offer.name} of the same family is being fulfilled"
        if offer.state is OfferState.fulfilled and offer.period != "once":
            return f"offer {offer.name} of the same family was bought in the last days"
    if not terms.promotional:
        return None
    brand = turn.playbook.brands[conversation.brand]
    answering = conversation.last_in is not None
    verdict = rules.weigh(
        turn, brand, MessageClass.promotional, answering=answering, narrow=False, sender=conversation.sender or None
    )
    # Held is not refused: the text waits for the morning together with its offer.
    return verdict.reason if verdict.blocked else None


def fields(terms: Terms) -> Mapping[str, object]:
    """What texts may say of an offer: `offer.title`, `offer.price`, `offer.currency`, `offer.period`."""
    return {"title": terms.title, "price": str(terms.price), "currency": terms.currency, "period": terms.period}


def make(
    turn: Turn,
    conversation: Conversation,
    terms: Terms,
    *,
    made_by: str,
    words: str,
    message_id: int,
    dialogue: Dialogue | None = None,
) -> Offer:
    """The offer as the customer saw it. An older open one of the family is withdrawn. Two of an agent's without a word
    of the customer between them: a bare YES means neither.
    """
    mixed = made_by.startswith(AGENTS) and any(
        older.asked and older.family != terms.family and older.id >> TIME_SHIFT >= (conversation.last_in or 0)
        for older in made_by_agents(turn, conversation.brand)
    )
    for older in list(turn.offers.values()):
        if older.family == terms.family and older.state is OfferState.open:
            closing.end_offer(turn, older, OfferState.withdrawn)
    offer = Offer(
        id=turn.ids(),
        name=terms.name,
        family=terms.family,
        brand=conversation.brand,
        customer_id=turn.customer.id,
        key=turn.key,
        conversation_id=conversation.id,
        dialogue_id=dialogue.id if dialogue else None,
        event_id=dialogue.event_id if dialogue else None,
        title=terms.title,
        price=str(terms.price),
        currency=terms.currency,
        period=terms.period,
        backoffice=terms.backoffice,
        promotional=terms.promotional,
        state=OfferState.open,
        made_by=made_by,
        words=words,
        message_id=message_id,
        expires_at=turn.now + int(terms.expires * 1000),
        asked=not mixed,
    )
    turn.timer(OFFER_EXPIRES, offer.expires_at, offer.id)
    return turn.put_offer(offer)


def usable(turn: Turn, offer: Offer | None) -> bool:
    """Whether a YES now would buy it."""
    return offer is not None and offer.state is OfferState.open and offer.expires_at > turn.now


def seen(turn: Turn, offer: Offer) -> bool:
    """Whether its text has left, as far as was looked (when the customer writes): a YES cannot mean it before."""
    return offer.message_id not in turn.unsent


def sent_again(turn: Turn, old: Message, made: Message) -> None:
    """The text that made an offer is resent: from now on this one makes it."""
    offer = turn.offer(old.offer_id)
    if offer is not None and offer.message_id == old.id and offer.state is OfferState.open:
        turn.put_offer(replace(offer, message_id=made.id))


def accept(turn: Turn, offer: Offer, *, via: str, by: str, words: str, dialogue: Dialogue | None) -> Offer:
    """Buys it: the one call to the back office is committed with the acceptance.

    Without back office it is fulfilled.
    """
    state = OfferState.fulfilling if offer.backoffice else OfferState.fulfilled
    bought = turn.put_offer(
        replace(
            offer,
            state=state,
            accepted_at=turn.now,
            accepted_via=via,
            accepted_by=by,
            accepted_words=words[:500],
            ended_at=None if offer.backoffice else turn.now,
            result=None if offer.backoffice else "{}",
        )
    )
    if bought.backoffice:
        # Who answers late may do so in another conversation.
        where = dialogue.conversation_id if dialogue is not None else bought.conversation_id
        body = {
            "action": "offer.accepted",
            "offer": {
                "id": str(bought.id),
                "name": bought.name,
                "price": bought.price,
                "currency": bought.currency,
                "period": bought.period,
            },
            "customer": bought.key,
            "conversation": str(where),
            "event": str(bought.event_id) if bought.event_id is not None else None,
        }
        call(turn, bought.backoffice, "offer.accepted", body, where, dialogue, bought)
    return bought


def call(
    turn: Turn,
    backoffice: str,
    action: str,
    body: Mapping[str, object],
    conversation_id: int,
    dialogue: Dialogue | None,
    offer: Offer | None = None,
) -> int:
    """Puts a call into the outbox; its answer comes back as the input `call_ended`. Returns the call's id."""
    call_id = turn.ids()
    row = CallRow(
        id=call_id,
        key=turn.key,
        backoffice=backoffice,
        action=action,
        # The offer's id: whatever happens to us or to them, the same purchase never gets a second key (invariant 9).
        idempotency_key=str(offer.id if offer else call_id),
        body=json.dumps(body),
        conversation_id=conversation_id,
        dialogue_id=dialogue.id if dialogue else None,
        offer_id=offer.id if offer else None,
        state="open",
        attempts=0,
    )
    conversations.add_call(turn.unit, row)
    work.add(turn.unit, Due(turn.ids(), CALL_LANE, str(call_id), "call", turn.now, 0, 0, call_id, None))
    turn.timer(STILL_WORKING, turn.now + STILL_AFTER_MS, offer.id if offer else call_id, str(conversation_id))
    return call_id


def fulfilled(turn: Turn, offer: Offer, result: str) -> Offer:
    """The back office delivered."""
    return turn.put_offer(replace(offer, state=OfferState.fulfilled, ended_at=turn.now, result=result))


def failed(turn: Turn, offer: Offer, problem: str) -> Offer:
    """The back office refused for good."""
    return turn.put_offer(replace(offer, state=OfferState.failed, ended_at=turn.now, result=problem))


def made_by_agents(turn: Turn, brand: str) -> list[Offer]:
    """The open offers of the brand that agents made."""
    return [offer for offer in still_open(turn, brand) if offer.made_by.startswith(AGENTS)]


def still_open(turn: Turn, brand: str) -> list[Offer]:
    """The open offers of the brand, whoever made them."""
    return [offer for offer in turn.offers.values() if offer.brand == brand and usable(turn, offer)]


def of_agent(turn: Turn, brand: str) -> Offer | None:
    """The offer of an agent that has the floor: the one that a bare YES or NO means. Its text has left."""
    asked = [offer for offer in made_by_agents(turn, brand) if offer.asked and seen(turn, offer)]
    return asked[0] if len(asked) == 1 else None


def unattended(turn: Turn, brand: str) -> Offer | None:
    """The one open offer of the brand that no step waits on and a bare YES or NO means."""
    waited_on = {dialogue.offer_id for dialogue in turn.dialogues.values()}
    loose = [
        offer
        for offer in turn.offers.values()
        if offer.brand == brand
        and offer.asked
        and usable(turn, offer)
        and seen(turn, offer)
        and offer.id not in waited_on
    ]
    return loose[0] if len(loose) == 1 else None


def lose_floor(turn: Turn, brand: str, author: str, offer_id: int | None) -> None:
    """An agent or a step (`author`) says something to the customer, perhaps a question: a bare YES means no offer that
    was made before. offer_id: the one that this text makes. A step's own offers are its own matter.
    """
    for offer in list(turn.offers.values()):
        theirs = author == "agent" or offer.made_by.startswith(AGENTS)
        if offer.asked and theirs and offer.brand == brand and offer.id != offer_id:
            turn.put_offer(replace(offer, asked=False))


def tell_maker(turn: Turn, conversation: Conversation, offer: Offer, said: str) -> None:
    """Where no agent has the conversation, who made the offer hears what comes of it."""
    maker = offer.made_by.removeprefix(AGENTS)
    if maker != offer.made_by and turn.fresh(conversation).agent is None and turn.playbook.agent(maker) is not None:
        turn.to_agent("notice", maker, conversation.id, said)


def just_ended(turn: Turn, brand: str) -> Offer | None:
    """The latest offer that a late YES may mean."""
    ended = [
        offer
        for offer in turn.offers.values()
        if offer.brand == brand and offer.state is not OfferState.failed and not usable(turn, offer)
    ]
    return max(ended, key=lambda offer: offer.id) if ended else None
