"""The log is folded in beside the commits, and never begun anew before the disk has what it held."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import apsw
import pytest

from gateway.store import checkpoint
from gateway.store.checkpoint import CHECKPOINT_BYTES, Checkpointer
from gateway.store.connection import connect

ROWS = 60  # of 100 kB: more than a log that is worth folding in


class Disk:
    """fdatasync in the test's hands."""

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.visits = 0
        self.fault: OSError | None = None

    def sync(self, _file: int) -> None:
        """Waits until the test lets it go."""
        self.visits += 1
        assert self.may_go.wait(10)
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "careline.db"


@pytest.fixture
def writer(path: Path) -> Iterator[apsw.Connection]:
    connection = connect(path)
    connection.execute("CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT)")
    yield connection
    connection.close()


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def made(path: Path, writer: apsw.Connection, disk: Disk) -> Iterator[Checkpointer]:
    checkpointer = Checkpointer(path, lambda: connect(path, read_only=True), disk.sync)
    yield checkpointer
    disk.may_go.set()
    checkpointer.close()


def fill(writer: apsw.Connection, sign: str) -> None:
    """Makes the log long."""
    for number in range(ROWS):
        writer.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (str(number), sign * 100_000))


def frames(path: Path) -> bytes:
    """The salts of the log: others once it was begun anew."""
    return path.with_name(path.name + "-wal").read_bytes()[16:24]


def copy_without_log(path: Path, target: Path) -> apsw.Connection:
    """What the database file alone holds."""
    target.write_bytes(path.read_bytes())
    return connect(target)


def wait(condition: Callable[[], bool]) -> None:
    """Until another thread has done it."""
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("nothing happened for ten seconds")


def test_all_is_copied_and_commits_go_on_while_the_disk_works(
    path: Path, writer: apsw.Connection, made: Checkpointer, disk: Disk, tmp_path: Path
) -> None:
    fill(writer, "a")
    salts = frames(path)
    made.run(writer)
    wait(lambda: disk.visits == 1)
    assert made.busy
    copied = copy_without_log(path, tmp_path / "copy.db")
    assert copied.execute("SELECT count(*) FROM mark").fetchone() == (ROWS,)
    copied.close()
    fill(writer, "b")
    assert frames(path) == salts, "the log still holds what the disk may lack"
    made.run(writer)
    assert disk.visits == 1, "one at a time"
    disk.may_go.set()
    wait(lambda: not made.busy)
    made.run(writer)
    wait(lambda: disk.visits == 2 and not made.busy)
    writer.execute("INSERT INTO mark VALUES ('new', '')")
    assert frames(path) != salts, "now it begins anew, and does not grow for ever"


def test_under_commits_that_never_pause_the_log_is_begun_anew_too(
    path: Path, writer: apsw.Connection, made: Checkpointer, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "MOST_FRAMES", 3000)
    fill(writer, "a")
    salts = frames(path)
    for visit in range(1, 6):
        if made._frames < 3000:
            disk.may_go.clear()
        made.run(writer)
        fill(writer, "b")  # beside the disk's work, or right after it
        disk.may_go.set()
        wait(lambda visits=visit: disk.visits == visits and not made.busy)  # type: ignore[misc]
    assert frames(path) != salts
    assert path.with_name(path.name + "-wal").stat().st_size < 6000 * 4096


def test_the_writer_waits_for_the_disk_at_each_commit_as_before(
    writer: apsw.Connection, made: Checkpointer, disk: Disk
) -> None:
    fill(writer, "a")
    disk.may_go.set()
    made.run(writer)
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"


def test_a_short_log_is_left_alone(path: Path, writer: apsw.Connection, made: Checkpointer, disk: Disk) -> None:
    writer.execute("INSERT INTO mark VALUES ('a', 'b')")
    assert path.with_name(path.name + "-wal").stat().st_size < CHECKPOINT_BYTES
    made.run(writer)
    assert disk.visits == 0


class FullDisk:
    """A connection that cannot copy while the test says so; it looks again every 250 ms."""

    def __init__(self, writer: apsw.Connection) -> None:
        self._writer = writer
        self.fault: str | None = None

    def execute(self, sql: str) -> apsw.Cursor:
        """As the connection does, checkpoints apart."""
        if self.fault is not None and "wal_checkpoint" in sql:
            raise apsw.Error(self.fault)
        return self._writer.execute(sql)


def test_a_full_disk_is_told_when_it_begins_and_when_it_ends(
    writer: apsw.Connection, made: Checkpointer, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    fill(writer, "a")
    disk.may_go.set()
    full = FullDisk(writer)
    connection = cast("apsw.Connection", full)

    def runs(fault: str | None) -> list[str]:
        caplog.clear()
        full.fault = fault
        for _ in range(5):
            made.run(connection)
            wait(lambda: not made.busy)
            fill(writer, "b")
        return caplog.messages

    assert runs("database or disk is full") == ["store: checkpoint put off: database or disk is full"]
    assert runs("database or disk is full") == []
    assert runs("database is locked") == ["store: checkpoint put off: database is locked"], "another cause is told"
    assert runs(None) == ["store: checkpoints go on"]
    assert runs("database or disk is full") == ["store: checkpoint put off: database or disk is full"]


def test_a_disk_that_fails_ends_it_and_the_log_stays(
    path: Path, writer: apsw.Connection, made: Checkpointer, disk: Disk
) -> None:
    fill(writer, "a")
    salts = frames(path)
    disk.fault = OSError(5, "Input/output error")
    disk.may_go.set()
    made.run(writer)
    wait(lambda: made.failed is not None)
    assert "Input/output error" in str(made.failed)
    made.run(writer)
    fill(writer, "b")
    assert (disk.visits, frames(path)) == (1, salts)
