"""Queues that name how their conversations end, and those with a wrap-up, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import World
from tests.web.test_conversations import queued, verb

MORE = '\n[[queues]]\nname = "care"\nbrand = "acme"\ndispositions = ["kept", "lost"]\nwrapup = "60s"\n'


@pytest.fixture
async def world(make_world: Callable[..., Any]) -> World:
    """A gateway with such a queue."""
    made: World = await make_world(MORE)
    return made


async def with_sue(world: World) -> str:
    an_id = await queued(world)
    await verb(world, an_id, "transfer", agent="Ana", to="care")
    await verb(world, an_id, "claim", agent="Sue")
    return an_id


async def test_an_agent_closes_as_the_queue_says(world: World) -> None:
    an_id = await with_sue(world)
    problem = await verb(world, an_id, "close", 422, agent="Sue", disposition="resolved")
    assert problem["errors"][0]["pointer"] == "/disposition"
    assert "kept, lost" in problem["detail"]
    told = await verb(world, an_id, "close", agent="Sue", disposition="lost")
    assert (told["state"], told["disposition"], told["agent"]) == ("wrapup", "lost", "sue@example.test")
    assert told["closed_at"] == "2026-11-22T15:00:00.000Z"
    agents = {item["name"]: item["load"] for item in (await world.json("GET", "/v1/agents"))["items"]}
    assert agents["Sue"] == 1, "her place is taken"
    told = await verb(world, an_id, "close", agent="Sue", disposition="kept", note="after all")
    assert (told["state"], told["disposition"]) == ("wrapup", "kept")
    assert (await verb(world, an_id, "verbs/done", agent="Sue"))["text"].startswith("done")
    told = await world.json("GET", f"/v1/conversations/{an_id}")
    assert (told["state"], told["disposition"], told["agent"]) == ("closed", "kept", None)


async def test_a_supervisors_key_is_bound_by_neither(world: World) -> None:
    an_id = await with_sue(world)
    told = await verb(world, an_id, "close", role="supervisor", disposition="duplicate")
    assert (told["state"], told["disposition"]) == ("closed", "duplicate")


async def test_where_a_queue_names_none_any_will_do(world: World) -> None:
    an_id = await queued(world)
    await verb(world, an_id, "claim", agent="Ana")
    told = await verb(world, an_id, "close", agent="Ana", disposition="a_matter_of_taste")
    assert (told["state"], told["disposition"]) == ("closed", "a_matter_of_taste")


async def test_words_in_the_wrap_up_open_it_again(world: World) -> None:
    an_id = await with_sue(world)
    await verb(world, an_id, "close", agent="Sue", disposition="lost")
    await verb(world, an_id, "messages", 202, agent="Sue", text="One more thing.")
    told = await world.json("GET", f"/v1/conversations/{an_id}")
    assert (told["state"], told["disposition"], told["closed_at"]) == ("waiting", None, None)
