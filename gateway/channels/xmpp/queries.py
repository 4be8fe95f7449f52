"""Queries (iq get and set): each has exactly one answer, made here from the JID it was sent to. There is no registry of
contacts: a million customers answer as one does.
"""

import time
import xml.etree.ElementTree as ET
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.channels.xmpp import avatars
from gateway.channels.xmpp.commands import NS_COMMANDS, PREFIX, BadCommand, is_node, read_command, render_told
from gateway.channels.xmpp.jids import CONTACT_RESOURCE, Contact, Sender, contact_bare
from gateway.channels.xmpp.owner import DeskOwner
from gateway.channels.xmpp.sessions import Sessions
from gateway.channels.xmpp.writing import NS_MARKERS, NS_PING, NS_RECEIPTS, NS_STATES, attributes, error, escape, result
from gateway.model.desk import Asked

_INFO = "http://jabber.org/protocol/disco#info"
_ITEMS = "http://jabber.org/protocol/disco#items"
_VCARD = "vcard-temp"
_VERSION = "jabber:iq:version"
_LAST = "jabber:iq:last"  # XEP-0012
_NAME = "Careline"
_DESK_FEATURES = (_INFO, _ITEMS, NS_COMMANDS, NS_PING, _VCARD, _VERSION)
_CONTACT_FEATURES = (*_DESK_FEATURES, NS_RECEIPTS, NS_MARKERS, NS_STATES)

_UNAVAILABLE = ("cancel", "service-unavailable")
_NOT_FOUND = ("cancel", "item-not-found")
_FORBIDDEN = ("auth", "forbidden")
_BAD = ("modify", "bad-request")
_BUSY = ("wait", "resource-constraint")
_BROKEN = ("wait", "internal-server-error")


class _No(Exception):
    """The answer is this error. details: XML that says more."""

    def __init__(self, condition: tuple[str, str], text: str = "", details: str = "") -> None:
        super().__init__(condition[1])
        self.condition, self.details = condition, details
        self.text = text


@dataclass(frozen=True, slots=True)
class _Query:
    """payload: its one child. to: whom it is for, as it was written."""

    xml: ET.Element
    payload: ET.Element
    sender: Sender
    contact: Contact
    agent: bool

    @property
    def id(self) -> str:
        return self.xml.get("id", "")

    @property
    def node(self) -> str:
        return self.payload.get("node", "")


class Queries:
    """Answers them: those that need care in the agent's lane, the others at once."""

    def __init__(self, owner: DeskOwner) -> None:
        self._owner = owner
        self._began = time.monotonic()
        self._answers: dict[str, Callable[[_Query], str | Callable[[], Awaitable[str]]]] = {
            f"get {{{NS_PING}}}ping": lambda _: "",
            f"get {{{_INFO}}}query": self._info,
            f"get {{{_ITEMS}}}query": self._items,
            f"get {{{_VCARD}}}vCard": self._card,
            f"get {{{_VERSION}}}query": self._version,
            f"get {{{_LAST}}}query": self._last,
            f"set {{{NS_COMMANDS}}}command": self._command,
        }

    def answer(self, xml: ET.Element, sender: Sender, contact: Contact | None, *, agent: bool) -> None:
        """Answers one query."""
        to = xml.get("to", "")
        try:
            if len(xml) != 1:
                raise _No(_BAD)
            answer = self._find(xml, sender, contact, agent=agent)
        except _No as no:
            self._owner.write(error("iq", to, sender.full, xml.get("id", ""), no.condition, no.text, no.details))
        except Exception:
            self._owner.write(error("iq", to, sender.full, xml.get("id", ""), _BROKEN))
            raise
        else:
            if isinstance(answer, str):
                self._owner.write(result(to, sender.full, xml.get("id", ""), answer))
            else:
                self._later(xml, sender, answer)

    def _find(
        self, xml: ET.Element, sender: Sender, contact: Contact | None, *, agent: bool
    ) -> str | Callable[[], Awaitable[str]]:
        asked = f"{xml.get('type')} {xml[0].tag}"
        trusted = agent and bool(sender.resource)
        if not trusted and not self._public(asked, contact):
            self._owner.counters["refused_strangers"] += 1
            raise _No(_FORBIDDEN)
        if contact is None:
            raise _No(_NOT_FOUND)
        if contact.resource not in {"", CONTACT_RESOURCE} or asked not in self._answers:
            raise _No(_UNAVAILABLE)
        return self._answers[asked](_Query(xml, xml[0], sender, contact, trusted))

    @staticmethod
    def _public(asked: str, contact: Contact | None) -> bool:
        """What a stranger may ask; of a customer's contact only whether we are there at all."""
        if contact is None:
            return False
        if asked == f"get {{{NS_PING}}}ping":
            return True
        return not contact.customer and asked in {f"get {{{_INFO}}}query", f"get {{{_VERSION}}}query"}

    def _later(self, xml: ET.Element, sender: Sender, answer: Callable[[], Awaitable[str]]) -> None:
        to, about = xml.get("to", ""), xml.get("id", "")

        async def work() -> None:
            try:
                self._owner.write(result(to, sender.full, about, await answer()))
            except Exception as problem:  # noqa: BLE001  the agent hears of it, whatever it is
                self._owner.failed("what an agent asked was not done", problem)
                self._owner.write(error("iq", to, sender.full, about, _BROKEN, "Something is wrong here. Try again."))

        if not self._owner.lanes.put(sender.bare, work):
            self._owner.counters["flooded"] += 1
            self._owner.write(error("iq", to, sender.full, about, _BUSY, "Too many at a time. Try again in a moment."))

    def _info(self, query: _Query) -> str:
        """XEP-0030, 3."""
        features: tuple[str, ...]
        if query.node == NS_COMMANDS:
            identity, features = ("automation", "command-list", "Commands"), (NS_COMMANDS,)
        elif is_node(query.node):
            name = query.node.removeprefix(PREFIX)
            identity, features = ("automation", "command-node", name), (NS_COMMANDS, "jabber:x:data")
        elif query.node:
            raise _No(_NOT_FOUND)
        elif query.contact.customer:
            identity, features = ("client", "sms", query.contact.customer), _CONTACT_FEATURES
        else:
            identity, features = ("gateway", "sms", _NAME), (*_DESK_FEATURES, _LAST)
        category, kind, name = identity
        inner = f"<identity{attributes(category=category, type=kind, name=name)}/>"
        inner += "".join(f"<feature{attributes(var=feature)}/>" for feature in features)
        return f"<query xmlns='{_INFO}'{attributes(node=query.node)}>{inner}</query>"

    def _items(self, query: _Query) -> str | Callable[[], Awaitable[str]]:
        """XEP-0030, 4; of the commands' node XEP-0050, 2.2."""
        if query.node and query.node != NS_COMMANDS and not is_node(query.node):
            raise _No(_NOT_FOUND)
        if query.node != NS_COMMANDS:
            return f"<query xmlns='{_ITEMS}'{attributes(node=query.node)}/>"
        jid = query.contact.full

        async def verbs() -> str:
            found = await self._owner.events.verbs(query.sender.bare, query.contact.customer)
            items = "".join(f"<item{attributes(jid=jid, node=PREFIX + name, name=title)}/>" for name, title in found)
            return f"<query xmlns='{_ITEMS}'{attributes(node=NS_COMMANDS)}>{items}</query>"

        return verbs

    def _card(self, query: _Query) -> str | Callable[[], Awaitable[str]]:
        """XEP-0054. A customer's name is for those who may read what they write (invariant 10)."""
        number = query.contact.customer
        if not number:
            return _vcard(_NAME, "", self._owner.profile.domain)

        async def named() -> str:
            name = await self._owner.events.named(query.sender.bare, number)
            return _vcard(name or number, number, contact_bare(number, self._owner.profile.domain))

        return named

    @staticmethod
    def _version(_: _Query) -> str:
        """XEP-0092; which version runs is nobody's business."""
        return f"<query xmlns='{_VERSION}'><name>{_NAME}</name><version>1</version></query>"

    def _last(self, query: _Query) -> str:
        """XEP-0012, 5: how long we are up. What a client wrote before that, and nothing was heard of, may be lost."""
        if query.contact.customer:
            raise _No(_UNAVAILABLE)
        return f"<query xmlns='{_LAST}' seconds='{int(time.monotonic() - self._began)}'/>"

    def _command(self, query: _Query) -> Callable[[], Awaitable[str]] | str:
        """XEP-0050."""
        sessions = Sessions(self._owner.profile.secret, query.sender.bare, query.contact.customer)
        try:
            command = read_command(query.payload, sessions)
        except BadCommand as bad:
            raise _No(bad.condition, str(bad), bad.details) from bad
        if command.cancelled:
            return command.cancel()
        asked = Asked(query.sender.bare, query.contact.customer, command.verb, command.values)

        async def ask() -> str:
            self._owner.counters["asked"] += 1
            return render_told(command, await self._owner.events.asked(asked))

        return ask


def _vcard(name: str, number: str, jid: str) -> str:
    """A vCard (XEP-0054, 3); jid: whose picture it shows."""
    photo = f"<PHOTO><TYPE>{avatars.TYPE}</TYPE><BINVAL>{b64encode(avatars.picture(jid)).decode()}</BINVAL></PHOTO>"
    phone = f"<TEL><CELL/><NUMBER>{escape(number)}</NUMBER></TEL>" if number else ""
    return f"<vCard xmlns='{_VCARD}'><FN>{escape(name)}</FN>{phone}{photo}</vCard>"
