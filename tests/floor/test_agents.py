"""What the desk answers to lines of chat."""

from gateway.model.desk import Said, Show
from gateway.model.message import MessageState
from tests.doubles.stage import Stage

MAX, ANA = "+15551230001", "ana@example.test"


async def owned(stage: Stage) -> None:
    """Ana has Max's conversation."""
    stage.attendance.tell(ANA, Show.online)
    stage.writes(MAX, "agent")
    await stage.settled()
    assert not (await stage.do(stage.agents.said(Said(ANA, MAX, "s1", "Hello Max")))).refused


async def test_what_is_missing_is_one_tap_away(stage: Stage) -> None:
    await owned(stage)
    heard = await stage.do(stage.agents.said(Said(ANA, MAX, "s2", "/close")))
    assert heard.text.startswith("[desk] say /close OUTCOME [note]\none of resolved, answered, ")
    assert (".close resolved", "resolved") in heard.choices, "a dot is right in every client"
    assert not heard.refused, "the bubble of a verb is not marked failed"


async def test_an_id_of_words_that_failed_is_answered_with_the_reason(stage: Stage) -> None:
    await owned(stage)
    stage.carrier.up = False
    said = Said(ANA, MAX, "s2", "I will look at it")
    await stage.do(stage.agents.said(said))
    assert (await stage.do(stage.agents.said(said))).refused == "", "its fate is not known yet"
    stage.writes(MAX, "STOP")
    await stage.settled()
    assert [one.state for one in await stage.sent_texts() if one.text == said.text] == [MessageState.final]
    assert (await stage.do(stage.agents.said(said))).refused == "the customer said STOP before it left"


async def test_a_line_without_an_id_is_run_each_time(stage: Stage) -> None:
    await owned(stage)
    for _ in range(2):
        assert (await stage.do(stage.agents.said(Said(ANA, MAX, "", "// called twice")))).text == "[desk] noted"
    assert len(await stage.rows("SELECT id FROM note WHERE text = 'called twice'")) == 2


async def test_a_stanza_is_remembered_for_a_week(stage: Stage) -> None:
    await owned(stage)
    said = Said(ANA, MAX, "s2", "// called twice")
    for _ in range(3):
        assert (await stage.do(stage.agents.said(said))).text == "[desk] noted"
    await stage.restart()
    assert (await stage.do(stage.agents.said(said))).text == "[desk] noted"
    assert len(await stage.rows("SELECT id FROM note WHERE text = 'called twice'")) == 1


async def test_the_card_shows_all_that_was_written_while_nobody_came(stage: Stage) -> None:
    stage.writes(MAX, "agent")
    await stage.settled()
    for number in range(20):
        stage.writes(MAX, f"word {number} " + "x" * 400)
        await stage.settled()
    heard = await stage.do(stage.agents.said(Said("ben@example.test", MAX, "s1", "/card")))
    for number in range(20):
        assert f"word {number} " + "x" * 400 in heard.text


async def test_who_closed_it_still_has_the_card_and_notes(stage: Stage) -> None:
    await owned(stage)
    await stage.do(stage.agents.said(Said(ANA, MAX, "s2", "/close resolved")))
    assert "It is closed (resolved)" in (await stage.do(stage.agents.said(Said(ANA, MAX, "s3", "/card")))).text
    assert (await stage.do(stage.agents.said(Said(ANA, MAX, "s4", "// paid at last")))).text == "[desk] noted"
    heard = await stage.do(stage.agents.said(Said("cleo@example.test", MAX, "s5", "/card")))
    assert "resolved" in heard.text
    assert "customer:" not in heard.text
