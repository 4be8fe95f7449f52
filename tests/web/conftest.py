"""A gateway without carriers: a real store on a file, the engine on its lane, the real web server."""

import asyncio
import io
import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from gateway.care.desk import Desk
from gateway.care.engine import Engine
from gateway.care.inbound import Text
from gateway.care.inputs import TEXT
from gateway.care.playbook import Playbook, brands_of, senders_of
from gateway.care.rendering import Catalogue
from gateway.care.taking import Taking
from gateway.care.turn import CUSTOMER_LANE
from gateway.floor.commands import Commands
from gateway.jobs.lane import Lane
from gateway.model.channel import LinkState, LinkStatus
from gateway.model.ids import Ids, id_at
from gateway.settings import Settings, load
from gateway.store import filing, upkeep, work
from gateway.store.database import Store
from gateway.store.migrate import bring_up_to_date
from gateway.store.units import Due, Statement, Unit
from gateway.telemetry import Metrics
from gateway.triggers import Registry
from gateway.web.server import WebServer
from gateway.web.services import Services

ROLES = ("integrator", "viewer", "agent", "supervisor", "admin", "privacy")
START_MS = 1_795_359_600_000  # 2026-11-22T15:00:00Z, ten in the morning in New York
PHONE = "+15551234567"
GATEWAY = """
[http]
public_url = "http://care.example"
[[brands]]
name = "acme"
display_name = "Acme Mobile"
timezone = "America/New_York"
help_contact = "https://acme.example/help"
[[carriers]]
name = "sim"
host = "127.0.0.1"
system_id = "careline"
password = "secret"
[[senders]]
address = "70007"
brand = "acme"
carriers = ["sim"]
[handlers]
load = ["flight_delay", "plan_overage", "appointment"]
[[queues]]
name = "billing"
brand = "acme"
[[queues]]
name = "travel"
brand = "acme"
[[agents]]
jid = "ana@example.test"
name = "Ana"
queues = ["billing"]
skills = ["refunds"]
languages = ["en", "es"]
[[agents]]
jid = "ben@example.test"
name = "Ben"
queues = ["travel"]
[[agents]]
jid = "sue@example.test"
name = "Sue"
queues = ["billing"]
role = "supervisor"
[[backoffice]]
name = "billing"
url = "http://127.0.0.1:9100/fulfil"
secret = "whsec_Y2FyZWxpbmUtZGVtby1iYWNrLW9mZmljZS1zZWNyZXQ="
"""
XMPP = '\n[xmpp]\ndomain = "sms.example.test"\nsecret = "s"\nagent_domains = ["example.test"]\n'
SECOND_BRAND = """
[[brands]]
name = "zenith"
display_name = "Zenith Air"
help_contact = "https://zenith.example/help"
[[senders]]
address = "80008"
brand = "zenith"
carriers = ["sim"]
"""
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
OVERAGE = {"plan": "Basic 300", "minutes_over": 120, "charge": "50.00", "currency": "USD"}


def key_of(role: str) -> str:
    """The raw API key of a role in tests."""
    return f"key-of-{role}"


def settings_in(folder: Path, more: str = "") -> Settings:
    """The configuration of the tests."""
    keys = "".join(f'\n[[api_keys]]\nname = "{role}"\nkey = "{key_of(role)}"\nrole = "{role}"\n' for role in ROLES)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gateway.toml").write_text(GATEWAY + XMPP + keys + more, "utf-8")
    return load(folder, {}).settings


def playbook_of(settings: Settings) -> Playbook:
    """What the tests' company decided beforehand."""
    registry = Registry()
    registry.load(settings.handler_modules, settings.handlers.folders)
    return Playbook(
        brands=brands_of(settings.brands),
        senders=senders_of(settings.senders),
        queues={queue.name: queue for queue in settings.queues},
        agents=settings.agents,
        backoffices={office.name: office for office in settings.backoffice},
        offers={offer.name: offer for offer in settings.offers},
        keywords=settings.keywords,
        rules=settings.rules,
        handlers={handler.type: handler for handler in registry},
        texts=Catalogue.load(settings.template_folders, "en"),
        public_url=settings.http.public_url,
    )


@dataclass
class World:
    """A running gateway whose carriers are the test itself."""

    store: Store
    settings: Settings
    engine: Engine
    lane: Lane
    services: Services
    server: WebServer
    client: "TestClient[Any, Any]"
    clock: list[int]
    sends: list[Due] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """The wall clock, ms."""
        return self.clock[0]

    async def ask(
        self, method: str, path: str, body: object = None, role: str | None = "admin", **more: Any
    ) -> ClientResponse:
        """One request with the key of a role."""
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers.setdefault("Authorization", f"Bearer {key_of(role)}")
        if body is not None:
            more["data"] = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
            headers.setdefault("Content-Type", "application/json")
        return await self.client.request(method, path, headers=headers, **more)

    async def json(self, method: str, path: str, body: object = None, *, status: int = 200, **more: Any) -> Any:
        """The JSON of an answer that must have this status."""
        response = await self.ask(method, path, body, **more)
        text = await response.text()
        assert response.status == status, f"{response.status}: {text}"
        return json.loads(text)

    async def event(self, key: str = "e-1", *, status: int = 202, role: str = "integrator", **changes: Any) -> Any:
        """Posts one structured event."""
        body = json.dumps(event(key, **changes))
        headers = {"Content-Type": "application/cloudevents+json"}
        return await self.json("POST", "/v1/events", body.encode(), status=status, role=role, headers=headers)

    async def settled(self) -> None:
        """Waits until the engine has decided all that is due."""
        for _ in range(2000):
            due = [await self.store.read(work.due_now, CUSTOMER_LANE, prio, self.now, 1) for prio in (0, 1)]
            if not any(due) and self.lane.idle:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("the engine did not come to rest")

    async def text_in(self, text: str, *, phone: str = PHONE) -> None:
        """A text from a phone, taken and routed."""
        an_id = self.services.ids()
        words = Text("70007", text, "sim", f"digest-{an_id}", 1, 1)
        due = Due(an_id, CUSTOMER_LANE, f"tel:{phone}", TEXT, self.now, 0, 0, 0, words.body(), hot=words)
        unit = Unit(f"mo#{an_id}")
        work.add(unit, due)
        await self.store.write(unit)
        self.services.push(due)
        await self.settled()

    async def run_sql(self, sql: str, *rows: tuple[object, ...]) -> None:
        """Writes beside care, for states that only a carrier or an old release makes."""
        unit = Unit("test")
        unit.extend(Statement("test", sql, exact=False), rows or [()])
        await self.store.write(unit)

    async def carried(self) -> None:
        """The carrier accepts the texts that no carrier has had yet."""
        await self.run_sql(
            "INSERT INTO attempt (message_id, part, attempt, carrier, at, possible_duplicate, outcome, answered_at) "
            "SELECT id, 1, 1, 'sim', ?1, 0, 'accepted', ?1 FROM message WHERE direction = 'mt' "
            "AND id NOT IN (SELECT message_id FROM attempt)",
            (self.now,),
        )

    async def index(self) -> None:
        """Runs the word index as the clock job does."""
        for above, up_to in await self.store.read(upkeep.stretches, id_at(self.now + 60_000)):
            await self.store.apply([upkeep.index_words(above, up_to)])

    async def file(self) -> None:
        """Files all messages that are there under their addresses."""
        await self.store.write(filing.make_room())
        newest = await self.store.read(work.newest_id)
        await self.store.write(filing.gather(await self.store.read(filing.filed_up_to), newest))
        await self.store.write(filing.file_rest(0, newest))


def event(key: str = "e-1", **changes: Any) -> dict[str, Any]:
    """A good event; a change of None takes the attribute away."""
    whole = {
        "specversion": "1.0",
        "id": key,
        "source": "/billing",
        "type": "plan.overage",
        "subject": f"tel:{PHONE}",
        "time": "2026-11-22T14:59:00Z",
        "datacontenttype": "application/json",
        "data": OVERAGE,
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


async def batch(world: World, items: list[Any], *, status: int = 202) -> Any:
    """Posts a batch."""
    return await world.json("POST", "/v1/events", items, status=status, role="integrator", headers=BATCH)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its schema, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    bring_up_to_date(path)
    return path


@pytest.fixture(scope="session")
def companies(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Settings, Playbook]]:
    """Settings and playbook, read once for each configuration."""
    known: dict[str, tuple[Settings, Playbook]] = {}

    def company(more: str) -> tuple[Settings, Playbook]:
        if more not in known:
            settings = settings_in(tmp_path_factory.mktemp("config"), more)
            known[more] = (settings, playbook_of(settings))
        return known[more]

    return company


@pytest.fixture
async def make_world(
    tmp_path: Path, empty_store: Path, companies: Callable[[str], tuple[Settings, Playbook]]
) -> AsyncIterator[Callable[..., Any]]:
    """Builds gateways; all of them stop at the end."""
    worlds: list[World] = []

    async def make(more: str = "") -> World:
        number = len(worlds)
        settings, book = companies(more)
        store = Store(tmp_path / f"store{number}.db")
        shutil.copyfile(empty_store, store.path)
        await store.open()
        clock = [START_MS]
        sends: list[Due] = []

        def push(due: Due) -> None:
            if due.lane == CUSTOMER_LANE:
                lane.push(due)
            elif due.lane.startswith("send:"):
                sends.append(due)

        def now() -> int:
            return clock[0]

        ids = Ids(now)
        engine = Engine(store, book, ids, now, push)
        lane = Lane(CUSTOMER_LANE, store, engine.run, now, prios=2)
        status: dict[str, Any] = {"queued": 0, "ready": (True, []), "links": [LinkStatus("sim", LinkState.up, "")]}
        services = Services(
            store=store,
            engine=engine,
            taking=Taking(store, now, push),
            desk=Desk(engine, store),
            commands=Commands(store, engine),
            playbook=book,
            ids=ids,
            now=now,
            push=push,
            settings=settings,
            carriers=lambda: status["links"],
            ready=lambda: status["ready"],
            queued=lambda: status["queued"],
            receipts=lambda name: {"matched": 98, "unknown": 2, "parked": 5, "stale": 0},
            metrics=Metrics(),
        )
        server = WebServer(services)
        client = TestClient(TestServer(server.app))
        await client.start_server()
        lane.start()
        world = World(store, settings, engine, lane, services, server, client, clock, sends, status)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        await world.client.close()
        await world.lane.stop(1.0)
        await world.store.close()


@pytest.fixture
async def world(make_world: Callable[..., Any]) -> World:
    """A gateway of one brand."""
    made: World = await make_world()
    return made
