"""An agent sends a file with an ordinary client: uploaded to the server as we ship it (XEP-0363), over TLS, the link
goes to the customer (XEP-0066), who opens it.
"""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from slixmpp.exceptions import IqError

from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import KINDS
from tests.doubles.ejabberd import ejabberd_or_skip
from tests.doubles.prosody import COMPONENT, DOMAIN, FILES, SECRET, prosody_or_skip
from tests.doubles.test_agent import shipped_prosody
from tests.doubles.test_ejabberd import openssl_or_skip, shipped_server
from tests.interop.servers import ACCOUNTS, Floor, desk
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
]
ANN = "+15551230001"
BILL = b"\x89PNG a bill"
_UPLOAD = "urn:xmpp:http:upload:0"
_MOST = 10485760


class Loopback(AbstractResolver):
    """All names are this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(params=KINDS)
async def on(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Floor]:
    """A desk on a server that is configured as we ship it."""
    (prosody_or_skip if request.param == "prosody" else ejabberd_or_skip)()
    openssl_or_skip()
    monkeypatch.setenv("XMPP_SECRET", SECRET)
    make: Callable[..., Any] = shipped_prosody if request.param == "prosody" else shipped_server
    server, certificate = await make(tmp_path / "server", ACCOUNTS)
    await server.start()
    try:
        async with desk(request.param, tmp_path, server) as its:
            its.trusts = certificate
            yield its
    finally:
        await server.stop()


@asynccontextmanager
async def web(certificate: Path | None) -> AsyncIterator[aiohttp.ClientSession]:
    """Who checks the server's certificate."""
    trusts = ssl.create_default_context(cafile=str(certificate))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusts, resolver=Loopback())) as session:
        yield session


async def ask(agent: AgentClient, to: str, payload: str) -> ET.Element:
    """What an IQ is answered."""
    query: Any = agent.client.make_iq(ito=to, itype="get")
    query.xml.append(ET.fromstring(payload))
    answer: ET.Element = (await query.send(timeout=5)).xml
    return answer


async def slot(agent: AgentClient, name: str, size: int) -> tuple[str, dict[str, str], str]:
    """Where to put a file, with which headers, and the link to it."""
    answer = await ask(
        agent, FILES, f"<request xmlns='{_UPLOAD}' filename='{name}' size='{size}' content-type='image/png'/>"
    )
    put, get = answer.find(f".//{{{_UPLOAD}}}put"), answer.find(f".//{{{_UPLOAD}}}get")
    assert put is not None
    assert get is not None
    return put.get("url", ""), {one.get("name", ""): one.text or "" for one in put}, get.get("url", "")


def sends_link(agent: AgentClient, link: str) -> None:
    """As clients do: the link is the body, and said to be a file."""
    message = agent.client.make_message(f"{ANN}@{COMPONENT}", link, mtype="chat")
    message.xml.append(ET.fromstring(f"<x xmlns='jabber:x:oob'><url>{link}</url></x>"))
    message.send()


async def test_a_file(on: Floor) -> None:
    ana = await on.agent("ana")
    await on.present(ana)
    found = await ask(ana, DOMAIN, "<query xmlns='http://jabber.org/protocol/disco#items'/>")
    assert FILES in {one.get("jid") for one in found.iter("{http://jabber.org/protocol/disco#items}item")}
    told = await ask(ana, FILES, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    assert _UPLOAD in {one.get("var") for one in told.iter("{http://jabber.org/protocol/disco#info}feature")}
    assert str(_MOST) in {one.text for one in told.iter("{jabber:x:data}value")}, "clients know how much they may send"
    await on.asks(ANN, ana)
    ana.says(ANN, "/take")
    await ana.hears("you have this conversation", of=ANN)
    put, headers, link = await slot(ana, "bill.png", len(BILL))
    assert link.startswith(f"https://{FILES}:{on.server.http}/")
    async with web(on.trusts) as session:
        async with session.put(put, data=BILL, headers={**headers, "Content-Type": "image/png"}) as answer:
            assert answer.status == 201
        sends_link(ana, link)
        text = (await on.run.received(ANN, 2))[1]
        assert text == link
        async with session.get(text) as answer:
            assert (answer.status, await answer.read()) == (200, BILL)
    with pytest.raises(IqError, match="not-acceptable"):
        await slot(ana, "film.mp4", _MOST + 1)


async def test_shorter_links_behind_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the shipped file for Prosody says: links are the proxy's, and Prosody still keeps the files."""
    prosody_or_skip()
    openssl_or_skip()
    monkeypatch.setenv("XMPP_SECRET", SECRET)
    server, certificate = await shipped_prosody(tmp_path, ACCOUNTS)
    component, told = f'Component "{FILES}" "http_file_share"\n', f'http_external_url = "https://{FILES}/"'
    text = server.config.read_text("utf-8")
    assert component in text
    assert told in text, "as the comment says"
    server.config.write_text(text.replace(component, f"{component}  {told}\n"), "utf-8")
    await server.start()
    ana = AgentClient("ana", server.c2s, trusts=certificate)
    try:
        await ana.login()
        put, headers, link = await slot(ana, "bill.png", len(BILL))
        assert link.startswith(f"https://{FILES}/file_share/")
        assert put == link
        behind = link.replace(FILES, f"{FILES}:{server.http}")  # what the proxy does
        async with web(certificate) as session:
            async with session.put(behind, data=BILL, headers={**headers, "Content-Type": "image/png"}) as answer:
                assert answer.status == 201
            async with session.get(behind) as answer:
                assert (answer.status, await answer.read()) == (200, BILL)
    finally:
        await ana.logout()
        await server.stop()
