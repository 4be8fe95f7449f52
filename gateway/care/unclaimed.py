"""A text that no person, no compliance word and no step claims: an open offer, a keyword, or the default handler."""

import json

from gateway.care import answering, closing, dialogues, offers, outbound, queueing
from gateway.care.playbook import yes_or_no
from gateway.care.turn import Turn
from gateway.model.brand import Brand
from gateway.model.conversation import Conversation
from gateway.model.message import Message
from gateway.model.offer import Offer, OfferState
from gateway.model.rows import replace
from gateway.store import messages


def answer(turn: Turn, brand: Brand, message: Message, conversation: Conversation | None) -> None:
    """No step waits: an open offer, a keyword, or the brand's default handler; a stranger gets its answer too."""
    language = turn.language(brand.name)
    said = yes_or_no(message.text, language)
    offer = offers.unattended(turn, brand.name)
    if said is not None and offer is not None:
        conversation = turn.put(replace(turn.opened(brand, message.ours), last_in=turn.now))
        return _answer_loose(turn, conversation, message, offer, said)
    ended = offers.just_ended(turn, brand.name) if said == "YES" else None
    if ended is not None and ended.state in (OfferState.fulfilling, OfferState.fulfilled):
        # A second YES to what is bought already: nothing to buy, nothing to answer; it is kept and shown.
        note = f"a second YES: {ended.name} is bought already"
        messages.add_event(turn.unit, turn.ids(), message.id, "reply", reason=note)
        if conversation is not None:
            closing.close(turn, turn.put(replace(turn.fresh(conversation), last_in=turn.now)), "answered")
        return None
    conversation = turn.put(replace(turn.opened(brand, message.ours), last_in=turn.now))
    if ended is not None:
        outbound.say(turn, conversation, "system.offer_ended", {"title": ended.title})
        closing.close(turn, turn.fresh(conversation), "offer_ended")
        return None
    keyword = turn.playbook.keyword(message.text, brand.name, message.ours, language)
    if keyword is not None and keyword.say is not None:
        outbound.say(turn, conversation, keyword.say, {})
        closing.close(turn, turn.fresh(conversation), "answered")
        return None
    name = keyword.handler if keyword is not None else turn.playbook.default_handler(brand.name)
    handler = turn.playbook.handlers.get(name or "")
    if handler is None:
        queueing.to_queue(turn, turn.fresh(conversation), None, "a text that no handler claims")
        return None
    _begin(turn, turn.fresh(conversation), handler, message)
    return None


def _begin(turn: Turn, conversation: Conversation, handler: dialogues.AnyHandler, message: Message) -> None:
    """Starts a keyword's handler or the default handler with the customer's text as its event."""
    data = {"text": message.text[:500]} if "text" in handler.schema.model_fields else {}
    dialogue = dialogues.begin(turn, conversation, handler, json.dumps(data))
    if not dialogues.run(turn, dialogue, dialogues.STARTED, text=message.text):
        raise dialogues.StepFailed(f"handler {handler.type} has no start")


def _answer_loose(turn: Turn, conversation: Conversation, message: Message, offer: Offer, answer: str) -> None:
    """YES or NO to an offer that no step waits on any more."""
    ended = answering.settle(turn, conversation, message, offer, answer)
    if ended.state is OfferState.declined:
        closing.close(turn, turn.fresh(conversation), "offer_declined")
    elif ended.state is OfferState.fulfilled:
        closing.close(turn, turn.fresh(conversation), "offer_accepted")
