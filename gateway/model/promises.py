"""What is promised to a customer who waits for a person, as it lies in the row of the conversation.

Promises are kept or late: first_response, next_response, resolve. The ladder is what happens when nobody moves:
unclaimed (nobody takes it), unanswered (who has it is silent). At most one watch of a kind runs at a time.
"""

import json
from collections.abc import Mapping
from dataclasses import field

from gateway.model.rows import record, replace

SLA = ("first_response", "next_response", "resolve")
UNCLAIMED, UNANSWERED = "unclaimed", "unanswered"
IDLE = "idle"
"""Of what an agent has, always, and of what rests: when nobody writes, it ends or goes on to others (T_idle)."""
LATE = 2
"""The last stage of a promise: its time was over. Before: 0 running, 1 warned."""


@record
class Watch:
    """One promise, or one rung of the ladder. row, at: id and time (ms) of its timer; row 0 = over, or paused.

    stage: how often it fired. since: ms, from when it counts. due: ms, when it is late. left: while it is paused, ms of
    open time until then; `due` means nothing meanwhile.
    """

    row: int
    at: int
    stage: int
    since: int
    due: int
    left: int | None = None

    @property
    def live(self) -> bool:
        """Whether it can still be late."""
        return self.row != 0 or self.left is not None

    @property
    def state(self) -> str:
        """As the API shows it."""
        if self.stage >= LATE:
            return "late"
        if self.left is not None:
            return "paused"
        return ("running", "warned")[self.stage] if self.row else "kept"


@record
class Promises:
    """owed: since when (ms) the customer waits for an answer, None = they do not. said: a person has answered in this
    episode. told: what they were told while they wait: a time of opening (ms; below 0 = told as the queue closed on
    them), `BUSY` or `LONGER`. undone: something of ours failed, and no agent has written since: a person sees to it,
    though the customer asks nothing.
    """

    owed: int | None = None
    said: bool = False
    watches: Mapping[str, Watch] = field(default_factory=dict)
    told: tuple[int, ...] = ()
    undone: bool = False


NONE = Promises()
BUSY = 0
"""All are busy, and what place in line it is."""
LONGER = 1
"""It has opened as they were told, and takes longer."""


def read(text: str | None) -> Promises:
    """The promises of a conversation, from its row."""
    if text is None:
        return NONE
    owed, said, watches, *more = json.loads(text)
    its = {kind: Watch(*values) for kind, values in watches.items()}
    return Promises(owed, bool(said), its, tuple(more[0]) if more else (), bool(more[1:] and more[1]))


def written(its: Promises) -> str:
    """The promises as they are kept in the row."""
    watches = {kind: [w.row, w.at, w.stage, w.since, w.due, w.left] for kind, w in its.watches.items()}
    undone = [1] if its.undone else []
    return json.dumps([its.owed, int(its.said), watches, its.told, *undone], separators=(",", ":"))


def is_owed(text: str | None) -> bool:
    """Whether the customer waits for an answer, by the row of their conversation; without promises they may."""
    return text is None or read(text).owed is not None


def answered(text: str | None) -> str | None:
    """The promises of a row when its agent has written: nothing is left undone."""
    its = read(text)
    return written(replace(its, undone=False)) if its.undone else text


def rests(its: Promises) -> bool:
    """Of what is in a queue: an agent left it and owed no answer. Nobody is asked to take it; it ends as with the
    agent, and waits as soon as the customer writes or something of ours fails. `store.listings` asks the database for
    the same.
    """
    return its.owed is None and not its.undone and its.watches.get(IDLE) is not None


def may_be_kept(its: Promises) -> bool:
    """Whether an answer was promised within a time that is not over."""
    watches = (its.watches.get(kind) for kind in ("first_response", "next_response"))
    return any(watch is not None and watch.live and watch.stage < LATE for watch in watches)


def waits_since(text: str | None, changed_at: int) -> int:
    """Since when (ms) a customer in a queue waits: for an answer; where they are owed none, since it came there.

    text: the promises as in the row. `store.waiting` asks the database for the same.
    """
    owed = read(text).owed
    return owed if owed is not None else changed_at
