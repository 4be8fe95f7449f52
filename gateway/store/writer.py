"""The one writer: a thread that owns the writing connection and commits what arrived together as one transaction.

Natural group commit: while one transaction is on its way to the disk, the next gathers; no timer. Each unit stands or
falls alone. Units of one shape are written by one `executemany`. When anything is not as expected, the transaction is
undone and written again with a SAVEPOINT for each group, and such a group unit by unit, so that only the guilty one
fails. For some time after that it is written so at once.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import apsw

from gateway import failpoints
from gateway.store.checkpoint import Checkpointer
from gateway.store.units import TOGETHER, Conflict, Failure, Rejected, Row, Statement, StoreClosed, StoreFull, Unit

MOST_UNITS = 500
# Transactions with a SAVEPOINT for each group, once something was not as expected: that one again, and the next. A
# SAVEPOINT costs a copy of each page that its group changes.
WARY = 32
log = logging.getLogger("gateway.store")

Result = Failure | None
Tallied = list[tuple[str, int]]


@dataclass(slots=True)
class Call:
    """What one caller handed in together. done: called on the event loop with a result per unit."""

    units: Sequence[Unit]
    done: Callable[[list[Result]], None]


@dataclass(slots=True)
class WriterFigures:
    """Counts for metrics: transactions, units, seconds in commit, units that failed. tallies: rows that statements
    with a tally touched.
    """

    transactions: int = 0
    units: int = 0
    commit_seconds: float = 0.0
    failed: int = 0
    tallies: dict[str, int] = field(default_factory=dict)


class Writer:
    """A thread that owns the writing connection. `connect` opens it (in the thread); `failed` tells of commit failures.

    After a failure to fsync or write (I/O error) nothing more is written: `broken` is set and every call fails, since
    what the operating system still holds can no longer be known.
    """

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        loop: asyncio.AbstractEventLoop,
        on_full: Callable[[], None] = lambda: None,
        checkpointer: Checkpointer | None = None,
    ) -> None:
        self._runner = threading.Thread(target=self._run, name="careline-writer", daemon=True)
        self._checkpointer = checkpointer
        self._check_wal = False
        self._connect = connect
        self._loop = loop
        self._on_full = on_full
        self._calls: deque[Call] = deque()
        self._in_hand: list[Call] = []
        self._wake = threading.Condition()
        self._closing = False
        self._wary = 0
        self.broken: str | None = None
        self.figures = WriterFigures()

    @property
    def native_id(self) -> int:
        """The operating system's number of the thread; 0 before it runs."""
        return self._runner.native_id or 0

    def start(self) -> None:
        """Begins to write."""
        self._runner.start()

    def submit(self, *calls: Call) -> None:
        """Queues the units of calls; each `done` gets a result per unit on the event loop, after the commit. Never
        blocks.
        """
        with self._wake:
            refused = self._closing or self.broken is not None
            if not refused:
                self._calls.extend(calls)
                self._wake.notify()
        if refused:
            self._refuse(calls)

    def _refuse(self, calls: Iterable[Call]) -> None:
        for call in calls:
            call.done([StoreClosed(self.broken or "the store is closing")] * len(call.units))

    def close(self) -> None:
        """Writes what was queued, closes the connection and ends the thread (blocks until then)."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._runner.is_alive():
            self._runner.join()

    def _run(self) -> None:
        """The thread: gather, write, tell, repeat."""
        connection: apsw.Connection | None = None
        try:
            connection = self._connect()
            cursor = connection.cursor()  # one for all: to make one costs as much as to write a row
            while True:
                calls = self._in_hand = self._gather()
                if calls:
                    self._write(cursor, calls)
                    self._in_hand = []
                elif self._closing:
                    break
                if self._check_wal:
                    self._check_wal = False
                    self._checkpoint(connection)
        finally:
            self._end()
            if connection is not None:
                connection.close()

    def _end(self) -> None:
        """Nobody waits for a thread that has ended, by a fault of ours too."""
        with self._wake:
            orderly, self._closing = self._closing, True
            left = [*self._in_hand, *self._calls]
            self._calls.clear()
        if not orderly:
            self._break("the writer ended by a fault of ours, see the log")
            with contextlib.suppress(RuntimeError):  # the loop has ended too
                self._loop.call_soon_threadsafe(self._refuse, left)

    def checkpoint(self) -> None:
        """Asks for a look at the log: it is folded in between two transactions, when it is long."""
        with self._wake:
            self._check_wal = True
            self._wake.notify()

    def _checkpoint(self, connection: apsw.Connection) -> None:
        if self._checkpointer is None or self.broken is not None:
            return
        self._checkpointer.run(connection)
        if self._checkpointer.failed is not None:
            self._break(self._checkpointer.failed)

    def _break(self, problem: object) -> None:
        self.broken = f"the database cannot be written any more ({problem}); restart Careline after mending the disk"
        log.critical("store: %s", self.broken)

    def _gather(self) -> list[Call]:
        with self._wake:
            while not self._calls and not self._closing and not self._check_wal:
                self._wake.wait()
            calls: list[Call] = []
            size = 0
            while self._calls and (not calls or size + len(self._calls[0].units) <= MOST_UNITS):
                call = self._calls.popleft()
                size += len(call.units)
                calls.append(call)
            return calls

    def _write(self, cursor: apsw.Cursor, calls: list[Call]) -> None:
        units = [unit for call in calls for unit in call.units]
        results = self._transaction(cursor, units)
        self.figures.units += len(units)
        self.figures.failed += sum(1 for result in results if result is not None)
        answers: list[tuple[Callable[[list[Result]], None], list[Result]]] = []
        at = 0
        for call in calls:
            answers.append((call.done, results[at : at + len(call.units)]))
            at += len(call.units)
        try:
            self._loop.call_soon_threadsafe(_tell, answers)
        except RuntimeError:
            log.info(
                "the event loop ended before %d units were told of their commit",
                len(units),
            )

    def _transaction(self, cursor: apsw.Cursor, units: list[Unit]) -> list[Result]:
        if self.broken is not None:
            return [StoreClosed(self.broken)] * len(units)
        try:
            if self._wary == 0:
                if self._whole(cursor, units):
                    return [None] * len(units)
                self._wary = WARY
            self._wary -= 1
            return self._in_groups(cursor, units)
        except apsw.Error as error:
            return [self._lost(cursor, error)] * len(units)

    def _whole(self, cursor: apsw.Cursor, units: list[Unit]) -> bool:
        """Writes all units or none; False when something was not as expected."""
        tallied: Tallied = []
        cursor.execute("BEGIN IMMEDIATE")
        for group in _groups(units):
            if _attempt(cursor, group, tallied) is not None:
                cursor.execute("ROLLBACK")
                return False
            failpoints.hit("mid_transaction")
        self._commit(cursor, tallied)
        return True

    def _in_groups(self, cursor: apsw.Cursor, units: list[Unit]) -> list[Result]:
        """Writes those units that can be written."""
        results: list[Result] = []
        tallied: Tallied = []
        cursor.execute("BEGIN IMMEDIATE")
        for group in _groups(units):
            results.extend(self._group(cursor, group, tallied))
            failpoints.hit("mid_transaction")
        self._commit(cursor, tallied)
        return results

    def _commit(self, cursor: apsw.Cursor, tallied: Tallied) -> None:
        started = time.perf_counter()
        cursor.execute("COMMIT")
        self.figures.commit_seconds += time.perf_counter() - started
        self.figures.transactions += 1
        for tally, count in tallied:
            self.figures.tallies[tally] = self.figures.tallies.get(tally, 0) + count
        failpoints.hit("after_commit")

    def _lost(self, cursor: apsw.Cursor, error: apsw.Error) -> Failure:
        """The whole transaction failed: nothing of it is on disk."""
        if cursor.connection.in_transaction:
            cursor.execute("ROLLBACK")
        if isinstance(error, apsw.FullError):
            self._on_full()
            return StoreFull("the disk is full: free space on the volume of the database; Careline goes on by itself")
        if isinstance(error, apsw.BusyError | apsw.LockedError):
            return StoreFull("another program holds the database locked; it is tried again by itself")
        self._break(error)
        return StoreClosed(str(self.broken))

    def _group(self, cursor: apsw.Cursor, group: list[Unit], tallied: Tallied) -> list[Result]:
        """Units of one shape: together if all is as expected, else one by one."""
        cursor.execute("SAVEPOINT g")
        before = len(tallied)
        failure = _attempt(cursor, group, tallied)
        if failure is None:
            cursor.execute("RELEASE g")
            return [None] * len(group)
        del tallied[before:]
        cursor.execute("ROLLBACK TO g")
        cursor.execute("RELEASE g")
        if len(group) == 1:
            return [failure]
        return [result for unit in group for result in self._group(cursor, [unit], tallied)]


def _attempt(cursor: apsw.Cursor, group: list[Unit], tallied: Tallied) -> Failure | None:
    """Writes the group's rows, statement by statement; None when every count was as expected."""
    connection = cursor.connection
    first = group[0]
    for place, (statement, own) in enumerate(first.steps):
        rows = own if len(group) == 1 else [row for unit in group for row in unit.steps[place][1]]
        # Whoever writes the word index must not be counted: its own tables would be.
        counted = statement.exact or statement.tally is not None
        before = connection.total_changes() if counted else 0
        try:
            _put(cursor, statement, rows)
        except (apsw.ConstraintError, apsw.MismatchError) as error:
            return Rejected(str(error), statement.name)
        except (
            apsw.BindingsError,  # not as many values as the statement has places
            apsw.MisuseError,
            apsw.RangeError,
            apsw.TooBigError,
            OverflowError,  # an int of more than 64 bits
            TypeError,  # a type that no database has
            ValueError,  # a text that is no Unicode
        ) as error:
            # A value that the database cannot hold is the fault of this unit alone, never the end of the writer.
            return Rejected(f"{type(error).__name__}: {error}", statement.name)
        if not counted:
            continue
        touched = connection.total_changes() - before
        if statement.exact and touched != len(rows):
            return Conflict(f"{statement.name}: {touched} of {len(rows)} rows", statement)
        if statement.tally is not None and touched > 0:
            tallied.append((statement.tally, touched))
    return None


def _put(cursor: apsw.Cursor, statement: Statement, rows: Sequence[Row]) -> None:
    """Writes rows of one statement, with `many` as far as it goes.

    For each row of an `executemany` apsw gives the statement back to its store of prepared ones and looks it up again
    by its text, which costs about as much as to write the row. It is also put into the store at another place each
    time, in turn, and after some hundred rows has pushed all others out: they are compiled again.
    """
    # Rows of different lengths would slip into each other; one by one they are refused.
    if statement.many and len(rows) >= TOGETHER[-1] and len(set(map(len, rows))) == 1:
        for count, sql in zip(TOGETHER, statement.many, strict=True):
            whole = len(rows) - len(rows) % count
            if whole:
                starts = range(0, whole, count)
                cursor.executemany(sql, [tuple(chain.from_iterable(rows[at : at + count])) for at in starts])
                rows = rows[whole:]
    if len(rows) == 1:
        cursor.execute(statement.sql, rows[0])
    elif rows:
        cursor.executemany(statement.sql, rows)


def _groups(units: list[Unit]) -> list[list[Unit]]:
    """Runs of units of the same shape and of different customers, in order."""
    groups: list[list[Unit]] = []
    shape: tuple[object, ...] = ()
    keys: set[str] = set()
    for unit in units:
        its = unit.shape
        if groups and its == shape and unit.key not in keys:
            groups[-1].append(unit)
        else:
            groups.append([unit])
            shape, keys = its, set()
        keys.add(unit.key)
    return groups


def _tell(answers: list[tuple[Callable[[list[Result]], None], list[Result]]]) -> None:
    """Each caller hears; a fault in what one does with it is seen, and the others hear all the same."""
    left = deque(answers)
    try:
        while left:
            done, results = left.popleft()
            done(results)
    finally:
        if left:
            asyncio.get_running_loop().call_soon(_tell, list(left))
