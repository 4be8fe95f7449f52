"""The order in which those who wait are offered, as the database says it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.waiting import MOST_WAITING, room
from tests.doubles.stage import fresh_database

POINT = 60_000
NOW = 1_000 * POINT
_ADD = (
    "INSERT INTO conversation (id, customer_id, key, brand, state, owner_id, epoch, sender, opened_at, changed_at, "
    "queue, channel, told_waiting, queued_at, priority) "
    "VALUES (?1, ?1, 'tel:+15550000001', 'acme', 'queued', ?2, 1, '70007', 0, ?5, ?2, 'sms', 0, ?3, ?4)"
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    path: Path = tmp_path_factory.mktemp("waiting") / "waiting.db"
    fresh_database(path)
    connection = apsw.Connection(str(path))
    yield connection
    connection.close()


def fill(database: apsw.Connection, rows: Sequence[tuple[str, int | None, int]]) -> None:
    """Rows of queue, begin of waiting and priority; their order is that of their ids."""
    database.execute("DELETE FROM conversation")
    with database:
        values = [(at, queue, since, priority, NOW) for at, (queue, since, priority) in enumerate(rows, 1)]
        database.executemany(_ADD, values)


def order(database: apsw.Connection, points: dict[str, int] | None = None) -> list[int]:
    return [one.id for one in room(database, POINT, points).waiting]


def test_points_count_as_much_waiting_and_ties_go_by_age(database: apsw.Connection) -> None:
    fill(database, [("a", NOW, 0), ("a", NOW + POINT, 2), ("a", NOW + POINT, 1), ("a", NOW, 0), ("b", NOW + 1, 0)])
    assert order(database) == [2, 1, 4, 3, 5]
    assert order(database, {"b": 1}) == [2, 5, 1, 4, 3]


def test_what_waited_before_the_column_was_there_waits_since_it_changed(database: apsw.Connection) -> None:
    fill(database, [("a", None, 0), ("a", NOW - 1, 0)])
    assert order(database) == [2, 1]
    assert room(database, POINT).waiting[1].since == NOW


def test_all_that_wait_are_counted_also_those_that_are_not_read(database: apsw.Connection) -> None:
    fill(database, [("a", NOW, 0)] * (MOST_WAITING + 5) + [("b", NOW, 0)])
    seen = room(database, POINT)
    assert seen.counts == {"a": MOST_WAITING + 5, "b": 1}
    assert len(seen.waiting) == MOST_WAITING + 1


def test_the_oldest_card_that_nobody_has_seen(database: apsw.Connection) -> None:
    assert room(database, POINT).unshown is None
    row = "INSERT INTO work (lane, prio, due, id, key, kind, attempts, ref) VALUES (?, 0, ?, ?, 'tel:1', ?, 0, 1)"
    with database:
        database.executemany(row, [("desk", 1, 9, "card"), ("desk", 2, 8, "card"), ("desk", 3, 7, "notice")])
        database.execute(row, ("customer", 4, 6, "card"))
    assert room(database, POINT).unshown == 8


@given(
    arrivals=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 30 * POINT), st.integers(-5, 10)), min_size=1, max_size=30
    ),
    points=st.dictionaries(st.sampled_from("ab"), st.integers(-5, 5)),
)
def test_nobody_waits_for_ever(
    database: apsw.Connection, arrivals: list[tuple[str, int, int]], points: dict[str, int]
) -> None:
    """However many more important ones come: who came so much earlier as their points are worth is before them, and
    the order of two never changes, so that each who comes later is behind for good.
    """
    fill(database, arrivals)
    seen = order(database, points)
    assert sorted(seen) == list(range(1, len(arrivals) + 1))

    def total(an_id: int) -> int:
        queue, _, priority = arrivals[an_id - 1]
        return priority + points.get(queue, 0)

    for at, first in enumerate(seen):
        for later in seen[at + 1 :]:
            ahead = arrivals[first - 1][1] - arrivals[later - 1][1]
            worth = (total(first) - total(later)) * POINT
            assert ahead <= worth, "one who came earlier by more than the points are worth was passed"
            assert ahead < worth or arrivals[first - 1][1] <= arrivals[later - 1][1], "a tie goes by age"
