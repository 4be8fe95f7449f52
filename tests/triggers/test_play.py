"""Plays and scripts: handlers tested with no server, loop or database."""

import time
from datetime import UTC, datetime

import pytest

from gateway.triggers import (
    SILENCE,
    BadData,
    CallFailed,
    Close,
    Escalate,
    Fulfilled,
    HandedBack,
    Handler,
    Incoming,
    OfferFailed,
    Reply,
    Say,
    Script,
    Start,
    StepError,
    Talk,
    Timeout,
    play,
)
from tests.triggers.plays import DATA, shop


def test_the_story_of_the_design() -> None:
    script = Script(shop(), **DATA).event().expects("say", "offer").at("choice").text("yes please")
    script.expects("remember", "accept_offer").remembers(said="yes please")
    script.fulfilled(when="now").says("order.faster", when="now").closes("offer_accepted")


def test_every_way_through() -> None:
    Script(shop(), **DATA).event().offers("faster").says("order.notice", item="Phone", pieces=2)
    Script(shop(), **DATA).event().text("Later").expects("decline_offer", "say", "close").closes("declined")
    Script(shop(), **DATA).event().text("but why?").escalates("sales", "but why?").handed_back("sold").closes("sold")
    Script(shop(), **DATA).event().silence().closes("no_reply")
    Script(shop(), **DATA).event().text("yes").failed("no stock").escalates("sales", why="no stock")
    moved = Script(shop(), **DATA).event().text("move").calls("move", item="Phone", pieces=2)
    moved.result("move", to="Monday").says("order.moved", to="Monday").at("choice").text("no").closes("declined")
    Script(shop(), **DATA).event().text("move").failed("full").escalates("sales", "full")
    Script(shop(), **DATA).language("es").event().text("Sí, gracias").expects("accept_offer")


def test_the_clock_is_the_scripts() -> None:
    handler = Handler("clock", schema=Incoming)

    @handler.start
    def tell(talk: Talk, event: Incoming) -> None:
        talk.remember(hour=talk.now.hour, customer=talk.customer).close("done")

    at = datetime(2026, 12, 24, 18, tzinfo=UTC)
    Script(handler, text="hi").clock(at).event().remembers(hour=18, customer="tel:+15551234567")


def test_bad_data_is_told_at_once() -> None:
    with pytest.raises(BadData, match="/pieces must be a whole number"):
        Script(shop(), **{**DATA, "pieces": "2"})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            lambda script: script.expects("close"),
            "expected close\norder.late so far:\n  start: say order.notice + offer faster",
        ),
        (lambda script: script.expects("offer", "say"), "expected offer, say"),
        (lambda script: script.expects("sing"), 'no effect is called "sing"; there are say, offer'),
        (lambda script: script.says("order.notice", item="Bicycle"), "expected a text order.notice with"),
        (lambda script: script.offers("slower"), "expected the offer slower"),
        (lambda script: script.closes("x"), "expected close x"),
        (lambda script: script.escalates("sales"), "expected an escalation to sales"),
        (lambda script: script.calls("move"), "expected a call move"),
        (lambda script: script.at("other"), "expected to wait in other, not choice"),
        (lambda script: script.remembers(x=1), "slot x is None, not 1"),
        (lambda script: script.fulfilled(), "the conversation is waiting for the customer"),
        (lambda script: script.event(), "the conversation is waiting for the customer"),
        (lambda script: script.text("yes").text("hello?"), "waiting for the fulfilment: .fulfilled"),
        (lambda script: script.text("move").result("other"), 'the handler asked for "move", not "other"'),
        (lambda script: script.text("no").silence(), "the conversation is closed"),
        (lambda script: script.text("why").text("hello"), "the conversation is with a person: .handed_back"),
        (lambda script: script.clock(datetime(2026, 1, 1)), "aware"),  # noqa: DTZ001
    ],
)
def test_failures_read_well(wrong: object, says: str) -> None:
    script = Script(shop(), **DATA).event()
    with pytest.raises(AssertionError) as caught:
        wrong(script)  # type: ignore[operator]
    assert says in str(caught.value)


def test_a_script_begins_with_its_event() -> None:
    with pytest.raises(AssertionError, match=r"begin with \.event"):
        Script(shop(), **DATA).expects("say")
    with pytest.raises(AssertionError, match=r"begin with \.event"):
        Script(shop(), **DATA).text("yes")


def _short() -> Handler[Incoming]:
    handler = Handler("short", schema=Incoming)

    @handler.start
    def ask(talk: Talk, event: Incoming) -> None:
        talk.say("short.ask").offer("it").wait("choice")

    @handler.on("choice", "YES")
    def yes(talk: Talk, reply: str) -> None:
        talk.accept_offer()

    return handler


def test_what_the_gateway_does_by_itself() -> None:
    assert Script(_short()).event().silence().closes("no_reply").turn.note.startswith("no @timeout")
    done = Script(_short()).event().text("yes").fulfilled().says("system.offer_fulfilled").closes("offer_accepted")
    assert done.turn.note.startswith("no @fulfilled")
    Script(_short()).event().text("yes").failed("no").says("system.offer_failed").expects("escalate")
    back = Script(_short()).event().text("agent").handed_back().expects("wait").at("choice")
    assert back.turn.note == "no @handed_back: the step goes on listening"
    Script(_short()).event().text("yes").failed("no").handed_back("sold").closes("sold")
    Script(_short()).event().text("yes").failed("no").handed_back().closes("handed_back")


def test_a_step_without_catch_all_asks_again_and_a_person_takes_the_second_miss() -> None:
    script = Script(_short()).event().text("why").says("system.not_understood").at("choice")
    assert script.turn.note.startswith("no @on")
    script.text("how?").expects("escalate").escalates("", "not understood 2 times")
    assert "a person" in script.turn.note
    Script(_short()).event().text("why").text("yes").expects("accept_offer")
    Script(_short()).event().text("Agent, please!").escalates("", "Agent, please!")
    Script(_short()).language("es").event().text("agente").escalates("", "agente")
    turns = list(play(_short(), {}, ["a", "b", "c", "left over"], misses=3))
    assert [turn.state for turn in turns] == ["waiting", "waiting", "waiting", "queued"]


def test_misses_are_counted_in_a_row() -> None:
    handler = _short()

    @handler.on("choice", "LATER")
    def later(talk: Talk, reply: str) -> None:
        talk.say("short.ask").wait("choice")

    script = Script(handler).event().text("why").text("later").text("why").says("system.not_understood")
    script.text("why").expects("escalate")


def test_play_yields_turns_until_the_answers_end() -> None:
    turns = list(play(shop(), DATA, ["what?"]))
    assert [(str(turn.moment), turn.state, turn.step) for turn in turns] == [
        ("start", "waiting", "choice"),
        ("step choice", "queued", ""),
    ]
    assert [turn.state for turn in play(shop(), DATA)] == ["waiting"]


def test_back_offices_answer_by_themselves() -> None:
    turns = list(play(shop(), DATA, ["move", "yes"], results={"move": {"to": "Monday"}, "offer": {"when": "now"}}))
    assert [str(turn.moment) for turn in turns] == [
        "start",
        "step choice on MOVE",
        "result of move",
        "step choice on YES",
        "fulfilled",
    ]
    assert turns[-1].effects == (Say("order.faster", {"when": "now"}), Close("offer_accepted"))


def test_a_play_takes_failures_silence_and_hand_backs() -> None:
    assert list(play(shop(), DATA, ["move", CallFailed("move", "full")]))[-1].effects == (Escalate("sales", "full"),)
    assert list(play(shop(), DATA, ["yes", OfferFailed("no")]))[-1].effects == (Escalate("sales", "no"),)
    assert list(play(shop(), DATA, [SILENCE, "late"]))[-1].moment == Timeout("choice")
    assert list(play(shop(), DATA, ["hm", "ignored"]))[-1].moment == Reply("choice", "hm")
    assert list(play(shop(), DATA, ["hm", HandedBack("sold")]))[-1].effects == (Close("sold"),)
    assert [turn.moment for turn in play(_short(), {}, ["yes"])][0::2] == [Start(), Fulfilled()]


def test_a_broken_step_ends_the_play() -> None:
    with pytest.raises(StepError, match="raised KeyError"):
        list(play(shop(), DATA, ["move"]))  # the back office answers {} and the step wants "to"


def test_a_script_takes_microseconds() -> None:
    handler = shop()
    begun = time.perf_counter()
    for _ in range(200):
        Script(handler, **DATA).event().expects("say", "offer").text("yes please").expects("accept_offer")
    assert (time.perf_counter() - begun) / 200 < 0.002
