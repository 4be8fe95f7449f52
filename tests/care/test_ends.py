"""What ends with a conversation, and what opens none."""

import pytest

from tests.doubles.stage import Stage

ANN = "+15551230001"
OVERAGE = {"plan": "B", "minutes_over": 1, "charge": "5.00", "currency": "USD"}


async def with_ana(stage: Stage) -> int:
    """Ann was offered a plan, asked why, and Ana has taken her conversation."""
    await stage.event("plan.overage", ANN, OVERAGE)
    await stage.advance(minutes=1)
    stage.writes(ANN, "why?")
    await stage.settled()
    talk = int((await stage.conversation(ANN))["id"])
    await stage.do(stage.desk.claim(talk, "Ana"))
    return talk


@pytest.mark.parametrize("disposition", ["", "resolved"])
async def test_a_hand_back_that_ends_the_conversation_ends_its_offer(stage: Stage, disposition: str) -> None:
    talk = await with_ana(stage)
    ended = await stage.do(stage.desk.hand_back(talk, "Ana", disposition))
    assert not ended.open, "the handler that escalated has nothing left to ask"
    [offer] = await stage.rows("SELECT state, ended_at FROM offer")
    assert offer == {"state": "withdrawn", "ended_at": stage.now}
    stage.writes(ANN, "YES")
    await stage.settled()
    assert not stage.office.visits, "nothing is bought"
    assert not await stage.laws()


async def test_a_second_yes_opens_no_conversation(stage: Stage) -> None:
    await stage.event("plan.overage", ANN, OVERAGE)
    await stage.advance(minutes=1)
    stage.writes(ANN, "YES")
    stage.writes(ANN, "YES")
    await stage.settled()
    stage.office.answer(stage.office.waiting[0], 200, {})
    await stage.settled()
    stage.writes(ANN, "yes")
    await stage.settled()
    talks = await stage.rows("SELECT id, state, disposition FROM conversation")
    assert [(talk["state"], talk["disposition"]) for talk in talks] == [("closed", "offer_accepted")]
    assert len(stage.office.visits) == 1
    assert not await stage.laws()


async def test_a_long_text_counts_the_parts_that_it_came_in(stage: Stage) -> None:
    for part in (1, 2, 3):
        stage.carrier.write(ANN, "70007", f"{part} ", reference=9, part=part, parts=3)
    await stage.settled()
    stage.writes(ANN, "short")
    await stage.settled()
    texts = await stage.rows("SELECT text, parts FROM message WHERE direction = 'mo' ORDER BY id")
    assert [(one["text"], one["parts"]) for one in texts] == [("1 2 3 ", 3), ("short", 1)]
