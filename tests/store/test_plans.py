"""What a decision must know is found by index, however many messages a customer has."""

import shutil
from pathlib import Path

import apsw

from gateway.model.ids import id_at
from gateway.store import ends, evidence, work
from gateway.store.connection import connect
from gateway.store.loading import load_states
from gateway.store.units import Statement

NOW = 1_790_000_000_000
KEY = "tel:+15551230001"


def test_loading_a_customer_walks_no_table(tmp_path: Path, schema: Path) -> None:
    shutil.copyfile(schema, tmp_path / "careline.db")
    connection = connect(tmp_path / "careline.db")
    connection.execute("INSERT INTO customer (id, key, address_id) VALUES (1, ?, 2)", (KEY,))
    for number, cls in enumerate((4, 2, 4)):
        connection.execute(
            "INSERT INTO message (id, channel, direction, key, address_id, ours, theirs, brand, text, cls, state, "
            "author_kind, author_id, parts, reference, possible_duplicate, lane) "
            "VALUES (?, 'sms', 'mt', 'k', 2, '1', '2', 'b', 'hello', ?, 'final', 'bot', 'x', 1, 0, 0, 0)",
            (id_at(NOW + number), cls),
        )
    asked: list[str] = []
    connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: asked.append(event["sql"]))
    state = load_states(connection, [KEY], NOW + 10)[KEY]
    connection.trace_v2(0)
    assert state.promotional == (NOW, NOW + 2)
    [question] = asked
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}", ("[]", 1, 1))]
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    # What was found is walked, and the list of keys; no table is.
    assert not tables & {step.split()[1] for step in plan if step.startswith("SCAN")}
    searched = {step.split()[1] for step in plan if step.startswith("SEARCH")}
    assert searched == {"customer", "conversation", "dialogue", "offer", "consent", "message"}
    assert "SEARCH message USING INDEX message_promotional (address_id=? AND rowid>?)" in plan
    connection.close()


def test_work_that_is_looked_for_by_its_key_is_found_by_index(schema: Path) -> None:
    """The index holds some kinds only: a question must say its kind in words that SQLite takes for one of them."""
    by_key = {
        "drop parts": work._DROP_PARTS.sql,
        "drop a repetition": work._DROP_REPETITION.sql,
        "receipts that wait": evidence._WAITING,
        **{one.name: one.sql for one in vars(ends).values() if isinstance(one, Statement) and "work" in one.sql},
    }
    assert len(by_key) >= 7
    connection = connect(schema)
    for name, sql in by_key.items():
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?"))]
        assert any("work USING" in step and "INDEX work_key (key=?" in step for step in plan), (name, plan)
    connection.close()
