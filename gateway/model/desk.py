"""The words between the agents' channel and care: what an agent reads, and what an agent does.

The channel knows stanzas and these words; care knows these words and conversations. A customer is named by phone number
(`+15551234567`); "" is the desk itself. An agent is named by bare JID.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol

from gateway.model.chat_server import ChatServer
from gateway.model.message import Message
from gateway.model.rows import record

MARK = "[desk]"
"""Every line of ours in a customer's chat begins with it; no line of a customer's does."""


TICK, FATE = "tick", "fate"
"""Kinds of rows: a bubble of the chat with a customer is marked; in a room, which marks none, it is said."""


class Show(IntEnum):
    """How much an agent is there, best first (RFC 6121 4.7.2.1). unknown: nobody has told since we (re)connected."""

    chat = 0
    online = 1
    away = 2
    xa = 3
    dnd = 4
    offline = 5
    unknown = 6


class LineKind(StrEnum):
    """text: the customer's own words. notice: the gateway speaks, in the customer's chat or the desk's.

    delivered: the agent's bubble `about` reached the phone (XEP-0184). failed: it did not, `text` says why.
    opened: the customer is one of those whom the agent talks with, and their contact is shown so, named `text`, and
    `about` until now, where that has changed; ended: no longer. stands: their contact's status is another. own: words
    that the agent sent to the customer another way.
    """

    text = "text"
    notice = "notice"
    delivered = "delivered"
    failed = "failed"
    opened = "opened"
    ended = "ended"
    stands = "stands"
    own = "own"


@record
class Line:
    """One stanza for an agent.

    id: of the stanza, the same at each repetition (XEP-0359 origin-id). choices: what one may answer with one tap,
    each (what is sent, what is shown) (XEP-0439). at: ms, when it was said, where that is not now (XEP-0203).
    """

    id: str
    agent: str
    customer: str
    kind: LineKind
    text: str = ""
    about: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    at: int | None = None


@record
class Said:
    """An agent wrote to a customer's contact, or to the desk. id: of the stanza, "" = none. replaces: id of the stanza
    that it corrects (XEP-0308), "" = it is new."""

    agent: str
    customer: str
    id: str
    text: str
    replaces: str = ""


@record
class Heard:
    """What becomes of what an agent wrote. text: the desk's answer, "" = none. refused: why the words go nowhere: the
    bubble is marked failed with it. delivered: they have reached the phone already, as the stanza is a repetition, or
    they were for the desk, and done. choices: what one may answer with one tap, as of a `Line`. ours: it was for the
    desk and went to nobody else, done or not: a command, a note."""

    text: str = ""
    refused: str = ""
    delivered: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    ours: bool = False


@record
class Seen:
    """An agent's client has a line (XEP-0184), or the agent has read it (`displayed`, XEP-0333). about: `Line.id`."""

    agent: str
    about: str
    displayed: bool = False


@record
class Bounced:
    """The server could not deliver a line: the account does not exist, or is blocked. about: `Line.id`."""

    agent: str
    about: str
    reason: str


@record
class Input:
    """One field of a verb. choices: (value, label), for a list; value: what it has now. hidden: it only comes back."""

    name: str
    label: str
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    value: str = ""
    lines: bool = False
    hidden: bool = False


@record
class Form:
    """What a verb wants to know before it is done. text: instructions. more: another form may follow."""

    title: str
    text: str = ""
    inputs: tuple[Input, ...] = ()
    more: bool = False


@record
class Asked:
    """An agent runs a verb on a contact, or on the desk. values: of the form, None = it was not shown yet."""

    agent: str
    customer: str
    verb: str
    values: Mapping[str, str] | None = None


@record
class Told:
    """What came of a verb: a form to fill in, or that it is done, with what to say. refused: it was not done. choices:
    what one may say next with one tap, as of a `Line`."""

    text: str = ""
    form: Form | None = None
    refused: bool = False
    choices: tuple[tuple[str, str], ...] = ()


@record
class RoomPlan:
    """A chat room that shall be, with us in it as its owner (XEP-0045). jid: its bare JID. customer: whose contact our
    occupant is, "" = the desk. nick: how we are called there. Nobody else may enter; members and admins are bare JIDs.
    """

    jid: str
    customer: str
    nick: str
    title: str
    members: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()


@record
class RoomSaid:
    """A listed agent wrote in a room of ours, under their real JID. id: of the stanza, "" = none. whispered: to our
    occupant alone. at: ms, when it was written, where we hear of it later: we were away, or their client was. replaces:
    id of the stanza that it corrects (XEP-0308). refused: why it can go to no customer, whatever it says.
    """

    room: str
    agent: str
    nick: str
    id: str
    text: str
    whispered: bool = False
    at: int | None = None
    replaces: str = ""
    refused: str = ""


class Entry(StrEnum):
    """made: the room is new. back: it was there, and we were not; what was written meanwhile is told. unread: the same,
    but nobody can tell that. changed: who may be in it did."""

    made = "made"
    back = "back"
    unread = "unread"
    changed = "changed"


class Rooms(Protocol):
    """Our rooms, as the floor sees them; none of it waits."""

    def keep(self, plan: RoomPlan, since: int | None = None) -> bool:
        """This room shall be, and be so. since: ms; what was said there from then on is told as well when we come in,
        and later what is said while we are out; None = nothing is. False where that cannot be."""

    def forget(self, jid: str) -> None:
        """We leave it, and it stays."""

    def end(self, plan: RoomPlan, reason: str) -> None:
        """Destroys it; `RoomEvents.gone` tells when it is no more."""

    def inside(self, jid: str) -> bool:
        """Whether what we say there is heard."""

    def behind(self, jid: str) -> bool:
        """Whether what was said there before we came in is still being told."""

    def people(self, jid: str) -> Mapping[str, str]:
        """Who is there beside us: bare real JIDs by nick."""

    def say(self, jid: str, text: str, *, id: str = "", at: int | None = None) -> bool:
        """To all there. at: ms, when it was said, where that is not now. False where we are not in."""

    def title(self, jid: str, text: str) -> bool:
        """Sets the subject. False where we are not in."""

    def invite(self, jid: str, agent: str, reason: str) -> bool:
        """Asks an agent to come in (XEP-0249). False where we are not in."""


async def _unheard(_: RoomSaid) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class RoomEvents:
    """What the channel tells of rooms. said: answers with what the room (or who whispered) is told, "" = nothing.
    entered: we are in, and it is as planned. gone: it is no more, as we asked. failed: it does not come up, why, and
    whether it is dead: one that was destroyed may stay so under its JID. Else it is tried again.
    """

    said: Callable[[RoomSaid], Awaitable[str]] = _unheard
    entered: Callable[[str, Entry], None] = lambda _jid, _how: None
    gone: Callable[[str], None] = lambda _jid: None
    failed: Callable[[str, str, bool], None] = lambda _jid, _why, _dead: None


@record
class DeskProfile:
    """How the server is reached (XEP-0114). domain: the component. agent_domains: whose users may be agents.
    file_links: how links to files may begin that are not https."""

    host: str
    port: int
    domain: str
    secret: str = field(repr=False)
    agent_domains: tuple[str, ...] = ()
    file_links: tuple[str, ...] = ()


class DeskState(StrEnum):
    """down: being connected. up: lines go. refused: the secret is wrong. replaced: another took our place; we stay
    away."""

    down = "down"
    up = "up"
    refused = "refused"
    replaced = "replaced"


def key_of(agent: str, customer: str, stanza: str) -> str:
    """The idempotency key of what an agent wrote to a customer: a stanza that comes twice is sent once."""
    return f"xmpp:{agent}:{customer}:{stanza}"


def stanza_of(key: str | None, agent: str) -> str:
    """The stanza behind an idempotency key, "" where the message came another way."""
    prefix = f"xmpp:{agent}:"
    return key.removeprefix(prefix).partition(":")[2] if key is not None and key.startswith(prefix) else ""


def room_key_of(conversation: int, agent: str = "", stanza: str = "") -> str:
    """The idempotency key of what an agent wrote in the room of a conversation; without agent and stanza, how all of
    them begin."""
    return f"room:{conversation}:{f'{agent}:{stanza}' if agent else ''}"


def line_key(stanza_key: str) -> str:
    """The idempotency key of what a line that is no words sent. stanza_key: of the line. No receipt ticks it: its
    answer did.
    """
    return f"desk:{stanza_key}"


def bubble_of(message: Message, *, desk: bool) -> tuple[str, str] | None:
    """How an agent hears what became of their words: the kind of row in the lane `desk`, and the stanza that shows
    them: the one that they wrote, else that of `own_id`. None where nothing shows them. desk: whether there are chat
    clients.
    """
    key = message.idempotency_key
    if key is None or message.author_kind != "agent":
        return None
    if stanza := stanza_of(key, message.author_id):
        return TICK, stanza
    parts = key.split(":", 2)
    if len(parts) == 3 and parts[0] == "room":
        its = parts[2].startswith(f"{message.author_id}:")
        return (FATE, parts[2].removeprefix(f"{message.author_id}:")) if its else None
    return (TICK, own_id(message.id)) if desk and not key.startswith(("xmpp:", "desk:")) else None


def own_key(an_id: int) -> str:
    """The idempotency key of words that an agent sent another way, without a key of their own: it says that their
    clients show them.
    """
    return f"own:{an_id}"


def own_id(message: int) -> str:
    """The stanza that shows an agent what was sent in their name: `message` is its id. They may correct it."""
    return f"o{message}"


def message_of_own(stanza: str) -> int | None:
    """The message behind such a stanza, None where it is none."""
    number = stanza.removeprefix("o")
    return (
        int(number) if stanza.startswith("o") and number.isascii() and number.isdigit() and len(number) < 20 else None
    )


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """What operators see of the desk. counters: name -> count since start."""

    state: DeskState
    reason: str = ""
    unconfirmed: int = 0
    privileges: tuple[str, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeskEvents:
    """The callbacks of the channel; app wires them to care.

    listed: whether a bare JID is an agent's; nobody else is heard. agents: all of them, to ask for their presence.
    said: an agent wrote; answers after the commit. verbs: what may be run on a contact just now, each (name, title).
    asked: an agent runs one. named: what a customer is called, "" where that is unknown or not for this agent. shows:
    how a customer's contact stands, as a status line; None = there is no such contact. seen, bounced, attends: see
    `Seen`, `Bounced`, `Show` (best over all devices). connected: lines go again; since when they did not, ms, None =
    since ever. lost: they do not. rooms: see there. server: what the agents' server says it is, after each connect.
    """

    listed: Callable[[str], bool]
    agents: Callable[[], Sequence[str]]
    said: Callable[[Said], Awaitable[Heard]]
    verbs: Callable[[str, str], Awaitable[Sequence[tuple[str, str]]]]
    asked: Callable[[Asked], Awaitable[Told]]
    named: Callable[[str, str], Awaitable[str]]
    shows: Callable[[str, str], str | None]
    seen: Callable[[Seen], None]
    bounced: Callable[[Bounced], None]
    attends: Callable[[str, Show], None]
    connected: Callable[[int | None], None]
    rooms: RoomEvents = RoomEvents()
    server: Callable[[ChatServer], None] = lambda _: None
    lost: Callable[[], None] = lambda: None
