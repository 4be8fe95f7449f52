"""Looking at the database from another process than the gateway's: `careline check` and `careline doctor`.

SQLite allows it while the gateway runs; nothing is changed.
"""

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from gateway.model.chat_server import ChatServer
from gateway.model.ids import made_at
from gateway.store.chat_servers import last_server
from gateway.store.connection import connect
from gateway.store.database import StoreProblem
from gateway.store.migrate import HEAD, schema_version
from gateway.store.upkeep import live_steps
from gateway.store.work import newest_id

__all__ = ["SQLITE_VERSION", "Figures", "chat_server", "figures", "live_dialogues"]

_MAJOR, _MINOR, _PATCH = map(int, apsw.sqlitelibversion().split("."))
SQLITE_VERSION = (_MAJOR, _MINOR, _PATCH)
"""Of the library that the store uses."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What `figures` saw. version: of the schema. write_seconds: to get the lock. newest_ms: of the newest id."""

    version: str
    octets: int
    wal_octets: int
    write_seconds: float
    newest_ms: int


def live_dialogues(path: Path) -> dict[tuple[str, str], int]:
    """How many dialogues wait in which step; none where there is no database. Raises StoreProblem."""
    try:
        version = schema_version(path)
        if version is None:
            return {}
        _known(path, version)
        with closing(connect(path, read_only=True)) as connection:
            return live_steps(connection)
    except apsw.Error as error:
        raise StoreProblem(f"{path}: {error}; is it a Careline database?") from error


def figures(path: Path) -> Figures | None:
    """Sizes, and whether it can be written: the write lock is taken and given back. None where there is no database.

    Raises:
        StoreProblem: it cannot be written; the message says why.
    """
    try:
        version = schema_version(path)
        if version is None:
            return None
        _known(path, version)
        with closing(connect(path)) as connection:
            started = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            took = time.perf_counter() - started
            connection.execute("ROLLBACK")
            newest = made_at(newest_id(connection))
        wal = path.with_name(path.name + "-wal")
        return Figures(version, path.stat().st_size, wal.stat().st_size if wal.exists() else 0, took, newest)
    except (apsw.Error, OSError) as error:
        raise StoreProblem(f"{path}: {error}; is it a Careline database, on a writable disk?") from error


def chat_server(path: Path) -> tuple[ChatServer, int] | None:
    """What the agents' server told a gateway that it is, and when, ms; None where none has asked.

    Raises StoreProblem.
    """
    try:
        version = schema_version(path)
        if version is None:
            return None
        _known(path, version)
        with closing(connect(path, read_only=True)) as connection:
            return last_server(connection)
    except apsw.Error as error:
        raise StoreProblem(f"{path}: {error}; is it a Careline database?") from error


def _known(path: Path, version: str) -> None:
    if version != HEAD:
        raise StoreProblem(
            f"{path} has schema {version}, this program {HEAD}; `careline migrate` brings an older one up to date"
        )
