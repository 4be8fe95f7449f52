"""Which messages an address has: filed many at a time, sorted, since each address has a page of its own in that table.

A message that came with its own line in it would dirty a page in its commit and again in a checkpoint; sorted by
thousands they share them (decision 19). So the newest messages, twenty to thirty thousand at most, are not filed yet:
whoever asks reads them as they stand, from the end of the message table.

They are gathered in a table in memory that only the writer's connection has, and filed from there, a slice in each
commit. When the process ends, that table is gone and the mark has not moved: they are gathered again.
"""

from collections.abc import Sequence

import apsw

from gateway.store import marks
from gateway.store.units import Statement, Unit

FILED_MARK = "filed"
TOGETHER = 20_480
"""Messages filed together: with fewer each page is written more often."""
STRETCH = 512
"""Messages gathered at once."""
SLICE = 256
"""Messages filed in one commit: whoever is committed with them waits a millisecond longer."""
_MAKE = Statement(
    "make room to gather",
    "CREATE TEMP TABLE IF NOT EXISTS unfiled (address_id INTEGER NOT NULL, message_id INTEGER NOT NULL, "
    "PRIMARY KEY (address_id, message_id)) WITHOUT ROWID",
    exact=False,
)
_GATHER = Statement(
    "gather",
    "INSERT OR IGNORE INTO temp.unfiled (address_id, message_id) "
    "SELECT address_id, id FROM message WHERE id > ? AND id <= ?",
    exact=False,
)
_FILE = Statement(
    "file",
    "INSERT OR IGNORE INTO address_message (address_id, message_id) "
    "SELECT address_id, message_id FROM temp.unfiled ORDER BY address_id, message_id LIMIT ? OFFSET ?",
    exact=False,
)
_FORGET = Statement("forget what is filed", "DELETE FROM temp.unfiled", exact=False)
_LATE = Statement(
    "file one", "INSERT OR IGNORE INTO address_message (address_id, message_id) VALUES (?, ?)", exact=False
)


def filed_up_to(connection: apsw.Connection) -> int:
    """All messages up to this one are filed; of those above it none need be."""
    return marks.number(connection, FILED_MARK)


def make_room() -> Unit:
    """What a process does first of all."""
    unit = Unit("filing")
    unit.add(_MAKE, ())
    return unit


def gather(above: int, up_to: int) -> Unit:
    """Takes up a stretch of messages."""
    unit = Unit("filing")
    unit.add(_GATHER, (above, up_to))
    return unit


def file_slice(place: int, count: int) -> Unit:
    """Files those from a place on in the order of what is gathered."""
    unit = Unit("filing")
    unit.add(_FILE, (count, place))
    return unit


def file_rest(place: int, up_to: int) -> Unit:
    """Files all from a place on, and moves the mark to the last that was gathered."""
    unit = Unit("filing")
    unit.add(_FILE, (-1, place))
    unit.add(_FORGET, ())
    marks.set_mark(unit, FILED_MARK, up_to)
    return unit


def file_late(unit: Unit, address_id: int, message_id: int) -> None:
    """A message that comes when those of its time may be gathered already: it files itself."""
    unit.add(_LATE, (address_id, message_id))


def ids_of_address(
    connection: apsw.Connection, address_id: int, above: int, test: str, values: Sequence[object], most: int
) -> list[int]:
    """Messages of an address above one that pass a test on the table `message`, oldest first.

    test: SQL with a `?` for each of `values`.
    """
    filed = filed_up_to(connection)
    rows = connection.execute(
        "SELECT message_id FROM address_message CROSS JOIN message ON message.id = message_id "
        f"WHERE address_message.address_id = ? AND message_id > ? AND message_id <= ? AND {test} UNION ALL "
        f"SELECT id FROM message WHERE id > ? AND address_id = ? AND {test} ORDER BY 1 LIMIT ?",
        (address_id, above, filed, *values, max(above, filed), address_id, *values, most),
    )
    return [row[0] for row in rows]
