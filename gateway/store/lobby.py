"""What the lobby of a queue shows: who waits there, and which agent has whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

MOST_SHOWN = 20_000
_LIVE = "state NOT IN ('bot', 'closed')"


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
    """Where one is that is in a queue no more. agent: who has it, "" = nobody."""

    state: str
    disposition: str
    queue: str


def shown(connection: apsw.Connection, queues: Sequence[str]) -> list[Shown]:
    """All that these queues have, longest first."""
    places = ",".join("?" * len(queues))
    rows = connection.execute(
        "SELECT id, key, queue, state = 'queued', coalesce(agent, ''), changed_at, coalesce(why, '') FROM conversation "
        f"WHERE {_LIVE} AND queue IN ({places}) ORDER BY changed_at, id LIMIT ?",
        (*queues, MOST_SHOWN),
    )
    return [Shown(row[0], row[1], row[2], bool(row[3]), *row[4:]) for row in rows]


def left(connection: apsw.Connection, ids: Sequence[int]) -> dict[int, Left]:
    """Where these are now."""
    rows = connection.execute(
        "SELECT id, state, coalesce(disposition, ''), coalesce(queue, '') FROM conversation "
        f"WHERE id IN ({','.join('?' * len(ids))})",
        tuple(ids),
    )
    return {int(row[0]): Left(*row[1:]) for row in rows}
