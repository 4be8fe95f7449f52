"""Messages are filed under their addresses by and by; whoever asks for them finds all of them at any time."""

import random
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from gateway.jobs import filing as jobs
from gateway.jobs.background import Background, Crowd
from gateway.jobs.filing import Filing
from gateway.model.ids import Ids, id_at
from gateway.store import filing, work
from gateway.store.database import Store
from gateway.store.search import Filters, search
from gateway.store.units import Statement, StoreFull, Unit
from gateway.store.writer import Result

NOW = 1_790_000_000_000
ADDRESSES = range(40)
_PUT = Statement(
    "put",
    "INSERT INTO message (id, channel, direction, key, address_id, ours, theirs, brand, text, cls, state, author_kind, "
    "author_id, parts, reference, possible_duplicate, lane) "
    "VALUES (?, 'sms', 'mo', 'k', ?, '1', '2', 'b', 'hello', 3, 'final', 'customer', '', 1, 0, 0, 0)",
)
_LOOK = Statement(
    "look",
    "INSERT INTO mark (name, value) SELECT 'seen', count(*) FROM temp.unfiled WHERE true "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
)


async def no_rest(_: float) -> None:
    """A test does not wait."""


class FlakyStore(Store):
    """Refuses what is written in the background while `refusing` says so."""

    refusing = 0
    writes = 0

    async def apply(self, units: Sequence[Unit], *, patient: bool = False) -> list[Result]:
        """Refuses the next one after `refusing` others."""
        self.writes += units[0].key == "filing"
        if self.refusing and units[0].key == "filing":
            self.refusing -= 1
            if not self.refusing:
                return [StoreFull("full")] * len(units)
        return await super().apply(units, patient=patient)


@dataclass
class Office:
    """A store, its messages by address as they should be found, and a clock."""

    store: FlakyStore
    now: int = NOW
    crowded: bool = True
    expected: dict[int, list[int]] = field(default_factory=lambda: {address: [] for address in ADDRESSES})

    def __post_init__(self) -> None:
        self.random = random.Random(7)
        self.ids = Ids(lambda: self.now)
        self.begin()

    def begin(self) -> None:
        """A process begins."""
        self.filing = Filing(self.store, self.ids.settle, Background(self.store, rest=no_rest), lambda: self.crowded)

    async def texts(self, count: int, ids: Sequence[int] = ()) -> None:
        """So many arrive, or those with ids that were made before; each is filed by itself when it is late."""
        unit = Unit("k")
        for an_id in ids or [self.ids() for _ in range(count)]:
            address = self.random.choice(ADDRESSES)
            unit.add(_PUT, (an_id, address))
            if an_id <= self.ids.settled:
                filing.file_late(unit, address, an_id)
            self.expected[address].append(an_id)
        await self.store.write(unit)
        self.now += 2000

    async def filed(self) -> int:
        """Lines in the table."""
        return int(await self.store.read(lambda c: c.execute("SELECT count(*) FROM address_message").get))

    async def gathered(self) -> int:
        """Lines in the writer's memory."""
        unit = Unit("k")
        unit.add(_LOOK, ())
        await self.store.write(unit)
        return int(await self.store.read(lambda c: c.execute("SELECT value FROM mark WHERE name = 'seen'").get))

    async def check(self) -> None:
        """Every address has its messages, each once, in order."""

        def compare(connection: apsw.Connection) -> None:
            for address, its in self.expected.items():
                found = filing.ids_of_address(connection, address, 0, "1", (), 10**9)
                assert found == sorted(its)
                some = found[len(found) // 2] if found else 0
                newer = [one for one in found if one > some]
                assert filing.ids_of_address(connection, address, some, "direction = ?", ("mo",), 3) == newer[:3]
                assert filing.ids_of_address(connection, address, some, "direction = ?", ("mt",), 3) == []

        await self.store.read(compare)


@pytest.fixture
async def office(tmp_path: Path, schema: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(filing, "TOGETHER", 256)
    monkeypatch.setattr(filing, "STRETCH", 64)
    monkeypatch.setattr(jobs, "MUCH", 256)
    monkeypatch.setattr(filing, "SLICE", 20)
    shutil.copyfile(schema, tmp_path / "careline.db")
    store = FlakyStore(tmp_path / "careline.db")
    await store.open()
    office = Office(store)
    yield office
    await office.store.close()


async def test_nothing_is_filed_until_it_is_many(office: Office) -> None:
    for count, filed in ((255, 0), (1, 256), (63, 256), (300, 512)):
        await office.texts(count)
        await office.filing.tick()
        await office.check()
        assert await office.filed() == filed
    await office.filing.tick()
    assert await office.gathered() == 64, "what is filed is forgotten"


async def test_what_is_on_its_way_when_it_settles_is_found(office: Office) -> None:
    await office.texts(200)
    ids = [office.ids() for _ in range(100)]
    unit = Unit("k")
    unit.extend(_PUT, [(an_id, 5) for an_id in ids])
    office.expected[5] += ids
    office.now += 5000
    told: list[object] = []
    office.store.submit([unit], told.extend, patient=True)
    await office.filing.tick()
    assert told == [None]
    await office.check()
    assert await office.filed() == 256


async def test_what_has_not_settled_waits(office: Office) -> None:
    await office.texts(256)
    office.now -= 2000
    await office.filing.tick()
    assert await office.filed() == 0


async def test_what_comes_late_is_found(office: Office) -> None:
    early = [office.ids() for _ in range(10)]
    await office.texts(200)
    await office.filing.tick()
    await office.texts(0, early[:5])  # gathered was already, filed not yet
    await office.check()
    await office.texts(200)
    await office.filing.tick()
    await office.texts(0, early[5:])  # the mark is above them
    await office.check()
    assert await office.filed() == 256 + 10


async def test_when_it_is_behind_it_takes_larger_pieces(office: Office) -> None:
    for _ in range(4):
        await office.texts(64)
        await office.filing.tick()
    assert (office.store.writes, await office.filed()) == (1 + 4 + 13, 256), "made room, gathered, filed"
    office.store.writes = 0
    await office.texts(3 * 256)
    await office.filing.tick()
    assert (office.store.writes, await office.filed()) == ((4 + 4) + (1 + 4) + (1 + 4), 1024), "after the first 256"


async def test_what_a_flood_left_behind_is_filed_in_small_pieces(office: Office) -> None:
    office.crowded = False
    await office.texts(4 * 256)
    await office.filing.tick()
    assert (office.store.writes, await office.filed()) == (1 + 4 * (4 + 13), 1024)


@pytest.mark.parametrize("seed", range(8))
async def test_customers_come_and_go_while_it_files(office: Office, seed: int) -> None:
    chance = random.Random(seed)
    background = Background(office.store, rest=no_rest)
    office.filing = Filing(office.store, office.ids.settle, background, lambda: chance.random() < 0.5)
    for _ in range(4):
        await office.texts(chance.randrange(200, 900))
        office.store.refusing = chance.choice([0, 0, 5, 20])
        await office.filing.tick()
        await office.check()
    await office.texts(300)
    office.store.refusing = 0
    await office.filing.tick()
    await office.check()
    assert await office.filed() >= 1024


async def test_what_a_tick_left_over_is_taken_in_a_hurry(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST", 512)
    office.crowded = False
    await office.texts(3 * 512)
    writes = []
    for _ in range(4):
        office.store.writes = 0
        await office.filing.tick()
        writes.append(office.store.writes)
    # 256 at each tick come before it hurries; what the last gathered is filed at the next.
    assert writes == [1 + 8 + 13, 13 + 4 + 4 + 1, 13 + 4 + 4 + 1, 13]
    assert await office.filed() == 6 * 256
    await office.check()


def test_a_crowd_is_told_by_what_is_written() -> None:
    written, now = 0, 0.0
    crowd = Crowd(lambda: written, lambda: now)
    assert not crowd()
    for more, seconds, crowded in ((3000, 0.5, True), (9, 0.1, True), (2000, 0.5, False), (9000, 0.2, False)):
        written, now = written + more, now + seconds
        assert crowd() is crowded
    now += 0.05
    assert crowd()
    written, now = written + 90_000, now + 1.0
    assert not crowd(), "the flood may be over"
    written, now = written + 3000, now + 0.3
    assert crowd()


@pytest.mark.parametrize("at", range(1, 9))
async def test_a_commit_that_fails_is_tried_again(office: Office, at: int) -> None:
    office.store.refusing = at
    for count in (200, 56, 10):
        await office.texts(count)
        await office.filing.tick()
        await office.check()
    assert await office.filed() == 256
    assert office.store.refusing == 0, "it was refused"


@pytest.mark.parametrize("after", range(1, 9))
async def test_a_process_that_ends_in_the_middle_begins_again(office: Office, after: int) -> None:
    office.store.refusing = after
    for count in (200, 56):
        await office.texts(count)
        await office.filing.tick()
    assert office.store.refusing == 0
    before = [office.ids() for _ in range(5)]
    await office.store.close()
    await office.store.open()
    office.ids = Ids(lambda: office.now, newest=max(office.ids(), await office.store.read(work.newest_id)))
    office.begin()
    await office.check()
    await office.texts(0, before)  # they waited as work, and are decided now
    await office.filing.tick()
    await office.check()
    assert await office.filed() == 256 + 5


async def test_any_order_of_things(office: Office) -> None:
    chance, held = random.Random(11), []
    for _ in range(300):
        deed = chance.randrange(12)
        if deed < 6:
            await office.texts(chance.randrange(1, 120))
        elif deed < 8:
            held += [office.ids() for _ in range(5)]
        elif deed == 8 and held:
            chance.shuffle(held)
            late, held = held[:7], held[7:]
            await office.texts(0, late)
        elif deed == 9:
            office.store.refusing = chance.randrange(1, 9)
        elif deed == 10:
            office.now -= chance.randrange(5000)  # the clock is set back
        else:
            await office.filing.tick()
        if chance.randrange(10) == 0:
            await office.check()
    await office.check()
    assert await office.filed() > 5000


async def test_a_page_goes_on_from_what_is_not_filed_to_what_is(office: Office) -> None:
    await office.store.write(_people())
    await office.texts(500)
    await office.filing.tick()
    wanted = sorted(office.expected[3], reverse=True)
    found: list[int] = []
    before = None
    while True:
        page = await office.store.read(search, Filters(address="+15550000003", before=before), 4)
        found += [message.id for message in page.messages]
        if not page.more:
            break
        before = found[-1]
    assert found == wanted


def _people() -> Unit:
    unit = Unit("k")
    add = Statement(
        "address", "INSERT INTO address (id, kind, value, value_rev, customer_id) VALUES (?, 'tel', ?, ?, 1)"
    )
    for address in ADDRESSES:
        number = f"+1555{address:07d}"
        unit.add(add, (address, number, number[::-1]))
    return unit


async def test_the_plan_walks_two_indexes_and_sorts_nothing(office: Office) -> None:
    asked: list[str] = []

    def watch(connection: apsw.Connection) -> list[str]:
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: asked.append(event["sql"]))
        filing.ids_of_address(connection, 1, id_at(NOW), "direction = ?", ("mo",), 1)
        connection.trace_v2(0)
        rows = connection.execute(f"EXPLAIN QUERY PLAN {asked[-1]}", (1,) * asked[-1].count("?"))
        return [row[3] for row in rows]

    plan = await office.store.read(watch)
    assert [step for step in plan if step.startswith(("SEARCH", "SCAN"))] == [
        "SEARCH address_message USING PRIMARY KEY (address_id=? AND message_id>? AND message_id<?)",
        "SEARCH message USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH message USING INTEGER PRIMARY KEY (rowid>?)",
    ]
    assert not [step for step in plan if "TEMP B-TREE" in step]
