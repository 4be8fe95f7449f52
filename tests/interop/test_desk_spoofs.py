"""Who is no agent, tried on real servers: by another component, by another account, from a room. And much that went
wrong on its way. Whatever reaches the desk, none of it is heard, and the stream lives.
"""

import random
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest

from gateway.channels.xmpp import XmppLink
from gateway.model.desk import DeskProfile, DeskState
from tests.channels.xmpp.conftest import ANNA, BEN, CONTACT, CUSTOMER, DOMAIN, QUICK, Care, line, message
from tests.channels.xmpp.fake_server import HEADER, Watch
from tests.channels.xmpp.test_guard import mutant, well_formed
from tests.channels.xmpp.test_spoofs import SENDERS, STANZAS
from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import KINDS
from tests.doubles.component import Component, RawClient
from tests.doubles.ejabberd import OTHER
from tests.doubles.prosody import DOMAIN as SERVER
from tests.doubles.prosody import ROOMS, SECRET
from tests.interop.servers import start

pytestmark = [pytest.mark.interop, pytest.mark.slow]
ACCOUNTS = ("anna", "ben", "eve")
"""The agents of tests/channels/xmpp, and an account of the same server that is none."""
MUTANTS = 5000
BATCH = 10
FOREIGN = 0.02
"""How many mutants may be in the name of others, or to nobody."""
TAKEN, REACHED = 0.92, 0.52
"""Of the mutants: how many a server takes in and lives on, and how many it then hands to the desk: others are for no
address that is one, or not for us."""
COMMAND = "<command xmlns='http://jabber.org/protocol/commands' node='careline#take' action='execute'/>"
MARKS = "<received xmlns='urn:xmpp:receipts' id='l1'/><displayed xmlns='urn:xmpp:chat-markers:0' id='l1'/>"


@dataclass
class Desk:
    """The desk's link on a real server. care: what it heard."""

    kind: str
    server: Any
    link: XmppLink
    care: Care
    watch: Watch

    async def reached(self) -> int:
        """Stanzas that came to the desk, after all that was sent until now."""
        before = self.link.counters["out"]
        assert await self.link.send([line("settle", agent=BEN, text="settle")])
        assert self.link.counters["out"] == before + 1
        return self.link.counters["in"]

    async def both_ways(self, anna: AgentClient) -> None:
        """A real message in, a real one out, on the stream that it always was."""
        said = anna.says(CUSTOMER, "a real word")
        await self.watch.until(lambda: any(one.id == said for one in self.care.said))
        assert await self.link.send([line("real", text="a real answer")])
        await anna.hears("a real answer", of=CUSTOMER)
        assert self.link.counters["connects"] == 1, "the stream ended"


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with start(request.param, tmp_path, ACCOUNTS) as server:
        watch = Watch()
        care = Care(watch)
        profile = DeskProfile("127.0.0.1", server.component, DOMAIN, SECRET, (SERVER, "example.org"))
        link = XmppLink(profile, care.events, lambda: 1_000, patience=QUICK)
        await link.start()
        try:
            await watch.until(lambda: link.status().state is DeskState.up and care.connected)
            yield Desk(request.param, server, link, care, watch)
        finally:
            await link.stop(0)


def counted(care: Care) -> tuple[int, ...]:
    """What was taken for an agent's, presences aside: those of agents who are really there come any time."""
    return len(care.said), len(care.asked), len(care.seen), len(care.bounced)


@dataclass
class Poured:
    """taken: stanzas that the server read on a stream that lived on. ended: those at which it ended the stream."""

    taken: int = 0
    ended: int = 0


async def pours(make: type[Component], words: Sequence[Any], stanzas: Iterator[str], size: int = BATCH) -> Poured:
    """Sends all of the stanzas, in batches. Whenever the server ends the stream, it goes on behind that stanza on a new
    one: none is lost because of another."""
    poured = Poured()
    batch = list(islice(stanzas, size))
    while batch:
        async with make(*words) as attacker:
            alive = True
            while batch and alive:
                taken = await attacker.took(batch, SERVER)
                alive = taken == len(batch)
                poured.taken += taken
                batch = batch[taken + 1 :]
                batch += islice(stanzas, size - len(batch))
        poured.ended += not alive
    return poured


def spoofs(sender: str) -> Iterator[str]:
    """All that one who is no agent might try."""
    for to in (CONTACT, DOMAIN):
        yield message(sender=sender, to=to)
        yield message("", sender=sender, to=to, inner=MARKS)
    yield message("", sender=sender, id="l1", type="error", inner="<error type='cancel'/>")
    yield f'<iq type="set" from="{sender}" to="{CONTACT}" id="q">{COMMAND}</iq>'
    for kind in ("", "type='unavailable'", "type='subscribe'", "type='probe'"):
        yield f'<presence {kind} from="{sender}" to="{CONTACT}"/>'


def likened(own: str) -> list[str]:
    """Users of a domain that are as like to the corpus as users can be."""
    return [f"{sender.partition('/')[0].replace('@', '%') or 'anna'}@{own}/phone" for sender in SENDERS]


def wrapped(own: str) -> Iterator[str]:
    """Agents' words in carbons, forwards and so on, from a user of a domain."""
    return (stanza.replace(f'from="{ANNA}/phone"', f'from="anna@{own}/phone"') for stanza in STANZAS)


@pytest.mark.timeout(240)
async def test_spoofs_of_another_component(desk: Desk, record_property: Any) -> None:
    anna = AgentClient("anna", desk.server.c2s)
    await anna.login()
    before, words = await desk.reached(), (desk.server, OTHER)
    ended = 0
    for sender in likened(OTHER):
        ended += (await pours(Component, words, spoofs(sender))).ended
    ended += (await pours(Component, words, wrapped(OTHER))).ended
    # in the name of others: the server may end the stream at each
    foreign = (message(sender=sender) for sender in SENDERS)
    ended += (await pours(Component, words, chain(foreign, STANZAS))).ended
    reached = await desk.reached() - before
    record_property("reached", reached)
    record_property("streams ended by the server", ended)
    assert reached >= len(SENDERS), "the server let through what it may"
    assert counted(desk.care) == (0, 0, 0, 0)
    assert {agent for agent, _ in desk.care.attends} <= {ANNA, BEN}
    await desk.both_ways(anna)
    await anna.logout()


async def test_spoofs_of_another_account(desk: Desk) -> None:
    anna = AgentClient("anna", desk.server.c2s)
    await anna.login()
    before = await desk.reached()
    words = (desk.server, "eve")
    for sender in (*SENDERS, *likened(SERVER)):
        await pours(RawClient, words, spoofs(sender))
    await pours(RawClient, words, chain(STANZAS, wrapped(SERVER)))
    reached = await desk.reached() - before
    assert reached >= len(SENDERS), "the server let through what it may"
    assert counted(desk.care) == (0, 0, 0, 0)
    await desk.both_ways(anna)
    await anna.logout()


async def test_what_is_too_large_takes_nobody_down(desk: Desk) -> None:
    """Eve has an account and no more. What she may send the server, it may make longer still: `'` becomes `&apos;`."""
    anna = AgentClient("anna", desk.server.c2s)
    await anna.login()
    deep, grown = "<x>" * 300 + "</x>" * 300, f"<body>{chr(39) * 150_000}</body>"
    large = (f"<message to='{CONTACT}' id='x{at}'>{inner}</message>" for at in range(10) for inner in (deep, grown))
    poured = await pours(RawClient, (desk.server, "eve"), large)
    await desk.reached()
    assert poured.taken >= 10
    assert desk.link.counters["oversized"] >= 10
    await desk.both_ways(anna)
    await anna.logout()


async def test_spoofs_of_an_occupant(desk: Desk) -> None:
    """Eve sits in a room under the name of Anna, with a customer's contact in it."""
    anna = AgentClient("anna", desk.server.c2s)
    await anna.login()
    room, muc = f"lobby@{ROOMS}", "<x xmlns='http://jabber.org/protocol/muc'/>"
    assert desk.link.write(f"<presence from='{CONTACT}/sms' to='{room}/Ann'>{muc}</presence>")
    assert desk.link.write(
        f"<iq type='set' from='{CONTACT}/sms' to='{room}' id='own'><query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
    )
    before = await desk.reached()
    async with RawClient(desk.server, "eve") as eve:
        eve.send(f"<presence to='{room}/anna'>{muc}</presence>")
        await eve.next(lambda it: it.get("from") == f"{room}/anna" and it.get("type") is None)
        for body in ("spoof", "/take", "/close resolved"):
            eve.send(f"<message type='groupchat' to='{room}' id='g'><body>{body}</body></message>")
            for kind in ("chat", "normal", "headline"):
                eve.send(f"<message type='{kind}' to='{room}/Ann' id='p'><body>{body}</body>{MARKS}</message>")
        eve.send(f"<iq type='set' to='{room}/Ann' id='c'>{COMMAND}</iq>")
        eve.send(
            f"<message to='{room}'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='{CONTACT}'>"
            "<reason>spoof</reason></invite></x></message>"
        )
        eve.send(f"<presence to='{room}/anna'><show>dnd</show></presence>")
        await eve.through("settle", SERVER)
    assert await desk.reached() - before >= 4, "the room let through what it may"
    assert counted(desk.care) == (0, 0, 0, 0)
    assert {agent for agent, _ in desk.care.attends} <= {ANNA, BEN}
    await desk.both_ways(anna)
    await anna.logout()


def goes_through(stanzas: str, sender: re.Pattern[str]) -> bool:
    """Whether all are in the name of one for whom the stream may speak, and to somebody."""
    document = HEADER.format(domain=DOMAIN, id="x").encode() + stanzas.encode("utf-8", "replace") + b"</stream:stream>"
    return all(sender.fullmatch(one.get("from", "")) and one.get("to") for one in ET.fromstring(document))


def mutants(seed: int, count: int, own: str, sender: re.Pattern[str]) -> Iterator[str]:
    """So many that are XML. Most are of a sender for whom the stream may speak, or it would end at each second one."""
    chance = random.Random(seed)
    while count:
        stanza = mutant(chance).replace(f"{ANNA}/phone", own).replace("from='example.test'", f"from='{own}'")
        if not well_formed(stanza.encode("utf-8", "replace")):
            continue
        if chance.random() < FOREIGN or goes_through(stanza, sender):
            count -= 1
            yield stanza


@pytest.mark.timeout(300)
async def test_mutants_through_a_real_server(desk: Desk, record_property: Any) -> None:
    anna = AgentClient("anna", desk.server.c2s)
    await anna.login()
    half = MUTANTS // 2
    anybody = re.compile(rf"([^@/\s]+@)?{re.escape(OTHER)}(/.+)?")
    for who, make, words, own, sender in (
        ("component", Component, (desk.server, OTHER), f"anna@{OTHER}/phone", anybody),
        ("client", RawClient, (desk.server, "anna"), f"{ANNA}/raw", re.compile(re.escape(f"{ANNA}/raw"))),
    ):
        before = await desk.reached()
        poured = await pours(make, words, mutants(114, half, own, sender))
        reached = await desk.reached() - before
        record_property(f"{who}: reached", reached)
        record_property(f"{who}: streams ended by the server", poured.ended)
        record_property(f"{who}: taken in on a stream that lived on", poured.taken)
        assert poured.taken + poured.ended >= half, "none was lost because of another"
        assert poured.taken >= half * TAKEN, poured
        assert reached >= half * REACHED, f"{reached} of {half} reached the desk"
        if who == "component":
            assert counted(desk.care) == (0, 0, 0, 0)
    assert {said.agent for said in desk.care.said} == {ANNA}
    await desk.both_ways(anna)
    await anna.logout()


PLAIN_AS_ANOTHER = {"prosody": False, "ejabberd": True}
"""Whether an account gets in as another (ejabberd up to 26.04: release notes of 26.07). What we ship refuses PLAIN."""


@pytest.mark.parametrize("kind", KINDS)
async def test_the_log_in_as_another(tmp_path: Path, kind: str) -> None:
    async with start(kind, tmp_path, ACCOUNTS) as server:
        try:
            async with RawClient(server, "eve", other="anna") as eve:
                got_in = eve.jid.startswith(ANNA)
        except PermissionError:
            got_in = False
    assert got_in == PLAIN_AS_ANOTHER[kind]
