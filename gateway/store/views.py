"""Look-ups by id that the desk and the API need before they decide."""

import apsw

from gateway.model.message import Message
from gateway.store.messages import MESSAGE_COLUMNS, message_of


def key_of_conversation(connection: apsw.Connection, conversation_id: int) -> str | None:
    """The customer key of a conversation."""
    row = connection.execute("SELECT key FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    return str(row[0]) if row else None


def message_of_key(connection: apsw.Connection, idempotency_key: str) -> Message | None:
    """The message that was sent with an idempotency key."""
    row = connection.execute(
        f"SELECT {', '.join(MESSAGE_COLUMNS)} FROM message WHERE idempotency_key = ?", (idempotency_key,)
    ).fetchone()
    return message_of(row) if row else None
