"""Brings the schema up to date (Alembic). An older program on a newer schema is refused with a sentence."""

import sqlite3
from pathlib import Path

HEAD = "0001"
_FOLDER = Path(__file__).with_name("migrations")


def schema_version(path: Path) -> str | None:
    """The revision that the file is at, None for a new file."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        row = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        if row is None:
            return None
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(found[0]) if found else None
    finally:
        connection.close()


def bring_up_to_date(path: Path) -> bool:
    """Migrates the file to HEAD; True when there was something to do.

    Raises:
        ValueError: the file was written by a newer Careline.
        sqlite3.Error: it is no database, or cannot be written.
    """
    version = schema_version(path)
    if version == HEAD:
        return False
    # Alembic takes half a second to import: only who migrates pays for it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine, event

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
    finally:
        engine.dispose()
    return True
