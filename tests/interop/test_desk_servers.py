"""One script for both servers: all that an agent's ordinary client can do, on stock Prosody and on stock ejabberd.

What they do not do alike is in `DIFFERENCES`, and nowhere else: a difference that is not listed fails a test, and so
does one that is listed and does not occur.
"""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from gateway.app.desk import OUTAGE_MS
from gateway.channels.xmpp import room_archive, room_stanzas
from gateway.model.desk import RoomPlan
from gateway.model.ids import wall_ms
from gateway.model.rows import replace
from gateway.store.chat_servers import last_server
from gateway.store.waiting import elsewhere
from tests.doubles.agent import AgentClient, Shown
from tests.doubles.chat_servers import KINDS, server_or_skip
from tests.doubles.component import ACCEPT, Component
from tests.doubles.ejabberd import ejabberd_or_skip
from tests.doubles.prosody import COMPONENT, DOMAIN, ROOMS
from tests.doubles.seats import seated
from tests.doubles.test_ejabberd import openssl_or_skip, shipped_server
from tests.interop.servers import ACCOUNTS, Floor, archive, desk, floor
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
]
ANN = "+15551230001"
JID = f"{ANN}@{COMPONENT}"
DIFFERENCES: dict[str, dict[str, object]] = {
    "the name of privileges (XEP-0356)": {
        "prosody": "urn:xmpp:privilege:2",
        "ejabberd": "urn:xmpp:privilege:1",
    },
    "a name in an agent's roster (XEP-0356)": {"prosody": True, "ejabberd": False},
    "a message as the agent, urn:xmpp:privilege:2": {"prosody": True, "ejabberd": False},
    "a customer comes among the agent's open chats by themselves": {"prosody": True, "ejabberd": False},
    "what HTTP sends is shown as the agent's own words": {"prosody": True, "ejabberd": False},
    "what it says it is": {"prosody": "Prosody", "ejabberd": "ejabberd"},
    "all presences unasked, of who was there before as well": {"prosody": True, "ejabberd": False},
    "a message while the desk is away": {
        "prosody": ("wait", "remote-server-timeout"),
        "ejabberd": ("auth", "forbidden"),
    },
    "a field of a room's form that it does not know": {"prosody": "result", "ejabberd": "error"},
    "what a room repeats to who enters, after the server was killed": {"prosody": True, "ejabberd": False},
}


def differs(kind: str, what: str, seen: object) -> None:
    """What was seen is what the list says of this server."""
    assert seen == DIFFERENCES[what][kind], f"{what}: {kind} does {seen}, the list says {DIFFERENCES[what][kind]}"


def test_what_is_listed_differs_and_is_looked_at() -> None:
    text = Path(__file__).read_text("utf-8")
    for what, known in DIFFERENCES.items():
        assert set(known) == set(KINDS)
        assert known["prosody"] != known["ejabberd"], f"{what}: no difference"
        assert text.count(f'"{what}"') == 2, f"{what}: no test looks at it"


@pytest.fixture(params=KINDS)
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(request.param, tmp_path) as its:
        yield its


async def test_a_conversation(on: Floor) -> None:
    run = on.run
    desk, phone = await on.agent("ana"), await on.agent("ana", device="phone")
    await on.present(desk)
    assert "customer: agent" in await on.asks(ANN, desk)
    await phone.hears("waits in billing", of=ANN)

    # both devices show the same, whichever speaks, and the customer's phone ticks the bubble of the one that did
    said = phone.says(ANN, "Hello Ann")
    assert (await run.received(ANN, 2))[1] == "Hello Ann"
    await phone.sees_tick(said)
    assert (await desk.hears("Hello Ann", carbon="sent")).of == ANN
    await run.writes(ANN, "hello yourself")
    words = [await client.hears("hello yourself", of=ANN) for client in (desk, phone)]
    assert not any(one.delayed for one in words)

    async def received() -> bool:
        return "received by the client of ana@example.test" in await on.timeline(ANN, "yourself")

    await run.until(received, "the agent's client has acknowledged it")
    told = await on.timeline(ANN, "yourself")
    assert sorted(told) == ["received by the client of ana@example.test", "shown to ana@example.test"], (
        "two devices are one agent"
    )
    for client, one in zip((desk, phone), words, strict=True):
        client.marks(ANN, one.id)
        await client.through()

    async def read() -> bool:
        return "read by ana@example.test" in await on.timeline(ANN, "yourself")

    await run.until(read, "it was read")
    assert (await on.timeline(ANN, "yourself")).count("read by ana@example.test") == 1

    # the phone is off: that bubble fails, with the reason
    await run.smsc("/set", {"stat": "UNDELIV"})
    lost = desk.says(ANN, "are you there?", stanza="desk-lost")
    assert await desk.sees_failure(lost) == "the phone could not be reached (network says so) (UNDELIV)"
    await desk.through()
    assert lost not in desk.ticked
    await run.smsc("/set", {"stat": "DELIVRD"})

    # the server's archive is the context
    kept = await archive(desk, ANN)
    bodies = [body.text or "" for one in kept for body in one.iter("{jabber:client}body")]
    assert "waits in billing" in bodies[0]
    bare = [body for body in bodies if not body.startswith("[desk]")]
    assert bare == ["Hello Ann", "hello yourself", "are you there?"]


async def test_an_agent_who_was_offline(on: Floor) -> None:
    run = on.run
    ana = await on.agent("ana")
    await on.present(ana)
    await on.asks(ANN, ana)
    ana.says(ANN, "/take")
    await ana.hears("you have this conversation", of=ANN)
    await ana.logout()
    await on.present(ana, "offline")
    await run.writes(ANN, "are you still there?")

    async def shown() -> bool:
        return await on.timeline(ANN, "still") == ["shown to ana@example.test"]

    await run.until(shown, "the server has it")
    again = await on.agent("ana")
    heard = await again.hears("are you still there?", of=ANN)
    assert heard.delayed.startswith("20"), "the stamp of when it came (XEP-0203)"

    async def received() -> bool:
        return "received by the client of ana@example.test" in await on.timeline(ANN, "still")

    await run.until(received, "the agent's client has acknowledged it")
    said = again.says(ANN, "I am")
    await again.sees_tick(said)


@pytest.mark.parametrize("privileges", [False, True], ids=["subscriptions", "privileges"])
@pytest.mark.parametrize("kind", KINDS)
async def test_presence(tmp_path: Path, kind: str, privileges: bool) -> None:
    async with floor(kind, tmp_path, privileges=privileges) as on:
        ana = await on.agent("ana")
        await on.present(ana)
        for show in ("away", "dnd", "chat", "xa"):
            ana.show(show, f"I am {show}")
            await on.present(ana, show)
        phone = await on.agent("ana", "away", device="phone")
        await on.present(ana, "away")  # the best of all devices
        await phone.drop()
        await on.present(ana, "xa")
        await ana.logout()
        await on.present(ana, "offline")
        desk = on.run.gateway.chat
        assert desk is not None
        again, cleo = await on.agent("ana", "dnd"), await on.agent("cleo")
        await on.present(cleo)
        await desk.link.stop(1.0)
        await cleo.logout()  # not dropped: ejabberd with privileges shows who it has not noticed yet as there, for good
        await desk.link.start()
        await on.present(again, "dnd")  # who was there before us
        await on.present(cleo, "offline")


GRACE = 6.0


@pytest.mark.parametrize("privileges", [False, True], ids=["subscriptions", "privileges"])
@pytest.mark.parametrize("kind", KINDS)
async def test_who_never_logged_in_is_not_there(tmp_path: Path, kind: str, privileges: bool) -> None:
    """Nobody is passed on to them, and what they have waits again; who says something is there, seen or not."""
    async with floor(kind, tmp_path, privileges=privileges) as on:
        run, book = on.run, on.run.gateway.playbook
        rules = book.rules.conversations.model_copy(update={"grace": GRACE})
        run.gateway.take_playbook(replace(book, rules=book.rules.model_copy(update={"conversations": rules})))
        ana = await on.agent("ana")
        await on.present(ana)
        await on.asks(ANN, ana)
        ana.says(ANN, ".take")
        await ana.hears("you have this conversation", of=ANN)
        assert run.gateway.chat is not None
        if not (privileges and kind == "prosody"):  # else the server says so at once
            assert run.gateway.chat.attendance.presence("cleo@example.test") == "unknown"
            ana.says(ANN, ".to Cleo")
            await run.talk(ANN, agent="cleo@example.test")
            await run.talk(ANN, state="queued", agent=None)
            await ana.hears("waits in billing", of=ANN)
            ana.says(ANN, ".take")
            await ana.hears("you have this conversation", of=ANN)
        await on.present("cleo", "offline")
        ana.says(ANN, ".to Cleo")
        await ana.hears("Cleo is not there now", of=ANN)
        talk = await run.talk(ANN, agent="ana@example.test")
        moved = {"agent": "Ana", "to": "Cleo", "reason": "she knows"}
        told = await run.api("POST", f"/v1/conversations/{talk['id']}/transfer", moved, status=422)
        assert "Cleo is not there now" in told["detail"]


@pytest.mark.parametrize("answer", [None, False], ids=["says nothing", "says no"])
@pytest.mark.parametrize("kind", KINDS)
async def test_who_does_not_let_us_see_them_is_there_when_they_write(
    tmp_path: Path, kind: str, answer: bool | None
) -> None:
    """Also after a restart of the gateway: what they have stays theirs."""
    async with floor(kind, tmp_path, privileges=False) as on:
        run, book = on.run, on.run.gateway.playbook
        rules = book.rules.conversations.model_copy(update={"grace": GRACE})
        run.gateway.take_playbook(replace(book, rules=book.rules.model_copy(update={"conversations": rules})))
        assert run.gateway.chat is not None
        attendance = run.gateway.chat.attendance
        await on.present("cleo", "offline")
        cleo = AgentClient("cleo", on.server.c2s)
        cleo.client.auto_authorize = answer  # None: her client asks her
        on.clients.append(cleo)
        await cleo.login()
        cleo.says("", ".queue")
        await cleo.hears("nobody waits")
        await on.present("cleo", "unknown")
        assert "cleo@example.test" in await run.gateway.store.read(elsewhere)
        await run.gateway.chat.link.stop(1.0)
        await run.gateway.chat.link.start()
        before = wall_ms()

        async def long() -> bool:
            return wall_ms() - before > GRACE * 1000

        await run.until(long, "grace is over")
        assert not attendance.gone("cleo@example.test", int(GRACE * 1000))


async def bounces(ana: AgentClient) -> str:
    """Words that come back. Those of the very moment in which we left may not: the server has not noticed yet."""
    for _ in range(5):
        lost = ana.says(ANN, "anybody there?")
        try:
            await ana.sees_failure(lost, within=2)
        except AssertionError:
            continue
        return lost
    raise AssertionError("nothing comes back")


async def test_the_desk_goes_away_and_comes_back(on: Floor) -> None:
    run = on.run
    ana = await on.agent("ana")
    await on.present(ana)
    await on.asks(ANN, ana)
    ana.says(ANN, "/take")
    await ana.hears("you have this conversation")
    ben = await on.agent("ben")
    await on.present(ben)
    await on.asks("+15551230002", ben)  # who is only asked may have answered just then
    desk = run.gateway.chat
    assert desk is not None
    away_since = wall_ms()
    await desk.link.stop(1.0)
    lost = await bounces(ana)
    differs(on.kind, "a message while the desk is away", ana.conditions[lost])

    async def noticed() -> bool:
        return wall_ms() - away_since > OUTAGE_MS + 100

    await run.until(noticed, "it was away long enough to be told of")
    await desk.link.start()
    notice = await ana.hears("the gateway was away")
    assert "send again what is missing" in notice.text
    await ben.hears("the gateway was away")
    assert [text for text in await run.texts(ANN) if "anybody" in text] == []
    await ana.sees_tick(ana.says(ANN, "here I am"))


async def test_what_the_server_says_it_is_is_kept(on: Floor) -> None:
    """For `careline doctor`; with a version, which is known to have faults where it is Debian 12's."""
    store = on.run.gateway.store
    found: list[Any] = []

    async def kept() -> bool:
        found[:] = [await store.read(last_server)]
        return found[0] is not None

    await on.run.until(kept, "the server has said what it is")
    server, at = found[0]
    differs(on.kind, "what it says it is", server.name)
    assert server.numbers
    assert 0 <= wall_ms() - at < 60_000


# -- what privileges are for, and what is done without them


def contact(agent: AgentClient) -> dict[str, Any]:
    """Ann among an agent's contacts, {} where she is not."""
    known = agent.client.client_roster[JID]
    # slixmpp makes one of whoever shows itself
    return {name: known[name] for name in ("groups", "subscription")} if known["subscription"] != "none" else {}


async def works_with_open_chats(on: Floor, ana: AgentClient) -> None:
    """Ana takes Ann's conversation, something is sent over HTTP, and she closes. Ann is among her contacts, or she adds
    her, and sees how it stands.
    """
    comes = "a customer comes among the agent's open chats by themselves"
    await on.present(ana)
    await on.asks(ANN, ana)
    ana.says(ANN, "/take")
    await ana.hears("you have this conversation", of=ANN)
    talk = await on.run.talk(ANN, state="human")
    said = {"agent": "Ana", "text": "I looked it up."}
    await on.run.api("POST", f"/v1/conversations/{talk['id']}/messages", said, status=202)
    assert (await on.run.received(ANN, 2))[1] == "I looked it up."
    await ana.until(lambda: any("I looked it up." in one.text for one in ana.heard), "what HTTP sent is shown")
    [shown] = [one for one in ana.heard if "I looked it up." in one.text]
    differs(on.kind, "what HTTP sends is shown as the agent's own words", shown.carbon == "sent")
    assert shown.text == ("I looked it up." if shown.carbon else "[desk] sent over the console: I looked it up.")
    if DIFFERENCES[comes][on.kind]:
        await ana.until(lambda: bool(contact(ana)), "Ann is a contact")
    else:
        await ana.through()
    differs(on.kind, comes, contact(ana) == {"groups": ["Open chats"], "subscription": "both"})
    if not contact(ana):
        ana.client.send_presence_subscription(pto=JID)
        await ana.until(lambda: contact(ana).get("subscription") == "to", "Ann may be seen")
    await ana.until(lambda: ana.presence.get(JID) == Shown("available", "with Ana"), "Ann is shown with Ana")
    ana.says(ANN, "/close resolved")
    await ana.hears("closed: resolved", of=ANN)
    if DIFFERENCES[comes][on.kind]:
        await ana.until(lambda: not contact(ana), "Ann is no contact any more")
    else:
        closed = Shown("available", "closed: resolved")
        await ana.until(lambda: ana.presence.get(JID) == closed, "Ann is with nobody any more")
        assert contact(ana)["subscription"] == "to", "what she added is hers"


async def test_open_chats(on: Floor) -> None:
    await works_with_open_chats(on, await on.agent("ana"))


async def test_the_ejabberd_that_we_ship(tmp_path: Path) -> None:
    """The same over TLS, with all that stands in the shipped configuration; and the stream to it is never lost."""
    ejabberd_or_skip()
    openssl_or_skip()
    server, certificate = await shipped_server(tmp_path / "server", ACCOUNTS)
    await server.start()
    try:
        async with desk("ejabberd", tmp_path, server) as on:
            on.trusts = certificate
            ana = await on.agent("ana")
            await works_with_open_chats(on, ana)
            ana.show("dnd", "lunch")
            await on.present(ana, "dnd")
            chat = on.run.gateway.chat
            assert chat is not None
            assert chat.status().counters["connects"] == 1
    finally:
        await server.stop()
    assert "[error]" not in server.log()


# -- privileges, as the servers have them: without the gateway, which speaks the name that it is told


def _as_agent(agent: AgentClient, space: str, body: str) -> str:
    """A message of the agent's own, by way of the component (XEP-0356, 7)."""
    return (
        f"<message from='{COMPONENT}' to='{DOMAIN}' id='p1'><privilege xmlns='{space}'>"
        f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{agent.jid}' "
        f"to='{ANN}@{COMPONENT}' type='chat' id='c1'><body>{body}</body></message></forwarded></privilege></message>"
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_privileges(tmp_path: Path, kind: str) -> None:
    server = server_or_skip(kind, tmp_path, ACCOUNTS)
    await server.start()
    ana = AgentClient("ana", server.c2s)
    try:
        await ana.login()
        await ana.through()
        async with Component(server) as desk:
            granted = await desk.next()
            spaces = {one.tag.partition("}")[0].lstrip("{") for one in granted.iter() if one.tag.endswith("}perm")}
            differs(kind, "the name of privileges (XEP-0356)", "".join(spaces))
            desk.send(f"<presence type='probe' from='{COMPONENT}' to='{ana.jid}'/>")
            await desk.through("p0", DOMAIN)
            there = any(one.get("from") == f"{ana.jid}/desk" for one in desk.seen)
            differs(kind, "all presences unasked, of who was there before as well", there)
            desk.send(_as_agent(ana, "urn:xmpp:privilege:2", "from the console"))
            await desk.through("p2", DOMAIN)
            await ana.through()
            came = [one for one in desk.seen if one.findtext(f"{ACCEPT}body") == "from the console"]
            differs(kind, "a message as the agent, urn:xmpp:privilege:2", bool(came))
            desk.send(
                f"<iq type='set' from='{COMPONENT}' to='{ana.jid}' id='r1'><query xmlns='jabber:iq:roster'>"
                f"<item jid='{ANN}@{COMPONENT}' name='Ann, gold' subscription='both'><group>Open chats</group></item>"
                "</query></iq>"
            )
            try:
                answer = await desk.next(lambda it: it.get("id") == "r1")
                taken = answer.get("type") == "result"
            except OSError:
                taken = False  # 23.01 ends the stream (issue 3942)
            differs(kind, "a name in an agent's roster (XEP-0356)", taken)
    finally:
        await ana.logout()
        await server.stop()


# -- rooms, as the servers have them

ROOM = f"c-1@{ROOMS}"


async def in_a_room(desk: Component, us: str, plan: RoomPlan) -> None:
    """The component makes a room, and lets the agents in."""
    desk.send(room_stanzas.enter(us, ROOM, plan.nick))
    desk.send(room_stanzas.configure(us, "c1", plan))
    for jid in plan.members:
        desk.send(room_stanzas.affiliate(us, ROOM, jid, jid, "member"))
    for asked in ("c1", *plan.members):
        assert (await desk.next(partial(_answers, asked))).get("type") == "result"


def _answers(asked: str, it: ET.Element) -> bool:
    return it.get("id") == asked


@pytest.mark.parametrize("kind", KINDS)
async def test_rooms(tmp_path: Path, kind: str) -> None:
    server = server_or_skip(kind, tmp_path, ACCOUNTS)
    await server.start()
    ana = AgentClient("ana", server.c2s)
    plan = RoomPlan(ROOM, ANN, ANN, "About Ann", members=(ana.jid,))
    us = room_stanzas.occupant(plan, COMPONENT)
    history = room_stanzas.enter(us, ROOM, ANN).replace("maxstanzas='0'", "since='2026-01-01T00:00:00Z'")
    try:
        await ana.login()
        async with Component(server) as desk:
            await in_a_room(desk, us, plan)
            (await seated(ana, ROOM)).says(ROOM, "hello", stanza="r1")
            await desk.next(lambda it: it.findtext(f"{ACCEPT}body") == "hello")
            desk.send(room_archive.ask(us, ROOM, "q1", 0, ""))
            kept = await desk.next(lambda it: room_archive.line_of(it) is not None)
            found = room_archive.line_of(kept)
            assert found is not None
            assert room_archive.author_of(found[1]) == ana.jid
            desk.send(room_stanzas.configure(us, "c2", plan).replace("muc#roomconfig_whois", "muc#roomconfig_unheard"))
            answer = await desk.next(lambda it: it.get("id") == "c2")
            differs(kind, "a field of a room's form that it does not know", answer.get("type"))
        await ana.drop()
        await server.kill()
        await server.start()
        async with Component(server) as desk:
            desk.send(history)
            await desk.next(lambda it: it.find(f"{ACCEPT}subject") is not None)
            again = any(it.findtext(f"{ACCEPT}body") == "hello" for it in desk.seen)
            differs(kind, "what a room repeats to who enters, after the server was killed", again)
            desk.send(room_archive.ask(us, ROOM, "q2", 0, ""))
            assert room_archive.line_of(await desk.next(lambda it: room_archive.line_of(it) is not None)) is not None
    finally:
        await ana.logout()
        await server.stop()
