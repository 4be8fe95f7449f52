"""The guard: slixmpp's component stream, held by the link, with limits that slixmpp has not.

slixmpp sends the stream header and the handshake, and reads its answer; every other stanza goes to the link as the XML
element it is. So its roster does not answer for us, and a JID that it cannot take does not end the connection.
"""

import asyncio
import logging
import xml.etree.ElementTree as ET
from collections import deque
from typing import Any, Protocol, cast

from slixmpp import ComponentXMPP

from gateway.channels.xmpp.owner import where
from gateway.model.desk import DeskProfile

log = logging.getLogger("gateway.xmpp")

_STREAMS = "http://etherx.jabber.org/streams"
_ROOT = f"{{{_STREAMS}}}stream"
_ERROR = f"{{{_STREAMS}}}error"
_HANDSHAKE = "{jabber:component:accept}handshake"
_CONDITIONS = "{urn:ietf:params:xml:ns:xmpp-streams}"

_LONGEST_STANZA = 256 * 1024  # octets
_DEEPEST = 64  # elements in each other
_ENDLESS = 4 * 1024 * 1024
"""Octets after which the stream ends. Before that only the stanza is refused: anybody with an account can send one of
256 KiB, which is six times as long after the server has written each `'` in it as `&apos;`."""
_SLICE = 16 * 1024  # octets fed at a time: limits are looked at between
_TURN = 100  # stanzas handled in one turn of the loop
_WRITE_BUFFER = 256 * 1024


class StreamOwner(Protocol):
    """What a stream tells its link."""

    def opened(self, stream: "ComponentStream") -> None:
        """The handshake was accepted."""

    def stanza(self, xml: ET.Element, *, oversized: bool = False) -> None:
        """One came; oversized: it was too long or too deep, and nothing is left in it."""

    def poisoned(self, error: Exception) -> None:
        """Handling it failed; the stream lives on."""

    def writable(self) -> None:
        """It may be written to again."""


class Refused(Exception):
    """What came breaks a limit: the stream has to end."""


class ComponentStream(ComponentXMPP):
    """One connection, from its making to its loss. Made once TCP stands, since it costs 40 ms.

    opened: done when the handshake was accepted. lost: done when the connection is gone and all that came over it was
    handled; says why. condition: of the stream error that came, "" = none.
    """

    def __init__(self, profile: DeskProfile, owner: StreamOwner) -> None:
        super().__init__(profile.domain, profile.secret, profile.host, profile.port)  # type: ignore[no-untyped-call]
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.condition = ""
        self.paused = False
        self._owner = owner
        self._why = ""
        self._over = False
        self._gone = False
        self._unfinished = 0
        self._oversized = False
        self._pending: deque[tuple[ET.Element, bool]] = deque()
        self._pumping = False
        self.add_event_handler("session_start", self._started)

    # asyncio.Protocol

    def init_parser(self) -> None:
        """A parser that takes UTF-8 and nothing else (RFC 6120, 11.6), and shows what RFC 6120, 11.1 forbids."""
        self.xml_depth = 0
        self.xml_root = None
        parser = ET.XMLParser(encoding="utf-8")  # noqa: S314  what defusedxml refuses, _feed does
        self.parser = ET.XMLPullParser(("start", "end", "comment", "pi"), _parser=parser)

    def connection_made(self, transport: asyncio.BaseTransport, send_event: bool = True) -> None:
        """Sends the stream header."""
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=_WRITE_BUFFER)
        super().connection_made(transport, send_event)

    def data_received(self, data: bytes | str) -> None:
        """Parses within limits. Nothing is raised, whatever comes."""
        if self._over or self.parser is None:
            return
        octets = bytes(data, "utf-8") if isinstance(data, str) else data
        try:
            for at in range(0, len(octets), _SLICE):
                if not self._feed(self.parser, octets[at : at + _SLICE]):
                    break
        except ET.ParseError:
            self.drop("the server sent XML that is not well-formed")
        except Refused as refused:
            self.drop(str(refused))
        except Exception as error:  # noqa: BLE001  whatever slixmpp raises must not reach the event loop
            self.drop(f"reading failed: {where(error)}")
        self._pump()

    def connection_lost(self, exception: BaseException | None) -> None:
        """Tells the link, after what had come was handled."""
        if not self._why and exception is not None:
            self._why = "the connection broke"
        try:
            super().connection_lost(exception)
        finally:
            self._over = self._gone = True
            self._pump()

    def pause_writing(self) -> None:
        """The server does not take what we write: we take nothing from it either, so that answers do not pile up."""
        self.paused = True
        self._regulate()

    def resume_writing(self) -> None:
        """It takes again."""
        self.paused = False
        self._regulate()
        self._owner.writable()

    # for the link

    def write(self, text: str) -> None:
        """Writes XML as it is, nothing if the connection is gone."""
        if self.transport is not None and not self._over:
            self.transport.write(text.encode("utf-8", "replace"))

    def drop(self, why: str) -> None:
        """Ends the connection at once."""
        self._over = True
        self._why = self._why or why
        if self.transport is not None:
            self.transport.abort()

    def finish(self, why: str) -> None:
        """Ends the stream in good order: what was written still goes out."""
        self.write(self.stream_footer)
        self._over = True
        self._why = self._why or why
        if self.transport is not None:
            self.transport.close()

    # slixmpp

    def send(self, data: Any, use_filters: bool = True) -> None:
        """Writes slixmpp's own stanza, the handshake, at once: the task that works off its queue does not run here."""
        self.write(str(data))

    def abort(self) -> None:
        """slixmpp ends the connection."""
        self.drop("the stream ended")

    def _spawn_event(self, xml: ET.Element, oversized: bool = False) -> None:
        """One stanza. No exception leaves this."""
        try:
            if xml.tag == _ERROR:
                self._failed(xml)
            elif xml.tag == _HANDSHAKE:
                if not self.sessionstarted:
                    super()._spawn_event(xml)
            elif self.sessionstarted:
                self._owner.stanza(xml, oversized=oversized)
        except Exception as error:  # noqa: BLE001  one stanza must not end the stream for all
            self._owner.poisoned(error)

    # inside

    def _feed(self, parser: Any, octets: bytes) -> bool:
        """Whether the stream goes on."""
        if self.xml_root is None and (b"<!" in octets or b"\0" in octets):
            raise Refused("the server sent a DTD or comment before its stream")
        parser.feed(octets)
        self._unfinished += len(octets)
        for event, element in parser.read_events():
            if event == "start":
                self._opened_element(element)
            elif event == "end":
                self._closed_element(element)
            else:
                raise Refused("the server sent a comment or processing instruction")
            if self._over:
                return False
        if self._unfinished > (_ENDLESS if self.xml_depth > 1 else _LONGEST_STANZA):
            raise Refused("the server sent a stanza that does not end")
        if self._unfinished > _LONGEST_STANZA or self._oversized:
            self._oversized = True
            for stanza in self.xml_root if self.xml_root is not None else ():
                del stanza[:]
        return True

    def _opened_element(self, element: ET.Element) -> None:
        if self.xml_depth == 0:
            if element.tag != _ROOT:
                raise Refused("what answers is no XMPP server")
            self.xml_root = element
            self.start_stream_handler(element)  # type: ignore[no-untyped-call]
        self.xml_depth += 1
        if self.xml_depth > _DEEPEST:
            self._oversized = True

    def _closed_element(self, element: ET.Element) -> None:
        self.xml_depth -= 1
        if self.xml_depth == 0:
            self._why = self._why or "the server ended the stream"
            self._over = True
            if self.transport is not None:
                self.transport.close()
        elif self.xml_depth == 1:
            if oversized := self._oversized:
                del element[:]
            self._pending.append((element, oversized))
            self._unfinished, self._oversized = 0, False
            if self.xml_root is not None:
                self.xml_root.clear()

    def _pump(self) -> None:
        """Handles stanzas, so many in one turn of the loop that others have theirs."""
        if self._pumping:
            return
        for _ in range(min(_TURN, len(self._pending))):
            self._spawn_event(*self._pending.popleft())
        if self._pending:
            self._pumping = True
            self.loop.call_soon(self._pump_on)
        elif self._gone and not self.lost.done():
            self.lost.set_result(self._why or "the server closed the connection")
        self._regulate()

    def _pump_on(self) -> None:
        self._pumping = False
        self._pump()

    def _regulate(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if self._pumping or self.paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _started(self, _: object) -> None:
        if not self.opened.done():
            self.opened.set_result(None)
            self._owner.opened(self)

    def _failed(self, xml: ET.Element) -> None:
        """A stream error (RFC 6120, 4.9): the server closes after it, and we do not wait for that."""
        names = [child.tag.removeprefix(_CONDITIONS) for child in xml if child.tag.startswith(_CONDITIONS)]
        self.condition = next((name for name in names if name != "text"), "undefined-condition")[:64]
        self.drop(f"the server ended the stream: {self.condition}")
