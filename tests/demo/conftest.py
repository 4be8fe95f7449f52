"""Demos that run: with an XMPP server where one is installed, and without."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.setting import LIBRARY
from tests.demo.running import Demo, nobody_left

_DESK = LIBRARY.parents[3]


def _played(folder: Path, *, chat: bool) -> Iterator[Demo]:
    one = Demo(folder, chat=chat)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.end()
        nobody_left(one)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """As on this machine."""
    yield from _played(tmp_path, chat=True)


@pytest.fixture
def demo_over_http(tmp_path: Path) -> Iterator[Demo]:
    """As on a machine where Prosody cannot be installed."""
    yield from _played(tmp_path, chat=False)


@pytest.fixture
def prosody() -> None:
    """Skips by name where there is none."""
    if shutil.which("prosody") is None:
        pytest.skip("prosody is not installed")


@pytest.fixture(scope="session")
def desk_library() -> None:
    """What `make demo` installs for the desk in the browser."""
    if LIBRARY.exists():
        return
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    got = subprocess.run(
        ["npm", "ci", "--prefix", str(_DESK), "--no-audit", "--no-fund", "--loglevel=error"],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    if got.returncode != 0:
        pytest.skip(f"npm cannot get strophe.js: {got.stderr[-300:]}")


@pytest.fixture
def demo_with_desk(desk_library: None, tmp_path: Path) -> Iterator[Demo]:
    """With the desk in the browser: what it needs is there before the demo starts."""
    yield from _played(tmp_path, chat=True)
