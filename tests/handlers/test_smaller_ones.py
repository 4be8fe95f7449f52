"""The stories of appointment.due, and of the handlers that a text starts."""

from datetime import UTC, datetime

import pytest

from gateway.triggers import Script
from handlers.appointment import appointment
from handlers.balance import balance
from handlers.welcome import welcome

VISIT = {"what": "dentist", "at": "2026-11-25T15:30:00Z", "where": "12 Main Street"}


@pytest.mark.parametrize("reply", ["C", "c.", "Yes", "confirm please", "Sí"])
def test_confirmed(reply: str) -> None:
    script = (
        Script(appointment, **VISIT).language("es").event().says("appointment.reminder", what="dentist").at("answer")
    )
    script.text(reply).says("appointment.confirmed", at="2026-11-25T15:30:00Z").closes("confirmed")


@pytest.mark.parametrize("reply", ["R", "no", "reschedule", "change"])
def test_rescheduled_by_a_person(reply: str) -> None:
    script = Script(appointment, **VISIT).event().text(reply).says("appointment.person")
    script.escalates("billing", "reschedule: dentist, 12 Main Street").handed_back("moved").closes("moved")


def test_appointment_otherwise() -> None:
    Script(appointment, **VISIT).event().text("where do I park?").escalates("billing", "where do I park?")
    Script(appointment, **VISIT).event().silence().closes("no_reply")
    assert appointment.expires(appointment.parse(VISIT), datetime.now(UTC)) == datetime(
        2026, 11, 25, 15, 30, tzinfo=UTC
    )


def test_a_stranger_is_greeted_and_then_heard() -> None:
    script = Script(welcome, text="where is my parcel").event().says("welcome.hello").at("question")
    script.text("parcel 55").says("welcome.person").escalates("billing", "where is my parcel / parcel 55")
    script.handed_back().closes("resolved")
    Script(welcome, text="hi").event().silence().closes("greeted")
    Script(welcome, text="hi").event().text("Thanks!").closes("greeted")
    Script(welcome).event().text("hello?").escalates("billing")


def test_a_stranger_who_wants_a_person_gets_one() -> None:
    Script(welcome, text="Agent!").event().says("welcome.person").escalates("billing", "Agent!")


def test_balance() -> None:
    script = Script(balance, text="BALANCE").event().calls("balance")
    script.result("balance", balance="12.50", currency="USD", since="2020").says("balance.told", balance="12.50")
    script.closes("answered")


@pytest.mark.parametrize("answer", [{}, {"balance": 12.5, "currency": "USD"}, {"balance": "12.50"}])
def test_no_balance_in_the_answer(answer: dict[str, object]) -> None:
    Script(balance).event().result("balance", **answer).says("balance.unknown").escalates("billing")


def test_balance_refused() -> None:
    script = Script(balance).event().failed("no such customer").escalates("billing", "no such customer")
    script.handed_back().closes("resolved")
