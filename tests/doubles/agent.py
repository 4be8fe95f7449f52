"""An agent's ordinary chat client, on slixmpp: log-in, chat, ticks, failed bubbles, presence, forms.

No plug-in for typing, "displayed", corrections and quick responses: slixmpp hangs those on stanza classes that the
gateway's own component in the same process shares. They are read from the elements.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from slixmpp import JID, ClientXMPP
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from tests.doubles.prosody import COMPONENT, DOMAIN, PASSWORD

_PLUGINS = ("xep_0030", "xep_0004", "xep_0050", "xep_0199", "xep_0184", "xep_0280", "xep_0203")
_CLIENT = "{jabber:client}"
_BODY = f"{_CLIENT}body"
_INVITATION = "{jabber:x:conference}x"
_MESSAGE = f"{_CLIENT}message"
_DELAY = "{urn:xmpp:delay}delay"
_REPLACE = "{urn:xmpp:message-correct:0}replace"
_RESPONSE = "{urn:xmpp:tmp:quick-response}response"
_DISPLAYED = "{urn:xmpp:chat-markers:0}displayed"
_MARKABLE = "{urn:xmpp:chat-markers:0}markable"
_STATES = "{http://jabber.org/protocol/chatstates}"


@dataclass(frozen=True)
class Heard:
    """A chat message as a client shows it. of: the customer's number, or whose bare JID it is.

    delayed: the stamp of what waited for the log-in, else "". replaces: the id of the message that it corrects.
    answers: the values of quick responses. carbon: "" = for this device, else "received" or "sent" by another one.
    """

    of: str
    text: str
    id: str
    delayed: str = ""
    replaces: str = ""
    answers: tuple[str, ...] = ()
    carbon: str = ""


@dataclass(frozen=True)
class Shown:
    """How much somebody is there. show: available, chat, away, xa, dnd or unavailable."""

    show: str
    status: str = ""


@dataclass(frozen=True)
class Answer:
    """What a command says: a form (fields with the values of their choices) while it asks, and notes. hidden: fields
    that only go back. text: the form's instructions.
    """

    session: str
    asks: bool
    fields: dict[str, list[str]]
    says: str
    hidden: dict[str, str] = field(default_factory=dict)
    text: str = ""


class AgentClient:
    """One device of an agent. name: an account of `DOMAIN`, or a bare JID. accepts: says yes to who wants to see its
    presence. trusts: a certificate; then it speaks TLS, else never.

    inbox: (customer's number or "", text) of each chat message for this device, in order; ids: their ids.
    heard: the same with all that came along, and the carbons of other devices.
    ticked: ids of own messages that the customer's phone has. displayed: ids of those that were read.
    failed: id -> why a message went nowhere, as said last; failures: all that was said. conditions: id -> the type and
    condition of that error (RFC 6120, 8.3).
    presence: bare JID -> how it last was. typing: bare JID -> composing etc.
    """

    def __init__(
        self,
        name: str,
        port: int,
        *,
        device: str = "desk",
        accepts: bool = True,
        host: str = "127.0.0.1",
        password: str = PASSWORD,
        trusts: Path | None = None,
    ) -> None:
        self.name, self._host, self._port = name, host, port
        self.jid = name if "@" in name else f"{name}@{DOMAIN}"
        self.inbox: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.heard: list[Heard] = []
        self.ticked: set[str] = set()
        self.displayed: set[str] = set()
        self.failed: dict[str, str] = {}
        self.failures: set[tuple[str, str]] = set()
        self.conditions: dict[str, tuple[str, str]] = {}
        self.presence: dict[str, Shown] = {}
        self.typing: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._read = 0
        self._told: set[int] = set()
        self._count = 0
        self._asked: tuple[str, str, str] | None = None
        self.client = client = ClientXMPP(f"{self.jid}/{device}", password)
        client.enable_direct_tls = False
        client.enable_starttls = trusts is not None
        client.ca_certs = trusts
        client.enable_plaintext = trusts is None
        client.plugin["feature_mechanisms"].unencrypted_plain = trusts is None
        for plugin in _PLUGINS:
            client.register_plugin(plugin)
        self._verbs: Any = client.plugin["xep_0050"]
        self._forms: Any = client.plugin["xep_0004"]
        client.auto_authorize = accepts
        client.auto_subscribe = accepts
        client.register_handler(Callback("Signals", StanzaPath("message"), self._signals))  # "message" has a body
        client.add_event_handler("message", self._message)
        client.add_event_handler("message_error", self._error)
        client.add_event_handler("receipt_received", self._receipt)
        client.add_event_handler("carbon_received", self._carbon)
        client.add_event_handler("carbon_sent", self._carbon)
        client.add_event_handler("presence", self._presence)
        client.add_event_handler("roster_update", lambda _: self._changed.set())

    # -- life

    async def login(self, show: str = "", status: str = "") -> None:
        """Connects and is there. show: "" = available, else chat, away, xa or dnd."""
        started: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def ends(well: bool) -> None:
            if not started.done():
                started.set_result(well)

        self.client.add_event_handler("session_start", lambda _: ends(True), disposable=True)
        self.client.add_event_handler("failed_all_auth", lambda _: ends(False), disposable=True)
        self.client.connect(self._host, self._port)
        try:
            async with asyncio.timeout(30):  # of a server that was started just now, on a busy machine
                assert await started, f"the server does not take the password of {self.jid}"
        except BaseException as error:
            await self.drop()
            if isinstance(error, TimeoutError):
                raise AssertionError(f"{self.jid} does not get in") from None
            raise
        await self.client.get_roster()
        await self.client.plugin["xep_0280"].enable()
        self.show(show, status)

    def show(self, show: str, status: str = "") -> None:
        """How much one is there."""
        self.client.send_presence(pshow=show or None, pstatus=status or None)

    async def logout(self) -> None:
        """Closes in order."""
        if self.client.is_connected():
            await self.client.disconnect(wait=1.0)
        await self._still()

    async def drop(self) -> None:
        """The network is gone: no good-bye."""
        self.client.abort()
        await self._still()

    def pause(self) -> None:
        """Reads no more from the network."""
        assert self.client.transport is not None, "log in first"
        self.client.transport.pause_reading()

    def resume(self) -> None:
        """Reads what there is."""
        assert self.client.transport is not None, "log in first"
        self.client.transport.resume_reading()

    async def _still(self) -> None:
        """slixmpp leaves its sender running."""
        self.client.cancel_connection_attempt()
        sender = self.client._run_out_filters
        if sender is not None and not sender.done():
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    # -- what comes

    def _message(self, stanza: Any) -> None:
        if stanza["type"] not in ("chat", "normal"):
            return
        if one := _heard(stanza.xml):
            self.inbox.append((one.of, one.text))
            self.ids.append(one.id)
            self.heard.append(one)
            self._changed.set()

    def _signals(self, stanza: Any) -> None:
        if stanza.xml.get("type") == "error":
            return
        for child in stanza.xml:
            if child.tag == _DISPLAYED:
                self.displayed.add(child.get("id", ""))
                self._changed.set()
            elif child.tag.startswith(_STATES):
                self.typing[stanza["from"].bare] = child.tag.removeprefix(_STATES)
                self._changed.set()

    def _carbon(self, stanza: Any) -> None:
        way = "sent" if stanza.xml.find("{urn:xmpp:carbons:2}sent") is not None else "received"
        inner = stanza.xml.find(f".//{_MESSAGE}")
        if inner is not None and (one := _heard(inner, way)):
            self.heard.append(one)
            self._changed.set()

    def _presence(self, stanza: Any) -> None:
        if stanza["type"] in ("available", "unavailable", "chat", "away", "xa", "dnd"):
            self.presence[stanza["from"].bare] = Shown(stanza["type"], stanza["status"])
            self._changed.set()

    def _error(self, stanza: Any) -> None:
        self.failed[stanza["id"]] = stanza["error"]["text"]
        self.failures.add((stanza["id"], stanza["error"]["text"]))
        self.conditions[stanza["id"]] = (stanza["error"]["type"], stanza["error"]["condition"])
        self._changed.set()

    def _receipt(self, stanza: Any) -> None:
        self.ticked.add(stanza["receipt"])
        self._changed.set()

    async def until(self, so: Callable[[], bool], what: str, within: float = 10.0) -> None:
        """Waits until it is so; each stanza is a reason to look again."""
        try:
            async with asyncio.timeout(within):
                while not so():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{self.name}: it never came to be that {what}; inbox: {self.inbox}") from None

    async def reads(self, words: str, of: str | None = None) -> str:
        """The next unread line, which holds these words (and is of this customer)."""
        await self.until(lambda: len(self.inbox) > self._read, f"{words!r} is read")
        customer, text = self.inbox[self._read]
        assert words in text, f"{self.name} reads {text!r}, not {words!r}"
        assert of is None or customer == of, f"it is of {customer}"
        self._read += 1
        return text

    @property
    def unread(self) -> list[tuple[str, str]]:
        """What came and was not read."""
        return self.inbox[self._read :]

    async def hears(
        self, what: str | Callable[[Heard], bool], *, of: str | None = None, carbon: str = "", within: float = 5.0
    ) -> Heard:
        """The first message that holds these words, or fits, whatever came before it; each is handed out once.

        Its count is its own: `reads` and `unread` know nothing of it.
        """

        def find() -> int | None:
            for at, one in enumerate(self.heard):
                fits = what in one.text if isinstance(what, str) else what(one)
                if fits and at not in self._told and one.carbon == carbon and of in (None, one.of):
                    return at
            return None

        await self.until(lambda: find() is not None, f"{what!r} is heard", within)
        found = find()
        assert found is not None
        self._told.add(found)
        return self.heard[found]

    async def sees_tick(self, stanza: str, within: float = 5.0) -> None:
        """Waits until the other side has this message."""
        await self.until(lambda: stanza in self.ticked, f"{stanza} is ticked", within)

    async def sees_failure(self, stanza: str, within: float = 5.0) -> str:
        """Waits until this message is marked failed; why."""
        await self.until(lambda: stanza in self.failed, f"{stanza} bounces", within)
        return self.failed[stanza]

    async def sees(self, who: str, show: str, within: float = 5.0) -> Shown:
        """Waits until a contact (a customer's number, "" or a bare JID) is available, away, unavailable ..."""
        contact = _contact(who).bare

        def so() -> bool:
            return contact in self.presence and self.presence[contact].show == show

        await self.until(so, f"{contact} is {show}", within)
        return self.presence[contact]

    # -- what goes

    async def through(self) -> None:
        """Waits until the server has taken in all that was sent before."""
        await self.client.plugin["xep_0199"].send_ping(JID(self.client.boundjid.domain), timeout=5)

    def says(self, to: str, text: str, *, stanza: str | None = None, corrects: str = "") -> str:
        """Writes to a customer ("" = the desk) or a JID, and asks for a receipt; the stanza's id."""
        self._count += 1
        message = self.client.make_message(_contact(to), text, mtype="chat")
        message["id"] = stanza or f"{self.name}-{self._count}"
        message["request_receipt"] = True
        if corrects:
            message.xml.append(ET.Element(_REPLACE, id=corrects))
        message.xml.append(ET.Element(_MARKABLE))
        message.send()
        return str(message["id"])

    def types(self, to: str, state: str = "composing") -> None:
        """Tells that one is typing (composing), thinks (paused), or went on (active, inactive, gone)."""
        self._signal(to, _STATES + state)

    def marks(self, to: str, stanza: str) -> None:
        """Tells that a message was read."""
        self._signal(to, _DISPLAYED, id=stanza)

    def _signal(self, to: str, tag: str, **attributes: str) -> None:
        message = self.client.make_message(_contact(to), mtype="chat")
        message.xml.append(ET.Element(tag, attributes))
        message.send()

    async def command(self, to: str, node: str) -> Answer:
        """Runs a command of a contact; `complete` goes on with it."""
        answer = await self._verbs.send_command(_contact(to), node)
        given = _answer(answer["command"])
        self._asked = (to, node, given.session) if given.asks else None
        return given

    async def complete(self, values: dict[str, str]) -> Answer:
        """Submits the form that `command` gave, or `complete` itself."""
        assert self._asked is not None, "no command asks for anything"
        (to, node, session), self._asked = self._asked, None
        given = await self.submit(to, node, session, values)
        self._asked = (to, node, given.session) if given.asks else None
        return given

    async def form(self, to: str, verb: str) -> tuple[str, dict[str, list[str]], str]:
        """Runs a verb: session, the form's fields with the values of their choices, and what it says."""
        given = await self.command(to, f"careline#{verb}")
        return given.session, given.fields, given.says

    async def fills(self, to: str, verb: str, session: str, values: dict[str, str]) -> str:
        """Submits a form; what the desk says."""
        return (await self.submit(to, f"careline#{verb}", session, values)).says

    async def submit(self, to: str, node: str, session: str, values: dict[str, str]) -> Answer:
        """Submits a form; what comes of it, which may be another form."""
        form = self._forms.make_form(ftype="submit")
        for name, value in values.items():
            form.add_field(var=name, value=value)
        answer = await self._verbs.send_command(_contact(to), node, action="complete", payload=form, sessionid=session)
        return _answer(answer["command"])

    async def commands(self, to: str) -> list[str]:
        """The verbs that a contact offers."""
        found = await self._verbs.get_commands(_contact(to))
        return [item[1].removeprefix("careline#") for item in found["disco_items"]["items"]]


def _contact(customer: str) -> JID:
    if "@" in customer:
        return JID(customer)
    return JID(f"{customer}@{COMPONENT}" if customer else COMPONENT)


def _heard(message: ET.Element, carbon: str = "") -> Heard | None:
    body = message.findtext(_BODY)
    if not body or message.find(_INVITATION) is not None:  # which a client shows as a button
        return None
    other = JID(message.get("to" if carbon == "sent" else "from", ""))
    delay, replaced = message.find(_DELAY), message.find(_REPLACE)
    return Heard(
        of=other.node if other.domain == COMPONENT else other.bare,
        text=body,
        id=message.get("id", ""),
        delayed="" if delay is None else delay.get("stamp", ""),
        replaces="" if replaced is None else replaced.get("id", ""),
        answers=tuple(one.get("value", "") for one in message.findall(_RESPONSE)),
        carbon=carbon,
    )


def _answer(command: Any) -> Answer:
    fields: dict[str, list[str]] = {}
    hidden: dict[str, str] = {}
    text = ""
    asks = command["status"] == "executing"
    if asks:
        text = command["form"]["instructions"]
        for name, its in command["form"].get_fields().items():
            if its["type"] == "hidden":
                hidden[name] = "".join(its["value"])
            else:
                fields[name] = [option["value"] for option in its.get_options()]
    return Answer(command["sessionid"], asks, fields, " ".join(said for _, said in command["notes"]), hidden, text)
