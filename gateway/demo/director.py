"""`careline demo`: starts everything, says where it is, keeps it running, and ends it all together."""

import asyncio
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from gateway.demo import screen
from gateway.demo.billing import SECRET_VARIABLE
from gateway.demo.children import Child, ChildFailed, end_leftovers, free_port, remember
from gateway.demo.observer import Observer, Sources
from gateway.demo.start_page import StartPage
from gateway.demo.stories import CUSTOMER, PHONE, SENDER
from gateway.demo.workspace import CannotPlay, Ports, Workspace
from gateway.settings import Settings
from gateway.store.database import StoreProblem


def run(var: Path, *, fresh: bool, page_port: int) -> int:
    """The demo until Ctrl-C; its exit status."""
    workspace = Workspace(var)
    try:
        workspace.open(fresh=fresh)
        try:
            asyncio.run(_Demo(workspace, page_port).play())
        finally:
            workspace.close()
    except (CannotPlay, ChildFailed, StoreProblem) as problem:
        print(problem, file=sys.stderr)
        return 1
    except PermissionError as problem:
        print(f"{problem.filename}: {problem.strerror}; the demo keeps its data there (--var DIR)", file=sys.stderr)
        return 1
    return 0


class _Demo:
    """One run of everything."""

    def __init__(self, workspace: Workspace, page_port: int) -> None:
        self._workspace = workspace
        end_leftovers(workspace.folder / "children.json")
        taken: list[int] = []
        for wanted in (page_port, 8080, 2775, 2780, 9100):
            taken.append(free_port(wanted, taken))
        self._ports = Ports(*taken)
        self._children: list[Child] = []

    async def play(self) -> None:
        """Start, wait for Ctrl-C, stop. Raises CannotPlay, ChildFailed."""
        ending = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(name, ending.set)
        keepers: list[asyncio.Task[None]] = []
        runner: web.AppRunner | None = None
        observer: Observer | None = None
        starting = asyncio.create_task(self._start())
        interrupted = asyncio.create_task(ending.wait())
        try:
            await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                return
            session, setting = starting.result()
            observer = Observer(Sources(setting["gateway"], session["billing"], session["key"], setting["agents"]))
            runner = await self._serve(StartPage(observer, setting, session["phones"]))
            self._workspace.write_session(session)
            keepers = [asyncio.create_task(child.keep(self._restarted)) for child in self._children]
            screen.welcome(session, fresh_data=not setting["old"])
            await interrupted
            screen.goodbye()
        finally:
            interrupted.cancel()
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, starting, interrupted, return_exceptions=True)
            if observer is not None:
                await observer.close()
            if runner is not None:
                await runner.cleanup()
            await self._stop()

    async def _start(self) -> tuple[dict[str, str], dict[str, Any]]:
        space, ports = self._workspace, self._ports
        old = space.database.exists()
        secret = space.secret()
        environ = space.environ(ports, secret)
        settings = space.settings(environ)
        carrier = self._child(
            "carrier", "-m", "gateway.cli", "carrier-sim", "--port", str(ports.smpp), "--http-port", str(ports.phones),
            "--system-id", "careline", "--password", "secret", "--dlr-ms", "900",
        )  # fmt: skip
        billing = self._child("billing", "-m", "gateway.demo.billing", "--port", str(ports.billing),
                              environ={SECRET_VARIABLE: secret})  # fmt: skip
        gateway = self._child("gateway", "-m", "gateway.cli", "run", "--config", str(space.config),
                              "--log-format", "console", environ=environ)  # fmt: skip
        # The key first: the gateway and the key's writer would else migrate a new database at once.
        await asyncio.gather(carrier.start(), billing.start())
        key = await asyncio.to_thread(space.key)
        await gateway.start()
        remember(space.folder / "children.json", self._children)
        urls = {
            "page": f"http://127.0.0.1:{ports.page}/",
            "url": f"http://127.0.0.1:{ports.gateway}",
            "phones": f"http://127.0.0.1:{ports.phones}",
            "billing": f"http://127.0.0.1:{ports.billing}",
        }
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            await asyncio.gather(
                carrier.ready(_bound(http, f"{urls['phones']}/state")),
                billing.ready(_answers(http, f"{urls['billing']}/received")),
                gateway.ready(_answers(http, f"{urls['url']}/health/ready")),
            )
        session = {**urls, "key": key, "key_file": str(space.folder / "api.key"), "log": str(space.folder / "log")}
        session |= {"data": str(space.sample()), "activate": _activate()}
        return session, _setting(settings, session, old=old)

    def _child(self, name: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Child:
        child = Child(name, arguments, self._workspace.log(name), environ)
        self._children.append(child)
        return child

    async def _serve(self, page: StartPage) -> web.AppRunner:
        runner = web.AppRunner(page.application(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._ports.page).start()
        return runner

    def _restarted(self, told: str) -> None:
        screen.note(told)
        remember(self._workspace.folder / "children.json", self._children)

    async def _stop(self) -> None:
        """The gateway first: it drains and unbinds while the carrier is still there."""
        for child in reversed(self._children):
            await child.stop()


def _setting(settings: Settings, session: Mapping[str, str], *, old: bool) -> dict[str, Any]:
    """What the page is told; never the key."""
    agents = [
        {"name": agent.name, "jid": agent.jid, "queues": list(agent.queues), "role": agent.role}
        for agent in settings.agents
    ]
    told = {"gateway": session["url"], "phones": session["phones"], "key_file": session["key_file"]}
    return {**told, "phone": PHONE, "customer": CUSTOMER, "sender": SENDER, "old": old, "agents": agents}


def _activate() -> str:
    """What to source so that `careline` is found; "" where it is found already."""
    script = Path(sys.executable).parent / "activate"
    if shutil.which("careline") or not script.exists():
        return ""
    here = Path.cwd()
    return str(script.relative_to(here) if script.is_relative_to(here) else script)


def _answers(http: aiohttp.ClientSession, url: str) -> Callable[[], Any]:
    async def ask() -> bool:
        try:
            async with http.get(url) as response:
                return response.status < 500
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    return ask


def _bound(http: aiohttp.ClientSession, url: str) -> Callable[[], Any]:
    """The carrier answers, and the gateway is bound to it: the first text leaves at once."""

    async def ask() -> bool:
        try:
            async with http.get(url) as response:
                return bool((await response.json()).get("sessions"))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    return ask
