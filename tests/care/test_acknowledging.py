"""Acknowledgements wait while more than two windows wait to leave: in order, a second at most, only where it helps."""

from collections.abc import Iterator, Sequence

import pytest

from gateway.care import acknowledging
from gateway.care.acknowledging import HOLD_SECONDS
from gateway.model.channel import InboundPart
from gateway.model.message import ReceiptState
from tests.doubles import carrier as moods
from tests.doubles.carrier import FakeCarrier
from tests.doubles.stage import Stage

FIRST = "+15551230001"


class Seconds:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seconds]:
    """The clock of the holds; they are looked at by `settled` and by the test alone."""
    seconds = Seconds()
    stage.intake.acknowledging.clock = seconds
    monkeypatch.setattr(acknowledging, "LOOK_SECONDS", 3600.0)
    yield seconds
    stage.intake.acknowledging.stop()


def tokens(texts: Sequence[InboundPart]) -> list[object]:
    return [text.token for text in texts]


def acknowledged(stage: Stage) -> list[object]:
    assert all(accepted for _, accepted in stage.carrier.acknowledged), "nothing is refused"
    return [token for token, _ in stage.carrier.acknowledged]


async def write(stage: Stage, count: int) -> list[InboundPart]:
    """So many customers who have not written yet write, in one read."""
    first = stage.carrier._sequence
    texts = [stage.writes(f"+1555400{first + n:04d}", "HELP") for n in range(count)]
    await stage.settled()
    return texts


async def crowd(stage: Stage) -> None:
    """The carrier leaves a whole window unanswered, and three more wait to leave. All are acknowledged."""
    stage.writes(FIRST, "HELP")
    await stage.settled()
    stage.carrier.mood = moods.HOLD
    texts = await write(stage, 4 * stage.carrier.window)
    assert acknowledged(stage)[1:] == tokens(texts)
    assert stage.delivery.waiting() == 3 * stage.carrier.window
    assert stage.carrier.postponed == []


def answer(stage: Stage, count: int) -> None:
    """The carrier answers the oldest parts that it has."""
    stage.carrier._answers += stage.carrier.held[:count]
    del stage.carrier.held[:count]


async def test_held_on_disk_and_let_go_in_order_as_answers_leave(stage: Stage, clock: Seconds) -> None:
    await crowd(stage)
    before = len(acknowledged(stage))
    texts = await write(stage, 5) + await write(stage, 20)
    assert len(acknowledged(stage)) == before
    assert stage.carrier.postponed == tokens(texts)
    [row] = await stage.rows("SELECT count(*) AS count FROM message WHERE direction = 'mo'")
    assert row["count"] == before + 25, "committed and decided all the same"
    released = [0]
    while stage.carrier.held:
        answer(stage, 5)
        await stage.settled()
        released.append(len(acknowledged(stage)) - before)
    assert acknowledged(stage)[before:] == tokens(texts), "in order"
    assert released[:10] == [0] * 10, "first goes what waits"
    assert released == sorted(released)
    assert not await stage.laws()


async def test_at_most_a_second(stage: Stage, clock: Seconds) -> None:
    await crowd(stage)
    before = len(acknowledged(stage))
    early = await write(stage, 2)
    clock.now += HOLD_SECONDS / 2
    answer(stage, 1)  # it leaves slowly, but it leaves
    late = await write(stage, 3)
    clock.now += HOLD_SECONDS / 2 - 0.01
    assert not stage.intake.acknowledging.look()
    assert len(acknowledged(stage)) == before
    clock.now += 0.01
    assert stage.intake.acknowledging.look()
    assert acknowledged(stage)[before:] == tokens(early)
    clock.now += HOLD_SECONDS / 2
    assert stage.intake.acknowledging.look()
    assert acknowledged(stage)[before:] == tokens([*early, *late])


async def test_the_timer_looks_by_itself(stage: Stage, clock: Seconds, monkeypatch: pytest.MonkeyPatch) -> None:
    await crowd(stage)
    before = len(acknowledged(stage))
    [text] = await write(stage, 1)
    assert stage.intake.acknowledging._timer is not None
    clock.now += HOLD_SECONDS
    stage.intake.acknowledging._tick()
    assert acknowledged(stage)[before:] == [text.token]
    stage.intake.acknowledging._tick()
    assert stage.intake.acknowledging._timer is None, "nothing is held, nobody looks"


@pytest.mark.parametrize("count", [1, 10, 20])
async def test_nothing_is_held_while_little_waits(stage: Stage, clock: Seconds, count: int) -> None:
    await stage.settled()
    for _ in range(10):
        texts = await write(stage, count)
        assert acknowledged(stage)[-count:] == tokens(texts)
    assert stage.carrier.postponed == []
    assert stage.intake.acknowledging._timer is None


async def test_two_windows_may_wait(stage: Stage, clock: Seconds) -> None:
    await stage.settled()
    stage.carrier.mood = moods.HOLD
    await write(stage, 3 * stage.carrier.window)
    await write(stage, 1)
    assert stage.carrier.postponed == [], "one window is with the carrier, two wait"
    held = await write(stage, 1)
    assert stage.carrier.postponed == tokens(held)


async def test_a_carrier_that_takes_nothing_holds_nothing_after_a_second(stage: Stage, clock: Seconds) -> None:
    await crowd(stage)
    before = len(acknowledged(stage))
    stage.carrier.up = False  # the bind that sends is lost, the one that brings stands
    held = await write(stage, 2)
    assert len(acknowledged(stage)) == before
    clock.now += HOLD_SECONDS
    at_once = await write(stage, 2)
    assert acknowledged(stage)[before:] == tokens([*held, *at_once])
    for _ in range(5):
        clock.now += 3 * HOLD_SECONDS
        texts = await write(stage, 1)
        assert acknowledged(stage)[-1] == texts[0].token
    assert stage.carrier.postponed == tokens(held), "for hours: nothing more is held"
    stage.carrier.up = True
    answer(stage, 1)
    await stage.settled()
    clock.now += HOLD_SECONDS
    before = len(acknowledged(stage))
    held = await write(stage, 1)
    assert len(acknowledged(stage)) == before, "it takes again, so waiting helps again"
    assert stage.carrier.postponed[-1] == held[0].token


async def test_many_texts_to_one_customer_hold_up_nobody(stage: Stage, clock: Seconds) -> None:
    await stage.settled()
    stage.carrier.mood = moods.HOLD
    for _ in range(40):
        stage.writes(FIRST, "HELP")
    await stage.settled()
    assert stage.lanes["send:sim"].depth() > 2 * stage.carrier.window
    [text] = await write(stage, 1)
    assert acknowledged(stage)[-1] == text.token


async def test_a_stop_lets_go_what_is_held(stage: Stage, clock: Seconds) -> None:
    await crowd(stage)
    before = len(acknowledged(stage))
    held = await write(stage, 3)
    stage.intake.acknowledging.stop()
    assert acknowledged(stage)[before:] == tokens(held)
    late = await write(stage, 2)
    assert acknowledged(stage)[before:] == tokens([*held, *late])
    assert stage.intake.acknowledging._timer is None


async def test_a_receipt_is_never_held(stage: Stage, clock: Seconds) -> None:
    await crowd(stage)
    held = await write(stage, 1)
    stage.report(stage.carrier.taken[0], ReceiptState.delivered)
    await stage.settled()
    assert "receipt" in str(acknowledged(stage)[-1])
    assert held[0].token not in acknowledged(stage)


async def test_parts_of_a_long_text_are_held_like_others_and_joined(stage: Stage, clock: Seconds) -> None:
    await crowd(stage)
    before = len(acknowledged(stage))
    parts = [stage.carrier.write(FIRST, "70007", f"{n}", reference=9, part=n, parts=2) for n in (1, 2)]
    await stage.settled()
    assert len(acknowledged(stage)) == before
    rows = await stage.rows("SELECT text FROM message WHERE direction = 'mo' AND theirs = ?", FIRST)
    assert [row["text"] for row in rows] == ["HELP", "12"], "joined and decided before they are acknowledged"
    clock.now += HOLD_SECONDS
    stage.intake.acknowledging.look()
    assert acknowledged(stage)[before:] == tokens(parts)


async def test_a_text_whose_session_ended_while_it_was_held_is_a_redelivery(stage: Stage, clock: Seconds) -> None:
    await crowd(stage)
    [text] = await write(stage, 1)
    stage.intake.links_changed(frozenset({2}))
    stage.carrier.session, stage.carrier._sequence = 2, 0
    again = stage.carrier.write(text.sender, text.to, text.text)
    clock.now += HOLD_SECONDS
    await stage.settled()
    assert acknowledged(stage)[-1] == again.token
    rows = await stage.rows("SELECT text FROM message WHERE direction = 'mo' AND theirs = ?", text.sender)
    assert len(rows) == 1


async def test_a_flood_waits_at_the_carrier(stage: Stage, clock: Seconds, monkeypatch: pytest.MonkeyPatch) -> None:
    # The carrier keeps 60 texts unacknowledged, six times what we may have unanswered, until it has brought 1,000.
    await stage.settled()
    acknowledge, deepest = FakeCarrier.acknowledge, 0

    def closed_loop(carrier: FakeCarrier, these: Sequence[object], *, accepted: bool) -> None:
        nonlocal deepest
        acknowledge(carrier, these, accepted=accepted)
        deepest = max(deepest, carrier._sequence - len(carrier.submitted))
        for _ in range(min(len(these), 1000 - stage.carrier._sequence)):
            stage.writes(f"+1555400{stage.carrier._sequence:04d}", "HELP")

    monkeypatch.setattr(FakeCarrier, "acknowledge", closed_loop)
    stage.carrier.mood = moods.HOLD
    await write(stage, 60)
    while stage.carrier.held:
        answer(stage, 7)
        await stage.settled()
    assert len(acknowledged(stage)) == len(set(acknowledged(stage))) == 1000
    assert len(stage.carrier.taken) == 1000
    assert deepest <= 60 + 2 * stage.carrier.window, "texts whose answers have not left"
    assert not await stage.laws()
