"""What nobody waits for stands back for bursts of events, but never for ever."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.jobs.background import LONGEST_REST, STAND_BACK, WORK_ON, Background
from gateway.store.database import Store
from gateway.store.units import Unit


class Chore:
    """Writes one unit after another into an empty store, each in 20 ms; its clock moves by its rests alone."""

    def __init__(self, store: Store, burst: Callable[[float], bool]) -> None:
        self.now = 0.0
        self.background = Background(store, lambda: burst(self.now), lambda: self.now, self.rest)

    async def rest(self, seconds: float) -> None:
        """Lets them go by."""
        self.now += seconds

    async def write(self, *, hurry: bool = False) -> float:
        """When it was written."""
        assert await self.background.write(Unit("chore"), hurry=hurry)
        at = self.now
        self.now += 0.02
        return at


@pytest.fixture
async def store(tmp_path: Path, schema: Path) -> AsyncIterator[Store]:
    shutil.copyfile(schema, tmp_path / "careline.db")
    store = Store(tmp_path / "careline.db")
    store.patience = 0
    await store.open()
    yield store
    await store.close()


async def test_it_begins_when_the_burst_is_over(store: Store) -> None:
    chore = Chore(store, lambda now: now < 1.0)
    assert 1.0 <= await chore.write() < 1.0 + 2 * LONGEST_REST


async def test_a_hurry_waits_for_no_burst(store: Store) -> None:
    assert await Chore(store, lambda _: True).write(hurry=True) == 0.0


async def test_bursts_that_follow_each_other_hold_it_up_for_a_quarter_of_the_time(store: Store) -> None:
    chore = Chore(store, lambda _: True)
    times = [await chore.write() for _ in range(2000)]
    gaps = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert max(gaps) < STAND_BACK + 2 * LONGEST_REST
    stood_back = sum(gap for gap in gaps if gap > 1.0)
    assert stood_back / times[-1] == pytest.approx(STAND_BACK / (STAND_BACK + WORK_ON), rel=0.1)
