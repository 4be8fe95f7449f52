"""`careline run` as a process: it starts, takes work, reloads, drains, and says what to do when it cannot start."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

WITHIN = 20.0


def port_of(config: Path) -> int:
    found = re.search(r"\[http\]\nhost = \S+\nport = (\d+)", (config / "gateway.toml").read_text("utf-8"))
    assert found
    return int(found[1])


class Running:
    """A `careline run`, and what it logged."""

    def __init__(self, config: Path, **environ: str) -> None:
        self.log = config.parent / "run.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gateway.cli", "run", "--config", str(config), "--log-format", "json"],
                stderr=log, stdout=log, cwd=config.parent, env={**os.environ, "PYTHONPATH": str(Path.cwd()), **environ},
            )  # fmt: skip

    def wait_for(self, said: str) -> None:
        until = time.monotonic() + WITHIN
        while said not in self.log.read_text("utf-8"):
            assert self.process.poll() is None, self.log.read_text("utf-8")
            assert time.monotonic() < until, self.log.read_text("utf-8")
            time.sleep(0.05)

    def end(self, name: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(name)
        return self.process.wait(WITHIN)


ROOT = Path(__file__).parents[2]


@pytest.fixture
def running(config: Path) -> Iterator[Running]:
    """A gateway that takes work."""
    one = Running(config, PYTHONPATH=str(ROOT))
    try:
        one.wait_for("takes work")
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_it_drains_and_ends_with_0(running: Running, config: Path, name: signal.Signals) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port_of(config)}/health/live", timeout=5) as answer:
        assert answer.status == 200
    assert running.end(name) == 0
    assert "stopped" in running.log.read_text("utf-8").splitlines()[-1]
    for line in running.log.read_text("utf-8").splitlines():
        json.loads(line)


@pytest.mark.slow
def test_reload_takes_good_and_refuses_bad(running: Running, config: Path) -> None:
    file = config / "rules.toml"
    good = file.read_text("utf-8")
    file.write_text(good + "\n[numbers]\nalow = []\n", "utf-8")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("reload refused")
    assert re.search(r"rules\.toml:\d+: .*alow", running.log.read_text("utf-8"))
    file.write_text(good + '\n[numbers]\nallow = ["+1"]\n', "utf-8")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("configuration reloaded")
    keywords = config / "keywords.toml"
    had = keywords.read_text("utf-8") if keywords.exists() else None
    keywords.write_text((had or "") + '\n[[keywords]]\nwords = ["PARCEL"]\nsay = "parcel.hours"\n', "utf-8")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(
        "parcel.toml: hours: this text is missing"
    )  # nobody has this text: whoever wrote PARCEL would get no answer
    if had is None:
        keywords.unlink()
    else:
        keywords.write_text(had, "utf-8")
    text = (config / "gateway.toml").read_text("utf-8").replace("tps = 100", "tps = 50", 1)
    (config / "gateway.toml").write_text(text, "utf-8")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("carriers changed; that takes effect when Careline restarts")
    assert running.end() == 0


@pytest.mark.slow
def test_a_second_one_on_the_same_database_is_refused(running: Running, config: Path) -> None:
    text = (config / "gateway.toml").read_text("utf-8")
    (config / "gateway.toml").write_text(text.replace(f"port = {port_of(config)}", "port = 0", 1), "utf-8")
    second = _fails(config)
    assert second.returncode == 1
    assert f"in use by another Careline process (pid {running.process.pid})" in second.stderr


def _fails(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "gateway.cli", "run", "--config", str(config)],
        capture_output=True, text=True, cwd=config.parent, timeout=WITHIN, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.slow
def test_a_port_that_is_taken(config: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port_of(config)))
        taken.listen()
        failed = _fails(config)
    assert failed.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port_of(config)}" in failed.stderr
    assert "CARELINE_HTTP__PORT" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.slow
def test_a_configuration_that_is_wrong(config: Path) -> None:
    file = config / "gateway.toml"
    file.write_text(file.read_text("utf-8").replace("timezone =", "timezon =", 1), "utf-8")
    failed = _fails(config)
    assert failed.returncode == 2
    assert re.search(r"gateway\.toml:\d+: .*did you mean 'timezone'", failed.stderr)
    assert "Traceback" not in failed.stderr
