"""Opening hours: what is read, what is refused, and clocks that change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings import BadHours, Hours
from gateway.settings.holidays import BadCalendar, check_calendar
from gateway.settings.hours import DAYS

NEW_YORK = ZoneInfo("America/New_York")
ZONES = ["America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
# Around changes of clocks, Samoa's lost day of 2011 among them.
STARTS = ["2026-03-07", "2026-10-31", "2026-03-28", "2026-10-24", "2026-04-03", "2011-12-28", "2026-11-20"]


@pytest.mark.parametrize(
    ("text", "moment", "is_open"),
    [
        ("Mo-Fr 08:00-20:00", "2026-11-23T08:00", True),
        ("Mo-Fr 08:00-20:00", "2026-11-23T07:59", False),
        ("Mo-Fr 08:00-20:00", "2026-11-23T20:00", False),
        ("Mo-Fr 08:00-20:00", "2026-11-22T12:00", False),
        ("Mo-Fr 08:00-12:00,13:00-18:00; Sa 09:00-13:00", "2026-11-28T12:59", True),
        ("Mo-Fr 08:00-12:00, 13:00-18:00", "2026-11-23T12:30", False),
        ("Mo,We,Fr-Su 8:00-9:00", "2026-11-28T08:30", True),
        ("Mo,We,Fr-Su 8:00-9:00", "2026-11-24T08:30", False),
        ("Sa-Mo 10:00-11:00", "2026-11-23T10:30", True),
        ("Mo-Su 22:00-06:00", "2026-11-23T02:00", True),
        ("Su 22:00-06:00", "2026-11-23T05:59", True),
        ("Su 22:00-06:00", "2026-11-23T22:00", False),
        ("Mo-Fr 08:00-20:00; We off", "2026-11-25T12:00", False),
        ("Mo-Fr 08:00-20:00; We 10:00-11:00", "2026-11-25T09:00", False),
        ("24/7", "2026-11-22T00:00", True),
        ("Mo-Fr", "2026-11-23T23:59", True),
        ("08:00-24:00", "2026-11-22T23:59", True),
        ("off", "2026-11-22T23:59", False),
        ("Mo-Fr 08:00-20:00; Nov 23 08:00-12:00", "2026-11-23T13:00", False),
        ("Mo-Fr 08:00-20:00; Nov 22-24,27 off", "2026-11-24T12:00", False),
        ("Mo-Fr 08:00-20:00; Nov 22-24,27 off", "2026-11-25T12:00", True),
        ("Mo-Fr 08:00-20:00; Nov 22-24,27 off", "2026-11-27T12:00", False),
        ("Mo-Fr 08:00-20:00; 2025 Nov 23 off", "2026-11-23T12:00", True),
        ("Mo-Fr 08:00-20:00; 2026 Nov 23 off", "2026-11-23T12:00", False),
        ("24/7; Dec 24-Jan 01 off", "2026-12-31T12:00", False),
        ("24/7; Dec 24-Jan 01 off", "2027-01-01T12:00", False),
        ("24/7; Dec 24-Jan 01 off", "2027-01-02T12:00", True),
        ("24/7; 2026 Dec 24-Jan 01 off", "2027-01-01T12:00", False),
        ("24/7; 2026 Dec 24-Jan 01 off", "2027-12-31T12:00", True),
        ("22:00-06:00; Nov 27 off", "2026-11-27T05:59", True),
        ("22:00-06:00; Nov 27 off", "2026-11-28T00:30", False),
        ("Dec 24", "2026-12-24T12:00", True),
    ],
)
def test_hours_are_read_as_opening_hours_says(text: str, moment: str, is_open: bool) -> None:
    assert Hours.parse(text).is_open(datetime.fromisoformat(moment)) is is_open


WRONG = (
    ";|Mo-Fr 8-20|Monday 08:00-20:00|Mo-Fr 08:00|Mo-Fr 25:00-26:00|Mo-Fr 08:60-09:00|Mo-We-Fr 08:00-09:00|24/8||"
    'Mo 08:00-08:00|SH off|Jan 08:00-09:00|Mo-Fr 08:00-20:00 "text"|PH off; Mo 08:00-09:00|Feb 30 off|Dec 24,|'
    "Mo-PH off|2026 Dec 24-2025 Dec 01 off|Dec 24-2026 Dec 28 off|2026 off|PHx off|2026 Feb 29 off|Dec 24-26-28 off"
)


@pytest.mark.parametrize("text", WRONG.split("|"))
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(BadHours):
        Hours.parse(text)


def test_next_opening_over_the_weekend_and_over_clocks() -> None:
    hours = Hours.parse("Mo-Fr 08:00-20:00")
    friday = datetime(2026, 10, 30, 21, 0, tzinfo=NEW_YORK)
    assert hours.next_opening(friday) == datetime(2026, 11, 2, 8, 0, tzinfo=NEW_YORK)
    assert Hours.parse("off").next_opening(friday) is None
    now = datetime(2026, 10, 30, 9, 0, tzinfo=NEW_YORK)
    assert hours.next_opening(now) == now


def test_an_opening_that_the_clocks_jump_over_begins_after_the_jump() -> None:
    before = datetime(2026, 3, 8, 1, 0, tzinfo=NEW_YORK)
    assert Hours.parse("Su 02:30-05:00").next_opening(before) == datetime(2026, 3, 8, 3, 0, tzinfo=NEW_YORK)
    lost = Hours.parse("Su 02:15-02:45").next_opening(before)
    assert lost == datetime(2026, 3, 15, 2, 15, tzinfo=NEW_YORK)


def test_a_night_that_began_on_a_day_that_never_was() -> None:
    apia = ZoneInfo("Pacific/Apia")  # from Thursday, 29 December 2011, to Saturday
    thursday = datetime(2011, 12, 29, 12, 0, tzinfo=apia)
    hours = Hours.parse("Fr 22:45-02:15")
    assert hours.next_opening(thursday) == datetime(2011, 12, 31, 0, 0, tzinfo=apia)
    both = Hours.parse("Sa 19:15-22:45; Fr 22:45-02:15")
    assert both.next_opening(thursday) == datetime(2011, 12, 31, 0, 0, tzinfo=apia)
    late = datetime(2012, 1, 6, 1, 15, tzinfo=apia)
    assert Hours.parse("Fr 01:15-02:30").next_opening(thursday - timedelta(days=2)) == late, "nine days on"
    assert hours.next_opening(thursday - timedelta(days=7)) == datetime(2011, 12, 23, 22, 45, tzinfo=apia)


def test_without_a_zone_it_is_the_wall_clock() -> None:
    assert Hours.parse("Mo 08:00-09:00").next_opening(datetime(2026, 11, 22, 12)) == datetime(2026, 11, 23, 8)  # noqa: DTZ001


def test_holidays_are_those_of_the_calendar() -> None:
    hours = Hours.parse("Mo-Fr 08:00-20:00; PH off; Dec 24 08:00-12:00", "US")
    evening = datetime(2026, 11, 25, 21, tzinfo=NEW_YORK)  # before Thanksgiving
    assert hours.next_opening(evening) == datetime(2026, 11, 27, 8, tzinfo=NEW_YORK)
    afternoon = datetime(2026, 12, 24, 13, tzinfo=NEW_YORK)  # Christmas is a Friday
    assert hours.next_opening(afternoon) == datetime(2026, 12, 28, 8, tzinfo=NEW_YORK)
    election = datetime(2026, 11, 3, 12, tzinfo=NEW_YORK)
    assert hours.is_open(election)
    assert not Hours.parse("Mo-Fr 08:00-20:00; PH off", "US-NY").is_open(election), "a holiday in New York alone"
    short = Hours.parse("Mo-Fr 08:00-20:00; PH 10:00-14:00", "US")
    assert short.next_opening(evening) == datetime(2026, 11, 26, 10, tzinfo=NEW_YORK)
    assert Hours.parse("Mo-Fr,PH 10:00-11:00", "US").is_open(datetime(2026, 7, 4, 10, tzinfo=NEW_YORK)), "a Saturday"
    assert Hours.parse("Mo-Fr 08:00-20:00; PH off").is_open(datetime(2026, 12, 25, 9, tzinfo=NEW_YORK)), "no calendar"


def test_next_opening_over_a_holiday_and_over_clocks() -> None:
    hours = Hours.parse("Mo-Su 08:00-20:00; Oct 31-Nov 01 off")
    before = datetime(2026, 10, 30, 21, tzinfo=NEW_YORK)
    assert hours.next_opening(before) == datetime(2026, 11, 2, 8, tzinfo=NEW_YORK)
    spring = Hours.parse("Mo-Su 08:00-20:00; Mar 07 off")
    opens = spring.next_opening(datetime(2026, 3, 6, 21, tzinfo=NEW_YORK))
    assert opens is not None
    assert opens.isoformat() == "2026-03-08T08:00:00-04:00"
    once = Hours.parse("2026 Dec 24 08:00-12:00")
    assert once.next_opening(datetime(2026, 1, 1, tzinfo=NEW_YORK)) == datetime(2026, 12, 24, 8, tzinfo=NEW_YORK)
    assert once.next_opening(datetime(2026, 12, 24, 12, tzinfo=NEW_YORK)) is None


@pytest.mark.parametrize(
    ("calendar", "said"), [("USA", "no holidays of 'USA'"), ("US-XX", "no part 'XX'"), ("", "no holidays of ''")]
)
def test_a_calendar_that_there_is_not_is_refused(calendar: str, said: str) -> None:
    with pytest.raises(BadCalendar, match=said):
        check_calendar(calendar)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Opening hours with a few spans; short ones fall into the gaps of clocks."""
    rules = []
    for _ in range(draw(st.integers(1, 3))):
        days = draw(st.sampled_from(["", "Mo-Fr ", "Sa,Su ", "Su ", "Sa-Tu ", "Fr "]))
        edges = sorted(draw(st.sets(st.integers(0, 95), min_size=2, max_size=4)))
        spans = [f"{a // 4:02}:{a % 4 * 15:02}-{b // 4:02}:{b % 4 * 15:02}" for a, b in pairwise(edges)][::2]
        rules.append(days + draw(st.sampled_from([",".join(spans), "off", "22:45-02:15", "01:15-02:30"])))
    if draw(st.booleans()):
        rules.append(draw(st.sampled_from(["Mar 07-08", "Oct 31-Nov 01", "2011 Dec 29-31", "Nov 21"])) + " off")
    return "; ".join(rules)


@settings(max_examples=60, deadline=None)
@given(texts(), st.sampled_from(ZONES), st.sampled_from(STARTS), st.integers(0, 3 * 24 * 60))
def test_next_opening_is_the_first_open_minute(text: str, zone: str, start: str, minutes: int) -> None:
    hours, tz = Hours.parse(text), ZoneInfo(zone)
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC) + timedelta(minutes=minutes)
    found = hours.next_opening(begin.astimezone(tz))
    tried = (begin + timedelta(minutes=minute) for minute in range(8 * 24 * 60 + 120))
    first = next((moment for moment in tried if hours.is_open(moment.astimezone(tz))), None)
    if first is not None:
        assert found is not None
        assert found.astimezone(UTC) == first, (found, first.astimezone(tz))
    elif found is not None:
        assert found.astimezone(UTC) > begin + timedelta(days=8)


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from([*DAYS, "-", ",", " ", ";", "08:00", "off", "PH", "Dec", "24", "2026"]), max_size=9).map(
        "".join
    )
)
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        hours = Hours.parse(text)
    except BadHours:
        return
    assert hours.rules
