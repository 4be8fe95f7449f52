"""A real ejabberd for tests: a folder of its own, loopback, free ports, the accounts of the stage's agents.

Its Erlang node has no name: so it needs no epmd and no cookie, and listens on nothing but the ports below.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import apsw
import pytest

from tests.doubles.prosody import COMPONENT, DOMAIN, PASSWORD, ROOMS, SECRET, free_ports

SCHEMA = Path("/usr/share/ejabberd/sql/lite.sql")
"""The tables of its archive, by hand: 23.01 has no update_sql_schema."""
OTHER = "other.example.test"
_TAIL = 2000
_CONFIG = f"""
hosts: [{DOMAIN}]
loglevel: warning
default_db: sql
sql_type: sqlite
sql_database: "{{folder}}/ejabberd.sqlite"
auth_method: [sql]
auth_use_cache: false
s2s_access: none
listen:
  - {{{{port: {{c2s}}, ip: "127.0.0.1", module: ejabberd_c2s, shaper: none, access: all}}}}
  - port: {{component}}
    ip: "127.0.0.1"
    module: ejabberd_service
    shaper: none
    global_routes: false  # else each component gets what is for the others
    hosts: {{{{"{COMPONENT}": {{{{password: "{SECRET}"}}}}, "{OTHER}": {{{{password: "{SECRET}"}}}}}}}}
acl:
  desk: {{{{server: "{COMPONENT}"}}}}
access_rules:
  desk: [{{{{allow: desk}}}}]
modules:
  mod_offline: {{{{}}}}
  mod_carboncopy: {{{{}}}}
  mod_stream_mgmt: {{{{}}}}
  mod_roster: {{{{}}}}
  mod_caps: {{{{}}}}
  mod_pubsub: {{{{plugins: [flat, pep]}}}}
  mod_disco: {{{{}}}}
  mod_adhoc: {{{{}}}}
  mod_ping: {{{{}}}}
  mod_version: {{{{}}}}
  mod_privacy: {{{{}}}}
  mod_blocking: {{{{}}}}
  mod_register: {{{{ip_access: all}}}}
  mod_muc: {{{{host: "{ROOMS}", default_room_options: {{{{mam: true, persistent: true, public: false}}}}}}}}
{{more}}
"""
_ARCHIVE = """
  mod_mam: {assume_mam_usage: true, default: always}
"""
_PRIVILEGE = """
  mod_privilege: {roster: {both: desk}, message: {outgoing: desk}, presence: {managed_entity: desk}}
"""


def installed() -> bool:
    """Whether there is one to start."""
    return shutil.which("erl") is not None and SCHEMA.exists() and Path("/usr/sbin/ejabberdctl").exists()


def ejabberd_or_skip() -> None:
    """Skips the running test by the name of what is not installed, as tests/setup/test.sh lists it at the end."""
    there = {
        "ejabberd": installed(),
        "erlang-p1-sqlite3": any(Path("/usr/lib/erlang/lib").glob("p1_sqlite3-*")),
    }
    if missing := [name for name, found in there.items() if not found]:
        pytest.skip(f"not installed: {', '.join(missing)}")


class Ejabberd:
    """A server process. accounts: local parts; all have `PASSWORD`. privileges: with XEP-0356, for the desk alone.
    archive: keeps all messages (XEP-0313).

    c2s, component: its ports; http: one for what we ship. config: the file that it starts with; what stands there may
    be replaced before the start.
    """

    def __init__(
        self, folder: Path, accounts: tuple[str, ...], *, privileges: bool = False, archive: bool = True
    ) -> None:
        self.folder, self.privileges = folder, privileges
        self.c2s, self.component, self.http = free_ports(3)
        self._process: asyncio.subprocess.Process | None = None
        (folder / "mnesia").mkdir(parents=True)
        database = apsw.Connection(str(self.database))
        database.execute(SCHEMA.read_text("utf-8"))
        database.execute("PRAGMA journal_mode = WAL")  # as config/xmpp/ejabberd.yml says
        rows = [(name, PASSWORD) for name in accounts]
        database.executemany("INSERT INTO users (username, password) VALUES (?, ?)", rows)
        database.close()
        self.config.write_text(
            _CONFIG.format(
                folder=folder,
                c2s=self.c2s,
                component=self.component,
                more=(_ARCHIVE if archive else "") + (_PRIVILEGE if privileges else ""),
            )
        )

    @property
    def config(self) -> Path:
        """The file that it starts with."""
        return self.folder / "ejabberd.yml"

    @property
    def database(self) -> Path:
        """Its accounts and archive."""
        return self.folder / "ejabberd.sqlite"

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What a SELECT on its database finds."""
        database = apsw.Connection(str(self.database), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return list(database.execute(statement))
        finally:
            database.close()

    async def start(self) -> None:
        """Starts it; returns when it takes connections."""
        assert not self.running, "it runs already"
        places = {
            "HOME": str(self.folder),  # else erl looks for a cookie in one's own
            "ERL_LIBS": str(_libraries()),
            "EJABBERD_CONFIG_PATH": str(self.config),
            "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
            "ERL_CRASH_DUMP": str(self.folder / "crash.dump"),
        }
        # Erlang's threads would wait busily, and take from each other what a busy machine has left: 47 s instead of 6.
        idle = ("+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none")
        words = (*idle, "-noinput", "-mnesia", "dir", f'"{self.folder / "mnesia"}"', "-s", "ejabberd")
        with (self.folder / "ejabberd.out").open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                "erl", *words, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **places}, cwd=self.folder
            )
        try:
            async with asyncio.timeout(100):  # of a machine that has much else to do
                await self._ready()
        except BaseException as error:
            await self.kill()
            if isinstance(error, OSError | EOFError):  # TimeoutError is an OSError
                raise AssertionError(f"ejabberd takes no connections: {self._last_words()}") from None
            raise

    async def _ready(self) -> None:
        nobody = asyncio.Event()
        for port in (self.c2s, self.component):
            while not await _greets(port):
                assert self.running, f"ejabberd does not start: {self._last_words()}"
                try:
                    await asyncio.wait_for(nobody.wait(), 0.05)
                except TimeoutError:
                    continue

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        """Ends it. Not in order: that takes it 15 seconds, and all that is to last is in SQLite at once."""
        await self.kill()

    async def kill(self) -> None:
        """kill -9."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def restart(self) -> None:
        """Ends it, if it runs, and starts it with the same ports and data."""
        await self.stop()
        await self.start()

    def log(self) -> str:
        """Its warnings."""
        return _text(self.folder / "ejabberd.log")

    def _last_words(self) -> str:
        return f"{_text(self.folder / 'ejabberd.out')[-_TAIL:]}\n{self.log()[-_TAIL:]}"


def _libraries() -> Path:
    """Debian keeps Erlang's libraries by architecture."""
    return next(Path("/usr/lib").glob("*/ejabberd-*")).parent


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace") if file.exists() else ""


async def _greets(port: int) -> bool:
    """A port is open before what it is for is there."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
            f"to='{DOMAIN}' version='1.0'>".encode()
        )
        async with asyncio.timeout(5):
            return bool(await reader.read(1))
    except OSError:
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
