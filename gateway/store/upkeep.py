"""What the store does beside its work: the word index of messages, and throwing away what has had its time."""

import apsw

from gateway.model.ids import id_at
from gateway.store import stanzas
from gateway.store.marks import number, set_mark, stretch_end
from gateway.store.tables import LinkRow
from gateway.store.units import Statement, Unit

FTS_MARK = "fts"
END_MARK = "end"
_INDEX = Statement(
    "index words",
    "INSERT INTO message_fts (rowid, text) SELECT id, text FROM message WHERE id > ? AND id <= ?",
    exact=False,
)
# Messages indexed in one commit, which waits for it about a millisecond, and stretches that are looked up at once.
STRETCH, STRETCHES = 128, 16
_INDEX_LATE = Statement(
    "index words of one",
    "INSERT INTO message_fts (rowid, text) "
    "SELECT ?1, ?2 WHERE ?1 <= (SELECT CAST(value AS INTEGER) FROM mark WHERE name = 'fts')",
    exact=False,
)
MERGE_PAGES = 8
"""Of the index, merged with each stretch: about what three stretches write, so that few segments wait to be merged."""
_MERGE = Statement("merge words", "INSERT INTO message_fts (message_fts, rank) VALUES ('merge', ?)", exact=False)
_LAST = "SELECT max(id) FROM message WHERE id > ? AND id <= ?"
_DROP_LINKS = Statement("old links", f"DELETE FROM {LinkRow.__tablename__} WHERE expires_at < ?", exact=False)
PARTS_MS = 86_400_000
_DROP_PARTS = Statement("old parts", "DELETE FROM mo_part WHERE id < ? AND joined = 1", exact=False)
NO_RECEIPT_MS = 72 * 3_600_000
# What left within twelve hours after it was made is given up at its first look; what left later gets one of its own.
LEFT_LATELY_MS = 60 * 3_600_000
SWEPT_MARK = "swept"
OVERDUE_LANE = "overdue"
# Of the messages whose receipts are overdue, so many ms of them at a sweep: after a long stop it catches up by and by.
SWEEP_MS = 600_000
_GIVE_UP = (
    "UPDATE message SET state = 'final', disposition = 'unknown', reason = 'no receipt came' "
    "WHERE {which} AND direction = 'mt' AND state IN ('held', 'queued') AND disposition IS NULL "
    "AND parts = (SELECT count(DISTINCT part) FROM attempt WHERE message_id = message.id AND outcome = 'accepted') "
    "AND NOT EXISTS (SELECT 1 FROM attempt WHERE message_id = message.id AND at > ?)"
)
_NO_RECEIPT = Statement("no receipt", _GIVE_UP.format(which="id > ? AND id <= ?"), exact=False, tally="unknown")
# When to look again: the time of a receipt after it left lately, or after it leaves now.
_AGAIN = f"coalesce((SELECT max(at) FROM attempt WHERE message_id = {{message}} AND at > ?), ?) + {NO_RECEIPT_MS}"
_LOOK_AGAIN = Statement(
    "look again for receipts",
    "INSERT INTO work (lane, prio, due, id, key, kind, attempts, ref) "
    f"SELECT '{OVERDUE_LANE}', 0, {_AGAIN.format(message='message.id')}, id, key, '{OVERDUE_LANE}', 0, id FROM message "
    "WHERE id > ? AND id <= ? AND direction = 'mt' AND state IN ('held', 'queued') ON CONFLICT DO NOTHING",
    exact=False,
)
_LOOKS = f"lane = '{OVERDUE_LANE}' AND prio = 0 AND due <= ?"
_NO_RECEIPT_LATE = Statement(
    "no receipt of what left late",
    _GIVE_UP.format(which=f"id IN (SELECT ref FROM work WHERE {_LOOKS})"),
    exact=False,
    tally="unknown",
)
_LOOKED = Statement(
    "looked for receipts",
    f"DELETE FROM work WHERE {_LOOKS} AND NOT EXISTS "
    "(SELECT 1 FROM message WHERE message.id = work.ref AND state IN ('held', 'queued'))",
    exact=False,
)
_LOOK_ONCE_MORE = Statement(
    "look once more for receipts",
    f"UPDATE work SET due = {_AGAIN.format(message='work.ref')} WHERE {_LOOKS}",
    exact=False,
)


def ended_orderly(connection: apsw.Connection) -> bool:
    """Whether the last run finished what was in flight and unbound; a new database counts as orderly."""
    row = connection.execute("SELECT value FROM mark WHERE name = ?", (END_MARK,)).fetchone()
    return row is None or row[0] == "orderly"


def mark_end(*, orderly: bool) -> Unit:
    """Notes how this run ends: not orderly from its start on, until it was."""
    unit = Unit("end")
    set_mark(unit, END_MARK, "orderly" if orderly else "running")
    return unit


def indexed_up_to(connection: apsw.Connection) -> int:
    """The newest message whose words can be searched by index."""
    return number(connection, FTS_MARK)


def stretches(connection: apsw.Connection, settled: int) -> list[tuple[int, int]]:
    """The next stretches of messages to index, each (above, up to); none when all that is settled is indexed."""
    found: list[tuple[int, int]] = []
    above = indexed_up_to(connection)
    while len(found) < STRETCHES:
        end = stretch_end(connection, above, settled, STRETCH)
        if end is None:
            last = connection.execute(_LAST, (above, settled)).get
            return [*found, (above, last)] if last is not None else found
        found.append((above, end))
        above = end
    return found


def index_late(unit: Unit, message_id: int, text: str) -> None:
    """A message that comes when the mark may be above it already: then it is indexed by itself."""
    unit.add(_INDEX_LATE, (message_id, text))


def index_words(above: int, up_to: int) -> Unit:
    """Indexes a stretch of messages, merges a little of what was indexed before, and moves the mark."""
    unit = Unit("fts")
    unit.add(_INDEX, (above, up_to))
    unit.add(_MERGE, (MERGE_PAGES,))
    set_mark(unit, FTS_MARK, up_to)
    return unit


def sweep(connection: apsw.Connection, now: int) -> Unit:
    """Expired links go; a message without a receipt for 72 h after it left is unknown.

    A sweep that reads all messages of some days would hold up the commits. So each is looked at once, at that age; the
    few that are still open then have a row of work that says when to look again.
    """
    unit = Unit("sweep")
    unit.add(_DROP_LINKS, (now,))
    unit.add(_DROP_PARTS, (id_at(now - PARTS_MS),))
    stanzas.forget(unit, now)
    lately = now - LEFT_LATELY_MS
    swept, up_to = _swept_up_to(connection), id_at(now - NO_RECEIPT_MS)
    if 0 < swept < up_to:
        up_to = min(up_to, swept + id_at(SWEEP_MS))
        unit.add(_NO_RECEIPT, (swept, up_to, lately))
        unit.add(_LOOK_AGAIN, (lately, now, swept, up_to))
        set_mark(unit, SWEPT_MARK, up_to)
    first = connection.execute(
        "SELECT min(due) FROM work WHERE lane = ? AND prio = 0 AND due <= ?", (OVERDUE_LANE, now)
    ).get
    if first is not None:
        until = min(now, int(first) + SWEEP_MS)
        unit.add(_NO_RECEIPT_LATE, (until, lately))
        unit.add(_LOOKED, (until,))
        unit.add(_LOOK_ONCE_MORE, (lately, now, until))
    return unit


def _swept_up_to(connection: apsw.Connection) -> int:
    """The newest message that was looked at; the oldest there is when nothing was swept yet."""
    row = connection.execute("SELECT value FROM mark WHERE name = ?", (SWEPT_MARK,)).fetchone()
    if row is not None:
        return int(row[0])
    oldest = connection.execute("SELECT min(id) FROM message").get
    return int(oldest) - 1 if oldest is not None else 0


def live_steps(connection: apsw.Connection) -> dict[tuple[str, str], int]:
    """How many dialogues wait in which step: (handler, step) -> count."""
    rows = connection.execute(
        "SELECT handler, step, count(*) FROM dialogue WHERE state <> 'done' GROUP BY handler, step"
    )
    return {(str(row[0]), str(row[1])): int(row[2]) for row in rows}
