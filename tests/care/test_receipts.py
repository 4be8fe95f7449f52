"""Receipts in every order: early, late, double, of others. A message only moves forward; its worst part is its fate."""

import asyncio
import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.care.desk import Sending
from gateway.model.message import FINAL, RANK, Disposition, MessageClass, ReceiptState, later, worst
from tests.doubles import carrier as moods
from tests.doubles.stage import Stage, fresh_database

ANN = "+15551230001"
STATES = list(ReceiptState)


def test_later_is_a_strict_order_over_ranks() -> None:
    for known, told in itertools.product(STATES, STATES):
        assert later(known, told) == (RANK[told] > RANK[known])
        assert not (later(known, told) and later(told, known))
    assert all(later(None, told) for told in STATES)


def test_the_worst_part_is_the_fate_of_all() -> None:
    delivered, failed = ReceiptState.delivered, ReceiptState.undeliverable
    assert worst([delivered, delivered]) is Disposition.delivered
    assert worst([delivered, failed]) is Disposition.bounced
    assert worst([delivered, None]) is None
    assert worst([delivered, ReceiptState.enroute]) is None
    assert worst([]) is None
    for parts in itertools.product([None, *STATES], repeat=2):
        ends = [FINAL.get(part) if part else None for part in parts]
        told = worst(list(parts))
        if None in ends:
            assert told is None
        elif told is Disposition.delivered:
            assert set(ends) == {Disposition.delivered}
        else:
            assert told in ends


def _fold(told: list[ReceiptState]) -> ReceiptState | None:
    known: ReceiptState | None = None
    for state in told:
        if later(known, state):
            known = state
    return known


async def _two_parts(folder: Path, order: list[tuple[int, ReceiptState | None]], batches: list[bool]) -> None:
    """A text of two parts; order: receipts by part, None = the carrier's response; batches: where a read ends."""
    fresh_database(folder / "r.db")
    stage = Stage(folder / "r.db")
    await stage.open()
    try:
        stage.carrier.moods.extend([moods.HOLD, moods.HOLD])
        text = "a long text " * 20
        await stage.do(stage.desk.send(Sending(ANN, text, None, {}, MessageClass.transactional, None, None, "program")))
        parts = {taken.part.part: taken for taken in stage.carrier.taken}
        assert set(parts) == {1, 2}
        answered = False
        states: dict[int, list[ReceiptState]] = {1: [], 2: []}
        ranks = {1: -1, 2: -1}
        for (part, state), ends in zip(order, batches, strict=True):
            if state is None:
                if not answered:
                    stage.carrier.answer_held()
                answered = True
            else:
                stage.report(parts[part], state)
                states[part].append(state)
            if ends:
                await stage.settled()
                for row in await stage.rows("SELECT part, receipt FROM attempt WHERE receipt IS NOT NULL"):
                    rank = RANK[ReceiptState(row["receipt"])]
                    assert rank >= ranks[row["part"]], "a receipt moved a part backward"
                    ranks[row["part"]] = rank
        if not answered:
            stage.carrier.answer_held()
        await stage.advance(hours=2)
        best = [_fold(states[1]), _fold(states[2])]
        [row] = await stage.rows("SELECT state, disposition FROM message WHERE direction = 'mt'")
        expected = worst(best)
        assert row["disposition"] == expected
        assert (row["state"] == "final") == (expected is not None)
        told = await stage.rows("SELECT part, receipt FROM attempt ORDER BY part")
        assert [line["receipt"] for line in told] == best
        assert not await stage.rows("SELECT * FROM work WHERE kind = 'receipt'")
        assert not await stage.laws()
    finally:
        await stage.close()


# States of one rank may come in any order and the first of them stays; so that the model is right for receipts that are
# parked and come back later, a part gets states of different ranks, one of each.
SOME = [ReceiptState.enroute, ReceiptState.unknown, ReceiptState.undeliverable, ReceiptState.delivered]
ORDERS = st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from([*SOME, None])), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    ORDERS.flatmap(
        lambda order: st.tuples(st.just(order), st.lists(st.booleans(), min_size=len(order), max_size=len(order)))
    )
)
def test_any_order_in_any_reads(drawn: tuple[list[tuple[int, ReceiptState | None]], list[bool]]) -> None:
    order, batches = drawn
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        asyncio.run(_two_parts(Path(folder), order, batches))


@pytest.mark.parametrize("batches", [[True, True, True], [False, False, True], [True, False, True]])
@pytest.mark.parametrize(
    "order", list(itertools.permutations([(1, ReceiptState.delivered), (2, ReceiptState.delivered), (0, None)]))
)
async def test_both_parts_delivered(
    tmp_path: Path, order: tuple[tuple[int, ReceiptState | None], ...], batches: list[bool]
) -> None:
    await _two_parts(tmp_path, list(order), batches)


async def test_a_receipt_of_somebody_else_is_acknowledged_and_given_up(stage: Stage) -> None:
    await stage.event("notice.only", ANN, {"what": "hi"})
    await stage.settled()
    [taken] = stage.carrier.taken
    stage.carrier.report(taken, ReceiptState.delivered, remote_id="DEADBEEF")
    await stage.settled()
    assert stage.carrier.acknowledged[-1][1]
    await stage.advance(hours=3)
    assert stage.tracking.figures.unknown == 1
    [text] = await stage.sent_texts()
    assert (text.state, text.disposition) == ("sent", None)


async def test_a_receipt_of_an_id_that_differs_by_case_and_zeros_only(stage: Stage) -> None:
    await stage.event("notice.only", ANN, {"what": "hi"})
    await stage.settled()
    [taken] = stage.carrier.taken
    stage.carrier.report(taken, ReceiptState.delivered, remote_id=taken.remote_id.lower().lstrip("0"))
    await stage.settled()
    [row] = await stage.rows("SELECT state, disposition FROM message WHERE direction = 'mt'")
    assert row["disposition"] == "delivered"


async def test_a_double_failure_calls_one_person_once(stage: Stage) -> None:
    await stage.event("plan.overage", ANN, {"plan": "Basic", "minutes_over": 1, "charge": "5.00", "currency": "USD"})
    await stage.settled()
    [taken] = stage.carrier.taken
    for state in (ReceiptState.undeliverable, ReceiptState.undeliverable, ReceiptState.rejected):
        stage.report(taken, state)
        await stage.settled()
    talk = await stage.conversation(ANN)
    assert (talk["state"], talk["epoch"]) == ("queued", 3)
    notes = await stage.rows("SELECT kind FROM note")
    assert [note["kind"] for note in notes].count("failed") == 1


async def test_delivered_after_all_betters_a_failure(stage: Stage) -> None:
    await stage.event("notice.only", ANN, {"what": "hi"})
    await stage.settled()
    [taken] = stage.carrier.taken
    stage.report(taken, ReceiptState.expired)
    await stage.settled()
    stage.report(taken, ReceiptState.delivered)
    await stage.settled()
    [row] = await stage.rows("SELECT disposition, error, reason FROM message WHERE direction = 'mt'")
    assert row == {"disposition": "delivered", "error": None, "reason": None}
