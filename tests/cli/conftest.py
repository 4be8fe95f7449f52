"""A configuration of its own for each test, and the command line in this process."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app

SHIPPED = Path(__file__).parents[2] / "config"
Run = Callable[..., Result]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variables of the developer's own, and a working directory of the test's."""
    for name in list(os.environ):
        if name.startswith("CARELINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped configuration on free ports."""
    folder = tmp_path / "config"
    shutil.copytree(SHIPPED, folder)
    file = folder / "gateway.toml"
    text = file.read_text("utf-8")
    for old in ("port = 8080", "port = 2775"):
        assert old in text
        text = text.replace(old, f"port = {free_port()}", 1)
    file.write_text(text, "utf-8")
    return folder


@pytest.fixture
def careline() -> Run:
    """Runs a command here; `result.stdout`, `result.stderr`, `result.exit_code`."""

    def run(*arguments: str, **options: object) -> Result:
        return CliRunner().invoke(app, list(arguments), **options)  # type: ignore[arg-type]

    return run
