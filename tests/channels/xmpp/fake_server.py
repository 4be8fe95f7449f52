"""An XMPP server that knows one component (XEP-0114) over TCP, and does what a test tells it to."""

import asyncio
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import quoteattr

NS = "{jabber:component:accept}"
HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept'"
    " xmlns:stream='http://etherx.jabber.org/streams' from='{domain}' id='{id}'>"
)
ERROR = "<stream:error><{0} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"


class Watch:
    """Waits for things to be so; looks again at each touch, and every 20 ms for what nobody reports."""

    def __init__(self) -> None:
        self._pulse = asyncio.Event()

    def touch(self) -> None:
        self._pulse.set()

    async def until(self, so: Callable[[], object], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not so():
                self._pulse.clear()
                try:
                    await asyncio.wait_for(self._pulse.wait(), 0.02)
                except TimeoutError:
                    continue


class Session:
    """One connection of a component. stanzas: all that came, pings of ours left out where they are answered."""

    def __init__(self, server: "FakeServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.stanzas: list[ET.Element] = []
        self.pings: list[ET.Element] = []
        self.trusted = False
        self.ended = False
        self.footer = False
        self._server = server
        self._reader = reader
        self._writer = writer
        self._id = f"stream-{len(server.sessions)}"

    def send(self, xml: str | bytes) -> None:
        """Writes as it is."""
        if not self._writer.is_closing():
            self._writer.write(xml if isinstance(xml, bytes) else xml.encode())

    def error(self, condition: str) -> None:
        """A stream error, and the end."""
        self.send(ERROR.format(condition))
        self._writer.close()

    def kill(self) -> None:
        """The connection breaks."""
        self._writer.transport.abort()

    def of(self, kind: str, **attributes: str) -> list[ET.Element]:
        """What came of that kind with these attributes (`from_`, `type`)."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            stanza
            for stanza in self.stanzas
            if stanza.tag == NS + kind and all(stanza.get(name) == value for name, value in wanted.items())
        ]

    def pong(self) -> None:
        """Answers the pings that were left."""
        for ping in self.pings:
            self._pong(ping)
        self.pings.clear()

    def _pong(self, ping: ET.Element) -> None:
        to, sender, about = (quoteattr(ping.get(name, "")) for name in ("from", "to", "id"))
        self.send(self._server.answer.format(to=to, sender=sender, id=about))

    async def run(self) -> None:
        parser: Any = ET.XMLPullParser(("start", "end"))
        depth = 0
        try:
            while data := await self._reader.read(65536):
                parser.feed(data)
                for event, element in parser.read_events():
                    assert isinstance(element, ET.Element)
                    depth += 1 if event == "start" else -1
                    if event == "start" and depth == 1:
                        self._begin(element)
                    elif event == "end" and depth == 1:
                        self._take(element)
                    elif event == "end" and depth == 0:
                        self.footer = True
        except ConnectionError:
            pass
        finally:
            self.ended = True
            self._writer.close()
            self._server.watch.touch()

    def _begin(self, root: ET.Element) -> None:
        assert root.tag == "{http://etherx.jabber.org/streams}stream"
        assert root.get("to") == self._server.domain
        if self._server.greeting is not None:
            self.send(self._server.greeting)
            return
        self.send(HEADER.format(domain=self._server.domain, id=self._id))
        if self._server.refusal:
            self.error(self._server.refusal)

    def _take(self, stanza: ET.Element) -> None:
        if stanza.tag == NS + "handshake":
            good = hashlib.sha1((self._id + self._server.secret).encode()).hexdigest()
            if stanza.text != good:
                self.error("not-authorized")
            elif not self._server.silent:
                self.trusted = True
                self.send("<handshake/>" + self._server.opening)
        elif stanza.tag == NS + "iq" and stanza.find("{urn:xmpp:ping}ping") is not None:
            self._ping(stanza)
        else:
            self.stanzas.append(stanza)
        self._server.watch.touch()

    def _ping(self, stanza: ET.Element) -> None:
        assert self.trusted
        if self._server.pongs and stanza.get("type") == "get":
            self._pong(stanza)
        else:
            self.pings.append(stanza)


class FakeServer:
    """pongs: whether pings are answered. answer: with what. refusal: the stream error instead of a handshake.
    silent: the handshake is never answered. opening: written right behind it. greeting: instead of the header."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.domain = "sms.example.test"
        self.secret = "s3cret"
        self.sessions: list[Session] = []
        self.pongs = True
        self.answer = "<iq type='result' from={sender} to={to} id={id}/>"
        self.refusal = ""
        self.silent = False
        self.opening = ""
        self.greeting: str | bytes | None = None
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def last(self) -> Session:
        return self.sessions[-1]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Nobody listens any more, and all connections break."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for session in self.sessions:
            session.kill()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        session = Session(self, reader, writer)
        self.sessions.append(session)
        self.watch.touch()
        await session.run()
