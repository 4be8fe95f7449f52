"""Messages as bare rows, for the word index."""

from gateway.store.database import Store
from gateway.store.units import Statement, Unit

_PUT = Statement(
    "put",
    "INSERT INTO message (id, channel, direction, key, address_id, ours, theirs, brand, text, cls, state, author_kind, "
    "author_id, parts, reference, possible_duplicate, lane) "
    "VALUES (?, 'sms', 'mo', 'k', 1, '1', '2', 'b', ?, 3, 'final', 'customer', '', 1, 0, 0, 0)",
)


async def write_texts(store: Store, first: int, count: int) -> None:
    """So many messages from this id on; the text of the fifth is `word4`."""
    unit = Unit("k")
    unit.extend(_PUT, [(first + number, f"word{number}") for number in range(count)])
    await store.write(unit)
