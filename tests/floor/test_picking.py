"""Verbs that are run on the desk's own contact: which conversation is meant, and who may mean which."""

from collections.abc import Mapping

import pytest

from gateway.floor.picking import CHOSEN, MOST_SHOWN, WHICH
from gateway.floor.repertoire import VERBS
from gateway.floor.verbs import Whose
from gateway.model.desk import Asked, Input, Said, Show, Told
from gateway.store.units import Statement, Unit
from tests.doubles.stage import Stage

ANN, MAX, ZOE = "+15551230001", "+15551230002", "+15551230003"
ANA, BEN, CLEO = "ana@example.test", "ben@example.test", "cleo@example.test"
_NAME = Statement("name", "UPDATE customer SET name = ?, tier = 'gold' WHERE key = ?")
TABLES = ("conversation", "message", "offer", "note", "room", "consent", "consent_event", "conversation_tag")


async def runs(stage: Stage, agent: str, verb: str, values: Mapping[str, str] | None = None, of: str = "") -> Told:
    told = await stage.do(stage.agents.asked(Asked(agent, of, verb, values)))
    await stage.settled()
    return told


async def waits(stage: Stage, customer: str, name: str = "") -> None:
    stage.writes(customer, "agent")
    await stage.settled()
    await stage.settled()
    if name:
        unit = Unit("names")
        unit.add(_NAME, (name, f"tel:{customer}"))
        await stage.store.write(unit)
        stage.engine.states.drop(f"tel:{customer}")


async def takes(stage: Stage, agent: str, customer: str) -> None:
    told = await runs(stage, agent, "take", of=customer)
    assert not told.refused, told.text


def which(told: Told) -> Input:
    assert told.form is not None, told.text
    assert [one.name for one in told.form.inputs] == [WHICH]
    assert told.form.more, "another step follows"
    return told.form.inputs[0]


async def rows(stage: Stage) -> dict[str, list[dict[str, object]]]:
    return {table: await stage.rows(f"SELECT * FROM {table}") for table in TABLES}


async def test_every_verb_is_offered_on_the_desk(stage: Stage) -> None:
    on_desk = dict(await stage.agents.verbs(ANA, ""))
    on_contact = dict(await stage.agents.verbs(ANA, ANN))
    assert set(on_contact) < set(on_desk)
    assert {name: on_desk[name] for name in VERBS} == {name: on_contact[name] for name in VERBS}


async def test_which_says_how_each_stands(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    for customer, name in ((ANN, "Ann"), (MAX, ""), (ZOE, "Zoe")):
        await waits(stage, customer, name)
    await takes(stage, ANA, ANN)
    await runs(stage, ANA, "decline", of=MAX)
    its = which(await runs(stage, ANA, "note"))
    assert dict(its.choices) == {
        ANN: f"Ann, gold ({ANN}): with you",
        ZOE: f"Zoe, gold ({ZOE}): offered to you",
        MAX: f"{MAX}: waits in billing",
    }
    assert its.required
    assert its.choices[0][0] == ANN, "what one has comes first"
    assert not its.value, "nothing is chosen that nobody chose"
    told = await runs(stage, BEN, "monitor")
    assert told.text.startswith(f"Ann, gold ({ANN}): you are asked into the room"), "one only, and so not asked"


async def test_a_supervisor_may_mean_what_others_have(stage: Stage) -> None:
    for customer in (ANN, MAX):
        await waits(stage, customer, "Ann")
        await takes(stage, ANA, customer)
    its = which(await runs(stage, BEN, "close"))
    assert {value: label.split(": ")[1] for value, label in its.choices} == {ANN: "with Ana", MAX: "with Ana"}
    assert (await runs(stage, CLEO, "close")).text == "not done: you have no conversation now"


async def test_the_form_is_that_of_the_contact(stage: Stage) -> None:
    """One definition: with whom it is about, hidden, and in the title."""
    await waits(stage, ANN, "Ann")
    await takes(stage, ANA, ANN)
    for name in VERBS:
        here, there = await runs(stage, ANA, name, of=ANN), await runs(stage, ANA, name, {WHICH: ANN})
        assert here.refused == there.refused, name
        if here.form is None:
            assert there.text.replace("write there", "write here") == f"Ann, gold ({ANN}): {here.text}"
            continue
        assert there.form is not None
        chosen, *inputs = there.form.inputs
        assert chosen == Input(CHOSEN, "", value=ANN, hidden=True)
        assert (tuple(inputs), there.form.text) == (here.form.inputs, here.form.text), name
        assert there.form.title == f"{here.form.title}: Ann, gold ({ANN})"


async def test_a_form_without_an_answer_is_one(stage: Stage) -> None:
    """What may be left out is not asked for ever: whom it is about came back, so the form was shown."""
    await waits(stage, ANN)
    await takes(stage, ANA, ANN)
    assert (await runs(stage, ANA, "optout")).form is not None
    told = await runs(stage, ANA, "optout", {CHOSEN: ANN})
    assert told.text == f"{ANN}: recorded: the customer is unsubscribed, and told so once"


async def test_what_nobody_chose_is_not_done(stage: Stage) -> None:
    """Two waited when the form was made, one does now."""
    stage.attendance.tell(ANA, Show.online)
    for customer in (ANN, MAX):
        await waits(stage, customer)
    assert len(which(await runs(stage, ANA, "take")).choices) == 2
    await takes(stage, CLEO, ANN)
    told = await runs(stage, ANA, "take", {WHICH: ""})
    assert which(told).choices == ((MAX, f"{MAX}: offered to you"),)
    assert told.text == "not done: fill in Conversation"
    assert (await stage.conversation(MAX))["agent"] is None


async def test_values_without_a_conversation_are_of_none(stage: Stage) -> None:
    await waits(stage, ANN)
    await takes(stage, ANA, ANN)
    told = await runs(stage, ANA, "close", {"disposition": "resolved"})
    assert told.form is not None
    assert (await stage.conversation(ANN))["state"] != "closed"
    done = await runs(stage, ANA, "close", {WHICH: ANN, "disposition": "resolved"})
    assert done.text == f"{ANN}: closed: resolved"


async def test_a_forged_conversation_shows_and_does_nothing(stage: Stage) -> None:
    """Cleo names Ana's customer in every form: refused as on the contact, with nothing of the customer in it."""
    await waits(stage, ANN, "Ann Secret")
    await takes(stage, ANA, ANN)
    assert not (await runs(stage, ANA, "tag", {"tags": "hidden-tag"}, of=ANN)).refused
    assert not (await stage.do(stage.agents.said(Said(ANA, ANN, "s1", "your PIN is 1234")))).refused
    await stage.settled()
    before = await rows(stage)
    filled = {
        "disposition": "resolved",
        "note": "mine",
        "text": "mine",
        "name": "unlimited",
        "to": CLEO,
        "who": CLEO,
        "tags": "mine",
        "from": "Ana",
        "words": "no more",
        "canned.reply": "refund",
    }
    for verb in (*VERBS, "card"):
        for field in (WHICH, CHOSEN):
            for values in ({field: ANN}, {field: ANN, **filled}):
                told = await runs(stage, CLEO, verb, values)
                shown = f"{told.text} {told.form}"
                for secret in ("Secret", "gold", "hidden-tag", "1234"):
                    assert secret not in shown, (verb, values)
                assert told.refused or (told.form is not None and values == {field: ANN}), (verb, values, told.text)
    assert await rows(stage) == before
    assert (await runs(stage, CLEO, "untag", of=ANN)).form is None, "the form of the contact says no more"


@pytest.mark.parametrize(
    "forged", ["", " ", "nobody", "70007", "tel:+15551230001", "+15551230001 ", "+0", "+1555123\n", "desk", "+" * 999]
)
async def test_what_is_no_number_means_nobody(stage: Stage, forged: str) -> None:
    await waits(stage, ANN)
    await takes(stage, ANA, ANN)
    for field in (WHICH, CHOSEN):
        told = await runs(stage, ANA, "close", {field: forged, "disposition": "resolved"})
        assert told.refused or told.form is not None
    assert (await stage.conversation(ANN))["state"] != "closed"


async def test_no_more_than_can_be_shown(stage: Stage) -> None:
    for number in range(MOST_SHOWN + 3):
        stage.writes(f"+1555124{number:04d}", "agent")
    await stage.settled()
    told = await runs(stage, BEN, "take")
    assert len(which(told).choices) == MOST_SHOWN
    assert told.form is not None
    assert told.form.text == "There are more: run it on the customer's own contact."
    assert which(told).choices[0][0] == "+15551240000", "who waits longest is first"


async def test_a_line_says_where_it_is_said(stage: Stage) -> None:
    for verb in ("close", "card", "take"):
        heard = await stage.do(stage.agents.said(Said(ANA, "", f"s{verb}", f".{verb}")))
        assert heard.text.startswith(f"[desk] not done: say .{verb} in the chat with the customer")
    heard = await stage.do(stage.agents.said(Said(ANA, "", "s1", "/close resolved")))
    assert heard.text.startswith("[desk] not done: say /close in the chat with the customer")


def test_what_each_verb_is_for() -> None:
    """Whoever adds a verb says which conversations it is for."""
    for verb in VERBS.values():
        assert verb.on, verb.name
        assert not verb.supervisors or verb.on == {Whose.others}
