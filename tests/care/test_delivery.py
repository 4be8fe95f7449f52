"""Handing texts to the carrier: parts, doubts, restarts, and who hears of a failure."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from gateway.care.desk import Sending
from gateway.model.channel import Fault
from gateway.model.message import MessageClass, Outcome, ReceiptState
from gateway.store.units import StoreFull, Unit
from gateway.store.writer import Result
from tests.doubles import carrier as moods
from tests.doubles.stage import Stage

ANN = "+15551230001"
LONG = "a long text " * 30


async def sends(stage: Stage, text: str = LONG, cls: MessageClass = MessageClass.transactional) -> None:
    await stage.do(stage.desk.send(Sending(ANN, text, None, {}, cls, None, None, "program")))


async def fate(stage: Stage) -> tuple[str, str | None, bool]:
    [text] = await stage.sent_texts()
    return text.state, text.disposition, text.possible_duplicate


async def test_parts_share_a_reference_and_make_the_text(stage: Stage) -> None:
    await sends(stage)
    parts = [taken.part for taken in stage.carrier.taken]
    assert [(part.part, part.parts) for part in parts] == [(1, 3), (2, 3), (3, 3)]
    assert len({part.reference for part in parts}) == 1
    assert stage.carrier.texts(ANN) == [LONG.strip()]
    assert await fate(stage) == ("sent", None, False)


async def test_a_restart_between_the_parts(stage: Stage) -> None:
    stage.carrier.window = 1
    stage.carrier.moods.extend([moods.OK, moods.HOLD])
    await sends(stage)
    assert len(stage.carrier.taken) == 2
    stage.carrier.answer_held()
    stage.carrier.up = False
    await stage.settled()
    await stage.restart()
    assert (await fate(stage))[0] == "queued"
    stage.carrier.up = True
    await stage.settled()
    assert stage.carrier.texts(ANN) == [LONG.strip()]
    assert await fate(stage) == ("sent", None, False)


async def test_one_part_in_doubt_keeps_the_others(stage: Stage) -> None:
    stage.carrier.moods.extend([moods.OK, moods.LOSE_UNTAKEN, moods.OK])
    await sends(stage)
    assert (await fate(stage))[1] == "in_doubt"
    await stage.advance(seconds=61)
    assert [(part.part, part.attempt[2]) for part in stage.carrier.submitted] == [(1, 1), (2, 1), (3, 1), (2, 2)]
    assert await fate(stage) == ("sent", None, True)
    assert not await stage.laws()


async def test_one_part_refused_ends_the_text_and_drops_the_rest(stage: Stage) -> None:
    stage.carrier.window = 1
    stage.carrier.moods.append("bad_number")
    await sends(stage)
    assert len(stage.carrier.submitted) == 1
    assert await fate(stage) == ("final", "bounced", False)
    assert not await stage.rows("SELECT * FROM work WHERE kind = 'send'")


async def test_a_promotional_text_in_doubt_is_never_sent_twice(stage: Stage) -> None:
    stage.writes(ANN, "START")
    await stage.settled()
    stage.carrier.moods.append(moods.LOSE_UNTAKEN)
    await sends(stage, "Buy!", MessageClass.promotional)
    await stage.advance(hours=1)
    assert [part.text for part in stage.carrier.submitted].count("Buy!") == 1
    [row] = await stage.rows("SELECT disposition FROM message WHERE text = 'Buy!'")
    assert row["disposition"] == "unknown"


async def test_a_crash_with_a_submit_under_way(stage: Stage) -> None:
    stage.carrier.mood = moods.HOLD
    await sends(stage, "Hello")
    stage.carrier.mood = moods.OK
    stage.carrier.held.clear()
    stage.carrier._open = 0
    await stage.restart()
    assert await fate(stage) == ("sending", "in_doubt", False)
    assert len(stage.carrier.submitted) == 1, "nothing leaves before the doubt was given its time"
    await stage.advance(seconds=61)
    assert [part.text for part in stage.carrier.submitted] == ["Hello", "Hello"]
    assert await fate(stage) == ("sent", None, True)
    # Twice in doubt is enough.
    assert not await stage.laws()


async def test_twice_in_doubt_is_given_up(stage: Stage) -> None:
    stage.carrier.mood = moods.LOSE_UNTAKEN
    await sends(stage, "Hello")
    await stage.advance(hours=1)
    assert len(stage.carrier.submitted) == 2
    assert await fate(stage) == ("final", "unknown", True)


async def test_a_refusal_that_comes_late_settles_the_doubt(stage: Stage) -> None:
    await stage.event("plan.overage", ANN, {"plan": "B", "minutes_over": 1, "charge": "5.00", "currency": "USD"})
    stage.carrier.moods.append(moods.LOSE)
    await stage.settled()
    stage.carrier.answer_held(outcome=Outcome.refused, fault=Fault.bad_number, status=0x0B)
    await stage.settled()
    assert await fate(stage) == ("final", "bounced", False)
    assert (await stage.conversation(ANN))["state"] == "queued"
    await stage.advance(seconds=90)
    assert len(stage.carrier.submitted) == 1


async def test_a_failure_of_an_older_conversation_has_an_owner(stage: Stage) -> None:
    data: dict[str, object] = {"plan": "B", "minutes_over": 1, "charge": "5.00", "currency": "USD"}
    for _ in range(2):
        await stage.event("plan.overage", ANN, data)
        await stage.settled()
        stage.writes(ANN, "no")
        await stage.settled()
    first = stage.carrier.taken[0]
    stage.report(first, ReceiptState.undeliverable)
    await stage.settled()
    rows = await stage.rows("SELECT state, why FROM conversation WHERE state <> 'closed'")
    assert [row["state"] for row in rows] == ["queued"]
    assert "did not arrive" in rows[0]["why"]


async def test_texts_wait_while_the_carrier_is_down_and_go_in_order(stage: Stage) -> None:
    stage.carrier.up = False
    for n in range(30):
        await sends(stage, f"text {n}")
    assert not stage.carrier.submitted
    stage.carrier.up = True
    await stage.settled()
    assert stage.carrier.texts(ANN) == [f"text {n}" for n in range(30)]


async def test_a_throttled_text_comes_all_the_same(stage: Stage) -> None:
    stage.carrier.window = 1
    stage.carrier.moods.extend([moods.THROTTLE, moods.BUSY, moods.THROTTLE])
    for n in range(5):
        await sends(stage, f"text {n}")
    await stage.advance(minutes=2)
    texts = stage.carrier.texts(ANN)
    assert sorted(texts) == [f"text {n}" for n in range(5)]
    # The next of the same customer may be claimed before the carrier's "not now" is recorded; no other changes places.
    assert [text for text in texts if text != "text 0"] == [f"text {n}" for n in range(1, 5)]


async def test_an_agents_text_that_expired_unsent_has_an_owner(stage: Stage) -> None:
    stage.writes(ANN, "agent")
    await stage.settled()
    talk = await stage.conversation(ANN)
    await stage.do(stage.desk.claim(talk["id"], "Ana"))
    stage.carrier.up = False
    await stage.do(stage.desk.say(talk["id"], "Ana", "Hello"))
    await stage.do(stage.desk.close(talk["id"], "Ana", "resolved", ""))
    await stage.advance(hours=25)
    stage.carrier.up = True
    await stage.advance(seconds=1)
    assert (await stage.rows("SELECT disposition FROM message WHERE text = 'Hello'"))[0]["disposition"] == "expired"
    assert (await stage.conversation(ANN))["state"] == "queued"


async def test_a_carrier_that_ties_parts_another_way_after_a_restart_gets_all_that_waits(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.carrier.up = False
    long = "x" * 306  # two parts with the short header, three with the long one
    monkeypatch.setitem(stage.playbook.long_messages, "sim", "udh8")
    await sends(stage, long)
    await sends(stage, LONG)
    monkeypatch.setitem(stage.playbook.long_messages, "sim", "udh16")
    await stage.restart()
    stage.carrier.up = True
    await stage.settled()
    assert stage.carrier.texts(ANN) == [long, LONG.strip()]


async def test_an_outcome_that_waits_for_space_keeps_the_next_text_waiting(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = stage.store.submit
    refused: list[int] = []

    def submit(units: Sequence[Unit], done: Callable[[list[Result]], None], *, patient: bool = False) -> None:
        if not refused and any(statement.name == "attempt settled" for unit in units for statement, _ in unit.steps):
            refused.append(len(units))
            done([StoreFull("the disk is full")] * len(units))
        else:
            whole(units, done, patient=patient)

    monkeypatch.setattr(stage.store, "submit", submit)
    stage.carrier.moods.append(moods.THROTTLE)
    await sends(stage, "first")
    await sends(stage, "second")
    assert [part.text for part in stage.carrier.submitted] == ["first"]
    await asyncio.sleep(1.1)  # there is space again
    await stage.settled()
    await stage.settled()
    assert [part.text for part in stage.carrier.submitted] == ["first", "first", "second"]
