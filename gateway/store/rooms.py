"""Chat rooms about conversations, as rows: what there is, and what was shown in them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import apsw

from gateway.model.message import Message
from gateway.store.listings import conversation
from gateway.store.messages import messages_by_id
from gateway.store.units import Statement, Unit

MOST_ROOMS = 2000
_HANDS = ("claimed", "transferred", "handed_back", "requeued", "reopened", "closed")
_ADD = Statement(
    "room",
    "INSERT INTO room (conversation_id, key, jid, seats, shown) VALUES (?, ?, ?, ?, 0) "
    "ON CONFLICT (conversation_id) DO UPDATE SET ending = NULL, "
    "seats = CASE WHEN ending IS NULL THEN json_patch(seats, excluded.seats) ELSE excluded.seats END",
)
_END = Statement("end a room", "UPDATE room SET ending = ? WHERE conversation_id = ?", exact=False)
_SHOWN = Statement("shown in a room", "UPDATE room SET shown = ? WHERE conversation_id = ?", exact=False)
_DROP = Statement(
    "drop a room", "DELETE FROM room WHERE conversation_id = ? AND jid = ? AND ending IS NOT NULL", exact=False
)
_MOVE = Statement(
    "move a room", "UPDATE room SET jid = ?, shown = 0 WHERE conversation_id = ? AND jid = ?", exact=False
)
_ALL = (
    "SELECT room.conversation_id, room.key, room.jid, room.seats, room.shown, room.ending, conversation.state, "
    "conversation.agent, conversation.disposition, coalesce(conversation.brand, '') FROM room LEFT JOIN conversation "
    "ON conversation.id = room.conversation_id ORDER BY room.conversation_id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class RoomState:
    """A room with how its conversation is. seats: as in its row. agent: who has the conversation, None = nobody."""

    conversation_id: int
    key: str
    jid: str
    seats: str
    shown: int
    ending: str | None
    state: str | None
    agent: str | None
    disposition: str | None
    brand: str

    @property
    def listening(self) -> dict[str, bool]:
        """Who was asked in, by bare JID, and whether they only listen."""
        return {str(agent): bool(only) for agent, only in json.loads(self.seats).items()}


def add(unit: Unit, conversation_id: int, key: str, jid: str, seats: Mapping[str, bool]) -> None:
    """These are asked into the room of a conversation, which shall be: at this JID, unless it has one."""
    unit.add(_ADD, (conversation_id, key, jid, json.dumps(dict(seats))))


def end(unit: Unit, conversation_id: int, why: str) -> None:
    """The room shall be no more."""
    unit.add(_END, (why, conversation_id))


def set_shown(conversation_id: int, message_id: int) -> Unit:
    """All messages up to this one were shown there."""
    unit = Unit("room")
    unit.add(_SHOWN, (message_id, conversation_id))
    return unit


def gone(room: RoomState, fresh: str) -> Unit:
    """It is no more. Where somebody was asked in meanwhile, or it did not end, there is another, at a fresh JID: a
    server may keep that of a room which was destroyed from ever being one again.
    """
    unit = Unit("room")
    unit.add(_DROP, (room.conversation_id, room.jid))
    unit.add(_MOVE, (fresh, room.conversation_id, room.jid))
    return unit


def rooms(connection: apsw.Connection) -> list[RoomState]:
    """All of them."""
    return [RoomState(*row) for row in connection.execute(_ALL, (MOST_ROOMS,))]


def was_heard(connection: apsw.Connection, message_key: str, stanza_key: str) -> bool:
    """Whether what was written in a room was sent, under this idempotency key, or answered, as this stanza."""
    found = connection.execute(
        "SELECT 1 FROM message WHERE idempotency_key = ? UNION ALL SELECT 1 FROM desk_stanza WHERE key = ?",
        (message_key, stanza_key),
    ).fetchone()
    return found is not None


def changed_hands(connection: apsw.Connection, conversation_id: int, after: int, before: int) -> bool:
    """Whether a conversation came to somebody else between two times, ms."""
    kinds = ", ".join(f"'{kind}'" for kind in _HANDS)
    found = connection.execute(
        f"SELECT 1 FROM note WHERE conversation_id = ? AND id >= ? AND id < ? AND kind IN ({kinds})",
        (conversation_id, after << 20, before << 20),
    ).fetchone()
    return found is not None


def messages_after(
    connection: apsw.Connection, conversation_id: int, after: int, known: Collection[int], most: int
) -> list[Message]:
    """The first messages of a conversation with larger ids that are not known, oldest first. most: so many; below
    zero = the last ones."""
    view = conversation(connection, conversation_id)
    ids = [an_id for an_id in view.messages if an_id > after and an_id not in known] if view is not None else []
    ids = ids[:most] if most > 0 else ids[most:]
    found = messages_by_id(connection, ids)
    return [found[an_id] for an_id in ids if an_id in found]
