"""The queue: a conversation waits for a person, for the first time or again; its customer hears when nobody comes."""

from datetime import datetime

from gateway.care import opening, outbound, watches, wrapping
from gateway.care.turn import Turn
from gateway.model import promises
from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState, OwnerKind
from gateway.model.message import MessageClass
from gateway.model.rows import replace

QUEUE_WAIT = "queue_wait"
MOST_TOLD, MOST_BUSY = 4, 2


def to_queue(
    turn: Turn, conversation: Conversation, queue: str | None, why: str, priority: int | None = None
) -> Conversation:
    """The conversation waits for a person. Says nothing to the customer; after T_wait the gateway does (design 3c).

    priority: its points; None = those of the message class that started it.
    """
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
            queued_at=turn.now,
            priority=_points(turn, floor) if priority is None else priority,
            last_agent=conversation.last_agent or _last_agent(turn, conversation.brand),
        )
    )
    turn.desk_changed = True
    turn.note(moved, "escalated", "bot", why)
    arm_wait(turn, moved)
    tell_if_closed(turn, moved)
    return turn.fresh(moved)


def tell_if_closed(turn: Turn, conversation: Conversation) -> None:
    """Outside opening hours the customer hears at once when somebody may answer."""
    if not opening.is_open(turn.playbook, conversation.queue, turn.now):
        wait_in_vain(turn, conversation)


def _points(turn: Turn, floor: Dialogue | None) -> int:
    """Of the message class of the handler that hands over; a customer who wrote first has those of an answer."""
    started = floor is not None and floor.rank >= 0
    cls = MessageClass(floor.rank // 2) if floor is not None and started else MessageClass.conversational
    return int(turn.playbook.rules.of(cls.name).priority)


def _last_agent(turn: Turn, brand: str) -> str | None:
    """Who had this customer's last conversation with the brand, if it ended within 7 days."""
    before = turn.last_closed(brand)
    return before.last_agent if before is not None else None


def arm_wait(turn: Turn, conversation: Conversation) -> None:
    """QUEUED always has a live timer (invariant 7)."""
    wait = int(turn.playbook.rules.conversations.wait * 1000)
    turn.timer(QUEUE_WAIT, turn.now + wait, conversation.id, str(conversation.epoch))


def wait_in_vain(turn: Turn, conversation: Conversation) -> None:
    """T_wait.

    Nobody took the conversation; the customer is told once, with the real opening time where it is closed. Should that
    become untrue they hear once as it closes on them, and once when it has opened and takes longer. In another
    queue they are told once more, but no opening time twice, that all are busy twice at most, and no more than
    `MOST_TOLD` texts until somebody answers.
    """
    if conversation.state is not ConversationState.queued:
        return
    its = promises.read(conversation.promises)
    opens = opening.next_opening(turn.playbook, conversation.queue, turn.moment)
    notice = _untrue(turn, conversation, its, opens) if conversation.told_waiting else _state(opens)
    if notice is not None and len(its.told) < MOST_TOLD and _is_new(its, notice):
        _tell_waiting(turn, conversation, opens, longer=notice == promises.LONGER)
        its = replace(its, told=(*its.told, notice))
    elif conversation.told_waiting:
        return
    turn.put(replace(turn.fresh(conversation), told_waiting=True, promises=promises.written(its)))


def _state(opens: datetime | None) -> int:
    return int(opens.timestamp() * 1000) if opens is not None else promises.BUSY


def _is_new(its: promises.Promises, notice: int) -> bool:
    if notice == promises.BUSY:
        return its.told.count(notice) < MOST_BUSY
    return abs(notice) not in map(abs, its.told)


def _untrue(turn: Turn, conversation: Conversation, its: promises.Promises, opens: datetime | None) -> int | None:
    """What they have to hear as what they were told last holds no more; None = it still does, or they heard it."""
    if not its.told:
        return None
    last = abs(its.told[-1])
    if opens is not None:
        # `BUSY`, `LONGER` and an opening that has passed: they look for an answer now.
        closed_on_them = any(notice < 0 for notice in its.told)
        return None if closed_on_them or last > turn.now else -_state(opens)
    told_when = last not in (promises.BUSY, promises.LONGER)
    wait = int(turn.playbook.rules.conversations.wait * 1000)
    if not told_when or watches.between(turn, conversation, last, turn.now) < wait:
        return None
    return None if promises.may_be_kept(its) else promises.LONGER


def _tell_waiting(turn: Turn, conversation: Conversation, opens: datetime | None, *, longer: bool) -> None:
    """opens: None where it is open, and all are busy. longer: they look for an answer since it opened."""
    if opens is not None:
        outbound.say(turn, conversation, "system.outside_hours", {"opens": opens.isoformat()})
        return
    standing = turn.playbook.standings.get(conversation.queue or "")
    place = standing.place(conversation.id) if standing is not None else 0
    minutes = standing.minutes(place, turn.now) if standing is not None else 0
    key = "system.takes_longer" if longer else "system.no_agent"
    outbound.say(turn, conversation, key, {"place": place, "minutes": minutes})


def to_other(turn: Turn, conversation: Conversation, queue: str, passed: str | None) -> Conversation:
    """It waits in another queue, in its old place; what the customer was told of the one before may hold no more.

    passed: the reservation, with who is asked last.
    """
    # Where it waits already nothing is new; whoever had it has kept it from being told.
    told = conversation.told_waiting and conversation.queue == queue and conversation.agent is None
    moved = turn.put(
        replace(
            conversation,
            state=ConversationState.queued,
            owner_id=queue,
            queue=queue,
            agent=None,
            told_waiting=told,
            reservation=passed,
        )
    )
    turn.desk_changed = True
    if moved.epoch != conversation.epoch:
        arm_wait(turn, moved)
        if promises.is_owed(moved.promises):
            tell_if_closed(turn, moved)
    return turn.fresh(moved)


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


def move_home(turn: Turn, conversation_id: int) -> bool:
    """The configuration knows its queue no more: it waits in the brand's default queue, in its old place; whether it
    was so.
    """
    conversation = turn.conversations.get(conversation_id)
    if conversation is None or conversation.state is not ConversationState.queued:
        return False
    home = turn.playbook.default_queue(conversation.brand)
    if home is None or conversation.queue in turn.playbook.queues:
        return False
    moved = to_other(turn, conversation, home, None)
    turn.note(moved, "transferred", "system", f"to {home}: there is no queue {conversation.queue} any more")
    return True


def reopen(turn: Turn, conversation: Conversation, why: str) -> Conversation:
    """A closed conversation needs a person again: late reply, or a failed message (invariant 7)."""
    return to_do(turn, _wait_again(turn, replace(conversation, queued_at=None), "reopened", why))


def to_do(turn: Turn, conversation: Conversation) -> Conversation:
    """Something of ours failed: its agent sees to it, or another where that one is gone, until one of them writes."""
    conversation = wrapping.back(turn, conversation)
    if conversation.owner_kind is OwnerKind.bot:
        return conversation
    its = promises.read(conversation.promises)
    return turn.put(replace(conversation, promises=promises.written(replace(its, undone=True))))


def _wait_again(turn: Turn, conversation: Conversation, kind: str, why: str) -> Conversation:
    """In its queue once more; should nobody take it, the customer is told as at the first time, if they are owed an
    answer.
    """
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
            queued_at=conversation.queued_at or turn.now,
        )
    )
    turn.desk_changed = True
    turn.note(moved, kind, "system", why)
    arm_wait(turn, moved)
    return moved
