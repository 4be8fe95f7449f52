"""Which conversations an agent may mean: the order of those that wait is the one in which they are offered."""

import json
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import at_hand
from gateway.store.waiting import room
from tests.doubles.stage import fresh_database

POINT = 60_000
NOW = 1_000 * POINT
_CUSTOMER = "INSERT INTO customer (id, key, address_id, name) VALUES (?1, 'tel:+1555' || (1000000 + ?1), ?1, 'Ann')"
_ADD = (
    "INSERT INTO conversation (id, customer_id, key, brand, state, owner_id, epoch, sender, opened_at, changed_at, "
    "queue, channel, told_waiting, queued_at, priority, agent, reservation) VALUES (?1, ?1, 'tel:+1555' || "
    "(1000000 + ?1), 'acme', ?2, ?3, 1, '70007', 0, ?6, ?3, 'sms', 0, ?4, ?5, ?7, ?8)"
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    path: Path = tmp_path_factory.mktemp("hand") / "hand.db"
    fresh_database(path)
    connection = apsw.Connection(str(path))
    connection.executemany(_CUSTOMER, [(number,) for number in range(1, 41)])
    yield connection
    connection.close()


def fill(database: apsw.Connection, *rows: tuple[str, str, int | None, int, str | None, str | None]) -> None:
    """Rows of state, queue, begin of waiting, priority, agent, whom it is offered to."""
    database.execute("DELETE FROM conversation")
    values = [
        (at, state, queue, since, priority, NOW, agent, json.dumps([asked, 0, [], 0]) if asked else None)
        for at, (state, queue, since, priority, agent, asked) in enumerate(rows, 1)
    ]
    database.executemany(_ADD, values)


def ids(found: list[at_hand.AtHand]) -> list[int]:
    return [int(one.key[-3:]) for one in found]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrivals=st.lists(
        st.tuples(st.sampled_from("ab"), st.none() | st.integers(0, 30 * POINT), st.integers(-5, 10)), max_size=30
    ),
    points=st.fixed_dictionaries({"a": st.integers(-5, 5), "b": st.integers(-5, 5)}),
)
def test_the_order_is_that_of_what_is_offered(
    database: apsw.Connection, arrivals: list[tuple[str, int | None, int]], points: dict[str, int]
) -> None:
    fill(database, *(("queued", queue, since, priority, None, None) for queue, since, priority in arrivals))
    ahead = {queue: many * POINT for queue, many in points.items()}
    shown = at_hand.waiting_in(database, ahead, POINT, 100)
    assert ids(shown) == [one.id for one in room(database, POINT, points).waiting]
    assert at_hand.waiting_in(database, {}, POINT, 100) == []
    assert all(one.queue == "a" for one in at_hand.waiting_in(database, {"a": 0}, POINT, 100))
    assert at_hand.waiting_in(database, ahead, POINT, 3) == shown[:3]


def test_what_an_agent_has_and_what_others_have(database: apsw.Connection) -> None:
    fill(
        database,
        ("human", "a", None, 0, "ana", None),
        ("waiting", "a", None, 0, "ben", None),
        ("wrapup", "a", None, 0, "ana", None),
        ("closed", "a", None, 0, "ana", None),
        ("bot", "a", None, 0, "ana", None),
        ("queued", "a", 5, 0, None, "ana"),
        ("queued", "a", 4, 0, None, "ben"),
        ("queued", "a", 3, 0, None, None),
    )
    assert ids(at_hand.held_by(database, "ana", 10, others=False)) == [3, 1]
    assert ids(at_hand.held_by(database, "ana", 10, others=True)) == [3, 1, 2]
    assert ids(at_hand.held_by(database, "eve", 10, others=False)) == []
    assert ids(at_hand.offered_to(database, "ana", 10)) == [6]
    assert ids(at_hand.waiting_in(database, {"a": 0}, POINT, 10)) == [8, 7, 6]


def test_only_live_conversations_are_walked(database: apsw.Connection) -> None:
    """There may be millions that are closed."""
    for sql in (at_hand._HELD, at_hand._OFFERED, at_hand._WAITING):
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", ("[]", 1, 1)[: 2 + ("?3" in sql)])]
        assert any("its USING INDEX conversation_human" in step for step in plan), plan
        assert any(step.startswith("SEARCH customer USING INTEGER PRIMARY KEY") for step in plan), plan
