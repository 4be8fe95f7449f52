"""The engine: lost commits are decided again, broken handlers are quarantined, dead letters can be replayed."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.care.desk import Sending, Unknown
from gateway.care.inbound import Text
from gateway.care.turn import NotOwner, Refused
from gateway.model.message import MessageClass
from gateway.store import work
from gateway.store.units import Conflict, Due, Statement, StoreFull, Unit
from gateway.store.writer import Result
from gateway.triggers import Handler, Talk
from tests.doubles.stage import OURS, Stage, house

ANN, BOB = "+15551230001", "+15551230002"
OVERAGE: dict[str, object] = {"plan": "Basic", "minutes_over": 1, "charge": "5.00", "currency": "USD"}


def sending(to: str, text: str, key: str | None = None) -> Sending:
    return Sending(to, text, None, {}, MessageClass.transactional, None, key, "program")


async def queued(stage: Stage, to: str = ANN) -> int:
    """A conversation that waits for a person; its id."""
    await stage.event("plan.overage", to, OVERAGE)
    await stage.settled()
    stage.writes(to, "why?")
    await stage.settled()
    return int((await stage.conversation(to))["id"])


async def test_a_commit_that_was_lost_is_decided_again_on_what_is_true_now(stage: Stage) -> None:
    conversation = await queued(stage)
    # Behind the engine's back another process takes the conversation: what the engine remembers is wrong now.
    unit = Unit("thief")
    stage.engine.states.get(f"tel:{ANN}")
    steal = (
        "UPDATE conversation SET state = 'human', owner_id = 'ben@example.test', agent = 'ben@example.test', epoch = 9"
    )
    unit.add(Statement("steal", steal), ())
    await stage.store.write(unit)
    with pytest.raises(NotOwner, match="Ben has this conversation"):
        await stage.do(stage.desk.claim(conversation, "Ana"))


async def test_a_failed_commit_drops_what_was_remembered_and_loses_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued(stage)
    monkeypatch.setattr(stage.engine, "_lane", None)  # by a row of work, not at once
    assert stage.engine.states.get(f"tel:{ANN}") is not None
    whole = type(stage.store).apply
    failing = True

    async def full(self: object, units: Sequence[Unit]) -> list[Result]:
        if failing and any(unit.steps and unit.steps[0][0].name == "take work" for unit in units):
            return [StoreFull("the disk is full")] * len(units)
        return await whole(stage.store, units)

    monkeypatch.setattr(stage.store, "apply", full.__get__(stage.store))
    stage.writes(ANN, "hello?")
    await stage.settled()
    assert stage.engine.states.get(f"tel:{ANN}") is None, "a failed commit drops all that is remembered"
    assert not await stage.rows("SELECT id FROM message WHERE text = 'hello?'")
    failing = False
    await stage.advance(seconds=2)
    assert await stage.rows("SELECT id FROM message WHERE text = 'hello?'")
    assert not await stage.laws()


async def test_two_claims_at_once_have_one_winner(stage: Stage) -> None:
    conversation = await queued(stage)
    results = await stage.do(
        _gather(*(stage.desk.claim(conversation, agent) for agent in ("Ana", "Cleo", "Ana", "Cleo")))
    )
    lost = [isinstance(result, NotOwner) for result in results]
    assert lost in ([False, True, False, True], [True, False, True, False])
    winner = "ana@example.test" if lost[1] else "cleo@example.test"
    assert (await stage.conversation(ANN))["agent"] == winner


async def _gather(*asked: object) -> list[object]:
    return list(await asyncio.gather(*asked, return_exceptions=True))  # type: ignore[call-overload]


async def test_the_same_key_sends_once(stage: Stage) -> None:
    results = await stage.do(_gather(*(stage.desk.send(sending(ANN, "Bill.", "k")) for _ in range(3))))
    assert len({result.message_id for result in results}) == 1  # type: ignore[attr-defined]
    await stage.settled()
    assert stage.carrier.texts(ANN) == ["Bill."]
    conversation = await queued(stage, BOB)
    await stage.do(stage.desk.claim(conversation, "Ana"))
    said = await stage.do(_gather(*(stage.desk.say(conversation, "Ana", "Hi Bob", "a") for _ in range(2))))
    assert len({message.id for message in said}) == 1  # type: ignore[attr-defined]
    await stage.settled()
    assert stage.carrier.texts(BOB)[1:] == ["Hi Bob"]


async def test_what_cannot_be_said_is_refused_and_writes_nothing(stage: Stage) -> None:
    conversation = await queued(stage)
    await stage.do(stage.desk.claim(conversation, "Ana"))
    for text in ("", "   ", "x" * 100_000):
        with pytest.raises(Refused):
            await stage.do(stage.desk.say(conversation, "Ana", text))
    with pytest.raises(Refused, match="no agent 'Nobody'"):
        await stage.do(stage.desk.say(conversation, "Nobody", "hi"))
    with pytest.raises(Unknown):
        await stage.do(stage.desk.claim(12345, "Ana"))
    with pytest.raises(Refused, match="no queue or agent"):
        await stage.do(stage.desk.transfer(conversation, "nowhere", "", "Ana"))
    assert (await stage.conversation(ANN))["state"] == "human"
    assert not await stage.laws()


async def test_a_dead_letter_is_replayed_after_the_fix(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.event("broken.handler", ANN, {"what": "start"})
    await stage.settled()
    [letter] = await stage.rows("SELECT * FROM dead_letter")
    assert "broken at the start" in letter["cause"]
    assert "stage_handlers.py" in letter["cause"], "the cause names the line"
    # Not mended yet: it dies again, with one letter.
    await stage.desk.replay(letter["id"])
    await stage.settled()
    [letter] = await stage.rows("SELECT * FROM dead_letter")
    assert letter["state"] == "dead"
    monkeypatch.setitem(stage.playbook.handlers, "broken.handler", mended())
    await stage.desk.replay(letter["id"])
    await stage.settled()
    assert stage.carrier.texts(ANN) == ["Acme Mobile: mended."]
    assert await stage.rows("SELECT state FROM event") == [{"state": "done"}]
    with pytest.raises(Conflict):
        await stage.desk.replay(letter["id"])


def mended() -> "Handler[object]":  # type: ignore[type-var]
    """The broken handler without its fault."""
    broken = house()[1].handlers["broken.handler"]
    handler = Handler("broken.handler", schema=broken.schema, message_class="transactional")

    @handler.start
    def begin(talk: Talk, event: object) -> None:
        talk.say("stage.notice", what="mended").close("told")

    @handler.on("word")
    def reply(talk: Talk, reply: str) -> None:
        talk.say("stage.notice", what=f"you said {reply}").close("answered")

    return handler


async def test_only_misses_in_a_row_bring_a_person(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = Handler("broken.handler", schema=house()[1].handlers["broken.handler"].schema)

    @handler.start
    def begin(talk: Talk, event: object) -> None:
        talk.say("stage.notice", what="ask").wait("word")

    @handler.on("word", "LATER")
    def later(talk: Talk, reply: str) -> None:
        talk.say("stage.notice", what="again").wait("word")

    monkeypatch.setitem(stage.playbook.handlers, "broken.handler", handler)
    await stage.event("broken.handler", ANN, {"what": "later"})
    await stage.settled()
    states = []
    for text in ("why", "later", "why", "why"):
        stage.writes(ANN, text)
        await stage.settled()
        states.append((await stage.conversation(ANN))["state"])
    assert states == ["bot", "bot", "bot", "queued"]


async def test_a_text_that_broke_its_handler_is_replayed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.event("broken.handler", ANN, {"what": "later"})
    await stage.settled()
    stage.writes(ANN, "blue")
    await stage.settled()
    talk = await stage.conversation(ANN)
    assert talk["state"] == "queued"
    [letter] = await stage.rows("SELECT * FROM dead_letter")
    # The person gives it back, the fix is there, and the customer's old words are taken up again.
    await stage.do(stage.desk.hand_back(talk["id"], "Ana", ""))
    monkeypatch.setitem(stage.playbook.handlers, "broken.handler", mended())
    await stage.desk.replay(letter["id"])
    await stage.settled()
    assert stage.carrier.texts(ANN)[-1] == "Acme Mobile: you said blue."
    assert await stage.rows("SELECT count(*) AS n FROM message WHERE direction = 'mo'") == [{"n": 1}]
    assert not await stage.laws()


async def test_a_text_of_no_phone_number_is_not_replayed(stage: Stage) -> None:
    stage.carrier.write("70007", OURS, "who am I?")
    await stage.settled()
    [letter] = await stage.rows("SELECT id, cause, state FROM dead_letter")
    for _ in range(2):
        with pytest.raises(Refused, match="no phone number"):
            await stage.desk.replay(letter["id"])
    await stage.settled()
    assert await stage.rows("SELECT id, cause, state FROM dead_letter") == [letter]
    assert stage.engine.dead == 0
    assert not await stage.rows("SELECT * FROM work")


async def test_a_text_that_was_not_kept_when_it_died_is_routed_as_new(stage: Stage) -> None:
    text = Text(OURS, "HOURS", "sim")
    due = Due(stage.ids(), "customer", f"tel:{ANN}", "mo", stage.now, body=text.body())
    unit = Unit(due.key)
    work.bury(unit, due, "it died with no person to go to")
    await stage.store.write(unit)
    await stage.desk.replay(due.id)
    await stage.settled()
    assert await stage.rows("SELECT text FROM message WHERE direction = 'mo'") == [{"text": "HOURS"}]
    assert stage.carrier.texts(ANN)
    assert await stage.rows("SELECT state FROM dead_letter") == [{"state": "replayed"}]


async def test_ten_thousand_broken_starts_call_nobody(stage: Stage) -> None:
    for n in range(300):
        await stage.event("broken.handler", f"+1555200{n:04d}", {"what": "start"})
    await stage.settled()
    assert await stage.rows("SELECT count(*) AS n FROM dead_letter") == [{"n": 300}]
    assert await stage.rows("SELECT count(*) AS n FROM conversation") == [{"n": 0}]
    assert stage.engine.dead == 300


async def test_events_of_one_customer_are_told_in_order(stage: Stage) -> None:
    for n in range(20):
        await stage.event("notice.only", ANN, {"what": f"news {n}"})
    await stage.settled()
    assert stage.carrier.texts(ANN) == [f"Acme Mobile: news {n}." for n in range(20)]


async def test_texts_that_came_during_a_call_keep_their_order(stage: Stage) -> None:
    await stage.event("plan.overage", ANN, OVERAGE)
    await stage.settled()
    stage.writes(ANN, "yes")
    await stage.settled()
    [visit] = stage.office.waiting
    for text in ("one", "two"):
        stage.writes(ANN, text)
        await stage.settled()
    # The answer and two more texts come in one breath.
    stage.office.answer(visit, 200, {})
    stage.writes(ANN, "three")
    stage.writes(ANN, "four")
    await stage.settled()
    talk = await stage.conversation(ANN)
    # The default handler greets at "one" and gives the second text to a person: the words prove who came first.
    assert talk["why"] == "one / two"
