"""Stanzas as words: who speaks is judged first, then what was said (design, invariant 11)."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from gateway.channels.xmpp.contents import FORWARDED, LONGEST_ID, Content, body_of, foreign, read_content
from gateway.channels.xmpp.jids import BadJid, Contact, Sender, contact_jid, read_contact, read_sender
from gateway.channels.xmpp.owner import DeskOwner
from gateway.channels.xmpp.presence import Attendance
from gateway.channels.xmpp.queries import Queries
from gateway.channels.xmpp.rooms import Rooms
from gateway.channels.xmpp.writing import NS_MARKERS, NS_RECEIPTS, NS_SID, NS_STANZAS, chat, error, random_id, render
from gateway.model.desk import MARK, Bounced, Heard, Line, LineKind, Said, Seen

_LONGEST_BODY = 10_000  # characters
_LONGEST_REASON = 500
_MOST_NAMED = 40
_SPACES = ("{jabber:component:accept}", "{jabber:client}")
_SPOKEN = (None, "chat", "normal")  # types of messages that a person wrote to one person
_PRIVILEGES = ("{urn:xmpp:privilege:1}", "{urn:xmpp:privilege:2}")
_CONDITION = f"{{{NS_STANZAS}}}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A stanza with its sender. agent: whether that is a device or account of a listed agent of ours. contact: whom it
    is for, None = nobody of ours."""

    xml: ET.Element
    type: str | None
    id: str
    sender: Sender
    contact: Contact | None
    to: str
    agent: bool


class Reader:
    """Reads what came and hands it on. Nothing here waits."""

    def __init__(self, owner: DeskOwner, attendance: Attendance, queries: Queries, rooms: Rooms) -> None:
        self._owner = owner
        self._rooms = rooms
        self._attendance = attendance
        self._queries = queries

    def read(self, xml: ET.Element) -> None:
        """One stanza.

        Raises:
            BadJid: its sender is none. Whatever a callback raises.
        """
        self._owner.counters["in"] += 1
        kind = _local(xml.tag)
        if kind not in {"message", "presence", "iq"}:
            raise BadJid("not a stanza")
        envelope = self._open(xml)
        if self._rooms.knows(envelope.sender.bare) and envelope.type not in {"get", "set"}:
            self._rooms.read(kind, xml, envelope.sender)
        elif kind == "message":
            self._message(envelope)
        elif kind == "presence":
            self._attendance.read(xml, envelope.sender, envelope.contact, agent=envelope.agent)
        elif envelope.type in {"result", "error"}:
            self._owner.answered(envelope.sender.full, envelope.id, xml)
        elif envelope.type in {"get", "set"}:
            self._queries.answer(xml, envelope.sender, envelope.contact, agent=envelope.agent)
        else:
            raise BadJid("no type of query")

    def refuse_oversized(self, xml: ET.Element) -> None:
        """One that is too long or too deep to be read: who sent it is told (RFC 6120, 8.3.3.12).

        Raises:
            BadJid: its sender is none.
        """
        self._owner.counters["oversized"] += 1
        kind = _local(xml.tag)
        it = self._open(xml)
        if kind == "iq" and it.type in {"result", "error"}:
            xml.set("type", "error")  # an answer that nobody can read is none
            self._owner.answered(it.sender.full, it.id, xml)
            return
        asked = (
            it.type in {"get", "set"} if kind == "iq" else kind == "message" and it.type not in {"error", "groupchat"}
        )
        if asked and len(it.id) <= LONGEST_ID:
            told = error(
                kind, it.to, it.sender.full, it.id, ("modify", "policy-violation"), "Not sent: it is too large."
            )
            self._owner.write(told)

    def _open(self, xml: ET.Element) -> Envelope:
        owner = self._owner
        sender = read_sender(xml.get("from"))
        ours = bool(sender.local) and sender.domain in owner.profile.agent_domains
        contact = read_contact(xml.get("to"), owner.profile.domain)
        agent = ours and owner.events.listed(sender.bare)
        return Envelope(xml, xml.get("type"), xml.get("id", ""), sender, contact, xml.get("to", ""), agent)

    # messages

    def _message(self, it: Envelope) -> None:
        if it.type == "error":
            self._bounced(it)
            return
        if it.type not in _SPOKEN:
            self._owner.counters["ignored"] += 1
            return
        if why := foreign(it.xml):
            self._foreign(it, why)
            return
        if it.sender.full in self._owner.profile.agent_domains and self._advert(it):
            return
        if it.agent and not it.sender.resource and it.contact is not None:
            # Clients have a resource, so it is what we said in the agent's name (XEP-0356), which the server brings us.
            self._owner.counters["own"] += 1
            return
        body = body_of(it.xml)
        if not it.agent or not it.sender.resource:
            self._owner.counters["refused_strangers"] += 1
            if body:
                self._refuse(it, ("auth", "forbidden"))
            return
        if it.contact is None:
            if body:
                self._refuse(it, ("cancel", "item-not-found"), "There is no such contact: +15551234567 is one.")
            return
        content = read_content(it.xml, self._owner.profile.file_links)
        if content.text or content.refused:
            self._attendance.wrote(it.sender.bare, it.sender.resource)
            self._said(it, it.contact, content)
        self._seen(it)

    def _foreign(self, it: Envelope, why: str) -> None:
        """It says nothing of who wrote it, so it goes nowhere. Only an agent's own device hears so, by an error, which
        nobody answers. An invitation is no word of anybody's.
        """
        self._owner.counters["refused_foreign"] += 1
        if it.agent and it.sender.resource and it.contact is not None and (body_of(it.xml) or why == FORWARDED):
            self._refuse(it, ("cancel", "not-acceptable"), why)

    def _said(self, it: Envelope, contact: Contact, content: Content) -> None:
        if content.refused:
            self._owner.counters["unfit"] += 1
            self._refuse(it, ("cancel", "not-acceptable"), content.refused)
            sender = contact_jid(contact.customer, self._owner.profile.domain)
            self._owner.write(chat(sender, it.sender.full, f"{MARK} {content.refused}"))
            return
        if len(content.text) > _LONGEST_BODY:
            self._owner.counters["oversize"] += 1
            self._refuse(it, ("modify", "policy-violation"), f"Not sent: {_LONGEST_BODY:,} characters at most.")
            return
        said = Said(it.sender.bare, contact.customer, _id(it.xml), content.text, content.replaces)

        async def say() -> None:
            await self._say(it, said)

        if self._owner.lanes.put(it.sender.bare, say):
            self._owner.counters["said"] += 1
        else:
            self._owner.counters["flooded"] += 1
            self._refuse(
                it, ("wait", "resource-constraint"), "Not sent: too many at a time. Send it again in a moment."
            )

    async def _say(self, it: Envelope, said: Said) -> None:
        try:
            heard = await self._owner.events.said(said)
        except Exception as problem:  # noqa: BLE001  the agent hears of it, whatever it is
            self._owner.failed("what an agent wrote was not taken", problem)
            heard = Heard()
            self._refuse(it, ("wait", "internal-server-error"), "Not sent: something is wrong here. Try again.")
        if heard.delivered:
            tick = Line(random_id(), said.agent, said.customer, LineKind.delivered, about=said.id)
            self._owner.write(render(tick, self._owner.profile.domain, (), "", ours=heard.ours))
        if heard.refused:
            self._refuse(it, ("cancel", "not-acceptable"), heard.refused)
        if heard.text:
            sender = contact_jid(said.customer, self._owner.profile.domain)
            # A server keeps it for a device that is gone, where the bubble is not marked: so it says which words.
            text = f"{heard.text}: {_named(said.text)}" if heard.refused else heard.text
            self._owner.write(chat(sender, it.sender.full, text, heard.choices, said.id if heard.ours else ""))

    def _refuse(self, it: Envelope, condition: tuple[str, str], text: str = "") -> None:
        self._owner.counters["refused"] += 1
        self._owner.write(error("message", it.to, it.sender.full, it.id, condition, text))

    def _seen(self, it: Envelope) -> None:
        """XEP-0184 and XEP-0333. An agent has several devices, and each of them may tell."""
        for tag, displayed in ((f"{{{NS_RECEIPTS}}}received", False), (f"{{{NS_MARKERS}}}displayed", True)):
            found = it.xml.find(tag)
            about = found.get("id", "") if found is not None else ""
            if about and len(about) <= LONGEST_ID:
                self._owner.counters["displayed" if displayed else "received"] += 1
                self._owner.events.seen(Seen(it.sender.bare, about, displayed))

    def _bounced(self, it: Envelope) -> None:
        """The server speaks for the agent, or for itself. An error is never answered (RFC 6120, 8.3.1)."""
        if not it.agent and it.sender.full not in self._owner.profile.agent_domains:
            self._owner.counters["refused_strangers"] += 1
            return
        if it.id and len(it.id) <= LONGEST_ID:
            self._owner.counters["bounced"] += 1
            self._owner.events.bounced(Bounced(it.sender.bare, it.id, _reason(it.xml)))

    def _advert(self, it: Envelope) -> bool:
        """XEP-0356, 4.1: what the server lets us do.

        By the older name, which ejabberd up to 24.07 speaks, that is nothing: such a server takes no message of ours in
        an agent's name, ends the stream when we write into a roster, and tells neither who was there before us nor
        whose connection broke. Agents are asked for a subscription, which tells all of that.
        """
        found = [child for child in it.xml if child.tag.startswith(_PRIVILEGES)]
        if not found or it.contact is None or it.contact.customer:
            return False
        permissions = {
            f"{element.get('access', '')}:{element.get('type', '')}"[:64]
            for child in found
            for element in child.iter()
            if element.tag == f"{_PRIVILEGES[1]}perm"
        }
        self._owner.privileged(tuple(sorted(permissions)[:50]))
        return True


def _named(text: str) -> str:
    """Words, as many as it takes to know them again."""
    words = " ".join(text.split())
    return f'"{words if len(words) <= _MOST_NAMED else f"{words[:_MOST_NAMED]}..."}"'


def _local(tag: str) -> str:
    """The name of an element of a stanza's own namespace, "" of another."""
    space, brace, name = tag.rpartition("}")
    if brace and space + brace in (*_SPACES, *_PRIVILEGES):
        return name
    return ""


def _id(xml: ET.Element) -> str:
    """The stanza's id, else the one its author gave it (XEP-0359)."""
    origin = xml.find(f"{{{NS_SID}}}origin-id")
    for known in (xml.get("id"), origin.get("id") if origin is not None else None):
        if known and len(known) <= LONGEST_ID:
            return known
    return ""


def _reason(xml: ET.Element) -> str:
    """The words of an error, else its condition."""
    text, condition = "", ""
    for space in _SPACES:
        for child in xml.iterfind(f"{space}error/*"):
            if child.tag == f"{_CONDITION}text":
                text = text or (child.text or "").strip()
            elif child.tag.startswith(_CONDITION):
                condition = condition or child.tag.removeprefix(_CONDITION)
    return (text or condition or "undefined-condition")[:_LONGEST_REASON]
