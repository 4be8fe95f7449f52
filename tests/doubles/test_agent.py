"""The doubles of the desk work: agents' clients, and a component, on a real Prosody."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.doubles.agent import AgentClient
from tests.doubles.component import ACCEPT, Component
from tests.doubles.prosody import COMPONENT, DOMAIN, FILES, GROUP, ROOMS, SECRET, Prosody, prosody_or_skip

pytestmark = pytest.mark.interop
ACCOUNTS = ("ana", "ben", "sup")
ANN = "+15551230001"
CUSTOMER = f"{ANN}@{COMPONENT}/sms"
SHIPPED = Path(__file__).parents[2] / "config" / "xmpp" / "prosody.cfg.lua"
_CLIENT = "{jabber:client}"


@asynccontextmanager
async def running(folder: Path, **options: bool) -> AsyncIterator[Prosody]:
    prosody_or_skip()
    server = Prosody(folder / "prosody", ACCOUNTS, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
    assert "\terror\t" not in server.log()


class Office:
    """A server, and the agents who logged in."""

    def __init__(self, server: Prosody) -> None:
        self.server = server
        self.clients: list[AgentClient] = []

    async def agent(self, name: str, *, device: str = "desk", accepts: bool = True) -> AgentClient:
        client = AgentClient(name, self.server.c2s, device=device, accepts=accepts)
        self.clients.append(client)
        await client.login()
        return client


@asynccontextmanager
async def office(folder: Path, **options: bool) -> AsyncIterator[Office]:
    async with running(folder, **options) as server:
        its = Office(server)
        try:
            yield its
        finally:
            for client in its.clients:
                await client.logout()


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path, privileges=True) as its:
        yield its


async def test_two_clients_talk(on: Office) -> None:
    ana, ben = await on.agent("ana"), await on.agent("ben")
    await ben.through()  # else it may be kept for the log-in, with a stamp
    said = ana.says(ben.jid, "Coffee?")
    heard = await ben.hears("Coffee", of=ana.jid)
    assert (heard.id, heard.delayed, heard.carbon) == (said, "", "")
    await ana.sees_tick(said)
    assert ben.unread == [(ana.jid, "Coffee?")]
    ben.types(ana.jid)
    await ana.until(lambda: ana.typing.get(ben.jid) == "composing", "Ben is typing")
    ben.marks(ana.jid, said)
    await ana.until(lambda: said in ana.displayed, "Ben has read it")
    ana.says(ben.jid, "Tea?", corrects=said)
    assert (await ben.hears(lambda one: one.replaces == said)).text == "Tea?"
    assert not ana.unread, "a receipt and a marker are no messages"


async def test_all_devices_show_the_same(on: Office) -> None:
    desk, phone, ben = await on.agent("ana"), await on.agent("ana", device="phone"), await on.agent("ben")
    desk.says(ben.jid, "from the desk")
    await ben.hears("from the desk")
    assert (await phone.hears("from the desk", carbon="sent")).of == ben.jid
    ben.says(f"{desk.jid}/desk", "to the desk")
    await desk.hears("to the desk")
    assert (await phone.hears("to the desk", carbon="received")).of == ben.jid
    assert not phone.unread, "carbons are not in the inbox"


async def test_what_waits_for_the_login_has_a_stamp(on: Office) -> None:
    ana = await on.agent("ana")
    said = ana.says(f"ben@{DOMAIN}", "when you are back")
    await ana.sees(ana.jid, "available")
    assert said not in ana.ticked
    ben = await on.agent("ben")
    heard = await ben.hears("when you are back")
    assert heard.delayed.startswith("20")
    await ana.sees_tick(said)


async def test_a_killed_server_comes_back_with_accounts_and_messages(on: Office) -> None:
    ana = await on.agent("ana")
    said = ana.says(f"ben@{DOMAIN}", "before the end")
    await ana.through()
    await on.server.kill()
    await ana.drop()
    assert not on.server.running
    await on.server.start()
    again, ben = await on.agent("ana"), await on.agent("ben")
    assert (await ben.hears("before the end")).id == said
    await again.sees_tick(said)
    await ben.logout()
    await again.logout()
    await on.server.restart()
    await on.agent("ana")


async def test_subscriptions_are_accepted_or_wait(on: Office) -> None:
    ana, ben = await on.agent("ana"), await on.agent("ben", accepts=False)
    async with Component(on.server) as gateway:
        for one in (ana, ben):
            gateway.send(f"<presence from='{ANN}@{COMPONENT}' to='{one.jid}' type='subscribe'/>")
        got = await gateway.next(lambda it: it.get("type") == "subscribed")
        assert got.get("from") == ana.jid
        ana.show("dnd", "lunch")
        got = await gateway.next(lambda it: it.findtext(f"{ACCEPT}status") == "lunch")
        assert got.findtext(f"{ACCEPT}show") == "dnd"
        gateway.send(
            f"<presence from='{CUSTOMER}' to='{ana.jid}'><show>away</show><status>at night</status></presence>"
        )
        assert (await ana.sees(ANN, "away")).status == "at night"
        await ben.through()
        gateway.send(f"<iq type='get' from='{CUSTOMER}' to='{DOMAIN}' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
        got = await gateway.next(lambda it: it.get("type") in {"subscribed", "result"})
        assert got.get("id") == "p", "Ben did not say yes"
        await ana.drop()
        await gateway.next(lambda it: it.get("type") == "unavailable" and it.get("from") == f"{ana.jid}/desk")


async def test_a_component_talks_to_an_agent(on: Office) -> None:
    ana = await on.agent("ana")
    async with Component(on.server) as gateway:
        gateway.send(
            f"<message type='chat' from='{CUSTOMER}' to='{ana.jid}' id='m1'><body>why so much?</body>"
            "<request xmlns='urn:xmpp:receipts'/>"
            "<response xmlns='urn:xmpp:tmp:quick-response' value='/take'/></message>"
        )
        heard = await ana.hears("why", of=ANN)
        assert heard.answers == ("/take",)
        ticked = await gateway.next(lambda it: it.find("{urn:xmpp:receipts}received") is not None)
        assert ticked.get("to") == CUSTOMER
        good, bad = ana.says(ANN, "42 cents a minute"), ana.says(ANN, "and more")
        got = await gateway.next(lambda it: it.findtext(f"{ACCEPT}body") == "42 cents a minute")
        gateway.send(
            f"<message from='{CUSTOMER}' to='{got.get('from')}' id='r1'>"
            f"<received xmlns='urn:xmpp:receipts' id='{good}'/></message>"
            f"<message type='error' from='{CUSTOMER}' to='{got.get('from')}' id='{bad}'><error type='cancel'>"
            "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>The phone is off.</text></error></message>"
        )
        await ana.sees_tick(good)
        assert await ana.sees_failure(bad) == "The phone is off."
        assert (ana.ticked, ana.failed) == ({good}, {bad: "The phone is off."})


async def test_without_its_component_a_message_bounces(on: Office) -> None:
    ana = await on.agent("ana")
    assert "unavailable" in await ana.sees_failure(ana.says(ANN, "anybody there?"))


async def test_the_newest_component_wins(on: Office) -> None:
    async with Component(on.server) as old, Component(on.server):
        conflict = await old.next(lambda it: it.tag == "{http://etherx.jabber.org/streams}error")
        assert conflict[0].tag.endswith("conflict")


async def test_a_command_with_a_form(on: Office) -> None:
    ana = await on.agent("ana")
    space = "xmlns='http://jabber.org/protocol/commands' node='careline#close' sessionid='s1'"
    async with Component(on.server) as gateway:

        async def answer(content: str) -> ET.Element:
            got = await gateway.next(lambda it: it.get("type") == "set")
            gateway.send(
                f"<iq type='result' from='{got.get('to')}' to='{got.get('from')}' id='{got.get('id')}'>{content}</iq>"
            )
            return got

        asked = asyncio.ensure_future(ana.command(ANN, "careline#close"))
        await answer(
            f"<command {space} status='executing'><x xmlns='jabber:x:data' type='form'>"
            "<field var='disposition' type='list-single'><option><value>resolved</value></option></field></x></command>"
        )
        given = await asked
        assert (given.asks, given.session, given.fields) == (True, "s1", {"disposition": ["resolved"]})
        completed = asyncio.ensure_future(ana.complete({"disposition": "resolved"}))
        got = await answer(f"<command {space} status='completed'><note type='info'>closed</note></command>")
        assert [value.text for value in got.iter("{jabber:x:data}value")] == ["resolved"]
        last = await completed
        assert (last.asks, last.says) == (False, "closed")


@pytest.mark.parametrize("privileges", [False, True])
async def test_privileges_are_granted_where_asked_for(tmp_path: Path, privileges: bool) -> None:
    if privileges:
        prosody_or_skip(privileges=True)
    async with office(tmp_path, privileges=privileges) as on, Component(on.server) as gateway:
        assert on.server.privileges == privileges
        gateway.send(f"<iq type='get' from='{COMPONENT}' to='{DOMAIN}' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
        first = await gateway.next()
        granted = {it.get("access"): it.get("type") for it in first.iter("{urn:xmpp:privilege:2}perm")}
        assert granted == (
            {"roster": "both", "message": "outgoing", "presence": "managed_entity"} if privileges else {}
        )
        if privileges:
            ana = await on.agent("ana")
            ana.show("away", "tea")
            got = await gateway.next(lambda it: it.findtext(f".//{_CLIENT}show") == "away" or "away" in _show(it))
            assert ana.jid in str(ET.tostring(got))


async def test_agents_of_a_group_see_each_other(tmp_path: Path) -> None:
    async with office(tmp_path, group=True, websocket=True) as on:
        ana, ben = await on.agent("ana"), await on.agent("ben")
        await ana.sees(ben.jid, "available")
        assert ana.client.client_roster[ben.jid]["groups"] == [GROUP]
        ben.show("xa", "school run")
        assert (await ana.sees(ben.jid, "xa")).status == "school run"
        await ben.logout()
        await ana.sees(ben.jid, "unavailable")


async def _opens_a_room(gateway: Component) -> None:
    room = f"c-4711@{ROOMS}/Ann"
    gateway.send(f"<presence from='{CUSTOMER}' to='{room}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    got = await gateway.next(lambda it: it.get("from") == room)
    assert got.get("type") is None
    assert "201" in {it.get("code") for it in got.iter("{http://jabber.org/protocol/muc#user}status")}


async def test_customers_may_open_rooms(on: Office) -> None:
    async with Component(on.server) as gateway:
        await _opens_a_room(gateway)


async def test_a_wrong_password_and_a_wrong_configuration_are_said(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        stranger = AgentClient("ana", server.c2s, password="wrong")
        with pytest.raises(AssertionError, match="does not take the password"):
            await stranger.login()
    server.config.write_text("nonsense nonsense")
    with pytest.raises(AssertionError, match="syntax error near 'nonsense'"):
        await server.start()
    assert not server.running


def _show(stanza: ET.Element) -> str:
    return stanza.findtext(f"{ACCEPT}show") or ""


async def run_program(program: str, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        program, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, f"{program}: {out.decode()}"
    return out.decode()


async def self_signed(folder: Path) -> Path:
    certificate = folder / f"{DOMAIN}.crt"
    await run_program(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN},DNS:{FILES}",
        "-keyout", str(folder / f"{DOMAIN}.key"), "-out", str(certificate),
    )  # fmt: skip
    return certificate


def _shipped(server: Prosody) -> str:
    """The shipped configuration, with the places and ports of a test."""
    text = SHIPPED.read_text("utf-8")
    for old, new in {
        '"/run/prosody/prosody.pid"': f'"{server.folder}/prosody.pid" run_as_root = true',
        "s2s_ports = {}": f's2s_ports = {{}} data_path = "{server.folder}/data"',
        'info = "/var/log/prosody/prosody.log", error = "/var/log/prosody/prosody.err"': (
            f'warn = "{server.folder}/prosody.log"'
        ),
        "c2s_ports = { 5222 }": f'c2s_ports = {{ {server.c2s} }} interfaces = {{ "127.0.0.1" }}',
        "c2s_direct_tls_ports = { 5223 }": "c2s_direct_tls_ports = {}",
        "https_ports = { 5281 }": f"https_ports = {{ {server.http} }}",
        "component_ports = { 5347 }": f"component_ports = {{ {server.component} }}",
    }.items():
        assert text.count(old) == 1, f"{old} is not there"
        text = text.replace(old, new)
    return text


async def shipped_prosody(folder: Path, accounts: tuple[str, ...] = ACCOUNTS) -> tuple[Prosody, Path]:
    """One that starts with what we ship, if XMPP_SECRET is set; and the certificate that it shows."""
    server = Prosody(folder / "prosody", accounts)
    server.config.write_text(_shipped(server))
    return server, await self_signed(server.folder / "certs")


async def test_the_shipped_configuration_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prosody_or_skip(privileges=True)
    if shutil.which("openssl") is None:
        pytest.skip("not installed: openssl")
    monkeypatch.setenv("XMPP_SECRET", SECRET)
    server, certificate = await shipped_prosody(tmp_path)
    said = await run_program("prosodyctl", "--root", "--config", str(server.config), "check", "config")
    assert "All checks passed" in said
    await server.start()
    ana = AgentClient("ana", server.c2s, trusts=certificate)
    try:
        async with Component(server) as gateway:
            granted = await gateway.next()
            assert len(list(granted.iter("{urn:xmpp:privilege:2}perm"))) == 3
            await ana.login()
            assert ana.client.client_roster[f"ben@{DOMAIN}"]["groups"] == [GROUP]
            gateway.send(f"<message type='chat' from='{CUSTOMER}' to='{ana.jid}'><body>hello</body></message>")
            await ana.hears("hello", of=ANN)
            await _opens_a_room(gateway)
        features = await server.features()
        assert "<required/>" in features
        assert "PLAIN" not in features, "no password without TLS"
    finally:
        await ana.logout()
        await server.stop()
    assert "\terror\t" not in server.log()
    assert (server.folder / "data" / "prosody.sqlite").exists()
