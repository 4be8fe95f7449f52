"""The programs that the demo starts: each dies with the demo, however it ends, and starts again when it dies alone."""

import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_TAIL = 12
_GRACE = 12.0
_RESTARTS, _RESTART_WINDOW = 5, 60.0


class ChildFailed(Exception):
    """A program of the demo did not start; the message has the end of its log."""


def free_port(wanted: int, taken: Iterable[int] = ()) -> int:
    """The port itself where nobody listens on it, else any free one."""
    for port in (wanted, 0):
        if port and port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ChildFailed("no free port on 127.0.0.1")


class Child:
    """One program. arguments: of `program`, which is Python unless said. log: what it says, from its start."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log: Path,
        environ: Mapping[str, str] | None = None,
        *,
        program: str = sys.executable,
    ) -> None:
        self.name, self._program, self._arguments, self._log = name, program, arguments, log
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARELINE_")}
        self._environ = {**inherited, **(environ or {}), "PYTHONUNBUFFERED": "1"}
        self.process: asyncio.subprocess.Process | None = None
        self._starts: list[float] = []

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    async def start(self) -> None:
        """Starts it."""
        self._starts.append(time.monotonic())
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                self._program, *self._arguments, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environ, start_new_session=True, preexec_fn=_die_with(os.getpid()),
            )  # fmt: skip

    async def ready(self, answers: Callable[[], Awaitable[bool]], within: float = 20.0) -> None:
        """Waits until it answers. Raises ChildFailed."""
        until = time.monotonic() + within
        while not await answers():
            if self.process is not None and self.process.returncode is not None:
                raise ChildFailed(f"{self.name} ended with status {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > until:
                raise ChildFailed(f"{self.name} does not answer after {within:.0f} s:\n{self.tail()}")
            await asyncio.sleep(0.05)

    async def stop(self, grace: float = _GRACE) -> None:
        """Asks it to end, and ends it when it does not."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), grace)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    async def keep(self, told: Callable[[str], None]) -> None:
        """Starts it again whenever it ends; gives up when that happens all the time."""
        while True:
            assert self.process is not None
            status = await self.process.wait()
            recent = [start for start in self._starts if time.monotonic() - start < _RESTART_WINDOW]
            if len(recent) > _RESTARTS:
                told(f"{self.name} keeps ending (status {status}); see {self._log}")
                return
            await asyncio.sleep(0.3)
            await self.start()
            told(f"{self.name} ended (status {status}) and was started again")

    def tail(self) -> str:
        """The last lines that it said."""
        try:
            return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-_TAIL:])
        except OSError:
            return ""


def _die_with(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:  # runs in the child, between fork and exec
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the demo died before the line above

    return prepare


def remember(file: Path, children: Iterable[Child]) -> None:
    """Writes down which processes belong to this demo."""
    running = [{"pid": child.pid, "born": born(child.pid)} for child in children if child.pid is not None]
    file.write_text(json.dumps(running), "utf-8")


def end_leftovers(file: Path) -> int:
    """Ends processes of an earlier demo that still live, never one that has their number by chance; how many."""
    try:
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return 0
    ended = 0
    for entry in known if isinstance(known, list) else ():
        pid, then = entry.get("pid"), entry.get("born")
        if isinstance(pid, int) and then and born(pid) == then:
            os.kill(pid, signal.SIGKILL)
            ended += 1
    return ended


def born(pid: int | None) -> str:
    """When a process started, in ticks since the machine did; "" when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
