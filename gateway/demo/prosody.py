"""The demo's XMPP server: Debian's Prosody as a child, on loopback, with a folder and passwords of its own.

Agents' presence reaches the gateway through Prosody's `groups` module: the desk is in the roster of each agent from the
start, with a subscription both ways, so nobody has to accept anything.
"""

import asyncio
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.demo.children import Child
from gateway.demo.kept_files import kept, write

HOST = "127.0.0.1"
GROUP = "Care desk"
MOST_OCTETS = 5_242_880
"""Of a file that an agent sends."""
_CERTIFICATE_DAYS = "3650"
_DRIVERS = ("lib/lua", "lib/*/lua", "local/lib/lua")
_CONFIG = """-- Written anew at each start of `careline demo`.
daemonize = false
run_as_root = {as_root}
pidfile = {folder}.."/prosody.pid"
data_path = {folder}.."/data"
log = {{ info = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {c2s} }} c2s_direct_tls_ports = {{}}
component_ports = {{ {component} }} component_interfaces = {{ "127.0.0.1" }}
http_ports = {{ {web} }} http_interfaces = {{ "127.0.0.1" }} https_ports = {{}}
http_default_host = "127.0.0.1"
s2s_ports = {{}} s2s_direct_tls_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "pep", "carbons", "smacks", "mam", "offline", "ping",
  "csi_simple", "blocklist", "bookmarks", "vcard4", "vcard_legacy", "posix", "websocket", "groups" }}
modules_disabled = {{ "s2s" }}
c2s_require_encryption = false allow_unencrypted_plain_auth = true
consider_websocket_secure = true
authentication = "internal_plain"
groups_file = {folder}.."/groups.txt"
storage = {{ archive = {archive}, muc_log = {archive} }}
sql = {{ driver = "SQLite3", database = {folder}.."/archive.sqlite" }}
{tls}
{hosts}
Component {desk}
  component_secret = {secret}
  component_conflict_resolve = "kick_old"
Component {rooms} "muc"
  modules_enabled = {{ "muc_mam" }}
  muc_room_default_public = false
  muc_room_default_persistent = true
Component {files} "http_file_share"
  http_host = "127.0.0.1"
  http_file_share_access = {{ {access} }}
  http_file_share_size_limit = {most}
  http_file_share_daily_quota = 52428800
  http_file_share_global_quota = 104857600
  http_file_share_expires_after = 86400
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What listens where, and who: the desk's own domain, and the agents with their names by JID."""

    c2s: int
    component: int
    web: int
    desk: str
    agents: Mapping[str, str]

    @property
    def hosts(self) -> list[str]:
        """Domains that agents are at."""
        return list(dict.fromkeys(jid.partition("@")[2] for jid in self.agents))

    @property
    def websocket(self) -> str:
        """For browsers."""
        return f"ws://{HOST}:{self.web}/xmpp-websocket"

    @property
    def files(self) -> str:
        """Where files are put, and how links to them begin (XEP-0363)."""
        return f"http://{HOST}:{self.web}/"


class Prosody:
    """The server. folder: its own, kept from one demo to the next. program: of `program()`."""

    def __init__(self, program: str, folder: Path, where: Addresses) -> None:
        self._program, self._folder, self.where = program, folder.absolute(), where
        self.passwords: dict[str, str] = {}
        self.secret = ""

    def prepare(self) -> None:
        """Writes its configuration and accounts."""
        (self._folder / "data").mkdir(parents=True, exist_ok=True, mode=0o700)
        self.secret = kept(self._folder / "component.secret", secrets.token_hex(16))
        for jid in self.where.agents:
            name, _, host = jid.partition("@")
            password = kept(self._folder / "passwords" / _file_name(jid), f"{name}-{secrets.token_hex(4)}")
            self.passwords[jid] = password
            account = self._folder / "data" / _file_name(host) / "accounts" / f"{_file_name(name)}.dat"
            write(account, f'return {{\n\t["password"] = {_lua(password)};\n}};\n')
        members = [*self.where.agents.items(), (self.where.desk, GROUP)]
        write(self._folder / "groups.txt", "\n".join([f"[{GROUP}]", *(f"{jid}={name}" for jid, name in members), ""]))
        write(self._folder / "prosody.cfg.lua", self._config(encrypted=self._certify()))

    def child(self, log: Path) -> Child:
        """Its process, not started yet."""
        return Child("prosody", ["--config", str(self._folder / "prosody.cfg.lua"), "-F"], log, program=self._program)

    async def answers(self) -> bool:
        """Whether all its ports take connections."""
        for port in (self.where.c2s, self.where.component, self.where.web):
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                return False
            writer.close()
        return True

    def _config(self, *, encrypted: bool) -> str:
        folder, where = _lua(str(self._folder)), self.where
        others = [f"VirtualHost {_lua(host)}" for host in where.hosts[1:]]
        tls = f'ssl = {{ key = {folder}.."/tls.key", certificate = {folder}.."/tls.crt" }}' if encrypted else ""
        return _CONFIG.format(
            as_root="true" if os.geteuid() == 0 else "false",
            folder=folder,
            c2s=where.c2s,
            component=where.component,
            web=where.web,
            archive='"sql"' if _speaks_sqlite() else '"internal"',
            tls=tls,
            hosts="\n".join((f"VirtualHost {_lua(where.hosts[0])}\n  http_host = {_lua(HOST)}", *others)),
            access=", ".join(map(_lua, where.hosts)),
            files=_lua(f"files.{where.hosts[0]}"),
            most=MOST_OCTETS,
            desk=_lua(where.desk),
            rooms=_lua(f"rooms.{where.hosts[0]}"),
            secret=_lua(self.secret),
        )

    def _certify(self) -> bool:
        """A certificate of its own, for clients that insist on TLS; whether there is one."""
        key, certificate = self._folder / "tls.key", self._folder / "tls.crt"
        if key.exists() and certificate.exists():
            return True
        openssl = shutil.which("openssl")
        if openssl is None:
            return False
        names = ",".join(f"DNS:{host}" for host in self.where.hosts)
        made = subprocess.run(
            [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", _CERTIFICATE_DAYS, "-subj", f"/CN={self.where.hosts[0]}", "-addext", f"subjectAltName={names}",
             "-keyout", str(key), "-out", str(certificate)],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20,
        )  # fmt: skip
        if made.returncode != 0:
            key.unlink(missing_ok=True)
            certificate.unlink(missing_ok=True)
        return made.returncode == 0


def program() -> str | None:
    """Where Prosody is installed."""
    return shutil.which("prosody")


def _speaks_sqlite() -> bool:
    """Whether Debian's lua-dbi-sqlite3 is there; without it the archive lies in files, which is enough here."""
    return any(any(Path("/usr").glob(f"{place}/5.*/dbd/sqlite3.so")) for place in _DRIVERS)


def _file_name(node: str) -> str:
    """As Prosody names the files of an account."""
    return re.sub(r"[^A-Za-z0-9]", lambda found: "".join(f"%{octet:02x}" for octet in found[0].encode()), node)


def _lua(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
