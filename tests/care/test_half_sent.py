"""Texts of which something has left when the rest may not: after STOP, and when a newer event replaces them."""

import pytest

from gateway.care.desk import Sending
from gateway.model.channel import Fault
from gateway.model.message import MessageClass, Outcome, ReceiptState
from gateway.store import timeline
from gateway.store.ends import BEFORE_ALL_LEFT, BEFORE_IT_LEFT, NOT_AGAIN
from gateway.web import history
from gateway.web.answers import instant
from tests.doubles import carrier as moods
from tests.doubles.stage import Stage

ANN = "+15551230001"
LONG = "a long text " * 30  # three parts


async def sends(stage: Stage, text: str = LONG) -> None:
    await stage.do(stage.desk.send(Sending(ANN, text, None, {}, MessageClass.transactional, None, None, "program")))


async def fate(stage: Stage, text: str = LONG) -> tuple[str, str | None, str | None]:
    [one] = [message for message in await stage.sent_texts() if message.text == text.strip()]
    return str(one.state), one.disposition, one.reason


def left(stage: Stage) -> list[tuple[int, int]]:
    """(part, try) of what left of the long text."""
    return [(part.part, part.attempt[2]) for part in stage.carrier.submitted if part.parts > 1]


async def stops(stage: Stage) -> None:
    stage.writes(ANN, "STOP")
    await stage.settled()


@pytest.fixture(params=[True, False], ids=["at once", "as work"])
async def house(stage: Stage, request: pytest.FixtureRequest) -> Stage:
    """STOP is decided at once, or as a row of work."""
    stage.at_once = request.param
    await stage.restart()
    return stage


async def test_stop_between_the_parts_ends_the_text(house: Stage) -> None:
    house.carrier.window = 1
    house.carrier.moods.append(moods.HOLD)
    await sends(house)
    assert left(house) == [(1, 1)]
    await stops(house)
    assert await fate(house) == ("final", "opted_out", BEFORE_ALL_LEFT)
    house.carrier.answer_held()
    await house.advance(hours=1)
    assert left(house) == [(1, 1)], "nothing is sent to somebody who said STOP"
    assert await fate(house) == ("final", "opted_out", BEFORE_ALL_LEFT), "the part that left makes no text"
    assert not await house.laws()
    house.report(house.carrier.taken[0], ReceiptState.delivered)
    await house.settled()
    assert await fate(house) == ("final", "opted_out", BEFORE_ALL_LEFT)
    house.writes(ANN, "START")
    await house.advance(hours=1)
    assert left(house) == [(1, 1)], "never released later"


async def test_stop_after_the_first_part_was_answered(house: Stage) -> None:
    house.carrier.window = 1
    house.carrier.moods.extend([moods.OK, moods.HOLD])
    await sends(house)
    house.carrier.up = False
    house.carrier.answer_held(outcome=Outcome.retry, fault=Fault.throttled, status=0x58)
    await house.settled()
    assert left(house) == [(1, 1), (2, 1)]
    await stops(house)
    house.carrier.up = True
    await house.advance(hours=1)
    assert left(house) == [(1, 1), (2, 1)]
    assert await fate(house) == ("final", "opted_out", BEFORE_ALL_LEFT)
    assert not await house.laws()


@pytest.mark.parametrize("answer", ["retry", "refused", "in_doubt"])
async def test_whatever_the_carrier_answers_after_stop(house: Stage, answer: str) -> None:
    house.carrier.window = 1
    house.carrier.moods.append(moods.HOLD)
    await sends(house)
    await stops(house)
    fault = {"retry": Fault.throttled, "refused": Fault.bad_number, "in_doubt": None}[answer]
    house.carrier.answer_held(outcome=Outcome(answer), fault=fault, status=0x58)
    await house.advance(hours=1)
    assert left(house) == [(1, 1)]
    assert await fate(house) == ("final", "opted_out", BEFORE_ALL_LEFT)
    assert not await house.laws()


async def test_parts_that_all_left_run_their_course(house: Stage) -> None:
    house.carrier.mood = moods.HOLD
    await sends(house)
    house.carrier.mood = moods.OK
    await stops(house)
    assert (await fate(house))[0] == "sending"
    house.carrier.answer_held()
    await house.settled()
    for taken in house.carrier.taken[:3]:
        house.report(taken, ReceiptState.delivered)
    await house.settled()
    assert await fate(house) == ("final", "delivered", None)


async def test_none_of_it_left(house: Stage) -> None:
    house.carrier.up = False
    await sends(house)
    await stops(house)
    assert await fate(house) == ("final", "opted_out", BEFORE_IT_LEFT)
    house.carrier.up = True
    await house.settled()
    assert left(house) == []
    assert not await house.laws()


async def test_a_doubt_that_would_be_sent_again_stays_unknown(house: Stage) -> None:
    house.carrier.moods.append(moods.LOSE_UNTAKEN)
    await sends(house, "Hello")
    house.carrier.up = False
    await house.advance(seconds=61)
    assert await house.rows("SELECT 1 FROM work WHERE kind = 'send' AND body = '1d'")
    await stops(house)
    assert await fate(house, "Hello") == ("final", "unknown", NOT_AGAIN)
    house.carrier.up = True
    await house.advance(hours=1)
    assert [part.text for part in house.carrier.submitted].count("Hello") == 1
    assert not await house.laws()


async def test_a_doubt_whose_time_comes_after_stop_stays_unknown(house: Stage) -> None:
    house.carrier.moods.append(moods.LOSE_UNTAKEN)
    await sends(house, "Hello")
    await stops(house)
    await house.advance(hours=1)
    assert await fate(house, "Hello") == ("final", "unknown", NOT_AGAIN)
    assert [part.text for part in house.carrier.submitted].count("Hello") == 1
    assert not await house.laws()


async def test_a_timeline_tells_why_the_rest_did_not_leave(house: Stage) -> None:
    house.carrier.window = 1
    house.carrier.moods.append(moods.HOLD)
    await sends(house)
    await stops(house)
    house.carrier.answer_held()
    await house.settled()
    [an_id] = {taken.part.attempt[0] for taken in house.carrier.taken if taken.part.parts > 1}
    trace = await house.store.read(timeline.trace, an_id)
    assert trace is not None
    [line] = [line for line in history.timeline(trace) if line["reason"] == BEFORE_ALL_LEFT]
    assert (line["kind"], line["code"], line["at"]) == ("gate", "suppression", instant(house.now))


DELAY: dict[str, object] = {
    "flight": "AA12",
    "booking": "ABC123",
    "departure": "2026-11-24T18:00:00-05:00",
    "new_departure": "2026-11-24T20:45:00-05:00",
}


async def test_a_replaced_text_that_the_carrier_put_off_is_over(house: Stage) -> None:
    house.carrier.moods.append(moods.BUSY)
    await house.event("flight.delayed", ANN, DELAY)
    await house.settled()
    house.carrier.up = False
    await house.event("flight.delayed", ANN, {**DELAY, "new_departure": "2026-11-24T21:10:00-05:00"})
    await house.settled()
    [old, new] = await house.sent_texts()
    assert (old.state, old.disposition, new.state) == ("final", "expired", "queued")
    house.carrier.up = True
    await house.advance(minutes=5)
    assert ["9:10" in text for text in house.carrier.texts(ANN)] == [True]
    assert not await house.laws()
