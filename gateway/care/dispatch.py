"""Events, timers and answers of back offices: the inputs that are no text of the customer."""

import json
from dataclasses import dataclass

from gateway.care import closing, consent, dialogues, late_replies, offers, outbound, queueing, wrapping
from gateway.care.turn import Turn
from gateway.model import desk, promises
from gateway.model.brand import Brand
from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState, OwnerKind
from gateway.model.event import Event, EventState
from gateway.model.message import Message, MessageClass
from gateway.model.offer import Offer, OfferState
from gateway.model.rows import replace
from gateway.store import ends, events
from gateway.triggers import CallFailed, EventData, Fulfilled, OfferFailed, Result, Timeout
from gateway.triggers.moments import Moment

FAILED_LATE_MS = 72 * 3_600_000
MOST_NAMED = 40  # characters


@dataclass(frozen=True, slots=True)
class CallEnded:
    """What a back office answered. result: JSON object of a 2xx; problem: the sentence of a refusal."""

    call_id: int
    action: str
    conversation_id: int
    dialogue_id: int | None
    offer_id: int | None
    result: str | None
    problem: str | None


def start(turn: Turn, event: Event, parsed: EventData | None = None) -> None:
    """Runs the handler of an event (design 3a)."""
    playbook = turn.playbook
    brand = playbook.brands.get(event.brand)
    handler = playbook.handlers.get(event.type)
    if brand is None or handler is None:
        what = f"brand {event.brand}" if brand is None else f"handler {event.type}"
        raise dialogues.StepFailed(f"{what} is not configured any more; configure it and replay the dead letter")
    if event.expires_at is not None and event.expires_at <= turn.now:
        events.progress(turn.unit, event.id, EventState.expired, "its time was over before it was handled", None)
        return
    if turn.revoked(brand.name) and handler.message_class != MessageClass.emergency:
        events.progress(turn.unit, event.id, EventState.suppressed, "the customer said STOP", None)
        return
    data = parsed if parsed is not None else handler.parse(json.loads(event.data))
    expires = _expires(turn, event, handler, data)
    if expires is not None and expires <= turn.now:
        events.progress(turn.unit, event.id, EventState.expired, "worthless by now (the handler's ttl)", None)
        return
    _replace_older(turn, handler, data, brand.name)
    if (current := turn.conversation(brand.name)) is not None:
        wrapping.end(turn, current, f"wrap-up is over: {event.type} opens another conversation")
    sender = event.sender or playbook.sender_of(brand.name) or ""
    conversation = turn.opened(brand, sender)
    dialogue = dialogues.begin(turn, conversation, handler, event.data, event_id=event.id, parsed=data)
    if not dialogues.run(turn, dialogue, dialogues.STARTED, expires=expires):
        raise dialogues.StepFailed(f"handler {handler.type} has no start")
    _after_start(turn, event, conversation, dialogue)


def _replace_older(turn: Turn, handler: dialogues.AnyHandler, data: EventData, brand: str) -> None:
    """A newer event of the same matter replaces an older one that nobody answered yet (`coalesce=`)."""
    matter = handler.coalesce(data)
    conversation = turn.conversation(brand)
    if matter is None or conversation is None:
        return
    for dialogue in list(turn.dialogues.values()):
        if (
            dialogue.handler == handler.type
            and dialogue.event_id is not None
            and dialogue.conversation_id == conversation.id
            and dialogue.state in (DialogueState.floor, DialogueState.pending)
            and handler.coalesce(handler.parse(json.loads(dialogue.data))) == matter
        ):
            ends.replace_unsent(turn.unit, turn.key, dialogue.event_id)
            offer = turn.offer(dialogue.offer_id)
            if offer is not None and offer.state is OfferState.open:
                closing.end_offer(turn, offer, OfferState.withdrawn)
            closing.end_dialogue(turn, dialogue)


def _after_start(turn: Turn, event: Event, conversation: Conversation, dialogue: Dialogue) -> None:
    """What is stored of the event, and what the owner of the conversation hears of it."""
    now = turn.dialogues[dialogue.id]
    state = EventState.done if now.state is DialogueState.done else EventState.started
    events.progress(turn.unit, event.id, state, None, conversation.id)
    current = turn.fresh(conversation)
    if current.owner_kind is not OwnerKind.bot:
        turn.note(current, "event", "system", f"{event.type}: the customer was told; its question waits")
    elif now.state is DialogueState.pending and not (now.pending or {}).get("step"):
        dialogues.finish(turn, current, now, "told")


def _expires(turn: Turn, event: Event, handler: dialogues.AnyHandler, data: EventData) -> int | None:
    until = handler.expires(data, turn.moment)
    its = int(until.timestamp() * 1000) if until is not None else None
    return min((at for at in (its, event.expires_at) if at is not None), default=None)


def start_failed(turn: Turn, event_id: int, cause: str) -> None:
    """A broken start: an alarm and a dead letter, no person (10,000 of them must not flood the agents)."""
    events.progress(turn.unit, event_id, EventState.failed, cause[:500], None)


# -- timers


def step_due(turn: Turn, dialogue_id: int) -> None:
    """A step's silence. A timer that fires before the deadline goes back to sleep."""
    dialogue = turn.dialogues.get(dialogue_id)
    if dialogue is None:
        return
    dialogue = turn.put_dialogue(replace(dialogue, timer=None))
    if dialogue.state is not DialogueState.floor or dialogue.deadline is None:
        return
    if dialogue.deadline > turn.now:
        turn.timer(dialogues.STEP, dialogue.deadline, dialogue.id, an_id=dialogue.id)
        turn.put_dialogue(replace(dialogue, timer=dialogue.deadline))
        return
    dialogue = turn.put_dialogue(replace(dialogue, deadline=None))
    if not dialogues.run(turn, dialogue, Timeout(dialogue.step)):
        dialogues.finish(turn, turn.conversations[dialogue.conversation_id], dialogue, "no_reply")
    late_replies.leave(turn, dialogue)


def queue_due(turn: Turn, conversation_id: int, epoch: int) -> None:
    """T_wait of a queued conversation; the timer lives on, so that QUEUED always has one."""
    conversation = turn.conversations.get(conversation_id)
    if conversation is None or conversation.epoch != epoch or conversation.state is not ConversationState.queued:
        return
    if promises.is_owed(conversation.promises):
        queueing.wait_in_vain(turn, conversation)
    queueing.arm_wait(turn, turn.fresh(conversation))


def offer_due(turn: Turn, offer_id: int) -> None:
    """The offer's time is over; whoever waits on it hears so when the customer says YES."""
    offer = turn.offer(offer_id)
    if offer is not None and offer.state is OfferState.open and offer.expires_at <= turn.now:
        closing.end_offer(turn, offer, OfferState.expired)


def still_working(turn: Turn, conversation_id: int, call_id: int) -> None:
    """A call takes long: the customer is told once that we are still at it."""
    conversation = turn.conversations.get(conversation_id)
    if conversation is None or not conversation.open or conversation.owner_kind is not OwnerKind.bot:
        return
    waits = [
        d for d in turn.dialogues.values() if d.state is DialogueState.calling and d.conversation_id == conversation_id
    ]
    if any(dialogue.call_id == call_id for dialogue in waits):
        outbound.say(turn, conversation, "system.still_working", {})


# -- back offices


def call_ended(turn: Turn, ended: CallEnded) -> None:
    """The answer resumes the handler that asked; if it lost the turn, the gateway itself tells the customer."""
    offer = turn.offer(ended.offer_id)
    if offer is not None and offer.state is OfferState.fulfilling:
        if ended.problem is None:
            offer = offers.fulfilled(turn, offer, ended.result or "{}")
        else:
            offer = offers.failed(turn, offer, ended.problem)
    dialogue = turn.dialogues.get(ended.dialogue_id) if ended.dialogue_id is not None else None
    conversation = turn.conversations.get(ended.conversation_id)
    if conversation is None and offer is not None:
        # It was closed long ago, and another one came after it: the customer hears all the same.
        conversation = turn.conversation(offer.brand) or turn.last_closed(offer.brand)
    if conversation is None:
        return
    has_turn = (
        dialogue is not None
        and dialogue.state is DialogueState.calling
        and dialogue.call_id == (ended.offer_id or ended.call_id)
        and conversation.owner_kind is OwnerKind.bot
    )
    if has_turn and dialogue is not None:
        _resume(turn, dialogue, ended, offer)
    elif offer is not None:
        _tell(turn, conversation, offer, ended.problem)
    else:
        # The booking was changed (or not) after the handler lost the turn: whoever has it now must know.
        what = f"failed: {ended.problem}" if ended.problem is not None else f"is done: {ended.result}"
        turn.note(
            turn.conversation(conversation.brand) or conversation, "call", "system", f"{ended.action} {what}"[:500]
        )


def _resume(turn: Turn, dialogue: Dialogue, ended: CallEnded, offer: Offer | None) -> None:
    # The texts that waited come back first as rows: whatever the step does now, they are routed after it.
    dialogues.release_parked(turn, dialogue)
    dialogue = turn.put_dialogue(replace(turn.dialogues[dialogue.id], state=DialogueState.floor, step="", call_id=None))
    result = json.loads(ended.result or "{}")
    occasion: Moment
    if ended.offer_id is not None:
        occasion = Fulfilled(result) if ended.problem is None else OfferFailed(ended.problem)
    else:
        occasion = Result(ended.action, result) if ended.problem is None else CallFailed(ended.action, ended.problem)
    if dialogues.run(turn, dialogue, occasion):
        return
    conversation = turn.conversations[dialogue.conversation_id]
    if offer is not None:
        _tell(turn, conversation, offer, ended.problem)
    if ended.problem is None:
        dialogues.finish(turn, turn.fresh(conversation), dialogue, "offer_accepted" if offer else "answered")
    else:
        queueing.to_queue(turn, turn.fresh(conversation), None, f"{ended.action} failed: {ended.problem}")


def _tell(turn: Turn, conversation: Conversation, offer: Offer, problem: str | None) -> None:
    """Invariant 3: a back-office result always lands on the offer, the customer hears of it, and the owner too."""
    key = "system.offer_fulfilled" if problem is None else "system.offer_failed"
    current = turn.conversation(conversation.brand) or conversation
    outbound.say(
        turn,
        current,
        key,
        {"title": offer.title, "price": offer.price, "currency": offer.currency},
        cls=MessageClass.transactional,
        offer_id=offer.id,
    )
    current = turn.fresh(current)
    if problem is not None:
        current = queueing.to_do(turn, current)  # its agent takes care of it
    said = f"{offer.name} was delivered" if problem is None else f"{offer.name} failed: {problem}"
    turn.note(current, "offer", "system", said)
    offers.tell_maker(turn, current, offer, said)
    if current.open and current.owner_kind is OwnerKind.bot and turn.floor(current) is None:
        if problem is not None:
            queueing.to_queue(turn, current, None, said)
        elif not turn.pending(current):
            closing.close(turn, current, "offer_accepted")
    elif not current.open and problem is not None and not turn.revoked(current.brand):
        queueing.reopen(turn, current, said)


# -- failed messages


def delivery_failed(turn: Turn, message: Message, reason: str, *, opted_out: bool) -> None:
    """A failed human or transactional message always has an owner (invariant 7)."""
    brand: Brand | None = turn.playbook.brands.get(message.brand)
    if bubble := desk.bubble_of(message, desk=turn.playbook.desk):
        turn.to_agent(bubble[0], message.author_id, message.id, bubble[1], reason)
    if brand is None:
        return
    if opted_out:
        # The carrier blocks the address, whoever writes from it.
        for each in turn.playbook.brands_at(message.ours) or (brand,):
            consent.carrier_opt_out(turn, each, reason)
        return
    why = f"{_named(message)} did not arrive: {reason}"
    current = turn.conversation(message.brand)
    if current is None:
        if message.conversation_id is None:
            # A program's own notice outside any conversation: the program sees the disposition.
            return
        own = turn.conversations.get(message.conversation_id) or turn.last_closed(message.brand)
        late = own is None or own.closed_at is None or turn.now - own.closed_at > FAILED_LATE_MS
        if own is not None and not late and not turn.revoked(brand.name):
            queueing.reopen(turn, own, why)
        return
    current = queueing.to_do(turn, current)
    turn.note(current, "failed", "system", why)
    if current.owner_kind is OwnerKind.bot:
        queueing.to_queue(turn, current, None, why)


def _named(message: Message) -> str:
    """Which text: an agent may have sent several, and not every client marks bubbles. Of a program's the link in it is
    the customer's own.
    """
    if message.author_kind != "agent":
        return "a text"
    return named(message.text)


def named(text: str) -> str:
    """An agent's words, as short as it takes to know them again."""
    words = " ".join(text.split())
    return f'"{words if len(words) <= MOST_NAMED else f"{words[:MOST_NAMED]}..."}"'


def matters(message: Message) -> bool:
    """Whether a failure of this message needs an owner: human or transactional, not the confirmations of STOP."""
    if message.author_id == outbound.COMPLIANCE:
        return False
    return message.author_kind == "agent" or message.cls <= MessageClass.transactional
