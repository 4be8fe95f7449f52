"""Which of our addresses a text leaves from: never one that we cannot send from (invariant 7)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.model.brand import Sender
from gateway.model.rows import replace
from tests.doubles.stage import Stage, fresh_database, house

ANN = "+15551230001"
STRANGE = "99999"
OVERAGE: dict[str, object] = {"plan": "Basic", "minutes_over": 1, "charge": "5.00", "currency": "USD"}


async def ours(stage: Stage, direction: str) -> list[tuple[str, str | None]]:
    """(our address, disposition) of the texts of a direction, oldest first."""
    rows = await stage.rows("SELECT ours, disposition FROM message WHERE direction = ? ORDER BY id", direction)
    return [(row["ours"], row["disposition"]) for row in rows]


@pytest.mark.parametrize("text", ["hi there", "HELP", "STOP", "START", "HOURS"])
async def test_a_text_to_an_address_that_is_not_ours_is_answered_from_one_that_is(stage: Stage, text: str) -> None:
    stage.writes(ANN, text, to=STRANGE)
    await stage.settled()
    assert await ours(stage, "mo") == [(STRANGE, None)], "what came is kept as it came"
    assert [sender for sender, _ in await ours(stage, "mt")] == ["70007"]
    assert len(stage.carrier.texts(ANN)) == 1
    assert not await stage.laws()


async def test_a_conversation_goes_on_from_where_it_was(stage: Stage) -> None:
    second = Sender(address="80008", brand="acme", carriers=("sim",))
    stage.playbook.senders["80008"] = second  # type: ignore[index]
    try:
        stage.writes(ANN, "hi there", to="80008")
        await stage.settled()
        stage.writes(ANN, "my phone is broken", to=STRANGE)
        await stage.settled()
        assert [sender for sender, _ in await ours(stage, "mt")] == ["80008", "80008"]
        assert (await stage.conversation(ANN))["sender"] == "80008"
    finally:
        del stage.playbook.senders["80008"]  # type: ignore[attr-defined]


async def test_a_sender_that_was_taken_away_is_replaced(stage: Stage) -> None:
    second = Sender(address="80008", brand="acme", carriers=("sim",))
    stage.playbook.senders["80008"] = second  # type: ignore[index]
    stage.writes(ANN, "hi there", to="80008")
    await stage.settled()
    del stage.playbook.senders["80008"]  # type: ignore[attr-defined]
    conversation = await stage.conversation(ANN)
    await stage.event("plan.overage", ANN, OVERAGE)
    await stage.settled()
    assert conversation["sender"] == "80008"
    assert [sender for sender, _ in await ours(stage, "mt")] == ["80008", "70007"]


@pytest.fixture
async def mute(tmp_path: Path) -> AsyncIterator[Stage]:
    """A house whose brand has no sender at all."""
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db", playbook=replace(house()[1], senders={}))
    await made.open()
    yield made
    await made.close()


async def test_where_nothing_can_answer_a_person_sees_it(mute: Stage) -> None:
    mute.writes(ANN, "hi there", to=STRANGE)
    await mute.settled()
    talk = await mute.conversation(ANN)
    assert (talk["state"], talk["why"]) == ("queued", "no sender of acme can answer a text to 99999")
    assert talk["sender"] == ""
    mute.writes(ANN, "hello?", to=STRANGE)
    await mute.settled()
    assert [row["conversation_id"] for row in await mute.rows("SELECT conversation_id FROM message")] == [
        talk["id"]
    ] * 2
    assert not await mute.laws()
