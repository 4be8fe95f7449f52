"""Customers as contacts: who reads a name, and what the timeline says of corrections and of words sent over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.floor.cards import contact
from gateway.model.desk import Heard, LineKind, Said, Show
from gateway.store.timeline import trace
from gateway.store.units import Statement, Unit
from gateway.web.history import timeline
from tests.doubles.stage import Stage, fresh_database

ANN, ANA, BEN, CLEO = "+15551230001", "ana@example.test", "ben@example.test", "cleo@example.test"
_NAME = Statement("name", "UPDATE customer SET name = ?")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A running house with agents on XMPP; Ana has Ann."""
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db", chat=True)
    await made.open()
    made.writes(ANN, "agent")
    await made.settled()
    unit = Unit("names")
    unit.add(_NAME, ("Ann",))
    await made.store.write(unit)
    await made.restart()
    made.attendance.tell(ANA, Show.online)
    await made.settled()
    yield made
    await made.close()


async def says(stage: Stage, text: str, stanza: str, replaces: str = "") -> Heard:
    heard = await stage.do(stage.agents.said(Said(ANA, ANN, stanza, text, replaces)))
    await stage.settled()
    return heard


async def named(stage: Stage, agent: str) -> str:
    return await stage.do(stage.agents.named(agent, ANN))


async def test_a_name_is_for_those_who_may_read(stage: Stage) -> None:
    """Ana is asked, Cleo answers the queue too, Ben is a supervisor; once Ana has her, Cleo reads nothing any more."""
    everybody = (ANA, CLEO, BEN, "eve@example.test")
    assert [await named(stage, agent) for agent in everybody] == ["Ann", "Ann", "Ann", ""]
    await says(stage, "Hello", "s1")
    assert [await named(stage, agent) for agent in everybody] == ["Ann", "", "Ann", ""]
    assert await stage.do(stage.agents.named(ANA, "+15551239999")) == ""


async def test_the_contact_is_called_as_the_customer(stage: Stage) -> None:
    await says(stage, "Hello", "s1")
    assert stage.chat is not None
    brand = next(iter(stage.playbook.brands.values()))
    assert stage.chat.contacts == {ANA: {ANN: f"Ann ({brand.display_name})"}}
    assert contact(ANN, "", brand) == ANN
    assert contact(ANN, "Ann", None) == "Ann"


async def test_a_correction_is_linked_with_what_it_corrects(stage: Stage) -> None:
    await says(stage, "It costs 24 cents", "s1")
    assert await says(stage, "It costs 42 cents", "s2", "s1") == Heard()
    first, second = [text for text in await stage.sent_texts() if text.author_id == ANA]
    assert (second.text, second.parent_id) == ("Correction: It costs 42 cents", first.id)
    lines = {}
    for one in (first, second):
        found = await stage.store.read(trace, one.id)
        assert found is not None
        lines[one.id] = [line["reason"] for line in timeline(found) if line["kind"] in ("correction", "resend")]
    assert lines == {first.id: [f"corrected by {second.id}"], second.id: [f"corrects {first.id}"]}


async def test_an_action_is_a_line_for_the_desk(stage: Stage) -> None:
    """XEP-0245: `/me smiles` would reach the customer as it stands there."""
    await says(stage, "Hello", "s1")
    before = await stage.sent_texts()
    for line in ("/me smiles", "/ME smiles", "/me"):
        assert (await says(stage, line, f"s-{line}")).text.startswith("[desk] not sent: there is no /me")
    assert await stage.sent_texts() == before


async def test_the_desk_is_told_no_correction(stage: Stage) -> None:
    heard = await stage.do(stage.agents.said(Said(ANA, "", "s9", "hello", "s1")))
    assert heard.refused == "not sent: it corrects a line that is no text of yours to the customer; write a new message"


async def test_an_id_that_was_used_for_other_words_is_refused(stage: Stage) -> None:
    await says(stage, "It costs 24 cents", "s1")
    await says(stage, "It costs 42 cents", "s2", "s1")
    again = await says(stage, "It costs 43 cents", "s2", "s1")
    assert "used the id of this message before" in again.refused


async def test_what_http_sent_is_shown_late_as_late(stage: Stage) -> None:
    await says(stage, "Hello", "s1")
    assert stage.chat is not None
    stage.chat.up = False
    talk = await stage.conversation(ANN)
    sent = await stage.do(stage.desk.say(talk["id"], "Ana", "I looked it up."))
    await stage.advance(minutes=2)
    stage.chat.up = True
    await stage.advance(seconds=5)
    [shown] = [line for line in stage.chat.lines[ANA] if line.kind is LineKind.own]
    assert (shown.text, shown.customer, shown.at) == ("I looked it up.", ANN, sent.id >> 20)


async def test_what_http_sent_may_be_corrected_by_its_agent(stage: Stage) -> None:
    await says(stage, "Hello", "s1")
    assert stage.chat is not None
    talk = await stage.conversation(ANN)
    sent = await stage.do(stage.desk.say(talk["id"], "Ana", "It costs 24 cents"))
    await stage.settled()
    [shown] = [line for line in stage.chat.lines[ANA] if line.kind is LineKind.own]
    assert await says(stage, "It costs 42 cents", "s2", shown.id) == Heard()
    *_, last = await stage.sent_texts()
    assert (last.text, last.parent_id) == ("Correction: It costs 42 cents", sent.id)
    [first, *_] = await stage.rows("SELECT id FROM message WHERE author_kind != 'agent' ORDER BY id")
    for unknown in (f"o{first['id']}", "o1", "o", "o-1", f"o{'9' * 30}", "o\u0661", f"x{sent.id}"):
        assert "no text of yours" in (await says(stage, "It costs 43 cents", f"no-{unknown}", unknown)).refused
