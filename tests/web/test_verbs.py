"""The verbs of the desk over HTTP: the same definitions as in an agent's chat client."""

from typing import Any

from gateway.floor.repertoire import VERBS
from gateway.store.waiting import away
from tests.web.conftest import World
from tests.web.test_conversations import queued, verb


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
