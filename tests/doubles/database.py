"""Fixtures: an empty database of the newest schema, migrated once and copied by those who need one."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.database import Store
from gateway.store.migrate import bring_up_to_date


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
