"""A lane: order per customer, priorities, and a backlog that is larger than memory."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gateway.jobs.lane import Again, Lane
from gateway.store import work
from gateway.store.database import Store
from gateway.store.units import Due, Unit


class Worker:
    """Takes items off the table and notes them. `done` is set when so many were run."""

    def __init__(self, store: Store, wanted: int) -> None:
        self.store, self.wanted = store, wanted
        self.ran: list[Due] = []
        self.batches: list[list[str]] = []
        self.busy: set[str] = set()
        self.done = asyncio.Event()
        self.again: Callable[[Due], int | None] = lambda due: None
        self.together = 1

    async def run(self, batch: list[Due]) -> Again:
        keys = [due.key for due in batch]
        assert max(Counter(keys).values()) <= self.together, "too many items of one key in a batch"
        assert not self.busy & set(keys), "a key is in two batches at once"
        self.busy |= set(keys)
        self.batches.append(keys)
        again: Again = []
        for due in batch:
            # What comes after an item that is tried again waits for it.
            behind = next((delay for earlier, delay in again if earlier.key == due.key), None)
            if (delay := behind if behind is not None else self.again(due)) is not None:
                again.append((due, delay))
        retried = {id(due) for due, _ in again}
        finished = [due for due in batch if id(due) not in retried]
        units = []
        for due in finished:
            unit = Unit(due.key)
            if due.id:
                work.take(unit, due)
            units.append(unit)
        results = await self.store.apply(units)
        assert not any(results), results
        self.ran += finished
        self.busy -= set(keys)
        if len(self.ran) >= self.wanted:
            self.done.set()
        return again


async def put(store: Store, dues: list[Due], lane: Lane | None = None) -> None:
    """Commits items, and hands them to the lane as whoever commits does."""
    for at in range(0, len(dues), 500):
        units = []
        for due in dues[at : at + 500]:
            unit = Unit(f"{due.id}")
            work.add(unit, due)
            units.append(unit)
        assert not any(await store.apply(units))
        for due in dues[at : at + 500]:
            if lane is not None:
                lane.push(due)


async def until_done(worker: Worker, lane: Lane, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        await worker.done.wait()
    await lane.stop(1)


async def until(so: Callable[[], bool], store: Store) -> None:
    """Gives the lane turns until it is so; each round trip to the store is one."""
    async with asyncio.timeout(10):
        while not so():
            await store.read(lambda connection: None)


def rushing() -> Callable[[], int]:
    """A wall clock that goes on by half a second each time that somebody looks."""
    times = itertools.count(1000, 500)
    return lambda: next(times)


def in_order(ran: list[Due]) -> bool:
    """Whether the items of each key ran in order of their ids."""
    newest: dict[str, int] = {}
    for due in ran:
        if due.id < newest.get(due.key, 0):
            return False
        newest[due.key] = due.id
    return True


async def test_items_of_a_key_run_one_at_a_time_in_order(store: Store) -> None:
    worker = Worker(store, 600)
    lane = Lane("x", store, worker.run, lambda: 1000, batches=4, most=7)
    lane.start()
    chance = random.Random(1)
    await put(store, [Due(n, "x", f"k{chance.randrange(20)}", "t", 5) for n in range(1, 601)], lane)
    await until_done(worker, lane)
    assert len({due.id for due in worker.ran}) == 600
    assert in_order(worker.ran)
    assert lane.idle


async def test_more_than_memory_holds_waits_on_disk_and_keeps_its_order(store: Store) -> None:
    # 30,000 items while memory holds 1,000, and newer ones come hot all the time.
    worker = Worker(store, 30_000)
    lane = Lane("x", store, worker.run, lambda: 1000, batches=2, memory=1000)
    await put(store, [Due(n, "x", f"k{n % 700}", "t", 5) for n in range(1, 25_001)], lane)
    assert lane.depth() <= 1000
    lane.start()
    deepest = 0
    for start in range(25_001, 30_001, 500):
        await put(store, [Due(n, "x", f"k{n % 700}", "t", 5) for n in range(start, start + 500)], lane)
        deepest = max(deepest, lane.depth())
    await until_done(worker, lane, 60)
    assert deepest <= 2500, "memory is bounded"
    assert len({due.id for due in worker.ran}) == 30_000 == len(worker.ran)
    assert in_order(worker.ran)
    assert await store.read(lambda connection: connection.execute("SELECT count(*) FROM work").fetchone()) == (0,)


@pytest.mark.parametrize("seed", range(5))
async def test_items_of_a_key_that_go_together_keep_their_order(store: Store, seed: int) -> None:
    """Batches fail as a whole or from some item on, items come while others run: none overtakes another of its key."""
    chance = random.Random(seed)
    dues = [Due(number + 1, "test", f"k{chance.randrange(6)}", "x", number // 7) for number in range(400)]
    worker = Worker(store, len(dues))
    worker.together = 7
    worker.again = lambda due: chance.choice((0, 1, 500)) if chance.random() < 0.1 else None
    lane = Lane("test", store, worker.run, rushing(), most=20, together=7, memory=chance.choice((50, 1000)))
    await put(store, dues[:200])
    lane.start()
    await put(store, dues[200:], lane)
    await until_done(worker, lane)
    for key in {due.key for due in dues}:
        assert [due.id for due in worker.ran if due.key == key] == [due.id for due in dues if due.key == key]
    assert max(len(batch) - len(set(batch)) for batch in worker.batches) > 1, "some went together"


async def test_urgent_keys_go_first(store: Store) -> None:
    worker = Worker(store, 400)
    room = 0
    lane = Lane("x", store, worker.run, lambda: 1000, prios=3, batches=1, most=10, room=lambda: room)
    dues = [Due(n, "x", f"k{n}", "t", 5, prio=2 - n % 3) for n in range(1, 401)]
    await put(store, dues)
    lane.start()
    await put(store, [], lane)
    await until(lambda: lane.depth() == 400, store)
    room = 10
    lane.poke()
    await until_done(worker, lane)
    prios = [due.prio for due in worker.ran]
    assert prios == sorted(prios)


async def test_older_items_of_a_key_go_before_its_urgent_one(store: Store) -> None:
    worker = Worker(store, 3)
    lane = Lane("x", store, worker.run, lambda: 1000, prios=2, batches=1)
    await put(
        store,
        [Due(1, "x", "ann", "t", 5, prio=1), Due(2, "x", "bob", "t", 5, prio=1), Due(3, "x", "bob", "t", 6, prio=0)],
    )
    lane.start()
    await until_done(worker, lane)
    assert [due.id for due in worker.ran if due.key == "bob"] == [2, 3]
    assert worker.ran[0].key == "bob"


async def test_replies_are_not_kept_from_memory_by_bulk(store: Store) -> None:
    # Memory is full of bulk and the carrier is slow; a reply committed now must not wait for half of it to leave.
    room = 0
    worker = Worker(store, 1)
    lane = Lane("x", store, worker.run, lambda: 1000, prios=3, batches=1, most=1, memory=300, room=lambda: room)
    await put(store, [Due(n, "x", f"k{n}", "t", 5, prio=2) for n in range(1, 1001)])
    lane.start()
    await until(lambda: lane.depth() >= 100, store)
    await put(store, [Due(2000, "x", "ann", "t", 5, prio=0)], lane)
    room = 1
    lane.poke()

    def answered() -> bool:
        lane.poke()
        return any(due.id == 2000 for due in worker.ran) or len(worker.ran) >= 20

    await until(answered, store)
    await lane.stop(1)
    assert any(due.id == 2000 for due in worker.ran), "the reply waits behind bulk"


async def test_a_retried_item_keeps_its_key_waiting(store: Store) -> None:
    worker = Worker(store, 4)
    tries = 0

    def again(due: Due) -> int | None:
        nonlocal tries
        if due.id == 1 and tries < 2:
            tries += 1
            return 10
        return None

    worker.again = again
    lane = Lane("x", store, worker.run, rushing())
    lane.start()
    dues = [
        Due(1, "x", "ann", "t", 5),
        Due(2, "x", "ann", "t", 5),
        Due(3, "x", "bob", "t", 5),
        Due(4, "x", "ann", "t", 5),
    ]
    await put(store, dues, lane)
    await until_done(worker, lane)
    assert [due.id for due in worker.ran if due.key == "ann"] == [1, 2, 4]
    assert worker.ran[0].key == "bob"


async def test_a_worker_that_raises_is_tried_again(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker(store, 2)
    broken = True

    async def run(batch: list[Due]) -> Again:
        nonlocal broken
        if broken:
            broken = False
            raise RuntimeError("a bug")
        return await worker.run(batch)

    lane = Lane("x", store, run, rushing())
    lane.start()
    await put(store, [Due(1, "x", "ann", "t", 5), Due(2, "x", "ann", "t", 5)], lane)
    await until_done(worker, lane)
    assert [due.id for due in worker.ran] == [1, 2]
    assert "a bug" in caplog.text


async def test_a_timer_runs_when_its_time_has_come(store: Store) -> None:
    now = 1000
    worker = Worker(store, 1)
    lane = Lane("x", store, worker.run, lambda: now)
    await put(store, [Due(1, "x", "ann", "t", 5000)], lane)
    lane.start()
    await put(store, [], lane)
    assert lane.idle
    now = 5000
    await until_done(worker, lane)
    assert [due.id for due in worker.ran] == [1]


async def test_a_request_comes_after_what_was_there(store: Store) -> None:
    worker = Worker(store, 3)
    lane = Lane("x", store, worker.run, lambda: 1000)
    await put(store, [Due(1, "x", "ann", "t", 5), Due(2, "x", "ann", "t", 5)])
    lane.start()
    await until(lambda: not lane.idle or bool(worker.ran), store)
    lane.push(Due(0, "x", "ann", "request", 1000))
    await until_done(worker, lane)
    assert [due.id for due in worker.ran] == [1, 2, 0]


async def test_while_work_is_taken_in_bulk_goes_one_batch_at_a_time_and_urgent_items_at_once(store: Store) -> None:
    taking = True
    worker = Worker(store, 4)
    gate = asyncio.Event()
    started: list[int] = []

    async def run(batch: list[Due]) -> Again:
        started.extend(due.id for due in batch)
        if batch[0].prio:
            await gate.wait()
        return await worker.run(batch)

    lane = Lane("x", store, run, lambda: 1000, prios=2, batches=4, most=1, yields=lambda: 2.0 if taking else 0.0)
    bulk = [Due(n, "x", f"k{n}", "t", 5, prio=1) for n in (1, 2, 3)]
    await put(store, bulk)
    lane.start()
    await until(lambda: started == [1], store)
    await put(store, [Due(9, "x", "ann", "t", 5)], lane)
    await until(lambda: 9 in started, store)
    assert started == [1, 9], "the other bulk items stand back, though there is room for three more batches"
    taking = False
    lane.poke()
    await until(lambda: {2, 3} <= set(started), store)
    gate.set()
    await until_done(worker, lane)
    assert lane.idle


async def test_bulk_that_stands_back_has_its_turn_again_and_again(store: Store) -> None:
    worker = Worker(store, 50)
    lane = Lane("x", store, worker.run, lambda: 1000, prios=2, batches=4, most=5, yields=lambda: 0.1)
    lane.start()
    await put(store, [Due(n, "x", f"k{n}", "t", 5, prio=1) for n in range(1, 51)], lane)
    await until_done(worker, lane)
    assert len(worker.ran) == 50


async def test_a_key_is_clear_when_nothing_of_it_waits_in_memory_or_on_disk(store: Store) -> None:
    worker = Worker(store, 1)
    lane = Lane("x", store, worker.run, lambda: 1000)
    assert not lane.clear("ann"), "nobody has looked at the disk yet"
    lane.start()
    await until(lambda: lane.clear("ann"), store)
    lane.occupy("ann")
    assert not lane.clear("ann")
    await put(store, [Due(1, "x", "ann", "t", 5)], lane)
    await store.read(lambda connection: None)
    assert not worker.ran, "somebody else decides something of hers"
    lane.vacate("ann")
    await until_done(worker, lane)
    assert lane.clear("ann")


async def test_keys_that_could_go_are_counted_once_however_many_items_they_have(store: Store) -> None:
    room = 0
    worker = Worker(store, 6)
    lane = Lane("x", store, worker.run, lambda: 1000, prios=2, batches=1, room=lambda: room)
    await lane._refill()
    await put(store, [Due(n, "x", "ann", "t", 5) for n in (1, 2, 3)], lane)
    await put(store, [Due(4, "x", "bob", "t", 5), Due(5, "x", "cid", "t", 5, prio=1)], lane)
    assert lane.ready() <= 4, "no more than items of the first priority"
    lane.occupy("ann")
    room = 1
    lane._dispatch()
    assert lane.ready() == 0, "bob goes, ann is busy, bulk does not count"
    lane.vacate("ann")
    assert lane.ready() == 1
    lane.start()
    await put(store, [Due(6, "x", "bob", "t", 5)], lane)
    await until_done(worker, lane)
    assert lane.ready() == 0


async def test_what_arrived_while_the_disk_is_read_is_not_overtaken(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(store, 1)
    lane = Lane("x", store, worker.run, lambda: 1000)
    await lane._refill()
    first, next_one = Due(1, "x", "ann", "t", 5), Due(2, "x", "ann", "t", 5)
    assert lane.clear("ann")
    assert lane.may_overtake(next_one)
    read, seen = store.read, []

    async def slow(*question: Any) -> Any:
        """While the disk is read, the first item is committed and pushed."""
        rows = await read(*question)
        lane.push(first)
        seen.append((lane.clear("ann"), lane.may_overtake(next_one)))
        return rows

    monkeypatch.setattr(store, "read", slow)
    await lane._refill()
    assert seen == [(False, False)]
    assert not lane.clear("ann")


async def test_what_is_paused_waits_and_nothing_else_does(store: Store) -> None:
    paused = True
    worker = Worker(store, 401)
    lane = Lane("x", store, worker.run, lambda: 1000, prios=3, memory=300, paused=lambda prio: paused and prio == 2)
    await put(store, [Due(n, "x", f"k{n}", "t", 5, prio=2) for n in range(1, 401)])
    await put(store, [Due(500, "x", "ann", "t", 5, prio=1)])
    lane.start()
    await until(lambda: bool(worker.ran) and lane.depth() >= 100, store)
    assert [due.id for due in worker.ran] == [500], "a notice goes, also while all memory for bulk is full"
    assert not lane.may_overtake(Due(600, "x", "bob", "t", 5, prio=2))
    assert lane.may_overtake(Due(600, "x", "bob", "t", 5, prio=0))
    paused = False
    lane.poke()
    await until_done(worker, lane)
    assert sorted(due.id for due in worker.ran) == [*range(1, 401), 500]
