"""Brings the schema up to date (Alembic). An older program on a newer schema is refused with a sentence.

Alembic works on Python's own `sqlite3`, another copy of SQLite than the store's, and closing a file in one drops the
locks of the other (`gateway.store.connection`). So it runs when nobody in this process has the database open, and has
closed it when it is done, also when it failed. On a schema that is up to date it is not asked at all.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import apsw

from gateway.store.connection import connect

HEAD = "0015"
_FOLDER = Path(__file__).with_name("migrations")


def schema_version(path: Path) -> str | None:
    """The revision that the file is at, None for a new file."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    with closing(connect(path, read_only=True)) as connection:
        if connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").get is None:
            return None
        found = connection.execute("SELECT version_num FROM alembic_version").get
        return str(found) if found is not None else None


def bring_up_to_date(path: Path) -> bool:
    """Migrates the file to HEAD; True when there was something to do.

    Raises:
        ValueError: the file was written by a newer Careline.
        apsw.Error: it is no database, or cannot be written.
    """
    version = schema_version(path)
    if version == HEAD:
        return False
    # Alembic takes half a second to import: only who migrates pays for it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DBAPIError

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise ValueError(
            f"{path} was written by a newer Careline (schema {version}, this program knows {HEAD}); "
            "install that version, or restore a backup"
        )
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def explicit_transactions(connection: sqlite3.Connection, _: object) -> None:
        # Python's driver would commit before DDL: a kill in the middle must leave the old schema or the new one.
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise apsw.Error(str(error.orig)) from error
    finally:
        engine.dispose()  # closes its connections: none of them may outlive this
    return True
