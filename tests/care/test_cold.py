"""Texts of customers whom memory has not: they are read together, and hold up nobody whom it has."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.care import engine
from gateway.store.loading import load_batch
from gateway.store.units import Due
from tests.doubles.stage import Stage

ANN, BOB, CAROL, DAN = "+15551230001", "+15551230002", "+15551230003", "+15551230004"


def keys(*phones: str) -> list[str]:
    """The customers behind phones."""
    return [f"tel:{phone}" for phone in phones]


class Reads:
    """The questions for customers since then, each of which waits until `gate` is open."""

    def __init__(self, stage: Stage, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[list[str]] = []
        self.gate = asyncio.Event()
        read = stage.store.read

        async def slowly(question: Any, *given: Any) -> Any:
            if question is load_batch:
                self.asked.append(list(given[0]))
                await self.gate.wait()
            return await read(question, *given)

        patch.setattr(stage.store, "read", slowly)


async def awake(stage: Stage) -> None:
    """All four are known on disk; memory has Ann alone, and nothing waits."""
    for phone in (ANN, BOB, CAROL, DAN):
        stage.writes(phone, "HELP")
    await stage.settled()
    for phone in (BOB, CAROL, DAN):
        stage.engine.states.drop(f"tel:{phone}")


def breaking(stage: Stage, phone: str) -> Callable[..., object]:
    """The engine's decision with a bug for one customer."""
    decide = stage.engine._decide

    def decided(due: Due, *rest: Any) -> object:
        if due.key.endswith(phone):
            raise RuntimeError("a bug")
        return decide(due, *rest)

    return decided


async def test_those_who_come_while_others_are_read_are_read_together(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await awake(stage)
    reads = Reads(stage, monkeypatch)
    texts = []
    for phone in (BOB, CAROL, DAN):
        texts.append(stage.writes(phone, "HELP"))
        stage.carrier.flush()
        await asyncio.sleep(0)
    assert reads.asked == [keys(BOB)]
    reads.gate.set()
    await stage.settled()
    assert reads.asked == [keys(BOB), keys(CAROL, DAN)]
    assert [len(stage.carrier.texts(phone)) for phone in (BOB, CAROL, DAN)] == [2, 2, 2]
    assert [token for token, _ in stage.carrier.acknowledged[-3:]] == [text.token for text in texts]
    assert not await stage.laws()


async def test_who_is_known_is_answered_while_others_are_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await awake(stage)
    reads = Reads(stage, monkeypatch)
    stage.writes(BOB, "HELP")
    stage.writes(ANN, "HELP")
    stage.carrier.flush()  # both in one read of the carrier's socket
    await stage.store.quiet()
    assert reads.asked == [keys(BOB)]
    assert [len(stage.carrier.texts(phone)) for phone in (ANN, BOB)] == [2, 1]
    reads.gate.set()
    await stage.settled()
    assert len(stage.carrier.texts(BOB)) == 2


@pytest.mark.interpreted
async def test_a_crowd_is_read_some_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await awake(stage)
    monkeypatch.setattr(engine, "MOST_COLD", 2)
    reads = Reads(stage, monkeypatch)
    crowd = [f"+1555200{number:04d}" for number in range(5)]
    for phone in crowd:
        stage.writes(phone, "HELP")
        stage.carrier.flush()
    reads.gate.set()
    await stage.settled()
    assert reads.asked == [keys(*crowd[:2]), keys(*crowd[2:4]), keys(crowd[4])]
    assert all(len(stage.carrier.texts(phone)) == 1 for phone in crowd)


@pytest.mark.interpreted
async def test_a_bug_in_one_decision_loses_none_that_was_read_with_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await awake(stage)
    texts = [stage.writes(phone, "HELP") for phone in (BOB, CAROL)]
    with monkeypatch.context() as patch:
        patch.setattr(stage.engine, "_decide", breaking(stage, BOB))
        stage.carrier.flush()
        stage.writes(DAN, "HELP")
        stage.carrier.flush()
        task = stage.engine._reading
        assert task is not None
        await asyncio.wait([task])
        assert isinstance(task.exception(), RuntimeError)
    await stage.settled()
    await stage.settled()
    assert {(text.token, True) for text in texts} <= set(stage.carrier.acknowledged)
    assert [len(stage.carrier.texts(phone)) for phone in (BOB, CAROL, DAN)] == [2, 2, 2]
    assert all(stage.engine.idle(key) for key in keys(BOB, CAROL, DAN))


@pytest.mark.interpreted
async def test_a_bug_in_the_decision_of_one_who_is_known_loses_nobody_who_is_not(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await awake(stage)
    texts = [stage.writes(phone, "HELP") for phone in (ANN, BOB)]
    with monkeypatch.context() as patch:
        patch.setattr(stage.engine, "_decide", breaking(stage, ANN))
        with pytest.raises(RuntimeError):
            stage.carrier.flush()
    await stage.settled()
    await stage.settled()
    assert {(text.token, True) for text in texts} <= set(stage.carrier.acknowledged)
    assert [len(stage.carrier.texts(phone)) for phone in (ANN, BOB)] == [2, 2]
    assert all(stage.engine.idle(key) for key in keys(ANN, BOB))
