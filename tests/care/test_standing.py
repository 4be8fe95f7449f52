"""What a customer who waits may be told: their place, and a time only where the queue's pace says one."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.care.standing import FEWEST_CLAIMS, LATELY_MS, LONGEST_MINUTES, Standing

MINUTE = 60_000
NOW = 1_000 * MINUTE


def standing(*minutes_ago: float) -> Standing:
    return Standing((7, 8, 9), tuple(sorted(NOW - int(minutes * MINUTE) for minutes in minutes_ago)))


def test_the_place_is_that_in_the_line() -> None:
    assert [standing().place(an_id) for an_id in (7, 9, 10)] == [1, 3, 0]


def test_each_place_takes_as_long_as_the_last_claims_did() -> None:
    its = standing(0, 2, 4, 6, 8, 10)
    assert [its.minutes(place, NOW) for place in (1, 2, 5, 6, 20)] == [2, 4, 10, 15, 40]


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert standing(0, 2, 4, 6, 8).minutes(0, NOW) == 0, "no place"
    assert standing(0, 2, 4, 6).minutes(1, NOW) == 0, "too few claims"
    assert standing(61, 62, 63, 64, 65, 66).minutes(1, NOW) == 0, "too long ago"
    assert standing(0, 2, 4, 6, 8).minutes(31, NOW) == 0, "too far to tell"


def test_a_queue_that_has_come_to_a_stop_is_slower_with_each_minute() -> None:
    its = standing(0, 1, 2, 3, 4)
    assert [its.minutes(1, NOW + wait * MINUTE) for wait in (0, 10, 20)] == [1, 3, 5]


@given(st.lists(st.integers(0, 2 * LATELY_MS), max_size=20), st.integers(0, 1000))
def test_a_time_is_never_said_for_nothing_and_never_too_long(ago: list[int], place: int) -> None:
    its = Standing((), tuple(sorted(NOW - ms for ms in ago)))
    minutes = its.minutes(place, NOW)
    assert 0 <= minutes <= LONGEST_MINUTES
    if sum(ms <= LATELY_MS for ms in ago) < FEWEST_CLAIMS or place == 0:
        assert minutes == 0
