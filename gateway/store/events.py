"""Business events: taking them once, and following what became of them."""

from collections.abc import Iterable, Sequence

import apsw

from gateway.model.event import Event, EventState
from gateway.store.statements import columns_of, insert_of, update
from gateway.store.tables import EventRow
from gateway.store.units import Row, Unit

_COLUMNS = columns_of(EventRow)
# Most events have no sender, no end and no story yet; to bind a NULL costs as much as half a text.
_FIRST = ("id", "source", "event_key", "type", "subject", "key", "brand", "data", "digest", "state")
_ACCEPTED = EventState.accepted.value
_ADD_PLAIN = insert_of(EventRow, _FIRST)
_ADD = insert_of(EventRow, (*_FIRST, "sender", "expires_at"))
_SET = update(EventRow, ("state", "problem", "conversation_id"), ("id",))


def add(unit: Unit, taken: Iterable[Event]) -> None:
    """Takes events, as accepted. Rejected when source and key of one are known."""
    plain: list[Row] = []
    others: list[Row] = []
    for event in taken:
        row = (
            event.id,
            event.source,
            event.event_key,
            event.type,
            event.subject,
            event.key,
            event.brand,
            event.data,
            event.digest,
            _ACCEPTED,
        )
        if event.sender is None and event.expires_at is None:
            plain.append(row)
        else:
            others.append((*row, event.sender, event.expires_at))
    if plain:
        unit.steps.append((_ADD_PLAIN, plain))
    if others:
        unit.steps.append((_ADD, others))


def progress(unit: Unit, event_id: int, state: EventState, problem: str | None, conversation_id: int | None) -> None:
    """What became of it."""
    unit.add(_SET, (state, problem, conversation_id, event_id))


def known(connection: apsw.Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, str]]:
    """Of (source, key) pairs those that were taken: their id and digest."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    by_source: dict[str, list[str]] = {}
    for source, key in keys:
        by_source.setdefault(source, []).append(key)
    for source, its in by_source.items():
        for at in range(0, len(its), 500):
            some = its[at : at + 500]
            marks = ",".join("?" * len(some))
            sql = f"SELECT event_key, id, digest FROM event WHERE source = ? AND event_key IN ({marks})"
            for key, event_id, digest in connection.execute(sql, (source, *some)):
                found[source, key] = (event_id, digest)
    return found


def events_by_id(connection: apsw.Connection, ids: Sequence[int]) -> dict[int, Event]:
    """Events, those that exist."""
    found = {}
    for row in connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM event WHERE id IN ({','.join('?' * len(ids))})", tuple(ids)
    ):
        values = dict(zip(_COLUMNS, row, strict=True))
        values["state"] = EventState(values["state"])
        found[values["id"]] = Event(**values)
    return found
