"""The stage with agents in their chat clients, fresh for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.stage import Stage, fresh_database


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A running house whose agents are on XMPP."""
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db", chat=True)
    await made.open()
    yield made
    await made.close()
