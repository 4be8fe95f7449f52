"""A real Prosody for tests: a folder of its own, loopback, free ports, the accounts of the stage's agents."""

import asyncio
import shutil
import signal
import socket
from pathlib import Path

MODULES = Path("/usr/lib/prosody/modules")
PRIVILEGES = (MODULES / "mod_privilege").exists()
"""Whether XEP-0356 is there: Debian ships it in prosody-modules."""
DOMAIN, COMPONENT, SECRET, PASSWORD = "example.test", "sms.example.test", "secret", "open sesame"
_CONFIG = """
daemonize = false
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
log = {{ warn = "{folder}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {c2s} }}
component_ports = {{ {component} }}
s2s_ports = {{}} http_ports = {{}} https_ports = {{}}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
modules_enabled = {{ "roster", "saslauth", "disco", "carbons", "smacks", "offline", "ping", "posix"{more} }}
modules_disabled = {{ "s2s" }}
storage = {{ archive = "sql" }}
sql = {{ driver = "SQLite3", database = "{folder}/archive.sqlite" }}
VirtualHost "{domain}"
{privileged}
Component "{name}"
  component_secret = "{secret}"
  component_conflict_resolve = "kick_old"
  {privilege}
Component "other.example.test"
  component_secret = "{secret}"
Component "rooms.example.test" "muc"
"""


def installed() -> bool:
    """Whether there is one to start."""
    return shutil.which("prosody") is not None


class Prosody:
    """A server process. accounts: local parts; all have `PASSWORD`. privileges: with XEP-0356, where it is there.
    archive: keeps all messages (XEP-0313), which takes most of its time.
    """

    def __init__(
        self, folder: Path, accounts: tuple[str, ...], *, privileges: bool = False, archive: bool = True
    ) -> None:
        self.folder = folder
        self._archive = archive
        self.c2s, self.component = _free_ports(2)
        self._privileges = privileges and PRIVILEGES
        self._process: asyncio.subprocess.Process | None = None
        (folder / "data").mkdir(parents=True)
        kept = folder / "data" / "example%2etest" / "accounts"
        kept.mkdir(parents=True)
        for name in accounts:
            (kept / f"{name}.dat").write_text(f'return {{\n\t["password"] = "{PASSWORD}";\n}};\n')
        self._write()

    def _write(self) -> None:
        privileged = (
            f'  privileged_entities = {{ ["{COMPONENT}"] = '
            '{ roster = "both", message = "outgoing", presence = "managed_entity" } }'
        )
        more = [*(["mam"] if self._archive else []), *(["privilege"] if self._privileges else [])]
        text = _CONFIG.format(
            folder=self.folder,
            c2s=self.c2s,
            component=self.component,
            more="".join(f', "{name}"' for name in more),
            domain=DOMAIN,
            name=COMPONENT,
            secret=SECRET,
            privileged=privileged if self._privileges else "",
            privilege='modules_enabled = { "privilege" }' if self._privileges else "",
        )
        (self.folder / "prosody.cfg.lua").write_text(text)

    async def start(self) -> None:
        """Starts it; returns when it takes connections."""
        self._process = await asyncio.create_subprocess_exec(
            "prosody",
            "--config",
            str(self.folder / "prosody.cfg.lua"),
            "-F",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        nobody = asyncio.Event()
        async with asyncio.timeout(15):
            for port in (self.c2s, self.component):
                while not await _answers(port):
                    assert self._process.returncode is None, f"Prosody does not start: {self.log()[-2000:]}"
                    try:
                        await asyncio.wait_for(nobody.wait(), 0.02)
                    except TimeoutError:
                        continue

    async def stop(self) -> None:
        """Ends it in order."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()

    def log(self) -> str:
        """Its warnings."""
        file = self.folder / "prosody.log"
        return file.read_text("utf-8", "replace") if file.exists() else ""


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def _free_ports(count: int) -> list[int]:
    """Different ones: all are held until the last is found."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
