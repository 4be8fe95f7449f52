"""Whoever is connected to an XMPP server and writes stanzas as text, whatever they are: another component (XEP-0114), a
client.
"""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self
from xml.etree import ElementTree as ET

from tests.doubles.prosody import COMPONENT, DOMAIN, PASSWORD, SECRET

ACCEPT = "{jabber:component:accept}"
ERROR = "{http://etherx.jabber.org/streams}error"


class Server(Protocol):
    """Whichever XMPP server: the ports of its components and clients."""

    component: int
    c2s: int


class Component:
    """name: the domain that it is. Entered, it is connected. seen: all that came."""

    def __init__(self, server: Server, name: str = COMPONENT) -> None:
        self._port, self._name = server.component, name
        self._parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start", "end"))
        self._depth = 0
        self._ready: list[ET.Element] = []
        self.seen: list[ET.Element] = []
        self._asked = 0

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.send(
            f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
            f"to='{self._name}'>"
        )
        stream = await self.next()
        digest = hashlib.sha1(f"{stream.get('id')}{SECRET}".encode(), usedforsecurity=False)
        self.send(f"<handshake>{digest.hexdigest()}</handshake>")
        assert (await self.next()).tag == f"{ACCEPT}handshake"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return  # the server was faster

    def send(self, text: str) -> None:
        """Writes it as it is."""
        self._writer.write(text.encode("utf-8", "replace"))

    async def next(self, fits: Callable[[ET.Element], bool] = lambda _: True) -> ET.Element:
        """The stream's head, then stanza after stanza.

        Raises ConnectionError when the server has ended the stream, TimeoutError when nothing fits in time.
        """
        async with asyncio.timeout(5):
            while True:
                while self._ready:
                    if fits(one := self._ready.pop(0)):
                        return one
                data = await self._reader.read(65536)
                if not data:
                    raise ConnectionError("the server closed the stream")
                self._feed(data)

    async def through(self, asked: str, of: str) -> bool:
        """Whether the server has taken in all that was sent before; False where it ended the stream instead."""
        self.send(f"<iq type='get' from='{self._name}' to='{of}' id='{asked}'><ping xmlns='urn:xmpp:ping'/></iq>")
        try:
            await self.next(lambda it: it.get("id") == asked and it.get("type") in ("result", "error"))
        except (OSError, ET.ParseError):
            return False
        return True

    async def took(self, stanzas: Sequence[str], of: str) -> int:
        """Sends them at once; how many the server has taken in. Where those are not all, the next one ended the stream
        (or the server answers no more on it, as Prosody 0.12 after an error of another component to nobody), and the
        rest is lost.
        """
        asked = [f"took-{self._asked + at}" for at in range(len(stanzas))]
        self._asked += len(stanzas)
        ping = "<ping xmlns='urn:xmpp:ping'/></iq>"
        self.send(
            "".join(
                f"{stanza}<iq type='get' from='{self._name}' to='{of}' id='{an_id}'>{ping}"
                for stanza, an_id in zip(stanzas, asked, strict=True)
            )
        )

        def answered(it: ET.Element) -> bool:
            if it.tag == ERROR:  # Prosody then waits for us to end it too
                raise ConnectionError("the server ends the stream")
            return it.get("id") == asked[count] and it.get("type") in ("result", "error")

        for count in range(len(asked)):
            try:
                await self.next(answered)
            except (OSError, ET.ParseError):
                return count
        return len(stanzas)

    def _feed(self, data: bytes) -> None:
        self._parser.feed(data)
        for event in self._parser.read_events():
            kind, element = event[0], event[-1]
            assert isinstance(element, ET.Element)
            self._depth += 1 if kind == "start" else -1
            if self._depth == 1:
                self._ready.append(element)
                self.seen.append(element)


class RawClient(Component):
    """An ordinary account's connection, stanzas as text. name: its local part. As `other` it asks to be let in by the
    password of `name` (RFC 4616, authzid), whether the server offers PLAIN or not. trusts: a certificate; then it
    speaks TLS, else never.

    offered: the mechanisms that the server named.
    """

    def __init__(
        self, server: Server, name: str, *, other: str = "", device: str = "raw", trusts: Path | None = None
    ) -> None:
        super().__init__(server, f"{name}@{DOMAIN}/{device}")
        self._port, self._local, self._other, self._device = server.c2s, name, other, device
        self._trusts = trusts
        self.jid = ""
        self.offered: list[str] = []

    async def __aenter__(self) -> Self:
        """Raises PermissionError when the server does not let it in."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        features = await self._open()
        if self._trusts is not None:
            self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            assert (await self.next()).tag.endswith("}proceed")
            await self._writer.start_tls(ssl.create_default_context(cafile=self._trusts), server_hostname=DOMAIN)
            features = await self._open()
        self.offered = [one.text or "" for one in features.iter("{urn:ietf:params:xml:ns:xmpp-sasl}mechanism")]
        asked = f"{self._other}@{DOMAIN}" if self._other else ""
        words = base64.b64encode(f"{asked}\0{self._local}\0{PASSWORD}".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{words}</auth>")
        if not (await self.next()).tag.endswith("}success"):
            self._writer.close()
            raise PermissionError("the server does not let it in")
        await self._open()
        self.send(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            f"<resource>{self._device}</resource></bind></iq>"
        )
        bound = await self.next(lambda it: it.get("id") == "bind")
        self.jid = bound.findtext(".//{urn:ietf:params:xml:ns:xmpp-bind}jid") or ""
        self.send("<iq type='set' id='old'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq><presence/>")
        return self

    async def _open(self) -> ET.Element:
        """Begins a stream; what the server can do."""
        self._parser, self._depth = ET.XMLPullParser(("start", "end")), 0
        self.send(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
            f"to='{DOMAIN}' version='1.0'>"
        )
        await self.next()  # the head
        return await self.next()
