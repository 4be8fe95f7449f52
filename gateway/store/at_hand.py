"""Which conversations an agent may mean where none is named: their own, what is offered to them, what waits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from gateway.store.listings import RESTS

_WHAT = (
    "SELECT its.key, its.brand, its.state, its.queue, its.agent, json_extract(its.reservation, '$[0]'), "
    "customer.name, customer.tier FROM"
)
_CUSTOMER = "JOIN customer ON customer.id = its.customer_id"
# Says that the partial index of those who wait for or have a person is enough.
_LIVE = "its.state NOT IN ('bot', 'closed')"
_HELD = (
    f"{_WHAT} conversation AS its {_CUSTOMER} WHERE its.state IN ('human', 'waiting', 'wrapup') AND {_LIVE} "
    "AND (its.agent = ?1 OR ?2) ORDER BY its.agent <> ?1, its.id DESC LIMIT ?3"
)
_OFFERED = (
    f"{_WHAT} conversation AS its {_CUSTOMER} WHERE its.state = 'queued' AND {_LIVE} "
    "AND its.reservation IS NOT NULL AND json_extract(its.reservation, '$[0]') = ?1 LIMIT ?2"
)
# In the order in which agents are asked to take them (`gateway.store.waiting`), then what rests. ?1: what the points
# of each queue are worth, ms; ?2: one point.
_WAITING = (
    f"{_WHAT} json_each(?1) AS answered JOIN conversation AS its ON its.queue = answered.key {_CUSTOMER} "
    f"WHERE its.state = 'queued' AND {_LIVE} "
    f"ORDER BY {RESTS}, coalesce(its.queued_at, its.changed_at) - its.priority * ?2 - answered.value, "
    "coalesce(its.queued_at, its.changed_at), its.id LIMIT ?3"
)


@dataclass(frozen=True, slots=True)
class AtHand:
    """A conversation. asked: whom it is offered to. name, tier: of its customer."""

    key: str
    brand: str
    state: str
    queue: str | None
    agent: str | None
    asked: str | None
    name: str | None
    tier: str | None


def held_by(connection: apsw.Connection, agent: str, most: int, *, others: bool) -> list[AtHand]:
    """What an agent has, newest first, and wraps up; others: behind it what colleagues have."""
    return [AtHand(*row) for row in connection.execute(_HELD, (agent, others, most))]


def offered_to(connection: apsw.Connection, agent: str, most: int) -> list[AtHand]:
    """What an agent is asked to take just now."""
    return [AtHand(*row) for row in connection.execute(_OFFERED, (agent, most))]


def waiting_in(connection: apsw.Connection, ahead: Mapping[str, int], point: int, most: int) -> list[AtHand]:
    """What waits in queues, next first. ahead: ms that the points of each queue are worth. point: ms."""
    return [AtHand(*row) for row in connection.execute(_WAITING, (json.dumps(dict(ahead)), point, most))]
