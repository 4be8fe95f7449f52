"""Fixtures: an empty database of the newest schema, migrated once and copied by those who need one."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.database import Store
from gateway.store.migrate import bring_up_to_date


def open_files(path: Path) -> list[str]:
    """What this process has open of a database: its file, its log, its journal. One for each descriptor."""
    its = [f"{path}{end}" for end in ("", "-wal", "-shm", "-journal")]
    found = []
    for handle in os.listdir("/proc/self/fd"):  # noqa: PTH208  # the folder's own handle is gone when it is asked
        try:
            target = os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115  # it may be no path
        except FileNotFoundError:
            continue
        if target in its:
            found.append(target)
    return found


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file to copy."""
    path = tmp_path_factory.mktemp("schema") / "careline.db"
    bring_up_to_date(path)
    return path


@pytest.fixture
async def store(tmp_path: Path, schema: Path) -> AsyncIterator[Store]:
    """A store that is open."""
    shutil.copyfile(schema, tmp_path / "careline.db")
    opened = Store(tmp_path / "careline.db")
    await opened.open()
    yield opened
    await opened.close()
