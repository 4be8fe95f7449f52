"""Look-ups for submits in doubt: which tries a receipt of an unknown id may speak of, and which receipts wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import apsw
import orjson

from gateway.model.channel import Receipt
from gateway.model.ids import id_at
from gateway.store.filing import filed_up_to
from gateway.store.messages import Traced, attempts_of, messages_by_id
from gateway.store.units import Due

KEPT_MS = 3 * 86_400_000  # a message made longer ago is not looked at
MOST_WAITING = 100
_OWNERS = (
    "SELECT a.message_id, a.part, a.attempt, a.outcome, a.at, m.ours, m.text FROM "
    "(SELECT filed.message_id AS id FROM address AS d JOIN address_message AS filed ON filed.address_id = d.id "
    "AND filed.message_id > ? AND filed.message_id <= ? WHERE d.kind = 'tel' AND d.value IN (?, ?) "
    "UNION ALL SELECT value FROM json_each(?)) AS own "
    "CROSS JOIN message AS m ON m.id = own.id AND m.direction = 'mt' "
    "JOIN attempt AS a ON a.message_id = m.id AND a.carrier = ? AND a.receipt IS NULL "
    "AND (a.outcome IS NULL OR a.outcome = 'in_doubt' OR (a.outcome = 'accepted' AND a.at > ?))"
)
_NEW = "SELECT theirs, id FROM message WHERE id > ? AND direction = 'mt' AND theirs IN (SELECT value FROM json_each(?))"
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
    kept = id_at(now - KEPT_MS)
    filed = filed_up_to(connection)
    numbers = {number for receipt in receipts for number in (receipt.sender, receipt.to)}
    new: dict[str, list[int]] = {}
    for number, message_id in connection.execute(_NEW, (max(kept, filed), orjson.dumps(list(numbers)).decode())):
        new.setdefault(number, []).append(message_id)
    known: dict[tuple[str, str, str], list[Owner]] = {}
    for receipt in receipts:
        place = (receipt.carrier, receipt.sender, receipt.to)
        if place not in known:
            own = {one for number in place[1:] for one in new.get(number, ())}
            values = (kept, filed, *place[1:], orjson.dumps(sorted(own)).decode(), receipt.carrier, now - recent)
            rows = connection.execute(_OWNERS, values)
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
