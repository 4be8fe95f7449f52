"""An empty database of the newest schema, migrated once and copied by those who need one."""

from pathlib import Path

import pytest

from gateway.store.migrate import bring_up_to_date


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file to copy."""
    path = tmp_path_factory.mktemp("schema") / "careline.db"
    bring_up_to_date(path)
    return path
