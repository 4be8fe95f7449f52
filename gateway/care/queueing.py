"""The queue: a conversation waits for a person, for the first time or again; its customer hears when nobody comes."""

from zoneinfo import ZoneInfo

from gateway.care import outbound, wrapping
from gateway.care.turn import Turn
from gateway.model.brand import Brand
from gateway.model.conversation import Conversation, ConversationState, DialogueState
from gateway.model.rows import replace
from gateway.settings.hours import Hours

QUEUE_WAIT = "queue_wait"


def to_queue(turn: Turn, conversation: Conversation, queue: str | None, why: str) -> Conversation:
    """The conversation waits for a person. Says nothing to the customer; after T_wait the gateway does (design 3c)."""
    playbook = turn.playbook
    known = playbook.queues.get(queue or "")
    # A handler that serves two brands names the queue of one; the other's customers wait in their own.
    ours = known is not None and known.brand == conversation.brand
    name = queue if ours else playbook.default_queue(conversation.brand)
    if name is None:
        name = queue or "default"
    floor = turn.floor(conversation)
    if floor is not None:
        # The handler keeps its place: hand-back resumes it. It may not speak meanwhile (another owner, another epoch).
        turn.put_dialogue(
            replace(floor, state=DialogueState.pending, deadline=None, rank=-1, pending={"handed_over": True})
        )
    moved = turn.put(
        replace(
            turn.fresh(conversation),
            state=ConversationState.queued,
            owner_id=name,
            queue=name,
            agent=None,
            why=why or None,
            told_waiting=False,
            rejoin=floor.id if floor else conversation.rejoin,
            reservation=None,
        )
    )
    turn.desk_changed = True
    turn.note(moved, "escalated", "bot", why)
    arm_wait(turn, moved)
    if not _open_now(turn, moved):
        wait_in_vain(turn, moved)
    return turn.fresh(moved)


def _open_now(turn: Turn, conversation: Conversation) -> bool:
    """Whether somebody may answer now: outside opening hours the customer hears at once when that will be."""
    queue = turn.playbook.queues.get(conversation.queue or "")
    return _opens(turn, turn.playbook.brands[conversation.brand], queue.opening if queue else None) is None


def arm_wait(turn: Turn, conversation: Conversation) -> None:
    """QUEUED always has a live timer (invariant 7)."""
    wait = int(turn.playbook.rules.conversations.wait * 1000)
    turn.timer(QUEUE_WAIT, turn.now + wait, conversation.id, str(conversation.epoch))


def wait_in_vain(turn: Turn, conversation: Conversation) -> None:
    """T_wait.

    Nobody took the conversation; the customer is told once, with the real opening time where it is closed.
    """
    if conversation.state is not ConversationState.queued or conversation.told_waiting:
        return
    brand = turn.playbook.brands[conversation.brand]
    queue = turn.playbook.queues.get(conversation.queue or "")
    opens = _opens(turn, brand, queue.opening if queue else None)
    key = "system.outside_hours" if opens else "system.no_agent"
    outbound.say(turn, conversation, key, {"opens": opens} if opens else {})
    turn.put(replace(turn.fresh(conversation), told_waiting=True))


def _opens(turn: Turn, brand: Brand, hours: Hours | None) -> str | None:
    """RFC 3339 of the next opening, None while open."""
    if hours is None:
        return None
    local = turn.moment.astimezone(ZoneInfo(brand.timezone))
    if hours.is_open(local):
        return None
    at = hours.next_opening(local)
    return str(at.isoformat()) if at else None


def requeue(turn: Turn, conversation: Conversation, why: str) -> Conversation:
    """The agent is gone: it waits in its queue again, with its history; what is being wrapped up is closed."""
    if conversation.state is ConversationState.wrapup:
        return wrapping.end(turn, conversation)
    return _wait_again(turn, conversation, "requeued", why)


def missed(turn: Turn, conversation_id: int, agent: str) -> bool:
    """The agent has been gone for longer than the grace; whether they still had the conversation."""
    conversation = turn.conversations.get(conversation_id)
    if conversation is None or not conversation.open or conversation.agent != agent:
        return False
    known = turn.playbook.agent(agent)
    requeue(turn, conversation, f"{known.name} went offline" if known is not None else f"{agent} is no agent any more")
    return True


def reopen(turn: Turn, conversation: Conversation, why: str) -> Conversation:
    """A closed conversation needs a person again: late reply, or a failed message (invariant 7)."""
    return _wait_again(turn, conversation, "reopened", why)


def _wait_again(turn: Turn, conversation: Conversation, kind: str, why: str) -> Conversation:
    """In its queue once more; should nobody take it, the customer is told as at the first time."""
    queue = conversation.queue or turn.playbook.default_queue(conversation.brand) or "default"
    moved = turn.put(
        replace(
            conversation,
            state=ConversationState.queued,
            owner_id=queue,
            queue=queue,
            agent=None,
            why=why,
            disposition=None,
            closed_at=None,
            told_waiting=False,
            reservation=None,
        )
    )
    turn.desk_changed = True
    turn.note(moved, kind, "system", why)
    arm_wait(turn, moved)
    return moved
