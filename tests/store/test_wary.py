"""The writer trusts its units, until something was not as expected."""

import asyncio
from pathlib import Path
from typing import cast

from gateway.store.connection import connect
from gateway.store.units import Rejected, Statement, Unit
from gateway.store.writer import WARY, Result, Writer


def test_what_was_not_as_expected_is_undone_and_counted_once_and_costs_savepoints_for_a_while() -> None:
    connection = connect(Path(":memory:"))
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
    writer = Writer(lambda: connection, cast("asyncio.AbstractEventLoop", None))
    seen: list[str] = []

    def traced(_: object, sql: str, __: object) -> bool:
        seen.append(sql.split(maxsplit=1)[0])
        return True

    connection.exec_trace = traced
    cursor = connection.cursor()
    put = Statement("put", "INSERT INTO t (id, n) VALUES (?, ?)", tally="puts")

    def transaction(*ids: int) -> list[Result]:
        units = [Unit(f"customer {place}") for place in range(len(ids))]
        for unit, an_id in zip(units, ids, strict=True):
            unit.add(put, (an_id, 0))
        seen.clear()
        return writer._transaction(cursor, units)

    assert transaction(1, 2) == [None, None]
    assert "SAVEPOINT" not in seen
    first, second, third = transaction(3, 2, 4)
    assert (first, third) == (None, None)
    assert isinstance(second, Rejected)
    assert dict(connection.execute("SELECT id, n FROM t")) == {1: 0, 2: 0, 3: 0, 4: 0}
    assert writer.figures.tallies == {"puts": 4}
    assert writer.figures.transactions == 2
    for an_id in range(WARY - 1):
        assert transaction(10 + an_id) == [None]
        assert "SAVEPOINT" in seen
    assert transaction(100) == [None]
    assert "SAVEPOINT" not in seen
    connection.close()
