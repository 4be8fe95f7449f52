"""Canned replies over HTTP: who may keep them, what is refused, and that an agent sends one."""

from typing import Any

import pytest

from gateway.care import canned
from gateway.store.canned import replies
from tests.web.conftest import World
from tests.web.test_conversations import queued
from tests.web.test_conversations import verb as claims

REFUND: dict[str, Any] = {
    "title": "The refund is on its way",
    "texts": {"en": "Hi, {{ agent }} here:\nyour {{ amount }} are on their way.", "es": "Sus {{ amount }} ya vuelven."},
    "fields": [{"name": "amount", "type": "money", "currency": "USD", "label": "Amount"}],
}


async def sends(world: World, an_id: str, status: int, **body: Any) -> Any:
    """An agent sends a canned reply."""
    return await world.json("POST", f"/v1/conversations/{an_id}/canned", body, status=status, role="agent")


async def kept(world: World) -> Any:
    return await world.json("PUT", "/v1/canned/refund", REFUND, role="supervisor")


async def test_kept_shown_and_dropped(world: World) -> None:
    told = await kept(world)
    assert told["brand"] == "acme", "there is only one"
    assert told["queue"] is None
    assert told["texts"] == REFUND["texts"]
    assert told["fields"] == [
        {"name": "amount", "type": "money", "required": True, "label": "Amount", "currency": "USD"}
    ]
    assert told["changed_by"] == "supervisor"
    for role in ("agent", "viewer"):
        assert (await world.json("GET", "/v1/canned", role=role))["items"] == [told]
        assert await world.json("GET", "/v1/canned/refund", role=role) == told
    assert await world.store.read(replies) == world.services.book.canned, "a restart reads the same"
    changed = await world.json("PUT", "/v1/canned/refund", {"texts": {"en": "Done."}})
    assert changed["fields"] == []
    assert await world.json("DELETE", "/v1/canned/refund", role="supervisor") == changed
    await world.json("GET", "/v1/canned/refund", status=404)
    await world.json("DELETE", "/v1/canned/refund", status=404)
    assert await world.store.read(replies) == world.services.book.canned == {}


@pytest.mark.parametrize("role", ["agent", "viewer", "integrator", "privacy"])
async def test_only_supervisors_keep_them(world: World, role: str) -> None:
    await world.json("PUT", "/v1/canned/refund", REFUND, role=role, status=403)
    await world.json("DELETE", "/v1/canned/refund", role=role, status=403)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"texts": {"en": "{{ amont }}"}}, "/texts/en"),
        ({"texts": {"en": "{% for x in y %}"}}, "/texts/en"),
        ({"texts": {"en": 7}}, "/texts/en"),
        ({"texts": "Hello"}, "/texts"),
        ({"texts": {}}, "/texts"),
        ({"queue": "nowhere"}, "/queue"),
        ({"fields": {}}, "/fields"),
        ({"fields": ["amount"]}, "/fields/0"),
        ({"fields": [{"name": "amount", "type": "cash"}]}, "/fields/0/type"),
        ({"fields": [{"name": 7, "type": "text"}]}, "/fields/0/name"),
        ({"fields": [{"name": "amount", "type": "text", "requird": True}]}, "/fields/0/requird"),
        ({"fields": [{"name": "amount", "type": "text", "required": "yes"}]}, "/fields/0/required"),
        ({"fields": [{"name": "amount", "type": "choice", "choices": [1]}]}, "/fields/0/choices"),
        ({"fields": [{"name": "amount", "type": "money"}]}, "/fields/0/currency"),
        ({"name": "other"}, "/name"),
    ],
)
async def test_what_is_wrong_is_pointed_at(world: World, change: dict[str, Any], pointer: str) -> None:
    problem = await world.json("PUT", "/v1/canned/refund", {**REFUND, **change}, status=422)
    assert problem["type"].endswith("invalid-reply")
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert not world.services.book.canned


async def test_a_name_is_lower_case(world: World) -> None:
    problem = await world.json("PUT", "/v1/canned/Re%20fund", REFUND, status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/name"]


async def test_a_preview_says_the_words_and_what_they_cost(world: World) -> None:
    await kept(world)
    asked = {"values": {"amount": "20"}, "language": "es-MX"}
    told = await world.json("POST", "/v1/canned/refund/preview", asked, role="agent")
    assert told == {"text": "Sus 20,00 US$ ya vuelven.", "encoding": "gsm7", "segments": 1}
    problem = await world.json("POST", "/v1/canned/refund/preview", {"values": {"amount": "a lot"}}, status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/values/amount"]
    assert "a lot" not in str(problem)
    await world.json("POST", "/v1/canned/other/preview", {}, status=404)


async def test_an_agent_sends_one_once(world: World) -> None:
    await kept(world)
    an_id = await queued(world)
    asked = {"agent": "Ana", "name": "refund", "values": {"amount": "20.00"}, "idempotency_key": "k-1"}
    problem = await sends(world, an_id, 409, **asked)
    assert problem["owner"] == "queue billing"
    await claims(world, an_id, "claim", agent="Ana")
    world.sends.clear()
    told = await sends(world, an_id, 202, **asked)
    assert told["text"] == "Hi, Ana here:\nyour $20.00 are on their way."
    assert told["segments"] == 1
    assert await sends(world, an_id, 202, **asked) == told
    assert [str(due.ref) for due in world.sends] == [told["message"]]
    problem = await sends(world, an_id, 422, agent="Ana", name="refund")
    assert [error["pointer"] for error in problem["errors"]] == ["/values/amount"]
    problem = await sends(world, an_id, 422, agent="Ana", name="other")
    assert [error["pointer"] for error in problem["errors"]] == ["/name"]


async def test_a_reply_of_another_queue_does_not_fit(world: World) -> None:
    await world.json("PUT", "/v1/canned/gate", {"queue": "travel", "texts": {"en": "Your gate is B7."}})
    an_id = await queued(world)
    await claims(world, an_id, "claim", agent="Ana")
    await sends(world, an_id, 422, agent="Ana", name="gate")


async def test_there_is_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canned, "MOST_REPLIES", 1)
    await kept(world)
    await kept(world)
    problem = await world.json("PUT", "/v1/canned/other", {"texts": {"en": "Hello"}}, status=422)
    assert "more are not kept" in problem["detail"]
