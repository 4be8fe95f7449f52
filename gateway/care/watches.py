"""Watches: what one conversation is watched for, each with one timer, a row (`gateway.model.promises`).

Open time alone counts (`gateway.settings.open_time`). Resolve stands still while we wait for the customer: the open
time that is left then lies in the row, and goes on from there. Another queue promises other times: what was used of a
promise in the one before is used in the next as well.
"""

from gateway.care import opening
from gateway.care.turn import CUSTOMER_LANE, Turn
from gateway.model.conversation import Conversation
from gateway.model.promises import SLA, Promises, Watch
from gateway.model.rows import replace
from gateway.settings.gateway_file import Queue
from gateway.settings.hours import Hours
from gateway.settings.open_time import Opening, add_open, open_between
from gateway.store import work
from gateway.telemetry import metrics

PROMISE = "promise"
_ALWAYS = Hours.parse("24/7")


def queue_of(turn: Turn, conversation: Conversation) -> Queue | None:
    """The queue that a conversation is in, as far as the configuration knows it."""
    return turn.playbook.queues.get(conversation.queue or "")


def hours_of(turn: Turn, conversation: Conversation) -> tuple[Opening, str]:
    """When somebody may answer, in the queue of a conversation or its back-up, and in which zone; always where there is
    no such queue.
    """
    brand = turn.playbook.brands.get(conversation.brand)
    zone = brand.timezone if brand is not None else "UTC"
    return opening.staffed(turn.playbook, conversation.queue) or _ALWAYS, zone


def after(turn: Turn, conversation: Conversation, seconds: float) -> int | None:
    """The time when it was open for so long from now; None = never."""
    return _after(turn, conversation, int(seconds * 1000))


def _after(turn: Turn, conversation: Conversation, span: int) -> int | None:
    hours, zone = hours_of(turn, conversation)
    return turn.now + span if hours == _ALWAYS else add_open(hours, zone, turn.now, span)


def between(turn: Turn, conversation: Conversation, start: int, end: int) -> int:
    """How long its queue is open from one time to another, ms."""
    hours, zone = hours_of(turn, conversation)
    return max(0, end - start) if hours == _ALWAYS else open_between(hours, zone, start, end)


def runs(its: Promises, kind: str) -> bool:
    """Whether a watch has a timer."""
    watch = its.watches.get(kind)
    return watch is not None and watch.row != 0


def arm(
    turn: Turn, conversation: Conversation, its: Promises, kind: str, at: int | None, watch: Watch | None = None
) -> Promises:
    """Sets the timer of a watch, in place of the one that it had; at None: its time never comes, so it ends.

    watch: how far it is; None = it begins now.
    """
    its = end(turn, its, kind)
    if at is None:
        return its
    row = turn.timer(PROMISE, at, conversation.id, kind)
    begun = watch or Watch(0, 0, 0, turn.now, at)
    return put(its, kind, replace(begun, row=row.id, at=at, left=None))


def put(its: Promises, kind: str, watch: Watch) -> Promises:
    """The same with this watch."""
    return replace(its, watches={**its.watches, kind: watch})


def end(turn: Turn, its: Promises, *kinds: str, kept: bool = False, queue: str | None = None) -> Promises:
    """Ends watches; their timers go. What was kept, or was late, stays to be seen."""
    watches = dict(its.watches)
    for kind in kinds:
        watch = watches.get(kind)
        if watch is None:
            continue
        if watch.row:
            work.drop(turn.unit, CUSTOMER_LANE, 0, watch.at, watch.row)
        if watch.live and kept:
            watches[kind] = replace(watch, row=0, left=None)
            count(turn, kind, "kept", queue)
        elif watch.live or kind not in SLA:
            del watches[kind]
    return replace(its, watches=watches)


def count(turn: Turn, kind: str, outcome: str, queue: str | None) -> None:
    """Once it is on disk."""
    turn.after.append(metrics.promises.labels(queue or "", kind, outcome).inc)


# -- promises


def promise(turn: Turn, conversation: Conversation, its: Promises, kind: str) -> Promises:
    """From now on, where the queue promises it."""
    queue = queue_of(turn, conversation)
    target = queue.target(kind) if queue is not None else None
    if target is None:
        return its
    return _go_on(turn, conversation, its, kind, Watch(0, 0, 0, turn.now, 0), int(target * 1000))


def pause(turn: Turn, conversation: Conversation, its: Promises, kind: str) -> Promises:
    """None of it passes any more."""
    watch = its.watches.get(kind)
    if watch is None or not watch.row:
        return its
    work.drop(turn.unit, CUSTOMER_LANE, 0, watch.at, watch.row)
    return put(its, kind, replace(watch, row=0, left=between(turn, conversation, turn.now, watch.due)))


def resume(turn: Turn, conversation: Conversation, its: Promises, kind: str) -> Promises:
    """It goes on from where it was paused."""
    watch = its.watches.get(kind)
    if watch is None or watch.left is None:
        return its
    return _go_on(turn, conversation, its, kind, watch, watch.left)


def move(turn: Turn, before: Conversation, now: Conversation, its: Promises) -> Promises:
    """It is in another queue, whose promises hold from now on. What is kept or late already stays so."""
    queue = queue_of(turn, now)
    for kind in SLA:
        watch = its.watches.get(kind)
        if watch is not None and not watch.live:
            continue
        target = queue.target(kind) if queue is not None else None
        used = _used(turn, before, now, its, kind)
        if target is None or used is None:
            its = end(turn, its, kind)
        else:
            begun = watch or Watch(0, 0, 0, turn.now - used, 0)
            its = _go_on(turn, now, its, kind, begun, max(0, int(target * 1000) - used))
    return its


def _used(turn: Turn, before: Conversation, now: Conversation, its: Promises, kind: str) -> int | None:
    """What was used of a promise until now, ms of open time; None = there is nothing to promise of that kind.

    Where the queue before promised nothing of the kind: since the customer waits for an answer; of resolve nothing.
    """
    watch = its.watches.get(kind)
    if watch is None:
        if kind == "resolve":
            return 0
        waits = its.owed is not None and its.said == (kind == "next_response")
        return between(turn, now, its.owed, turn.now) if waits and its.owed is not None else None
    queue = queue_of(turn, before)
    target = queue.target(kind) if queue is not None else None
    if target is None:  # a reload took the promise away
        return between(turn, before, watch.since, turn.now)
    left = watch.left if watch.left is not None else between(turn, before, turn.now, watch.due)
    return max(0, int(target * 1000) - left)


def _go_on(turn: Turn, conversation: Conversation, its: Promises, kind: str, watch: Watch, left: int) -> Promises:
    """It is late when it was open for `left` ms more, and warned of before, or at once where that time is over."""
    queue = queue_of(turn, conversation)
    target = queue.target(kind) if queue is not None else None
    due = _after(turn, conversation, left)
    if due is None:
        return end(turn, its, kind)
    share = 1 - queue.sla_warning if queue is not None and target is not None else 0.0
    warning = round((target or 0.0) * share * 1000)
    stage = 0 if warning and left > warning else 1 if not warning or not left else watch.stage
    at = due if stage else _after(turn, conversation, max(0, left - warning))
    return arm(turn, conversation, its, kind, at, replace(watch, stage=stage, due=due))
