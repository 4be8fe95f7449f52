"""What a customer who waits for a person is promised, and the ladder for what nobody answers.

Promises (`[[queues]]`): first_response, from waiting to a person's first words; next_response, from the customer's
words to the answer; resolve, from waiting to the close. Who has it is warned before; when it is late, the supervisors
hear. The ladder (`[conversations]` of rules.toml): nobody takes it: the agents who are there are reminded, then the
supervisors told. Who has it is silent: reminded, then it waits again, in its old place. It needs the desk on XMPP:
where nobody can be reminded, nobody loses anything so soon.

What an agent has always has a timer of its own, T_idle, whatever else is watched: when nobody has written for so long
it is closed if the customer is silent, and waits again if the agent is, who is silent only while it is open. It keeps
that timer in the queue where its agent is gone and the customer is owed nothing: it rests there.

`follow` looks at what a decision did to a conversation, so no verb needs to know of promises. One watch of a kind runs
at a time, each with one timer, a row (`gateway.care.watches`); whoever answers in time takes that row along. Open time
alone counts, so nobody is bothered at midnight; of resolve, only what does not pass while we wait for the customer.
"""

from gateway.care import closing, queueing, reserving, watches
from gateway.care.turn import DESK_KEY, Turn, for_agent
from gateway.model.address import parse_address
from gateway.model.conversation import Conversation, ConversationState, OwnerKind
from gateway.model.promises import IDLE, LATE, UNANSWERED, UNCLAIMED, Promises, Watch, read, rests, waits_since, written
from gateway.model.rows import replace
from gateway.settings.open_time import add_open, is_open
from gateway.store import work

NUDGE = "nudge"
TO_QUEUE, TO_SUPERVISORS = "queue", "supervisors"
_CALLED = {"first_response": "the first answer", "next_response": "the answer", "resolve": "the close"}


def follow(turn: Turn) -> None:
    """Starts and ends what is watched, after a decision: once for each conversation that it put."""
    for before, now in turn.moved():
        if now.promises is not None or now.owner_kind is not OwnerKind.bot:
            its = _idle(turn, now, _followed(turn, before, now))
            _put(turn, now, its)


def _put(turn: Turn, conversation: Conversation, its: Promises) -> None:
    text = written(its)
    if text != conversation.promises:
        turn.put(replace(turn.fresh(conversation), promises=text))


def _followed(turn: Turn, before: Conversation | None, now: Conversation) -> Promises:
    its = read(now.promises)
    if now.owner_kind is OwnerKind.bot or now.state is ConversationState.wrapup:
        closed = now.disposition is not None and now.disposition != "opted_out"
        its = watches.end(turn, its, "resolve", kept=closed, queue=now.queue)
        return watches.end(turn, replace(its, owed=None, told=(), undone=False), *its.watches)
    if before is None or before.owner_kind is OwnerKind.bot or before.state is ConversationState.wrapup:
        its = Promises(owed=turn.now if _asks(turn, before, now, its) else None, told=its.told, undone=its.undone)
        if its.owed is not None:
            its = watches.promise(turn, now, its, "first_response")
        its = watches.promise(turn, now, its, "resolve")
    elif before.queue != now.queue:
        its = watches.move(turn, before, now, its)
    elif its.owed is None and _wrote(turn, before, now):
        its = replace(its, owed=turn.now)
        its = watches.promise(turn, now, its, "next_response")
    if now.state is ConversationState.waiting:
        its = watches.end(turn, its, "first_response", "next_response", kept=True, queue=now.queue)
        its = watches.pause(turn, now, its, "resolve")
        return watches.end(turn, replace(its, owed=None, said=True, told=()), UNCLAIMED, UNANSWERED)
    if now.state is ConversationState.queued:
        return _in_queue(turn, before, now, watches.end(turn, its, UNANSWERED))
    its = watches.end(turn, watches.resume(turn, now, its, "resolve"), UNCLAIMED)
    taken = before is None or before.agent != now.agent
    if its.owed is not None and (taken or not watches.runs(its, UNANSWERED)):
        its = _arm_unanswered(turn, now, its)
    return its


def _in_queue(turn: Turn, before: Conversation | None, now: Conversation, its: Promises) -> Promises:
    """It waits, or rests: then nobody is to hurry, and we wait for the customer."""
    if rests(its):
        return watches.pause(turn, now, watches.end(turn, its, UNCLAIMED), "resolve")
    its = watches.resume(turn, now, its, "resolve")
    # A queue within the queue (transferred) is another wait for others.
    moved = before is None or before.state is not now.state or before.queue != now.queue
    if moved or rests(read(before.promises if before is not None else None)):
        turn.desk_changed = True
        its = _wait(turn, now, its)
    return its


def _asks(turn: Turn, before: Conversation | None, now: Conversation, its: Promises) -> bool:
    """Whether the customer waits for an answer as a person gets, or shall have, their conversation: they wrote, the bot
    hands over, or an agent passes them on. Not where an agent writes first, or one of our texts failed after the close.
    """
    handed_over = now.state is ConversationState.queued and (before is None or before.open)
    return handed_over or now.last_in == turn.now or its.owed is not None


def _wrote(turn: Turn, before: Conversation, now: Conversation) -> bool:
    """Whether the customer has written just now; two texts may come in one millisecond."""
    if before.state is ConversationState.waiting and now.state is ConversationState.human:
        return before.agent == now.agent
    return now.last_in == turn.now and now.last_in != before.last_in


def _idle(turn: Turn, conversation: Conversation, its: Promises) -> Promises:
    """What an agent has never stays with them for ever: one timer, which goes back to sleep while somebody writes."""
    if conversation.state is ConversationState.queued and rests(its):
        return its
    if conversation.state not in (ConversationState.human, ConversationState.waiting):
        return watches.end(turn, its, IDLE)
    if watches.runs(its, IDLE):
        return its
    return watches.arm(turn, conversation, its, IDLE, turn.now + _idle_ms(turn))


def _idle_ms(turn: Turn) -> int:
    return int(turn.playbook.rules.conversations.idle * 1000)


def _wait(turn: Turn, conversation: Conversation, its: Promises) -> Promises:
    rules = turn.playbook.rules.conversations
    first = rules.nudge or rules.alarm
    if not first or not turn.playbook.desk:
        return watches.end(turn, its, UNCLAIMED)
    at = watches.after(turn, conversation, first)
    return watches.arm(turn, conversation, its, UNCLAIMED, at, Watch(0, 0, int(not rules.nudge), turn.now, at or 0))


def _patience(turn: Turn, conversation: Conversation) -> float:
    """How long an agent may be silent, in seconds; 0 = for ever."""
    rules, queue = turn.playbook.rules.conversations, watches.queue_of(turn, conversation)
    own = queue.next_response if queue is not None else None
    return (own or rules.unanswered) if rules.unanswered else 0.0


def _arm_unanswered(turn: Turn, conversation: Conversation, its: Promises) -> Promises:
    seconds = _patience(turn, conversation)
    if not seconds or not turn.playbook.desk:  # who cannot be reminded loses nothing
        return watches.end(turn, its, UNANSWERED)
    return watches.arm(turn, conversation, its, UNANSWERED, watches.after(turn, conversation, seconds))


# -- timers


def due(turn: Turn, conversation_id: int, kind: str, row: int) -> None:
    """A timer of a watch; one that is not the watch's any more does nothing."""
    conversation = turn.conversations.get(conversation_id)
    if conversation is None or not conversation.open:
        return
    its = read(conversation.promises)
    watch = its.watches.get(kind)
    if watch is None or watch.row != row:
        return
    its = watches.put(its, kind, replace(watch, row=0))  # the input takes this row itself
    hours, zone = watches.hours_of(turn, conversation)
    if kind == IDLE:
        its = _quiet(turn, conversation, its)
    elif not is_open(hours, zone, turn.now):
        its = _postpone(turn, conversation, its, kind, watch)
    elif kind == UNCLAIMED:
        its = _nobody_takes(turn, conversation, its, watch)
    elif kind == UNANSWERED:
        its = _silent(turn, conversation, its, watch)
    else:
        its = _late(turn, conversation, its, kind, watch)
    _put(turn, turn.fresh(conversation), its)


def _postpone(turn: Turn, conversation: Conversation, its: Promises, kind: str, watch: Watch) -> Promises:
    """It ended as the queue closed, or a holiday was entered meanwhile: what was left of it is left at the opening."""
    hours, zone = watches.hours_of(turn, conversation)
    opens = add_open(hours, zone, turn.now, 0)
    if opens is not None and watch.due <= opens:
        watch = replace(watch, due=add_open(hours, zone, opens, max(0, watch.due - watch.at)) or opens)
    return watches.arm(turn, conversation, its, kind, opens, watch)


def _late(turn: Turn, conversation: Conversation, its: Promises, kind: str, watch: Watch) -> Promises:
    """The warning, then the breach: noted, counted, told."""
    number, what = number_of(conversation), _CALLED[kind]
    if watch.stage == 0:
        left = duration(watches.between(turn, conversation, turn.now, watch.due) / 1000)
        verb = "close" if kind == "resolve" else "answer"
        _warn(turn, conversation, f"{verb} {number} within {left}")
        return watches.arm(turn, conversation, its, kind, max(watch.due, turn.now), replace(watch, stage=1))
    owner = f"with {conversation.agent}" if conversation.agent else f"waits in {conversation.queue}"
    queue = watches.queue_of(turn, conversation)
    target = queue.target(kind) if queue is not None else None
    within = f" within {duration(target)}" if target is not None else ""
    turn.note(conversation, "sla", "system", f"late: {what} was promised{within}")
    to_supervisors(turn, conversation, f"{number} {owner}: {what} is late; it was promised{within}")
    watches.count(turn, kind, "late", conversation.queue)
    return watches.put(its, kind, replace(watch, row=0, stage=LATE))


def _warn(turn: Turn, conversation: Conversation, text: str) -> None:
    """Whoever has it, else who is asked to take it, else the supervisors."""
    agent = conversation.agent or reserving.reservation_of(conversation).agent
    if agent is not None:
        turn.to_agent("notice", agent, conversation.id, text)
    else:
        to_supervisors(turn, conversation, text)


def _nobody_takes(turn: Turn, conversation: Conversation, its: Promises, watch: Watch) -> Promises:
    rules = turn.playbook.rules.conversations
    if watch.stage == 0:
        _tell(turn, f"{DESK_KEY}{conversation.queue}", conversation, TO_QUEUE, "")
        if not rules.alarm:
            return watches.end(turn, its, UNCLAIMED)
        at = watches.after(turn, conversation, max(rules.alarm - rules.nudge, 0))
        return watches.arm(turn, conversation, its, UNCLAIMED, at, replace(watch, stage=1))
    waited = duration((turn.now - waits_since(conversation.promises, conversation.changed_at)) / 1000)
    to_supervisors(
        turn, conversation, f"{number_of(conversation)} waits in {conversation.queue} for {waited} and nobody takes it"
    )
    return watches.end(turn, its, UNCLAIMED)


def _silent(turn: Turn, conversation: Conversation, its: Promises, watch: Watch) -> Promises:
    agent, seconds = conversation.agent, _patience(turn, conversation)
    if agent is None or not seconds:
        return watches.end(turn, its, UNANSWERED)
    waited = duration(2 * seconds if watch.stage else seconds)
    if watch.stage == 0:
        text = f"{number_of(conversation)} waits for your answer since {waited}; in {waited} it goes back to the queue"
        turn.note(conversation, "reminder", "system", text)  # who works over HTTP reads it there
        at = watches.after(turn, conversation, seconds)
        return watches.arm(turn, conversation, its, UNANSWERED, at, replace(watch, stage=1))
    _take_away(turn, conversation, agent, waited)
    return watches.end(turn, its, UNANSWERED)


def _take_away(turn: Turn, conversation: Conversation, agent: str, waited: str) -> None:
    """It waits again, in its old place, and not for the same agent first."""
    name = turn.playbook.agent(agent)
    why = f"{name.name if name is not None else agent} did not answer for {waited}"
    turn.to_agent("notice", agent, conversation.id, f"you did not answer for {waited}: it waits in its queue again")
    moved = queueing.requeue(turn, conversation, why)
    passed = reserving.passed_with(moved, turn.now, agent)
    moved = turn.put(replace(moved, reservation=passed))
    to_supervisors(turn, moved, f"{number_of(moved)} waits in {moved.queue} again: {why}")


def old_idle(turn: Turn, conversation_id: int) -> None:
    """A timer of T_idle as it was written once, one for each text of an agent: the conversation gets its own one."""
    conversation = turn.conversations.get(conversation_id)
    if conversation is None or conversation.state not in (ConversationState.human, ConversationState.waiting):
        return
    its = read(conversation.promises)
    if not watches.runs(its, IDLE):
        its = _quiet(turn, conversation, its)
        _put(turn, turn.fresh(conversation), its)


def _quiet(turn: Turn, conversation: Conversation, its: Promises) -> Promises:
    """T_idle: the customer is silent, or the agent who owes them an answer, of whose time what is open alone counts."""
    # What rests was left by its agent: since then nobody has done anything for it.
    since = conversation.changed_at if conversation.agent is not None else conversation.opened_at
    last = max(since, conversation.last_out or 0, conversation.last_in or 0)
    at, agent = last + _idle_ms(turn), conversation.agent if its.owed is not None else None
    if agent is not None:
        hours, zone = watches.hours_of(turn, conversation)
        at = add_open(hours, zone, last, _idle_ms(turn)) or at
    if at > turn.now:
        return watches.arm(turn, conversation, its, IDLE, at)
    if agent is not None:
        _take_away(turn, conversation, agent, duration(_idle_ms(turn) / 1000))
        return its
    turn.note(conversation, "closed", "system", "the customer stayed silent")
    closing.close(turn, conversation, "no_reply")
    return its


# -- words


def to_supervisors(turn: Turn, conversation: Conversation, text: str) -> None:
    """Tells the supervisors of the queue, in their chat with the customer, unless they have it themselves."""
    _tell(turn, turn.key, conversation, TO_SUPERVISORS, text)


def _tell(turn: Turn, key: str, conversation: Conversation, whom: str, text: str) -> None:
    """One row for many: who of them is there is known when it is sent (`gateway.floor.nudging`)."""
    if turn.playbook.desk:
        more = (whom, conversation.queue, text, conversation.agent or "")
        work.add(turn.unit, for_agent(turn.ids(), key, NUDGE, "", conversation.id, turn.now, *more))


def number_of(conversation: Conversation) -> str:
    """The customer's number."""
    return parse_address(conversation.key).value


def duration(seconds: float) -> str:
    """As people say it: `45 s`, `5 min`, `4 h`, `1 h 30 min`."""
    whole = max(1, round(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = round(whole / 60)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"
