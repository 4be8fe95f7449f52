"""Declaring handlers, running their steps, and what is refused when they are written wrongly."""

import contextlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from gateway.model.message import MessageClass
from gateway.triggers import (
    AcceptOffer,
    Call,
    CallFailed,
    Close,
    DeclineOffer,
    Escalate,
    Fulfilled,
    HandedBack,
    Handler,
    HandlerError,
    Incoming,
    Link,
    NoStep,
    OfferFailed,
    Remember,
    Reply,
    Result,
    Say,
    Start,
    StepError,
    Talk,
    Timeout,
    Wait,
)
from gateway.triggers.moments import Moment
from tests.triggers.plays import DATA, NOW, Order, shop

MOMENTS: list[tuple[Moment, tuple[object, ...]]] = [
    (
        Start(),
        (Say("order.notice", {**DATA, "due": None, "link": Link()}, "faster"), Wait("choice", 86_400.0)),
    ),
    (Reply("choice", "Yes!", "YES"), (Remember("said", "Yes!"), AcceptOffer())),
    (Reply("choice", "later", "LATER"), (DeclineOffer(), Say("order.kept", {}), Close("declined"))),
    (Reply("choice", "move", "MOVE"), (Call("shop", "move", {"item": "Phone", "pieces": 2}),)),
    (Reply("choice", "why?"), (Escalate("sales", "why?"),)),
    (Reply("choice", "agent", "UNHEARD"), (Escalate("sales", "agent"),)),
    (Reply("old", "Yes!", "YES"), (Remember("said", "Yes!"), AcceptOffer())),
    (Timeout("choice"), (Close("no_reply"),)),
    (Timeout("old"), (Close("no_reply"),)),
    (Fulfilled({"when": "now", "key": 1}), (Say("order.faster", {"when": "now", "key": 1}), Close("offer_accepted"))),
    (OfferFailed("no stock"), (Escalate("sales", "no stock"),)),
    (Result("move", {"to": "Monday"}), (Say("order.moved", {"to": "Monday"}), Wait("choice"))),
    (CallFailed("move", "full"), (Escalate("sales", "full"),)),
    (HandedBack("sold"), (Close("sold"),)),
]


def _talk(handler: Handler[Any], **given: Any) -> Talk[Any]:
    event = handler.parse(DATA) if handler.schema is Order else handler.parse({"text": "hi"})
    return handler.talk(event, now=NOW, **given)


@pytest.mark.parametrize(("moment", "effects"), MOMENTS, ids=lambda value: str(value)[:40])
def test_each_moment_finds_its_step(moment: Moment, effects: tuple[object, ...]) -> None:
    order = shop()
    assert order.handles(moment)
    assert order.run(moment, _talk(order)) == effects


@pytest.mark.parametrize(
    "moment", [Timeout("nowhere"), Reply("nowhere", "x"), Result("other", {}), CallFailed("x", "")]
)
def test_a_moment_without_a_step(moment: Moment) -> None:
    order = shop()
    assert not order.handles(moment)
    with pytest.raises(NoStep, match=r"order\.late has no step for"):
        order.run(moment, _talk(order))


def test_steps_choices_and_names_of_old() -> None:
    order = shop()
    assert order.steps == {"choice"}
    assert order.choices("choice") == order.choices("old") == ("YES", "NO", "LATER", "MOVE")
    assert [order.has_step(step) for step in ("choice", "old", "gone")] == [True, True, False]
    assert order.match("choice", "yes please!", "en") == "YES"
    assert order.match("old", "sí", "es") == "YES"
    assert order.match("choice", "move it to Monday") is None
    assert order.match("gone", "yes") is None


def test_message_class_unset_is_promotional() -> None:
    assert Handler("x", schema=Incoming).message_class is MessageClass.promotional
    assert Handler("x", schema=Incoming, message_class="security").message_class is MessageClass.security
    assert Handler("x", schema=Incoming, message_class=MessageClass.emergency).message_class is MessageClass.emergency


def test_coalesce_and_ttl() -> None:
    event = Order.model_validate(DATA)
    plain = shop()
    assert plain.coalesce(event) is None
    assert plain.expires(event, NOW) is None
    until = datetime(2026, 11, 23, tzinfo=UTC)
    order = Handler("o", schema=Order, coalesce=lambda event: event.item, ttl=lambda event: until)
    assert order.coalesce(event) == "Phone"
    assert order.expires(event, NOW) == until
    assert Handler("o", schema=Order, ttl=60).expires(event, NOW) == NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (lambda: Handler("o", schema=Order, ttl=lambda event: datetime(2026, 1, 1)), "ttl returns an aware"),  # noqa: DTZ001
        (lambda: Handler("o", schema=Order, ttl=lambda event: event.nothing), "raised AttributeError"),  # type: ignore[attr-defined]
        (lambda: Handler("o", schema=Order, ttl=cast(Any, lambda event: 5)), "ttl returns"),
    ],
)
def test_a_broken_ttl_is_told_as_a_broken_step(made: Callable[[], Handler[Order]], problem: str) -> None:
    with pytest.raises(StepError, match=problem):
        made().expires(Order.model_validate(DATA), NOW)


def _step(body: Callable[[Talk], object]) -> StepError:
    handler = Handler("broken.one", schema=Incoming)
    handler.start(lambda talk, event: body(talk))  # type: ignore[arg-type]
    handler.on("choice")(lambda talk, reply: None)
    with pytest.raises(StepError) as caught:
        handler.run(Start(), _talk(handler))
    return caught.value


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (lambda talk: None, "the step does not end; finish it with"),
        (lambda talk: talk.close("x"), "a step returns nothing"),
        (lambda talk: talk.close("x").say("a.b") and None, "say() after close(); put it before close()"),
        (lambda talk: talk.wait("choice").close("x") and None, "close() after wait(); a step ends once"),
        (lambda talk: talk.accept_offer().accept_offer() and None, "accept_offer() after accept_offer()"),
        (lambda talk: talk.close("x").offer("o") and None, "offer() after close()"),
        (lambda talk: talk.offer("o") and None, "offer() belongs directly after say()"),
        (lambda talk: talk.say("a.b").remember(x=1).offer("o") and None, "offer() belongs directly after say()"),
        (lambda talk: talk.say("a.b").offer("o").say("a.c").offer("p") and None, "a step makes one offer"),
        (lambda talk: talk.say("notice") and None, '"notice" is no key of a text'),
        (lambda talk: talk.say("a.b", x=object()) and None, "x=object: give a string"),
        (lambda talk: talk.say("a.b", x=float("nan")) and None, "x=float: give a string"),
        (lambda talk: talk.say("a.b", when=datetime(2026, 1, 1)) and None, "when=datetime"),  # noqa: DTZ001
        (lambda talk: talk.wait("elsewhere") and None, 'wait("elsewhere"): no such step'),
        (lambda talk: talk.wait("choice", timeout=0) and None, "timeout is in seconds"),
        (lambda talk: talk.wait("choice", timeout=float("nan")) and None, "timeout is in seconds"),
        (lambda talk: talk.remember(x=[1]) and None, "slot x holds"),
        (lambda talk: talk.remember(x="a" * 1001) and None, "slot x is a text of at most"),
        (lambda talk: talk.close("no reply!") and None, "a disposition is a code"),
        (lambda talk: 1 / 0, "raised ZeroDivisionError"),
        (lambda talk: sys.exit(3), "raised SystemExit"),
    ],
)
def test_what_a_step_may_not_do(body: Callable[[Talk], object], problem: str) -> None:
    error = _step(body)
    assert problem in error.problem
    assert error.handler == "broken.one"
    assert error.step == "start"
    assert error.where.startswith(__file__)
    assert str(error) == f"broken.one, start ({error.where}): {error.problem}"


def test_a_broken_rule_cannot_be_swallowed() -> None:
    def body(talk: Talk) -> None:
        with contextlib.suppress(StepError):
            talk.close("x").close("y")

    assert "a step ends once" in _step(body).problem


def test_the_handlers_own_exception_is_chained_and_not_quoted() -> None:
    def body(talk: Talk) -> None:
        raise ValueError("the customer wrote: my card is 4111")

    error = _step(body)
    assert isinstance(error.__cause__, ValueError)
    assert "4111" not in str(error)
    assert error.where.endswith(f":{body.__code__.co_firstlineno + 1}")


def test_a_talk_reads_its_own_slots() -> None:
    talk = Talk(Incoming(text="hi"), now=NOW, slots={"a": 1, "b": "x"})
    talk.remember(a=2, c=None)
    assert dict(talk.slots) == {"a": 2, "b": "x", "c": None}
    assert (talk.now, talk.event.text, talk.language) == (NOW, "hi", "en")


def test_fields_are_kept_as_json_values() -> None:
    talk = Talk(Incoming(), now=NOW)
    talk.say("a.b", price=Decimal("1.50"), at=NOW, cls=MessageClass.security, list=(1, {"x": NOW}), link=talk.link())
    said = talk.effects[0]
    assert isinstance(said, Say)
    assert said.fields == {
        "price": "1.50",
        "at": "2026-11-22T12:00:00+00:00",
        "cls": 1,
        "list": [1, {"x": "2026-11-22T12:00:00+00:00"}],
        "link": Link(),
    }


def _declares(problem: str, declare: Callable[[Handler[Incoming]], object]) -> None:
    handler = Handler("some.thing", schema=Incoming)
    with pytest.raises(HandlerError) as caught:
        declare(handler)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{__file__}:")


async def _coroutine(talk: Talk, event: object) -> None: ...


def _generator(talk: Talk, reply: str):  # type: ignore[no-untyped-def]
    yield


def _one(talk: Talk) -> None: ...


def _two(talk: Talk, reply: Any) -> None: ...


@pytest.mark.parametrize(
    ("problem", "declare"),
    [
        ("_coroutine is async", lambda h: h.start(_coroutine)),
        ("_generator is async or a generator", lambda h: h.on("choice", "YES")(_generator)),
        ("_one must take (talk, event)", lambda h: h.start(_one)),
        ("_two must take (talk)", lambda h: h.timeout("choice")(_two)),
        ("_one must take (talk, problem)", lambda h: h.failed(_one)),
        ("_one must take (talk, result)", lambda h: h.result("rebook")(_one)),
        ("choice STOP of choice", lambda h: h.on("choice", "STOP")),
        ("choice CANCEL of choice", lambda h: h.on("choice", "CANCEL")),
        ("choice END of choice", lambda h: h.on("choice", "END")),
        ("choice HELP of choice", lambda h: h.on("choice", "HELP")),
        ("choice BAJA of choice", lambda h: h.on("choice", "BAJA")),
        ('write it as "YES"', lambda h: h.on("choice", "yes")),
        ('write it as "SI"', lambda h: h.on("choice", "SÍ")),
        ("is no name of a step", lambda h: h.on("My Choice", "YES")),
        ("is no name of a step", lambda h: h.on(_two)),
        ("is no name of a call", lambda h: h.result("re book")),
    ],
)
def test_refused_at_registration(problem: str, declare: Callable[[Handler[Incoming]], object]) -> None:
    _declares(problem, declare)


def test_nothing_is_registered_twice() -> None:
    handler = Handler("some.thing", schema=Incoming)
    handler.on("choice", "YES")(_two)
    with pytest.raises(HandlerError, match=r"on choice YES is registered already, at .*test_handler\.py:\d+"):
        handler.on("choice", "NO", "YES")(_two)


@pytest.mark.parametrize(
    ("problem", "made"),
    [
        ("is not like plan.overage", lambda: Handler("Plan Overage", schema=Incoming)),
        ("versions begin at 1", lambda: Handler("x", schema=Incoming, version=0)),
        ("message_class 'urgent' is none of emergency", lambda: Handler("x", schema=Incoming, message_class="urgent")),
    ],
)
def test_refused_at_declaration(problem: str, made: Callable[[], object]) -> None:
    with pytest.raises(HandlerError, match=problem) as caught:
        made()
    assert str(caught.value).startswith(f"{__file__}:")


def test_one_function_may_serve_many_steps() -> None:
    handler = Handler("some.thing", schema=Incoming)

    @handler.on("first")
    @handler.on("second")
    def person(talk: Talk, reply: str) -> None:
        talk.escalate("sales", why=reply)

    assert handler.steps == {"first", "second"}
    assert handler.run(Reply("second", "hm"), _talk(handler)) == (Escalate("sales", "hm"),)


@pytest.mark.parametrize(("why", "kept"), [(404, "404"), (None, "None"), ("x" * 2000, "x" * 1000)])
def test_why_a_person_takes_over_may_be_anything(why: object, kept: str) -> None:
    handler = Handler("asks.help", schema=Incoming, message_class="transactional")

    @handler.start
    def ask(talk: Talk[Incoming], event: Incoming) -> None:
        talk.escalate("billing", why)

    assert handler.run(Start(), _talk(handler)) == (Escalate("billing", kept),)


@pytest.mark.parametrize(("priority", "fits"), [(None, True), (-100, True), (100, True), (101, False), (-101, False)])
def test_how_urgent_a_person_is_has_bounds(priority: int | None, fits: bool) -> None:
    handler = Handler("asks.help", schema=Incoming, message_class="transactional")

    @handler.start
    def ask(talk: Talk[Incoming], event: Incoming) -> None:
        talk.escalate("billing", "help", priority=priority)

    if fits:
        assert handler.run(Start(), _talk(handler)) == (Escalate("billing", "help", priority),)
    else:
        with pytest.raises(StepError, match="points go from -100 to 100"):
            handler.run(Start(), _talk(handler))


@pytest.mark.interpreted  # compiled, it is a TypeError
def test_three_names_are_no_fields() -> None:
    assert "key_: no field may have this name" in _step(lambda talk: talk.say("a.b", key_=1)).problem
    assert "action_" in _step(lambda talk: talk.call("b", "a", action_=1, other=2)).problem
