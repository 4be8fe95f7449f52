"""The disk is full: new work is refused in the sender's own protocol, reads live on, and it recovers by itself."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.scene import Scene, scene

SIZE = 48 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, 48 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Takes all space but so much."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - leave)
    return filler


async def post_until_refused(play: Scene) -> tuple[list[str], dict[str, object]]:
    """Events until one is refused: the texts that were taken, and the refusal."""
    taken: list[str] = []
    for place in range(20_000):
        text = f"full number {place} " + "x" * 80
        status, answer = await play.event(f"+1555{2_000_000 + place}", text)
        if status != 202:
            assert status == 507, answer
            return taken, answer
        taken.append(text)
    raise AssertionError("the disk never filled up")


@pytest.mark.slow
async def test_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    """507 and "try again later"; GETs work; with space again all goes on, and nothing that was taken is lost."""
    async with scene(tmp_path, database=small_disk / "careline.db") as play:
        assert (await play.event("+15551111111", "before"))[0] == 202
        await play.until("it came out", lambda: play.took("before") == 1)
        filler = fill(small_disk, 400 << 10)
        taken, refusal = await post_until_refused(play)
        assert refusal["status"] == 507
        assert refusal["type"]
        assert refusal["detail"]
        assert (await play.get("/v1/messages?limit=5"))[0] == 200
        assert (await play.get("/health/live"))[0] == 200
        fill_again = fill(small_disk, 0) if not _full(small_disk) else None
        play.smsc.text("+15551000001", "m1 number 1")
        await play.until("the text is refused for now", lambda: play.smsc.refused_texts > 0 or _took_it(play))
        filler.unlink()
        if fill_again is not None:
            fill_again.unlink(missing_ok=True)
        status = 507
        while status == 507:
            status, _ = await play.event("+15551111112", "after")
        assert status == 202
        await play.until("it goes on by itself", lambda: play.took("after") == 1, 30)
        await play.until("the text is taken", lambda: play.took("m1 number 1") == 1, 30)
        await play.until("all that was taken came out", lambda: all(play.took(text) for text in taken), 60)


def _full(disk: Path) -> bool:
    return os.statvfs(disk).f_bavail == 0


def _took_it(play: Scene) -> bool:
    return ("+15551000001", "m1 number 1") in play.smsc.acknowledged
