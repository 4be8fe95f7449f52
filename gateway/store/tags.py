"""Tags of conversations: words by which staff find them again."""

from collections.abc import Sequence

import apsw

from gateway.store.statements import insert
from gateway.store.tables import ConversationTagRow
from gateway.store.units import Statement, Unit

_ADD = insert(ConversationTagRow, ignore=True)
_DROP = Statement("untag", "DELETE FROM conversation_tag WHERE conversation_id = ? AND tag = ?", exact=False)


def add(unit: Unit, conversation_id: int, tag: str) -> None:
    """Tags a conversation; that it is tagged so already does no harm."""
    unit.add(_ADD, (conversation_id, tag))


def drop(unit: Unit, conversation_id: int, tag: str) -> None:
    """Takes a tag away."""
    unit.add(_DROP, (conversation_id, tag))


def tags_of(connection: apsw.Connection, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The tags of some conversations, in order; one without tags is missing."""
    marks = ",".join("?" * len(ids))
    rows = connection.execute(
        f"SELECT conversation_id, tag FROM conversation_tag WHERE conversation_id IN ({marks}) ORDER BY tag", tuple(ids)
    )
    found: dict[int, tuple[str, ...]] = {}
    for an_id, tag in rows:
        found[an_id] = (*found.get(an_id, ()), str(tag))
    return found


def tags_of_customer(connection: apsw.Connection, key: str) -> dict[int, tuple[str, ...]]:
    """The tags of a customer's latest conversations, by conversation."""
    rows = connection.execute(
        "SELECT id FROM conversation WHERE customer_id = (SELECT id FROM customer WHERE key = ?) "
        "ORDER BY id DESC LIMIT 100",
        (key,),
    )
    return tags_of(connection, [row[0] for row in rows])
