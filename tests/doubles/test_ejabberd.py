"""The double of ejabberd, and the configuration that we ship for it."""

import base64
import hashlib
import hmac
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from tests.doubles.agent import AgentClient
from tests.doubles.component import ACCEPT, Component, RawClient
from tests.doubles.ejabberd import Ejabberd, ejabberd_or_skip
from tests.doubles.prosody import COMPONENT, DOMAIN, PASSWORD, ROOMS, SECRET
from tests.doubles.test_agent import run_program, self_signed

pytestmark = pytest.mark.interop
ACCOUNTS = ("ana", "ben")
ANN = "+15551230001"
CUSTOMER = f"{ANN}@{COMPONENT}/sms"
SHIPPED = Path(__file__).parents[2] / "config" / "xmpp" / "ejabberd.yml"
EPMD = 4369


@asynccontextmanager
async def running(server: Ejabberd) -> AsyncIterator[Ejabberd]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def epmd_listens() -> bool:
    try:
        socket.create_connection(("127.0.0.1", EPMD), timeout=1).close()
    except OSError:
        return False
    return True


async def test_accounts_a_component_and_an_archive(tmp_path: Path) -> None:
    ejabberd_or_skip()
    before = epmd_listens()
    async with running(Ejabberd(tmp_path / "ejabberd", ACCOUNTS, privileges=True)) as server:
        assert epmd_listens() == before, "it starts no epmd"
        ana = AgentClient("ana", server.c2s)
        async with Component(server) as gateway:
            granted = await gateway.next()
            assert {it.get("access"): it.get("type") for it in granted.iter("{urn:xmpp:privilege:1}perm")} == {
                "roster": "both",
                "message": "outgoing",
                "presence": "managed_entity",
            }
            await ana.login()
            await ana.through()  # what comes in the middle of a log-in ejabberd keeps until the next one
            gateway.send(f"<message type='chat' from='{CUSTOMER}' to='{ana.jid}' id='m1'><body>hello</body></message>")
            await ana.hears("hello", of=ANN)
            ana.says(ANN, "42 cents a minute")
            await gateway.next(lambda it: it.findtext(f"{ACCEPT}body") == "42 cents a minute")
            await server.kill()
            assert not server.running
            await ana.drop()
        await server.start()
        again = AgentClient("ana", server.c2s)
        await again.login()
        await again.logout()
        assert server.rows(f"SELECT count(*) FROM archive WHERE bare_peer LIKE '{ANN}@%'") == [(2,)]


async def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    ejabberd_or_skip()
    server = Ejabberd(tmp_path / "ejabberd", ACCOUNTS)
    server.config.write_text("hosts: [example.test]\nnonsense: 5\n")
    with pytest.raises(AssertionError, match="nonsense"):
        await server.start()
    assert not server.running


# -- what we ship


def _shipped(server: Ejabberd) -> str:
    """The shipped configuration, with the places and ports of a test."""
    text = SHIPPED.read_text("utf-8")
    secret = server.folder / "component.yml"
    secret.write_text(f'define_macro: {{COMPONENT: {{"{COMPONENT}": {{password: "{SECRET}"}}}}}}\n')
    for old, new in {
        '"/etc/ejabberd/certs/*.pem"': f'"{server.folder}/certs/*.pem"',
        "  - port: 5222": f'  - port: {server.c2s}\n    ip: "127.0.0.1"',
        "  - port: 5347": f"  - port: {server.component}",
        "  /etc/ejabberd/component.yml:": f"  {secret}:",
        "  - port: 5443": f'  - port: {server.http}\n    ip: "127.0.0.1"',
        "example.test:5443/": f"example.test:{server.http}/",
        '"/var/lib/ejabberd/files"': f'"{server.folder}/files"',
        '"/var/lib/ejabberd/ejabberd.sqlite"': f'"{server.database}"',
        "loglevel: info": "loglevel: warning",
    }.items():
        assert text.count(old) == 1, f"{old} is not there"
        text = text.replace(old, new)
    return text


def scram(database: Path, *names: str) -> None:
    """Passwords as `ejabberdctl register` keeps them with `auth_password_format: scram` (RFC 5802)."""
    salt = b"salt"
    salted = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), salt, 4096)
    stored = hashlib.sha1(hmac.digest(salted, b"Client Key", "sha1"), usedforsecurity=False).digest()
    server = hmac.digest(salted, b"Server Key", "sha1")
    row = [base64.b64encode(one).decode() for one in (stored, server, salt)]
    opened = apsw.Connection(str(database))
    opened.execute("DELETE FROM users")
    opened.executemany(
        "INSERT INTO users (username, password, serverkey, salt, iterationcount) VALUES (?, ?, ?, ?, 4096)",
        [(name, *row) for name in names],
    )
    opened.close()


def openssl_or_skip() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("not installed: openssl")


async def shipped_server(folder: Path, accounts: tuple[str, ...] = ACCOUNTS) -> tuple[Ejabberd, Path]:
    """One that starts with what we ship; and the certificate that it shows."""
    server = Ejabberd(folder / "ejabberd", accounts)
    server.config.write_text(_shipped(server))
    scram(server.database, *accounts)
    (server.folder / "certs").mkdir()
    certificate = await self_signed(server.folder / "certs")
    pem = certificate.read_text() + certificate.with_suffix(".key").read_text()
    (server.folder / "certs" / "chain.pem").write_text(pem)
    return server, certificate


async def test_the_shipped_configuration_works(tmp_path: Path) -> None:
    ejabberd_or_skip()
    openssl_or_skip()
    server, certificate = await shipped_server(tmp_path)
    async with running(server):
        ana = AgentClient("ana", server.c2s, trusts=certificate)
        try:
            async with Component(server) as gateway:
                granted = await gateway.next()
                assert len(list(granted.iter("{urn:xmpp:privilege:1}perm"))) >= 2
                await ana.login()
                await ana.through()  # what comes in the middle of a log-in ejabberd keeps until the next one
                gateway.send(f"<message type='chat' from='{CUSTOMER}' to='{ana.jid}'><body>hello</body></message>")
                await ana.hears("hello", of=ANN)
                room = f"c-4711@{ROOMS}/Ann"
                gateway.send(
                    f"<presence from='{CUSTOMER}' to='{room}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
                )
                got = await gateway.next(lambda it: it.get("from") == room)
                assert "201" in {it.get("code") for it in got.iter("{http://jabber.org/protocol/muc#user}status")}
        finally:
            await ana.logout()
        said = await run_program(
            "openssl", "s_client", "-connect", f"127.0.0.1:{server.c2s}", "-starttls", "xmpp", "-xmpphost", DOMAIN,
            "-CAfile", str(certificate), "-verify_return_error", "-brief",
        )  # fmt: skip
        assert "Verification: OK" in said
    assert "[error]" not in server.log()
    assert server.rows("SELECT count(*) FROM archive") != [(0,)]


PLAIN_OFF = "disable_sasl_mechanisms: [PLAIN, DIGEST-MD5, X-OAUTH2]\n"


@pytest.mark.parametrize("ours", [True, False], ids=["as shipped", "without the line"])
async def test_nobody_gets_in_as_another(tmp_path: Path, ours: bool) -> None:
    """Ana, an agent, asks for Ben's account with her own password (PLAIN with an authorization id: ejabberd up to 26.04
    lets her, release notes of 26.07, issue 4601). What we ship refuses that; without our line the hole is there.
    """
    ejabberd_or_skip()
    openssl_or_skip()
    server, certificate = await shipped_server(tmp_path)
    assert server.config.read_text().count(PLAIN_OFF) == 1
    if not ours:
        server.config.write_text(server.config.read_text().replace(PLAIN_OFF, ""))
    async with running(server):
        attacker = RawClient(server, "ana", other="ben", trusts=certificate)
        try:
            async with attacker:
                got_in = attacker.jid
        except PermissionError:
            got_in = ""
        assert got_in == ("" if ours else f"ben@{DOMAIN}/raw")
        assert all(name.startswith("SCRAM-") for name in attacker.offered) == ours, attacker.offered
        # nor by what is offered: there it is no way in, and she is who she is
        ana = AgentClient("ana", server.c2s, trusts=certificate)
        ana.client.credentials["authzid"] = f"ben@{DOMAIN}"
        ana.client.plugin["feature_mechanisms"].use_mech = "SCRAM-SHA-1"
        await ana.login()
        assert ana.client.boundjid.bare == ana.jid
        await ana.drop()
