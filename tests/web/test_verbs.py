"""The verbs of the desk over HTTP: the same definitions as in an agent's chat client."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.care import previewing, reserving
from gateway.care.turn import Turn
from gateway.floor.repertoire import VERBS
from gateway.model.conversation import Conversation
from gateway.store.waiting import away
from tests.web.conftest import PHONE, World
from tests.web.test_conversations import queued, verb

ANA = "ana@example.test"
Before = Callable[[World, str], Awaitable[None]]


async def run(world: World, an_id: str, name: str, status: int = 200, **body: Any) -> Any:
    return await verb(world, an_id, f"verbs/{name}", status, agent="Ana", **body)


async def test_what_each_asks_now(world: World) -> None:
    an_id = await queued(world)
    await verb(world, an_id, "claim", agent="Ana")
    items = (await world.json("GET", f"/v1/conversations/{an_id}/verbs?agent=Ana", role="agent"))["items"]
    assert [one["name"] for one in items] == [name for name, its in VERBS.items() if its.steps is None]
    asked = {one["name"]: one["inputs"] for one in items}
    assert asked["take"] == []
    [offer] = asked["offer"]
    assert offer["required"]
    assert [choice["value"] for choice in offer["choices"]] == ["unlimited", "lounge"]
    assert [one["name"] for one in asked["close"]] == ["disposition", "note"]


async def test_from_take_to_close(world: World) -> None:
    an_id = await queued(world)
    assert (await run(world, an_id, "take"))["text"].startswith("you have this conversation")
    told = await run(world, an_id, "offer", values={"name": "unlimited"})
    assert told["text"].startswith("offered: ")
    assert (await run(world, an_id, "close", values={"disposition": "resolved"}))["text"] == "closed: resolved"
    one = await world.json("GET", f"/v1/conversations/{an_id}")
    assert (one["state"], one["disposition"]) == ("closed", "resolved")
    assert len(one["offers"]) == 2


async def test_an_offer_is_not_made_twice_at_once(world: World) -> None:
    an_id = await queued(world)
    await run(world, an_id, "take")
    world.clock[0] += 2000
    told = await run(world, an_id, "offer", values={"name": "unlimited"}, idempotency_key="o1")
    again = await run(world, an_id, "offer", values={"name": "unlimited"}, idempotency_key="o1")
    assert again == told  # the same request
    problem = await run(world, an_id, "offer", 422, values={"name": "unlimited"})
    assert "say it again in 30 s to ask once more" in str(problem)
    world.clock[0] += 30_000
    assert (await run(world, an_id, "offer", values={"name": "unlimited"}))["text"].startswith("offered: ")


async def test_what_is_missing_or_not_asked_is_named(world: World) -> None:
    an_id = await queued(world)
    await run(world, an_id, "take")
    problem = await run(world, an_id, "close", 422)
    assert problem["errors"] == [{"pointer": "/values/disposition", "detail": "is required"}]
    problem = await run(world, an_id, "take", 422, values={"name": "x"})
    assert problem["errors"] == [{"pointer": "/values/name", "detail": "is not asked; it asks nothing"}]
    problem = await run(world, an_id, "clise", 404)
    assert "did you mean" in problem["detail"]
    assert (await verb(world, an_id, "verbs/take", 422, agent="Nobody"))["errors"][0]["pointer"] == "/agent"
    await run(world, "1", "take", 404)


async def test_values_are_texts_of_one_line_or_more(world: World) -> None:
    an_id = await queued(world)
    await run(world, an_id, "take")
    await run(world, an_id, "note", values={"text": "called twice\nand once more"})
    notes = (await world.json("GET", f"/v1/conversations/{an_id}"))["notes"]
    assert "called twice\nand once more" in [note["text"] for note in notes]
    for bad in (True, 7, "", "x" * 2000, "a\u0000"):
        problem = await run(world, an_id, "note", 422, values={"text": bad})
        assert problem["errors"][0]["pointer"] == "/values/text"
    assert (await run(world, an_id, "note", 422, values={"text": "  "}))["errors"][0]["detail"] == "is required"


async def test_who_may_not_hears_why(world: World) -> None:
    an_id = await queued(world)
    problem = await run(world, an_id, "offer", 409, values={"name": "unlimited"})
    assert problem["owner"] == "queue billing"


async def test_a_supervisor_names_whom_they_take_it_from(world: World) -> None:
    an_id = await queued(world)
    await run(world, an_id, "take")
    problem = await verb(world, an_id, "verbs/take", 422, agent="Sue")
    assert problem["errors"] == [{"pointer": "/values/from", "detail": "is required"}]
    problem = await verb(world, an_id, "verbs/take", 409, agent="Sue", values={"from": "Ben"})
    assert problem["owner"] == "ana@example.test"
    told = await verb(world, an_id, "verbs/take", agent="SUE@example.test", values={"from": "ana"})
    assert told["text"].startswith("taken from Ana: ")


async def test_one_key_does_it_once(world: World) -> None:
    an_id = await queued(world)
    await run(world, an_id, "take")
    first = await run(world, an_id, "note", values={"text": "called twice"}, idempotency_key="k1")
    again = await run(world, an_id, "note", values={"text": "called twice"}, idempotency_key="k1")
    assert first == again
    notes = (await world.json("GET", f"/v1/conversations/{an_id}"))["notes"]
    assert [note["text"] for note in notes].count("called twice") == 1
    problem = await run(world, an_id, "note", 422, values={"text": "something else"}, idempotency_key="k1")
    assert "used before" in problem["detail"]


async def test_another_agents_conversation_shows_no_forms(world: World) -> None:
    an_id = await queued(world)
    await run(world, an_id, "take")
    path = f"/v1/conversations/{an_id}/verbs?agent="
    problem = await world.json("GET", f"{path}Ben", role="agent", status=409)
    assert problem["owner"] == "ana@example.test"
    await run(world, an_id, "close", values={"disposition": "resolved"})
    assert (await world.json("GET", f"{path}Ana", role="agent"))["items"]


async def test_an_agent_is_asked_no_more_and_again(world: World) -> None:
    told = await world.json("POST", "/v1/agents/ana/away", role="agent")
    assert told["jid"] == "ana@example.test"
    assert await world.store.read(away) == ["ana@example.test"]
    problem = await world.json("POST", "/v1/agents/Nobody/away", role="agent", status=422)
    assert problem["errors"][0]["pointer"] == "/agent"
    await world.json("POST", "/v1/agents/ANA@example.test/available", role="agent")
    assert await world.store.read(away) == []


async def _waits(world: World, an_id: str) -> None:
    """It is in the queue."""


async def _has(world: World, an_id: str) -> None:
    await run(world, an_id, "take")


async def _asked(world: World, an_id: str) -> None:
    await _decided(world, an_id, lambda turn, its: reserving.reserve(turn, its.id, its.epoch, ANA))


async def _previewed(world: World, an_id: str) -> None:
    await _has(world, an_id)
    await _decided(world, an_id, lambda turn, its: previewing.preview(turn, its, ANA, "One moment please."))


async def _tagged(world: World, an_id: str) -> None:
    await run(world, an_id, "tag", values={"tags": "refund vip"})


async def _bens(world: World, an_id: str) -> None:
    """A colleague has it."""
    await verb(world, an_id, "transfer", to="travel", agent="Sue")
    await verb(world, an_id, "claim", agent="Ben")


async def _wraps_up(world: World, an_id: str) -> None:
    """A supervisor, in a queue with time to wrap up."""
    await verb(world, an_id, "transfer", to="care", agent="Sue")
    await verb(world, an_id, "claim", agent="Sue")
    await verb(world, an_id, "close", disposition="resolved", agent="Sue")
    assert (await world.json("GET", f"/v1/conversations/{an_id}"))["state"] == "wrapup"


async def _decided(world: World, an_id: str, decide: Callable[[Turn, Conversation], object]) -> None:
    assert await world.engine.ask(f"tel:{PHONE}", lambda turn: decide(turn, turn.conversations[int(an_id)]))


RUNS: dict[str, tuple[Before, dict[str, str], str, str]] = {
    "take": (_waits, {}, "you have this conversation", "agent ana@example.test"),
    "decline": (_asked, {}, "passed on to the next agent", "queue billing"),
    "offer": (_has, {"name": "unlimited"}, "offered: ", "agent ana@example.test"),
    "to": (_has, {"to": "travel", "reason": "a flight"}, "transferred to travel", "queue travel"),
    "bot": (
        _has,
        {"disposition": "resolved", "note": "knows"},
        "closed: resolved; the bot had the last word",
        "closed resolved",
    ),
    "close": (_has, {"disposition": "resolved"}, "closed: resolved", "closed resolved"),
    "done": (_wraps_up, {}, "done: ", "closed resolved"),
    "optout": (_has, {"words": "leave me alone"}, "recorded: the customer is unsubscribed", "closed opted_out"),
    "invite": (_has, {"who": "sue@example.test"}, "you and Sue are asked into the room", "agent ana@example.test"),
    "monitor": (_bens, {}, "you are asked into the room", "agent ben@example.test"),
    "note": (_has, {"text": "called twice"}, "noted", "agent ana@example.test"),
    "tag": (_waits, {"tags": "refund"}, "tags: refund", "queue billing"),
    "untag": (_tagged, {"tags": "refund"}, "tags: vip", "queue billing"),
    "language": (_waits, {"language": "es_mx"}, "language: es-MX", "queue billing"),
    "send": (_previewed, {}, "sent: One moment please.", "agent ana@example.test"),
    "cancel": (_previewed, {}, "dropped: it was not sent", "agent ana@example.test"),
}
"""Of each verb: what must be before, what it is given, what it answers, and who has the conversation then."""
MORE = '\n[[queues]]\nname = "care"\nbrand = "acme"\nwrapup = "60s"\nroom = "lobby@rooms.example.test"\n'
SUES = ("monitor", "done")


def test_each_verb_is_run_over_http() -> None:
    assert set(RUNS) == {name for name, its in VERBS.items() if its.steps is None}
    assert {name for name, its in VERBS.items() if its.steps is not None} == {"c"}, "that is POST .../canned"


@pytest.mark.parametrize("name", RUNS)
async def test_a_verb_does_what_it_says(make_world: Callable[..., Any], name: str) -> None:
    world = await make_world(MORE)
    before, values, answers, after = RUNS[name]
    an_id = await queued(world)
    await before(world, an_id)
    world.sends.clear()
    who = "Sue" if name in SUES else "Ana"
    told = await verb(world, an_id, f"verbs/{name}", agent=who, values=values)
    assert told["text"].startswith(answers)
    one = await world.json("GET", f"/v1/conversations/{an_id}")
    state, owner = one["state"], one["owner"]
    ended = f"{state} {one['disposition']}"
    assert after == (ended if state == "closed" else f"{owner['kind']} {owner['id']}")
    assert bool(world.sends) == (name in ("offer", "send", "optout"))


@pytest.mark.parametrize("name", ["decline", "done", "send", "cancel", "monitor"])
async def test_what_cannot_be_done_now_says_why(world: World, name: str) -> None:
    an_id = await queued(world)
    await run(world, an_id, "take")
    assert (await run(world, an_id, name, 422))["detail"]


async def test_what_is_no_verb_of_http_is_named(world: World) -> None:
    """The card is the conversation itself, and canned replies have a call of their own."""
    an_id = await queued(world)
    for name in ("card", "c", "help", "queue"):
        assert f"there is no verb {name}" in (await run(world, an_id, name, 404))["detail"]
