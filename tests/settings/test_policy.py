"""Quiet hours, over midnight and not."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import QuietHours

ZONE = ZoneInfo("America/New_York")


def quiet(start: str, end: str) -> QuietHours:
    return QuietHours.model_validate_json(f'{{"from": "{start}", "to": "{end}"}}')


@pytest.mark.parametrize(
    ("start", "end", "at", "until"),
    [
        ("21:00", "08:00", "2026-11-22T20:59:59", "2026-11-22T20:59:59"),
        ("21:00", "08:00", "2026-11-22T21:00:00", "2026-11-23T08:00:00"),
        ("21:00", "08:00", "2026-11-22T07:59:00", "2026-11-22T08:00:00"),
        ("21:00", "08:00", "2026-11-22T08:00:00", "2026-11-22T08:00:00"),
        ("00:00", "09:30", "2026-11-22T00:00:00", "2026-11-22T09:30:00"),
        ("12:00", "14:00", "2026-11-22T13:59:59", "2026-11-22T14:00:00"),
        ("12:00", "12:00", "2026-11-22T12:00:00", "2026-11-22T12:00:00"),
        ("21:00", "00:00", "2026-11-22T23:00:00", "2026-11-23T00:00:00"),
    ],
)
def test_a_message_is_held_until_quiet_hours_are_over(start: str, end: str, at: str, until: str) -> None:
    local = datetime.fromisoformat(at).replace(tzinfo=ZONE)
    assert quiet(start, end).over(local) == datetime.fromisoformat(until).replace(tzinfo=ZONE)


CLOCK = st.times(timezones=st.none()).map(lambda t: t.strftime("%H:%M"))


@given(CLOCK, CLOCK, st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001 - wall time
def test_after_the_end_it_is_never_quiet(start: str, end: str, local: datetime) -> None:
    hours = quiet(start, end)
    over = hours.over(local)
    assert not hours.covers(over.time())
    assert timedelta() <= over - local <= timedelta(days=1)
