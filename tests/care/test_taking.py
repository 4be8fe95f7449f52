"""Taking events: those that come together share a unit, and each stands or falls alone all the same."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gateway.care import taking
from gateway.care.taking import Accepted, Taken, Taking
from gateway.care.turn import CUSTOMER_LANE
from gateway.model.event import Event
from gateway.model.ids import Ids
from gateway.store import work
from gateway.store.database import Store
from gateway.store.units import Due, StoreClosed, StoreFull, Unit
from gateway.store.writer import Result
from tests.doubles.stage import fresh_database

NOW = 1_795_446_000_000


class Counting(Store):
    """A store that remembers how many units came together, and fails when it is told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.calls: list[int] = []
        self.failing: StoreFull | None = None

    async def apply(self, units: Sequence[Unit], *, patient: bool = False) -> list[Result]:
        self.calls.append(len(units))
        if self.failing is not None:
            return [self.failing for _ in units]
        return await super().apply(units, patient=patient)


class Till:
    """Where events are taken: a store, and what the lane got."""

    def __init__(self, store: Counting) -> None:
        self.store = store
        self.pushed: list[Due] = []
        self.taking = Taking(store, lambda: NOW, self.pushed.append)
        self._ids = Ids(lambda: NOW)

    def event(self, key: str, *, digest: str = "d", brand: str | None = "acme", sender: str | None = None) -> Accepted:
        """One accepted event. A brand of None is what no check lets through, and what the store refuses."""
        phone = "tel:+15551230001"
        return (
            Event(self._ids(), "/s", key, "t", phone, phone, brand, sender, "{}", digest, None),  # type: ignore[arg-type]
            None,
        )

    async def at_once(self, *batch: Accepted) -> list[Taken | BaseException]:
        """As many requests at the same time."""
        return list(await asyncio.gather(*(self.taking.one(one) for one in batch), return_exceptions=True))

    async def on_disk(self) -> list[int]:
        """The work of events, in its order."""
        return [due.ref for due in await self.store.read(work.due_now, CUSTOMER_LANE, 1, NOW, 100)]


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[Till]:
    fresh_database(tmp_path / "store.db")
    store = Counting(tmp_path / "store.db")
    await store.open()
    yield Till(store)
    await store.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


def ids(batch: Sequence[Accepted]) -> list[int]:
    return [event.id for event, _ in batch]


async def test_what_comes_in_one_turn_is_one_unit(till: Till) -> None:
    batch = [till.event(str(number)) for number in range(20)]
    assert await till.at_once(*batch) == [Taken(an_id) for an_id in ids(batch)]
    assert till.store.calls == [1]
    assert [due.ref for due in till.pushed] == await till.on_disk() == ids(batch)
    await till.at_once(till.event("later"))
    assert till.store.calls == [1, 1]


async def test_one_that_was_known_harms_no_other(till: Till) -> None:
    first = till.event("known")
    await till.at_once(first)
    batch = [
        till.event("1"),
        till.event("known"),
        till.event("2"),
        till.event("known", digest="other"),
        till.event("3"),
    ]
    known = first[0].id
    new = [Taken(batch[place][0].id) for place in (0, 2, 4)]
    assert await till.at_once(*batch) == [new[0], Taken(known, True), new[1], Taken(known, True, True), new[2]]
    assert till.store.calls == [1, 1, 5], "together, then each alone"
    assert await till.on_disk() == [due.ref for due in till.pushed] == [known, *(one.event_id for one in new)]


async def test_copies_in_one_turn_are_taken_once(till: Till) -> None:
    batch = [till.event("same") for _ in range(4)]
    [first, *others] = await till.at_once(*batch)
    assert first == Taken(batch[0][0].id)
    assert others == [Taken(batch[0][0].id, duplicate=True)] * 3
    assert await till.on_disk() == [batch[0][0].id]


@pytest.mark.interpreted
async def test_one_that_the_store_refuses_harms_no_other(till: Till) -> None:
    batch = [till.event("1"), till.event("poison", brand=None), till.event("2")]
    [first, poison, second] = await till.at_once(*batch)
    assert isinstance(poison, StoreClosed)
    assert [first, second] == [Taken(batch[0][0].id), Taken(batch[2][0].id)]
    assert await till.on_disk() == [batch[0][0].id, batch[2][0].id]


async def test_a_full_disk_is_told_to_all(till: Till) -> None:
    till.store.failing = StoreFull("full")
    assert await till.at_once(till.event("1"), till.event("2")) == [till.store.failing] * 2
    with pytest.raises(StoreFull):
        await till.taking.many([till.event("3")])
    till.store.failing = None
    assert till.pushed == []
    assert await till.on_disk() == []
    [taken] = await till.at_once(till.event("1"))
    assert isinstance(taken, Taken)
    assert not taken.duplicate


async def test_who_gives_up_takes_no_answer_from_others(till: Till) -> None:
    one, other = till.event("1"), till.event("2")
    waiting = [asyncio.create_task(till.taking.one(each)) for each in (one, other)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert await waiting[1] == Taken(other[0].id)
    assert await till.on_disk() == [one[0].id, other[0].id], "it was handed in, so it is taken"


async def test_a_long_batch_goes_in_chunks_in_order(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "CHUNK", 3)
    batch = [till.event(str(number), sender="70007" if number % 2 else None) for number in range(8)]
    assert await till.taking.many(batch) == [Taken(an_id) for an_id in ids(batch)]
    assert till.store.calls == [1, 1, 1]
    assert await till.on_disk() == ids(batch)
    rows = await till.store.read(lambda connection: dict(connection.execute("SELECT event_key, sender FROM event")))
    assert rows == {str(number): "70007" if number % 2 else None for number in range(8)}


async def test_many_batches_do_not_become_one_long_transaction(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "CHUNK", 3)
    apply = till.store.apply
    at_once = most = 0

    async def watched(units: Sequence[Unit]) -> list[Result]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        results = await apply(units)
        at_once -= 1
        return results

    monkeypatch.setattr(till.store, "apply", watched)
    batches = [[till.event(f"{one}-{place}") for place in range(7)] for one in range(9)]
    answers = await asyncio.gather(*(till.taking.many(each) for each in batches))
    assert answers == [[Taken(an_id) for an_id in ids(each)] for each in batches]
    assert most == taking.MOST_CHUNKS


async def test_the_rest_of_a_batch_is_not_taken_after_a_failure(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "CHUNK", 2)
    apply = till.store.apply

    async def filling_up(units: Sequence[Unit]) -> list[Result]:
        results = await apply(units)
        till.store.failing = StoreFull("full")
        return results

    monkeypatch.setattr(till.store, "apply", filling_up)
    batch = [till.event(str(number)) for number in range(6)]
    with pytest.raises(StoreFull):
        await till.taking.many(batch)
    assert till.store.calls == [1, 1]
    assert await till.on_disk() == ids(batch)[:2]


async def test_others_stand_back_for_a_crowd_and_not_for_one(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [asyncio.get_running_loop().time()]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock[0])

    async def crowd() -> float:
        await till.at_once(*[till.event(f"{clock[0]} {number}") for number in range(20)])
        return till.taking.pressure()

    assert not till.taking.pressure()
    await till.at_once(till.event("alone"))
    assert not till.taking.pressure(), "nobody waited to be taken"
    assert not till.taking.burst()
    burst = flood = await crowd()
    assert till.taking.burst()
    for _ in range(400):
        clock[0] += 0.01
        flood = await crowd()
    assert not till.taking.burst()
    assert burst > flood > 0, "a burst is taken first, a flood shares"
    clock[0] += 1
    assert not till.taking.pressure(), "a moment later the others go on"
    assert await crowd() == burst
