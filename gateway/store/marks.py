"""How far chores have come, by name: ids of messages, mostly."""

import apsw

from gateway.store.units import Statement, Unit

_SET = Statement(
    "mark", "INSERT INTO mark (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_STRETCH_END = "SELECT id FROM message WHERE id > ? AND id <= ? ORDER BY id LIMIT 1 OFFSET ?"


def set_mark(unit: Unit, name: str, value: object) -> None:
    """Moves a mark."""
    unit.add(_SET, (name, str(value)))


def number(connection: apsw.Connection, name: str) -> int:
    """The id that a mark is at; 0 while nobody has set it."""
    found = connection.execute("SELECT value FROM mark WHERE name = ?", (name,)).get
    return int(found) if found is not None else 0


def words(connection: apsw.Connection, name: str) -> str | None:
    """The text that a mark is; None while nobody has set it."""
    found = connection.execute("SELECT value FROM mark WHERE name = ?", (name,)).get
    return str(found) if found is not None else None


def stretch_end(connection: apsw.Connection, above: int, settled: int, stretch: int) -> int | None:
    """The last message of the next stretch above one; None while it is not full. stretch: messages."""
    found = connection.execute(_STRETCH_END, (above, settled, stretch - 1)).get
    return int(found) if found is not None else None
