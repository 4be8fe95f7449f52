"""How a chat server's SQLite database writes: with a rollback journal it waits for the disk several times a message."""

from pathlib import Path

TOLD = "its SQLite database is not in WAL mode: it waits for the disk four times as long with each message"


def todo(database: str | Path) -> str:
    """The command that mends it, for good; the server has to be stopped."""
    return f'sqlite3 {database} "PRAGMA journal_mode = WAL"'


def waits_for_disk(database: Path) -> bool:
    """Whether it is a database of SQLite that writes a rollback journal (its file format, 1.3.3); False where it cannot
    be read.
    """
    try:
        with database.open("rb") as file:
            head = file.read(20)
    except OSError:
        return False
    return head.startswith(b"SQLite format 3\0") and head[18:20] == b"\1\1"
