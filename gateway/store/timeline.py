"""All that happened to one message, as rows; who shows them puts them into words."""

from dataclasses import dataclass
from typing import Any

import apsw

from gateway.model.message import Direction, Message
from gateway.store.ends import BY_STOP
from gateway.store.filing import ids_of_address
from gateway.store.messages import messages_by_id, standing


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt, its answer and its receipt. Times in ms."""

    part: int
    attempt: int
    carrier: str
    at: int
    possible_duplicate: bool
    outcome: str | None
    answered_at: int | None
    status: int | None
    remote_id: str | None
    fault: str | None
    receipt: str | None
    receipt_at: int | None
    receipt_error: str | None


@dataclass(frozen=True, slots=True)
class Happening:
    """A line that was written while it happened."""

    id: int
    kind: str
    code: str | None
    reason: str | None
    segment: int | None
    route: str | None
    remote_id: str | None


@dataclass(frozen=True, slots=True)
class Trace:
    """A message and what is known of it. event: (type, source). offer: (name, state, accepted_at, ended_at).

    reply: id of the customer's next text in the conversation. children: messages that resend this one. stop: id of the
    STOP that ended it.
    """

    message: Message
    tries: tuple[Try, ...]
    happenings: tuple[Happening, ...]
    event: tuple[str, str] | None
    offer: tuple[str, str, int | None, int | None] | None
    reply: int | None
    children: tuple[int, ...]
    stop: int | None = None


def trace(connection: apsw.Connection, message_id: int) -> Trace | None:
    """Everything about a message, None when there is none of that id."""
    message = messages_by_id(connection, [message_id]).get(message_id)
    if message is None:
        return None
    [message] = standing(connection, [message])
    tries = connection.execute(
        "SELECT part, attempt, carrier, at, possible_duplicate, outcome, answered_at, status, remote_id, fault, "
        "receipt, receipt_at, receipt_error FROM attempt WHERE message_id = ? ORDER BY part, attempt",
        (message_id,),
    )
    happenings = connection.execute(
        "SELECT id, kind, code, reason, segment, route, remote_id FROM message_event WHERE message_id = ? ORDER BY id",
        (message_id,),
    )
    return Trace(
        message,
        tuple(Try(*row) for row in tries),
        tuple(Happening(*row) for row in happenings),
        _one(connection, "SELECT type, source FROM event WHERE id = ?", message.event_id),
        _one(connection, "SELECT name, state, accepted_at, ended_at FROM offer WHERE id = ?", message.offer_id),
        _reply(connection, message),
        _children(connection, message),
        _stop(connection, message),
    )


def _one(connection: apsw.Connection, sql: str, an_id: int | None) -> Any:
    return connection.execute(sql, (an_id,)).fetchone() if an_id is not None else None


def _reply(connection: apsw.Connection, message: Message) -> int | None:
    if message.direction is Direction.mo or message.conversation_id is None:
        return None
    test, values = "direction = 'mo' AND conversation_id = ?", (message.conversation_id,)
    return next(iter(ids_of_address(connection, message.address_id, message.id, test, values, 1)), None)


def _children(connection: apsw.Connection, message: Message) -> tuple[int, ...]:
    return tuple(ids_of_address(connection, message.address_id, message.id, "parent_id = ?", (message.id,), 50))


def _stop(connection: apsw.Connection, message: Message) -> int | None:
    if message.reason not in BY_STOP:
        return None
    found = connection.execute(
        "SELECT min(id) FROM consent_event WHERE address_id = ? AND brand = ? AND act = 'revoke' AND id > ?",
        (message.address_id, message.brand, message.id),
    ).get
    return int(found) if found is not None else None
