"""Stanzas of rooms (XEP-0045), as text, and what is read of theirs."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping

from gateway.channels.xmpp.jids import CONTACT_RESOURCE, BadJid, read_sender
from gateway.channels.xmpp.writing import (
    NS_DELAY,
    NS_SID,
    NS_STANZAS,
    attributes,
    delay,
    escape,
    moment,
    random_id,
)
from gateway.model.desk import MARK, RoomPlan

NS_MUC = "http://jabber.org/protocol/muc"
NS_USER = f"{NS_MUC}#user"
NS_ADMIN = f"{NS_MUC}#admin"
NS_OWNER = f"{NS_MUC}#owner"
NS_CONFERENCE = "jabber:x:conference"  # XEP-0249
_SPACES = ("{jabber:component:accept}", "{jabber:client}")
_LONGEST_TEXT = 30_000  # characters


def occupant(plan: RoomPlan, domain: str) -> str:
    """The full JID that we enter a room with."""
    local = f"{plan.customer}@" if plan.customer else ""
    return f"{local}{domain}/{CONTACT_RESOURCE}"


def enter(us: str, room: str, nick: str) -> str:
    """7.2: without what was said before."""
    inner = f"<x xmlns='{NS_MUC}'><history maxstanzas='0'/></x>"
    return f"<presence{attributes(from_=us, to=f'{room}/{nick}')}>{inner}</presence>"


def leave(us: str, room: str, nick: str) -> str:
    """7.14."""
    return f"<presence type='unavailable'{attributes(from_=us, to=f'{room}/{nick}')}/>"


def configure(us: str, id: str, plan: RoomPlan) -> str:
    """10.2: for members, hidden, lasting; all see all real JIDs, we alone set the subject."""
    fields: Mapping[str, str] = {
        "roomname": plan.title,
        "persistentroom": "1",
        "publicroom": "0",
        "membersonly": "1",
        "moderatedroom": "0",
        "whois": "anyone",
        "changesubject": "0",
    }
    inner = f"<field var='FORM_TYPE'><value>{NS_MUC}#roomconfig</value></field>"
    inner += "".join(
        f"<field var='muc#roomconfig_{name}'><value>{escape(value)}</value></field>" for name, value in fields.items()
    )
    return _query("set", us, plan.jid, id, NS_OWNER, f"<x xmlns='jabber:x:data' type='submit'>{inner}</x>")


def destroy(us: str, room: str, id: str, reason: str) -> str:
    """10.9."""
    return _query("set", us, room, id, NS_OWNER, f"<destroy><reason>{escape(reason)}</reason></destroy>")


def listed_as(us: str, room: str, id: str, affiliation: str) -> str:
    """9.5: asks who has an affiliation."""
    return _query("get", us, room, id, NS_ADMIN, f"<item affiliation='{affiliation}'/>")


def affiliate(us: str, room: str, id: str, jid: str, affiliation: str) -> str:
    """9.3: one at a time, since Prosody reads the first item only."""
    return _query("set", us, room, id, NS_ADMIN, f"<item{attributes(affiliation=affiliation, jid=jid)}/>")


def affiliations_wanted(plan: RoomPlan, us: str, listed: Mapping[str, str]) -> dict[str, str]:
    """What is to be changed, by bare JID. listed: what holds now."""
    ours = us.partition("/")[0]
    wanted = {**dict.fromkeys(plan.members, "member"), **dict.fromkeys(plan.admins, "admin"), ours: "owner"}
    changes = {jid: want for jid, want in wanted.items() if listed.get(jid) != want}
    return changes | {jid: "none" for jid in listed if jid not in wanted}


def say(us: str, to: str, text: str, *, id: str = "", at: int | None = None, whisper: bool = False) -> str:
    """7.4, 7.5: to all, or to one occupant. at: ms, when it was said, where that is not now (XEP-0203)."""
    name = id or random_id()
    kind, mark = ("chat", f"<x xmlns='{NS_USER}'/>") if whisper else ("groupchat", "")
    body = f"<body>{escape(text[:_LONGEST_TEXT])}</body><origin-id xmlns='{NS_SID}'{attributes(id=name)}/>"
    domain = us.partition("/")[0].rpartition("@")[2]
    return f"<message type='{kind}'{attributes(from_=us, to=to, id=name)}>{body}{mark}{delay(at, domain)}</message>"


def subject(us: str, room: str, text: str) -> str:
    """8.1."""
    inner = f"<subject>{escape(text[:_LONGEST_TEXT])}</subject>"
    return f"<message type='groupchat'{attributes(from_=us, to=room, id=random_id())}>{inner}</message>"


def invite(us: str, to: str, room: str, reason: str) -> str:
    """XEP-0249, and in words for clients that do not know it."""
    inner = f"<body>{escape(f'{MARK} you are asked into the room {room}: {reason}')}</body>"
    inner += f"<x xmlns='{NS_CONFERENCE}'{attributes(jid=room, reason=reason)}/>"
    return f"<message{attributes(from_=us, to=to, id=random_id())}>{inner}</message>"


def _query(kind: str, us: str, room: str, id: str, space: str, inner: str) -> str:
    return f"<iq type='{kind}'{attributes(from_=us, to=room, id=id)}><query xmlns='{space}'>{inner}</query></iq>"


# what comes


def codes(xml: ET.Element) -> frozenset[str]:
    """Status codes of a presence (15.6.2)."""
    return frozenset(found.get("code", "") for found in xml.iterfind(f"{{{NS_USER}}}x/{{{NS_USER}}}status"))


def item(xml: ET.Element) -> tuple[str, str]:
    """Of a presence: affiliation, and the bare real JID, "" where it is hidden."""
    found = xml.find(f"{{{NS_USER}}}x/{{{NS_USER}}}item")
    if found is None:
        return "none", ""
    try:
        real = read_sender(found.get("jid")).bare
    except BadJid:
        real = ""
    return found.get("affiliation", "none"), real


def affiliations(xml: ET.Element) -> dict[str, str]:
    """The answer to `listed_as`: affiliation by bare JID."""
    items = xml.iterfind(f"{{{NS_ADMIN}}}query/{{{NS_ADMIN}}}item")
    return {found.get("jid", ""): found.get("affiliation", "none") for found in items if found.get("jid")}


def said_at(xml: ET.Element) -> int | None:
    """When it was said, ms, where its author says that it is a while ago (XEP-0203); 0 = nobody knows when."""
    found = xml.find(f"{{{NS_DELAY}}}delay")
    return None if found is None else moment(found.get("stamp", ""))


def condition(xml: ET.Element) -> str:
    """Of an error (RFC 6120, 8.3.3)."""
    prefix = f"{{{NS_STANZAS}}}"
    for space in _SPACES:
        for child in xml.iterfind(f"{space}error/*"):
            if child.tag.startswith(prefix) and not child.tag.endswith("}text"):
                return child.tag.removeprefix(prefix)[:64]
    return "undefined-condition"
