"""The shipped texts: every one that is said exists in every language, and is one part of GSM-7 with the sample data."""

from pathlib import Path

import pytest

import gateway
from gateway.care.rendering import Catalogue
from gateway.model.channel import Encoding
from gateway.model.segments import count
from gateway.triggers import Registry

TEMPLATES = Path(gateway.__file__).parent / "defaults" / "templates"
CATALOGUE = Catalogue.load([TEMPLATES])
LANGUAGES = ("en", "es")
SAMPLE: dict[str, object] = {
    "brand": "Acme Mobile",
    "help": "https://acme.example/help",
    "link": "http://127.0.0.1:8080/c/0123456789abcdef",
    "plan": "Basic 300",
    "minutes_over": 120,
    "charge": "50.00",
    "currency": "USD",
    "flight": "AA12",
    "booking": "ABC123",
    "gate": "B7",
    "reason": "weather",
    "new_flight": "AA34",
    "departure": "2026-11-23T16:10:00-05:00",
    "new_departure": "2026-11-23T18:40:00-05:00",
    "what": "dentist",
    "at": "2026-11-25T15:30:00Z",
    "where": "12 Main Street",
    "balance": "12.50",
    "title": "Unlimited plan",
    "price": "20.00",
    "period": "month",
    "opens": "2026-11-23T13:00:00Z",
    "text": "it is $20 a month.",
    "place": 3,
    "minutes": 15,
    "choices": "1 Acme Mobile, 2 Zed Air",
}
OFFERS: dict[str, dict[str, str]] = {
    "unlimited": {"title": "Unlimited plan", "price": "20.00", "currency": "USD", "period": "month"},
    "lounge": {"title": "Airport lounge pass", "price": "25.00", "currency": "USD", "period": "once"},
}
WAITS = ((3, 15), (1000, 60), (3, 0), (0, 0))
MADE_IN = {"plan_overage.notice": "unlimited", "flight_delay.notice": "lounge"}
SYSTEM = {
    "stopped": set[str](),
    "help": set[str](),
    "started": set[str](),
    "not_understood": set[str](),
    "no_agent": {"place", "minutes"},
    "outside_hours": {"opens"},
    "takes_longer": {"place", "minutes"},
    "still_working": set[str](),
    "offer_fulfilled": {"title", "price", "currency"},
    "offer_failed": {"title", "price", "currency"},
    "offer_ended": {"title"},
    "which_brand": {"choices"},
    "parked": set[str](),
    "correction": {"text"},
    "csat": set[str](),
    "csat_thanks": set[str](),
    "agent_offer": {"title", "price", "currency", "period"},
}


def _said(key: str, language: str, *, offer: str | None = None, ask: bool = True, **fields: object) -> str:
    terms = OFFERS[offer] if offer else None
    given = {**SAMPLE, "ask": ask, "offer": terms, **fields}
    return CATALOGUE.render(key, language, given, timezone="America/New_York")


def _one_part(text: str) -> None:
    assert "  " not in text
    assert text == text.strip()
    assert count(text).encoding is Encoding.gsm7, text
    assert count(text).parts == 1, f"{len(text)}: {text}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", sorted(CATALOGUE.keys))
def test_one_part_of_gsm7(key: str, language: str) -> None:
    offer = MADE_IN.get(key)
    _one_part(_said(key, language, offer=offer))
    if offer:
        _one_part(_said(key, language))
        _one_part(_said(key, language, ask=False))


def test_all_that_is_said_exists_with_the_fields_it_uses() -> None:
    registry = Registry()
    registry.load(["plan_overage", "flight_delay", "appointment", "welcome", "balance"])
    uses: dict[str, set[str]] = {f"system.{key}": fields for key, fields in SYSTEM.items()}
    for handler in registry:
        for mention in handler.mentions():
            if mention.kind == "say":
                given = mention.fields | ({"balance", "currency"} if mention.open else set())
                uses.setdefault(mention.name, set(given)).intersection_update(given)
    assert CATALOGUE.problems(uses) == []
    assert set(uses) == set(CATALOGUE.keys)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_waits_hears_place_and_time_only_where_they_are_known(language: str) -> None:
    told = [_said("system.no_agent", language, place=place, minutes=minutes) for place, minutes in WAITS]
    for text in told:
        _one_part(text)
    known, long, untimed, unknown = told
    assert ("3" in known, "15 min" in known) == (True, True), known
    assert ("1000" in long, "60 min" in long) == (True, True), long
    assert ("3" in untimed, "min" in untimed) == (True, False), untimed
    assert not any(sign.isdigit() for sign in unknown), unknown


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_name_what_they_are_about(language: str) -> None:
    for key in sorted(CATALOGUE.keys):
        said = _said(key, language, offer=MADE_IN.get(key))
        if key.startswith("plan_overage."):
            assert "50" in said, said
        if key.startswith("flight_delay."):
            assert "AA12" in said, said
        if key.startswith("appointment."):
            assert "dentist" in said, said


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_asks_only_when_it_may(language: str) -> None:
    for key in ("plan_overage.notice", "flight_delay.notice"):
        asking, telling = _said(key, language, offer=MADE_IN[key]), _said(key, language, ask=False)
        assert OFFERS[MADE_IN[key]]["title"] in asking
        assert OFFERS[MADE_IN[key]]["title"] not in telling
        assert not any(word in telling for word in ("YES", "NO ", "REBOOK", "AGENT", "SI", "CAMBIAR"))
    assert "R " not in _said("appointment.reminder", language, ask=False)


def test_without_gate_and_reason() -> None:
    said = _said("flight_delay.notice", "en", gate=None, reason=None)
    assert said == "AA12 delayed to 6:40 PM Mon, Nov 23. Reply REBOOK or OK. http://127.0.0.1:8080/c/0123456789abcdef"


def test_compliance_texts_say_what_the_carriers_ask_for() -> None:
    stopped, helped, started = (_said(f"system.{key}", "en") for key in ("stopped", "help", "started"))
    assert stopped.startswith("You are unsubscribed from Acme Mobile alerts. No more messages will be sent.")
    assert "HELP" in stopped
    assert "START" in stopped
    for said in (helped, started):
        assert "Msg&data rates may apply" in said
        assert "STOP" in said
        assert "Acme Mobile" in said
    assert "https://acme.example/help" in helped
