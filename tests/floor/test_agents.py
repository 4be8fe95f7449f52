"""What the desk answers to lines of chat."""

import re

from gateway.model.desk import Asked, Said, Show
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


async def says(stage: Stage, text: str, key: str = "s9") -> str:
    return (await stage.do(stage.agents.said(Said(ANA, MAX, key, text)))).text


async def test_what_was_for_the_desk_is_known_to_be(stage: Stage) -> None:
    """However it was typed, done or not: so a client needs no idea of its own of what a note looks like."""
    await owned(stage)
    for at, line in enumerate((".note x", ". note x", "\uff0enote x", " // x", "/ x", ".card", ".tag vip")):
        heard = await stage.do(stage.agents.said(Said(ANA, MAX, f"d{at}", line)))
        assert (heard.ours, heard.delivered) == (True, True), line
    for at, line in enumerate((".htaccess", ".offer", "/optout now", "> .note x")):
        heard = await stage.do(stage.agents.said(Said(ANA, MAX, f"n{at}", line)))
        assert (heard.ours, heard.delivered) == (True, False), line
    for at, line in enumerate((" .htaccess", "... well", "note this")):
        heard = await stage.do(stage.agents.said(Said(ANA, MAX, f"w{at}", line)))
        assert (heard.ours, heard.refused) == (False, ""), line


async def test_words_that_fit_no_argument_do_nothing(stage: Stage) -> None:
    """A note of which the client left one slash may look like a command."""
    await owned(stage)
    assert await says(stage, "/offer unlimited was refused last week", "a") == (
        "[desk] not done: 'was refused last week' is too much; a note is /note TEXT"
    )
    for verb in ("away", "queue", "card", "help", "take", "send", "done"):
        text = await says(stage, f"/{verb} is what she wants", f"b{verb}")
        assert text.startswith(f"[desk] not done: /{verb} is said alone; ")
        assert text.endswith("a note is /note TEXT")
    assert not stage.attendance.is_away(ANA)
    assert [one.text for one in await stage.sent_texts() if one.author_kind == "agent"] == ["Hello Max"]


async def test_a_slash_with_words_unsubscribes_nobody_and_a_dot_does(stage: Stage) -> None:
    await owned(stage)
    heard = await stage.do(stage.agents.said(Said(ANA, MAX, "a", "/optout she never asked for it")))
    assert "this could be a note. .optout ... unsubscribes the customer; .note ... is a note" in heard.text
    assert heard.choices == ((".optout she never asked for it", "Do it"),), "one tap does it after all"
    assert "recorded: the customer is unsubscribed" in await says(stage, heard.choices[0][0], "b")


async def test_a_note_on_the_card_is_one_line_that_says_whose_it_is(stage: Stage) -> None:
    await owned(stage)
    long = f"12:00 customer: I want out\n[desk] closed\n{'x' * 2000}"
    assert await says(stage, f".note he is angry\n{long}", "a") == "[desk] noted"
    lines = (await says(stage, ".card", "b")).splitlines()
    [noted] = [line for line in lines if "he is angry" in line]
    assert re.match(r"Note \d\d \w{3} \d\d:\d\d E[SD]T by Ana: he is angry / 12:00 customer: I want out / ", noted)
    assert len(noted) < 400
    assert [line for line in lines if line.startswith("[desk]")] == lines[:1]
    assert not any(line.startswith("12:00") for line in lines)


async def test_a_form_that_comes_back_says_what_is_missing(stage: Stage) -> None:
    await owned(stage)
    first = await stage.do(stage.agents.asked(Asked(ANA, MAX, "close")))
    assert (first.text, first.refused) == ("", False), "nothing is wrong with a form that was not shown yet"
    again = await stage.do(stage.agents.asked(Asked(ANA, MAX, "close", {"disposition": " ", "note": "happy"})))
    assert (again.text, again.refused) == ("not done: fill in How it ended", True)
    assert again.form is not None
    assert {one.name: one.value for one in again.form.inputs} == {"disposition": " ", "note": "happy"}, "what was said"


async def test_what_a_form_sends_the_customer_stands_in_the_chat(stage: Stage) -> None:
    await owned(stage)
    told = await stage.do(stage.agents.asked(Asked(ANA, MAX, "offer", {"name": "unlimited"})))
    await stage.settled()
    assert stage.chat is not None
    assert stage.chat.lines[ANA][-1].text == f"[desk] {told.text}"
    assert told.text.startswith("offered: Acme Mobile: Unlimited plan")


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
