"""`careline demo`: starts everything, says where it is, keeps it running, and ends it all together."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.demo.children import Child, ChildFailed, end_leftovers, free_port, remember
from gateway.demo.prosody import Prosody, program
from gateway.demo.setting import session_of, setting_of
from gateway.demo.stories import phone
from gateway.demo.workspace import BILLING_SECRET, WANTED, CannotPlay, Ports, Workspace, chat_environ
from gateway.settings import Settings
from gateway.store.database import StoreProblem

if TYPE_CHECKING:
    from gateway.demo.opening import Opening


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
        for wanted in (page_port, *astuple(WANTED)[1:]):
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
        opening: Opening | None = None
        starting = asyncio.create_task(self._start())
        interrupted = asyncio.create_task(ending.wait())
        try:
            await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                return
            opening = starting.result()
            keepers = [asyncio.create_task(child.keep(self._restarted)) for child in self._children]
            await interrupted
            from gateway.demo import screen  # noqa: PLC0415  rich was imported while the programs started

            screen.goodbye()
        finally:
            interrupted.cancel()
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, starting, interrupted, return_exceptions=True)
            if opening is not None:
                await opening.close()
            await self._stop()

    async def _start(self) -> "Opening":
        space, ports = self._workspace, self._ports
        old = space.database.exists()
        secret = space.secret()
        environ = space.environ(ports, secret)
        settings = space.settings(environ)
        chat = await self._chat(settings)
        if chat is not None:
            environ |= chat_environ(chat.where, chat.secret)
        carrier = self._child(
            "carrier", "-m", "gateway.cli", "carrier-sim", "--port", str(ports.smpp), "--http-port", str(ports.phones),
            "--system-id", "careline", "--password", "secret", "--dlr-ms", "900",
        )  # fmt: skip
        billing = self._child("billing", "-m", "gateway.demo.billing", "--port", str(ports.billing),
                              environ={BILLING_SECRET: secret})  # fmt: skip
        gateway = self._child("gateway", "-m", "gateway.cli", "run", "--config", str(space.config),
                              "--log-format", "console", environ=environ)  # fmt: skip
        if not old:  # a new database is made once, by whoever is first: here the key's writer
            await asyncio.to_thread(space.key)
        for child in (gateway, carrier, billing):
            await child.start()
        remember(space.folder / "children.json", self._children)
        # While the programs import theirs, we import ours.
        from gateway.demo import screen  # noqa: PLC0415
        from gateway.demo.opening import Opening, stock, wait_for  # noqa: PLC0415

        session = session_of(space, ports, await asyncio.to_thread(space.key))
        await wait_for(carrier, billing, gateway, session)
        await stock(session)
        if chat is not None:
            await self._children[0].ready(chat.answers)
        tour = space.next_tour(first=not old)
        setting = setting_of(settings, session, chat)
        opening = Opening(session, setting, lambda: gateway.pid, (tour, space.write_tour))
        await opening.open(ports.page)
        space.write_session(session)
        screen.welcome(session, phone(tour), setting["chat"], fresh_data=not old)
        return opening

    async def _chat(self, settings: Settings) -> Prosody | None:
        """Starts the XMPP server where there is one to start, first of all: it is there when the gateway comes."""
        space = self._workspace
        where, found = space.chat(settings, self._ports), program()
        if where is None or found is None:
            space.without_chat()
            return None
        chat = Prosody(found, space.folder / "prosody", where)
        await asyncio.to_thread(chat.prepare)
        child = chat.child(space.log("prosody"))
        self._children.append(child)
        await child.start()
        return chat

    def _child(self, name: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Child:
        child = Child(name, arguments, self._workspace.log(name), environ)
        self._children.append(child)
        return child

    def _restarted(self, told: str) -> None:
        print(f"  {told}")
        remember(self._workspace.folder / "children.json", self._children)

    async def _stop(self) -> None:
        """The gateway first: it drains and unbinds while the carrier is still there."""
        for child in reversed(self._children):
            await child.stop()
