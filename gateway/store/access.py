"""What opens a door from outside: API keys, and the tokens of links in texts."""

from dataclasses import dataclass

import apsw

READ_FAULT = apsw.Error
"""What a question to the store may raise when the disk or the file is at fault."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key of `careline keys add`: the SHA-256 of it, never the key."""

    hash: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What a link in a text leads to. handler, step: where its dialogue waits. answerable: a reply goes there now."""

    expires_at: int
    brand: str
    text: str
    sender: str
    sent_at: int
    language: str | None
    handler: str | None
    step: str | None
    answerable: bool


def api_keys(connection: apsw.Connection) -> dict[str, StoredKey]:
    """All API keys of the database, by hash."""
    rows = connection.execute("SELECT hash, name, role FROM api_key")
    return {row[0]: StoredKey(*row) for row in rows}


def link_target(connection: apsw.Connection, token: str) -> LinkTarget | None:
    """What a token leads to; reading it changes nothing (invariant 12)."""
    row = connection.execute(
        "SELECT link.expires_at, message.brand, message.text, message.ours, message.id >> 20, customer.language, "
        "dialogue.handler, dialogue.step, conversation.state <> 'closed' AND dialogue.state = 'floor' "
        "FROM link JOIN message ON message.id = link.message_id "
        "JOIN conversation ON conversation.id = link.conversation_id "
        "JOIN customer ON customer.id = conversation.customer_id "
        "LEFT JOIN dialogue ON dialogue.id = link.dialogue_id WHERE link.token = ?",
        (token,),
    ).fetchone()
    return LinkTarget(*row) if row else None
