"""A text of a customer of whom nothing else waits is decided when it comes, in one commit with what it causes."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gateway.care import outbound
from gateway.care.inbound import Text
from gateway.care.intake import MOST_AT_ONCE
from gateway.care.turn import Turn
from gateway.model.channel import InboundPart
from gateway.model.message import Author, MessageClass
from gateway.store.units import Conflict, Due, Statement, StoreFull, Unit
from gateway.store.writer import Result
from gateway.triggers import Handler, Talk
from tests.doubles import carrier as moods
from tests.doubles.stage import Stage, house

ANN, BOB = "+15551230001", "+15551230002"
Done = Callable[[list[Result]], None]


async def awake(stage: Stage) -> None:
    """The lanes have looked at the disk once; Ann and Bob are known, and nothing of them waits."""
    for phone in (ANN, BOB):
        stage.writes(phone, "HELP")
    await stage.settled()


def statements(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What each call to the store writes from now on, by name of statement."""
    seen: list[list[str]] = []
    whole = stage.store.submit

    def submit(units: Sequence[Unit], done: Done, *, patient: bool = False) -> None:
        if names := [statement.name for unit in units for statement, _ in unit.steps]:
            seen.append(names)
        whole(units, done)

    monkeypatch.setattr(stage.store, "submit", submit)
    return seen


async def test_one_commit_holds_the_text_the_answer_and_the_attempt(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await awake(stage)
    seen = statements(stage, monkeypatch)
    stage.writes(ANN, "HELP")
    await stage.settled()
    decided, settled = seen
    assert decided.count("insert message") == 2
    assert "insert attempt" in decided
    assert not [name for name in decided if "work" in name], "nothing waits, so nothing is queued"
    assert settled == ["attempt settled"]
    assert len(stage.carrier.texts(ANN)) == 2
    assert stage.carrier.acknowledged[-1][1]
    assert not await stage.laws()


async def test_a_customer_read_from_disk_is_decided_at_once_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await awake(stage)
    stage.engine.states.clear()
    seen = statements(stage, monkeypatch)
    stage.writes(ANN, "HELP")
    await stage.settled()
    assert not [name for names in seen for name in names if name == "take work"]
    assert len(stage.carrier.texts(ANN)) == 2


async def test_two_texts_of_one_phone_in_one_read_keep_their_order(stage: Stage) -> None:
    await awake(stage)
    stage.writes(ANN, "HELP")
    stage.writes(ANN, "STOP")
    stage.writes(ANN, "START")
    await stage.settled()
    rows = await stage.rows("SELECT text FROM message WHERE direction = 'mo' AND theirs = ? ORDER BY id", ANN)
    assert [row["text"] for row in rows][1:] == ["HELP", "STOP", "START"]
    said = stage.carrier.texts(ANN)[1:]
    assert len(said) == 3
    assert "unsubscribed" in said[1]
    assert not await stage.laws()


async def test_on_a_full_disk_the_carrier_is_told_to_come_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await awake(stage)
    whole = stage.store.submit
    full = True

    def submit(units: Sequence[Unit], done: Done, *, patient: bool = False) -> None:
        if full:
            done([StoreFull("the disk is full")] * len(units))
        else:
            whole(units, done)

    monkeypatch.setattr(stage.store, "submit", submit)
    text = stage.writes(ANN, "HELP")
    await stage.settled()
    assert stage.carrier.acknowledged[-1] == (text.token, False)
    assert stage.engine.states.get(f"tel:{ANN}") is None, "what was decided and not written is forgotten"
    assert stage.delivery.room() == stage.carrier.window, "and its place in the window is free again"
    full = False
    stage.carrier.again(text)
    await stage.settled()
    assert stage.carrier.acknowledged[-1] == (text.token, True)
    assert len(stage.carrier.texts(ANN)) == 2
    assert not await stage.laws()


async def test_while_the_disk_is_full_a_text_takes_none_of_the_reserve(stage: Stage) -> None:
    await awake(stage)
    stage.store.full = True
    text = stage.writes(ANN, "HELP")
    await stage.settled()
    assert stage.carrier.acknowledged[-1] == (text.token, False)
    assert stage.delivery.room() == stage.carrier.window
    stage.store.full = False
    stage.carrier.again(text)
    await stage.settled()
    assert stage.carrier.acknowledged[-1] == (text.token, True)


async def test_a_lost_commit_is_kept_as_work_and_decided_again(stage: Stage) -> None:
    await stage.event("plan.overage", ANN, {"plan": "B", "minutes_over": 1, "charge": "5.00", "currency": "USD"})
    await stage.settled()
    stage.writes(ANN, "why?")
    await stage.settled()
    # Behind the engine's back the conversation changes hands: what is remembered is wrong.
    thief = Unit("thief")
    steal = "UPDATE conversation SET state = 'human', owner_id = 'ben', agent = 'ben', epoch = 9"
    thief.add(Statement("steal", steal), ())
    await stage.store.write(thief)
    text = stage.writes(ANN, "hello?")
    await stage.settled()
    [talk] = await stage.rows("SELECT agent, epoch FROM conversation")
    assert (talk["agent"], talk["epoch"]) == ("ben", 9)
    rows = await stage.rows("SELECT id FROM message WHERE text = 'hello?'")
    assert len(rows) == 1
    assert [accepted for token, accepted in stage.carrier.acknowledged if token == text.token] == [True]


async def test_a_handler_that_breaks_leaves_a_dead_letter_that_can_be_replayed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await awake(stage)
    welcome: Handler = house()[1].handlers["welcome"]

    def broken(talk: Talk, event: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(welcome.running.functions, ("start",), broken)
    text = stage.writes(ANN, "good morning")
    await stage.settled()
    assert stage.carrier.acknowledged[-1] == (text.token, True)
    [letter] = await stage.rows("SELECT id, kind, body FROM dead_letter")
    assert (letter["kind"], "good morning" in letter["body"]) == ("mo", True)
    assert (await stage.conversation(ANN))["state"] == "queued"
    assert not await stage.laws()


async def test_what_finds_no_room_waits_in_its_lane(stage: Stage) -> None:
    await awake(stage)
    stage.carrier.window = 1
    stage.carrier.mood = moods.HOLD
    stage.writes(ANN, "HELP")
    await stage.settled()
    stage.writes(BOB, "HELP")
    await stage.settled()
    assert [part.to for part in stage.carrier.submitted[2:]] == [ANN]
    [row] = await stage.rows("SELECT lane, key FROM work WHERE kind = 'send'")
    assert (row["lane"], row["key"]) == ("send:sim", f"tel:{BOB}#compliance")
    stage.carrier.mood = moods.OK
    stage.carrier.answer_held()
    await stage.settled()
    assert [part.to for part in stage.carrier.submitted[2:]] == [ANN, BOB]
    assert not await stage.laws()


async def test_the_next_answer_waits_for_the_carrier_s_word_on_the_last(stage: Stage) -> None:
    await awake(stage)
    stage.carrier.moods.append(moods.HOLD)
    stage.writes(ANN, "HELP")
    await stage.settled()
    stage.writes(ANN, "HELP")
    await stage.settled()
    assert len(stage.carrier.submitted) == 3
    stage.carrier.answer_held()
    await stage.settled()
    assert len(stage.carrier.submitted) == 4
    assert not await stage.laws()


async def test_while_rows_of_work_wait_on_disk_a_text_waits_behind_them(stage: Stage) -> None:
    await awake(stage)
    lane = stage.lanes["customer"]
    lane._spilled[0] = True  # as after more texts than memory may hold
    text = stage.writes(ANN, "HELP")
    assert not stage.engine.idle(f"tel:{ANN}")
    await stage.settled()
    assert stage.engine.idle(f"tel:{ANN}")
    assert stage.carrier.acknowledged[-1] == (text.token, True)
    assert len(stage.carrier.texts(ANN)) == 2


@pytest.mark.interpreted
async def test_a_lost_commit_is_decided_again_before_what_came_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await awake(stage)
    whole, decide = stage.store.submit, stage.engine._decide
    order: list[str] = []
    held: list[Callable[[], None]] = []

    def deciding(due: Due, *rest: object) -> object:
        order.append(due.hot.text if isinstance(due.hot, Text) else json.loads(due.body or "")[1])  # kept, read back
        return decide(due, *rest)  # type: ignore[arg-type]

    def submit(units: Sequence[Unit], done: Done, *, patient: bool = False) -> None:
        if held or not order:  # what is not the decision that is to be lost
            whole(units, done, patient=patient)
        else:
            held.append(lambda: done([Conflict("changed behind our back")] * len(units)))

    monkeypatch.setattr(stage.engine, "_decide", deciding)
    monkeypatch.setattr(stage.store, "submit", submit)
    stage.writes(ANN, "HELP")
    stage.carrier.flush()
    stage.writes(ANN, "STOP")
    stage.carrier.flush()
    held[0]()
    await stage.settled()
    await stage.settled()
    assert order == ["HELP", "HELP", "STOP"]
    assert all(accepted for _, accepted in stage.carrier.acknowledged)
    assert not await stage.laws()


async def test_what_comes_next_is_on_disk_after_the_text_before_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a kill between the two leaves the later one alone, and it is decided before the earlier comes again."""
    await awake(stage)
    written: list[str] = []
    submit = stage.store.submit

    def noted(units: Sequence[Unit], done: Done, *, patient: bool = False) -> None:
        written.extend(
            str(row) for unit in units for statement, rows in unit.steps for row in rows if "HELP" in str(row)
        )
        submit(units, done, patient=patient)

    monkeypatch.setattr(stage.store, "submit", noted)
    with monkeypatch.context() as patch:
        gate = _held_reads(stage, patch)
        texts = [stage.writes(ANN, "HELP one")]
        stage.carrier.flush()  # nobody knows her any more: she is being read
        texts.append(stage.writes(ANN, "HELP two"))
        stage.carrier.flush()
        await stage.store.quiet()
        assert not written
        assert not {text.token for text in texts} & {token for token, _ in stage.carrier.acknowledged}
        gate.set()
        await stage.settled()
    await stage.settled()
    first, second = (next(at for at, row in enumerate(written) if f"HELP {word}" in row) for word in ("one", "two"))
    assert first < second
    assert [token for token, _ in stage.carrier.acknowledged[-2:]] == [text.token for text in texts]


def _held_reads(stage: Stage, patch: pytest.MonkeyPatch) -> asyncio.Event:
    """Nobody knows the customers any more, and reading them waits for the event."""
    stage.engine.states.clear()
    read, gate = stage.store.read, asyncio.Event()

    async def slowly(*question: Any, **given: Any) -> Any:
        await gate.wait()
        return await read(*question, **given)

    patch.setattr(stage.store, "read", slowly)
    return gate


async def test_what_comes_again_is_not_acknowledged_before_it_is_on_disk(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await awake(stage)
    with monkeypatch.context() as patch:
        gate = _held_reads(stage, patch)
        first, second = stage.writes(ANN, "HELP"), stage.writes(ANN, "STOP")
        stage.carrier.flush()
        stage.carrier.again(second)  # while it waits for the one before it
        stage.carrier.flush()
        await stage.store.quiet()
        assert not {first.token, second.token} & {token for token, _ in stage.carrier.acknowledged}
        gate.set()
        await stage.settled()
    await stage.settled()
    assert [token for token, _ in stage.carrier.acknowledged[-3:]] == [first.token, second.token, second.token]
    assert len(await stage.rows("SELECT id FROM message WHERE direction = 'mo' AND text = 'STOP'")) == 1


async def test_what_was_refused_takes_along_what_came_after_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await awake(stage)
    submit, full = stage.store.submit, [True]

    def sometimes(units: Sequence[Unit], done: Done, *, patient: bool = False) -> None:
        if full:
            full.clear()
            asyncio.get_running_loop().call_soon(lambda: done([StoreFull("locked for a moment")] * len(units)))
        else:
            submit(units, done, patient=patient)

    monkeypatch.setattr(stage.store, "submit", sometimes)
    start = stage.writes(ANN, "START")
    stage.carrier.flush()
    stop = stage.writes(ANN, "STOP")
    stage.carrier.flush()
    await stage.settled()
    assert stage.carrier.acknowledged[-2:] == [(start.token, False), (stop.token, False)]
    for text in (start, stop):  # the carrier brings both again
        stage.carrier.again(text)
        await stage.settled()
    assert [row["state"] for row in await stage.rows("SELECT state FROM consent")] == ["revoked"]


@pytest.mark.interpreted
async def test_a_fault_while_a_read_is_taken_blocks_no_customer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await awake(stage)
    take = stage.intake._take

    def broken(part: InboundPart, now: int) -> Any:
        if part.sender == BOB:
            raise TypeError("a fault of ours")
        return take(part, now)

    with monkeypatch.context() as patch:
        patch.setattr(stage.intake, "_take", broken)
        stage.writes(ANN, "HELP")
        stage.writes(BOB, "HELP")
        with pytest.raises(TypeError):
            stage.carrier.flush()
    text = stage.writes(ANN, "STOP")
    await stage.settled()
    assert (text.token, True) in stage.carrier.acknowledged


@pytest.mark.interpreted
async def test_a_bug_in_a_decision_loses_no_text_and_no_customer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await awake(stage)
    decide = stage.engine._decide
    texts = [stage.writes(phone, "HELP") for phone in (ANN, BOB)]

    def broken(due: Due, *rest: object) -> object:
        if due.key.endswith(BOB):
            raise RuntimeError("a bug")
        return decide(due, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(stage.engine, "_decide", broken)
        with pytest.raises(RuntimeError):
            stage.carrier.flush()
    assert stage.delivery.room() == stage.carrier.window
    await stage.settled()
    await stage.settled()
    assert {(text.token, True) for text in texts} <= set(stage.carrier.acknowledged)
    assert all(stage.engine.idle(f"tel:{phone}") for phone in (ANN, BOB))
    assert [len(stage.carrier.texts(phone)) for phone in (ANN, BOB)] == [2, 2]


@pytest.mark.interpreted
async def test_a_bug_while_a_customer_is_read_loses_no_text(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await awake(stage)
    stage.engine.states.clear()

    async def broken(_: list[Due]) -> dict[str, object]:
        raise RuntimeError("a bug")

    text = stage.writes(ANN, "HELP")
    with monkeypatch.context() as patch:
        patch.setattr(stage.engine, "_load", broken)
        stage.carrier.flush()
        task = stage.engine._reading
        assert task is not None
        await asyncio.wait([task])
        assert isinstance(task.exception(), RuntimeError)
    await stage.settled()
    await stage.settled()
    assert stage.carrier.acknowledged[-1] == (text.token, True)
    assert len(stage.carrier.texts(ANN)) == 2


@pytest.mark.interpreted
async def test_one_read_with_very_many_texts_does_not_hold_up_the_loop(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await awake(stage)
    phones = [f"+1555200{number:04d}" for number in range(MOST_AT_ONCE + 50)]
    sizes: list[int] = []
    at_once = stage.engine.at_once

    def counted(batch: Sequence[Due], done: Done) -> None:
        sizes.append(len(batch))
        at_once(batch, done)

    monkeypatch.setattr(stage.engine, "at_once", counted)
    for phone in phones:
        stage.writes(phone, "HELP")
    await stage.settled()
    assert sizes == [MOST_AT_ONCE]
    assert {to for to in phones if stage.carrier.texts(to)} == set(phones)


async def test_texts_of_one_decision_keep_their_order_whatever_their_urgency(stage: Stage) -> None:
    await awake(stage)

    def both(turn: Turn) -> None:
        for text, cls in (("first", MessageClass.transactional), ("second", MessageClass.conversational)):
            draft = outbound.Draft(text, cls, Author("system"))
            outbound.send(turn, None, turn.playbook.brands["acme"], draft)

    stage.lanes["send:sim"]._ready[1].append("somebody else's notice, which waits for its turn")
    asked = asyncio.ensure_future(stage.engine.ask(f"tel:{ANN}", both))
    await asyncio.sleep(0)
    stage.lanes["customer"]._dispatch()
    await asked
    await stage.settled()
    assert [part.text for part in stage.carrier.submitted[2:]] == ["first", "second"]
