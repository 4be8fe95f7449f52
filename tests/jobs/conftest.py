"""A database with its schema, made once."""

from pathlib import Path

import pytest

from gateway.store.migrate import bring_up_to_date


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of the newest schema."""
    path = tmp_path_factory.mktemp("schema") / "careline.db"
    bring_up_to_date(path)
    return path
