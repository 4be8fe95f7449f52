"""`careline doctor`: tries what the gateway will need, and says what to do. Changes nothing.

A carrier is tried with a bind as transmitter, so that no text or receipt of a running gateway comes to us instead.
"""

import asyncio
import contextlib
import ctypes
import errno
import http.client
import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from gateway.app import profile_of
from gateway.channels.smpp import SmppLink
from gateway.cli import chat_servers
from gateway.cli.terminal import show_rich
from gateway.model.channel import ChannelEvents, LinkState
from gateway.model.chat_server import faults
from gateway.settings import BackOffice, Carrier, ConfigError, Loaded, Settings, load
from gateway.settings.gateway_file import Xmpp
from gateway.store.database import StoreProblem, sqlite_path
from gateway.store.outside import SQLITE_VERSION, chat_server, figures

State = Literal["good", "warning", "bad", "skipped"]
_BIND_SECONDS = 10.0
_LITTLE, _TOO_LITTLE = 1 << 30, 100 << 20
_LONG_WAL = 256 << 20
_SLOW = 0.5
_UNSYNCHRONISED = 5
_BUILT = 1_793_000_000  # a clock before autumn 2026 is wrong: this program did not exist


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. todo: what to do about it, "" where nothing is to be done."""

    state: State
    what: str
    told: str
    todo: str = ""

    def as_dict(self) -> dict[str, str]:
        """For --json."""
        return asdict(self)


def examine(folder: Path, environ: dict[str, str], xmpp_config: Path | None = None) -> list[Finding]:
    """Looks at everything; one trouble hides no other. xmpp_config: of the XMPP server, where it is not in its usual
    place on this machine.
    """
    try:
        loaded = load(folder, environ)
    except ConfigError as problem:
        shown = "; ".join(map(str, problem.problems[:3]))
        found = [Finding("bad", "configuration", shown, "run `careline check` and mend what it names")]
        return [*found, *_clock(0), *_versions()]
    logging.disable(logging.CRITICAL)  # what the link says to operators is said here in other words
    try:
        return _examine(loaded, xmpp_config)
    finally:
        logging.disable(logging.NOTSET)


def _examine(loaded: Loaded, xmpp_config: Path | None) -> list[Finding]:
    settings = loaded.settings
    found = [Finding("warning", "configuration", str(one)) for one in loaded.warnings]
    found = found or [Finding("good", "configuration", f"{settings.folder} reads well")]
    database, newest = _database(settings)
    found += database
    found += _clock(newest)
    found += asyncio.run(_network(settings))
    found.append(_gateway(settings))
    if settings.xmpp is not None:
        found.append(_xmpp(settings.xmpp))
        found += _xmpp_software(settings)
        found += _xmpp_server(settings.xmpp, xmpp_config)
    return [*found, *_versions()]


def _xmpp(xmpp: Xmpp) -> Finding:
    """Only whether the port is open: to log in would throw out a gateway that runs (`conflict`)."""
    where = f"{xmpp.host}:{xmpp.port}"
    try:
        socket.create_connection((xmpp.host, xmpp.port), timeout=_BIND_SECONDS).close()
    except OSError as problem:
        todo = f"start the XMPP server with component {xmpp.domain}, or mend xmpp.host and xmpp.port"
        return Finding("bad", "xmpp", f"{where}: {os.strerror(problem.errno) if problem.errno else problem}", todo)
    return Finding("good", "xmpp", f"{where} is open; whether it takes {xmpp.domain} shows at the start")


def _xmpp_server(xmpp: Xmpp, given: Path | None) -> Iterator[Finding]:
    """What its configuration says, where that can be read."""
    what, path = "xmpp server", given or chat_servers.find(xmpp.domain)
    if path is None:
        told = f"no configuration on this machine names {xmpp.domain}"
        yield Finding("skipped", what, told, "give it: careline doctor --xmpp-config FILE")
        return
    try:
        found = chat_servers.troubles(path, xmpp.domain, xmpp.agent_domains)
    except chat_servers.Unreadable as problem:
        yield Finding("warning", what, str(problem), "give a prosody.cfg.lua or an ejabberd.yml that you may read")
        return
    for told, todo in found:
        yield Finding("warning", what, f"{path.name}: {told}", todo)
    if not found:
        yield Finding("good", what, f"{path} reads well")


def _xmpp_software(settings: Settings) -> Iterator[Finding]:
    """What the server told the gateway that it is. We do not ask it: see `_xmpp`."""
    what, asks = "xmpp server software", "start Careline: it asks the server after each connect"
    try:
        known = chat_server(sqlite_path(settings.store.url))
    except StoreProblem:
        return  # said of the database
    if known is None:
        yield Finding("skipped", what, "no gateway has asked the server yet", asks)
        return
    server, at = known
    told = f"{server}, as it said at {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(at / 1000))}"
    if not server.numbers:
        todo = "let it tell its version (mod_version), so that known faults can be named"
        yield Finding("warning", what, told, todo)
        return
    wrong = faults(server)
    for fault, todo in wrong:
        yield Finding("warning", what, f"{told}: {fault}", todo)
    if not wrong:
        yield Finding("good", what, f"{told}; no fault of it is known here")


# -- database


def _database(settings: Settings) -> tuple[list[Finding], int]:
    try:
        path = sqlite_path(settings.store.url)
        seen = figures(path)
    except StoreProblem as problem:
        return [Finding("bad", "database", str(problem), "check the path, the rights of its folder, and the disk")], 0
    folder = next((one for one in path.absolute().parents if one.exists()), Path("/"))
    free = shutil.disk_usage(folder).free
    found = []
    if seen is None:
        found.append(Finding("good", "database", f"{path} is made at the first start"))
    else:
        slow = seen.write_seconds > _SLOW
        told = f"{path}: {_size(seen.octets)}, schema {seen.version}, write lock in {seen.write_seconds * 1000:.0f} ms"
        todo = "another program holds the database; stop it, or put the database on a faster disk" if slow else ""
        found.append(Finding("warning" if slow else "good", "database", told, todo))
        if seen.wal_octets > _LONG_WAL:
            todo = "a reader holds it open for long: look for hung backups or database browsers"
            found.append(Finding("warning", "write-ahead log", _size(seen.wal_octets), todo))
    state: State = "bad" if free < _TOO_LITTLE else "warning" if free < _LITTLE else "good"
    todo = (
        "free space, or move store.url to a larger volume; Careline refuses new work on a full disk"
        if state != "good"
        else ""
    )
    found.append(Finding(state, "disk", f"{_size(free)} free at {folder}", todo))
    return found, seen.newest_ms if seen else 0


def _size(octets: int) -> str:
    return f"{octets / (1 << 30):.1f} GiB" if octets >= 1 << 30 else f"{octets / (1 << 20):.1f} MiB"


# -- clock


def _clock(newest_ms: int) -> Iterator[Finding]:
    now = time.time()
    ntp = "set up NTP (systemd-timesyncd or chrony)"
    if now < _BUILT:
        yield Finding(
            "bad", "clock", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now)) + " is before this program", ntp
        )
    elif newest_ms / 1000 > now + 5:
        ahead = f"the newest record is {newest_ms / 1000 - now:.0f} s in the future: the clock was set back"
        yield Finding("warning", "clock", ahead, f"{ntp}; records keep their order meanwhile")
    elif _synchronised() is False:
        yield Finding(
            "warning",
            "clock",
            "the kernel says that nothing keeps it right",
            f"{ntp}; quiet hours, expiry and signatures depend on it",
        )
    else:
        yield Finding("good", "clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)))


def _synchronised() -> bool | None:
    """What the kernel knows (adjtimex, read only); None where it does not say."""
    with contextlib.suppress(OSError, AttributeError):
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
        return bool(state != _UNSYNCHRONISED) if state >= 0 else None
    return None


# -- network


async def _network(settings: Settings) -> list[Finding]:
    tried = [_carrier(carrier) for carrier in settings.carriers]
    tried += [_backoffice(office) for office in settings.backoffice]
    found = list(await asyncio.gather(*tried))
    if not settings.carriers:
        found.append(Finding("warning", "carriers", "none is configured", "without [[carriers]] nothing can be texted"))
    return found


async def _carrier(carrier: Carrier) -> Finding:
    what, where = f"carrier {carrier.name}", f"{carrier.host}:{carrier.port}"
    changed = asyncio.Event()
    profile = replace(profile_of(carrier), bind="transmitter", binds=1, bind_timeout=_BIND_SECONDS)
    link = SmppLink(
        profile, ChannelEvents(inbound=lambda _: None, answers=lambda _: None, ready=lambda _: changed.set())
    )
    started = time.perf_counter()
    await link.start()
    try:
        while (status := link.status()).state is not LinkState.up:
            left = _BIND_SECONDS - (time.perf_counter() - started)
            if left <= 0 or (status.state is LinkState.down and status.reason not in ("", "not started", "connecting")):
                break
            changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(left, 0.2))
    finally:
        await link.stop(1.0)
    took = (time.perf_counter() - started) * 1000
    if status.state is LinkState.up:
        return Finding("good", what, f"bound and unbound at {where} in {took:.0f} ms")
    # The place is said already.
    why = status.reason.replace(f" from {where}", "").replace(f"nobody listens at {where}", "connection refused")
    why = why or f"no answer within {_BIND_SECONDS:.0f} s"
    return Finding("bad", what, f"{where}: {why}", _carrier_advice(why, carrier))


def _reason(told: str) -> str:
    """Without the name of the exception: `ConnectionRefusedError: [Errno 111] Connect call failed ...`."""
    for code, words in ((errno.ECONNREFUSED, "connection refused"), (errno.EHOSTUNREACH, "no way to that host")):
        if f"[Errno {code}]" in told:
            return words
    return told


def _carrier_advice(why: str, carrier: Carrier) -> str:
    lowered = why.lower()
    if lowered == "connection refused":
        return (
            "nothing listens there: check host and port, and whether the carrier runs (`careline carrier-sim` is one)"
        )
    if any(word in lowered for word in ("passw", "system_id", "system id", "sysid", "bind failed")):
        return f"check system_id and password with the carrier (CARELINE_CARRIERS__{carrier.name.upper()}__PASSWORD)"
    if any(word in lowered for word in ("already", "alybnd")):
        return "the account has its binds already: a running gateway may hold them"
    return "check host, port, firewall and VPN; ask the carrier whether our address is allowed"


async def _backoffice(office: BackOffice) -> Finding:
    parts = urlsplit(office.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    what = f"back office {office.name}"
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(parts.hostname, port), 5.0)
    except (OSError, TimeoutError) as problem:
        why = _reason(str(problem)) or "no answer within 5 s"
        return Finding(
            "warning", what, f"{parts.hostname}:{port}: {why}", "calls wait and are tried again for a day; start it"
        )
    writer.close()
    return Finding("good", what, f"{parts.hostname}:{port} takes connections (no call was made)")


def _gateway(settings: Settings) -> Finding:
    host = "127.0.0.1" if settings.http.host in ("0.0.0.0", "::") else settings.http.host  # noqa: S104  only compared
    where = f"http://{host}:{settings.http.port}"
    connection = http.client.HTTPConnection(host, settings.http.port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse().read(2000).decode("utf-8", "replace")
    except ConnectionRefusedError:
        return Finding("good", "http", f"{where} is free; the gateway does not run")
    except (OSError, http.client.HTTPException) as problem:
        return Finding("warning", "http", f"{where}: {problem}", "another program listens there; set http.port")
    finally:
        connection.close()
    try:
        health = json.loads(answer)
    except ValueError:
        health = None
    if isinstance(health, dict) and health.get("status") == "ok":
        return Finding("good", "http", f"a gateway runs at {where} and is well")
    if isinstance(health, dict) and isinstance(health.get("status"), str):
        reasons = health.get("reasons")
        why = "; ".join(map(str, reasons)) if isinstance(reasons, list) else ""
        return Finding("warning", "http", f"a gateway runs at {where} and is {health['status']}", why or "see its log")
    return Finding("warning", "http", f"{where} answers, and is no Careline", "set http.port to a free port")


# -- versions


def _versions() -> Iterator[Finding]:
    from pyexpat import EXPAT_VERSION

    expat = tuple(int(part) for part in EXPAT_VERSION.removeprefix("expat_").split("."))
    if expat < (2, 8, 1):
        told = f"{EXPAT_VERSION.removeprefix('expat_')}: CVE-2026-45186, small XML can cost much time"
        todo = "take a Python with expat 2.8.1 or newer before XMPP clients of strangers can reach you"
        yield Finding("warning", "expat", told, todo)
    if _wal_reset_bug(SQLITE_VERSION):
        told = f"{'.'.join(map(str, SQLITE_VERSION))}: can damage a database at a checkpoint (very rare)"
        todo = "take SQLite 3.51.3, 3.50.7, 3.44.6 or newer (sqlite.org/wal.html#walresetbug); keep backups"
        yield Finding("warning", "sqlite", told, todo)


def _wal_reset_bug(version: tuple[int, int, int]) -> bool:
    if version >= (3, 51, 3):
        return False
    return version[2] < {(3, 44): 6, (3, 50): 7}.get(version[:2], 1000)


def show(findings: Sequence[Finding]) -> None:
    """A line each, and what to do below it."""
    from rich.table import Table
    from rich.text import Text

    marks = {"good": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red"), "skipped": ("–", "dim")}
    lines: list[Any] = []
    for one in findings:
        mark, style = marks[one.state]
        line = Table.grid(padding=(0, 1))
        line.add_row(Text(mark, style=f"bold {style}"), Text.assemble((one.what, "bold"), f"  {one.told}"))
        if one.todo:
            line.add_row("", Text(f"→ {one.todo}", style=style))
        lines.append(line)
    bad = sum(one.state == "bad" for one in findings)
    warnings = sum(one.state == "warning" for one in findings)
    show_rich(*lines, Text(f"{bad} bad, {warnings} to look at", style="bold red" if bad else "bold"))
