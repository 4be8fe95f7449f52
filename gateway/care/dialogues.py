"""Running handlers: a step decides, its effects are written into the turn; the floor goes to whoever is next.

A handler that fails has its effects dropped: the turn is decided again without it (`StepFailed` reaches the engine).
"""

import json
from collections.abc import Mapping

from gateway.care import closing, offers, outbound, queueing
from gateway.care.playbook import rank_of
from gateway.care.turn import CUSTOMER_LANE, Turn
from gateway.model.conversation import Conversation, Dialogue, DialogueState, OwnerKind
from gateway.model.ids import made_at
from gateway.model.message import Author, MessageClass
from gateway.model.offer import OfferState
from gateway.model.rows import replace
from gateway.settings.policy import Offer as Terms
from gateway.store import work
from gateway.store.units import Due
from gateway.triggers import (
    AcceptOffer,
    Call,
    Close,
    DeclineOffer,
    Effect,
    Escalate,
    EventData,
    Fulfilled,
    Handler,
    Link,
    NoStep,
    Remember,
    Reply,
    Say,
    Start,
    StepError,
    Wait,
    limit_step,
)
from gateway.triggers.handler import STEP_LIMIT
from gateway.triggers.moments import Moment
from gateway.triggers.steps import Steps

STEP = "step"
STARTED = Start()
_MOST_PARSED = 10_000
_LINK = "$link"
AnyHandler = Handler


class StepFailed(Exception):
    """A step raised, broke a rule, or took too long. `cause` goes into the dead letter; nothing of it is written."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def run(
    turn: Turn, dialogue: Dialogue, occasion: Moment, *, text: str | None = None, expires: int | None = None
) -> bool:
    """Runs the handler's step for an occasion and applies its effects; False when it has none.

    text: the customer's words, if they are the reason; an acceptance keeps them. expires: ms, of the texts it says.

    Raises:
        StepFailed: the handler is broken; decide again without it.
    """
    handler = turn.playbook.handlers.get(dialogue.handler)
    if handler is None:
        raise StepFailed(f"handler {dialogue.handler} is not loaded; load it again or close its conversations")
    conversation = turn.conversations[dialogue.conversation_id]
    steps: Steps = handler.running
    data = data_of(turn, handler, dialogue)
    talk = steps.talk(data, turn.now, turn.language(conversation.brand), turn.key, dialogue.slots)
    try:
        with limit_step(STEP_LIMIT):
            effects = steps.run(occasion, talk)
    except NoStep:
        return False
    except StepError as error:
        cause = f"{error}: {error.__cause__!r}" if error.__cause__ is not None else str(error)
        raise StepFailed(cause) from error
    apply(turn, handler, dialogue, effects, text=text, expires=expires)
    return True


def data_of(turn: Turn, handler: AnyHandler, dialogue: Dialogue) -> EventData:
    """The event's data, parsed once for as long as the dialogue is busy."""
    parsed = turn.playbook.parsed
    data = parsed.get(dialogue.id)
    if data is None:
        data = handler.parse(json.loads(dialogue.data))
        parsed[dialogue.id] = data
        if len(parsed) > _MOST_PARSED:
            parsed.popitem(last=False)
    return data


def begin(
    turn: Turn,
    conversation: Conversation,
    handler: AnyHandler,
    data: str,
    *,
    event_id: int | None = None,
    parsed: EventData | None = None,
) -> Dialogue:
    """A new run of a handler; it has the floor if nobody else has it and the bot has the turn."""
    free = turn.floor(conversation) is None and conversation.owner_kind is OwnerKind.bot
    dialogue = Dialogue(
        id=turn.ids(),
        conversation_id=conversation.id,
        event_id=event_id,
        handler=handler.type,
        version=handler.version,
        state=DialogueState.floor if free else DialogueState.pending,
        rank=rank_of(handler.message_class, offers=False),
        data=data,
        pending=None if free else {},
    )
    if parsed is not None:
        turn.playbook.parsed[dialogue.id] = parsed
    if free:
        turn.put(replace(turn.fresh(conversation), owner_id=handler.type))
    return turn.put_dialogue(dialogue)


def apply(
    turn: Turn,
    handler: AnyHandler,
    dialogue: Dialogue,
    effects: tuple[Effect, ...],
    *,
    text: str | None,
    expires: int | None,
) -> None:
    """Writes what a step decided."""
    for effect in effects:
        dialogue = turn.dialogues[dialogue.id]
        # No `match`: compiled, a pattern asks for the class and its attributes by their names.
        if isinstance(effect, Remember):
            turn.put_dialogue(replace(dialogue, slots={**dialogue.slots, effect.name: effect.value}))
            continue
        if isinstance(effect, Wait):
            _wait(turn, dialogue, effect.step, effect.timeout_s)
            continue
        conversation = turn.conversations[dialogue.conversation_id]
        if isinstance(effect, Say):
            _say(turn, handler, conversation, dialogue, effect, expires)
        elif isinstance(effect, Close):
            finish(turn, conversation, dialogue, effect.disposition)
        elif isinstance(effect, Escalate):
            _escalate(turn, conversation, dialogue, effect.queue, effect.why, effect.priority)
        elif isinstance(effect, AcceptOffer):
            _accept(turn, conversation, dialogue, text or "")
        elif isinstance(effect, DeclineOffer):
            _decline(turn, dialogue)
        else:
            _call(turn, dialogue, effect)


def _decline(turn: Turn, dialogue: Dialogue) -> None:
    offer = turn.offer(dialogue.offer_id)
    if offer is not None and offer.state is OfferState.open:
        closing.end_offer(turn, offer, OfferState.declined)


def _say(
    turn: Turn,
    handler: AnyHandler,
    conversation: Conversation,
    dialogue: Dialogue,
    effect: Say,
    expires: int | None,
) -> None:
    """One text; with an offer it is the offer's words. Without the floor it tells, but neither offers nor asks."""
    asks = dialogue.state is not DialogueState.pending
    brand = turn.playbook.brands[conversation.brand]
    terms = _terms(turn, handler, conversation, effect, asks=asks)
    if effect.offer and not asks:
        said = {"say": {"key": effect.key, "fields": _plain(effect.fields)}, "offer": effect.offer}
        dialogue = turn.put_dialogue(replace(dialogue, pending={**(dialogue.pending or {}), **said}))
    message_id = turn.ids()
    words = outbound.render(
        turn,
        brand,
        effect.key,
        effect.fields,
        conversation=conversation,
        message_id=message_id,
        dialogue_id=dialogue.id,
        ask=asks,
        offer=offers.fields(terms) if terms is not None else None,
    )
    offer = None
    if terms is not None:
        by = f"handler:{handler.type}"
        offer = offers.make(
            turn, conversation, terms, made_by=by, words=words, message_id=message_id, dialogue=dialogue
        )
        turn.put_dialogue(replace(turn.dialogues[dialogue.id], offer_id=offer.id))
    # A bot's answer to the customer's own text is part of the talk, and must not wait behind bulk notices.
    answers = conversation.last_in is not None
    draft = outbound.Draft(
        words,
        min(handler.message_class, MessageClass.conversational) if answers else handler.message_class,
        Author("bot" if asks else "event", handler.type),
        message_id=message_id,
        event_id=dialogue.event_id,
        offer_id=offer.id if offer else None,
        expires_at=expires,
        reply=answers,
    )
    outbound.send(turn, conversation, brand, draft)


def _terms(turn: Turn, handler: AnyHandler, conversation: Conversation, effect: Say, *, asks: bool) -> Terms | None:
    """The offer that a text makes, None where it makes none or may not make it now."""
    if effect.offer is None:
        return None
    terms = offers.terms_of(turn, effect.offer, conversation.brand)
    if terms is None:
        raise StepFailed(f"{handler.type}: no offer {effect.offer} for brand {conversation.brand} in offers.toml")
    return terms if asks and offers.why_not(turn, conversation, terms) is None else None


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Fields as JSON keeps them; a link is made anew when the text is said again."""
    return {name: {_LINK: True} if isinstance(value, Link) else value for name, value in values.items()}


def _unplain(values: Mapping[str, object]) -> dict[str, object]:
    """What `_plain` kept."""
    return {name: Link() if value == {_LINK: True} else value for name, value in values.items()}


def _wait(turn: Turn, dialogue: Dialogue, step: str, timeout_s: float | None) -> None:
    if dialogue.state is DialogueState.pending:
        turn.put_dialogue(replace(dialogue, pending={**(dialogue.pending or {}), "step": step, "timeout": timeout_s}))
        return
    deadline = turn.now + int(timeout_s * 1000) if timeout_s is not None else None
    timer = dialogue.timer
    if deadline is not None and (timer is None or timer > deadline):
        if timer is not None:
            work.drop(turn.unit, CUSTOMER_LANE, 0, timer, dialogue.id)
        turn.timer(STEP, deadline, dialogue.id, an_id=dialogue.id)
        timer = deadline
    turn.put_dialogue(
        replace(dialogue, state=DialogueState.floor, step=step, deadline=deadline, call_id=None, misses=0, timer=timer)
    )


def finish(turn: Turn, conversation: Conversation, dialogue: Dialogue, disposition: str) -> None:
    """A dialogue is over; the conversation too, unless another dialogue waits for the floor or a person has it."""
    closing.end_dialogue(turn, dialogue)
    conversation = turn.fresh(conversation)
    if conversation.owner_kind is OwnerKind.bot and conversation.open:
        if turn.floor(conversation) is not None:
            return
        if turn.pending(conversation):
            next_floor(turn, conversation)
        else:
            closing.close(turn, conversation, disposition)


def _escalate(
    turn: Turn, conversation: Conversation, dialogue: Dialogue, queue: str, why: str, priority: int | None = None
) -> None:
    if conversation.owner_kind is OwnerKind.bot:
        queueing.to_queue(turn, conversation, queue, why, priority)
    else:
        turn.note(conversation, "escalated", dialogue.handler, why)


def _accept(turn: Turn, conversation: Conversation, dialogue: Dialogue, words: str) -> None:
    offer = turn.offer(dialogue.offer_id)
    if offer is None:
        # The text made no offer (the customer could not get it), so a YES means something else: a person reads it.
        _escalate(turn, conversation, dialogue, "", f"said {words!r:.50} to a text without an offer")
        return
    if not offers.usable(turn, offer):
        # Nobody buys what is not offered any more; the customer is told, and the step still listens.
        outbound.say(turn, conversation, "system.offer_ended", {"title": offer.title})
        return
    bought = offers.accept(turn, offer, via=conversation.channel, by="customer", words=words, dialogue=dialogue)
    if bought.state is OfferState.fulfilled:
        if not run(turn, dialogue, Fulfilled({})):
            outbound.say(turn, conversation, "system.offer_fulfilled", {"title": bought.title})
            finish(turn, turn.fresh(conversation), turn.dialogues[dialogue.id], "offer_accepted")
        return
    turn.put_dialogue(
        replace(turn.dialogues[dialogue.id], state=DialogueState.calling, deadline=None, call_id=bought.id)
    )


def _call(turn: Turn, dialogue: Dialogue, effect: Call) -> None:
    if dialogue.state is DialogueState.pending:
        raise StepFailed(f"{dialogue.handler}: a handler without the floor calls nobody; wait for a reply first")
    body = {
        "action": effect.action,
        "arguments": dict(effect.arguments),
        "customer": turn.key,
        "conversation": str(dialogue.conversation_id),
        "event": str(dialogue.event_id) if dialogue.event_id is not None else None,
    }
    call_id = offers.call(turn, effect.backoffice, effect.action, body, dialogue.conversation_id, dialogue)
    turn.put_dialogue(replace(dialogue, state=DialogueState.calling, deadline=None, call_id=call_id))


def next_floor(turn: Turn, conversation: Conversation) -> None:
    """The floor is free: the next pending dialogue gets it, and asks what it could not ask before."""
    conversation = turn.fresh(conversation)
    waiting = turn.pending(conversation)
    if not waiting or turn.floor(conversation) is not None or conversation.owner_kind is not OwnerKind.bot:
        return
    dialogue = waiting[0]
    pending = dialogue.pending or {}
    turn.put(replace(conversation, owner_id=dialogue.handler))
    handler = turn.playbook.handlers.get(dialogue.handler)
    dialogue = turn.put_dialogue(replace(dialogue, state=DialogueState.floor, pending=None, rank=max(dialogue.rank, 0)))
    if handler is None or not ("step" in pending or pending.get("handed_over")):
        finish(turn, turn.fresh(conversation), dialogue, "told")
        return
    said = pending.get("say")
    if isinstance(said, dict):
        _say(
            turn,
            handler,
            turn.fresh(conversation),
            dialogue,
            Say(said["key"], _unplain(said["fields"]), str(pending["offer"])),
            None,
        )
    if "step" in pending:
        timeout = pending.get("timeout")
        _wait(turn, turn.dialogues[dialogue.id], str(pending["step"]), float(str(timeout)) if timeout else None)


def release_parked(turn: Turn, dialogue: Dialogue) -> None:
    """Texts that came while a call was under way are inputs again, in order."""
    for message_id in dialogue.parked:
        # With the time and the id they came with: before whatever the customer wrote later.
        due = Due(message_id, CUSTOMER_LANE, turn.key, "parked", made_at(message_id), 0, 0, message_id)
        work.add(turn.unit, due)
    if dialogue.parked:
        turn.put_dialogue(replace(turn.dialogues[dialogue.id], parked=()))


def reply(turn: Turn, dialogue: Dialogue, text: str) -> bool:
    """A reply to the step that waits; False when the step understands nothing of the kind."""
    handler = turn.playbook.handlers.get(dialogue.handler)
    if handler is None:
        raise StepFailed(f"handler {dialogue.handler} is not loaded; load it again or close its conversations")
    conversation = turn.conversations[dialogue.conversation_id]
    steps: Steps = handler.running
    choice = steps.match(dialogue.step, text, turn.language(conversation.brand))
    return run(turn, dialogue, Reply(dialogue.step, text, choice), text=text)


def wait_again(turn: Turn, dialogue: Dialogue, timeout_s: float) -> None:
    """The dialogue listens again in the step where it was."""
    _wait(turn, dialogue, dialogue.step, timeout_s)
