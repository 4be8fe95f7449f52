"""The desk on either of two real servers, with the npm carrier, a back office and agents' clients."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import ChatServer, server_or_skip
from tests.doubles.prosody import COMPONENT
from tests.scenarios.test_desk_wire import Scene
from tests.scenarios.test_wire import free_port
from tests.scenarios.wire import wire

ACCOUNTS = ("ana", "ben", "cleo", "eve")
"""The stage's agents (ben is a supervisor), and somebody of the same server who is none."""
_MAM = "urn:xmpp:mam:2"
_RESULT = f"{{{_MAM}}}result"


@asynccontextmanager
async def start(kind: str, folder: Path, accounts: tuple[str, ...] = ACCOUNTS) -> AsyncIterator[ChatServer]:
    """One that runs."""
    server = server_or_skip(kind, folder, accounts)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Floor(Scene):
    """A desk, its server, and the agents who logged in. kind: which server."""

    server: Any

    def __init__(self, run: Any, server: ChatServer, kind: str) -> None:
        super().__init__(run, server)  # type: ignore[arg-type]  # all it wants is a port
        self.kind = kind

    async def asks(self, customer: str, agent: AgentClient) -> str:
        """A customer wants a person: the card that an agent reads, after all that they had to read before."""
        before = len(await self.run.texts(customer))
        await self.run.writes(customer, "agent")
        await self.run.received(customer, before + 1)
        return (await agent.hears("waits in billing", of=customer)).text

    async def timeline(self, customer: str, words: str) -> list[str]:
        """What happened to the customer's text with these words."""
        found = await self.run.api("GET", f"/v1/messages?address=%2B{customer[1:]}&direction=mo&q={words}")
        told = await self.run.api("GET", f"/v1/messages/{found['items'][0]['id']}")
        return [line["reason"] for line in told["timeline"] if line["kind"] == "agent"]


async def archive(agent: AgentClient, customer: str) -> list[ET.Element]:
    """What the server keeps of an agent and a customer (XEP-0313, `with`), oldest first."""
    found: list[ET.Element] = []

    def keep(stanza: Any) -> None:
        if (result := stanza.xml.find(_RESULT)) is not None:
            found.append(result)

    agent.client.register_handler(Callback("Archive", StanzaPath("message"), keep))
    try:
        query: Any = agent.client.make_iq_set()
        query.xml.append(
            ET.fromstring(
                f"<query xmlns='{_MAM}'><x xmlns='jabber:x:data' type='submit'>"
                f"<field var='FORM_TYPE' type='hidden'><value>{_MAM}</value></field>"
                f"<field var='with'><value>{customer}@{COMPONENT}</value></field></x></query>"
            )
        )
        await query.send(timeout=5)
    finally:
        agent.client.remove_handler("Archive")
    return found


@asynccontextmanager
async def floor(
    kind: str, folder: Path, accounts: tuple[str, ...] = ACCOUNTS, *, privileges: bool = True, more: str = ""
) -> AsyncIterator[Floor]:
    """All of it, started and up. more: of gateway.toml."""
    server = server_or_skip(kind, folder, accounts, privileges=privileges)
    thresholds = gc.get_threshold()
    await server.start()
    try:
        async with desk(kind, folder, server, more=more) as its:
            yield its
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        await server.stop()


@asynccontextmanager
async def desk(kind: str, folder: Path, server: ChatServer, *, more: str = "") -> AsyncIterator[Floor]:
    """The gateway and its other neighbours, on a server that runs."""
    async with wire(folder, free_port, xmpp=server.component, more=more) as run:
        its = Floor(run, server, kind)

        async def up() -> bool:
            return bool((await run.api("GET", "/health/ready"))["status"] == "ok")

        await run.until(up, "the desk is up")
        try:
            yield its
        finally:
            for client in its.clients:
                await client.logout()
