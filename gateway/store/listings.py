"""Conversations, offers, queues and dead letters as lists and cards: read-only, newest first, by index."""

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from gateway.model.conversation import Conversation, Dialogue
from gateway.model.offer import Offer
from gateway.store.filing import filed_up_to
from gateway.store.search import bounded
from gateway.store.statements import columns_of
from gateway.store.states import DIALOGUE_COLUMNS, conversation_of, dialogue_of, offer_of, touched
from gateway.store.tables import ConversationRow, OfferRow
from gateway.store.tags import tags_of

MOST_INNER = 500
_CONVERSATION = ", ".join(columns_of(ConversationRow))
_DIALOGUE = ", ".join(DIALOGUE_COLUMNS)
_OFFER = ", ".join(columns_of(OfferRow))
_LIVE = ("queued", "human", "waiting", "wrapup")


@dataclass(frozen=True, slots=True)
class ConversationFilters:
    """What is asked for. customer: key, our id, or the business's own id."""

    state: str | None = None
    queue: str | None = None
    agent: str | None = None
    brand: str | None = None
    customer: str | None = None
    before: int | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation, the run of a handler that has its floor (or had it last), and what belongs to it."""

    conversation: Conversation
    dialogue: Dialogue | None
    event_id: int | None
    offers: tuple[int, ...]
    messages: tuple[int, ...]
    tags: tuple[str, ...] = ()
    rating: int | None = None


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A line that only the desk sees."""

    id: int
    kind: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class CallLine:
    """A call to a back office for an offer. result: its answer, or the problem."""

    id: int
    backoffice: str
    action: str
    state: str
    attempts: int
    status: int | None
    result: str | None
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class OfferView:
    """An offer and the calls that fulfil it."""

    offer: Offer
    calls: tuple[CallLine, ...]


def customer_ids(connection: apsw.Connection, customer: str) -> list[int]:
    """The customers that a reference means: our id, key or number, or the business's own id."""
    bare = customer.removeprefix("customer:")
    key = f"tel:{customer}" if customer.startswith("+") else customer
    sql = "SELECT id FROM customer WHERE key = ? UNION SELECT id FROM customer WHERE external_id = ?"
    found = [row[0] for row in connection.execute(sql, (key, bare))]
    if not found and customer.isascii() and customer.isdigit() and len(customer) <= 19:
        an_id = min(int(customer), (1 << 63) - 1)
        found = [row[0] for row in connection.execute("SELECT id FROM customer WHERE id = ?", (an_id,))]
    return found


def conversation_sql(
    filters: ConversationFilters, customers: Sequence[int] | None, most: int
) -> tuple[str, tuple[object, ...]]:
    """The question for a page of conversations."""
    tests = ["1"]
    values: list[object] = []
    if customers is not None:
        tests.append(f"customer_id IN ({','.join('?' * len(customers))})")
        values += customers
    if filters.state is not None:
        tests.append("state = ?")
        values.append(filters.state)
    if filters.state in _LIVE:
        # Says that the partial index of those who wait for or have a person is enough.
        tests.append("state NOT IN ('bot', 'closed')")
    for column, wanted in (("queue", filters.queue), ("agent", filters.agent), ("brand", filters.brand)):
        if wanted is not None:
            tests.append(f"{column} = ?")
            values.append(wanted)
    if filters.tag is not None:
        tests.append("id IN (SELECT conversation_id FROM conversation_tag WHERE tag = ?)")
        values.append(filters.tag)
    if filters.before is not None:
        tests.append("id < ?")
        values.append(filters.before)
    sql = f"SELECT {_CONVERSATION} FROM conversation WHERE {' AND '.join(tests)} ORDER BY id DESC LIMIT ?"
    return sql, (*values, most)


def conversations(
    connection: apsw.Connection, filters: ConversationFilters, limit: int
) -> tuple[list[ConversationView], bool]:
    """A page, newest first, and whether there is more. Raises TooWide."""
    customers = customer_ids(connection, filters.customer) if filters.customer is not None else None
    if customers == []:
        return [], False
    with bounded(connection):
        rows = connection.execute(*conversation_sql(filters, customers, limit + 1)).fetchall()
        found = touched(connection, map(conversation_of, rows[:limit]))
        views = _views(connection, list(found.values()))
    return views, len(rows) > limit


def conversation(connection: apsw.Connection, conversation_id: int) -> ConversationView | None:
    """One conversation."""
    row = connection.execute(f"SELECT {_CONVERSATION} FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is None:
        return None
    [view] = _views(connection, list(touched(connection, [conversation_of(row)]).values()))
    return view


def notes(connection: apsw.Connection, conversation_id: int) -> list[NoteLine]:
    """What the desk wrote, and who had the conversation when."""
    rows = connection.execute(
        "SELECT id, kind, author, text FROM note WHERE conversation_id = ? ORDER BY id LIMIT ?",
        (conversation_id, MOST_INNER),
    )
    return [NoteLine(*row) for row in rows]


def latest_notes(connection: apsw.Connection, conversation_id: int, kind: str, most: int) -> list[NoteLine]:
    """The last notes of a kind, oldest first."""
    rows = connection.execute(
        "SELECT id, kind, author, text FROM note WHERE conversation_id = ? AND kind = ? ORDER BY id DESC LIMIT ?",
        (conversation_id, kind, most),
    )
    return [NoteLine(*row) for row in rows][::-1]


def _views(connection: apsw.Connection, found: Sequence[Conversation]) -> list[ConversationView]:
    """The messages that are not filed yet are looked through once for all of them."""
    filed = filed_up_to(connection)
    new: dict[int, list[int]] = {its.id: [] for its in found}
    rows = connection.execute(
        f"SELECT conversation_id, id FROM message WHERE id > ? AND conversation_id IN ({','.join('?' * len(new))}) "
        "ORDER BY id",
        (filed, *new),
    )
    for conversation_id, message_id in rows:
        new[conversation_id].append(message_id)
    tags = tags_of(connection, list(new))
    return [_view(connection, its, filed, new[its.id], tags.get(its.id, ())) for its in found]


def _view(
    connection: apsw.Connection, its: Conversation, filed: int, new: list[int], tags: tuple[str, ...]
) -> ConversationView:
    rows = connection.execute(f"SELECT {_DIALOGUE} FROM dialogue WHERE conversation_id = ? ORDER BY id", (its.id,))
    runs = [dialogue_of(row) for row in rows]
    floor = next((run for run in runs if run.state in ("floor", "calling")), None)
    run = floor or next((run for run in runs if run.id == its.rejoin), None) or (runs[-1] if runs else None)
    offers = connection.execute("SELECT id FROM offer WHERE conversation_id = ? ORDER BY id", (its.id,))
    older = connection.execute(
        "SELECT message_id FROM address_message CROSS JOIN message ON message.id = message_id "
        "WHERE address_message.address_id = (SELECT address_id FROM customer WHERE id = ?) AND message_id <= ? "
        "AND conversation_id = ? ORDER BY message_id DESC LIMIT ?",
        (its.customer_id, filed, its.id, MOST_INNER),
    )
    messages = sorted([row[0] for row in older] + new)[-MOST_INNER:]
    return ConversationView(
        its,
        run,
        next((one.event_id for one in runs if one.event_id is not None), None),
        tuple(row[0] for row in offers),
        tuple(messages),
        tags,
        connection.execute("SELECT score FROM rating WHERE conversation_id = ?", (its.id,)).get,
    )


@dataclass(frozen=True, slots=True)
class OfferFilters:
    """What is asked for."""

    customer: str | None = None
    conversation: int | None = None
    state: str | None = None
    name: str | None = None
    before: int | None = None


def offers(connection: apsw.Connection, filters: OfferFilters, limit: int) -> tuple[list[OfferView], bool]:
    """A page, newest first, and whether there is more. Raises TooWide."""
    tests = ["1"]
    values: list[object] = []
    if filters.customer is not None:
        customers = customer_ids(connection, filters.customer)
        if not customers:
            return [], False
        tests.append(f"customer_id IN ({','.join('?' * len(customers))})")
        values += customers
    for column, wanted in (
        ("conversation_id", filters.conversation),
        ("state", filters.state),
        ("name", filters.name),
    ):
        if wanted is not None:
            tests.append(f"{column} = ?")
            values.append(wanted)
    if filters.before is not None:
        tests.append("id < ?")
        values.append(filters.before)
    sql = f"SELECT {_OFFER} FROM offer WHERE {' AND '.join(tests)} ORDER BY id DESC LIMIT ?"
    with bounded(connection):
        rows = connection.execute(sql, (*values, limit + 1)).fetchall()
        views = [_offer_view(connection, offer_of(row)) for row in rows[:limit]]
    return views, len(rows) > limit


def offer(connection: apsw.Connection, offer_id: int) -> OfferView | None:
    """One offer."""
    row = connection.execute(f"SELECT {_OFFER} FROM offer WHERE id = ?", (offer_id,)).fetchone()
    return _offer_view(connection, offer_of(row)) if row else None


def _offer_view(connection: apsw.Connection, its: Offer) -> OfferView:
    calls = connection.execute(
        "SELECT id, backoffice, action, state, attempts, status, result, ended_at FROM call WHERE offer_id = ? "
        "ORDER BY id",
        (its.id,),
    )
    return OfferView(its, tuple(CallLine(*row) for row in calls))


WAITS_SINCE = "coalesce(json_extract(promises, '$[0]'), changed_at)"
"""Of what waits, since when (ms): as `model.promises.waits_since`."""

RESTS = (
    "(state = 'queued' AND promises IS NOT NULL AND json_extract(promises, '$[0]') IS NULL "
    "AND json_extract(promises, '$[4]') IS NULL AND json_extract(promises, '$[2].idle') IS NOT NULL)"
)
"""Of what is in a queue, whether it rests: as `model.promises.rests`."""


@dataclass(frozen=True, slots=True)
class Loads:
    """How many conversations wait in each queue (and since when, ms), and how many each agent has."""

    waiting: dict[str, tuple[int, int]]
    busy: dict[str, int]


def loads(connection: apsw.Connection) -> Loads:
    """What the desk has to do at this moment."""
    waiting = connection.execute(
        f"SELECT queue, count(*), min({WAITS_SINCE}) FROM conversation WHERE state = 'queued' "
        f"AND state NOT IN ('bot', 'closed') AND NOT {RESTS} GROUP BY queue"
    )
    busy = connection.execute(
        "SELECT agent, count(*) FROM conversation WHERE state IN ('human', 'waiting', 'wrapup') "
        "AND state NOT IN ('bot', 'closed') GROUP BY agent"
    )
    return Loads(
        {str(row[0]): (int(row[1]), int(row[2])) for row in waiting}, {str(row[0]): int(row[1]) for row in busy}
    )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Work that was given up. state: dead or replayed."""

    id: int
    lane: str
    key: str
    kind: str
    ref: int
    body: str | None
    cause: str
    state: str


_DEAD = "SELECT id, lane, key, kind, ref, body, cause, state FROM dead_letter"


def dead_letters(connection: apsw.Connection, before: int | None, most: int) -> list[DeadLetter]:
    """Those that wait for somebody, newest first."""
    newest = before if before is not None else (1 << 63) - 1
    rows = connection.execute(f"{_DEAD} WHERE state = 'dead' AND id < ? ORDER BY id DESC LIMIT ?", (newest, most))
    return [DeadLetter(*row) for row in rows]
