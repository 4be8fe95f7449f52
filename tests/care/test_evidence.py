"""Receipts that settle a submit in doubt: by our reference, or because they fit one text alone (reliability 4.3)."""

from typing import Any

import pytest

from gateway.care.desk import Sending
from gateway.care.evidence import owner_of, reference_of, told_text
from gateway.model.channel import Receipt
from gateway.model.message import MessageClass, Outcome, ReceiptState
from gateway.store.evidence import Owner
from gateway.store.units import Statement, Unit
from tests.doubles import carrier as moods
from tests.doubles.carrier import Taken
from tests.doubles.stage import Stage

ANN, BEN = "+15551230001", "+15551230002"
DELIVERED = ReceiptState.delivered
NOW = 1_795_446_000_000


async def lost(stage: Stage, what: str, to: str = ANN) -> Taken:
    """A text that the carrier took, and whose answer was lost."""
    stage.now += 1  # our reference comes from the millisecond in which the message was made
    stage.carrier.moods.append(moods.LOSE)
    await stage.event("notice.only", to, {"what": what})
    await stage.settled()
    return stage.carrier.taken[-1]


async def change(stage: Stage, sql: str) -> None:
    """Makes a state that only time or another release makes."""
    unit = Unit("test")
    unit.add(Statement("test", sql, exact=False), ())
    await stage.store.write(unit)


async def told(stage: Stage) -> list[tuple[Any, ...]]:
    """State, disposition and mark of each text of ours, oldest first."""
    return [(one.state, one.disposition, int(one.possible_duplicate)) for one in await stage.sent_texts()]


async def nothing_more(stage: Stage, count: int) -> None:
    """The rule's time passes; the carrier took that many parts in all."""
    await stage.advance(hours=2)
    assert len(stage.carrier.submitted) == count
    assert not await stage.rows("SELECT * FROM work WHERE kind IN ('receipt', 'doubt', 'send')")
    assert not await stage.laws()


@pytest.mark.parametrize("state", [DELIVERED, ReceiptState.enroute])
@pytest.mark.parametrize("echo", [True, False])
async def test_a_receipt_settles_the_doubt(stage: Stage, state: ReceiptState, echo: bool) -> None:
    taken = await lost(stage, "hi")
    assert await told(stage) == [("sending", "in_doubt", 0)]
    stage.carrier.report(taken, state, reference=taken.part.user_reference if echo else None)
    await stage.settled()
    assert await told(stage) == [("final", "delivered", 0) if state is DELIVERED else ("sent", None, 0)]
    [row] = await stage.rows("SELECT outcome, remote_id, receipt FROM attempt")
    assert row == {"outcome": "accepted", "remote_id": taken.remote_id, "receipt": state}
    [line] = await stage.rows("SELECT kind, reason, remote_id, segment FROM message_event")
    assert (line["kind"], line["remote_id"], line["segment"]) == ("receipt", taken.remote_id, 1)
    assert ("our reference" in line["reason"]) == echo
    figures = stage.tracking.figures
    assert (figures.by_reference, figures.by_match, figures.parked) == (int(echo), int(not echo), 0)
    stage.report(taken, DELIVERED)
    await nothing_more(stage, 1)
    assert await told(stage) == [("final", "delivered", 0)]


async def test_two_receipts_of_one_read_settle_it_once(stage: Stage) -> None:
    taken = await lost(stage, "hi")
    stage.report(taken, ReceiptState.enroute)
    stage.report(taken, DELIVERED)
    await stage.settled()
    assert all(accepted for _, accepted in stage.carrier.acknowledged)
    assert await told(stage) == [("final", "delivered", 0)]
    assert stage.tracking.figures.by_match == 1


async def test_the_late_answer_after_the_receipt_changes_nothing(stage: Stage) -> None:
    taken = await lost(stage, "hi")
    stage.report(taken, DELIVERED)
    await stage.settled()
    stage.carrier.answer_held()
    await nothing_more(stage, 1)
    assert await told(stage) == [("final", "delivered", 0)]


async def test_the_receipt_may_come_before_the_doubt(stage: Stage) -> None:
    """It is parked, and heard before the rule is applied, however long its own time is."""
    stage.carrier.moods.append(moods.HOLD)
    await stage.event("notice.only", ANN, {"what": "hi"})
    await stage.settled()
    [taken] = stage.carrier.taken
    stage.report(taken, DELIVERED)
    await stage.advance(minutes=3)
    assert stage.tracking.figures.parked == 1
    await stage.carrier.stop(0)
    stage.carrier._open = 0
    await stage.settled()
    assert await told(stage) == [("sending", "in_doubt", 0)]
    await stage.advance(seconds=62)
    assert await told(stage) == [("final", "delivered", 0)]
    await nothing_more(stage, 1)


async def test_two_texts_in_doubt_are_told_apart_by_what_the_receipt_repeats(stage: Stage) -> None:
    first, second = await lost(stage, "one"), await lost(stage, "two")
    assert first.part.user_reference == reference_of(first.part.attempt[0])
    stage.carrier.report(second, DELIVERED, reference=second.part.user_reference)
    await stage.settled()
    dispositions = [row[1] for row in await told(stage)]
    assert dispositions == ["in_doubt", "delivered"]
    stage.report(first, ReceiptState.undeliverable)
    await stage.settled()
    assert [row[1] for row in await told(stage)][:2] == ["bounced", "delivered"]


async def test_two_texts_in_doubt_are_told_apart_by_their_first_characters(stage: Stage) -> None:
    first, second = await lost(stage, "one"), await lost(stage, "two")
    stage.carrier.report(second, DELIVERED, text=second.part.text[:20])
    stage.carrier.report(first, DELIVERED, text=first.part.text[:20])
    await stage.settled()
    assert first.part.text[:20] != second.part.text[:20]
    assert [row[1] for row in await told(stage)] == ["delivered", "delivered"]
    ids = await stage.rows("SELECT remote_id FROM attempt ORDER BY message_id")
    assert [row["remote_id"] for row in ids] == [first.remote_id, second.remote_id]
    await nothing_more(stage, 2)


async def test_what_fits_two_texts_settles_none(stage: Stage) -> None:
    first, _ = await lost(stage, "one"), await lost(stage, "two")
    stage.report(first, DELIVERED)
    await stage.settled()
    assert [row[1] for row in await told(stage)] == ["in_doubt", "in_doubt"]
    assert stage.tracking.figures.parked == 1
    await stage.advance(minutes=2)
    assert len(stage.carrier.submitted) == 4, "the rule: each once more, marked"
    assert [row[2] for row in await told(stage)] == [1, 1]


async def test_a_receipt_that_many_doubts_bring_forward_is_given_up_in_its_time(stage: Stage) -> None:
    taken = [await lost(stage, f"number {number}") for number in range(20)]
    stage.report(taken[0], DELIVERED)
    for _ in range(30):
        await stage.advance(seconds=3)
        await lost(stage, "one more")
    await nothing_more(stage, 100)
    assert stage.tracking.figures.unknown == 1


async def test_two_ids_that_claim_one_text_settle_none(stage: Stage) -> None:
    taken = await lost(stage, "hi")
    stage.carrier.report(taken, DELIVERED, remote_id="AAAA")
    stage.carrier.report(taken, ReceiptState.undeliverable, remote_id="BBBB")
    await stage.settled()
    assert await told(stage) == [("sending", "in_doubt", 0)]


async def test_a_receipt_of_a_text_under_way_is_not_given_to_the_one_in_doubt(stage: Stage) -> None:
    await lost(stage, "one")
    stage.carrier.moods.append(moods.HOLD)
    await stage.event("notice.only", ANN, {"what": "two"})
    await stage.advance(seconds=3)
    early = stage.carrier.taken[-1]
    stage.report(early, DELIVERED)
    await stage.settled()
    assert [row[1] for row in await told(stage)] == ["in_doubt", None]
    stage.carrier.held.pop(0)  # the answer of the first stays lost
    stage.carrier.answer_held()
    await stage.settled()
    await stage.advance(seconds=1)
    assert [row[1] for row in await told(stage)] == ["in_doubt", "delivered"]


@pytest.mark.parametrize("wrong", ["phone", "reference", "text", "late"])
async def test_a_receipt_that_does_not_fit_is_parked(stage: Stage, wrong: str) -> None:
    taken = await lost(stage, "hi", BEN if wrong == "phone" else ANN)
    if wrong == "phone":
        taken.part = await _other_phone(stage)
    if wrong == "late":
        await change(stage, "UPDATE attempt SET at = at - 700000")
    reference = taken.part.user_reference or 0
    stage.carrier.report(
        taken,
        DELIVERED,
        remote_id="CAFE",
        reference=reference ^ 1 if wrong == "reference" else None,
        text="Your code is 4711" if wrong == "text" else "",
    )
    await stage.settled()
    assert ("sending", "in_doubt", 0) in await told(stage)
    assert stage.tracking.figures.parked == 1


async def _other_phone(stage: Stage) -> Any:
    await stage.event("notice.only", ANN, {"what": "hi"})
    await stage.settled()
    return stage.carrier.taken[-1].part


async def test_each_part_of_a_long_text_by_its_own_words(stage: Stage) -> None:
    stage.carrier.moods.extend([moods.LOSE, moods.LOSE])
    text = " ".join(f"word{number}" for number in range(30))
    await stage.do(stage.desk.send(Sending(ANN, text, None, {}, MessageClass.transactional, None, None, "program")))
    first, second = sorted(stage.carrier.taken, key=lambda taken: taken.part.part)
    stage.carrier.report(second, DELIVERED, text=second.part.text[:20], reference=second.part.user_reference)
    await stage.settled()
    rows = await stage.rows("SELECT part, outcome, remote_id FROM attempt ORDER BY part")
    assert [(row["outcome"], row["remote_id"]) for row in rows] == [("in_doubt", None), ("accepted", second.remote_id)]
    assert await told(stage) == [("sending", "in_doubt", 0)]
    stage.report(first, DELIVERED)
    await stage.settled()
    assert await told(stage) == [("final", "delivered", 0)]
    await nothing_more(stage, 2)


async def test_a_repetition_that_has_not_left_is_dropped(stage: Stage) -> None:
    taken = await lost(stage, "hi")
    stage.carrier.up = False
    await stage.advance(seconds=61)
    assert len(await stage.rows("SELECT 1 FROM work WHERE kind = 'send'")) == 1
    stage.report(taken, DELIVERED)
    await stage.settled()
    stage.carrier.up = True
    await nothing_more(stage, 1)
    assert [row[1] for row in await told(stage)] == ["delivered"]


async def test_the_receipt_of_the_first_copy_after_the_second_was_taken(stage: Stage) -> None:
    first = await lost(stage, "hi")
    await stage.advance(seconds=61)
    _, second = stage.carrier.taken
    assert await told(stage) == [("sent", None, 1)]
    stage.report(first, DELIVERED)
    await stage.settled()
    assert stage.tracking.figures.parked == 1, "it might be the second's, under another form of its id"
    stage.report(second, DELIVERED)
    await nothing_more(stage, 2)
    rows = await stage.rows("SELECT outcome, receipt FROM attempt")
    assert [tuple(row.values()) for row in rows] == [("accepted", "DELIVRD")] * 2


async def test_evidence_after_we_gave_up_betters_unknown(stage: Stage) -> None:
    stage.carrier.moods.append(moods.LOSE)
    await stage.do(stage.desk.send(Sending(ANN, "buy", None, {}, MessageClass.conversational, None, None, "program")))
    [taken] = stage.carrier.taken
    await change(stage, "UPDATE message SET state = 'final', disposition = 'unknown' WHERE direction = 'mt'")
    stage.report(taken, DELIVERED)
    await stage.settled()
    assert [row[:2] for row in await told(stage)] == [("final", "delivered")]


async def test_after_a_crash(stage: Stage) -> None:
    stage.carrier.moods.append(moods.HOLD)
    await stage.event("notice.only", ANN, {"what": "hi"})
    await stage.settled()
    [taken] = stage.carrier.taken
    stage.carrier.held.clear()
    stage.carrier._open = 0
    await stage.restart()
    assert await told(stage) == [("sending", "in_doubt", 0)]
    stage.report(taken, DELIVERED)
    await nothing_more(stage, 1)
    assert await told(stage) == [("final", "delivered", 0)]


# -- the decision alone


def receipt(text: str = "", reference: int | None = None, to: str = "70007") -> Receipt:
    return Receipt(None, "sim", ("A",), DELIVERED, ANN, to, user_reference=reference, text=text)


def owner(number: int = 1, outcome: str | None = Outcome.in_doubt, *, part: int = 1, text: str = "Hello Ann") -> Owner:
    return Owner((number << 20, part, 1), outcome, NOW - 1000, "70007", text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("id:1 stat:DELIVRD err:000 text:", ""),
        ("id:1 stat:DELIVRD err:000 Text: - ", ""),
        ("id:1 stat:DELIVRD err:000 TEXT:Hello Ann", "Hello Ann"),
        ("id:1 stat:DELIVRD err:000 text:" + "x" * 40, "x" * 20),
        ("", ""),
    ],
)
def test_what_a_receipt_says_of_the_text(line: str, said: str) -> None:
    assert told_text(receipt(line)) == said


@pytest.mark.parametrize(
    ("asked", "owners", "is_first"),
    [
        (receipt(), [owner()], True),
        (receipt(), [], False),
        (receipt(), [owner(), owner(2)], False),
        (receipt(), [owner(), owner(2, None)], False),
        (receipt(), [owner(), owner(2, Outcome.accepted)], False),
        (receipt(), [owner(outcome=Outcome.accepted)], False),
        (receipt(), [owner(outcome=None)], False),
        (receipt(to="80008"), [owner()], False),
        (receipt(reference=1 << 4), [owner(), owner(2)], True),
        (receipt(reference=1 << 4, to="other"), [owner(), owner(2, Outcome.accepted)], True),
        (receipt(reference=3 << 4), [owner()], False),
        (receipt(reference=1 << 4), [owner(), owner(1, None)], False),
        (receipt(reference=1 << 4), [owner(), owner(1 + 4096)], False),
        (receipt("text:Hello", 1 << 4), [owner(), owner(1 + 4096, text="Bye")], True),
        (receipt("text:hello"), [owner()], False),
        (receipt("text:Hello Ann and more"), [owner()], False),
        (receipt("text:Hell. Ann"), [owner(text="Hellö Ann")], True),
        (receipt("text:Hello"), [owner(), owner(2, text="Hello Ben")], False),
        (receipt("text:Hello"), [owner(), owner(2, Outcome.accepted, text="Bye")], True),
    ],
)
def test_who_owns_a_receipt(asked: Receipt, owners: list[Owner], is_first: bool) -> None:
    found = owner_of(asked, owners, NOW)
    assert (found is not None and found is owners[0]) == is_first
    assert found is None or is_first


def test_evidence_has_its_time() -> None:
    assert owner_of(receipt(), [owner()], NOW + 700_000) is None
    assert owner_of(receipt(reference=1 << 4), [owner()], NOW + 700_000) is not None
    assert owner_of(receipt(reference=1 << 4), [owner()], NOW + 7 * 3_600_000) is None


def test_texts_made_close_together_have_references_of_their_own() -> None:
    """Two of one millisecond, and any of the same four seconds."""
    at = NOW << 20
    ids = [at + sequence for sequence in range(16)] + [at + (ms << 20) for ms in range(1, 4096)]
    assert len({reference_of(an_id) for an_id in ids}) == len(ids)
    assert all(0 <= reference_of(an_id) <= 0xFFFF for an_id in ids)
