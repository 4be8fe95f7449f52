"""A real Prosody for tests: a folder of its own, loopback, free ports, the accounts of the stage's agents."""

import asyncio
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import apsw
import pytest

MODULES = Path("/usr/lib/prosody/modules")
PRIVILEGES = (MODULES / "mod_privilege").exists()
"""Whether XEP-0356 is there: Debian ships it in prosody-modules."""
DOMAIN, COMPONENT, SECRET, PASSWORD = "example.test", "sms.example.test", "secret", "open sesame"
ROOMS = f"rooms.{DOMAIN}"
FILES = f"files.{DOMAIN}"
"""Of what we ship: where agents upload."""
GROUP = "Care desk"
_TAIL = 2000
_CONFIG = """
daemonize = false
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
log = {{ warn = "{folder}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {c2s} }}
component_ports = {{ {component} }}
s2s_ports = {{}} http_ports = {{ {http} }} https_ports = {{}}
http_default_host = "{domain}"
consider_websocket_secure = true
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
modules_enabled = {{
  "roster", "saslauth", "disco", "pep", "carbons", "smacks", "offline", "ping", "csi_simple", "blocklist", "bookmarks",
  "vcard4", "vcard_legacy", "cron", "posix", "register", "version"{more}
}}
modules_disabled = {{ "s2s" }}
storage = {{ archive = "sql" }}
sql = {{ driver = "SQLite3", database = "{folder}/archive.sqlite" }}
groups_file = "{folder}/groups.txt"
VirtualHost "{domain}"
{privileged}
Component "{name}"
  component_secret = "{secret}"
  component_conflict_resolve = "kick_old"
  {privilege}
Component "other.example.test"
  component_secret = "{secret}"
Component "{rooms}" "muc"
  muc_room_default_public = false
  muc_room_default_persistent = true
  {room_archive}
"""


def installed() -> bool:
    """Whether there is one to start."""
    return shutil.which("prosody") is not None


def prosody_or_skip(*, privileges: bool = False) -> None:
    """Skips the running test by the name of what is not installed, as tests/setup/test.sh lists it at the end."""
    there = {
        "prosody": installed(),
        "lua-dbi-sqlite3": any(Path("/usr/lib").glob("**/lua/*/dbd/sqlite3.so")),
        "prosody-modules": PRIVILEGES or not privileges,
    }
    if missing := [name for name, found in there.items() if not found]:
        pytest.skip(f"not installed: {', '.join(missing)}")


class Prosody:
    """A server process. accounts: local parts; all have `PASSWORD`. privileges: with XEP-0356, where it is there; the
    attribute says whether it is.

    archive: keeps all messages (XEP-0313), which takes most of its time. group: the accounts are in each other's
    rosters, in the group `GROUP`. websocket: also takes clients at `ws://127.0.0.1:{http}/xmpp-websocket`.
    """

    def __init__(
        self,
        folder: Path,
        accounts: tuple[str, ...],
        *,
        privileges: bool = False,
        archive: bool = True,
        group: bool = False,
        websocket: bool = False,
    ) -> None:
        self.folder = folder
        self._archive, self._group, self._websocket = archive, group, websocket
        self.c2s, self.component, self.http = free_ports(3)
        self.privileges = privileges and PRIVILEGES
        self._process: asyncio.subprocess.Process | None = None
        kept = folder / "data" / "example%2etest" / "accounts"
        kept.mkdir(parents=True)
        (folder / "certs").mkdir()  # empty, but Prosody looks
        for name in accounts:
            (kept / f"{name}.dat").write_text(f'return {{\n\t["password"] = "{PASSWORD}";\n}};\n')
        members = "".join(f"{name}@{DOMAIN}={name.capitalize()}\n" for name in accounts)
        (folder / "groups.txt").write_text(f"[{GROUP}]\n{members}")
        if archive:
            database = apsw.Connection(str(folder / "archive.sqlite"))
            database.execute("PRAGMA journal_mode = WAL")  # as config/xmpp/prosody.cfg.lua says
            database.close()
        self._write()

    @property
    def config(self) -> Path:
        """The file that it starts with."""
        return self.folder / "prosody.cfg.lua"

    def _write(self) -> None:
        privileged = (
            f'  privileged_entities = {{ ["{COMPONENT}"] = '
            '{ roster = "both", message = "outgoing", presence = "managed_entity" } }'
        )
        wanted = {
            "mam": self._archive,
            "privilege": self.privileges,
            "groups": self._group,
            "websocket": self._websocket,
        }
        text = _CONFIG.format(
            folder=self.folder,
            c2s=self.c2s,
            component=self.component,
            http=self.http if self._websocket else "",
            more="".join(f', "{name}"' for name, really in wanted.items() if really),
            domain=DOMAIN,
            name=COMPONENT,
            rooms=ROOMS,
            secret=SECRET,
            privileged=privileged if self.privileges else "",
            privilege='modules_enabled = { "privilege" }' if self.privileges else "",
            room_archive='modules_enabled = { "muc_mam" }' if self._archive else "",
        )
        self.config.write_text(text)

    async def start(self) -> None:
        """Starts it; returns when it takes connections."""
        assert not self.running, "it runs already"
        with (self.folder / "prosody.out").open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                "prosody", "--config", str(self.config), "-F", stdout=out, stderr=subprocess.STDOUT
            )
        try:
            async with asyncio.timeout(60):  # of a machine that has much else to do
                await self._ready()
        except BaseException as error:
            await self.kill()
            if isinstance(error, OSError | EOFError):  # TimeoutError is an OSError
                raise AssertionError(f"Prosody takes no connections: {self._last_words()}") from None
            raise

    async def _ready(self) -> None:
        nobody = asyncio.Event()
        for port in (self.c2s, self.component, *([self.http] if self._websocket else [])):
            while not await _answers(port):
                assert self.running, f"Prosody does not start: {self._last_words()}"
                try:
                    await asyncio.wait_for(nobody.wait(), 0.02)
                except TimeoutError:
                    continue
        await self.features()

    async def features(self) -> str:
        """What it says to a client that connects.

        The kernel takes connections a while before Prosody's loop runs and answers; until then SIGTERM is no orderly
        end.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.c2s)
        try:
            writer.write(
                "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
                f"to='{DOMAIN}' version='1.0'>".encode()
            )
            said = await reader.readuntil(b"</stream:features>")
            writer.write(b"</stream:stream>")
            await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
        return said.decode()

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        """Ends it in order."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Ends it in order, if it runs, and starts it with the same ports and data."""
        await self.stop()
        await self.start()

    async def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()

    def log(self) -> str:
        """Its warnings."""
        return _text(self.folder / "prosody.log")

    def _last_words(self) -> str:
        return f"{_text(self.folder / 'prosody.out')[-_TAIL:]}\n{self.log()[-_TAIL:]}"


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace") if file.exists() else ""


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def free_ports(count: int) -> list[int]:
    """Different ones: all are held until the last is found."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
