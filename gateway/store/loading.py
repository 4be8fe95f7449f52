"""Reads what a batch of inputs must know: the states of many customers by one question with one row.

SQLite puts the rows together as JSON. Between two rows of a question, and between two questions, apsw takes the
interpreter's lock, and while the event loop is busy each time is a wait. The text of the question is always the same:
it is compiled once.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw
import orjson

from gateway.model.conversation import Conversation, Dialogue
from gateway.model.customer import Customer, Permission
from gateway.model.event import Event
from gateway.model.ids import id_at
from gateway.model.message import Message, MessageClass
from gateway.model.offer import Offer
from gateway.model.rows import replace
from gateway.store.events import events_by_id
from gateway.store.messages import messages_by_id
from gateway.store.states import (
    CONVERSATION_COLUMNS,
    DIALOGUE_COLUMNS,
    OFFER_COLUMNS,
    CustomerState,
    conversation_of,
    dialogue_of,
    later,
    offer_of,
)

RECENT_MS: Final = 7 * 86_400_000
_CUSTOMER = (
    "id",
    "key",
    "address_id",
    "external_id",
    "name",
    "language",
    "timezone",
    "survey",
    "shared",
    "tier",
    "guessed",
)


def _rows(columns: Iterable[str], source: str) -> str:
    return f"(SELECT json_group_array(json_array({', '.join(columns)})) FROM {source})"


# ?1: keys, a JSON list. ?2: closed conversations after this time, ms. ?3: ended offers and promotional texts after this
# id. The class stands there as a literal, or the index of promotional texts could not be taken.
_STATES = f"""
WITH people AS MATERIALIZED (SELECT * FROM customer WHERE key IN (SELECT value FROM json_each(?1))),
talks AS MATERIALIZED (
    SELECT * FROM conversation
    WHERE customer_id IN (SELECT id FROM people) AND (state <> 'closed' OR closed_at > ?2)
)
SELECT
{_rows(_CUSTOMER, "people")},
{_rows(CONVERSATION_COLUMNS, "talks")},
{
    _rows(
        ("conversation_id", "last_in", "last_out"),
        "(SELECT conversation_id, max(last_in) AS last_in, max(last_out) AS last_out FROM dialogue "
        "WHERE conversation_id IN (SELECT id FROM talks) GROUP BY conversation_id)",
    )
},
{
    _rows(
        DIALOGUE_COLUMNS,
        "dialogue WHERE conversation_id IN (SELECT id FROM talks WHERE state <> 'closed') AND state <> 'done'",
    )
},
{
    _rows(
        OFFER_COLUMNS,
        "offer WHERE customer_id IN (SELECT id FROM people) "
        "AND (state IN ('open', 'accepted', 'fulfilling') OR id > ?3)",
    )
},
{_rows(("address_id", "brand", "state"), "consent WHERE address_id IN (SELECT address_id FROM people)")},
{
    _rows(
        ("address_id", "id"),
        "message WHERE address_id IN (SELECT address_id FROM people) AND direction = 'mt' "
        f"AND cls = {int(MessageClass.promotional)} AND id > ?3 AND coalesce(disposition, '') <> 'opted_out'",
    )
}
"""


def load_states(connection: apsw.Connection, keys: Sequence[str], now: int) -> dict[str, CustomerState]:
    """The states of these customers at a time (ms)."""
    states = {key: CustomerState(key) for key in keys}
    values = (orjson.dumps(list(states)).decode(), now - RECENT_MS, id_at(now - RECENT_MS))
    [found] = connection.execute(_STATES, values).fetchall()
    people, talks, touches, runs, offers, consent, promotional = [orjson.loads(str(column)) for column in found]
    if not people:
        return states
    conversations = _conversations(talks, touches)
    dialogues = _dialogues(runs)
    proposed = _offers(offers)
    permitted, promoted = _permitted(consent), _promoted(promotional)
    for row in people:
        an_id, key, address_id, external_id, name, language, timezone, survey, shared, tier, guessed = row
        customer = Customer(
            an_id, key, address_id, external_id, name, language, timezone, survey, shared, tier, guessed
        )
        its = conversations.get(customer.id, {})
        states[customer.key] = CustomerState(
            key=customer.key,
            customer=customer,
            consent=permitted.get(customer.address_id, {}),
            conversations=its,
            dialogues={run.id: run for an_id in its for run in dialogues.get(an_id, ())},
            offers=proposed.get(customer.id, {}),
            promotional=tuple(promoted.get(customer.address_id, ())),
        )
    return states


def _conversations(talks: list[Any], touches: list[Any]) -> dict[int, dict[int, Conversation]]:
    """Of each customer the open ones, and of the closed ones the latest of each brand, which alone matters
    (reopening, late replies).
    """
    found: dict[int, dict[int, Conversation]] = {}
    closed: dict[tuple[int, str], int] = {}
    latest = {an_id: (last_in, last_out) for an_id, last_in, last_out in touches}
    for row in sorted(talks):
        talk = conversation_of(row)
        its = found.setdefault(talk.customer_id, {})
        if not talk.open:
            older = closed.get((talk.customer_id, talk.brand))
            if older is not None:
                del its[older]
            closed[talk.customer_id, talk.brand] = talk.id
        last_in, last_out = latest.get(talk.id, (None, None))
        its[talk.id] = replace(talk, last_in=later(talk.last_in, last_in), last_out=later(talk.last_out, last_out))
    return found


def _dialogues(rows: list[Any]) -> dict[int, list[Dialogue]]:
    found: dict[int, list[Dialogue]] = {}
    for row in sorted(rows):
        run = dialogue_of(row)
        found.setdefault(run.conversation_id, []).append(run)
    return found


def _offers(rows: list[Any]) -> dict[int, dict[int, Offer]]:
    found: dict[int, dict[int, Offer]] = {}
    for row in sorted(rows):
        offer = offer_of(row)
        found.setdefault(offer.customer_id, {})[offer.id] = offer
    return found


def _permitted(rows: list[Any]) -> dict[int, dict[str, Permission]]:
    """Consent by address and brand."""
    found: dict[int, dict[str, Permission]] = {}
    for address_id, brand, state in rows:
        found.setdefault(address_id, {})[brand] = Permission(state)
    return found


def _promoted(rows: list[Any]) -> dict[int, list[int]]:
    """When promotional texts went to an address lately."""
    found: dict[int, list[int]] = {}
    for address_id, message_id in sorted(rows):
        found.setdefault(address_id, []).append(message_id >> 20)
    return found


def load_batch(
    connection: apsw.Connection, keys: Sequence[str], event_ids: Sequence[int], message_ids: Sequence[int], now: int
) -> tuple[dict[str, CustomerState], dict[int, Event], dict[int, Message]]:
    """All that a batch of inputs must read, in one visit to the reading thread."""
    return (
        load_states(connection, keys, now) if keys else {},
        events_by_id(connection, event_ids) if event_ids else {},
        messages_by_id(connection, message_ids) if message_ids else {},
    )
