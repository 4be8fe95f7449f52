"""How conversations, dialogues and offers end: each with its outcome, none left without an owner (invariant 9)."""

from gateway.care import reserving
from gateway.care.turn import Turn
from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState
from gateway.model.event import EventState
from gateway.model.offer import Offer, OfferState
from gateway.model.rows import replace
from gateway.store import events

HANDLERS = "handler:"


def end_dialogue(
    turn: Turn, dialogue: Dialogue, state: EventState = EventState.done, problem: str | None = None
) -> None:
    """A run of a handler is over; its event is done (or failed, suppressed, expired)."""
    turn.put_dialogue(replace(dialogue, state=DialogueState.done, deadline=None, call_id=None, pending=None, parked=()))
    if dialogue.event_id is not None:
        events.progress(turn.unit, dialogue.event_id, state, problem, dialogue.conversation_id)


def end_offer(turn: Turn, offer: Offer, state: OfferState) -> Offer:
    """An offer ends without being bought."""
    return turn.put_offer(replace(offer, state=state, ended_at=turn.now))


def withdraw_open(
    turn: Turn, conversation: Conversation, state: OfferState = OfferState.withdrawn, made_by: str = ""
) -> None:
    """What was offered in a conversation and not answered ends with it; what is being fulfilled goes on.

    made_by: how `Offer.made_by` begins; `HANDLERS` where a person ends it, since what an agent offered stays good.
    """
    for offer in list(turn.offers.values()):
        mine = offer.conversation_id == conversation.id and offer.made_by.startswith(made_by)
        if mine and offer.state is OfferState.open:
            end_offer(turn, offer, state)


def end_dialogues(turn: Turn, conversation: Conversation, event_state: EventState = EventState.done) -> None:
    """All runs of handlers in a conversation are over."""
    for dialogue in [d for d in turn.dialogues.values() if d.conversation_id == conversation.id]:
        if dialogue.state is not DialogueState.done:
            end_dialogue(turn, dialogue, event_state)


def dispositions(turn: Turn, conversation: Conversation) -> tuple[str, ...]:
    """How a conversation may end with an agent: as its queue says, else as the rules say."""
    return _of_queue(turn, conversation) or turn.playbook.rules.conversations.dispositions


def refused(turn: Turn, conversation: Conversation, disposition: str) -> str | None:
    """Why an agent may not end it so: its queue names how its conversations end, and this is none of them."""
    named = _of_queue(turn, conversation)
    if not named or disposition in named:
        return None
    if not disposition:
        return f"queue {conversation.queue} wants to know how it ended: {', '.join(named)}"
    return f"no disposition {disposition!r} in queue {conversation.queue}; there are {', '.join(named)}"


def _of_queue(turn: Turn, conversation: Conversation) -> tuple[str, ...]:
    queue = turn.playbook.queues.get(conversation.queue or "")
    return tuple(queue.dispositions) if queue is not None else ()


def close(
    turn: Turn, conversation: Conversation, disposition: str, event_state: EventState = EventState.done
) -> Conversation:
    """Ends an episode. Its dialogues end; an open offer stays open until it expires, unless a person ended it or the
    customer opted out.
    """
    end_dialogues(turn, conversation, event_state)
    conversation = turn.fresh(conversation)
    if not conversation.open:
        return conversation
    for agent in reserving.concerned(conversation):
        turn.to_agent("notice", agent, conversation.id, f"closed: {disposition}")
    turn.desk_changed = True
    return turn.put(
        replace(
            conversation,
            state=ConversationState.closed,
            disposition=disposition,
            closed_at=turn.now,
            owner_id="",
            agent=None,
            reservation=None,
            preview=None,
            prompt=_still_asked(turn, conversation),
        )
    )


def _still_asked(turn: Turn, conversation: Conversation) -> str | None:
    """What begins and ends in one decision has asked nothing: what was asked in the conversation before it stands."""
    before = turn.conversations.get(conversation.previous or 0)
    if before is None or before.prompt is None:
        return None
    began_now = any(read is None and its.id == conversation.id for read, its in turn.moved())
    return before.prompt if began_now else None
