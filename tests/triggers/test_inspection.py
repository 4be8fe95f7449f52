"""What `careline check` reads out of a handler's source, and the problems it finds there."""

from typing import Any

from gateway.triggers import Handler, Incoming, Talk
from tests.triggers.plays import DATA, Order, shop


def test_a_sound_handler_has_no_problems() -> None:
    assert shop().problems() == []


def test_mentions_name_texts_fields_offers_queues_and_calls() -> None:
    found = {(mention.kind, mention.name): mention for mention in shop().mentions()}
    notice = found["say", "order.notice"]
    assert notice.fields == {*DATA, "due", "link"}
    assert (notice.open, notice.offer) == (False, "faster")
    assert notice.where.startswith(f"{__file__.rpartition('/')[0]}/plays.py:")
    assert found["say", "order.faster"].open
    assert found["say", "order.moved"].fields == {"to"}
    assert found["call", "move"].backoffice == "shop"
    assert {name for kind, name in found if kind == "escalate"} == {"sales"}
    assert {name for kind, name in found if kind == "close"} == {"declined", "no_reply", "offer_accepted", ""}
    assert {name for kind, name in found if kind == "wait"} == {"choice"}


def _shared(talk: Talk[Any]) -> None:
    talk.say("shared.text", a=1).wait("nowhere")


def test_functions_of_the_module_are_read_too() -> None:
    handler = Handler("some.thing", schema=Incoming)

    @handler.start
    def hello(talk: Talk, event: Incoming) -> None:
        _shared(talk)

    assert ("say", "shared.text") in {(mention.kind, mention.name) for mention in handler.mentions()}
    [problem] = handler.problems()
    assert problem.endswith('some.thing: wait("nowhere"): no such step; write @on("nowhere") for it')
    assert problem.startswith(f"{__file__}:{_shared.__code__.co_firstlineno + 1}: ")


def test_problems() -> None:
    handler = Handler("some.thing", schema=Order, renamed={"old": "gone", "left": "asked"})

    @handler.on("asked", "YES")
    def yes(talk: Talk, reply: str) -> None:
        talk.call("shop", "move")

    @handler.on("left")
    @handler.failed("other")
    def other(talk: Talk, reply: str) -> None:
        talk.wait("asked")

    @handler.timeout("lost")
    def silent(talk: Talk) -> None:
        talk.close("no_reply")

    told = [problem.partition("some.thing: ")[2] for problem in handler.problems()]
    assert told == [
        "no @start: nothing would happen when the event arrives",
        'step lost has a timeout but no @on("lost"): replies have nowhere to go',
        "renamed: left is a step still; a renamed step is gone",
        "renamed: old goes to gone, and there is no step gone",
        'no wait("left") leads to step left',
        'no wait("lost") leads to step lost',
        'call "move": no @result("move") takes the answer',
        'call "move": no @failed("move") takes the answer',
        '@result or @failed of "other": no step calls it',
    ]


def test_what_is_computed_is_left_to_the_run() -> None:
    handler = Handler("some.thing", schema=Incoming)

    @handler.start
    def hello(talk: Talk, event: Incoming) -> None:
        talk.say("a." + event.text, **event.fields()).wait(event.text)

    @handler.on("choice")
    def other(talk: Talk, reply: str) -> None:
        talk.close("done")

    assert handler.problems() == []
    [said] = [mention for mention in handler.mentions() if mention.kind == "say"]
    assert (said.name, set(said.fields)) == ("", {"text"})


def test_steps_without_source_are_passed_over() -> None:
    handler = Handler("some.thing", schema=Incoming)
    made: dict[str, Any] = {}
    exec("def hello(talk, event):\n    talk.wait('nowhere')\n", made)
    handler.start(made["hello"])
    assert handler.problems() == []
