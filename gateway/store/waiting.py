"""What the desk asks: who waits for a person, how busy the agents are, and all that a card tells of a conversation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import apsw

from gateway.model.conversation import Dialogue
from gateway.model.customer import Customer
from gateway.model.event import Event
from gateway.model.ids import id_at
from gateway.model.message import Message
from gateway.model.offer import Offer
from gateway.store.ends import BY_STOP
from gateway.store.events import events_by_id
from gateway.store.listings import (
    RESTS,
    WAITS_SINCE,
    ConversationView,
    NoteLine,
    conversation,
    latest_notes,
    loads,
)
from gateway.store.marks import number, set_mark
from gateway.store.messages import messages_by_id
from gateway.store.statements import columns_of
from gateway.store.states import offer_of
from gateway.store.tables import CustomerRow, OfferRow
from gateway.store.units import Unit

MOST_SINCE = 40
"""Messages on a card that came while the customer waited."""
MOST_NOTES = 3
"""Notes on a card, of each of the two conversations that it tells of."""
MOST_NOTED = 100_000
RECEIVED = "received by the client of"
READ = "read by"
MOST_WAITING, MOST_HELD = 1000, 20_000
NEVER = 1 << 62
"""Of each queue, those who come first; of all agents."""
_AWAY, _ELSEWHERE, _UP = "away:", "elsewhere:", "desk_up"
_LIVE = "state NOT IN ('bot', 'closed')"
_QUEUES = f"SELECT DISTINCT queue FROM conversation WHERE state = 'queued' AND {_LIVE}"
_ASKED = (
    "SELECT id, key, reservation, json_extract(reservation, '$[0]') FROM conversation "
    f"WHERE state = 'queued' AND {_LIVE} AND reservation IS NOT NULL AND json_extract(reservation, '$[0]') IS NOT NULL"
)
# As `model.promises.waits_since`. Their place is another thing: who was with an agent keeps it.
# ?2: what a point of priority is worth, ms. Who began to wait first comes first among equal points, and the order of
# two never changes while they wait.
_WAITING = (
    f"SELECT id, key, brand, queue, epoch, {WAITS_SINCE}, "
    "coalesce(queued_at, changed_at) - priority * ?2 AS place, reservation, "
    "(SELECT coalesce(language, guessed) FROM customer WHERE customer.id = customer_id), last_agent, "
    "coalesce(queued_at, changed_at) "
    f"FROM conversation WHERE state = 'queued' AND {_LIVE} AND queue = ?1 "
    f"AND (NOT {RESTS} OR max(coalesce(last_in, 0), coalesce(last_out, 0)) >= ?4) ORDER BY place, id LIMIT ?3"
)
_HELD = (
    "SELECT id, key, agent, changed_at, queue, queued_at IS NOT NULL FROM conversation "
    f"WHERE state IN ('human', 'waiting', 'wrapup') AND {_LIVE} LIMIT ?"
)
_CONCERNED = (
    f"SELECT agent FROM conversation WHERE agent IS NOT NULL AND {_LIVE} "
    "UNION SELECT json_extract(reservation, '$[0]') "
    f"FROM conversation WHERE reservation IS NOT NULL AND {_LIVE} ORDER BY 1"
)
_CONTACT = (
    "SELECT customer.name, customer.tier, its.brand, EXISTS (SELECT 1 FROM conversation "
    f"WHERE conversation.customer_id = customer.id AND conversation.agent = ? AND {_LIVE}) "
    "FROM conversation AS its JOIN customer ON customer.id = its.customer_id WHERE its.id = ?"
)
# Newest first: a receipt is met before what it is for.
_NOTED = (
    "SELECT id, message_id, code, reason FROM (SELECT * FROM message_event WHERE id > ? ORDER BY id DESC LIMIT ?) "
    "WHERE kind = 'agent' AND route = 'xmpp' ORDER BY id DESC"
)
_CUSTOMER = ", ".join(columns_of(CustomerRow))
_OFFER = ", ".join(columns_of(OfferRow))
_LISTENING = (
    "SELECT seat.key FROM room, json_each(room.seats) AS seat WHERE room.conversation_id = ? AND room.ending IS NULL "
    "AND seat.value = 1 ORDER BY seat.key"
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A conversation in a queue. since: ms, when its customer began to wait for an answer. place: ms, earlier is
    sooner: when they first waited for a person, with what its points and those of its queue are worth. reservation: as
    in its row. language: the customer's own, if known or guessed. last_agent: who had the customer last.
    """

    id: int
    key: str
    brand: str
    queue: str
    epoch: int
    since: int
    place: int
    reservation: str | None
    language: str | None
    last_agent: str | None


@dataclass(frozen=True, slots=True)
class Room:
    """What the floor looks like. waiting: those who come first in each queue, in one order. counts: how many wait in
    each queue, all of them. busy: how many conversations each agent has. asked: by agent, what they are asked to take:
    (id, customer's key, reservation as in its row). unshown: id of the oldest card that no agent has been shown yet,
    None when all are.
    """

    waiting: tuple[Waiting, ...]
    counts: dict[str, int]
    busy: dict[str, int]
    asked: dict[str, tuple[int, str, str]]
    unshown: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation that an agent has. since: ms. waited: its customer was in a queue before."""

    id: int
    key: str
    agent: str
    since: int
    queue: str | None
    waited: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card tells. messages: the last ones, oldest first. consent: of the conversation's brand, None = never
    asked. dialogue: the run of a handler that has the floor, or had it last. listening: bare JIDs of those who only
    listen, in the conversation's room.
    """

    view: ConversationView
    customer: Customer
    consent: str | None
    messages: tuple[Message, ...]
    event: Event | None
    offers: tuple[Offer, ...]
    previous: ConversationView | None = None
    listening: tuple[str, ...] = ()
    notes: tuple[NoteLine, ...] = ()
    transfer: NoteLine | None = None
    answer: NoteLine | None = None

    @property
    def dialogue(self) -> Dialogue | None:
        """Its place and what it remembers."""
        return self.view.dialogue


def room(
    connection: apsw.Connection,
    point: int = 0,
    points: Mapping[str, int] | None = None,
    most: int = MOST_WAITING,
    live_since: int = NEVER,
) -> Room:
    """Whom the desk may bring together now. point: what a point of priority is worth, ms. points: of each queue. most:
    of each queue, those who come first. live_since: what rests is among them where somebody has written since then, ms.
    """
    waiting: list[tuple[int, int, int, Waiting]] = []
    for queue in [str(row[0]) for row in connection.execute(_QUEUES)]:
        ahead = (points or {}).get(queue, 0) * point
        for an_id, key, brand, name, epoch, since, at, *more, first in connection.execute(
            _WAITING, (queue, point, most, live_since)
        ):
            place = at - ahead
            waiting.append((place, first, an_id, Waiting(an_id, key, brand, name, epoch, since, place, *more)))
    asked = {agent: (an_id, key, its) for an_id, key, its, agent in connection.execute(_ASKED)}
    now = loads(connection)
    counts = {queue: count for queue, (count, _) in now.waiting.items()}
    ordered = tuple(one for *_, one in sorted(waiting, key=lambda its: its[:3]))
    unshown = connection.execute("SELECT min(id) FROM work WHERE lane = 'desk' AND kind = 'card'").get
    return Room(ordered, counts, now.busy, asked, unshown)


def held(connection: apsw.Connection) -> list[Held]:
    """Conversations that agents have."""
    return [Held(*row) for row in connection.execute(_HELD, (MOST_HELD,))]


def concerned(connection: apsw.Connection) -> list[str]:
    """Agents who have a conversation, or are asked to take one."""
    return [str(agent) for (agent,) in connection.execute(_CONCERNED)]


def holders(
    connection: apsw.Connection, ids: Sequence[int]
) -> dict[int, tuple[str, str | None, str | None, str | None]]:
    """Of conversations by id: (state, the agent who has it, the reservation as in its row, who had it last)."""
    rows = connection.execute(
        f"SELECT id, state, agent, reservation, last_agent FROM conversation WHERE id IN ({','.join('?' * len(ids))})",
        tuple(ids),
    )
    return {int(row[0]): (str(row[1]), row[2], row[3], row[4]) for row in rows}


def facts(connection: apsw.Connection, conversation_id: int, before: int, most: int) -> Facts | None:
    """What there is to tell of a conversation, with the last messages older than an id, and those since its customer
    waits (`MOST_SINCE` at most); None when there is none.
    """
    view = conversation(connection, conversation_id)
    if view is None:
        return None
    its = view.conversation
    row = connection.execute(f"SELECT {_CUSTOMER} FROM customer WHERE id = ?", (its.customer_id,)).fetchone()
    assert row is not None, "a conversation has a customer"
    customer = Customer(*row)
    consent = connection.execute(
        "SELECT state FROM consent WHERE address_id = ? AND brand = ?", (customer.address_id, its.brand)
    ).get
    offers = connection.execute(
        f"SELECT {_OFFER} FROM offer WHERE conversation_id = ? AND state IN ('open', 'accepted', 'fulfilling')",
        (its.id,),
    )
    found = events_by_id(connection, [view.event_id]) if view.event_id is not None else {}
    return Facts(
        view,
        customer,
        str(consent) if consent is not None else None,
        tuple(_messages(connection, _shown(view, before, most))),
        next(iter(found.values()), None),
        tuple(offer_of(one) for one in offers),
        conversation(connection, its.previous) if its.previous is not None else None,
        tuple(str(row[0]) for row in connection.execute(_LISTENING, (its.id,))),
        (*_notes(connection, its.previous), *_notes(connection, its.id)),
        next(iter(latest_notes(connection, its.id, "transferred", 1)), None),
        next(iter(latest_notes(connection, its.id, "offer", 1)), None),
    )


def _notes(connection: apsw.Connection, conversation_id: int | None) -> list[NoteLine]:
    return latest_notes(connection, conversation_id, "note", MOST_NOTES) if conversation_id is not None else []


def _shown(view: ConversationView, before: int, most: int) -> Sequence[int]:
    older = [an_id for an_id in view.messages if an_id < before]
    waits = view.conversation.queued_at
    since = [an_id for an_id in older if an_id >= id_at(waits)] if waits is not None else []
    return older[-max(most, min(len(since), MOST_SINCE)) :]


def contact(
    connection: apsw.Connection, conversation_id: int, agent: str
) -> tuple[str | None, str | None, str, bool] | None:
    """Whom a conversation is with: the customer's name and tier, as far as they are known; the brand; whether this
    agent has the customer, in this conversation or another. None when there is no such conversation.
    """
    row = connection.execute(_CONTACT, (agent, conversation_id)).fetchone()
    return (row[0], row[1], str(row[2]), bool(row[3])) if row is not None else None


def dropped(connection: apsw.Connection, conversation_id: int, most: int) -> list[Message]:
    """Agents' words in a conversation that a STOP ended before they left: the last ones, oldest first."""
    view = conversation(connection, conversation_id)
    if view is None:
        return []
    its = _messages(connection, view.messages[-most:])
    return [one for one in its if one.author_kind == "agent" and one.reason in BY_STOP]


def _messages(connection: apsw.Connection, ids: Sequence[int]) -> list[Message]:
    found = messages_by_id(connection, ids)
    return [found[an_id] for an_id in ids if an_id in found]


@dataclass(frozen=True, slots=True)
class Shown:
    """A customer's words that the server took in for an agent, and no client of theirs acknowledged. at: ms."""

    message_id: int
    key: str
    agent: str
    at: int


def unread(connection: apsw.Connection, since: int) -> tuple[list[Shown], set[str]]:
    """What agents were shown since a time (ms) and may not have, oldest first; and whose clients acknowledge. Of the
    latest `MOST_NOTED` events.
    """
    shown: dict[tuple[int, str], int] = {}
    acknowledge: set[str] = set()
    had: set[tuple[int, str]] = set()
    for an_id, message_id, agent, reason in connection.execute(_NOTED, (id_at(since), MOST_NOTED)):
        if str(reason).startswith((RECEIVED, READ)):
            had.add((message_id, agent))
            acknowledge.add(agent)
        elif (message_id, agent) not in had:
            shown[message_id, agent] = an_id >> 20
    keys = {
        message_id: str(key)
        for message_id, _ in shown
        for [key] in connection.execute("SELECT key FROM message WHERE id = ?", (message_id,))
    }
    found = [Shown(an_id, keys[an_id], agent, at) for (an_id, agent), at in shown.items() if an_id in keys]
    return sorted(found, key=lambda one: one.message_id), acknowledge


def set_away(agent: str, *, away: bool) -> Unit:
    """An agent takes no conversations, or takes them again."""
    unit = Unit(f"desk:{agent}")
    set_mark(unit, f"{_AWAY}{agent}", int(away))
    return unit


def away(connection: apsw.Connection) -> list[str]:
    """The agents who said so."""
    rows = connection.execute("SELECT name FROM mark WHERE name LIKE 'away:%' AND value = '1'")
    return [str(row[0]).removeprefix(_AWAY) for row in rows]


def set_elsewhere(unit: Unit, agent: str, *, elsewhere: bool) -> None:
    """An agent works without a chat client, or has come back to it."""
    set_mark(unit, f"{_ELSEWHERE}{agent}", int(elsewhere))


def elsewhere(connection: apsw.Connection) -> list[str]:
    """The agents who work without a chat client."""
    rows = connection.execute("SELECT name FROM mark WHERE name LIKE 'elsewhere:%' AND value = '1'")
    return [str(row[0]).removeprefix(_ELSEWHERE) for row in rows]


def note_up(at: int) -> Unit:
    """Agents could reach the desk at this time, ms."""
    unit = Unit("desk")
    set_mark(unit, _UP, at)
    return unit


def last_up(connection: apsw.Connection) -> int | None:
    """When agents could reach the desk last, ms, as far as it is known."""
    return number(connection, _UP) or None
