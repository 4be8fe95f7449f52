"""Lines that may have been lost are sent again as things stand then, or not at all."""

import pytest

from gateway.care import inbound
from gateway.model.desk import Line, LineKind, Said, Seen, Show
from gateway.store import work
from gateway.store.units import Due, Unit
from tests.doubles.stage import Stage

MAX = "+15551230001"
ANA, CLEO = "ana@example.test", "cleo@example.test"


async def asks(stage: Stage, text: str = "agent") -> None:
    stage.writes(MAX, text)
    await stage.settled()
    await stage.settled()  # now somebody is asked


async def types(stage: Stage, agent: str, text: str) -> None:
    assert not (await stage.do(stage.agents.said(Said(agent, MAX, f"{agent} {text}", text)))).refused


async def again(stage: Stage) -> list[Line]:
    """What would be sent again had we lost the server just now."""
    return await stage.do(stage.relaying.again(stage.echoes.may_be_lost(stage.now)))


async def test_what_no_client_has_goes_again_under_its_id(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    assert stage.chat is not None
    [card] = stage.chat.lines[ANA]
    assert [(line.id, line.text) for line in await again(stage)] == [(card.id, card.text)]
    stage.echoes.seen(Seen(ANA, card.id))
    await stage.settled()
    assert await again(stage) == []


async def test_a_card_says_how_long_there_still_is(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await stage.advance(seconds=15)
    assert [line.text.splitlines()[-1] for line in await again(stage)] == [
        ".take or just answer within 5 s; .decline passes it on"
    ]


async def test_neither_card_nor_words_go_to_who_does_not_have_it_any_more(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await types(stage, ANA, "Hello Max")
    await asks(stage, "my PIN is 1234")
    stage.attendance.tell(CLEO, Show.online)
    await types(stage, ANA, "/to Cleo")
    found = await again(stage)
    assert {line.agent for line in found if "1234" in line.text} == {CLEO}
    assert [line.text for line in found if line.agent == ANA] == ["[desk] transferred to Cleo"]


async def test_words_that_wait_on_disk_go_to_nobody_who_may_not_read_them(stage: Stage) -> None:
    """The chat server is away; meanwhile another takes over."""
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await types(stage, ANA, "Hello Max")
    assert stage.chat is not None
    stage.chat.up = False
    await asks(stage, "my PIN is 1234")
    talk = await stage.conversation(MAX)
    await stage.do(stage.desk.transfer(talk["id"], "cleo@example.test", "", ANA))
    stage.chat.up = True
    await stage.advance(seconds=2)
    assert not [line for line in stage.chat.lines[ANA] if "1234" in line.text]
    assert [line for line in stage.chat.lines[CLEO] if "1234" in line.text]


async def test_what_was_closed_meanwhile_only_its_last_agent_reads(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await types(stage, ANA, "Hello Max")
    assert stage.chat is not None
    stage.chat.up = False
    await asks(stage, "my PIN is 1234")
    talk = await stage.conversation(MAX)
    await stage.do(stage.desk.transfer(talk["id"], CLEO, "", ANA))
    await stage.do(stage.desk.close(talk["id"], CLEO, "resolved", ""))
    stage.chat.up = True
    await stage.advance(seconds=2)
    assert not [line for line in stage.chat.lines[ANA] if "1234" in line.text]


async def test_a_row_that_cannot_be_read_holds_up_no_other(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await types(stage, ANA, "Hello Max")
    unit = Unit("tel:+15550009999")
    work.add(unit, Due(stage.ids(), "desk", unit.key, "relay", stage.now, 0, 0, 1, "[]"))
    assert await stage.do(stage.store.apply([unit])) == [None]
    stage.push(unit.due[0])
    await asks(stage, "are you there?")
    assert stage.chat is not None
    assert [line for line in stage.chat.lines[ANA] if line.text == "are you there?"]
    assert len(await stage.rows("SELECT id FROM dead_letter")) == 1


@pytest.mark.interpreted
async def test_a_text_whose_handling_broke_still_reaches_its_agent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await types(stage, ANA, "Hello Max")

    def broken(*_: object) -> bool:
        raise LookupError("no such thing")

    monkeypatch.setattr(inbound, "hints_at_stop", broken)
    await asks(stage, "are you there?")
    assert stage.chat is not None
    assert [line for line in stage.chat.lines[ANA] if line.text == "are you there?"]


async def test_stop_marks_the_words_of_each_agent_who_had_them(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await types(stage, ANA, "Hello Max")
    stage.carrier.up = False
    await types(stage, ANA, "I will look at it")
    stage.attendance.tell(CLEO, Show.online)
    await types(stage, ANA, "/to Cleo")
    await types(stage, CLEO, "Cleo here")
    await asks(stage, "STOP")
    assert stage.chat is not None
    failed = {
        agent: [line.about for line in lines if line.kind is LineKind.failed]
        for agent, lines in stage.chat.lines.items()
    }
    assert failed[ANA] == [f"{ANA} I will look at it"]
    assert failed[CLEO] == [f"{CLEO} Cleo here"]


async def test_what_a_dead_connection_swallowed_is_known_after_a_restart(stage: Stage) -> None:
    """The server took it in, Ana's client never had it, and the gateway was killed: when she is back it goes again."""
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await types(stage, ANA, "Hello Max")
    for text in ("first", "my PIN is 1234", "last"):
        await asks(stage, text)
    assert stage.chat is not None
    lines = {line.text: line for line in stage.chat.lines[ANA] if line.kind is LineKind.text}
    stage.echoes.seen(Seen(ANA, lines["first"].id))
    await stage.settled()
    await stage.restart()
    await stage.advance(seconds=10)
    missing = stage.echoes.unread(ANA)
    assert [(one.line.id, one.line.customer) for one in missing] == [
        (lines["my PIN is 1234"].id, MAX),
        (lines["last"].id, MAX),
    ]
    found = await stage.do(stage.relaying.again(missing))
    assert [(line.id, line.text) for line in found] == [
        (lines[text].id, lines[text].text) for text in ("my PIN is 1234", "last")
    ]
    # A receipt that comes now is one like any other.
    stage.echoes.seen(Seen(ANA, lines["last"].id))
    await stage.settled()
    await stage.restart()
    await stage.advance(seconds=10)
    assert [one.line.id for one in stage.echoes.unread(ANA)] == [lines["my PIN is 1234"].id]
    # Whoever does not have the conversation any more reads none of it.
    talk = await stage.conversation(MAX)
    await stage.do(stage.desk.transfer(talk["id"], CLEO, "", ANA))
    assert await stage.do(stage.relaying.again(stage.echoes.unread(ANA))) == []


async def test_of_a_client_that_never_acknowledges_nothing_is_missing_after_a_restart(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await types(stage, ANA, "Hello Max")
    await asks(stage, "first")
    await stage.restart()
    await stage.advance(seconds=10)
    assert stage.echoes.unread(ANA) == []


async def test_what_is_long_ago_is_not_sent_again_after_a_restart(stage: Stage) -> None:
    stage.attendance.tell(ANA, Show.online)
    await asks(stage)
    await types(stage, ANA, "Hello Max")
    await asks(stage, "first")
    await asks(stage, "second")
    assert stage.chat is not None
    seen = next(line for line in stage.chat.lines[ANA] if line.text == "first")
    stage.echoes.seen(Seen(ANA, seen.id))
    await stage.advance(minutes=16)
    await stage.restart()
    assert stage.echoes.unread(ANA) == []
