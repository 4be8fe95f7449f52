"""Who is asked when: nobody is held up, no agent is asked twice, and a round costs little however many wait."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from gateway.care import opening
from gateway.care.engine import Engine
from gateway.care.playbook import Playbook
from gateway.care.turn import Turn
from gateway.floor.assigning import BEHIND_MS, Assigning
from gateway.floor.attendance import Attendance
from gateway.model.desk import Show
from gateway.model.ids import id_at
from gateway.model.rows import replace
from gateway.settings.gateway_file import Agent, Queue
from gateway.store.database import Store
from gateway.store.waiting import Held, Room, Waiting, held
from tests.doubles.stage import MONDAY_10, Stage, house

NOW = MONDAY_10
ANA, BEN = "ana@example.test", "ben@example.test"


class Seen:
    """A store that shows one room."""

    def __init__(self, room: Room, theirs: tuple[Held, ...] = ()) -> None:
        self.room, self.theirs = room, theirs

    async def read(self, question: object, *_: object) -> object:
        return self.theirs if question is held else self.room


class Lanes:
    """An engine whose lanes answer when the test lets them."""

    def __init__(self, playbook: Playbook) -> None:
        self.playbook = playbook
        self.asked: list[str] = []
        self.held: dict[str, asyncio.Future[None]] = {}
        self.decided: list[str] = []
        self.committing: dict[str, asyncio.Future[None]] = {}

    async def ask(self, key: str, decide: Callable[[Turn], object]) -> object:
        self.asked.append(key)
        if key in self.held:
            await self.held[key]
        # The turn is looked at only by the decision itself, which the tests replace.
        done = cast("Any", decide)(None)
        self.decided.append(key) if done else None
        if key in self.committing:
            await self.committing[key]
        return done


class Counting(Attendance):
    """Counts how often an agent is looked at."""

    looked = 0

    def rank(self, agent: str) -> int | None:
        self.looked += 1
        return super().rank(agent)


def waiting(an_id: int, queue: str = "billing", *, since: int = NOW - 1000, place: int = 0, its: str = "") -> Waiting:
    place = place or since + an_id
    return Waiting(an_id, f"tel:+1555{an_id:07}", "acme", queue, 1, since, place, its or None, None, None)


def room(*those: Waiting, unshown: int | None = None) -> Room:
    counts: dict[str, int] = {}
    for one in those:
        counts[one.queue] = counts.get(one.queue, 0) + 1
    return Room(tuple(sorted(those, key=lambda one: one.place)), counts, {}, {}, unshown)


def floor(seen: Seen, book: Playbook, attendance: Attendance) -> tuple[Assigning, Lanes]:
    lanes = Lanes(book)
    made = Assigning(cast("Store", seen), cast("Engine", lanes), attendance, lambda: NOW, patience=0.01)
    return made, lanes


@pytest.fixture
def reserved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """What was reserved for whom; the reservation itself is tested in the plays."""
    made: list[tuple[int, str]] = []

    def reserve(_: Turn, conversation_id: int, epoch: int, agent: str) -> bool:
        made.append((conversation_id, agent))
        return epoch == 1

    monkeypatch.setattr("gateway.floor.assigning.reserving.reserve", reserve)
    return made


def there(*agents: str, kind: type[Attendance] = Attendance) -> Any:
    attendance = kind(lambda: NOW)
    for agent in agents:
        attendance.tell(agent, Show.online)
    return attendance


pytestmark = pytest.mark.interpreted


async def test_a_customer_whose_lane_stands_still_holds_up_no_other(reserved: list[tuple[int, str]]) -> None:
    seen = Seen(room(waiting(1), waiting(2)))
    assigning, lanes = floor(seen, house()[1], there(ANA, BEN))
    lanes.held["tel:+15550000001"] = asyncio.get_running_loop().create_future()
    assert await assigning.round() == 1
    assert [an_id for an_id, _ in reserved] == [2]
    # Who was meant for them is free for others; they are not asked for again meanwhile.
    seen.room = replace_asked(room(waiting(1), waiting(2), waiting(3)), {reserved[0][1]: (2, "", "[]")})
    assert await assigning.round() == 1
    assert [an_id for an_id, _ in reserved] == [2, 3]
    assert len({agent for _, agent in reserved}) == 2
    # Their lane goes on too late: it decides nothing, and wakes the next look.
    assigning._wake.clear()
    lanes.held.pop("tel:+15550000001").set_result(None)
    async with asyncio.timeout(5):
        await assigning._wake.wait()
    assert [an_id for an_id, _ in reserved] == [2, 3]
    seen.room = room(waiting(1))
    assert await assigning.round() == 1
    await assigning.stop()


def replace_asked(seen: Room, asked: dict[str, tuple[int, str, str]]) -> Room:
    return Room(seen.waiting, seen.counts, seen.busy, asked)


async def test_an_agent_whose_question_is_being_written_gets_no_second_one(reserved: list[tuple[int, str]]) -> None:
    seen = Seen(room(waiting(1), waiting(2)))
    assigning, lanes = floor(seen, house()[1], there(ANA))
    lanes.committing["tel:+15550000001"] = asyncio.get_running_loop().create_future()
    assert await assigning.round() == 0, "the disk is slow"
    assert await assigning.round() == 0
    assert reserved == [(1, ANA)]
    lanes.committing.pop("tel:+15550000001").set_result(None)
    await assigning.stop()


async def test_nobody_is_asked_while_the_server_takes_no_cards(
    reserved: list[tuple[int, str]], caplog: pytest.LogCaptureFixture
) -> None:
    """More cards would only come later still: after their deadlines, each with a notice that time is up."""
    seen = Seen(room(waiting(1), unshown=id_at(NOW - BEHIND_MS - 1)))
    assigning, _ = floor(seen, house()[1], there(ANA))
    assert [await assigning.round(), await assigning.round()] == [0, 0]
    assert caplog.text.count("nobody is asked") == 1
    seen.room = room(waiting(1), unshown=id_at(NOW - BEHIND_MS))
    assert await assigning.round() == 1
    assert reserved == [(1, ANA)]


async def test_who_comes_first_is_offered_first_over_all_queues(reserved: list[tuple[int, str]]) -> None:
    those = [waiting(1, "travel", place=5), waiting(2, place=3), waiting(3, "travel", place=1)]
    assigning, _ = floor(Seen(room(*those)), house()[1], there(ANA, BEN))
    assert await assigning.round() == 2
    assert [an_id for an_id, _ in reserved] == [3, 2]


def crowd(agents: int, able: int) -> tuple[Playbook, Any]:
    names = [f"agent{n}@example.test" for n in range(agents)]
    queues = {name: Queue(name=name, brand="acme", hours="Mo-Fr 08:00-20:00") for name in ("billing", "travel", "vip")}
    people = tuple(Agent(jid=name, name=name, queues=tuple(queues)) for name in names)
    return replace(house()[1], agents=people, queues=queues), there(*names[:able], kind=Counting)


@pytest.mark.parametrize("able", [0, 10, 300])
async def test_a_round_looks_at_each_agent_once_and_at_no_more_customers_than_agents(
    able: int, reserved: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    book, attendance = crowd(300, able)
    those = [waiting(n, ("billing", "travel", "vip")[n % 3]) for n in range(2000)]
    assigning, _ = floor(Seen(room(*those)), book, attendance)
    hours, choices = [0], [0]
    works, wanted = opening.works, Assigning._wanted

    def counted(*args: Any) -> bool:
        hours[0] += 1
        return works(*args)

    def counted_too(*args: Any) -> Any:
        choices[0] += 1
        return wanted(*args)

    monkeypatch.setattr(opening, "works", counted)
    monkeypatch.setattr(Assigning, "_wanted", counted_too)
    assert await assigning.round() == min(able, 200)
    assert attendance.looked == 300
    assert hours == [3]
    assert choices[0] <= able
    assert [an_id for an_id, _ in reserved] == list(range(min(able, 200)))


async def test_customers_who_passed_all_agents_do_not_hide_those_behind_them(reserved: list[tuple[int, str]]) -> None:
    passed = f'[null, {NOW}, ["{ANA}"], 0]'
    those = [waiting(n, its=passed) for n in range(500)]
    assigning, _ = floor(Seen(room(*those, waiting(501))), house()[1], there(ANA))
    assert await assigning.round() == 1
    assert reserved == [(501, ANA)]


async def test_the_back_up_is_asked_when_the_own_agents_had_their_time(reserved: list[tuple[int, str]]) -> None:
    usual = house()[1]
    queues = {
        "billing": Queue(name="billing", brand="acme", backup="travel", backup_after=60),
        "travel": Queue(name="travel", brand="acme"),
    }
    agents = (Agent(jid=ANA, name="Ana", queues=("billing",)), Agent(jid=BEN, name="Ben", queues=("travel",)))
    book = replace(usual, queues=queues, agents=agents)
    early = waiting(1, since=NOW - 59_999)
    assigning, _ = floor(Seen(room(early)), book, there(BEN))
    assert await assigning.round() == 0
    late = waiting(2, since=NOW - 60_000)
    assigning, _ = floor(Seen(room(early, late)), book, there(BEN))
    assert await assigning.round() == 1
    assert reserved == [(2, BEN)]
    assigning, _ = floor(Seen(room(late)), book, there(ANA, BEN))
    assert await assigning.round() == 1
    assert reserved[1:] == [(2, ANA)], "their own first"
    # Closed, the queue has its back-up alone, which need not wait for anybody.
    queues["billing"] = Queue(name="billing", brand="acme", hours="off", backup="travel")
    assigning, _ = floor(Seen(room(early)), replace(book, queues=queues), there(ANA, BEN))
    assert await assigning.round() == 1
    assert reserved[2:] == [(1, BEN)]


async def test_what_waits_in_a_queue_that_is_gone_moves_home(stage: Stage) -> None:
    stage.writes("+15551234567", "agent")
    await stage.settled()
    was = (await stage.rows("SELECT id, queue, queued_at FROM conversation"))[0]
    assert was["queue"] == "billing"
    travel = {"travel": stage.engine.playbook.queues["travel"]}
    stage.engine.playbook = replace(stage.engine.playbook, queues=travel)
    await stage.advance(seconds=5)
    now = (await stage.rows("SELECT queue, owner_id, queued_at FROM conversation"))[0]
    assert (now["queue"], now["owner_id"], now["queued_at"]) == ("travel", "travel", was["queued_at"])
    notes = await stage.rows("SELECT text FROM note WHERE kind = 'transferred'")
    assert [note["text"] for note in notes] == ["to travel: there is no queue billing any more"]
    stage.attendance.tell(ANA, Show.online)
    await stage.settled()
    assert stage.chat is not None
    assert "waits in travel" in stage.chat.lines[ANA][0].text


async def test_where_there_is_no_queue_at_all_it_is_told_once_and_waits(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.writes("+15551234567", "agent")
    await stage.settled()
    stage.engine.playbook = replace(stage.engine.playbook, queues={})
    await stage.advance(seconds=5)
    await stage.settled()
    alarms = [record for record in caplog.records if "which gateway.toml does not name" in record.message]
    assert len(alarms) == 1
    assert stage.assigning.waiting() == {"billing": 1}
    assert [row["queue"] for row in await stage.rows("SELECT queue FROM conversation")] == ["billing"]
