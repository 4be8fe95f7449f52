"""Reading the outbox of calls to back offices."""

from collections.abc import Sequence
from dataclasses import dataclass

import apsw


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that waits to be made (again)."""

    id: int
    key: str
    backoffice: str
    action: str
    idempotency_key: str
    body: str
    conversation_id: int
    dialogue_id: int | None
    offer_id: int | None


def open_calls(connection: apsw.Connection, ids: Sequence[int]) -> dict[int, OpenCall]:
    """Those of the calls that have no answer yet."""
    rows = connection.execute(
        "SELECT id, key, backoffice, action, idempotency_key, body, conversation_id, dialogue_id, offer_id FROM call "
        f"WHERE state = 'open' AND id IN ({','.join('?' * len(ids))})",
        tuple(ids),
    )
    return {row[0]: OpenCall(*row) for row in rows}
