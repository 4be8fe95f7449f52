"""A gateway as its own process, on its own data folder, with a real configuration: what `make bench` measures and what
the kill test kills.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

KEY = "bench-key-0123456789abcdef0123456789abcdef"
SECRET = "whsec_YmVuY2gtYmFjay1vZmZpY2Utc2VjcmV0LTAxMjM0NTY="
SENDER = "12345"
HERE = Path(__file__).parent
TOP = HERE.parent.parent
TREE = os.environ.get("COMPILED_TREE", "")
"""Where the compiled gateway is (tests/setup/compiled.sh); empty = the sources of this clone are run as they are."""
COMPILED = {"PYTHONPATH": TREE} if TREE else {}


def free_port() -> int:
    """A TCP port of the loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(
    folder: Path,
    *,
    http_port: int,
    smsc_port: int,
    office_port: int,
    window: int = 100,
    doubt_wait: float = 60.0,
    response_timeout: float = 30.0,
    rules: str = "",
    database: Path | None = None,
    handlers: Sequence[str] = ("plan_overage", "bench_echo"),
) -> Path:
    """A whole configuration folder, as an operator would write it; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    database = database or folder / "data" / "careline.db"
    (folder / "gateway.toml").write_text(
        f"""
[store]
url = "sqlite:///{database}"

[http]
host = "127.0.0.1"
port = {http_port}
public_url = "http://127.0.0.1:{http_port}"

[[brands]]
name = "acme"
display_name = "Acme Mobile"
default_language = "en"
timezone = "America/New_York"
help_contact = "https://acme.example/help"

[[carriers]]
name = "rig"
host = "127.0.0.1"
port = {smsc_port}
system_id = "careline"
password = "secret"
window = {window}
tps = 0
doubt_wait = {doubt_wait}
response_timeout = {response_timeout}
message_id = "hex"

[[senders]]
address = "{SENDER}"
brand = "acme"
carriers = ["rig"]

[handlers]
load = {list(handlers)}
folders = ["{HERE / "handlers"}"]

[[queues]]
name = "billing"
brand = "acme"

[[backoffice]]
name = "billing"
url = "http://127.0.0.1:{office_port}/fulfil"
secret = "{SECRET}"

[[api_keys]]
name = "bench"
key = "{KEY}"
role = "admin"
"""
    )
    (folder / "keywords.toml").write_text('default_handler = "bench_echo"\n')
    (folder / "rules.toml").write_text(rules)
    texts = folder / "templates" / "en"
    texts.mkdir(parents=True, exist_ok=True)
    (texts / "bench_echo.toml").write_text('said = "{{ text }}"\n')
    return folder


class GatewayProcess:
    """`careline run` on a configuration folder. Its output goes to `log`, one file over all its lives."""

    def __init__(self, config: Path, http_port: int, *, environment: dict[str, str] | None = None) -> None:
        self.config = config
        self.http_port = http_port
        self.log = config / "gateway.log"
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    def start(self, **environment: str) -> None:
        """Starts it, and returns at once."""
        runner = os.environ.get("BENCH_RUNNER")
        # -P: not the clone that we stand in, where PYTHONPATH names another.
        command = [sys.executable, runner] if runner else [sys.executable, "-P", "-m", "gateway.cli", "run"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--config", str(self.config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=TOP,
                env={**os.environ, **COMPILED, **self._environment, **environment, "PYTHONUNBUFFERED": "1"},
            )

    def wait_ready(self, seconds: float = 30.0) -> float:
        """Until it answers on its HTTP port; how long that took. Raises RuntimeError with the end of its log."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if self.code() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/health/ready", timeout=2):
                    return time.monotonic() - started
            except urllib.error.HTTPError:
                return time.monotonic() - started
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the gateway did not start (exit {self.code()}):\n{self.tail()}")

    def code(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll() if self._process is not None else None

    def tail(self, size: int = 3000) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait_dead(self, seconds: float) -> bool:
        """Whether it ended by itself within so many seconds."""
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, seconds: float = 15.0) -> int | None:
        """SIGTERM, then kill -9 if that does not end it; its exit status."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            if not self.wait_dead(seconds):
                self.kill()
        return self._process.returncode
