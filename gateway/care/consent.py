"""STOP, HELP, START: above every handler and agent, in every state (47 CFR 64.1200 (a)(10), CTIA handbook).

The confirmation of STOP leaves on a narrow path that suppression cannot swallow, once per opt-out.
"""

from collections.abc import Sequence

from gateway.care import closing, outbound, wrapping
from gateway.care.turn import Turn
from gateway.model.brand import Brand
from gateway.model.conversation import Conversation, ConversationState, OwnerKind
from gateway.model.customer import ConsentEvent, Permission
from gateway.model.event import EventState
from gateway.model.message import Message, MessageClass
from gateway.model.offer import OfferState
from gateway.model.rows import replace
from gateway.store import customers, ends

AUTHOR = outbound.SYSTEM


def stop(turn: Turn, brands: Sequence[Brand], text: Message | None, *, method: str, actor: str, evidence: str) -> None:
    """The customer opts out of brands, of all that an address has unless they named one: nothing queued is sent, the
    conversations close `opted_out`.

    text: the MO that asked for it, if one did. The ledger gets a line each time, the customer one confirmation, which
    names them all, until they come back.
    """
    news = any(not turn.revoked(brand.name) for brand in brands)
    talks = [_stop_one(turn, brand, text, method, actor, evidence) for brand in brands]
    if news:
        _confirm(turn, brands, "system.stopped", text, next((its for its in talks if its is not None), None))


def _stop_one(
    turn: Turn, brand: Brand, text: Message | None, method: str, actor: str, evidence: str
) -> Conversation | None:
    """Ends one brand's; the conversation that it closes."""
    _record(turn, brand, text, "revoke", method, actor, evidence)
    turn.consent[brand.name] = Permission.revoked
    ends.opt_out(turn.unit, turn.key, turn.customer.address_id, brand.name)
    conversation = turn.conversation(brand.name)
    if conversation is not None:
        _mark_dropped(turn, conversation)
        closing.withdraw_open(turn, conversation)
        if conversation.owner_kind is not OwnerKind.bot:
            turn.note(conversation, "event", "system", "the customer said STOP; nothing may be sent any more")
        _end(turn, conversation)
    last = turn.last_closed(brand.name)
    if last is not None and last.prompt is not None:
        turn.put(replace(last, prompt=None))
    for offer in turn.active_offers(brand.name):
        if offer.state is OfferState.open:
            closing.end_offer(turn, offer, OfferState.withdrawn)
    return conversation


def _end(turn: Turn, conversation: Conversation) -> None:
    """What is being wrapped up is over already: it ended as its agent said."""
    if conversation.state is ConversationState.wrapup:
        wrapping.end(turn, conversation, "wrap-up is over: the customer said STOP")
    else:
        closing.close(turn, conversation, "opted_out", EventState.suppressed)


def _mark_dropped(turn: Turn, conversation: Conversation) -> None:
    """The agents' words that just ended unsent are marked so where they stand."""
    if conversation.agent is not None or conversation.last_agent is not None:
        turn.to_agent("dropped", "", conversation.id)


def help_(turn: Turn, brands: Sequence[Brand], text: Message, conversation: Conversation | None) -> None:
    """HELP is always answered, to strangers and to opted-out customers too."""
    _confirm(turn, brands, "system.help", text, conversation)


def start(turn: Turn, brands: Sequence[Brand], text: Message, conversation: Conversation | None) -> None:
    """Undoes STOP; confirmed once. To somebody who never stopped it is an opt-in, confirmed the same way."""
    granted = all(turn.consent.get(brand.name) is Permission.granted for brand in brands)
    for brand in brands:
        _record(turn, brand, text, "grant", "keyword", "customer", text.text)
        turn.consent[brand.name] = Permission.granted
    if not granted:
        _confirm(turn, brands, "system.started", text, conversation)


def _confirm(
    turn: Turn, brands: Sequence[Brand], key: str, text: Message | None, conversation: Conversation | None
) -> None:
    """One fixed text on the narrow path, in the name of all. It belongs to the conversation that the customer wrote in,
    if any.
    """
    name = conversation.brand if conversation is not None else brands[0].name
    brand = turn.playbook.brands[name]
    words = outbound.render(turn, _together(brand, brands), key, {})
    sender = text.ours if text else None
    draft = outbound.Draft(words, MessageClass.security, AUTHOR, sender=sender, narrow=True)
    open_one = turn.fresh(conversation) if conversation is not None else None
    outbound.send(turn, open_one, brand, draft)


def _together(brand: Brand, brands: Sequence[Brand]) -> Brand:
    """The brand as a text names it that speaks for several."""
    if len(brands) == 1:
        return brands[0]
    names = ", ".join(its.display_name for its in brands)
    return replace(brand, display_name=names, help_contact=", ".join(dict.fromkeys(its.help_contact for its in brands)))


def _record(turn: Turn, brand: Brand, text: Message | None, act: str, method: str, actor: str, evidence: str) -> None:
    event = ConsentEvent(
        id=turn.ids(),
        address_id=turn.customer.address_id,
        brand=brand.name,
        sender=text.ours if text else None,
        category=None,
        act=act,
        method=method,
        evidence=evidence[:500],
        message_id=text.id if text else None,
        actor=actor,
    )
    customers.record_consent(turn.unit, event)


def carrier_opt_out(turn: Turn, brand: Brand, evidence: str) -> None:
    """The carrier says the customer opted out there: the same, without a confirmation that could not arrive."""
    if turn.revoked(brand.name):
        return
    turn.consent[brand.name] = Permission.revoked
    _record(turn, brand, None, "revoke", "carrier_code", "carrier", evidence)
    ends.opt_out(turn.unit, turn.key, turn.customer.address_id, brand.name, by_carrier=True)
    conversation = turn.conversation(brand.name)
    if conversation is not None:
        _mark_dropped(turn, conversation)
        closing.withdraw_open(turn, conversation)
        _end(turn, conversation)
