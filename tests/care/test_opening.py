"""When somebody answers a queue: its own agents, or those of its back-up; on holidays, and over changes of clocks."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.care import opening
from gateway.care.playbook import Playbook
from gateway.model.rows import replace
from gateway.settings.gateway_file import Agent, Queue
from gateway.settings.hours import Hours
from gateway.settings.open_time import add_open, open_between
from tests.doubles.stage import house

NEW_YORK = ZoneInfo("America/New_York")


def book(hours: str | None, backup: str | None = None, holidays: str | None = None) -> Playbook:
    usual = house()[1]
    queues = {
        "billing": Queue(name="billing", brand="acme", hours=hours, backup="travel" if backup else None),
        "travel": Queue(name="travel", brand="acme", hours=backup),
    }
    return replace(usual, queues=queues, brands={"acme": replace(usual.brands["acme"], holidays=holidays)})


@pytest.mark.parametrize(
    ("hours", "backup", "holidays", "now", "opens"),
    [
        ("Mo-Fr 08:00-20:00", None, None, "2026-11-23T12:00", None),
        ("Mo-Fr 08:00-20:00", None, None, "2026-11-25T21:00", "2026-11-26T08:00:00-05:00"),
        ("Mo-Fr 08:00-20:00; PH off", None, "US", "2026-11-25T21:00", "2026-11-27T08:00:00-05:00"),
        ("Mo-Fr 08:00-20:00; PH off", None, "US-NY", "2026-11-02T21:00", "2026-11-04T08:00:00-05:00"),
        ("Mo-Su 08:00-20:00", None, None, "2026-03-07T21:00", "2026-03-08T08:00:00-04:00"),
        ("Mo-Fr 08:00-20:00", "06:00-07:00", None, "2026-11-25T21:00", "2026-11-26T06:00:00-05:00"),
        ("Mo-Fr 08:00-20:00", "20:00-22:00", None, "2026-11-25T21:00", None),
        ("off", None, None, "2026-11-25T21:00", None),
    ],
)
def test_when_somebody_answers_next(
    hours: str, backup: str | None, holidays: str | None, now: str, opens: str | None
) -> None:
    its = book(hours, backup, holidays)
    local = datetime.fromisoformat(now).replace(tzinfo=NEW_YORK)
    found = opening.next_opening(its, "billing", local.astimezone(ZoneInfo("UTC")))
    assert (found.isoformat() if found is not None else None) == opens
    if opens is not None:
        assert not opening.is_open(its, "billing", int(local.timestamp() * 1000))


def test_a_queue_that_is_not_configured_has_no_hours() -> None:
    assert opening.is_open(book(None), "gone", 0)
    assert opening.next_opening(book(None), "gone", datetime(2026, 11, 23, tzinfo=NEW_YORK)) is None


def test_agents_of_the_back_up_may_take_what_waits_here_and_no_others() -> None:
    its = book(None, "24/7")
    of = {name: Agent(jid=f"{name}@example.test", name=name, queues=(name,)) for name in ("billing", "travel")}
    assert its.answers(of["travel"], "billing")
    assert its.answers(of["billing"], "billing")
    assert not its.answers(of["billing"], "travel")
    assert not its.answers(of["billing"], None)


def test_time_counts_while_the_queue_or_its_back_up_is_open() -> None:
    hours = opening.staffed(book("Mo-Fr 08:00-09:00", "Mo-Fr 12:00-20:00"), "billing")
    assert hours is not None
    zone, hour = "America/New_York", 3_600_000
    eight = int(datetime(2026, 11, 23, 8, tzinfo=NEW_YORK).timestamp() * 1000)
    assert add_open(hours, zone, eight, 2 * hour) == eight + 5 * hour, "an hour here, an hour there"
    assert open_between(hours, zone, eight, eight + 24 * hour) == 9 * hour
    assert opening.staffed(book("Mo-Fr 08:00-09:00", "24/7"), "billing") == Hours.parse("24/7")
    assert opening.staffed(book("Mo-Fr 08:00-09:00"), "billing") == Hours.parse("Mo-Fr 08:00-09:00")
    assert opening.staffed(book(None), "gone") is None
