"""What became of an event: its dialogue, and the messages that it caused."""

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from gateway.model.event import Event
from gateway.store.events import events_by_id
from gateway.store.filing import ids_of_address

MOST_MESSAGES = 200


@dataclass(frozen=True, slots=True)
class EventLife:
    """An event and what followed. handler, dialogue: type and state of the run that it started."""

    event: Event
    handler: str | None
    dialogue: str | None
    messages: tuple[int, ...]


def event_life(connection: apsw.Connection, event_id: int) -> EventLife | None:
    """All that is known of an event."""
    event = events_by_id(connection, [event_id]).get(event_id)
    if event is None:
        return None
    run = connection.execute(
        "SELECT handler, state FROM dialogue WHERE event_id = ? ORDER BY id DESC LIMIT 1", (event_id,)
    ).fetchone()
    address = connection.execute("SELECT address_id FROM customer WHERE key = ?", (event.key,)).get
    messages: list[int] = []
    if address is not None:
        messages = ids_of_address(connection, address, event_id, "event_id = ?", (event_id,), MOST_MESSAGES)
    handler, state = run or (None, None)
    return EventLife(event, handler, state, tuple(messages))


def keys_of_externals(connection: apsw.Connection, external_ids: Sequence[str]) -> dict[str, str | None]:
    """Customer keys by the business's own ids; those that are unknown are left out."""
    found: dict[str, str | None] = {}
    for at in range(0, len(external_ids), 500):
        some = external_ids[at : at + 500]
        marks = ",".join("?" * len(some))
        found.update(connection.execute(f"SELECT external_id, key FROM customer WHERE external_id IN ({marks})", some))
    return found
