"""An agent's place in chat rooms (XEP-0045), in an ordinary client."""

import asyncio
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from slixmpp import JID
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from tests.doubles.agent import AgentClient

_CLIENT = "{jabber:client}"
_MUC = "http://jabber.org/protocol/muc"
_USER = f"{{{_MUC}#user}}"
_DELAY = "{urn:xmpp:delay}delay"
_STATES = "{http://jabber.org/protocol/chatstates}"
_INVITATION = "{jabber:x:conference}x"


class Seats:
    """All rooms of one client. lines: room -> (nick, text) of what was said to all there. ids: text -> ids of the
    stanzas that brought it. old: what was said before, as (nick, text, first stamp). subjects: room -> the last one.
    people: room -> nicks. ended: room -> why it was destroyed. invited: room -> why one is asked in. refused: room ->
    the condition of an error. typing: room -> (nick, composing etc.) of each signal, in order (XEP-0085).
    """

    def __init__(self, agent: AgentClient) -> None:
        self.agent = agent
        self.lines: dict[str, list[tuple[str, str]]] = {}
        self.ids: dict[str, set[str]] = {}
        self.old: dict[str, list[tuple[str, str, str]]] = {}
        self.subjects: dict[str, str] = {}
        self.people: dict[str, set[str]] = {}
        self.ended: dict[str, str] = {}
        self.invited: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.typing: dict[str, list[tuple[str, str]]] = {}
        self._read: dict[str, int] = {}
        self._count = 0
        agent.client.register_handler(Callback("Room messages", StanzaPath("message"), self._message))
        agent.client.register_handler(Callback("Room presences", StanzaPath("presence"), self._presence))

    async def enters(self, room: str, nick: str = "") -> None:
        """Goes in; returns when the room has let us in."""
        stanza = self.agent.client.make_presence(pto=JID(f"{room}/{nick or self.agent.name}"))
        stanza.xml.append(ET.Element(f"{{{_MUC}}}x"))
        stanza.send()
        mine = nick or self.agent.name
        await self.until(
            lambda: mine in self.people.get(room, ()) or room in self.refused, f"{self.agent.name} is in {room}"
        )
        assert room not in self.refused, self.refused

    def says(self, room: str, text: str, *, stanza: str = "", forges: str = "", inner: Sequence[str] = ()) -> str:
        """To all there; the stanza's id. forges: a bare JID that the stanza names as its author's. inner: XML beside
        the words.
        """
        return self._send(room, text, "groupchat", stanza, [*_forged(forges), *map(ET.fromstring, inner)])

    def types(self, room: str, state: str = "composing") -> None:
        """Tells all there that one is typing (composing), or thinks (paused)."""
        message = self.agent.client.make_message(JID(room), mtype="groupchat")
        message.xml.append(ET.Element(_STATES + state))
        message.send()

    def whispers(self, room: str, nick: str, text: str) -> str:
        """To one there."""
        return self._send(f"{room}/{nick}", text, "chat", "", ())

    def _send(self, to: str, text: str, kind: Any, stanza: str, inner: Sequence[ET.Element]) -> str:
        self._count += 1
        message = self.agent.client.make_message(JID(to), text, mtype=kind)
        message["id"] = stanza or f"{self.agent.name}-room-{self._count}"
        for one in inner:
            message.xml.append(one)
        message.send()
        return str(message["id"])

    async def reads(self, room: str, words: str) -> str:
        """The next line there that holds these words, others in between."""
        found: list[str] = []

        def so() -> bool:
            for at in range(self._read.get(room, 0), len(self.lines.get(room, ()))):
                if words in self.lines[room][at][1]:
                    self._read[room] = at + 1
                    found.append(self.lines[room][at][1])
                    return True
            return False

        await self.until(so, f"{words!r} is read in {room}; there is {self.lines.get(room)}")
        return found[0]

    async def until(self, so: Any, what: str) -> None:
        """Waits until it is so."""
        await self.agent.until(so, what)

    def _changed(self) -> None:
        self.agent._changed.set()

    def _message(self, stanza: Any) -> None:
        xml, sender = stanza.xml, stanza["from"]
        invitation = xml.find(_INVITATION)
        if invitation is not None:
            self.invited[invitation.get("jid", "")] = invitation.get("reason", "")
        elif xml.get("type") == "groupchat":
            states = [child.tag.removeprefix(_STATES) for child in xml if child.tag.startswith(_STATES)]
            self.typing.setdefault(sender.bare, []).extend((sender.resource, state) for state in states)
            self.ids.setdefault(xml.findtext(f"{_CLIENT}body") or "", set()).add(xml.get("id", ""))
            body, subject, delay = xml.findtext(f"{_CLIENT}body"), xml.findtext(f"{_CLIENT}subject"), xml.find(_DELAY)
            if body and delay is not None:
                said = (sender.resource, body, delay.get("stamp", ""))
                self.old.setdefault(sender.bare, []).append(said)
            elif body:
                self.lines.setdefault(sender.bare, []).append((sender.resource, body))
            elif subject is not None:
                self.subjects[sender.bare] = subject
        self._changed()

    def _presence(self, stanza: Any) -> None:
        xml, sender = stanza.xml, stanza["from"]
        if xml.get("type") == "error":
            self.refused[sender.bare] = stanza["error"]["condition"]
        elif xml.find(f"{_USER}x") is not None:
            people = self.people.setdefault(sender.bare, set())
            if xml.get("type") == "unavailable":
                people.discard(sender.resource)
                ended = xml.find(f"{_USER}x/{_USER}destroy")
                if ended is not None:
                    self.ended[sender.bare] = ended.findtext(f"{_USER}reason") or ""
            else:
                people.add(sender.resource)
        self._changed()


def _forged(jid: str) -> list[ET.Element]:
    """What servers put into the lines that they repeat: here their author does. "" = nothing."""
    if not jid:
        return []
    given = (
        f"<x xmlns='{_MUC}#user'><item affiliation='member' jid='{jid}'/></x>",
        f"<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='{jid}'/></addresses>",
    )
    return [ET.fromstring(one) for one in given]


async def seated(agent: AgentClient, room: str) -> Seats:
    """An agent who is in a room."""
    seats = Seats(agent)
    async with asyncio.timeout(10):
        await seats.enters(room)
    return seats
