"""The writer: units that arrive together, each all or nothing, with the right result for each."""

import asyncio
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store import work
from gateway.store.connection import connect
from gateway.store.database import Store, StoreProblem
from gateway.store.statements import insert
from gateway.store.tables import NoteRow
from gateway.store.units import (
    TOGETHER,
    Conflict,
    Due,
    Failure,
    Rejected,
    Row,
    Statement,
    StoreClosed,
    StoreFull,
    Unit,
)
from gateway.store.writer import Call, Result, Writer

MANY, FEW = TOGETHER
_PUT = Statement(
    "put",
    "INSERT INTO t (id, n) VALUES (?, ?)",
    many=tuple(f"INSERT OR FAIL INTO t (id, n) VALUES {','.join(['(?, ?)'] * count)}" for count in TOGETHER),
)
_ADD = Statement("add", "UPDATE t SET n = n + ? WHERE id = ?")
_NOTE = insert(NoteRow)
_MAYBE = Statement("maybe", "DELETE FROM t WHERE id = ?", exact=False)
_TAKE = Statement("take", "DELETE FROM t WHERE id = ?")
_NAME = Statement("name", "INSERT INTO name (name) VALUES (?)")
Change = tuple[str, int, int]


def _table() -> apsw.Connection:
    connection = connect(Path(":memory:"))
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 100))")
    connection.execute("CREATE TABLE name (name INTEGER PRIMARY KEY)")
    return connection


def _unit(key: str, changes: list[Change]) -> Unit:
    """A unit on the rows of its own customer; names are shared by all, as keys of events are."""
    unit = Unit(key)
    for verb, at, n in changes:
        an_id = ord(key) * 10 + at
        match verb:
            case "put":
                unit.add(_PUT, (an_id, n))
            case "add":
                unit.add(_ADD, (n, an_id))
            case "maybe":
                unit.add(_MAYBE, (an_id,))
            case "name":
                unit.add(_NAME, (at,))
            case _:
                unit.add(_TAKE, (an_id,))
    return unit


class Model:
    """What the two tables should hold."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.names: set[int] = set()

    def take(self, key: str, changes: list[Change]) -> type[Failure] | None:
        """Does a unit, all or nothing; answers how it fails."""
        rows, names = dict(self.rows), set(self.names)
        for verb, at, n in changes:
            if (failure := _change(rows, names, verb, ord(key) * 10 + at, at, n)) is not None:
                return failure
        self.rows, self.names = rows, names
        return None


def _change(rows: dict[int, int], names: set[int], verb: str, an_id: int, at: int, n: int) -> type[Failure] | None:
    known = at in names if verb == "name" else an_id in rows
    if verb == "name":
        names.add(at)
        return Rejected if known else None
    if verb == "put":
        rows[an_id] = n
        return Rejected if known else None
    if not known:
        return None if verb == "maybe" else Conflict
    if verb == "add":
        rows[an_id] += n
        return Rejected if rows[an_id] >= 100 else None
    del rows[an_id]
    return None


CHANGES = st.lists(
    st.tuples(st.sampled_from(["put", "add", "maybe", "take", "name"]), st.integers(0, 2), st.integers(0, 60)),
    min_size=1,
    max_size=3,
)
UNITS = st.lists(st.tuples(st.sampled_from("abcd"), CHANGES), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(UNITS, st.booleans()), min_size=1, max_size=4))
def test_units_against_a_model(transactions: list[tuple[list[tuple[str, list[Change]]], bool]]) -> None:
    connection, model = _table(), Model()
    writer = Writer(lambda: connection, cast("asyncio.AbstractEventLoop", None))  # tells nobody: no loop is needed
    for units, trusting in transactions:
        writer._wary = 0 if trusting else writer._wary
        results = writer._transaction(connection.cursor(), [_unit(key, changes) for key, changes in units])
        told = [type(result) if result is not None else None for result in results]
        assert told == [model.take(key, changes) for key, changes in units]
        assert dict(connection.execute("SELECT id, n FROM t")) == model.rows
        assert {row[0] for row in connection.execute("SELECT name FROM name")} == model.names
    connection.close()


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=20), min_size=1, max_size=30))
def test_many_rows_against_a_model(units: list[list[int]]) -> None:
    connection, writer = _table(), Writer(_table, cast("asyncio.AbstractEventLoop", None))
    kept: dict[int, int] = {}
    expected: list[type[Failure] | None] = []
    for number, ids in enumerate(units):
        fits = len(set(ids)) == len(ids) and kept.keys().isdisjoint(ids)
        kept.update(dict.fromkeys(ids, number) if fits else {})
        expected.append(None if fits else Rejected)
    asked = []
    for number, ids in enumerate(units):
        asked.append(Unit(f"customer {number}"))
        asked[-1].extend(_PUT, [(an_id, number) for an_id in ids])
    results = writer._transaction(connection.cursor(), asked)
    assert [type(result) if result is not None else None for result in results] == expected
    assert dict(connection.execute("SELECT id, n FROM t")) == kept
    connection.close()


def test_statements_stay_prepared_beside_many_rows() -> None:
    connection, writer = _table(), Writer(_table, cast("asyncio.AbstractEventLoop", None))
    for at in range(5):
        units = [Unit(f"customer {number}") for number in range(400)]
        for number, unit in enumerate(units):
            unit.add(_PUT, (at * 400 + number, 0))
        before = connection.cache_stats()["misses"]
        assert writer._transaction(connection.cursor(), units) == [None] * 400
        prepared = connection.cache_stats()["misses"] - before
        assert (prepared > 0) is (at == 0), f"{prepared} of transaction {at}"
    connection.close()


async def test_rows_by_the_dozen_are_each_where_they_belong(store: Store) -> None:
    rows = [(an_id, 2, "note", f"author {an_id}", f"text {an_id}") for an_id in range(MANY * 2 + FEW * 3 + 5)]
    units = []
    for row in rows:
        units.append(Unit(f"k{row[0]}"))
        units[-1].add(_NOTE, row)
    together = Unit("k")
    together.extend(_NOTE, [(an_id + 1000, *rest) for an_id, *rest in rows])
    assert await store.apply([*units, together]) == [None] * (len(units) + 1)
    sql = "SELECT id, conversation_id, kind, author, text FROM note ORDER BY id"
    found = await store.read(lambda connection: connection.execute(sql).fetchall())
    assert found == rows + [(an_id + 1000, *rest) for an_id, *rest in rows]


def _work(an_id: int, *, key: str = "k", text: str | None = None) -> Unit:
    unit = Unit(f"{key}{an_id}", intake=True)
    work.add(unit, Due(an_id, "lane", key, "kind", 0, body=text))
    return unit


async def _count(store: Store) -> int:
    sql = "SELECT count(*) FROM work WHERE lane = 'lane'"
    return int(await store.read(lambda connection: connection.execute(sql).get))


async def test_what_came_together_is_one_transaction(store: Store) -> None:
    calls = [store.apply([_work(an_id)]) for an_id in range(1, 401)]
    assert not any(result for results in await asyncio.gather(*calls) for result in results)
    assert await _count(store) == 400
    assert store.writer.figures.transactions < 50


async def test_only_the_guilty_unit_of_a_group_fails(store: Store) -> None:
    units = [_work(an_id) for an_id in (1, 2, 3, 2, 4)]
    results = await store.apply(units)
    assert [type(result) if result else None for result in results] == [None, None, None, Rejected, None]
    assert await _count(store) == 4


@pytest.mark.parametrize("count", [FEW * 3, MANY * 2])
async def test_only_the_guilty_unit_of_a_crowd_fails_and_what_was_there_stays(store: Store, count: int) -> None:
    assert await store.apply([_noted(12, "first")]) == [None]
    results = await store.apply([_noted(an_id, "second") for an_id in range(count)])
    assert [an_id for an_id, result in enumerate(results) if result] == [12]
    assert isinstance(results[12], Rejected)
    assert await _texts(store) == ["first" if an_id == 12 else "second" for an_id in range(count)]


@pytest.mark.parametrize("value", ["lone surrogate \ud800", 2**63, object()])
async def test_a_poisoned_row_in_a_crowd_fails_alone(store: Store, value: object) -> None:
    results = await store.apply([_noted(an_id, value if an_id == 3 else "well") for an_id in range(FEW * 2)])
    assert [an_id for an_id, result in enumerate(results) if result] == [3]
    assert await _texts(store) == ["well"] * (FEW * 2 - 1)


async def test_rows_of_other_lengths_do_not_slip_into_each_other(store: Store) -> None:
    units = [_noted(an_id, "well") for an_id in range(FEW)]
    units[2].steps[0][1][0] = (2, 2, "note", "bob")
    units[3].steps[0][1][0] = ("odd", 3, 2, "note", "bob", "well")
    results = await store.apply(units)
    assert [an_id for an_id, result in enumerate(results) if result] == [2, 3]
    assert await _texts(store) == ["well"] * (FEW - 2)


def _noted(an_id: int, text: object) -> Unit:
    unit = Unit(f"customer {an_id}")
    unit.add(_NOTE, (an_id, 2, "note", "bob", text))
    return unit


async def _texts(store: Store) -> list[str]:
    sql = "SELECT text FROM note ORDER BY id"
    return [str(row[0]) for row in await store.read(lambda connection: connection.execute(sql).fetchall())]


@pytest.mark.parametrize("poison", ["lone surrogate \ud800", 2**63, object(), 1j, -(2**63) - 1])
async def test_a_value_that_no_database_takes_harms_nobody_else(store: Store, poison: object) -> None:
    await _harms_nobody_else(store, ("poison", poison))


@pytest.mark.parametrize("row", [("one",), ("one", "two", "three"), (), None, 7])
async def test_a_row_that_does_not_fit_its_statement_harms_nobody_else(store: Store, row: Any) -> None:
    await _harms_nobody_else(store, row)


async def _harms_nobody_else(store: Store, *rows: Row) -> None:
    bad = Unit("bad")
    bad.extend(Statement("mark", "INSERT INTO mark (name, value) VALUES (?, ?)"), rows)
    async with asyncio.timeout(10):
        results = await store.apply([_work(1), bad, _work(2)])
        assert [type(result) if result else None for result in results] == [None, Rejected, None]
        assert [result for result in await store.apply([_work(3)]) if result] == []
    assert store.working() is None
    assert await _count(store) == 3


async def test_one_bad_row_among_many_takes_the_others_of_its_unit_along(store: Store) -> None:
    await _harms_nobody_else(store, ("a", "1"), ("b", object()), ("c", "3"))
    assert await store.read(lambda connection: connection.execute("SELECT count(*) FROM mark").get) == 0


async def test_a_text_that_is_too_long_for_the_database_is_rejected(store: Store) -> None:
    unit = Unit("long")
    unit.add(Statement("mark", "INSERT INTO mark (name, value) VALUES ('long', zeroblob(?))"), (1 << 31,))
    [failure] = await store.apply([unit])
    assert isinstance(failure, Rejected)
    assert "TooBigError" in str(failure)
    assert store.working() is None


async def test_after_close_nothing_is_taken(tmp_path: Path) -> None:
    store = Store(tmp_path / "careline.db")
    await store.open()
    await store.close()
    [result] = await store.apply([_work(1)])
    assert isinstance(result, StoreClosed)


async def test_a_lost_commit_fails_everybody_and_says_why(
    tmp_path: Path, schema: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another program holds the write lock for longer than the writer waits.
    def impatient(path: Path, *, read_only: bool = False, one_thread: bool = False) -> apsw.Connection:
        connection = connect(path, read_only=read_only, one_thread=one_thread)
        connection.execute("PRAGMA busy_timeout = 20")
        return connection

    monkeypatch.setattr("gateway.store.database.connect", impatient)
    shutil.copyfile(schema, tmp_path / "careline.db")
    store = Store(tmp_path / "careline.db")
    await store.open()
    assert await store.apply([_work(1)]) == [None]
    thief = connect(tmp_path / "careline.db")
    thief.execute("BEGIN IMMEDIATE")
    results = await store.apply([_work(2), _work(3)])
    thief.execute("ROLLBACK")
    thief.close()
    assert all(isinstance(result, StoreFull) for result in results)
    assert await _count(store) == 1
    assert await store.apply([_work(2)]) == [None]
    await store.close()


async def test_a_second_process_is_refused(store: Store, tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from gateway.store.database import Store, StoreProblem\n"
        "async def main():\n"
        "    try:\n        await Store(Path(sys.argv[1])).open()\n"
        "    except StoreProblem as problem:\n        print(problem); sys.exit(3)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path / "careline.db"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 3
    assert b"is in use by another Careline process (pid " in out
    with pytest.raises(StoreProblem, match="in use"):
        await Store(tmp_path / "careline.db").open()


_WRITES_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from gateway.store.database import Store
from gateway.store.units import Due, Unit
from gateway.store import work

async def main():
    store = Store(Path(sys.argv[1]))
    await store.open()
    at = int(sys.argv[2])
    while True:
        units = []
        for n in range(20):
            unit = Unit(f"u{at}")
            # Two rows that only make sense together.
            work.add(unit, Due(at, "lane", "k", "left", 0))
            work.add(unit, Due(at, "twin", "k", "right", 0))
            units.append(unit)
            at += 1
        results = await store.apply(units)
        assert not any(results)
        print(at - 1, flush=True)

asyncio.run(main())
"""


def test_a_kill_at_any_time_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, at, chance = tmp_path / "careline.db", 1, random.Random(7)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITES_FOR_EVER, str(path), str(at)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        acknowledged = 0
        for _ in range(chance.randrange(1, 40)):
            acknowledged = int(process.stdout.readline())
        process.kill()
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        acknowledged = max(acknowledged, *(int(line) for line in rest[:-1]), 0) if len(rest) > 1 else acknowledged
        connection = connect(path)
        left = {row[0] for row in connection.execute("SELECT id FROM work WHERE lane = 'lane'")}
        right = {row[0] for row in connection.execute("SELECT id FROM work WHERE lane = 'twin'")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        assert left == right, "a unit is on disk by half"
        assert set(range(1, acknowledged + 1)) <= left
        at = max(left) + 1


async def test_backup_while_writing_is_whole(store: Store, tmp_path: Path) -> None:
    stop = asyncio.Event()
    written = 0

    async def write() -> None:
        nonlocal written
        while not stop.is_set():
            units = []
            for an_id in range(written + 1, written + 51):
                unit = _work(an_id, text="x" * 400)
                work.add(unit, Due(an_id, "twin", "k", "kind", 0))
                units.append(unit)
            assert not any(await store.apply(units))
            written += 50

    writing = asyncio.create_task(write())
    while written < 20_000:
        await store.apply([])
    before = written
    backing_up = asyncio.create_task(store.backup(tmp_path / "copy.db"))
    done, _ = await asyncio.wait([backing_up], timeout=5)
    during = written - before
    stop.set()
    await writing
    await backing_up
    assert done, "the backup ended only when nobody wrote any more"
    copy = connect(tmp_path / "copy.db")
    count = copy.execute("SELECT count(*) FROM work WHERE lane = 'lane'").get
    twins = copy.execute("SELECT count(*) FROM work WHERE lane = 'twin'").get
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
    assert before <= count <= before + during + 50
    assert count == twins
    with pytest.raises(StoreProblem, match="exists already"):
        await store.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db.partial").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A volume of 12 MB; skipped by name where it cannot be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mounting, check=False).returncode != 0:
        pytest.skip("a small tmpfs cannot be mounted (needs root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_refuses_new_work_and_recovers_by_itself(small_disk: Path) -> None:
    store = Store(small_disk / "careline.db")
    await store.open()
    ballast = small_disk / "ballast"
    try:
        assert await store.apply([_work(1)]) == [None]
        with ballast.open("wb") as file:
            file.write(b"x" * (4 << 20))
        full: list[object] = []
        an_id = 2
        async with asyncio.timeout(30):
            while not full:
                results = await store.apply([_work(an_id + n, text="x" * 4000) for n in range(50)])
                full = [result for result in results if result is not None]
                an_id += 50
        assert all(isinstance(result, StoreFull) for result in full)
        # Reads go on, new work is refused at once, old work is settled from the reserve.
        assert await _count(store) >= 1
        assert isinstance((await store.apply([_work(10**9)]))[0], StoreFull)
        settle = Unit("settle")
        work.take(settle, Due(1, "lane", "k", "kind", 0))
        assert await store.apply([settle]) == [None]
        assert store.working() is None, "a full disk is no broken store"
        ballast.unlink()
        async with asyncio.timeout(10):
            while store.full:
                # Its keeper looks once a second; each round trip gives it a turn.
                await _count(store)
        assert await store.apply([_work(10**9)]) == [None]
    finally:
        await store.close()


async def test_the_patient_share_the_next_transaction_in_their_order(store: Store) -> None:
    told: list[str] = []
    before = store.writer.figures.transactions
    store.patience = 60.0
    store.submit([_work(1)], lambda results: told.append("first"), patient=True)
    store.submit([_work(2)], lambda results: told.append("second"), patient=True)
    assert await _count(store) == 0, "nobody waits for them, so nothing is written yet"
    assert await store.apply([_work(3)]) == [None]
    assert told == ["first", "second"]
    assert await _count(store) == 3
    assert store.writer.figures.transactions == before + 1


async def test_the_patient_are_written_alone_when_nobody_comes(store: Store) -> None:
    written = asyncio.Event()
    store.submit([_work(1)], lambda results: written.set(), patient=True)
    async with asyncio.timeout(10):
        await written.wait()
    assert await _count(store) == 1


async def test_the_patient_are_written_when_the_store_closes(store: Store) -> None:
    store.patience = 60.0
    told: list[list[Result]] = []
    store.submit([_work(1)], told.append, patient=True)
    await store.close()
    await asyncio.sleep(0)
    assert told == [[None]]


@pytest.mark.interpreted
async def test_a_writer_that_ends_by_a_fault_leaves_nobody_waiting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type.__name__))

    def broken(connection: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(store.writer, "_checkpoint", broken)
    store.writer.checkpoint()
    await asyncio.get_running_loop().run_in_executor(None, store.writer._runner.join)
    assert seen == ["ZeroDivisionError"]
    [failure] = await store.apply([_work(1)])
    assert isinstance(failure, StoreClosed)
    assert "fault of ours" in str(store.working())


async def test_a_writer_that_cannot_open_the_database_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)

    def refused() -> apsw.Connection:
        raise apsw.CantOpenError("the file went away")

    writer = Writer(refused, asyncio.get_running_loop())
    told: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
    writer.start()
    writer.submit(Call([_work(1)], told.set_result))
    async with asyncio.timeout(10):
        [failure] = await told
    assert isinstance(failure, StoreClosed)
    assert writer.broken is not None
    await asyncio.get_running_loop().run_in_executor(None, writer.close)


@pytest.mark.interpreted
async def test_a_writer_that_dies_with_work_in_hand_tells_who_waits_for_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)

    def broken(connection: object, units: object) -> list[Result]:
        raise ZeroDivisionError

    monkeypatch.setattr(store.writer, "_transaction", broken)
    async with asyncio.timeout(10):
        [failure] = await store.apply([_work(1)])
    assert isinstance(failure, StoreClosed)
    await asyncio.get_running_loop().run_in_executor(None, store.writer._runner.join)


async def test_the_patient_that_come_while_others_are_refused_are_told_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.patience = 60.0
    monkeypatch.setattr(store.writer, "broken", "the disk is gone")
    told: list[str] = []

    def once_more(_: list[Result]) -> None:
        told.append("first")
        store.submit([_work(2)], lambda results: told.append("second"), patient=True)

    store.submit([_work(1)], once_more, patient=True)
    assert isinstance((await store.apply([_work(3)]))[0], StoreClosed)
    await store.apply([_work(4)])
    assert told == ["first", "second"]


async def test_a_fault_in_one_caller_keeps_nothing_from_the_others(store: Store) -> None:
    seen: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(str(context["exception"])))

    def broken(_: list[Result]) -> None:
        raise ZeroDivisionError("mine")

    store.patience = 60.0
    store.submit([_work(1)], broken, patient=True)
    async with asyncio.timeout(10):
        assert await store.apply([_work(2)]) == [None]
    assert seen == ["mine"]
