"""Wrap-up: a conversation is closed for the customer, and its agent writes down what is to be written down.

The agent's place stays taken until T_wrap (`[[queues]] wrapup`) or `/done`. Whatever goes on meanwhile brings the
conversation back to the agent: the customer writes, the agent writes, a text of theirs fails.
"""

from gateway.care import closing
from gateway.care.turn import Turn
from gateway.model.conversation import Conversation, ConversationState, OwnerKind
from gateway.model.rows import replace

WRAPUP = "wrapup"


def seconds_of(turn: Turn, conversation: Conversation) -> int:
    """How long its agent may take, 0 = it is closed at once."""
    queue = turn.playbook.queues.get(conversation.queue or "")
    if queue is None or conversation.agent is None or conversation.owner_kind is not OwnerKind.agent:
        return 0
    return int(queue.wrapup)


def begin(turn: Turn, conversation: Conversation, disposition: str, seconds: int) -> Conversation:
    """Closes it for the customer; its dialogues end."""
    closing.end_dialogues(turn, conversation)
    its = turn.fresh(conversation)
    again = its.state is ConversationState.wrapup
    closed_at = its.closed_at if again else turn.now
    moved = turn.put(replace(its, state=ConversationState.wrapup, disposition=disposition, closed_at=closed_at))
    if not again:
        turn.timer(WRAPUP, turn.now + seconds * 1000, moved.id, f"{moved.epoch} {moved.closed_at}")
    left = max(0, (closed_at or 0) + seconds * 1000 - turn.now) // 1000
    turn.tell(moved, f"closed: {disposition}; {left} s to wrap up, .done ends it, .close changes how it ended")
    return moved


def due(turn: Turn, conversation_id: int, body: str) -> None:
    """T_wrap. The timer of an earlier close does nothing."""
    conversation = turn.conversations.get(conversation_id)
    if conversation is not None and body == f"{conversation.epoch} {conversation.closed_at}":
        end(turn, conversation, "wrap-up is over")


def end(turn: Turn, conversation: Conversation, told: str = "") -> Conversation:
    """It is closed for the agent too, as the agent said; their place is free. told: what they hear, "" = nothing."""
    conversation = turn.fresh(conversation)
    if conversation.state is not ConversationState.wrapup:
        return conversation
    closing.end_dialogues(turn, conversation)
    if told:
        turn.tell(conversation, told)
    turn.desk_changed = True
    conversation = turn.fresh(conversation)
    return turn.put(replace(conversation, state=ConversationState.closed, owner_id="", agent=None, preview=None))


def back(turn: Turn, conversation: Conversation, why: str = "") -> Conversation:
    """It goes on after all, with its agent. why: for the notes, which its agent reads too; "" = the agent knows."""
    if conversation.state is not ConversationState.wrapup:
        return conversation
    moved = turn.put(replace(conversation, state=ConversationState.human, disposition=None, closed_at=None))
    if why:
        turn.note(moved, "reopened", "system", why)
    return moved
