"""What the store does beside its work: the word index of messages, and throwing away what has had its time."""

import sqlite3

from gateway.model.ids import id_at
from gateway.store.tables import LinkRow
from gateway.store.units import Statement, Unit

FTS_MARK = "fts"
END_MARK = "end"
# A message's id is made before its commit: what is younger than this may still arrive below the mark.
SETTLED_MS = 2000
_SET_MARK = Statement(
    "mark", "INSERT INTO mark (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_INDEX = Statement(
    "index words",
    "INSERT INTO message_fts (rowid, text) SELECT id, text FROM message WHERE id > ? AND id <= ?",
    exact=False,
)
MERGE_PAGES = 8
_MERGE = Statement("merge words", "INSERT INTO message_fts (message_fts, rank) VALUES ('merge', ?)", exact=False)
_DROP_LINKS = Statement("old links", f"DELETE FROM {LinkRow.__tablename__} WHERE expires_at < ?", exact=False)
PARTS_MS = 86_400_000
_DROP_PARTS = Statement("old parts", "DELETE FROM mo_part WHERE id < ? AND joined = 1", exact=False)
_NO_RECEIPT = Statement(
    "no receipt",
    "UPDATE message SET state = 'final', disposition = 'unknown', reason = 'no receipt came' "
    "WHERE id > ? AND id <= ? AND direction = 'mt' AND state IN ('held', 'queued') AND disposition IS NULL "
    "AND parts = (SELECT count(DISTINCT part) FROM attempt WHERE message_id = message.id AND outcome = 'accepted')",
    exact=False,
    tally="unknown",
)
NO_RECEIPT_MS = 72 * 3_600_000
SWEPT_MARK = "swept"
# Of the messages whose receipts are overdue, so many ms of them at a sweep: after a long stop it catches up by and by.
SWEEP_MS = 600_000


def ended_orderly(connection: sqlite3.Connection) -> bool:
    """Whether the last run finished what was in flight and unbound; a new database counts as orderly."""
    row = connection.execute("SELECT value FROM mark WHERE name = ?", (END_MARK,)).fetchone()
    return row is None or row[0] == "orderly"


def mark_end(*, orderly: bool) -> Unit:
    """Notes how this run ends: not orderly from its start on, until it was."""
    unit = Unit("end")
    unit.add(_SET_MARK, (END_MARK, "orderly" if orderly else "running"))
    return unit


def indexed_up_to(connection: sqlite3.Connection) -> int:
    """The newest message whose words can be searched by index."""
    row = connection.execute("SELECT value FROM mark WHERE name = ?", (FTS_MARK,)).fetchone()
    return int(row[0]) if row else 0


def next_mark(connection: sqlite3.Connection, now: int, most: int) -> tuple[int, int] | None:
    """The next stretch of messages to index: (above, up to), or None."""
    mark = indexed_up_to(connection)
    row = connection.execute(
        "SELECT max(id) FROM (SELECT id FROM message WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)",
        (mark, id_at(now - SETTLED_MS), most),
    ).fetchone()
    return (mark, int(row[0])) if row and row[0] is not None else None


def index_words(above: int, up_to: int) -> Unit:
    """Indexes a stretch of messages, merges a little of what was indexed before, and moves the mark."""
    unit = Unit("fts")
    unit.add(_INDEX, (above, up_to))
    unit.add(_MERGE, (MERGE_PAGES,))
    unit.add(_SET_MARK, (FTS_MARK, str(up_to)))
    return unit


def swept_up_to(connection: sqlite3.Connection) -> int:
    """The newest message whose receipt was given up; the oldest message there is when nothing was swept yet."""
    row = connection.execute("SELECT value FROM mark WHERE name = ?", (SWEPT_MARK,)).fetchone()
    if row is not None:
        return int(row[0])
    oldest = connection.execute("SELECT min(id) FROM message").fetchone()[0]
    return int(oldest) - 1 if oldest is not None else 0


def sweep(now: int, swept: int) -> Unit:
    """Expired links go; a message without a receipt for 72 h is unknown. swept: as `swept_up_to` says; each message is
    looked at once, since a sweep that reads all messages of some days would hold up the commits.
    """
    unit = Unit("sweep")
    unit.add(_DROP_LINKS, (now,))
    unit.add(_DROP_PARTS, (id_at(now - PARTS_MS),))
    up_to = id_at(now - NO_RECEIPT_MS)
    if 0 < swept < up_to:
        up_to = min(up_to, swept + id_at(SWEEP_MS))
        unit.add(_NO_RECEIPT, (swept, up_to))
        unit.add(_SET_MARK, (SWEPT_MARK, str(up_to)))
    return unit


def live_steps(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """How many dialogues wait in which step: (handler, step) -> count."""
    rows = connection.execute(
        "SELECT handler, step, count(*) FROM dialogue WHERE state <> 'done' GROUP BY handler, step"
    )
    return {(str(row[0]), str(row[1])): int(row[2]) for row in rows}
