"""What was asked in a closed conversation: when the code that asked has changed, and when its time cannot be said."""

from typing import Any

import pytest

from gateway.model.rows import replace
from tests.doubles.stage import Stage

ANN = "+15550100001"
VISIT: dict[str, object] = {"what": "dentist", "at": "2026-11-30T15:00:00-05:00", "where": "12 Main St"}


async def silent(stage: Stage) -> dict[str, Any]:
    """A reminder that nobody answers; the conversation that it leaves."""
    await stage.event("appointment.due", ANN, VISIT)
    await stage.advance(hours=25)
    talk = await stage.conversation(ANN)
    assert talk["disposition"] == "no_reply"
    return talk


async def said_last(stage: Stage) -> str:
    stage.writes(ANN, "C")
    await stage.settled()
    return (await stage.sent_texts())[-1].text


async def test_it_is_kept_until_the_text_is_worthless(stage: Stage) -> None:
    assert "appointment.due" in (await silent(stage))["prompt"]
    assert (await said_last(stage)).endswith("is confirmed.")
    assert (await stage.conversation(ANN))["prompt"] is None


async def test_a_handler_that_is_gone_is_asked_nothing(stage: Stage) -> None:
    await silent(stage)
    others = {name: its for name, its in stage.playbook.handlers.items() if name != "appointment.due"}
    stage.playbook = stage.engine.playbook = replace(stage.playbook, handlers=others)
    assert (await said_last(stage)).startswith("Hello, this is Acme Mobile")


async def test_a_step_that_is_gone_is_asked_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await silent(stage)
    steps = stage.playbook.handlers["appointment.due"].running
    monkeypatch.setitem(steps.choices, "decision", steps.choices["answer"])
    monkeypatch.delitem(steps.choices, "answer")
    assert (await said_last(stage)).startswith("Hello, this is Acme Mobile")


async def test_a_step_that_was_renamed_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await silent(stage)
    steps = stage.playbook.handlers["appointment.due"].running
    monkeypatch.setitem(steps.choices, "decision", steps.choices["answer"])
    monkeypatch.delitem(steps.choices, "answer")
    for key in [key for key in steps.functions if key[1:2] == ("answer",)]:
        monkeypatch.setitem(steps.functions, (key[0], "decision", *key[2:]), steps.functions[key])
        monkeypatch.delitem(steps.functions, key)
    monkeypatch.setattr(steps, "renamed", {"answer": "decision"})
    assert (await said_last(stage)).endswith("is confirmed.")


async def test_a_ttl_that_breaks_leaves_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.event("appointment.due", ANN, VISIT)
    await stage.settled()

    def broken(event: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stage.playbook.handlers["appointment.due"], "_ttl", broken)
    await stage.advance(hours=25)
    talk = await stage.conversation(ANN)
    assert (talk["disposition"], talk["prompt"]) == ("no_reply", None)
