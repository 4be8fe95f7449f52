"""Keys of the HTTP API that live in the database: made by `careline keys add`, also while a gateway runs.

SQLite takes a second writer for a moment; the process lock of the store is against a second gateway, not against this.
"""

import hashlib
import secrets
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from gateway.store.connection import connect
from gateway.store.database import StoreProblem, prepare
from gateway.store.migrate import HEAD, bring_up_to_date, schema_version

PREFIX = "ck_"
_OCTETS = 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is listed: never the key itself. created_at: ms since 1970 UTC."""

    name: str
    role: str
    created_at: int


def new_key() -> str:
    """A key of 256 random bits; the prefix lets scanners of leaked secrets find it."""
    return PREFIX + secrets.token_urlsafe(_OCTETS)


def key_hash(key: str) -> str:
    """What is stored of a key. It is random and long, so that a plain hash cannot be guessed back."""
    return hashlib.sha256(key.encode()).hexdigest()


def add(path: Path, name: str, role: str, now: int, key: str | None = None) -> str:
    """Stores a new key (or `key`) and returns it: the only time that it is seen.

    Raises:
        StoreProblem: the name is taken, or the database cannot be made or written.
    """
    made = key or new_key()
    try:
        prepare(path)
        _make(path)
        with closing(connect(path)) as connection:
            connection.execute(
                "INSERT INTO api_key (hash, name, role, created_at) VALUES (?, ?, ?, ?)",
                (key_hash(made), name, role, now),
            )
    except apsw.ConstraintError as error:
        raise StoreProblem(f"there is a key called {name} already; take another name, or remove it first") from error
    except (apsw.Error, ValueError, OSError) as error:
        raise StoreProblem(f"{path}: {error}; is it a Careline database, on a writable disk?") from error
    return made


def _make(path: Path) -> None:
    """Makes a database that is not there. An older one is migrated by whoever has it alone, not beside a gateway."""
    version = schema_version(path)
    if version is not None and version < HEAD:
        raise StoreProblem(
            f"{path} has schema {version}, this program {HEAD}; stop the gateway and run `careline migrate` first"
        )
    bring_up_to_date(path)


def role_of(path: Path, key: str) -> str | None:
    """What a key may do, None when it is not known (or there is no database yet). Raises StoreProblem."""
    if not path.exists():
        return None
    try:
        if schema_version(path) is None:
            return None
        with closing(connect(path, read_only=True)) as connection:
            row = connection.execute("SELECT role FROM api_key WHERE hash = ?", (key_hash(key),)).fetchone()
    except (apsw.Error, ValueError) as error:
        raise StoreProblem(f"{path}: {error}; is it a Careline database?") from error
    return str(row[0]) if row else None


def remove(path: Path, name: str) -> bool:
    """Takes a key back; False when there is none of that name. Raises StoreProblem."""
    if not path.exists():
        return False
    try:
        with closing(connect(path)) as connection:
            connection.execute("DELETE FROM api_key WHERE name = ?", (name,))
            return connection.changes() == 1
    except apsw.Error as error:
        raise StoreProblem(f"{path}: {error}; is it a Careline database, on a writable disk?") from error


def listed(path: Path) -> list[ApiKey]:
    """All keys of the database, oldest first. Raises StoreProblem, also where there is no database yet."""
    if not path.exists():
        raise StoreProblem(f"there is no database at {path} yet; `careline run`, `migrate` or `keys add` makes it")
    try:
        with closing(connect(path, read_only=True)) as connection:
            rows = list(connection.execute("SELECT name, role, created_at FROM api_key ORDER BY created_at, name"))
    except apsw.Error as error:
        raise StoreProblem(f"{path}: {error}; is it a Careline database?") from error
    return [ApiKey(str(name), str(role), int(created)) for name, role, created in rows]
