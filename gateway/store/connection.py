"""Opens connections to the database; nobody else in the gateway does, and all are of one library (decision 0017).

Two copies of SQLite in one process must not have the same file open: whichever closes it drops the locks that the other
holds on it (sqlite.org/howtocorrupt.html, 2.2.1). Python's own `sqlite3` is another copy than the one in apsw. Only
migrations use it, and have closed everything before they return (`gateway.store.migrate`); ruff refuses it elsewhere.
"""

import errno
import os
from pathlib import Path

import apsw

STATEMENTS = 256
"""Prepared ones that a connection keeps."""
_OURS = ("busy_timeout = 5000", "temp_store = MEMORY", "cache_size = -65536", "mmap_size = 268435456")
# Who writes keeps fewer pages. Where a tree was balanced, SQLite had numbered a page far beyond the end of the file for
# a moment, and looks for such among all pages that it keeps when the transaction ends (0.2 ms of 64 MiB).
_OURS_TO_WRITE = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 0",
    "journal_size_limit = 67108864",
    "cache_size = -8192",
)


def _configure() -> None:
    """Once in a process, before the first connection: SQLite counts no memory, which nobody asks about and which costs
    a lock at every piece. It stays as it is where somebody else's connection is open already: it is only faster.

    Not SQLITE_CONFIG_MULTITHREAD: it takes the lock of every connection away, and by that lock apsw tells when two
    threads use one connection, and when it may end a cursor. A cursor ends where the last one forgets it: the traceback
    of a question that failed takes it along to the event loop, while its reading thread answers the next question. So
    only the writer's connection goes without (`one_thread`), which is most of what there is to save.
    """
    if apsw.connections():
        return
    apsw.shutdown()
    apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)
    apsw.initialize()


_configure()


def connect(path: Path, *, read_only: bool = False, one_thread: bool = False) -> apsw.Connection:
    """A connection with our pragmas. Autocommit: transactions are explicit.

    one_thread: it, its cursors and all that knows them never leave the thread that opens it. It has no lock, and
    nothing tells when two threads use it.
    """
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    flags |= apsw.SQLITE_OPEN_NOMUTEX if one_thread else apsw.SQLITE_OPEN_FULLMUTEX
    connection = apsw.Connection(str(path), flags, statementcachesize=STATEMENTS)
    try:
        for pragma in _OURS if read_only else (*_OURS, *_OURS_TO_WRITE):
            connection.execute(f"PRAGMA {pragma}")
    except apsw.Error:
        connection.close()  # the error's traceback would keep it open
        raise
    return connection


def copy(source: Path, target: Path) -> None:
    """Copies a database by SQLite's own backup, whoever else has it open, into an empty file.

    Raises:
        OSError: the disk of the copy is full, or cannot be written.
        apsw.Error: anything else.
    """
    original = connect(source, read_only=True)
    try:
        # Without our pragmas: a log would only write all of it twice.
        made = apsw.Connection(str(target), apsw.SQLITE_OPEN_READWRITE)
        try:
            with made.backup("main", original, "main") as running:
                # In one step: a reader holds up no writer (WAL), while a copy in steps begins again at each commit.
                running.step()
        except apsw.FullError as error:  # whose text is that of the other connection: "not an error"
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
        except apsw.IOError as error:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(target)) from error
        finally:
            made.close()
    finally:
        original.close()
