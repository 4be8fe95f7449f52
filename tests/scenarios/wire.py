"""The whole gateway on real parts: SMPP to the SMSC of npm `smpp`, HTTP for everybody else, a back office that checks
signatures with somebody else's library.
"""

import asyncio
import hashlib
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook

from gateway.app import Gateway
from gateway.settings import load
from tests.doubles.stage import HOUSE

PEERS = Path(__file__).parents[1] / "peers"
SECRET = "whsec_Y2FyZWxpbmUtZGVtby1iYWNrLW9mZmljZS1zZWNyZXQ="
KEY = "a key for this test alone"
DESK = """
[xmpp]
host = "127.0.0.1"
port = {port}
domain = "sms.example.test"
secret = "secret"
agent_domains = ["example.test"]
"""


class SignedOffice:
    """A back office that answers as told, and refuses what is not signed as Standard Webhooks says."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.forged = 0
        self.answer: tuple[int, dict[str, Any]] = (200, {"ok": True})

    async def fulfil(self, request: web.Request) -> web.Response:
        """POST /fulfil."""
        body = await request.text()
        try:
            Webhook(SECRET).verify(body, dict(request.headers), json_parse=False)
        except Exception:  # noqa: BLE001  # the library has many; each is a forgery
            self.forged += 1
            return web.json_response({"detail": "bad signature"}, status=401)
        self.calls.append((request.headers["Idempotency-Key"], json.loads(body)))
        status, answer = self.answer
        return web.json_response(answer, status=status)


class Wire:
    """A running gateway and its neighbours."""

    def __init__(self, gateway: Gateway, office: SignedOffice, control: int, http: aiohttp.ClientSession) -> None:
        self.gateway, self.office, self._control, self.http = gateway, office, control, http
        self._events = 0

    async def smsc(self, path: str, body: object = None) -> Any:
        """A call of the SMSC's control port."""
        return await asyncio.to_thread(_ask, f"http://127.0.0.1:{self._control}{path}", body)

    async def api(self, method: str, path: str, body: object = None, *, status: int | None = None) -> Any:
        """A call of our API; checks the status where one is wanted."""
        url = f"http://127.0.0.1:{self.gateway.port}{path}"
        kind = "application/cloudevents+json" if path == "/v1/events" else "application/json"
        data = None if body is None else json.dumps(body)
        async with self.http.request(
            method, url, data=data, headers={"Authorization": f"Bearer {KEY}", "Content-Type": kind}
        ) as answer:
            told = await answer.json(content_type=None)
            assert answer.status == (status or answer.status), f"{answer.status}: {told}"
            assert status is not None or answer.status < 400, f"{answer.status}: {told}"
            return told

    async def event(self, type_: str, to: str, data: dict[str, object]) -> str:
        """Posts an event; its id."""
        self._events += 1
        told = await self.api(
            "POST",
            "/v1/events",
            {
                "specversion": "1.0",
                "id": f"e{self._events}",
                "source": "/wire",
                "type": type_,
                "subject": f"tel:{to}",
                "data": data,
            },
            status=202,
        )
        return str(told["event"])

    async def texts(self, to: str) -> list[str]:
        """What a phone received."""
        return [row["text"] for row in await self.smsc(f"/mt?to={to.removeprefix('+')}")]

    async def received(self, to: str, count: int) -> list[str]:
        """Waits until a phone has so many texts; there must not be more."""
        found: list[str] = []

        async def there() -> bool:
            found[:] = await self.texts(to)
            return len(found) >= count

        await self.until(there, f"{to} has {count} texts, not {found}")
        assert len(found) == count, found
        return found

    async def writes(self, sender: str, text: str, *, to: str = "70007") -> None:
        """A phone sends a text; returns when the gateway has acknowledged it."""
        told = await self.smsc("/mo", {"from": sender.removeprefix("+"), "to": to, "text": text})
        assert told["status"] == 0

    async def talk(self, of: str, **wanted: object) -> dict[str, Any]:
        """Waits until the newest conversation of a customer is so."""
        found: dict[str, Any] = {}

        async def there() -> bool:
            page = await self.api("GET", f"/v1/conversations?customer=tel:%2B{of.removeprefix('+')}")
            found.clear()
            found.update(page["items"][0] if page["items"] else {})
            return all(found.get(name) == value for name, value in wanted.items())

        await self.until(there, f"the conversation of {of} is {wanted}, not {found}")
        return found

    async def until(self, so: Callable[[], Awaitable[bool]], what: str, seconds: float = 15) -> None:
        """Asks again until it is so; the neighbours have nobody who could tell us."""
        nobody = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                while not await so():
                    try:
                        await asyncio.wait_for(nobody.wait(), 0.02)
                    except TimeoutError:
                        continue
        except TimeoutError:
            raise AssertionError(f"it never came to be that {what}") from None


def _ask(url: str, body: object) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=10) as answer:
        return json.load(answer)


def installed() -> bool:
    """Whether the SMSC of npm can be started."""
    return shutil.which("node") is not None and (PEERS / "node_modules" / "smpp").exists()


@asynccontextmanager
async def wire(
    folder: Path, free_port: Callable[[], int], *, xmpp: int | None = None, more: str = ""
) -> AsyncIterator[Wire]:
    """Starts all of it. xmpp: the component port of an XMPP server, if the desk has one. more: of gateway.toml."""
    office = SignedOffice()
    app = web.Application()
    app.router.add_post("/fulfil", office.fulfil)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    smpp, control = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        str(shutil.which("node")), str(PEERS / "smsc.js"), str(smpp), str(control), stdout=asyncio.subprocess.PIPE
    )
    shutil.copytree(HOUSE, folder / "config")
    toml = folder / "config" / "gateway.toml"
    key = hashlib.sha256(KEY.encode()).hexdigest()
    always_open = toml.read_text().replace('hours = "Mo-Fr 08:00-20:00"', "")  # whatever the time of the test is
    toml.write_text(f'{always_open}\n[[api_keys]]\nname = "wire"\nhash = "{key}"\nrole = "admin"\n{more}')
    environment = {
        "CARELINE_STORE__URL": f"sqlite:///{folder / 'careline.db'}",
        "CARELINE_HTTP__PORT": "0",
        "CARELINE_CARRIERS__SIM__PORT": str(smpp),
        "CARELINE_BACKOFFICE__BILLING__URL": f"http://127.0.0.1:{runner.addresses[0][1]}/fulfil",
    }
    if xmpp is not None:
        toml.write_text(f"{toml.read_text()}{DESK.format(port=xmpp)}")
    gateway = Gateway(load(folder / "config", environment).settings)
    http = aiohttp.ClientSession()
    running = Wire(gateway, office, control, http)
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        await gateway.start()

        async def bound() -> bool:
            try:
                return bool((await running.smsc("/state"))["sessions"])
            except urllib.error.URLError:
                return False

        await running.until(bound, "the gateway is bound")
        yield running
    finally:
        await http.close()
        await gateway.stop(2.0)
        process.kill()
        await process.communicate()
        await runner.cleanup()
