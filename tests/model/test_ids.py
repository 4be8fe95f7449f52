"""Ids only grow: whatever the clock does, however many are made, whatever is on disk."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.ids import SEQUENCE_BITS, SETTLED_MS, Ids, id_at, made_at

NOW = 1_795_446_000_000


def test_an_id_knows_its_time() -> None:
    ids = Ids(lambda: NOW)
    first = ids()
    assert made_at(first) == NOW
    assert id_at(NOW) <= first < id_at(NOW + 1)
    assert first < 2**63


def test_more_than_a_millisecond_holds() -> None:
    ids = Ids(lambda: NOW)
    made = [ids() for _ in range(3 * (1 << SEQUENCE_BITS))]
    assert made == sorted(set(made))
    assert made_at(made[-1]) == NOW + 2


@settings(derandomize=True, database=None)
@given(st.lists(st.integers(NOW - 10_000, NOW + 10_000), min_size=1, max_size=200))
def test_a_clock_that_jumps(clock: list[int]) -> None:
    times: Iterator[int] = iter(clock)
    ids = Ids(lambda: next(times))
    made = [ids() for _ in clock]
    assert made == sorted(set(made))


@settings(derandomize=True, database=None)
@given(st.integers(0, 2 * id_at(NOW)))
def test_never_below_what_is_on_disk(newest: int) -> None:
    assert Ids(lambda: NOW, newest=newest)() > newest
    ids = Ids(lambda: NOW)
    ids()
    ids.start_after(newest)
    assert ids() > newest


def test_two_processes_make_different_ids() -> None:
    one, two = Ids(lambda: NOW, slot=1), Ids(lambda: NOW, slot=2)
    assert not {one() for _ in range(5000)} & {two() for _ in range(5000)}
    with pytest.raises(ValueError, match="process slot 256 is outside"):
        Ids(lambda: NOW, slot=256)


@settings(derandomize=True, database=None)
@given(st.integers(0, id_at(NOW)), st.lists(st.tuples(st.booleans(), st.integers(NOW - 10_000, NOW + 10_000))))
def test_what_is_settled_stays_below_all_that_is_made_later(newest: int, moments: list[tuple[bool, int]]) -> None:
    clock = [NOW]
    ids = Ids(lambda: clock[0], newest=newest)
    settled = newest
    for settle, clock[0] in moments:
        if settle:
            assert ids.settle() >= max(settled, id_at(clock[0] - SETTLED_MS))
            settled = ids.settled
        else:
            assert ids() > settled


def test_what_is_on_disk_at_the_start_is_settled() -> None:
    ids = Ids(lambda: NOW)
    ids.start_after(id_at(NOW + 60_000))
    assert ids.settled == ids.settle() == id_at(NOW + 60_000) < ids()


def test_ids_ahead_of_a_clock_that_was_set_back_settle_all_the_same() -> None:
    clock = [NOW + 3_600_000]
    ids = Ids(lambda: clock[0])
    ids()
    clock[0] = NOW
    made = []
    for _ in range(5):
        made.append(ids())
        ids.settle()
        clock[0] += SETTLED_MS
    assert made[2] < ids.settled < made[4]
