"""What the engine must know of a customer to decide: read in one go for many customers, and kept for the busy ones."""

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any

import apsw

from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState
from gateway.model.customer import Customer, Permission
from gateway.model.event import Event
from gateway.model.ids import id_at
from gateway.model.message import Message, MessageClass
from gateway.model.offer import Offer, OfferState
from gateway.model.rows import record, replace
from gateway.store.events import events_by_id
from gateway.store.messages import messages_by_id
from gateway.store.statements import columns_of
from gateway.store.tables import ConversationRow, CustomerRow, DialogueRow, OfferRow

DAY_MS = 86_400_000
RECENT_DAYS = 7
KEPT = 10_000
_CUSTOMER = columns_of(CustomerRow)
_CONVERSATION = columns_of(ConversationRow)
# Without the times of the conversation that its row holds for it (`touched`).
DIALOGUE_COLUMNS = tuple(name for name in columns_of(DialogueRow) if name not in ("last_in", "last_out"))
_OFFER = columns_of(OfferRow)


@record
class CustomerState:
    """A customer as the store has them. Nobody changes it: a decision makes a new one, kept only when it was committed.

    customer: None = never seen. consent: by brand. conversations: open ones, and the latest closed one of each brand.
    dialogues: of the open ones, not done. offers: active ones, and those that ended within 7 days. promotional:
    times (ms) of promotional texts of the last 7 days.
    """

    key: str
    customer: Customer | None = None
    consent: dict[str, Permission] = field(default_factory=dict)
    conversations: dict[int, Conversation] = field(default_factory=dict)
    dialogues: dict[int, Dialogue] = field(default_factory=dict)
    offers: dict[int, Offer] = field(default_factory=dict)
    promotional: tuple[int, ...] = ()


class StateCache:
    """The states of the customers who were busy last. Whoever loses a commit drops what they read."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._states: OrderedDict[str, CustomerState] = OrderedDict()

    def get(self, key: str) -> CustomerState | None:
        """The state, if it is known."""
        state = self._states.get(key)
        if state is not None:
            self._states.move_to_end(key)
        return state

    def put(self, state: CustomerState) -> None:
        """Keeps what was committed."""
        self._states[state.key] = state
        self._states.move_to_end(state.key)
        if len(self._states) > self._kept:
            self._states.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forgets; the next decision reads again."""
        self._states.pop(key, None)

    def clear(self) -> None:
        """Forgets everybody (a commit failed as a whole)."""
        self._states.clear()


def load_states(connection: apsw.Connection, keys: Sequence[str], now: int) -> dict[str, CustomerState]:
    """The states of these customers, in a handful of questions for all of them."""
    states = {key: CustomerState(key) for key in keys}
    people = _many(connection, f"SELECT {', '.join(_CUSTOMER)} FROM customer WHERE key IN ", keys)
    customers = {row[0]: Customer(**dict(zip(_CUSTOMER, row, strict=True))) for row in people}
    if not customers:
        return states
    ids = list(customers)
    conversations = _conversations(connection, ids, now)
    dialogues = _dialogues(connection, [c.id for found in conversations.values() for c in found.values() if c.open])
    offers = _offers(connection, ids, now)
    consent, promotional = _contact(connection, list(customers.values()), now)
    for customer in customers.values():
        its = conversations.get(customer.id, {})
        states[customer.key] = CustomerState(
            key=customer.key,
            customer=customer,
            consent=consent.get(customer.address_id, {}),
            conversations=its,
            dialogues={d.id: d for d in dialogues if d.conversation_id in its},
            offers=offers.get(customer.id, {}),
            promotional=tuple(promotional.get(customer.address_id, ())),
        )
    return states


def _many(
    connection: apsw.Connection, sql: str, values: Sequence[object], more: str = "", *tail: object
) -> list[tuple[Any, ...]]:
    """The rows for all values of an IN list, some hundreds at a time."""
    rows: list[tuple[Any, ...]] = []
    for at in range(0, len(values), 500):
        some = values[at : at + 500]
        rows.extend(connection.execute(f"{sql} ({','.join('?' * len(some))}) {more}", (*some, *tail)))
    return rows


def _conversations(connection: apsw.Connection, ids: Sequence[int], now: int) -> dict[int, dict[int, Conversation]]:
    rows = _many(
        connection,
        f"SELECT {', '.join(_CONVERSATION)} FROM conversation WHERE customer_id IN ",
        ids,
        "AND (state <> 'closed' OR closed_at > ?) ORDER BY id",
        now - RECENT_DAYS * DAY_MS,
    )
    found: dict[int, dict[int, Conversation]] = {}
    latest_closed: dict[tuple[int, str], int] = {}
    for conversation in map(conversation_of, rows):
        its = found.setdefault(conversation.customer_id, {})
        if not conversation.open:
            # Of the closed ones only the latest of each brand matters (reopening, late replies).
            older = latest_closed.get((conversation.customer_id, conversation.brand))
            its.pop(older, None) if older is not None else None
            latest_closed[conversation.customer_id, conversation.brand] = conversation.id
        its[conversation.id] = conversation
    kept = touched(connection, [conversation for its in found.values() for conversation in its.values()])
    return {customer: {an_id: kept[an_id] for an_id in its} for customer, its in found.items()}


def touched(connection: apsw.Connection, conversations: Iterable[Conversation]) -> dict[int, Conversation]:
    """The same, by id, with the latest `last_in` and `last_out` of their own rows and those of their dialogues
    (`gateway.store.conversations.set_talk`).
    """
    found = {conversation.id: conversation for conversation in conversations}
    sql = "SELECT conversation_id, max(last_in), max(last_out) FROM dialogue WHERE conversation_id IN "
    for an_id, last_in, last_out in _many(connection, sql, list(found), "GROUP BY conversation_id"):
        own = found[an_id]
        found[an_id] = replace(own, last_in=_later(own.last_in, last_in), last_out=_later(own.last_out, last_out))
    return found


def _later(one: int | None, other: int | None) -> int | None:
    return max(one or 0, other or 0) or None


def conversation_of(row: Sequence[object]) -> Conversation:
    """A row of the table, in order of its columns; see `touched`."""
    values: dict[str, Any] = dict(zip(_CONVERSATION, row, strict=True))
    values["state"] = ConversationState(str(values["state"]))
    values["told_waiting"] = bool(values["told_waiting"])
    return Conversation(**values)


def _dialogues(connection: apsw.Connection, conversations: Sequence[int]) -> list[Dialogue]:
    rows = _many(
        connection,
        f"SELECT {', '.join(DIALOGUE_COLUMNS)} FROM dialogue WHERE conversation_id IN ",
        conversations,
        "AND state <> 'done' ORDER BY id",
    )
    return [dialogue_of(row) for row in rows]


def dialogue_of(row: Sequence[object]) -> Dialogue:
    """A row of the table, in order of its columns."""
    values: dict[str, Any] = dict(zip(DIALOGUE_COLUMNS, row, strict=True))
    values["state"] = DialogueState(str(values["state"]))
    for name in ("slots", "pending", "parked"):
        values[name] = json.loads(str(values[name])) if values[name] is not None else None
    values["parked"] = tuple(values["parked"] or ())
    return Dialogue(**values)


def _offers(connection: apsw.Connection, ids: Sequence[int], now: int) -> dict[int, dict[int, Offer]]:
    rows = _many(
        connection,
        f"SELECT {', '.join(_OFFER)} FROM offer WHERE customer_id IN ",
        ids,
        "AND (state IN ('open', 'accepted', 'fulfilling') OR id > ?) ORDER BY id",
        id_at(now - RECENT_DAYS * DAY_MS),
    )
    found: dict[int, dict[int, Offer]] = {}
    for row in rows:
        offer = offer_of(row)
        found.setdefault(offer.customer_id, {})[offer.id] = offer
    return found


def offer_of(row: Sequence[object]) -> Offer:
    """A row of the table, in order of its columns."""
    values: dict[str, Any] = dict(zip(_OFFER, row, strict=True))
    values["state"] = OfferState(str(values["state"]))
    values["promotional"] = bool(values["promotional"])
    return Offer(**values)


def _contact(
    connection: apsw.Connection, customers: Iterable[Customer], now: int
) -> tuple[dict[int, dict[str, Permission]], dict[int, list[int]]]:
    """Consent by address and brand, and when promotional texts went out lately."""
    addresses = [customer.address_id for customer in customers]
    consent: dict[int, dict[str, Permission]] = {}
    for address_id, brand, state in _many(
        connection, "SELECT address_id, brand, state FROM consent WHERE address_id IN ", addresses
    ):
        consent.setdefault(int(str(address_id)), {})[str(brand)] = Permission(str(state))
    promotional: dict[int, list[int]] = {}
    for address_id, message_id in _many(
        connection,
        "SELECT address_id, id FROM message WHERE address_id IN ",
        addresses,
        # The class as a literal, or its index could not be taken.
        f"AND direction = 'mt' AND cls = {int(MessageClass.promotional)} AND id > ? "
        "AND coalesce(disposition, '') <> 'opted_out' ORDER BY id",
        id_at(now - RECENT_DAYS * DAY_MS),
    ):
        promotional.setdefault(int(str(address_id)), []).append(int(str(message_id)) >> 20)
    return consent, promotional


def load_batch(
    connection: apsw.Connection, keys: Sequence[str], event_ids: Sequence[int], message_ids: Sequence[int], now: int
) -> tuple[dict[str, CustomerState], dict[int, Event], dict[int, Message]]:
    """All that a batch of inputs must read, in one visit to the reading thread."""
    return (
        load_states(connection, keys, now) if keys else {},
        events_by_id(connection, event_ids) if event_ids else {},
        messages_by_id(connection, message_ids) if message_ids else {},
    )
