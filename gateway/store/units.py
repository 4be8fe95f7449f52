"""Units of work as data: what one input changes, in one all-or-nothing step (design section 6).

Care decides and records; the writer commits. A unit knows no connection, so the same decisions run on any database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Row = Sequence[object]
TOGETHER = (128, 8)
"""Rows that each text of the `many` of a statement writes at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One prepared change. exact: each row must touch exactly one row of the table, else the unit is a Conflict. tally:
    where the figures count the rows that it touched, once they are on disk. many: the same, for as many rows as
    `TOGETHER` says, whose values follow each other; of those that it could not write some may be left: undo the group.
    """

    name: str
    sql: str
    exact: bool = True
    tally: str | None = None
    many: tuple[str, ...] = ()


@dataclass(slots=True)
class Due:
    """An item of work, as it lies in the table `work`: a job for now or a timer for later.

    lane: which worker takes it (`customer`, `send:<carrier>`, `call`, `doubt`; the sweep has `overdue`). key: items
    of one key run one after another. due: ms since 1970. prio: smaller first. body: what the worker needs, JSON types
    only. hot: the decoded objects, so that a worker in the same process need not read them back. wait: ms that it is
    kept back, and with it the later items of its key; only memory knows (after a restart it goes at once).
    stored: it has a row; False for an input that is written together with what it causes.
    """

    id: int
    lane: str
    key: str
    kind: str
    due: int
    prio: int = 0
    attempts: int = 0
    ref: int = 0
    body: str | None = None
    hot: object = None
    wait: int = 0
    stored: bool = True


class Failure(Exception):
    """The unit was not written; nothing of it is on disk."""


class Conflict(Failure):
    """A row was not as expected: someone else was faster. Read again, decide again. statement: what did not hold."""

    def __init__(self, told: str, statement: Statement | None = None) -> None:
        super().__init__(told)
        self.statement = statement


class Rejected(Failure):
    """A constraint forbids it (duplicate key ...). `args[0]` names the constraint."""


class StoreFull(Failure):
    """The disk is full; tell the sender to try later."""


class StoreClosed(Failure):
    """The store is closing or broken; nothing is written any more."""


@dataclass(slots=True)
class Unit:
    """What one input changes. `key` is the customer (or other serial lane) that it belongs to.

    due: the work items that it adds, for the lanes to take up after the commit.
    """

    key: str
    steps: list[tuple[Statement, list[Row]]] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    intake: bool = False

    def add(self, statement: Statement, row: Row) -> None:
        """One more row; rows of the same statement that follow each other are written together."""
        steps = self.steps
        if steps and steps[-1][0] is statement:
            steps[-1][1].append(row)
        else:
            steps.append((statement, [row]))

    def extend(self, statement: Statement, rows: Iterable[Row]) -> None:
        """Many rows of one statement."""
        for row in rows:
            self.add(statement, row)

    @property
    def shape(self) -> tuple[Statement, ...]:
        """The statements in order; units of one shape can be written together."""
        return tuple([step[0] for step in self.steps])
