"""One copy of SQLite has the database open; connections with and without a lock of their own."""

import subprocess
import sys
import threading
from enum import Enum, IntEnum
from pathlib import Path

import apsw
import pytest

from gateway.store.connection import connect
from tests.doubles.database import open_files

_SLOW = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000000) SELECT max(i) FROM n"


def test_what_cannot_be_opened_is_not_kept_open(tmp_path: Path) -> None:
    path = tmp_path / "careline.db"
    path.write_text("Dear diary" * 1000)
    with pytest.raises(apsw.NotADBError) as caught:
        connect(path)
    assert open_files(path) == [], "while the error is still known"
    assert caught.value is not None


def test_who_reads_only_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        connect(tmp_path / "careline.db", read_only=True)
    writing = connect(tmp_path / "careline.db")
    writing.execute("CREATE TABLE t (a)")
    reading = connect(tmp_path / "careline.db", read_only=True)
    with pytest.raises(apsw.ReadOnlyError):
        reading.execute("INSERT INTO t VALUES (1)")
    reading.close()
    writing.close()


def test_two_threads_on_one_connection_are_told(tmp_path: Path) -> None:
    connection, begun, stopped = connect(tmp_path / "careline.db"), threading.Event(), threading.Event()

    def step() -> bool:
        begun.set()
        return stopped.is_set()

    def slow() -> None:
        connection.set_progress_handler(step, 10_000)
        with pytest.raises(apsw.InterruptError):
            connection.execute(_SLOW)

    busy = threading.Thread(target=slow)
    busy.start()
    assert begun.wait(10)
    with pytest.raises(apsw.ThreadingViolationError):
        connection.execute("SELECT 1")
    stopped.set()
    busy.join()
    connection.close()


class Kind(Enum):
    """Not text itself: no database takes it."""

    odd = "odd"


class Word(str, Enum):  # noqa: UP042  # the older kind of StrEnum
    """Text, as `StrEnum` is."""

    yes = "yes"


class Grade(IntEnum):
    """A number."""

    first = 1


def test_values_come_back_as_what_the_database_has(tmp_path: Path) -> None:
    connection = connect(tmp_path / "careline.db")
    values = (None, True, False, Grade.first, Word.yes, "\0 and \U0001f600", b"\0", 0.5, -(2**63))
    row = connection.execute(f"SELECT {', '.join('?' * len(values))}", values).get
    assert row == (None, 1, 0, 1, "yes", "\0 and \U0001f600", b"\0", 0.5, -(2**63))
    assert [type(value) for value in row[1:5]] == [int, int, int, str]
    with pytest.raises(TypeError):
        connection.execute("SELECT ?", (Kind.odd,))  # type: ignore[arg-type, unused-ignore]
    connection.close()


@pytest.mark.parametrize(("before", "counting"), [("", False), ("kept = apsw.Connection('')", True)])
def test_memory_is_not_counted_unless_somebody_was_there_before(before: str, counting: bool) -> None:
    code = (
        f"import apsw\n{before}\nfrom pathlib import Path\nfrom gateway.store.connection import connect\n"
        "connect(Path(':memory:')).execute('CREATE TABLE t (a)')\nprint(apsw.memory_used() > 0)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == f"{counting}\n"
