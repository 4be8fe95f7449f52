"""Who is reminded: those who are there, once for all that waits; what concerns a supervisor finds one."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.care.turn import DESK_KEY
from gateway.floor.nudging import Nudging
from gateway.model.desk import Show
from gateway.model.rows import replace
from gateway.store.units import Due
from tests.doubles.stage import Stage, fresh_database

ANA, BEN, CLEO = "ana@example.test", "ben@example.test", "cleo@example.test"
MAX = "+15551230009"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A house with a chat server; a customer waits, and everybody has said no."""
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db", chat=True)
    await made.open()
    rules = made.playbook.rules.conversations.model_copy(update={"nudge": 60.0})
    book = replace(made.playbook, rules=made.playbook.rules.model_copy(update={"conversations": rules}))
    made.playbook = made.engine.playbook = book
    yield made
    await made.close()


def nudging(stage: Stage) -> Nudging:
    """One that has reminded nobody yet."""
    return Nudging(stage.store, stage.engine, stage.attendance, stage.clock)


def row(stage: Stage, whom: str, text: str = "", owner: str = "") -> Due:
    """As `gateway.care.promises` writes them."""
    key = f"{DESK_KEY}billing" if whom == "queue" else f"tel:{MAX}"
    return Due(stage.ids(), "desk", key, "nudge", stage.now, body=json.dumps(["", whom, "billing", text, owner]))


async def _waits(stage: Stage) -> None:
    stage.writes(MAX, "agent")
    await stage.settled()


async def test_who_is_there_is_reminded_and_nobody_else(stage: Stage) -> None:
    await _waits(stage)
    stage.attendance.tell(ANA, Show.xa)
    stage.attendance.tell(CLEO, Show.dnd)
    stage.attendance.tell(BEN, Show.online)
    stage.attendance.go_away([BEN])
    lines = await nudging(stage).lines(row(stage, "queue"))
    assert [(line.agent, line.customer) for line in lines] == [(ANA, "")]
    assert MAX not in lines[0].text, "no customer is named"


async def test_all_that_waits_is_one_reminder_a_minute(stage: Stage) -> None:
    await _waits(stage)
    stage.attendance.tell(ANA, Show.away)
    its = nudging(stage)
    first = row(stage, "queue")
    once = await its.lines(first)
    assert len(once) == 1
    assert await its.lines(row(stage, "queue")) == []
    assert [line.id for line in await its.lines(first)] == [once[0].id], "the same row again, as after a loss"
    stage.now += 60_000
    assert len(await its.lines(row(stage, "queue"))) == 1


async def test_nobody_is_reminded_of_nothing(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    assert await nudging(stage).lines(row(stage, "queue")) == []


async def test_a_supervisor_hears_there_or_not_but_not_of_their_own(stage: Stage) -> None:
    lines = await nudging(stage).lines(row(stage, "supervisors", "late"))
    assert [(line.agent, line.customer, line.text) for line in lines] == [(BEN, MAX, "[desk] late")]
    assert await nudging(stage).lines(row(stage, "supervisors", "late", owner=BEN)) == []


async def test_each_agent_has_a_stanza_of_their_own(stage: Stage) -> None:
    await _waits(stage)
    for agent in (ANA, BEN, CLEO):
        stage.attendance.tell(agent, Show.away)
    lines = await nudging(stage).lines(row(stage, "queue"))
    assert len({line.id for line in lines}) == len(lines) == 3


async def test_a_flood_of_alarms_is_one_line(stage: Stage) -> None:
    its = nudging(stage)
    rows = [row(stage, "supervisors", f"late {at}") for at in range(20)]
    told = [line.text for due in rows for line in await its.lines(due)]
    assert told == [
        *(f"[desk] late {at}" for at in range(5)),
        "[desk] many more in billing at this moment: .queue lists what waits",
    ]
    assert [line.text for line in await its.lines(rows[2])] == ["[desk] late 2"], "the same row again, as after a loss"
    assert await its.lines(rows[19]) == []
    stage.now += 60_000
    assert [line.text for line in await its.lines(row(stage, "supervisors", "later"))] == ["[desk] later"]


async def test_the_back_up_is_reminded_while_the_own_agents_are_at_home(stage: Stage) -> None:
    await _waits(stage)
    billing = stage.playbook.queues["billing"].model_copy(update={"hours": "Mo-Su 20:00-21:00", "backup": "travel"})
    agents = tuple(
        one.model_copy(update={"queues": ("travel",) if one.name == "Cleo" else ("billing",)})
        for one in stage.playbook.agents
    )
    queues = {**stage.playbook.queues, "billing": billing}
    stage.engine.playbook = replace(stage.playbook, queues=queues, agents=agents)
    for agent in (ANA, BEN, CLEO):
        stage.attendance.tell(agent, Show.online)
    lines = await nudging(stage).lines(row(stage, "queue"))
    assert {line.agent for line in lines} == {ANA, BEN, CLEO}
    own = billing.model_copy(update={"hours": None})
    stage.engine.playbook = replace(stage.engine.playbook, queues={**queues, "billing": own})
    lines = await nudging(stage).lines(row(stage, "queue"))
    assert {line.agent for line in lines} == {ANA, BEN}
