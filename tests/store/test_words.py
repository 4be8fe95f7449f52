"""The word index is filled stretch by stretch."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.model.ids import id_at
from gateway.store import upkeep
from gateway.store.database import Store
from gateway.store.units import Unit
from tests.doubles.words import write_texts

NOW = 1_790_000_000_000


@pytest.fixture
async def full(tmp_path: Path, schema: Path) -> AsyncIterator[Store]:
    shutil.copyfile(schema, tmp_path / "careline.db")
    store = Store(tmp_path / "careline.db")
    await store.open()
    await write_texts(store, id_at(NOW), upkeep.STRETCHES * upkeep.STRETCH + upkeep.STRETCH // 2)
    yield store
    await store.close()


async def _found(store: Store, word: str) -> int:
    sql = "SELECT count(*) FROM message_fts WHERE message_fts MATCH ?"
    return int(await store.read(lambda connection: connection.execute(sql, (word,)).get))


async def test_stretch_after_stretch_until_all_is_indexed(full: Store) -> None:
    later, looks, sizes = id_at(NOW + 10_000), 0, []
    while stretches := await full.read(upkeep.stretches, later):
        looks += 1
        sizes.append(len(stretches))
        for above, up_to in stretches:
            await full.write(upkeep.index_words(above, up_to))
    assert sizes == [upkeep.STRETCHES, 1]
    last = upkeep.STRETCHES * upkeep.STRETCH + upkeep.STRETCH // 2 - 1
    assert [await _found(full, f"word{number}") for number in (0, upkeep.STRETCH, last, last + 1)] == [1, 1, 1, 0]


async def test_what_has_not_settled_may_still_arrive_below_the_mark(full: Store) -> None:
    assert await full.read(upkeep.stretches, id_at(NOW) - 1) == []
    assert await full.read(upkeep.stretches, id_at(NOW) + 9) == [(0, id_at(NOW) + 9)]


async def test_what_comes_late_is_indexed_once(full: Store) -> None:
    mark = id_at(NOW) + 99
    await full.write(upkeep.index_words(0, mark))
    for late in (id_at(NOW - 1000), mark + 10_000):
        unit = Unit("k")
        upkeep.index_late(unit, late, "tardy")
        await full.write(unit)
    assert await _found(full, "tardy") == 1, "the second will be, with those of its time"
