"""Two gateways by mistake under one domain, on a real Prosody that lets the newer one in (`kick_old`)."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.channels.xmpp import XmppLink
from gateway.model.desk import DeskProfile, DeskState
from tests.channels.xmpp.conftest import ANNA, CUSTOMER, DOMAIN, QUICK, Care, line
from tests.channels.xmpp.fake_server import Watch
from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import ChatServer
from tests.doubles.component import Component
from tests.doubles.prosody import DOMAIN as SERVER
from tests.doubles.prosody import SECRET
from tests.interop.servers import start

pytestmark = [pytest.mark.interop]
ACCOUNTS = ("anna", "ben")


class Gateway:
    """A link and what care hears of it."""

    def __init__(self, server: ChatServer) -> None:
        self.watch = Watch()
        self.care = Care(self.watch)
        profile = DeskProfile("127.0.0.1", server.component, DOMAIN, SECRET, (SERVER,))
        self.link = XmppLink(profile, self.care.events, lambda: 1_000, patience=QUICK)

    async def up(self) -> None:
        """Connects, or connects again, and can be used."""
        before = len(self.care.connected)
        await self.link.start()
        await self.watch.until(lambda: self.link.status().state is DeskState.up and len(self.care.connected) > before)

    async def replaced(self) -> None:
        """Has heard that another is there in its place."""
        await self.watch.until(lambda: self.link.status().state is DeskState.replaced)


@asynccontextmanager
async def gateways(server: ChatServer, count: int) -> AsyncIterator[list[Gateway]]:
    its = [Gateway(server) for _ in range(count)]
    try:
        yield its
    finally:
        for one in its:
            await one.link.stop(0)


async def test_the_loser_stays_away_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "gateway.xmpp")
    async with start("prosody", tmp_path, ACCOUNTS) as server, gateways(server, 2) as (first, second):
        anna = AgentClient("anna", server.c2s)
        await anna.login()
        await first.up()
        assert await first.link.send([line("l1", text="of the first")])
        await anna.hears("of the first", of=CUSTOMER)

        await second.up()
        await first.replaced()
        assert first.link.status().reason == "another gateway is connected in our place"
        [alarm] = [one.getMessage() for one in caplog.records if "ALARM" in one.getMessage()]
        assert alarm == f"ALARM desk {DOMAIN}: another gateway took our place: this one stays away"

        assert not await first.link.send([line("l2", text="of the loser")]), "it is kept, as nobody has it"
        assert await second.link.send([line("l3", text="of the second")])
        await anna.hears("of the second", of=CUSTOMER)
        said = anna.says(CUSTOMER, "who is there?")
        await second.watch.until(lambda: any(one.id == said for one in second.care.said))
        assert first.care.said == []
        assert ANNA in {agent for agent, _ in second.care.attends}
        assert "of the loser" not in [text for _, text in anna.inbox]
        assert (first.link.counters["connects"], second.link.counters["connects"]) == (1, 1), "they do not fight"
        assert second.link.status().state is DeskState.up

        # Whoever is started again on purpose has the place.
        await first.up()
        await second.replaced()
        assert await first.link.send([line("l4", text="of the first again")])
        await anna.hears("of the first again", of=CUSTOMER)
        await anna.logout()


async def test_any_other_component_in_our_place(tmp_path: Path) -> None:
    async with start("prosody", tmp_path, ACCOUNTS) as server, gateways(server, 1) as (ours,):
        await ours.up()
        async with Component(server) as other:
            await ours.replaced()
            assert await other.through("settle", SERVER), "nobody throws the other out"
        assert ours.link.counters["connects"] == 1
        assert ours.link.status().state is DeskState.replaced, "also when the other has gone"
