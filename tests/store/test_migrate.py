"""The schema: migrated from every released version, and never opened when it is newer than the program."""

import gc
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect
from sqlmodel import SQLModel

from gateway.store import api_keys, tables
from gateway.store.connection import connect
from gateway.store.database import Store, StoreProblem
from gateway.store.filing import filed_up_to, ids_of_address
from gateway.store.migrate import HEAD, bring_up_to_date, schema_version
from tests.doubles.database import open_files

MIGRATIONS = Path(str(tables.__file__)).parents[1] / "migrations"  # the tables are imported for what they declare


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _upgrade_to(path: Path, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_a_new_file_gets_the_newest_schema(tmp_path: Path) -> None:
    path = tmp_path / "careline.db"
    assert schema_version(path) is None
    assert bring_up_to_date(path)
    assert schema_version(path) == HEAD
    with closing(connect(path)) as connection:
        assert filed_up_to(connection) == 0
    assert not bring_up_to_date(path), "a second time there is nothing to do"


def test_from_the_first_version_up(tmp_path: Path) -> None:
    path = tmp_path / "careline.db"
    _upgrade_to(path, "0001")
    assert schema_version(path) == "0001"
    connection = connect(path)
    connection.execute(
        "INSERT INTO customer (id, key, address_id, external_id) VALUES (1, 'tel:+15551230001', 2, 'c-1')"
    )
    connection.execute(
        "INSERT INTO dialogue (id, conversation_id, handler, version, state, step, slots, parked, misses, rank, data) "
        "VALUES (7, 8, 'plan.overage', 1, 'floor', 'choice', '{}', '[]', 0, 6, '{}')"
    )
    for message_id, address_id in ((12, 2), (11, 3), (10, 2)):
        connection.execute(
            "INSERT INTO message (id, channel, direction, key, address_id, ours, theirs, brand, text, cls, state, "
            "author_kind, author_id, parts, reference, possible_duplicate, lane) "
            "VALUES (?, 'sms', 'mo', 'k', ?, '1', '2', 'b', 'hello', 3, 'final', 'customer', '', 1, 0, 0, 0)",
            (message_id, address_id),
        )
    connection.close()
    bring_up_to_date(path)
    assert schema_version(path) == HEAD
    connection = connect(path)
    filed = connection.execute("SELECT address_id, message_id FROM address_message").fetchall()
    assert filed == [(2, 10), (2, 12), (3, 11)]
    assert filed_up_to(connection) == 12
    assert ids_of_address(connection, 2, 0, "1", (), 9) == [10, 12]
    assert connection.execute("SELECT key, external_id FROM customer").fetchall() == [("tel:+15551230001", "c-1")]
    assert connection.execute("SELECT step, last_in, last_out FROM dialogue").fetchall() == [("choice", None, None)]
    connection.close()


def test_a_key_migrates_nothing_beside_a_gateway(tmp_path: Path) -> None:
    path = tmp_path / "careline.db"
    _upgrade_to(path, "0001")
    with pytest.raises(StoreProblem, match=rf"has schema 0001, this program {HEAD}; stop .* `careline migrate`"):
        api_keys.add(path, "crm", "viewer", 0)
    assert api_keys.role_of(path, "ck_x") is None
    assert schema_version(path) == "0001"
    bring_up_to_date(path)
    key = api_keys.add(path, "crm", "viewer", 0)
    assert api_keys.role_of(path, key) == "viewer"


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is closed by chance."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_migrating_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "careline.db"
    assert bring_up_to_date(path)
    assert open_files(path) == []
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM customer").get == 0
        assert str(path) in open_files(path), "it would have been seen"
    assert not bring_up_to_date(path)
    assert open_files(path) == []


@pytest.mark.usefixtures("no_collector")
async def test_a_migration_that_fails_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "careline.db"
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY)")
    with pytest.raises(StoreProblem, match=r"customer already exists; is it a Careline database") as caught:
        await Store(path).open()
    assert open_files(path) == []
    assert caught.value is not None, "and its traceback, all the while"


async def test_nobody_has_the_database_open_while_it_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, upgrade, ours = tmp_path / "careline.db", command.upgrade, []

    def watched(*args: Any) -> None:
        assert open_files(path).count(str(path)) == 1, "Alembic's"
        ours.extend([one for one in apsw.connections() if one.filename == str(path)])
        upgrade(*args)

    monkeypatch.setattr(command, "upgrade", watched)
    store = Store(path)
    await store.open()
    await store.close()
    assert ours == []
    assert open_files(path) == []


def test_migrations_make_what_the_tables_declare(schema: Path) -> None:
    migrated, declared = create_engine(f"sqlite:///{schema}"), create_engine("sqlite://")
    SQLModel.metadata.create_all(declared)
    found, wanted = inspect(migrated), inspect(declared)
    for table in wanted.get_table_names():
        names = {column["name"]: (str(column["type"]), column["nullable"]) for column in wanted.get_columns(table)}
        there = {column["name"]: (str(column["type"]), column["nullable"]) for column in found.get_columns(table)}
        assert there == names, table
        indexes = {
            (index["name"], tuple(index["column_names"]), index["unique"]) for index in wanted.get_indexes(table)
        }
        assert indexes <= {
            (index["name"], tuple(index["column_names"]), index["unique"]) for index in found.get_indexes(table)
        }, table
    migrated.dispose()
    declared.dispose()


async def test_a_newer_schema_is_refused_with_a_sentence(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "careline.db"
    shutil.copyfile(schema, path)
    connection = connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = _digest(path)
    with pytest.raises(StoreProblem, match="was written by a newer Careline"):
        await Store(path).open()
    assert _digest(path) == before
    # The refusal leaves no lock behind.
    with pytest.raises(StoreProblem, match="newer"):
        await Store(path).open()


async def test_what_is_no_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "careline.db"
    path.write_text("Dear diary, today I was mistaken for a database." * 100)
    with pytest.raises(StoreProblem, match="is it a Careline database"):
        await Store(path).open()
