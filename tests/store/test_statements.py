"""Statements compiled from the tables put each value where it belongs."""

import pytest

from gateway.store.database import Store
from gateway.store.statements import insert, insert_of
from gateway.store.tables import NoteRow, WorkRow
from gateway.store.units import Unit

COLUMNS = "lane, prio, due, id, key, kind, attempts, ref, body"


async def test_some_columns_in_any_order_and_constants(store: Store) -> None:
    statement = insert_of(WorkRow, ("ref", "id", "kind", "due"), lane="it's", prio=3, key="k", attempts=0)
    unit = Unit("k")
    unit.add(statement, (7, 1, "send", 99))
    assert await store.apply([unit]) == [None]
    assert await store.read(lambda connection: connection.execute(f"SELECT {COLUMNS} FROM work").fetchall()) == [
        ("it's", 3, 99, 1, "k", "send", 0, 7, None)
    ]


async def test_a_whole_row(store: Store) -> None:
    unit = Unit("k")
    unit.add(insert(NoteRow), (1, 2, "note", "bob", "likes tea"))
    assert await store.apply([unit]) == [None]
    sql = "SELECT id, conversation_id, kind, author, text FROM note"
    assert await store.read(lambda connection: connection.execute(sql).fetchall()) == [
        (1, 2, "note", "bob", "likes tea")
    ]


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="work has no column"):
        insert_of(WorkRow, ("id", "colour"))
