"""Batches of events: checked chunk by chunk while the chunk before goes to the disk, and told in order."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gateway.care.turn import CUSTOMER_LANE
from gateway.store import work
from gateway.store.units import StoreFull, Unit
from gateway.store.writer import Result
from gateway.web import batches
from gateway.web.chunks import Chunk
from tests.web.conftest import World, batch, event


def looked_at(monkeypatch: pytest.MonkeyPatch, look: Callable[[Any], None]) -> None:
    """Has `look` called with each item before its chunk is checked."""

    class Watched:
        def __init__(self, items: Sequence[Any], public_url: str) -> None:
            self._items, self._chunk = items, Chunk(items, public_url)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._chunk, name)

        def check(self, *given: Any) -> None:
            for item in self._items:
                look(item)
            self._chunk.check(*given)

    monkeypatch.setattr(batches, "Chunk", Watched)


async def test_a_chunk_is_checked_while_the_one_before_is_on_its_way_to_the_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.lane.stop(1.0)
    monkeypatch.setattr(batches, "CHUNK", 3)
    story: list[str] = []
    apply = world.store.apply

    async def keeping(units: list[Unit]) -> list[Result]:
        story.append("begin")
        await asyncio.sleep(0.05)
        results = await apply(units)
        story.append("end")
        return results

    looked_at(monkeypatch, lambda item: story.append(f"check {item['id']}"))
    monkeypatch.setattr(world.store, "apply", keeping)
    results = (await batch(world, [event(str(number)) for number in range(7)]))["results"]
    assert [result["id"] for result in results] == [str(number) for number in range(7)]
    checks = [["check 0", "check 1", "check 2"], ["check 3", "check 4", "check 5"], ["check 6"]]
    begin, end = ["begin"], ["end"]
    assert story == checks[0] + begin + checks[1] + end + begin + checks[2] + end + begin + end
    taken = await world.store.read(work.due_now, CUSTOMER_LANE, 1, world.now, 10)
    assert [str(due.ref) for due in taken] == [result["event"] for result in results]


async def test_copies_in_later_chunks_and_known_events_are_told_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CHUNK", 2)
    known = await world.event("known")
    keys = ["a", "b", "a", "known", "c", "b", "c"]
    results = (await batch(world, [event(key) for key in keys]))["results"]
    assert [result["id"] for result in results] == keys
    assert [result["duplicate"] for result in results] == [False, False, True, True, False, True, True]
    first = {key: results[keys.index(key)]["event"] for key in keys}
    assert first["known"] == known["event"]
    assert [result["event"] for result in results] == [first[key] for key in keys]


async def test_a_batch_that_filled_the_disk_can_be_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK", 2)
    apply = world.store.apply
    room = 2

    async def filling(units: list[Unit]) -> list[Result]:
        nonlocal room
        room -= 1
        return await apply(units) if room >= 0 else [StoreFull("the disk is full") for _ in units]

    await world.lane.stop(1.0)
    monkeypatch.setattr(world.store, "apply", filling)
    items = [event(str(number)) for number in range(7)]
    await batch(world, items, status=507)
    room = 100
    results = (await batch(world, items))["results"]
    assert [result["duplicate"] for result in results] == [True] * 4 + [False] * 3


async def test_many_batches_at_once_are_looked_at_in_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.lane.stop(1.0)
    monkeypatch.setattr(batches, "CHUNK", 5)
    turns: list[int] = []
    turn = 0

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    looked_at(monkeypatch, lambda item: turns.append(turn))
    counting = asyncio.create_task(count())
    await asyncio.gather(*(batch(world, [event(f"{one}-{place}") for place in range(10)]) for one in range(6)))
    counting.cancel()
    assert max(turns.count(one) for one in turns) == 5, "one chunk in a turn of the loop"
