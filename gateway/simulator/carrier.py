"""The simulated carrier as one thing: SMPP port, HTTP port, record and phones, for tests, demo and command line."""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from gateway.simulator.control import Control
from gateway.simulator.faults import FAULTS, Faults, parse_value
from gateway.simulator.live import Live
from gateway.simulator.phones import PhoneMessage, Phones, normalise
from gateway.simulator.record import Record, Row
from gateway.simulator.smsc import Smsc
from gateway.simulator.texts import TextRequest, TextResult

DEFAULT_PHONES = {"+15551234567": "Maya", "+15557654321": "Tom"}


class SimulatedCarrier:
    """An SMSC to test and to play with.

    `async with SimulatedCarrier(log=path) as carrier:` listens on free ports, then `carrier.port` and
    `carrier.http_port` are the real ones. `http_port=None` means no HTTP. `system_id` and `password`, when given, are
    the only ones that may bind. `first_id` fixes the first message id. `phones` are shown on the page, number to name.
    """

    def __init__(
        self,
        port: int = 0,
        http_port: int | None = 0,
        *,
        host: str = "127.0.0.1",
        log: Path | str | None = None,
        faults: Faults | None = None,
        system_id: str | None = None,
        password: str | None = None,
        phones: dict[str, str] | None = None,
        first_id: int | None = None,
    ) -> None:
        self.host, self.port, self.http_port = host, port, http_port
        self.faults = faults if faults is not None else Faults()
        self.phones = Phones(DEFAULT_PHONES if phones is None else phones)
        self._log = log
        self._access: dict[str, Any] = {"system_id": system_id, "password": password, "first_id": first_id}
        self._runner: web.AppRunner | None = None
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._watchers: list[Callable[[Row], None]] = []
        self.record = Record()
        self.smsc: Smsc
        self._live: Live

    async def start(self) -> None:
        """Open the ports. Raises `OSError` when one is taken or the log file cannot be opened."""
        self.record = Record(self._log)
        self.smsc = Smsc(self.faults, self.record, self.phones, **self._access)
        live = Live(self.phones)
        self._live = live
        self.phones.on_message, self.phones.on_list = partial(self._message, live), partial(live.stale, "phones")
        self.record.on_row, self.smsc.on_state = partial(self._row, live), partial(self._state, live)
        try:
            self.port = await self.smsc.start(self.host, self.port)
            if self.http_port is not None:
                app = Control(self.smsc, live).application()
                self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
                await self._runner.setup()
                await web.TCPSite(self._runner, self.host, self.http_port).start()
                self.http_port = int(self._runner.addresses[0][1])
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Unbind the gateways, end the pages' streams, close both ports and the log file."""
        self._live.end()
        await self.smsc.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.record.close()

    async def __aenter__(self) -> Self:
        """`start`."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """`stop`."""
        await self.stop()

    @property
    def url(self) -> str:
        """Where the phone page is; empty without HTTP."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 (compared, not bound)
        return f"http://{host}:{self.http_port}/" if self.http_port is not None else ""

    def set(self, **changes: Any) -> None:
        """Change faults while it runs, as `POST /set`. Raises `ValueError`."""
        self.smsc.set(changes)

    def drop(self) -> int:
        """Cut all connections now."""
        return self.smsc.drop()

    async def mo(self, sender: str, to: str, text: str, within: float = 60.0) -> TextResult:
        """A text from a phone; returns when the gateway has answered all parts. Raises as `Texts.send`."""
        return await self.smsc.texts.send(TextRequest(sender, to, text), within)

    def rows(self, kind: str = "", since: int = 0) -> list[dict[str, Any]]:
        """Rows of the record (the last 100,000), oldest first."""
        return [json.loads(line) for line in self.record.rows(since, kind)]

    def mt(self, to: str = "") -> list[dict[str, Any]]:
        """Accepted parts, of one number or of all."""
        return [json.loads(line) for line in self.record.accepted(normalise(to))]

    async def wait_until(self, condition: Callable[[], bool], within: float = 10.0) -> None:
        """Wait until `condition()` holds; it is asked anew after each row, bubble and bind. Raises `TimeoutError`."""
        if condition():
            return
        waiter = (condition, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(within):
                await waiter[1]
        finally:
            self._waiters.remove(waiter)

    async def wait_bound(self, binds: int = 1, within: float = 10.0) -> None:
        """Wait for at least that many binds."""
        await self.wait_until(lambda: sum(bool(s.mode) for s in self.smsc.sessions) >= binds, within)

    async def wait_rows(self, kind: str, count: int = 1, within: float = 10.0) -> list[dict[str, Any]]:
        """Wait for at least `count` rows of a kind (`submit_sm`, `deliver_sm_resp`, ...) and return them all."""
        await self.wait_until(lambda: self.record.counts[kind] >= count, within)
        return self.rows(kind)

    async def wait_mt(self, to: str, count: int = 1, within: float = 10.0) -> list[dict[str, Any]]:
        """Wait for at least `count` accepted parts for a number and return them all."""
        number = normalise(to)
        seen = len(self.record.accepted(number))

        def count_row(row: Row) -> None:  # counting as they come: looking through all rows at each would be quadratic
            nonlocal seen
            seen += row.to == number

        self._watchers.append(count_row)
        try:
            await self.wait_until(lambda: seen >= count, within)
        finally:
            self._watchers.remove(count_row)
        return self.mt(to)

    def _message(self, live: Live, message: PhoneMessage) -> None:
        live.message(message)
        self._ask()

    def _row(self, live: Live, row: Row) -> None:
        live.row(row)
        for watch in self._watchers:
            watch(row)
        self._ask()

    def _state(self, live: Live) -> None:
        live.stale("state")
        self._ask()

    def _ask(self) -> None:
        for condition, future in self._waiters:
            if not future.done() and condition():
                future.set_result(None)


@dataclass
class Options:
    """What `careline carrier-sim` was asked for."""

    port: int = 2775
    http_port: int | None = 2780
    log: Path | None = None
    host: str = "127.0.0.1"
    system_id: str | None = None
    password: str | None = None
    json: bool = False
    faults: Faults = field(default_factory=Faults)


def run(options: Options, started: Callable[[SimulatedCarrier], Awaitable[None]] | None = None) -> int:
    """Run until SIGINT or SIGTERM; the exit status. Says the real ports on standard output in one line."""
    try:
        return asyncio.run(_serve(options, started))
    except OSError as problem:
        print(f"carrier-sim: {_words(problem)}", file=sys.stderr)
        return 1


async def _serve(options: Options, started: Callable[[SimulatedCarrier], Awaitable[None]] | None) -> int:
    carrier = SimulatedCarrier(
        options.port, options.http_port, host=options.host, log=options.log, faults=options.faults,
        system_id=options.system_id, password=options.password,
    )  # fmt: skip
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with carrier:
        if options.json:
            said = json.dumps({"host": carrier.host, "port": carrier.port, "http_port": carrier.http_port})
        else:
            said = f"simulated carrier: SMPP on {carrier.host}:{carrier.port}"
            said += f", phones at {carrier.url}" if carrier.url else ""
        print(said, flush=True)
        if started is not None:
            await started(carrier)
        await stop.wait()
    return 0


def main(arguments: list[str] | None = None, prog: str = "careline carrier-sim") -> int:
    """`careline carrier-sim` with argparse: ports, log and a flag for each switch of `Faults`."""
    parser = argparse.ArgumentParser(prog=prog, description="A simulated carrier (SMSC) with phones on a web page.")
    parser.add_argument("--port", type=_port, default=2775, help="SMPP port; 0 = a free one (%(default)s)")
    parser.add_argument(
        "--http-port", type=_port, default=2780, help="port of control and phone page; 0 = a free one (%(default)s)"
    )
    parser.add_argument("--no-http", action="store_true", help="no control and no phone page")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append each PDU taken as one JSON line")
    parser.add_argument("--system-id", help="the only system id that may bind")
    parser.add_argument("--password", help="its password")
    parser.add_argument("--json", action="store_true", help="say the ports as JSON")
    for switch in FAULTS:
        metavar = "|".join(switch.choices) or switch.type.__name__.upper()
        read = partial(_flag_value, switch.name)
        default = {True: "on", False: "off"}[switch.default] if isinstance(switch.default, bool) else switch.default
        text = f"{switch.help} ({default})"
        if switch.type is bool:
            parser.add_argument(
                switch.flag, nargs="?", const=True, default=switch.default, type=read, metavar="on|off",
                help=text.replace("%", "%%"),
            )  # fmt: skip
        else:
            parser.add_argument(
                switch.flag, default=switch.default, type=read, help=text.replace("%", "%%"), metavar=metavar
            )
    given = vars(parser.parse_args(arguments))
    faults = Faults(**{switch.name: given.pop(switch.name) for switch in FAULTS})
    if given.pop("no_http"):
        given["http_port"] = None
    return run(Options(faults=faults, **given))


def _words(problem: OSError) -> str:
    """A file that cannot be written, or a port that is taken, without the number of the error."""
    said = problem.strerror or str(problem)
    if problem.filename:
        return f"{problem.filename}: {said}"
    return f"{said}; --port and --http-port name others" if problem.errno == errno.EADDRINUSE else said


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) <= 65535):
        raise argparse.ArgumentTypeError(f"{value!r} is no port, 0 to 65535")
    return int(value)


def _flag_value(name: str, value: str) -> Any:
    try:
        return parse_value(name, value)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None
