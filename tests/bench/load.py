"""The rig (`tests/bench/rig`, kept as it was given to us) as an object: builds it, starts it, drives it, reads it."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from tests.bench.running import KEY, free_port

RIG = Path(__file__).parent / "rig"
# The rig sends no Authorization header; the one that our API asks for is put in when it is built.
_HOST = r"Host: 127.0.0.1:%d\r\n"
_HOST_AND_KEY = rf"{_HOST}Authorization: Bearer {KEY}\r\n"


def _rigctl() -> Any:
    """The rig's own driver; it is a script, no package."""
    spec = importlib.util.spec_from_file_location("rigctl", RIG / "rigctl.py")
    assert spec is not None, "rigctl.py is there"
    assert spec.loader is not None, "and a module"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rigctl = _rigctl()


def build(folder: Path) -> Path:
    """Compiles the rig; the program. Raises RuntimeError when there is no C compiler."""
    source = (RIG / "rig.c").read_text()
    if _HOST not in source:
        raise RuntimeError("rig.c has changed; teach tests/bench/load.py where it writes its headers")
    target = folder / "rig"
    (folder / "rig.c").write_text(source.replace(_HOST, _HOST_AND_KEY))
    try:
        subprocess.run(["cc", "-O2", "-w", "-o", str(target), str(folder / "rig.c")], check=True)
    except FileNotFoundError as error:
        raise RuntimeError("no C compiler (cc): install gcc") from error
    return target


class Rig:
    """One rig process: SMSC at `smsc`, HTTP sink at `sink`."""

    def __init__(self, program: Path) -> None:
        self.smsc, self.sink, control = free_port(), free_port(), free_port()
        self._process = subprocess.Popen([str(program), str(self.smsc), str(self.sink), str(control)])
        self._driver = rigctl.Rig(control)

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()

    def do(self, *words: object) -> None:
        """One command of the control port."""
        answer = self._driver.cmd(*words)
        if answer != "ok":
            raise RuntimeError(f"the rig says {answer!r} to {words[0]}")

    def stats(self) -> dict[str, Any]:
        """Counters and latencies."""
        found: dict[str, Any] = self._driver.stats()
        return found

    def wait(self, done: Callable[[dict[str, Any]], bool], seconds: float, pause: float = 0.05) -> dict[str, Any]:
        """Statistics once they are as wanted, or when the time is over (`timed_out` is then set)."""
        end = time.monotonic() + seconds
        while True:
            stats = self.stats()
            if done(stats):
                return stats
            if time.monotonic() > end:
                return {**stats, "timed_out": True}
            time.sleep(pause)

    def wait_quiet(self, counter: str, seconds: float, quiet: float = 0.5) -> dict[str, Any]:
        """Statistics once a counter has stood still for so long."""
        seen, since = -1, time.monotonic()

        def still(stats: dict[str, Any]) -> bool:
            nonlocal seen, since
            if stats[counter] != seen:
                seen, since = stats[counter], time.monotonic()
            return time.monotonic() - since >= quiet

        return self.wait(still, seconds)


def cpu_seconds(pid: int) -> float:
    """Time on a processor of all threads of a process and its children, exactly."""
    return float(rigctl.cpu_of(rigctl.kids([pid])))


def rss_mb(pid: int) -> float:
    """Memory of a process and its children."""
    return float(rigctl.rss_of(rigctl.kids([pid])))


def machine() -> dict[str, object]:
    """What the figures depend on."""
    processor = "?"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
    return {
        "processor": processor,
        "cores": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 2),
        "python": sys.version.split()[0],
        "sqlite": apsw.sqlitelibversion(),
    }
