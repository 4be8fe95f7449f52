"""The story of flight.delayed."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.triggers import BadData, Script
from handlers.flight_delay import delay

DATA: dict[str, object] = {
    "flight": "AA12",
    "booking": "ABC123",
    "departure": "2026-11-23T16:10:00-05:00",
    "new_departure": "2026-11-23T18:40:00-05:00",
    "gate": "B7",
    "reason": "weather",
}
BARE = {name: value for name, value in DATA.items() if name not in ("gate", "reason")}


def test_told_and_offered() -> None:
    Script(delay, **DATA).event().says("flight_delay.notice", flight="AA12", gate="B7").offers("lounge").at("choice")
    Script(delay, **BARE).event().says("flight_delay.notice", gate=None, reason=None)


def test_rebook() -> None:
    script = Script(delay, **DATA).event().text("Rebook please").calls("rebook", booking="ABC123", flight="AA12")
    script.result("rebook", flight="AA34").says("flight_delay.rebooked", flight="AA12", new_flight="AA34")
    script.closes("rebooked").remembers(new_flight="AA34")


def test_rebook_without_a_flight_in_the_answer() -> None:
    Script(delay, **DATA).event().text("cambiar").result("rebook").says("flight_delay.rebooked", new_flight="")


def test_no_seat() -> None:
    script = Script(delay, **DATA).event().text("rebook").failed("all flights are full")
    script.says("flight_delay.not_rebooked").escalates("travel", "all flights are full").handed_back().closes(
        "resolved"
    )


def test_lounge() -> None:
    script = Script(delay, **DATA).event().text("yes").expects("accept_offer").fulfilled()
    script.says("flight_delay.lounge", booking="ABC123").closes("offer_accepted")
    Script(delay, **DATA).event().text("yes").failed("full").says("flight_delay.lounge_failed").escalates(
        "travel", "full"
    )


@pytest.mark.parametrize("reply", ["OK", "ok thanks", "Thanks!", "gracias"])
def test_acknowledged(reply: str) -> None:
    Script(delay, **DATA).event().text(reply).says("flight_delay.acknowledged").closes("acknowledged")


def test_no_and_silence() -> None:
    Script(delay, **DATA).event().text("no").expects("decline_offer", "say", "close").closes("offer_declined")
    Script(delay, **DATA).event().silence().closes("no_reply")


@pytest.mark.parametrize("reply", ["agent", "will I make my connection?", "rebook yes"])
def test_all_else_is_for_a_person(reply: str) -> None:
    Script(delay, **DATA).event().text(reply).escalates("travel", reply)


def test_worthless_after_departure_and_replaced_by_a_newer_delay() -> None:
    event = delay.parse(DATA)
    assert delay.expires(event, datetime.now(UTC)) == datetime(2026, 11, 23, 23, 40, tzinfo=UTC)
    assert delay.coalesce(event) == "ABC123/AA12"
    assert event.new_departure - event.departure == timedelta(hours=2, minutes=30)


def test_times_need_their_offset() -> None:
    with pytest.raises(BadData, match="/new_departure must be a time with its offset"):
        delay.parse({**DATA, "new_departure": "2026-11-23 18:40"})
