"""What was said in a room while we were out of it, from its archive (XEP-0313): line by line, with who wrote it.

What a room repeats to who enters (XEP-0045, 7.2.14) will not do: it ends after 20 lines, Prosody does not say who wrote
those that it has in memory, and ejabberd forgets them when it restarts.
"""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

from gateway.channels.xmpp.jids import BadJid, read_sender
from gateway.channels.xmpp.room_stanzas import NS_USER
from gateway.channels.xmpp.writing import NS_DELAY, NS_FORWARD, attributes, escape, moment

NS_MAM = "urn:xmpp:mam:2"
NS_RSM = "http://jabber.org/protocol/rsm"  # XEP-0059
NS_ADDRESS = "http://jabber.org/protocol/address"  # XEP-0033
_PAGE = 50
_MESSAGES = ("{jabber:client}message", "{jabber:component:accept}message")


def ask(us: str, room: str, id: str, since: int, after: str) -> str:
    """A page of what was said since a time in ms. after: where the page before ended, "" = the first."""
    fields = f"<field var='FORM_TYPE' type='hidden'><value>{NS_MAM}</value></field>"
    fields += f"<field var='start'><value>{_stamp(since)}</value></field>"
    page = f"<max>{_PAGE}</max>" + (f"<after>{escape(after)}</after>" if after else "")
    return (
        f"<iq type='set'{attributes(from_=us, to=room, id=id)}><query xmlns='{NS_MAM}'{attributes(queryid=id)}>"
        f"<x xmlns='jabber:x:data' type='submit'>{fields}</x><set xmlns='{NS_RSM}'>{page}</set></query></iq>"
    )


def line_of(xml: ET.Element) -> tuple[str, ET.Element, int] | None:
    """A line of an archive: of which query, the message as it was, and when that was (ms). None: something else."""
    result = xml.find(f"{{{NS_MAM}}}result")
    forwarded = result.find(f"{{{NS_FORWARD}}}forwarded") if result is not None else None
    if result is None or forwarded is None:
        return None
    message = next((child for child in forwarded if child.tag in _MESSAGES), None)
    delay = forwarded.find(f"{{{NS_DELAY}}}delay")
    if message is None or delay is None:
        return None
    return result.get("queryid", ""), message, moment(delay.get("stamp", ""))


def end_of(xml: ET.Element) -> str:
    """Where the answer to a query says that its page ended; "" = there is no more."""
    fin = xml.find(f"{{{NS_MAM}}}fin")
    if fin is None or fin.get("complete") in ("true", "1"):
        return ""
    return fin.findtext(f"{{{NS_RSM}}}set/{{{NS_RSM}}}last") or ""


def author_of(message: ET.Element) -> str:
    """Who wrote a line, as bare real JID, in a room that is not anonymous: servers put in an item as in a presence;
    ejabberd an address, where it keeps no archive of the room and tells its latest 20 lines. The line's author may have
    put in the other: "" unless all agree.
    """
    claims = [found.get("jid") for found in message.iterfind(f"{{{NS_USER}}}x/{{{NS_USER}}}item")]
    addresses = message.iterfind(f"{{{NS_ADDRESS}}}addresses/{{{NS_ADDRESS}}}address")
    claims += [found.get("jid") for found in addresses if found.get("type") == "ofrom"]
    try:
        known = {read_sender(claim).bare for claim in claims}
    except BadJid:
        return ""
    return known.pop() if len(known) == 1 else ""


def _stamp(at: int) -> str:
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return "1970-01-01T00:00:00Z"
