"""The files of the database hold what customers wrote: only their owner reads them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import api_keys, upkeep
from gateway.store.connection import connect
from gateway.store.database import Store, StoreProblem, backup_file


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """What most machines have."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    """Rights of one."""
    return oct(path.stat().st_mode & 0o777)


def modes(folder: Path) -> dict[str, str]:
    """Rights by file name."""
    return {file.name: mode(file) for file in folder.iterdir()}


async def test_only_the_owner_reads_the_database(tmp_path: Path) -> None:
    store = Store(tmp_path / "var" / "careline.db")
    await store.open()
    try:
        assert await store.apply([upkeep.mark_end(orderly=True)]) == [None]
        found = modes(store.path.parent)
    finally:
        await store.close()
    assert {"careline.db", "careline.db-wal", "careline.db.lock", "careline.db.reserve"} <= set(found)
    assert set(found.values()) == {"0o600"}
    assert mode(store.path.parent) == "0o700"


async def test_a_database_and_a_folder_that_are_there_keep_their_rights(tmp_path: Path) -> None:
    path = tmp_path / "careline.db"
    path.touch(0o640)
    os.chmod(tmp_path, 0o755)  # noqa: PTH101
    store = Store(path)
    await store.open()
    await store.close()
    assert modes(tmp_path)["careline.db"] == "0o640"
    assert mode(tmp_path) == "0o755"


def test_a_key_makes_a_private_database_too(tmp_path: Path) -> None:
    api_keys.add(tmp_path / "var" / "careline.db", "crm", "viewer", 0)
    assert set(modes(tmp_path / "var").values()) == {"0o600"}
    assert mode(tmp_path / "var") == "0o700"


def test_a_backup_is_as_private(tmp_path: Path) -> None:
    connect(tmp_path / "a.db").close()
    backup_file(tmp_path / "a.db", tmp_path / "b.db")
    assert modes(tmp_path)["b.db"] == "0o600"


async def test_only_the_last_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "nope" / "deeper" / "x.db"
    with pytest.raises(StoreProblem, match=rf"there is no folder {path.parent.parent}.*store\.url"):
        await Store(path).open()
    with pytest.raises(StoreProblem, match=r"there is no folder"):
        api_keys.add(path, "crm", "viewer", 0)
    assert not path.parent.parent.exists()


def test_keys_of_a_database_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreProblem, match="no database at"):
        api_keys.listed(tmp_path / "x.db")
    assert not api_keys.remove(tmp_path / "x.db", "crm")
    assert not list(tmp_path.iterdir())
