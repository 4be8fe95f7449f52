"""Work rows: queue and timers in one table, and the dead letters of what failed for good."""

from collections.abc import Sequence

import apsw

from gateway.store.statements import insert, update
from gateway.store.tables import DeadLetterRow, WorkRow
from gateway.store.units import Conflict, Due, Failure, Statement, Unit

_ADD = insert(WorkRow)
# The count of this delete is the fence: who finds the row gone has lost, and its whole unit is undone.
_TAKE = Statement("take work", "DELETE FROM work WHERE lane = ? AND prio = ? AND due = ? AND id = ?")
_TAKE_SEND = Statement(
    "take send",
    # Consent is read at dispatch (invariant 5): what was queued before a STOP, or came back after it, does not leave.
    "DELETE FROM work WHERE lane = ? AND prio = ? AND due = ? AND id = ? AND NOT EXISTS "
    "(SELECT 1 FROM consent WHERE address_id = ? AND brand = ? AND state = 'revoked')",
)
_DROP = Statement("drop work", "DELETE FROM work WHERE lane = ? AND prio = ? AND due = ? AND id = ?", exact=False)
_DROP_PARTS = Statement("drop parts", "DELETE FROM work WHERE key = ? AND kind = 'send' AND ref = ?", exact=False)
_DROP_REPETITION = Statement(
    "drop a repetition", "DELETE FROM work WHERE key = ? AND kind = 'send' AND ref = ? AND body = ?", exact=False
)
_DEAD = Statement(
    "dead letter",
    "INSERT INTO dead_letter (id, lane, key, kind, ref, body, cause, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET cause = excluded.cause, state = excluded.state",
)
_REVIVE = update(DeadLetterRow, ("state",), ("id", "state"))
_COLUMNS = "id, lane, key, kind, due, prio, attempts, ref, body"


def add(unit: Unit, due: Due) -> None:
    """Queues work, or sets a timer; the lanes hear of it after the commit."""
    unit.add(_ADD, (due.lane, due.prio, due.due, due.id, due.key, due.kind, due.attempts, due.ref, due.body))
    unit.due.append(due)


def take(unit: Unit, due: Due) -> None:
    """Removes the work that this unit settles; the unit is a Conflict when another was faster."""
    if due.stored:
        unit.add(_TAKE, (due.lane, due.prio, due.due, due.id))


def take_send(unit: Unit, due: Due, address_id: int, brand: str) -> None:
    """Removes the row of a part that is about to leave, unless the customer said STOP meanwhile."""
    unit.add(_TAKE_SEND, (due.lane, due.prio, due.due, due.id, address_id, brand))


def is_gone(failure: Failure | None) -> bool:
    """Whether a unit failed because another had settled the work that it takes."""
    return isinstance(failure, Conflict) and failure.statement is _TAKE


def may_not_leave(failure: Failure | None) -> bool:
    """Whether a unit failed because the customer said STOP, or another had settled the part that was to leave."""
    return isinstance(failure, Conflict) and failure.statement is _TAKE_SEND


def drop(unit: Unit, lane: str, prio: int, due: int, an_id: int) -> None:
    """Removes a timer, if it is still there."""
    unit.add(_DROP, (lane, prio, due, an_id))


def drop_parts_of(unit: Unit, key: str, message_id: int) -> None:
    """Removes what is still queued of a message of many parts."""
    unit.add(_DROP_PARTS, (key, message_id))


def drop_repetition(unit: Unit, key: str, message_id: int, part: int) -> None:
    """Removes the queued repetition of a part that was in doubt."""
    unit.add(_DROP_REPETITION, (key, message_id, f"{part}d"))


def bury(unit: Unit, due: Due, cause: str) -> None:
    """Makes a dead letter of work; `take` it in the same unit."""
    unit.add(_DEAD, (due.id, due.lane, due.key, due.kind, due.ref, due.body, cause[:2000], "dead"))


def revive(unit: Unit, due: Due, dead_letter_id: int) -> None:
    """Queues a dead letter again. Conflict when it was replayed before."""
    unit.add(_REVIVE, ("replayed", dead_letter_id, "dead"))
    add(unit, due)


def due_now(connection: apsw.Connection, lane: str, prio: int, now: int, most: int) -> list[Due]:
    """What is due, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM work WHERE lane = ? AND prio = ? AND due <= ? ORDER BY due, id LIMIT ?",
        (lane, prio, now, most),
    )
    return [Due(*row) for row in rows]


def count_waiting(connection: apsw.Connection) -> int:
    """Outgoing parts that have not left, and accepted events that will make some."""
    events = connection.execute("SELECT count(*) FROM work WHERE lane = 'customer' AND prio = 1").get
    return count_due(connection, "send:") + int(events)


def count_due(connection: apsw.Connection, lane_prefix: str) -> int:
    """How many rows the lanes of this prefix hold."""
    count = connection.execute(
        "SELECT count(*) FROM work WHERE lane >= ? AND lane < ?", (lane_prefix, lane_prefix + "\uffff")
    ).get
    return int(count)


def dead_letters(connection: apsw.Connection, ids: Sequence[int] | None, most: int) -> list[dict[str, object]]:
    """Dead letters, newest first, with their cause."""
    columns = ("id", "lane", "key", "kind", "ref", "body", "cause", "state")
    where = "state = 'dead'" if ids is None else f"id IN ({','.join('?' * len(ids))})"
    rows = connection.execute(
        f"SELECT {', '.join(columns)} FROM dead_letter WHERE {where} ORDER BY id DESC LIMIT ?", (*(ids or ()), most)
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def newest_id(connection: apsw.Connection) -> int:
    """The largest id on disk, over all tables that use our ids."""
    tables = ("customer", "address", "consent_event", "event", "conversation", "dialogue", "offer", "message")
    more = ("message_event", "mo_part", "call", "note", "work", "dead_letter")
    return max(int(connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").get) for table in (*tables, *more))
