"""An agent writes first, over HTTP."""

from typing import Any

import pytest

from tests.web.conftest import PHONE, World
from tests.web.test_conversations import queued, verb


async def start(world: World, status: int = 201, role: str = "agent", **body: Any) -> Any:
    asked = {"to": PHONE, "agent": "Ana", "text": "Your parcel is here.", **body}
    return await world.json("POST", "/v1/conversations", asked, status=status, role=role)


async def test_a_conversation_that_the_agent_has(world: World) -> None:
    told = await start(world, brand="acme")
    assert (told["state"], told["agent"], told["queue"]) == ("waiting", "ana@example.test", "billing")
    assert told["notes"][0]["kind"] == "started"
    assert [str(due.ref) for due in world.sends] == told["messages"]
    problem = await start(world, 409, agent="Sue", role="supervisor")
    assert problem["owner"] == "ana@example.test"
    await verb(world, told["id"], "close", agent="Ana", disposition="resolved")
    again = await start(world)
    assert again["id"] != told["id"]


async def test_the_same_key_starts_once(world: World) -> None:
    told = await start(world, idempotency_key="k-1")
    assert await start(world, idempotency_key="k-1") == told
    problem = await start(world, 409, idempotency_key="k-1", text="Another text.")
    assert problem["type"].endswith("idempotency-clash")
    assert len(world.sends) == 1


async def test_nobody_who_said_stop_is_texted(world: World) -> None:
    an_id = await queued(world)
    await world.text_in("STOP")
    world.sends.clear()
    problem = await start(world, 422)
    assert "STOP" in problem["detail"]
    assert not world.sends
    assert [item["id"] for item in (await world.json("GET", "/v1/conversations"))["items"]] == [an_id]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"to": "555"}, "/to"), ({"text": ""}, "/text"), ({"brand": "nobody"}, "/brand"), ({"agent": "Zoe"}, "/agent")],
)
async def test_what_is_wrong_is_pointed_at(world: World, body: dict[str, Any], pointer: str) -> None:
    problem = await start(world, 422, role="supervisor", **body)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize("role", ["integrator", "viewer", "privacy"])
async def test_only_the_desk_may(world: World, role: str) -> None:
    await start(world, 403, role=role)
