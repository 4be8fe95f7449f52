"""Look-ups for submits in doubt: which tries a receipt of an unknown id may speak of, and which receipts wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import apsw

from gateway.model.channel import Receipt
from gateway.model.ids import id_at
from gateway.store.messages import Traced, attempts_of, messages_by_id
from gateway.store.units import Due

KEPT_MS = 3 * 86_400_000  # a message made longer ago is not looked at
MOST_WAITING = 100
_OWNERS = (
    "SELECT a.message_id, a.part, a.attempt, a.outcome, a.at, m.ours, m.text FROM address AS d "
    "JOIN message AS m ON m.address_id = d.id AND m.id > ? AND m.direction = 'mt' "
    "JOIN attempt AS a ON a.message_id = m.id AND a.carrier = ? AND a.receipt IS NULL "
    "AND (a.outcome IS NULL OR a.outcome = 'in_doubt' OR (a.outcome = 'accepted' AND a.at > ?)) "
    "WHERE d.kind = 'tel' AND d.value IN (?, ?)"
)
_WAITING = (
    "SELECT id, lane, key, kind, due, prio, attempts, ref, body FROM work "
    "WHERE key = ? AND kind = 'receipt' ORDER BY due, id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Owner:
    """A try that a receipt may speak of. text: of the whole message. at: when it was handed over, ms."""

    attempt: tuple[int, int, int]
    outcome: str | None
    at: int
    ours: str
    text: str


def owners(connection: apsw.Connection, receipts: Sequence[Receipt], now: int, recent: int) -> list[list[Owner]]:
    """For each receipt the tries to its phone that have none yet: open, in doubt, or taken in the last `recent` ms."""
    known: dict[tuple[str, str, str], list[Owner]] = {}
    for receipt in receipts:
        place = (receipt.carrier, receipt.sender, receipt.to)
        if place not in known:
            rows = connection.execute(_OWNERS, (id_at(now - KEPT_MS), receipt.carrier, now - recent, *place[1:]))
            known[place] = [Owner((row[0], row[1], row[2]), *row[3:]) for row in rows]
    return [known[receipt.carrier, receipt.sender, receipt.to] for receipt in receipts]


def traced(connection: apsw.Connection, attempts: Sequence[tuple[int, int, int]]) -> list[Traced]:
    """The tries as `trace_receipts` shows them; they exist."""
    known = messages_by_id(connection, list({message_id for message_id, _, _ in attempts}))
    found = []
    for message_id, part, attempt in attempts:
        tries = attempts_of(connection, message_id)
        [(outcome, told)] = [(row[2], row[3]) for row in tries if row[:2] == (part, attempt)]
        siblings = tuple((row[0], row[1], row[3], row[2]) for row in tries)
        found.append(Traced((message_id, part, attempt), outcome, told, known[message_id], siblings))
    return found


def waiting_receipts(connection: apsw.Connection, keys: Iterable[str]) -> dict[str, list[Due]]:
    """Parked receipts by key of work, those keys that have any."""
    found = {key: [Due(*row) for row in connection.execute(_WAITING, (key, MOST_WAITING))] for key in set(keys)}
    return {key: rows for key, rows in found.items() if rows}
