"""Looks that go on by themselves: what wakes them, what does not end them, and those of a house without chat."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.care.turn import Refused
from gateway.floor.assigning import Assigning
from gateway.floor.attendance import Attendance
from gateway.floor.looking import Looking
from gateway.model.rows import replace
from gateway.store.units import Failure
from tests.doubles.stage import Stage, fresh_database

FOR_EVER = 3600.0


class Looks:
    """Counts looks, and lets a test wait for the next one. faults: raised by looks to come."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.count = 0
        self._looked = asyncio.Event()

    async def look(self) -> None:
        self.count += 1
        self._looked.set()
        if self.faults:
            raise self.faults.pop(0)

    async def next(self) -> None:
        await self._looked.wait()
        self._looked.clear()


async def rest() -> None:
    """All that can happen without time passing has happened."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_it_looks_once_and_then_when_something_changed() -> None:
    looks = Looks()
    looking = Looking("it", looks.look, 0.0, FOR_EVER)
    looking.start()
    await looks.next()
    await rest()
    assert looks.count == 1
    for _ in range(3):
        looking.poke()  # however often: one look serves all
    await looks.next()
    await rest()
    assert looks.count == 2
    await looking.stop()
    looking.poke()
    await rest()
    assert looks.count == 2


async def test_it_looks_when_nothing_changed_for_long() -> None:
    looks = Looks()
    looking = Looking("it", looks.look, 0.0, 0.0)
    looking.start()
    for _ in range(3):
        await looks.next()
    await looking.stop()


async def test_what_happens_during_a_look_is_looked_at_again() -> None:
    gate = asyncio.Event()
    looks = Looks()

    async def slow() -> None:
        await looks.look()
        await gate.wait()

    looking = Looking("it", slow, 0.0, FOR_EVER)
    looking.start()
    await looks.next()
    looking.poke()
    gate.set()
    await looks.next()
    await looking.stop()


async def test_no_fault_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    looks = Looks(Failure("the disk is slow"), Refused("not now"), ValueError("a fault of ours"))
    looking = Looking("the queues", looks.look, 0.0, 0.0)
    looking.start()
    for _ in range(4):
        await looks.next()
    await looking.stop()
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "the queues cannot be looked after now: the disk is slow",
        "the queues cannot be looked after now: not now",
        "a fault of ours in the queues; the next look is soon",
    ]


async def test_who_never_began_may_stop() -> None:
    await Looking("it", Looks().look, 0.0, FOR_EVER).stop()


# -- without a chat server (`gateway.app`): nobody can be asked, but somebody must know how the queues stand


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Stage]:
    """A house whose agents work over HTTP."""
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db")
    await made.open()
    yield made
    await made.close()


async def test_without_chat_clients_customers_hear_their_place(plain: Stage) -> None:
    assigning = Assigning(plain.store, plain.engine, Attendance(plain.clock), plain.clock)
    for phone in ("+15551230001", "+15551230002"):
        plain.writes(phone, "agent")
        await plain.settled()
        await plain.advance(seconds=1)
    assert await plain.do(assigning.round()) == 0, "there is nobody to ask"
    assert assigning.waiting()["billing"] == 2
    await plain.advance(minutes=5)
    assert "number 1 in line" in plain.carrier.texts("+15551230001")[-1]
    assert "number 2 in line" in plain.carrier.texts("+15551230002")[-1]
    await assigning.stop()


async def test_without_chat_clients_nobody_is_taken_away_from_who_works_over_http(plain: Stage) -> None:
    assigning = Assigning(plain.store, plain.engine, Attendance(plain.clock), plain.clock)
    plain.writes("+15551230001", "agent")
    await plain.settled()
    an_id = (await plain.conversation("+15551230001"))["id"]
    await plain.do(plain.desk.claim(an_id, "Ana"))
    await plain.advance(minutes=30)
    assert await plain.do(assigning.round()) == 0
    assert (await plain.conversation("+15551230001"))["agent"] == "ana@example.test"
    # One who is no agent any more can answer in no way.
    agents = tuple(one for one in plain.playbook.agents if one.name != "Ana")
    plain.playbook = plain.engine.playbook = replace(plain.playbook, agents=agents)
    assert await plain.do(assigning.round()) == 1
    assert (await plain.conversation("+15551230001"))["state"] == "queued"
    await assigning.stop()


async def test_without_chat_clients_a_queue_that_is_gone_is_left(plain: Stage) -> None:
    assigning = Assigning(plain.store, plain.engine, Attendance(plain.clock), plain.clock)
    plain.writes("+15551230001", "agent")
    await plain.settled()
    travel = {"travel": plain.playbook.queues["travel"]}
    plain.playbook = plain.engine.playbook = replace(plain.playbook, queues=travel)
    assert await plain.do(assigning.round()) == 1
    assert (await plain.conversation("+15551230001"))["queue"] == "travel"
    await assigning.stop()
