"""The events that the demo fires fit their handlers, and its steps follow what happens."""

import json
import shlex
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.demo import stories
from gateway.triggers import Registry

NOW = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)


@pytest.mark.parametrize("story", stories.STORIES.values(), ids=lambda story: story.name)
def test_the_events_fit_their_handlers(story: stories.Story) -> None:
    registry = Registry()
    registry.load(["plan_overage", "flight_delay", "appointment"])
    handler = registry.get(story.type)
    assert handler is not None
    handler.parse(story.data(NOW))


@pytest.mark.parametrize("story", stories.STORIES.values(), ids=lambda story: story.name)
def test_the_commands_are_what_they_say(story: stories.Story) -> None:
    said = stories.commands(story, "http://127.0.0.1:8080", "var/demo/api.key", "+15551234567", NOW)
    words = shlex.split(said["curl"].replace("\\\n", " "))
    posted = json.loads(words[words.index("-d") + 1])
    assert posted["data"] == story.data(NOW)
    assert posted["subject"] == "tel:+15551234567"
    words = shlex.split(said["careline"].replace("\\\n", " "))
    assert words[:5] == ["careline", "fire", story.type, "--to", stories.phone(0)]
    assert json.loads(words[words.index("--data") + 1]) == story.data(NOW)


def _conversation(an_id: str, **given: Any) -> dict[str, Any]:
    return {"id": an_id, "event": "1", "state": "bot", "queue": None, "agent": None, "offers": [], **given}


def test_the_steps_follow_what_happens() -> None:
    assert stories.progress(stories.TOUR_OVER_HTTP, [], [], []) == []
    sold = _conversation("1", state="closed", offers=[{"accepted_at": "2026-11-22T18:40:00Z"}])
    call = {"action": "offer.accepted", "verified": True}
    assert stories.progress(stories.TOUR_OVER_HTTP, [_conversation("1")], [], []) == ["fire"]
    assert stories.progress(stories.TOUR_OVER_HTTP, [sold], [], []) == ["fire", "yes"]
    assert stories.progress(stories.TOUR_OVER_HTTP, [sold], [], [{**call, "verified": False}]) == ["fire", "yes"]
    assert stories.progress(stories.TOUR_OVER_HTTP, [sold], [], [call]) == ["fire", "yes", "billing"]
    queued = _conversation("2", state="queued", queue="billing")
    assert stories.progress(stories.TOUR_OVER_HTTP, [queued, sold], [], [call])[-1] == "why"
    taken = queued | {"state": "human", "agent": "ana@example.test"}
    assert stories.progress(stories.TOUR_OVER_HTTP, [taken, sold], [], [call])[-1] == "claim"
    written = [{"conversation": "2", "author": {"kind": "agent"}}, {"conversation": "9", "author": {"kind": "bot"}}]
    assert stories.progress(stories.TOUR_OVER_HTTP, [taken, sold], written, [call])[-1] == "answer"
    assert stories.progress(stories.TOUR_OVER_HTTP, [taken | {"state": "closed"}, sold], written, [call])[-1] == "close"


def test_the_steps_with_agents_in_chat() -> None:
    def done(*conversations: Any, written: Any = (), calls: Any = ()) -> list[str]:
        return stories.progress(stories.TOUR, conversations, written, calls)

    queued = _conversation("2", state="queued", queue="billing", offers=[{"made_by": "handler:plan.overage"}])
    assert done(queued) == ["fire", "why"]
    taken = queued | {"state": "human", "agent": "ana@example.test"}
    words = [{"conversation": "2", "author": {"kind": "agent"}}]
    assert done(taken) == ["fire", "why", "claim"]
    assert done(taken, written=words)[-1] == "answer"
    made = taken | {"offers": [{"made_by": "agent:ana@example.test"}]}
    assert done(made, written=words)[-1] == "offer"
    sold = taken | {"offers": [{"made_by": "agent:ana@example.test", "accepted_at": "2026-11-22T18:40:00Z"}]}
    call = {"action": "offer.accepted", "verified": True}
    assert done(sold, written=words, calls=[call])[-1] == "billing"
    assert done(sold | {"state": "closed"}, written=words, calls=[call]) == [step.name for step in stories.TOUR]
