"""`careline run`: starts the gateway, and ends or reloads it when the operating system says so.

SIGTERM or SIGINT: take no more, finish what is in flight, unbind, exit 0; a second one ends at once (what was
acknowledged is on disk). SIGHUP: read the configuration again without dropping a bind.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.app import CannotStart, Gateway
from gateway.cli.checking import examine
from gateway.cli.reloading import reload
from gateway.settings import ConfigError, Settings, load
from gateway.store.database import StoreProblem
from gateway.triggers import HandlerError

log = logging.getLogger("gateway")
CONFIG_PROBLEM, CANNOT_START = 2, 1
AT_ONCE = 130


class NotStarted(Exception):
    """The gateway does not run; the message says why and what to do, a line each. status: of the process."""

    def __init__(self, problem: str, status: int = CANNOT_START) -> None:
        super().__init__(problem)
        self.status = status


def prepare(folder: Path, environ: dict[str, str]) -> Gateway:
    """The gateway of a configuration, ready to be started. Raises NotStarted."""
    try:
        loaded = load(folder, environ)
        for warning in loaded.warnings:
            log.warning("%s", warning)
        return Gateway(loaded.settings)
    except (ConfigError, HandlerError) as problem:
        raise NotStarted(str(problem), CONFIG_PROBLEM) from problem
    except StoreProblem as problem:
        raise NotStarted(str(problem)) from problem


def run(folder: Path, environ: dict[str, str], ready: Callable[[Gateway], None]) -> None:
    """Runs a gateway until it is told to end. ready: called when it takes work. Raises NotStarted."""
    gateway = prepare(folder, environ)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_Service(gateway, folder, environ).serve(ready))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not on Linux with CPython: asyncio's own loop does
        return None
    return uvloop.new_event_loop


class _Service:
    """One run of a gateway, with its signals."""

    def __init__(self, gateway: Gateway, folder: Path, environ: dict[str, str]) -> None:
        self._gateway, self._folder, self._environ = gateway, folder, environ
        self._ending = asyncio.Event()
        self._reloads: set[asyncio.Task[None]] = set()

    async def serve(self, ready: Callable[[Gateway], None]) -> None:
        """Start, wait, drain. Raises NotStarted."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._end, name)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        ending = asyncio.create_task(self._ending.wait())
        starting = asyncio.create_task(self._start())
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return
        try:
            starting.result()
        finally:
            if starting.exception() is not None:
                ending.cancel()
        ready(self._gateway)
        await ending
        log.info("stopping: finishing what is in flight; once more ends at once")
        await self._gateway.stop()
        log.info("stopped")

    async def _start(self) -> None:
        http = self._gateway.settings.http
        try:
            await self._gateway.start()
        except (StoreProblem, CannotStart) as problem:
            raise NotStarted(str(problem)) from problem
        except OSError as problem:
            why = os.strerror(problem.errno) if problem.errno else str(problem)
            raise NotStarted(
                f"cannot listen on {http.host}:{http.port}: {why}; stop what listens there, or set http.port "
                f"(CARELINE_HTTP__PORT={http.port + 1 if http.port < 65535 else 0})"
            ) from problem

    def _end(self, name: signal.Signals) -> None:
        if self._ending.is_set():
            log.warning("%s again: ending at once; what was acknowledged is on disk", name.name)
            sys.stderr.flush()
            os._exit(AT_ONCE)
        self._ending.set()

    def _hang_up(self) -> None:
        task = asyncio.get_running_loop().create_task(self._reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        try:
            loaded = await asyncio.to_thread(load, self._folder, self._environ)
            wrong = (await asyncio.to_thread(examine, self._folder, self._environ)).problems
            if wrong:
                raise CannotStart("\n".join(wrong))
            for line in await reload(self._gateway, loaded.settings):
                log.warning("reload: %s", line)
        except (ConfigError, HandlerError, CannotStart) as problem:
            for line in str(problem).splitlines():
                log.error("reload refused, the old configuration stays: %s", line)  # noqa: TRY400  no traceback
            return
        for warning in loaded.warnings:
            log.warning("%s", warning)
        log.info("configuration reloaded from %s", self._folder)


def describe(settings: Settings) -> str:
    """One line about what runs."""
    carriers = ", ".join(f"{carrier.name} at {carrier.host}:{carrier.port}" for carrier in settings.carriers)
    return f"carriers: {carriers or 'none'}"
