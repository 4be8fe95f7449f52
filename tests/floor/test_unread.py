"""What an agent has read is in the timeline of the customer's words."""

import pytest

from gateway.floor.unread import MOST_OF_A_CHAT, Unread
from gateway.model.desk import Line, LineKind, Said, Seen, Show
from gateway.store.timeline import trace
from gateway.web.history import timeline
from tests.doubles.stage import Stage

MAX, EVA = "+15551230001", "+15551230002"
ANA, BEN = "ana@example.test", "ben@example.test"
RECEIVED, READ = f"received by the client of {ANA}", f"read by {ANA}"


async def relayed(stage: Stage, *texts: str) -> list[str]:
    """Ana has Max's conversation, and he writes: the lines' ids."""
    stage.attendance.tell(ANA, Show.online)
    stage.writes(MAX, "agent")
    await stage.settled()
    await stage.settled()
    assert not (await stage.do(stage.agents.said(Said(ANA, MAX, "a1", "Hello Max")))).refused
    for text in texts:
        stage.writes(MAX, text)
        await stage.settled()
    assert stage.chat is not None
    by_text = {line.text: line.id for line in stage.chat.lines[ANA] if line.kind is LineKind.text}
    return [by_text[text] for text in texts]


async def told(stage: Stage, line: str) -> list[str]:
    await stage.settled()
    found = await stage.store.read(trace, int(line.removeprefix("m")))
    assert found is not None
    said = [str(one["reason"]) for one in timeline(found) if one["kind"] == "agent"]
    return [reason for reason in said if "shown to" not in reason]


@pytest.mark.parametrize("order", [(False, True), (True, False)], ids=["received first", "read first"])
async def test_read_is_told_once(stage: Stage, order: tuple[bool, bool]) -> None:
    [line] = await relayed(stage, "first")
    for displayed in (*order, *order):  # two devices
        stage.echoes.seen(Seen(ANA, line, displayed))
        await stage.settled()
    assert await told(stage, line) == [RECEIVED, READ]


async def test_who_has_received_has_not_read(stage: Stage) -> None:
    [line] = await relayed(stage, "first")
    stage.echoes.seen(Seen(ANA, line))
    assert await told(stage, line) == [RECEIVED]


async def test_who_reads_the_last_has_read_those_before(stage: Stage) -> None:
    """Clients mark only the last one (XEP-0333, 4.1)."""
    first, second, third = await relayed(stage, "first", "second", "third")
    stage.echoes.seen(Seen(ANA, second, displayed=True))
    assert await told(stage, first) == [READ]
    assert await told(stage, second) == [RECEIVED, READ]
    assert await told(stage, third) == []


async def test_nobody_reads_for_another(stage: Stage) -> None:
    [line] = await relayed(stage, "first")
    stage.echoes.seen(Seen(BEN, line, displayed=True))
    stage.echoes.seen(Seen(ANA, "m1", displayed=True))
    assert await told(stage, line) == []


def text(name: str, customer: str = MAX, agent: str = ANA) -> Line:
    return Line(name, agent, customer, LineKind.text, name)


def test_each_chat_and_each_agent_are_their_own() -> None:
    its = Unread()
    for line in (text("m1"), text("m2", EVA), text("m1", agent=BEN), Line("n1", ANA, MAX, LineKind.notice), text("m3")):
        its.add(line)
    its.forget([text("m3")])
    assert its.read(ANA, "n1") == ["m1"], "a notice is no words, but who read it has read what was before"
    assert its.read(ANA, "m3") == []
    assert its.read(BEN, "m1") == ["m1"]
    assert its.read(ANA, "m2") == ["m2"]
    assert its.read(ANA, "m2") == []


def test_of_a_chat_the_latest_are_remembered() -> None:
    its = Unread()
    names = [f"m{at}" for at in range(MOST_OF_A_CHAT + 5)]
    for name in names:
        its.add(text(name))
    assert its.read(ANA, names[-1]) == names[5:]
