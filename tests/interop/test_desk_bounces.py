"""What the server brings back: an agent who cannot be reached any more. The conversation goes to others."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import KINDS
from tests.doubles.prosody import COMPONENT
from tests.interop.servers import Floor, floor
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
]
ANN = "+15551230001"


@pytest.fixture(params=KINDS)
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(request.param, tmp_path) as its:
        yield its


async def blocks(agent: AgentClient, jid: str) -> None:
    """XEP-0191: from now on the server refuses what comes from there."""
    query: Any = agent.client.make_iq_set()
    query.xml.append(ET.fromstring(f"<block xmlns='urn:xmpp:blocking'><item jid='{jid}'/></block>"))
    await query.send(timeout=5)


async def leaves(agent: AgentClient) -> None:
    """XEP-0077: the account is gone. Prosody says so before it ends the session, ejabberd just ends it."""
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def over(_: object) -> None:
        if not gone.done():
            gone.set_result(None)

    agent.client.add_event_handler("disconnected", over)
    query: Any = agent.client.make_iq_set()
    query.xml.append(ET.fromstring("<query xmlns='jabber:iq:register'><remove/></query>"))
    query.send(callback=over)
    await asyncio.wait_for(gone, 5)


async def test_an_agent_who_blocks_a_customer_is_passed_over(on: Floor) -> None:
    """The offer comes back while it is made, and goes to the next."""
    ana, cleo = await on.agent("ana", "chat"), await on.agent("cleo")
    await on.present(ana, "chat")
    await on.present(cleo)
    await blocks(ana, f"{ANN}@{COMPONENT}")
    await on.run.writes(ANN, "agent")
    await cleo.reads("waits in billing", of=ANN)
    assert not [one for one in ana.heard if one.of == ANN]
    cleo.says(ANN, "Hello Ann")
    await on.run.talk(ANN, agent=cleo.jid)


async def test_what_an_agent_has_who_blocks_the_customer_goes_to_others(on: Floor) -> None:
    ana, cleo = await on.agent("ana", "chat"), await on.agent("cleo")
    await on.present(ana, "chat")
    await on.present(cleo)
    await on.asks(ANN, ana)
    ana.says(ANN, "/take")
    await ana.hears("you have this conversation", of=ANN)
    await blocks(ana, f"{ANN}@{COMPONENT}")
    await on.run.writes(ANN, "are you there?")
    card = await cleo.reads("waits in billing", of=ANN)
    assert "customer: are you there?" in card


async def test_the_conversations_of_a_deleted_account_go_to_others(on: Floor) -> None:
    ana, cleo = await on.agent("ana", "chat"), await on.agent("cleo")
    await on.present(ana, "chat")
    await on.present(cleo)
    await on.asks(ANN, ana)
    ana.says(ANN, "/take")
    await ana.hears("you have this conversation", of=ANN)
    await leaves(ana)
    await ana.drop()
    await on.run.writes(ANN, "are you there?")
    card = await cleo.reads("waits in billing", of=ANN)
    assert "customer: are you there?" in card


async def test_what_went_into_a_dead_connection_comes_again(on: Floor) -> None:
    """The agent's device lost its network and is back before the server has noticed: nobody has seen what was sent to
    the old connection meanwhile.
    """
    ana = await on.agent("ana")
    await on.present(ana)
    await on.asks(ANN, ana)
    ana.says(ANN, "/take")
    await ana.hears("you have this conversation", of=ANN)
    await ana.through()
    ana.pause()
    await on.run.writes(ANN, "into the pipe")

    async def shown() -> bool:
        return await on.timeline(ANN, "pipe") == ["shown to ana@example.test"]

    await on.run.until(shown, "the server has taken it")
    again = await on.agent("ana")
    await again.hears("into the pipe", of=ANN, within=15)
    assert not any("into the pipe" in text for _, text in ana.inbox)

    async def received() -> bool:
        return "received by the client of ana@example.test" in await on.timeline(ANN, "pipe")

    await on.run.until(received, "her client has acknowledged it")
