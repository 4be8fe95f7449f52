"""The word index stands back while customers need the processor, for a while."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.jobs.background import Background
from gateway.jobs.indexing import LATEST_MS, Indexing
from gateway.model.ids import Ids, id_at
from gateway.store import upkeep
from gateway.store.database import Store
from tests.doubles.words import write_texts

NOW = 1_790_000_000_000


@dataclass
class Day:
    """One process's day: `live` lets a second go by, of which it computes a share."""

    store: Store
    now: int = NOW
    clock: float = 0.0
    spent: float = 0.0
    burst: float = 0.0

    def __post_init__(self) -> None:
        background = Background(self.store, lambda: self.burst > 0, lambda: self.clock, self.rest)
        settle = Ids(lambda: self.now).settle
        self.indexing = Indexing(
            self.store, settle, background, lambda: self.now, lambda: self.clock, lambda: self.spent
        )

    async def rest(self, seconds: float) -> None:
        """Lets them go by."""
        self.burst -= seconds

    async def live(self, share: float, seconds: int = 1) -> int:
        """Seconds of this, then a tick; how many messages are indexed by now."""
        self.now += 1000 * seconds
        self.clock += seconds
        self.spent += share * seconds
        await self.indexing.tick()
        mark = await self.store.read(upkeep.indexed_up_to)
        sql = "SELECT count(*) FROM message WHERE id <= ?"
        return int(await self.store.read(lambda connection: connection.execute(sql, (mark,)).get))

    async def texts(self, count: int) -> None:
        """So many arrive now."""
        await write_texts(self.store, id_at(self.now), count)


@pytest.fixture
async def day(tmp_path: Path, schema: Path) -> AsyncIterator[Day]:
    shutil.copyfile(schema, tmp_path / "careline.db")
    store = Store(tmp_path / "careline.db")
    await store.open()
    yield Day(store)
    await store.close()


async def test_in_a_burst_it_waits_and_after_it_it_catches_up(day: Day) -> None:
    await day.texts(3000)
    assert await day.live(1.0, seconds=5) == 0
    assert await day.live(0.9, seconds=5) == 0
    assert await day.live(0.3) == 3000


async def test_it_falls_no_more_than_a_minute_behind(day: Day) -> None:
    await day.texts(100)
    assert await day.live(1.0, seconds=LATEST_MS // 1000 - 1) == 0
    assert await day.live(1.0) == 100


async def test_a_burst_of_events_is_taken_first(day: Day) -> None:
    await day.texts(100)
    day.burst = 3.0
    assert await day.live(0.3, seconds=5) == 100
    assert -0.1 < day.burst <= 0, "it began when the burst was over"
