"""Words as stanzas, ready to be written: text in, XML out, never an error, whatever the text.

Everything is in the stream's default namespace, jabber:component:accept (XEP-0114).
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from gateway.channels.xmpp.jids import contact_bare, contact_jid
from gateway.model.desk import MARK, Line, LineKind, message_of_own

NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NS_RECEIPTS = "urn:xmpp:receipts"  # XEP-0184
NS_MARKERS = "urn:xmpp:chat-markers:0"  # XEP-0333
NS_STATES = "http://jabber.org/protocol/chatstates"  # XEP-0085
NS_SID = "urn:xmpp:sid:0"  # XEP-0359
NS_DELAY = "urn:xmpp:delay"  # XEP-0203
NS_QUICK = "urn:xmpp:tmp:quick-response"  # XEP-0439
NS_HINTS = "urn:xmpp:hints"  # XEP-0334
NS_FORWARD = "urn:xmpp:forward:0"  # XEP-0297
NS_PRIVILEGE = "urn:xmpp:privilege:2"  # XEP-0356, 5; what was before it takes no such message on ejabberd
NS_PHOTO = "vcard-temp:x:update"  # XEP-0153
NS_ANSWER = "careline#answer"  # of ours: the line was for the desk, and went to nobody else
NS_PING = "urn:xmpp:ping"  # XEP-0199

_LONGEST_TEXT = 30_000  # characters of a body; a longer one might end the stream at the server, and come again
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_SPECIAL = re.compile("[&<>\"'\t\n\r]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}


def clean(text: str) -> str:
    """The text without what XML cannot hold: control characters, lone surrogates, U+FFFE and U+FFFF."""
    return _ILLEGAL.sub("", text)


def escape(text: str) -> str:
    """The text as content of an element: cleaned and escaped. A carriage return is kept as a reference."""
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")


def quote(text: str) -> str:
    """The text as the value of an attribute, with its quotes."""
    cleaned = _SPECIAL.sub(lambda found: _ENTITIES.get(found[0]) or f"&#{ord(found[0])};", clean(text))
    return f'"{cleaned}"'


def attributes(**values: str) -> str:
    """Attributes of a tag, those that are "" left out. A trailing _ of a name is dropped (`from_`)."""
    return "".join(f" {name.rstrip('_')}={quote(value)}" for name, value in values.items() if value)


def random_id() -> str:
    """An id that nobody guesses."""
    return secrets.token_hex(12)


def render(
    line: Line, domain: str, resources: Sequence[str] = (), last: str = "", *, speak: bool = False, ours: bool = False
) -> str:
    """The stanzas of one line; more than one only for a failure.

    Args:
        line: what to say.
        domain: of the component.
        resources: where the agent is. A server drops errors for a bare JID (RFC 6121, 8.5.2), so a failure goes to
            each of these; where there is none, as a text, which the server keeps for the agent, and to `last`.
        last: where the agent wrote last, "" = nowhere.
        speak: whether we may in the agent's name (XEP-0356).
        ours: what is confirmed was for the desk, not for the customer.
    """
    sender = contact_jid(line.customer, domain)
    if line.kind is LineKind.delivered:
        return (
            f"<message type='chat'{attributes(from_=sender, to=line.agent, id=line.id)}>"
            f"<received xmlns='{NS_RECEIPTS}'{attributes(id=line.about)}/>{_answer(line.about if ours else '')}"
            f"<store xmlns='{NS_HINTS}'/></message>"
        )
    if line.kind is LineKind.failed:
        if not speak and message_of_own(line.about) is not None:  # it is no bubble of theirs, and no client marks it
            return _said(line, sender, domain, f"{MARK} not delivered: {line.text}")
        told = "" if resources else _said(line, sender, domain, f"Not delivered: {line.text}")
        return told + "".join(
            error(
                "message",
                sender,
                f"{line.agent}/{resource}",
                line.about,
                ("cancel", "recipient-unavailable"),
                line.text,
            )
            for resource in (resources or ([last] if last else []))
        )
    if line.kind is LineKind.own:
        if speak:
            return _as_agent(line, domain)
        return _said(line, sender, domain, f"{MARK} sent over the console: {line.text}")
    return _said(line, sender, domain, line.text)


def _as_agent(line: Line, domain: str) -> str:
    """What an agent said elsewhere, as if their own client had sent it: their server shows it on all their devices
    (XEP-0280). It brings it to us as well, from the account itself, where the reader sets it aside.
    """
    # All of it is in the clients' namespace, else the body would be empty for them.
    inner = (
        f"<message xmlns='jabber:client' type='chat'"
        f"{attributes(from_=line.agent, to=contact_bare(line.customer, domain), id=line.id)}>"
        f"<body>{escape(_cut(line.text))}</body><origin-id xmlns='{NS_SID}'{attributes(id=line.id)}/>"
        f"{delay(line.at, domain)}</message>"
    )
    server = line.agent.partition("@")[2]
    return (
        f"<message{attributes(from_=domain, to=server, id=line.id)}><privilege xmlns='{NS_PRIVILEGE}'>"
        f"<forwarded xmlns='{NS_FORWARD}'>{inner}</forwarded></privilege></message>"
    )


def chat(sender: str, to: str, text: str, choices: Sequence[tuple[str, str]] = (), about: str = "") -> str:
    """A message that is not kept and not confirmed: the desk answers at once. choices: as of a `Line` (XEP-0439).
    about: the id of the line that it answers, where that was for the desk, "" = none.
    """
    return (
        f"<message type='chat'{attributes(from_=sender, to=to, id=random_id())}>"
        f"<body>{escape(text)}</body>{_answer(about)}{_choices(choices)}</message>"
    )


def error(
    stanza: str, sender: str, to: str, id: str, condition: tuple[str, str], text: str = "", details: str = ""
) -> str:
    """An error for a stanza that came (RFC 6120, 8.3).

    Args:
        stanza: its name: message, iq or presence.
        sender: whom it was for.
        to: from whom it came.
        id: its id.
        condition: type and defined condition.
        text: for people.
        details: an element of another namespace that says more.
    """
    kind, name = condition
    told = f"<text xmlns='{NS_STANZAS}' xml:lang='en'>{escape(text[:_LONGEST_TEXT])}</text>" if text else ""
    return (
        f"<{stanza} type='error'{attributes(from_=sender, to=to, id=id)}>"
        f"<error type='{kind}'><{name} xmlns='{NS_STANZAS}'/>{told}{details}</error></{stanza}>"
    )


def presence(sender: str, to: str, kind: str = "", status: str = "", photo: str = "") -> str:
    """A presence; kind "" = available. photo: SHA-1 of the picture in the vCard (XEP-0153), "" = nothing is said."""
    inner = f"<status>{escape(status)}</status>" if status else ""
    if photo:
        inner += f"<x xmlns='{NS_PHOTO}'><photo>{photo}</photo></x>"
    return f"<presence{attributes(from_=sender, to=to, type=kind)}>{inner}</presence>"


def result(sender: str, to: str, id: str, payload: str = "") -> str:
    """The answer to a query; payload: XML."""
    return f"<iq type='result'{attributes(from_=sender, to=to, id=id)}>{payload}</iq>"


def ping(sender: str, to: str, id: str) -> str:
    """XEP-0199."""
    return f"<iq type='get'{attributes(from_=sender, to=to, id=id)}><ping xmlns='{NS_PING}'/></iq>"


def _said(line: Line, sender: str, domain: str, text: str) -> str:
    return (
        f"<message type='chat'{attributes(from_=sender, to=line.agent, id=line.id)}><body>{escape(_cut(text))}</body>"
        f"<origin-id xmlns='{NS_SID}'{attributes(id=line.id)}/><request xmlns='{NS_RECEIPTS}'/>"
        f"<markable xmlns='{NS_MARKERS}'/><active xmlns='{NS_STATES}'/>"
        f"{delay(line.at, domain)}{_choices(line.choices)}</message>"
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def delay(at: int | None, domain: str) -> str:
    """When something was said, ms (XEP-0203); "" for None."""
    if at is None:
        return ""
    try:
        moment = datetime.fromtimestamp(at / 1000, UTC)
    except (OverflowError, ValueError, OSError):  # no calendar goes there
        return ""
    stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"<delay xmlns='{NS_DELAY}'{attributes(from_=domain, stamp=stamp)}/>"


def moment(stamp: str) -> int:
    """A time of XEP-0082 in ms; 0 = long ago, where it is none."""
    try:
        found = datetime.fromisoformat(stamp)
        return max(0, int(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        return 0


def _answer(about: str) -> str:
    return f"<answer xmlns='{NS_ANSWER}'{attributes(id=about)}/>" if about else ""


def _choices(choices: Iterable[tuple[str, str]]) -> str:
    return "".join(
        f"<response xmlns='{NS_QUICK}' value={quote(value)} label={quote(label)}/>" for value, label in choices
    )
