"""What the lobby of a queue shows: who waits there, and which agent has whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from gateway.store.listings import RESTS, WAITS_SINCE

MOST_SHOWN = 20_000
RESTING = "rests"
_LIVE = "state NOT IN ('bot', 'closed')"
_SINCE = f"CASE state WHEN 'queued' THEN max(changed_at, {WAITS_SINCE}) ELSE changed_at END"
"""What rested in its queue waits since the customer wrote."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation that waits or is with an agent. since: ms, when it came to who has it now. why: it waits."""

    id: int
    key: str
    queue: str
    waits: bool
    agent: str
    since: int
    why: str


@dataclass(frozen=True, slots=True)
class Left:
    """Where one is that waits in a queue no more. state: as in its row, or `RESTING`."""

    state: str
    disposition: str
    queue: str


def shown(connection: apsw.Connection, queues: Sequence[str]) -> list[Shown]:
    """All that these queues have, longest first."""
    places = ",".join("?" * len(queues))
    rows = connection.execute(
        f"SELECT id, key, queue, state = 'queued', coalesce(agent, ''), {_SINCE} AS since, coalesce(why, '') "
        f"FROM conversation WHERE {_LIVE} AND queue IN ({places}) AND NOT {RESTS} ORDER BY since, id LIMIT ?",
        (*queues, MOST_SHOWN),
    )
    return [Shown(row[0], row[1], row[2], bool(row[3]), *row[4:]) for row in rows]


def left(connection: apsw.Connection, ids: Sequence[int]) -> dict[int, Left]:
    """Where these are now."""
    rows = connection.execute(
        f"SELECT id, CASE WHEN {RESTS} THEN '{RESTING}' ELSE state END, coalesce(disposition, ''), "
        "coalesce(queue, '') FROM conversation "
        f"WHERE id IN ({','.join('?' * len(ids))})",
        tuple(ids),
    )
    return {int(row[0]): Left(*row[1:]) for row in rows}
