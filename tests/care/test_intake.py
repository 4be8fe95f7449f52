"""Taking texts: commit, then acknowledge; redeliveries told apart from repetitions; long texts joined."""

from collections.abc import Sequence

import pytest

from gateway.care.redeliveries import Redeliveries
from gateway.model.ids import id_at
from gateway.store.units import StoreFull, Unit
from gateway.store.writer import Result
from tests.doubles.stage import OURS, Stage

ANN = "+15551230001"
NOW = 1_795_446_000_000


async def texts(stage: Stage) -> list[str]:
    return [row["text"] for row in await stage.rows("SELECT text FROM message WHERE direction = 'mo' ORDER BY id")]


def seen_once(*, session: int = 1, at: int = NOW) -> Redeliveries:
    """A text was taken over a bind that stands."""
    seen = Redeliveries()
    seen.standing(frozenset({1, 2}), at)
    seen.remember("d", session, 7, id_at(at))
    return seen


def test_the_same_pdu_again_is_a_redelivery() -> None:
    seen = seen_once()
    assert seen.original("d", 1, 7, NOW + 1000) == id_at(NOW)
    assert seen.original("d", 1, 7, NOW + 3_600_000) == id_at(NOW), "however late"
    assert seen.original("d", 1, 8, NOW + 1000) is None, "a new PDU of the same bind: the customer wrote it again"
    assert seen.original("e", 1, 7, NOW + 1000) is None


def test_after_its_bind_was_lost_it_is_a_redelivery_once() -> None:
    seen = seen_once()
    seen.standing(frozenset({2, 3}), NOW + 5000)
    assert seen.original("d", 3, 1, NOW + 9000) == id_at(NOW)
    assert seen.original("d", 3, 2, NOW + 9000) is None, "a third copy is the customer's"


def test_what_was_acknowledged_long_before_the_bind_was_lost_is_written_again() -> None:
    seen = seen_once()
    seen.standing(frozenset({2, 3}), NOW + 61_000)
    assert seen.original("d", 3, 1, NOW + 62_000) is None


def test_a_redelivery_comes_within_ten_minutes() -> None:
    seen = seen_once()
    seen.standing(frozenset({2}), NOW + 5000)
    assert seen.original("d", 2, 1, NOW + 601_000) is None


def test_the_other_bind_that_is_up_too_takes_a_new_text() -> None:
    # Two binds at once: "yes" over one, "yes" again over the other. Both are the customer's.
    assert seen_once(session=2).original("d", 1, 9, NOW + 1000) is None
    assert seen_once(session=1).original("d", 2, 9, NOW + 1000) is None


def test_a_text_whose_commit_failed_was_never_taken() -> None:
    seen = seen_once()
    seen.forget("d", id_at(NOW))
    assert seen.original("d", 1, 7, NOW) is None


async def test_nothing_is_acknowledged_before_it_is_on_disk(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True
    whole = stage.store.submit

    def submit(units: Sequence[Unit], done: object, *, patient: bool = False) -> None:
        if full and units[0].intake:
            results: list[Result] = [StoreFull("the disk is full")] * len(units)
            done(results)  # type: ignore[operator]
        else:
            whole(units, done)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.store, "submit", submit)
    first = stage.writes(ANN, "hello")
    await stage.settled()
    assert stage.carrier.acknowledged == [(first.token, False)]
    full = False
    # The carrier hands the same text over again: this time it is taken, and not for a redelivery.
    stage.carrier.again(first)
    await stage.settled()
    assert stage.carrier.acknowledged[1:] == [(first.token, True)]
    assert await texts(stage) == ["hello"]


async def test_the_same_words_again_are_two_texts(stage: Stage) -> None:
    stage.writes(ANN, "hello")
    stage.writes(ANN, "hello")
    await stage.settled()
    assert await texts(stage) == ["hello", "hello"]


async def test_a_redelivery_is_acknowledged_and_shown_on_the_first(stage: Stage) -> None:
    first = stage.writes(ANN, "hello")
    await stage.settled()
    stage.carrier.again(first)
    await stage.settled()
    assert [accepted for _, accepted in stage.carrier.acknowledged] == [True, True]
    assert await texts(stage) == ["hello"]
    assert [row["code"] for row in await stage.rows("SELECT code FROM message_event")] == ["duplicate"]


@pytest.mark.parametrize("sender", ["70007", "ACME", "", "+", "15551230001x", "+123456"])
async def test_a_sender_that_is_no_number_is_kept_for_a_person(stage: Stage, sender: str) -> None:
    stage.carrier.write(sender, OURS, "who am I?")
    await stage.settled()
    assert [accepted for _, accepted in stage.carrier.acknowledged] == [True]
    [letter] = await stage.rows("SELECT cause, body FROM dead_letter")
    assert "who am I?" in letter["body"]


async def test_unreadable_bytes_are_marked(stage: Stage) -> None:
    stage.carrier.write(ANN, OURS, "??", readable=False)
    await stage.settled()
    [row] = await stage.rows("SELECT text, reason FROM message WHERE direction = 'mo'")
    assert "unreadable" in row["reason"]


async def test_two_long_texts_with_one_reference_from_two_phones(stage: Stage) -> None:
    bob = "+15551230002"
    for part in (2, 1):
        for phone in (ANN, bob):
            stage.carrier.write(phone, OURS, f"{phone[-1]}{part} ", reference=9, part=part, parts=2)
    await stage.settled()
    assert sorted(await texts(stage)) == ["11 12 ", "21 22 "]


async def test_a_part_twice_and_the_same_reference_for_the_next_text(stage: Stage) -> None:
    one = stage.carrier.write(ANN, OURS, "a", reference=9, part=1, parts=2)
    stage.carrier.again(one)
    stage.carrier.write(ANN, OURS, "b", reference=9, part=2, parts=2)
    await stage.settled()
    stage.carrier.write(ANN, OURS, "c", reference=9, part=1, parts=2)
    stage.carrier.write(ANN, OURS, "d", reference=9, part=2, parts=2)
    await stage.settled()
    await stage.advance(minutes=5)
    assert await texts(stage) == ["ab", "cd"]


async def test_parts_that_were_joined_are_known_when_they_are_handed_over_again(stage: Stage) -> None:
    parts = [stage.carrier.write(ANN, OURS, f"{n}", reference=9, part=n, parts=2) for n in (1, 2)]
    await stage.settled()
    await stage.restart()
    for part in parts:
        stage.carrier.again(part)
    await stage.advance(minutes=2)
    assert await texts(stage) == ["12"]
    assert not await stage.rows("SELECT * FROM work WHERE lane = 'join'")


async def test_a_part_alone_waits_over_a_long_night(stage: Stage) -> None:
    stage.carrier.write(ANN, OURS, "the end", reference=9, part=2, parts=2)
    await stage.settled()
    await stage.restart()
    stage.now += 12 * 3_600_000
    await stage.settled()
    [row] = await stage.rows("SELECT text, reason FROM message WHERE direction = 'mo'")
    assert row["text"] == "the end"
    assert "part 1 of 2 never came" in row["reason"]


async def test_five_hundred_texts_in_one_read(stage: Stage) -> None:
    items = [stage.carrier.write(f"+1555300{n:04d}", OURS, "hello") for n in range(500)]
    await stage.settled()
    assert {token for token, accepted in stage.carrier.acknowledged if accepted} == {item.token for item in items}
    assert len(await texts(stage)) == 500
    assert len(stage.carrier.taken) == 500
