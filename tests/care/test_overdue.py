"""A message of which the carrier never tells more becomes unknown, however late it left."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.care.desk import Sending
from gateway.model.message import MessageClass, ReceiptState
from gateway.model.rows import replace
from gateway.store import upkeep
from tests.doubles.stage import Stage, fresh_database, house

ANN, BEN = "+15551230001", "+15551230002"
WEEK = 7 * 86_400


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Texts may leave for a week."""
    _, playbook = house()
    classes = playbook.rules.classes
    patient = classes.model_copy(update={"transactional": classes.transactional.model_copy(update={"ttl": WEEK})})
    rules = playbook.rules.model_copy(update={"classes": patient})
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db", playbook=replace(playbook, rules=rules))
    await made.open()
    yield made
    await made.close()


async def sends(stage: Stage, text: str, to: str = ANN) -> None:
    await stage.do(stage.desk.send(Sending(to, text, None, {}, MessageClass.transactional, None, None, "program")))


async def fate(stage: Stage, place: int = -1) -> tuple[str, str | None]:
    text = (await stage.sent_texts())[place]
    return text.state, text.disposition


async def passes(stage: Stage, hours: int) -> None:
    """Time, and the sweeps of it."""
    for _ in range(hours):
        await stage.advance(hours=1)
        for _ in range(7):  # each takes ten minutes of messages
            unit = await stage.store.read(upkeep.sweep, stage.now)
            assert await stage.store.apply([unit]) == [None]


async def overdue(stage: Stage) -> int:
    return len(await stage.rows("SELECT 1 FROM work WHERE lane = 'overdue'"))


async def test_a_message_that_left_at_once(stage: Stage) -> None:
    await sends(stage, "Hello")
    await passes(stage, 71)
    assert await fate(stage) == ("sent", None)
    await passes(stage, 2)
    assert await fate(stage) == ("final", "unknown")
    assert await overdue(stage) == 0


async def test_a_message_that_left_after_80_hours(stage: Stage) -> None:
    stage.carrier.up = False
    await sends(stage, "Hello")
    await passes(stage, 80)
    assert await fate(stage) == ("queued", None)
    stage.carrier.up = True
    await stage.settled()
    assert await fate(stage) == ("sent", None)
    await passes(stage, 48)
    assert await fate(stage) == ("sent", None), "its receipt may come yet"
    await passes(stage, 25)
    assert await fate(stage) == ("final", "unknown")
    assert await overdue(stage) == 0


async def test_one_that_left_shortly_before_it_was_looked_at(stage: Stage) -> None:
    stage.carrier.up = False
    await sends(stage, "Hello")
    await passes(stage, 70)
    stage.carrier.up = True
    await stage.settled()
    await passes(stage, 60)
    assert await fate(stage) == ("sent", None), "its receipt may come yet"
    await passes(stage, 13)
    assert await fate(stage) == ("final", "unknown")


async def test_one_whose_receipt_comes_after_all(stage: Stage) -> None:
    stage.carrier.up = False
    await sends(stage, "Hello")
    await sends(stage, "Hello", BEN)
    await passes(stage, 80)
    stage.carrier.up = True
    await stage.settled()
    assert await overdue(stage) == 2
    stage.report(stage.carrier.taken[0], ReceiptState.delivered)
    await passes(stage, 73)
    assert [await fate(stage, place) for place in (0, 1)] == [("final", "delivered"), ("final", "unknown")]
    assert await overdue(stage) == 0


async def test_one_that_never_leaves(stage: Stage) -> None:
    stage.carrier.up = False
    await sends(stage, "Hello")
    await passes(stage, 175)
    assert (await fate(stage), await overdue(stage)) == (("queued", None), 1)
    stage.carrier.up = True
    await stage.settled()
    assert await fate(stage) == ("final", "expired")
    await passes(stage, 73)
    assert (await fate(stage), await overdue(stage)) == (("final", "expired"), 0)


async def test_each_look_reads_a_few_rows(stage: Stage) -> None:
    stage.carrier.up = False
    await sends(stage, "Hello")
    await passes(stage, 80)
    await sends(stage, "Hello", BEN)
    await stage.advance(hours=80)
    unit = await stage.store.read(upkeep.sweep, stage.now)
    assert len(unit.steps) == 9
    for statement, [row] in unit.steps:
        for line in await stage.rows(f"EXPLAIN QUERY PLAN {statement.sql}", *row):
            small = any(table in line["detail"] for table in ("link", "mo_part"))
            assert small or not line["detail"].startswith("SCAN"), f"{statement.name}: {line['detail']}"
