"""Each final disposition is counted once, when it is on disk, whoever ended the message."""

from gateway.care.desk import Sending
from gateway.care.figures import Figures
from gateway.model.channel import Fault
from gateway.model.message import Disposition, MessageClass, Outcome, ReceiptState
from gateway.store import ends, upkeep
from gateway.store.units import Statement, Unit
from gateway.telemetry import Metrics
from tests.doubles import carrier as moods
from tests.doubles.stage import Stage

ANN, BEN = "+15551230001", "+15551230002"
LONG = "a long text " * 30  # three parts


async def sends(
    stage: Stage, text: str, to: str = ANN, cls: MessageClass = MessageClass.transactional, key: str | None = None
) -> None:
    await stage.do(stage.desk.send(Sending(to, text, None, {}, cls, None, key, "program")))


async def counted(stage: Stage) -> dict[str, int]:
    """What was counted; as many as there are messages that ended."""
    told = dict(stage.store.writer.figures.tallies)
    rows = await stage.rows(
        "SELECT disposition, count(*) AS n FROM message WHERE direction = 'mt' AND state = 'final' GROUP BY 1"
    )
    assert told == {row["disposition"]: row["n"] for row in rows}
    return told


async def test_receipts(stage: Stage) -> None:
    for n in range(4):
        await sends(stage, f"text {n}")
    await sends(stage, LONG)
    states = [ReceiptState.delivered, ReceiptState.delivered, ReceiptState.undeliverable, ReceiptState.rejected]
    for taken, state in zip(stage.carrier.taken[:4], states, strict=True):
        stage.report(taken, state)
        stage.report(taken, state)  # carriers say it twice
    for taken in stage.carrier.taken[4:]:
        stage.report(taken, ReceiptState.delivered)
    await stage.settled()
    assert await counted(stage) == {"delivered": 3, "bounced": 1, "blocked": 1}


async def test_refusals_of_two_parts_end_one_message(stage: Stage) -> None:
    stage.carrier.moods.extend(["bad_number", "blocked", moods.OK])
    await sends(stage, LONG)
    assert await counted(stage) == {"bounced": 1}


async def test_a_long_text_whose_time_is_over_is_one_message(stage: Stage) -> None:
    stage.carrier.up = False
    await sends(stage, LONG)
    await stage.advance(hours=100)
    stage.carrier.up = True
    await stage.settled()
    assert await counted(stage) == {"expired": 1}


async def test_what_a_gate_blocks_and_what_stop_ends(stage: Stage) -> None:
    await sends(stage, "Buy!", cls=MessageClass.promotional, key="once")
    await sends(stage, "Buy!", cls=MessageClass.promotional, key="once")
    assert await counted(stage) == {"blocked": 1}
    stage.carrier.up = False
    for n in range(3):
        await sends(stage, f"text {n}")
    stage.writes(ANN, "STOP")
    await stage.settled()
    await sends(stage, "one more")
    assert await counted(stage) == {"blocked": 1, "opted_out": 4}


async def test_a_doubt_counts_when_it_is_given_up(stage: Stage) -> None:
    stage.carrier.mood = moods.LOSE_UNTAKEN
    await sends(stage, "Hello")
    assert await counted(stage) == {}
    await stage.advance(hours=1)
    assert await counted(stage) == {"unknown": 1}


async def test_a_doubt_that_a_late_refusal_settles_after_all(stage: Stage) -> None:
    stage.carrier.moods.append(moods.HOLD)
    await sends(stage, "Hello")
    stage.carrier.answer_held(outcome=Outcome.refused, fault=Fault.bad_number, status=0x0B)
    await stage.settled()
    assert await counted(stage) == {"bounced": 1}


async def test_a_sweep_counts_each_and_a_late_receipt_tells_more(stage: Stage) -> None:
    for n in range(3):
        await sends(stage, f"text {n}", BEN)
    await stage.advance(hours=73)
    unit = await stage.store.read(upkeep.sweep, stage.now)
    for _ in range(2):
        assert await stage.store.apply([unit]) == [None]
    assert await counted(stage) == {"unknown": 3}
    stage.report(stage.carrier.taken[0], ReceiptState.delivered)
    await stage.settled()
    assert stage.store.writer.figures.tallies == {"unknown": 3, "delivered": 1}


async def test_what_is_not_on_disk_is_not_counted(stage: Stage) -> None:
    for n in range(3):
        await sends(stage, f"text {n}")
    ids = [taken.part.attempt[0] for taken in stage.carrier.taken]
    nothing = Statement("nothing", "DELETE FROM mark WHERE name = 'nobody'")
    units = []
    for an_id in ids:
        unit = Unit(str(an_id))
        ends.correct(unit, an_id, Disposition.delivered, None, None)
        units.append(unit)
    units[1].add(nothing, ())
    assert [failure is None for failure in await stage.store.apply(units)] == [True, False, True]
    assert await counted(stage) == {"delivered": 2}


async def test_a_restart_begins_at_nothing(stage: Stage) -> None:
    await sends(stage, "Buy!", cls=MessageClass.promotional)
    await stage.restart()
    assert stage.store.writer.figures.tallies == {}


async def test_the_metric(stage: Stage) -> None:
    await sends(stage, "Buy!", cls=MessageClass.promotional)
    metrics = Metrics()
    figures = Figures(metrics)
    for _ in range(2):
        figures.store(stage.store.writer.figures)
    lines = [line for line in metrics.exposition()[0].decode().splitlines() if line.startswith("careline_messages_t")]
    assert 'careline_messages_total{direction="mt",disposition="blocked"} 1.0' in lines
    assert 'careline_messages_total{direction="mt",disposition="delivered"} 0.0' in lines, "so that the first is a rise"
    assert len(lines) == len(ends.ALL)
