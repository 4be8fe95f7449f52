"""Open time is counted to the millisecond, whatever the hours, the zone and its clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.hours import Hours
from gateway.settings.open_time import add_open, is_open, open_between

ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
HOURS = (
    "Mo-Fr 08:00-20:00",
    "Mo-Fr 08:00-12:00,13:00-18:00; Sa 09:00-13:00",
    "Mo-Su 22:00-06:00",
    "Mo-Su 01:30-03:30",
    "24/7",
    "We 02:00-02:30",
)
# Around the clock changes of 2026 and 2027, and a quiet week.
STARTS = [
    datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 7), (3, 28), (10, 3), (10, 24), (10, 31), (7, 1))
]


def ms(moment: datetime) -> int:
    """The instant, ms."""
    return int(moment.timestamp() * 1000)


@st.composite
def instants(draw: st.DrawFn) -> int:
    """An instant near a clock change, or not, to the millisecond."""
    return ms(draw(st.sampled_from(STARTS))) + draw(st.integers(0, 3 * 86_400_000))


def counted(hours: Hours, zone: str, start: int, end: int) -> int:
    """The other way round: the open ms between two instants, each piece of ten seconds looked at."""
    total, at = 0, start
    while at < end:
        step = min(10_000 - at % 10_000, end - at)
        if hours.is_open(datetime.fromtimestamp(at // 1000, ZoneInfo(zone))):
            total += step
        at += step
    return total


@settings(deadline=None)
@given(st.sampled_from(HOURS), st.sampled_from(ZONES), instants(), st.integers(1, 7_200_000))
def test_so_much_open_time_has_passed_and_not_a_moment_before(text: str, zone: str, start: int, span: int) -> None:
    hours = Hours.parse(text)
    due = add_open(hours, zone, start, span)
    assert due is not None
    # Closed hours are no time: the last piece before it is open, and all pieces together are the span.
    assert hours.is_open(datetime.fromtimestamp((due - 1) / 1000, ZoneInfo(zone)))
    if due - start < 86_400_000:
        assert counted(hours, zone, start, due) == span


@settings(deadline=None)
@given(st.sampled_from(HOURS), st.sampled_from(ZONES), instants(), st.integers(0, 3_600_000), st.integers(0, 3_600_000))
def test_one_span_after_the_other_is_both_together(text: str, zone: str, start: int, one: int, other: int) -> None:
    hours = Hours.parse(text)
    first = add_open(hours, zone, start, one)
    assert first is not None
    both = add_open(hours, zone, start, one + other)
    assert add_open(hours, zone, first, other) == (add_open(hours, zone, both, 0) if other == 0 and both else both)


@settings(deadline=None)
@given(st.sampled_from(HOURS), st.sampled_from(ZONES), instants())
def test_no_time_at_all_is_the_next_opening(text: str, zone: str, start: int) -> None:
    hours = Hours.parse(text)
    at = add_open(hours, zone, start, 0)
    assert at is not None
    assert is_open(hours, zone, at)
    assert (at == start) == is_open(hours, zone, start)
    assert counted(hours, zone, start, min(at, start + 86_400_000)) == 0


def test_never_open_is_never() -> None:
    assert add_open(Hours.parse("Mo-Su off"), "UTC", 0, 1000) is None


def test_evening_to_morning() -> None:
    """Friday 19:59:30 and 120 s: half a minute on Friday, the rest on Monday from 8:00."""
    zone = "America/New_York"
    friday = datetime(2026, 11, 27, 19, 59, 30, tzinfo=ZoneInfo(zone))
    due = add_open(Hours.parse("Mo-Fr 08:00-20:00"), zone, ms(friday), 120_000)
    assert due == ms(datetime(2026, 11, 30, 8, 1, 30, tzinfo=ZoneInfo(zone)))


@pytest.mark.parametrize(("day", "night"), [((2026, 3, 8), 23), ((2026, 11, 1), 25), ((2026, 7, 1), 24)])
def test_a_day_of_a_clock_change_has_its_own_length(day: tuple[int, int, int], night: int) -> None:
    zone = ZoneInfo("America/New_York")
    midnight = datetime(*day, tzinfo=zone)
    due = add_open(Hours.parse("Mo-Su 00:00-24:00"), zone.key, ms(midnight), night * 3_600_000)
    assert due == ms(datetime(*day, tzinfo=zone) + timedelta(days=1))


def test_a_holiday_counts_by_itself() -> None:
    """Whoever says when it is open says it of holidays, too."""
    zone = "America/New_York"

    class Thanksgiving:
        """Open from 8 to 20, but not on 26 November."""

        def is_open(self, local: datetime) -> bool:
            """Whether it is open."""
            return 8 <= local.hour < 20 and (local.month, local.day) != (11, 26)

        def next_opening(self, local: datetime) -> datetime | None:
            """The next minute when it is."""
            while not self.is_open(local):
                local = (local + timedelta(minutes=1)).replace(second=0, microsecond=0)
            return local

    start = datetime(2026, 11, 25, 19, 0, tzinfo=ZoneInfo(zone))
    due = add_open(Thanksgiving(), zone, ms(start), 2 * 3_600_000)
    assert due == ms(datetime(2026, 11, 27, 9, 0, tzinfo=ZoneInfo(zone)))


@settings(max_examples=60, deadline=None)
@given(start=instants(), span=st.integers(0, 24 * 3_600_000), hours=st.sampled_from(HOURS), zone=st.sampled_from(ZONES))
def test_what_is_added_is_found_between(start: int, span: int, hours: str, zone: str) -> None:
    """`open_between` measures what `add_open` counts, to the millisecond: 24 open hours are 48 weeks of the least."""
    its = Hours.parse(hours)
    end = add_open(its, zone, start, span)
    assert end is not None
    assert open_between(its, zone, start, end) == span
    assert open_between(its, zone, end, start - 1) == 0
