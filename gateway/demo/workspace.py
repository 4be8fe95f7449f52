"""The demo's own folder: data, key, secret, logs; and the configuration that it runs."""

import base64
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import gateway
from gateway.demo.kept_files import kept, write
from gateway.demo.prosody import Addresses
from gateway.demo.stories import STORIES
from gateway.settings import ConfigError, Settings, load
from gateway.store import api_keys

SHIPPED = Path(gateway.__file__).parent.parent / "config"
"""Beside the code in a clone; an installed wheel has the small one of this package."""
SMALL = Path(__file__).parent / "config"
KEY_NAME = "demo"
BILLING_SECRET = "DEMO_BILLING_SECRET"  # noqa: S105  name of the variable that hands it over
_SECTION = re.compile(r"^\[xmpp\].*?(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class CannotPlay(Exception):
    """The demo does not start; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens on 127.0.0.1."""

    page: int
    gateway: int
    smpp: int
    phones: int
    billing: int
    c2s: int
    component: int
    web: int


WANTED = Ports(8088, 8080, 2775, 2780, 9100, 5222, 5347, 5280)
"""Where nothing else listens there."""


class Workspace:
    """The folder `var/`, locked by this demo."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.folder = var / "demo"
        self.database = var / "careline.db"
        self.config = SHIPPED if (SHIPPED / "gateway.toml").exists() else SMALL
        self._lock: int | None = None

    def open(self, *, fresh: bool) -> None:
        """Locks the folder, and empties it when asked to. Raises CannotPlay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            page = self.session().get("page", "")
            raise CannotPlay(f"a demo runs here already{f': open {page}' if page else ''}") from None
        self._lock = handle
        if fresh:
            self.clear()
        (self.folder / "log").mkdir(exist_ok=True)

    def clear(self) -> None:
        """Throws away what earlier demos left: their database, keys and logs, and nothing else in the folder."""
        for file in (
            self.database,
            *self.var.glob(self.database.name + "-*"),
            *self.var.glob(self.database.name + ".*"),
        ):
            file.unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()

    def close(self) -> None:
        """Gives the folder back."""
        (self.folder / "session.json").unlink(missing_ok=True)
        (self.folder / "children.json").unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def log(self, name: str) -> Path:
        """An empty log file."""
        path = self.folder / "log" / f"{name}.log"
        path.write_bytes(b"")
        return path

    def secret(self) -> str:
        """What signs the calls to the billing system."""
        octets = base64.b64encode(secrets.token_bytes(24)).decode()
        return kept(self.folder / "billing.secret", f"whsec_{octets}")

    def key(self) -> str:
        """The API key of the demo, known to its database."""
        key = kept(self.folder / "api.key", api_keys.new_key())
        if api_keys.role_of(self.database, key) is None:
            api_keys.remove(self.database, KEY_NAME)
            api_keys.add(self.database, KEY_NAME, "admin", time.time_ns() // 1_000_000, key)
        return key

    def environ(self, ports: Ports, secret: str) -> dict[str, str]:
        """What differs from the configuration: ports, the database, a secret of its own, open queues."""
        return {
            "CARELINE_STORE__URL": f"sqlite:///{self.database}",
            "CARELINE_HTTP__HOST": "127.0.0.1",
            "CARELINE_HTTP__PORT": str(ports.gateway),
            "CARELINE_HTTP__PUBLIC_URL": f"http://127.0.0.1:{ports.gateway}",
            "CARELINE_CARRIERS__SIM__HOST": "127.0.0.1",
            "CARELINE_CARRIERS__SIM__PORT": str(ports.smpp),
            "CARELINE_BACKOFFICE__BILLING__URL": f"http://127.0.0.1:{ports.billing}/fulfil",
            "CARELINE_BACKOFFICE__BILLING__SECRET": secret,
            "CARELINE_QUEUES__BILLING__HOURS": "24/7",  # whoever tries this on a Sunday finds somebody in
            "CARELINE_QUEUES__BILLING__OFFER_TIMEOUT": "120",  # who looks around first does not lose the card
        }

    def settings(self, environ: Mapping[str, str]) -> Settings:
        """The configuration, made sure that it names no real carrier. Raises CannotPlay."""
        try:
            settings = load(self.config, environ).settings
        except ConfigError as problem:
            raise CannotPlay(str(problem)) from problem
        for carrier in settings.carriers:
            if carrier.name != "sim" or carrier.host not in _LOOPBACK:
                raise CannotPlay(
                    f"{self.config / 'gateway.toml'} names the carrier {carrier.name} at {carrier.host}: the demo "
                    "texts nobody but simulated phones; restore the shipped file, or use `careline run`"
                )
        return settings

    def chat(self, settings: Settings, ports: Ports) -> Addresses | None:
        """What the XMPP server serves; None where the configuration has no desk or no agent there."""
        if settings.xmpp is None:
            return None
        agents = {one.jid: one.name for one in settings.agents if _domain(one.jid) in settings.xmpp.agent_domains}
        if not agents:
            return None
        return Addresses(ports.c2s, ports.component, ports.web, settings.xmpp.domain, agents)

    def without_chat(self) -> None:
        """From now on the configuration is the same without [xmpp]: agents answer over HTTP."""
        bare = self.folder / "config"
        shutil.rmtree(bare, ignore_errors=True)
        bare.mkdir()
        for path in self.config.iterdir():
            if path.name != "gateway.toml":
                (bare / path.name).symlink_to(path.absolute(), target_is_directory=path.is_dir())
        text = (self.config / "gateway.toml").read_text("utf-8")
        write(bare / "gateway.toml", _SECTION.sub("", text))
        self.config = bare

    def next_tour(self, *, first: bool) -> int:
        """The number of the tour that begins now; it decides the customer's phone."""
        try:
            tour = 0 if first else int((self.folder / "tour").read_text("utf-8")) + 1
        except (OSError, ValueError):
            tour = 0
        self.write_tour(tour)
        return tour

    def write_tour(self, tour: int) -> None:
        """Remembers which tour is on."""
        (self.folder / "tour").write_text(f"{tour}\n", "utf-8")

    def sample(self) -> Path:
        """A file with data of an event, so that commands to try fit a line."""
        path = self.folder / "overage.json"
        path.write_text(json.dumps(STORIES["overage"].data(datetime.now(UTC))) + "\n", "utf-8")
        return path

    def session(self) -> dict[str, str]:
        """What a running demo wrote down for other commands."""
        try:
            found = json.loads((self.folder / "session.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_session(self, session: Mapping[str, str]) -> None:
        """For `careline fire` and its sisters: they find the demo by this file."""
        write(self.folder / "session.json", json.dumps(session, indent=2))


def chat_environ(where: Addresses, secret: str) -> dict[str, str]:
    """What the gateway is told of the XMPP server."""
    return {
        "CARELINE_XMPP__HOST": "127.0.0.1",
        "CARELINE_XMPP__PORT": str(where.component),
        "CARELINE_XMPP__SECRET": secret,
        "CARELINE_XMPP__FILE_LINKS": where.files,
    }


def _domain(jid: str) -> str:
    return jid.partition("@")[2]
