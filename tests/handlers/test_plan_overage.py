"""The story of plan.overage, as a care manager would tell it."""

import pytest

from gateway.triggers import BadData, Script
from handlers.plan_overage import overage

DATA = {"plan": "Basic 300", "minutes_over": 120, "charge": "50.00", "currency": "USD"}


def test_the_example_of_the_design() -> None:
    Script(overage, plan="Basic", minutes_over=120, charge="50.00", currency="USD").event().expects(
        "say", "offer"
    ).text("yes please").expects("accept_offer")


def test_told_and_offered() -> None:
    told = Script(overage, **DATA).event().says("plan_overage.notice", plan="Basic 300", charge="50.00")
    told.offers("unlimited").at("choice")


def test_yes_upgrades() -> None:
    script = Script(overage, **DATA).event().text("Yes!").expects("accept_offer")
    script.fulfilled(plan="Unlimited").says("plan_overage.upgraded", charge="50.00").closes("offer_accepted")


def test_a_refused_upgrade_goes_to_a_person() -> None:
    script = Script(overage, **DATA).event().text("y").failed("credit check").says("plan_overage.failed")
    script.escalates("billing", "credit check").handed_back("sold").closes("sold")


def test_no_keeps_the_plan() -> None:
    script = Script(overage, **DATA).event().text("no thanks").expects("decline_offer", "say", "close")
    script.says("plan_overage.kept", plan="Basic 300").closes("offer_declined")


@pytest.mark.parametrize("reply", ["yes but how much?", "AGENT", "why is it $50?", "ok", "👍"])
def test_all_else_is_for_a_person(reply: str) -> None:
    Script(overage, **DATA).event().text(reply).escalates("billing", reply)


def test_silence_costs_nothing() -> None:
    Script(overage, **DATA).event().silence().closes("no_reply")


def test_wrong_data_is_refused() -> None:
    with pytest.raises(BadData, match="did you mean minutes_over"):
        overage.parse({**DATA, "minutes": 1})
