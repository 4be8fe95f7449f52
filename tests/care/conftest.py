"""The stage, fresh for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.stage import Stage, fresh_database


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the migrated, empty database is kept that all tests copy."""
    return tmp_path_factory.mktemp("stage") / "template.db"


@pytest.fixture
async def stage(tmp_path: Path, template: Path) -> AsyncIterator[Stage]:
    """A running house."""
    fresh_database(tmp_path / "stage.db", template)
    made = Stage(tmp_path / "stage.db")
    await made.open()
    yield made
    await made.close()
