"""The lobby of a queue: what it shows, and what an agent may do in it."""

from collections.abc import Awaitable, Callable

import pytest

from gateway.model.desk import RoomSaid, Said
from gateway.model.rows import replace
from tests.doubles.rooms import FakeRooms
from tests.doubles.stage import Stage

MAX, JOE, EVA = "+15551230001", "+15551230002", "+15559990001"
ANA, BEN, CLEO = "ana@example.test", "ben@example.test", "cleo@example.test"
LOBBY = "billing@rooms.example.test"
See = Callable[[], Awaitable[list[str]]]


@pytest.fixture
def rooms(stage: Stage) -> FakeRooms:
    assert stage.chat is not None
    return stage.chat.rooms


@pytest.fixture
async def see(stage: Stage, rooms: FakeRooms) -> See:
    """What the lobby says after one more look."""
    read = 0

    async def look() -> list[str]:
        nonlocal read
        await stage.do(stage.lobbies.look())
        lines = rooms.lines.get(LOBBY, [])[read:]
        read += len(lines)
        return lines

    await look()
    return look


async def asks(stage: Stage, phone: str = MAX, text: str = "agent") -> None:
    stage.writes(phone, text)
    await stage.settled()


async def types(stage: Stage, agent: str, phone: str, text: str) -> None:
    await stage.do(stage.agents.said(Said(agent, phone, f"{agent} {text}", text)))
    await stage.settled()


async def says(stage: Stage, text: str, agent: str = ANA) -> str:
    nick = agent.partition("@")[0]
    answer = await stage.do(stage.lobbies.said(RoomSaid(LOBBY, agent, nick, f"{agent} {text}", text)))
    await stage.settled()
    return answer.removeprefix(f"{nick}: ")


async def test_who_may_be_in(stage: Stage, rooms: FakeRooms, see: See) -> None:
    plan = rooms.plans[LOBBY]
    assert (plan.customer, plan.members, plan.admins) == ("", (ANA, CLEO), (BEN,))
    assert rooms.titles[LOBBY] == "nobody waits"


async def test_the_life_of_a_conversation(stage: Stage, rooms: FakeRooms, see: See) -> None:
    await asks(stage)
    assert await see() == [f"{MAX} waits: agent"]
    await stage.advance(seconds=10)
    await asks(stage, JOE)
    assert await see() == [f"{JOE} waits: agent"]
    assert rooms.titles[LOBBY] == "2 wait, longest 0:10"
    await types(stage, ANA, MAX, "Hello Max")
    assert await see() == [f"Ana has {MAX}"]
    assert rooms.titles[LOBBY] == "1 waits, longest 0:00 - Ana 1"
    await types(stage, ANA, MAX, "/to billing not for me")
    assert await see() == [f"{MAX} waits again; it was with Ana"]
    await types(stage, CLEO, MAX, "/take")
    await types(stage, CLEO, MAX, "/close resolved")
    assert await see() == [f"{MAX} is closed: resolved"]
    await types(stage, ANA, JOE, "/take")
    await types(stage, ANA, JOE, "/to travel")
    assert await see() == [f"{JOE} went to travel"]
    assert rooms.titles[LOBBY] == "nobody waits"
    assert await see() == []


async def test_what_waits_for_long_is_told_once(stage: Stage, rooms: FakeRooms, see: See) -> None:
    book = stage.playbook
    nudging = book.rules.conversations.model_copy(update={"nudge": 60.0})
    stage.engine.playbook = replace(book, rules=book.rules.model_copy(update={"conversations": nudging}))
    await asks(stage)
    await see()
    await stage.advance(seconds=61)
    assert await see() == [f"{MAX} waits longer than 1:00"]
    assert rooms.titles[LOBBY] == "1 waits, longest 1:01"
    await stage.advance(seconds=30)
    assert await see() == []
    assert rooms.titles[LOBBY] == "1 waits, longest 1:01", "many clients show each subject as a line"


async def test_a_crowd_is_summed_up(stage: Stage, rooms: FakeRooms, see: See) -> None:
    for number in range(25):
        stage.writes(f"+1555777{number:04d}", "agent")
    await stage.settled()
    lines = await see()
    assert len(lines) == 11
    assert lines[-1].startswith("and 15 changes more")


async def test_long_words_are_cut_and_stay_one_line(stage: Stage, see: See) -> None:
    await asks(stage)
    await types(stage, ANA, MAX, "/bot")
    await see()
    stage.writes(EVA, "agent")
    await stage.settled()
    [line] = [line for line in await see() if EVA in line]
    assert "\n" not in line


async def test_take_by_last_digits(stage: Stage, see: See) -> None:
    for phone in (MAX, JOE, EVA):
        await asks(stage, phone)
    await see()
    assert await says(stage, "/take") == "not taken: say /take and the number, or its last 4 digits or more"
    assert await says(stage, "/take 0001") == f"not taken: several numbers end so: {MAX}, {EVA}; say more digits"
    assert await says(stage, "/take 4444") == "not taken: nobody waits here whose number ends with 4444"
    assert await says(stage, "/take 99 90-001") == ""
    assert await says(stage, f".take {JOE}") == "", "where a client keeps the slash for itself"
    assert set(await see()) == {f"Ana has {EVA}", f"Ana has {JOE}"}
    assert await says(stage, f"/take {JOE}", CLEO) == f"not taken: Ana has {JOE}"
    assert await says(stage, "/take 0002", BEN) == "not taken: Ana has it now: /take 0002 Ana takes it over"
    assert await says(stage, "/take 0002 ana", BEN) == "", "a supervisor takes over"
    assert await see() == [f"Ben has {JOE}"]


async def test_what_can_be_said(stage: Stage, see: See) -> None:
    assert await says(stage, "/queue") == "nobody waits"
    await asks(stage)
    assert await says(stage, "/queue") == f"1 waits:\n{MAX} for 0:00: agent"
    assert (await says(stage, "/help")).startswith("here you can say /queue")
    assert (await says(stage, "/close resolved")).startswith("there is no /close here")
    for talk in ("lunch?", "// a note", " /take 0001"):
        assert await says(stage, talk) == ""
    assert await see() == [f"{MAX} waits: agent"], "nobody took it"


async def test_who_does_not_answer_the_queue(stage: Stage, see: See) -> None:
    book = stage.playbook
    agents = tuple(replaced(one) if one.jid == CLEO else one for one in book.agents)
    stage.engine.playbook = replace(book, agents=agents)
    await asks(stage)
    assert await says(stage, "/take 0001", CLEO) == "you do not answer queue billing"
    await see()
    assert stage.chat is not None
    assert stage.chat.rooms.plans[LOBBY].members == (ANA,)


def replaced(agent: object) -> object:
    return agent.model_copy(update={"queues": ("travel",)})  # type: ignore[attr-defined]


async def test_after_an_outage_what_is_shown_is_right(stage: Stage, rooms: FakeRooms, see: See) -> None:
    await asks(stage)
    await see()
    rooms.up = False
    await types(stage, ANA, MAX, "/take")
    await asks(stage, JOE)
    assert await see() == []
    rooms.up = True
    stage.lobbies.entered(LOBBY)
    assert await see() == []
    assert rooms.titles[LOBBY] == "1 waits, longest 0:00 - Ana 1"


async def test_a_reload_repeats_nothing_and_hides_nothing(stage: Stage, rooms: FakeRooms, see: See) -> None:
    book = stage.playbook
    nudging = book.rules.conversations.model_copy(update={"nudge": 60.0})
    book = replace(book, rules=book.rules.model_copy(update={"conversations": nudging}))
    stage.engine.playbook = book
    await asks(stage)
    await asks(stage, JOE)
    await types(stage, CLEO, JOE, "/take")
    await stage.advance(seconds=61)
    assert f"{MAX} waits longer than 1:00" in await see()
    # A reload without Cleo, whose customer waits again: out first, then told.
    stage.engine.playbook = replace(book, agents=tuple(one for one in book.agents if one.jid != CLEO))
    await types(stage, BEN, JOE, "/to billing")
    assert await see() == [f"{JOE} waits again; it was with {CLEO}"]
    assert rooms.plans[LOBBY].members == (ANA,)
