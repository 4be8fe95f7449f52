"""What `migrate`, `backup` and `keys` do with the database file of a configuration."""

import asyncio
from pathlib import Path

from gateway.cli.terminal import WRONG_USE, fail
from gateway.settings import ConfigError, load
from gateway.store.database import Store, StoreProblem, backup_file, sqlite_path
from gateway.store.migrate import schema_version


def path_of(config: Path, environ: dict[str, str]) -> Path:
    """The database file that a configuration names. Ends the command where it names none."""
    try:
        return sqlite_path(load(config, environ).settings.store.url)
    except ConfigError as problem:
        fail(map(str, problem.problems), WRONG_USE)
    except StoreProblem as problem:
        fail(str(problem))


def migrate(path: Path) -> tuple[str | None, str | None]:
    """Brings the schema up to date, as the start of a gateway does: version before and after. Raises StoreProblem."""
    before = schema_version(path)

    async def open_and_close() -> None:
        store = Store(path)
        await store.open()
        await store.close()

    asyncio.run(open_and_close())
    return before, schema_version(path)


def backup(source: Path, target: Path) -> int:
    """Copies the database while it runs; the bytes of the copy. Raises StoreProblem."""
    if not source.exists():
        raise StoreProblem(f"{source} does not exist; nothing to back up")
    if target.exists():
        raise StoreProblem(f"{target} exists already; name a new file")
    backup_file(source, target)
    return target.stat().st_size
