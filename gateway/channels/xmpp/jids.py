"""Who wrote, and to whom: JIDs as they stand in stanzas (RFC 7622), judged by slixmpp, never trusted to be JIDs."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from slixmpp import JID
from slixmpp.jid import InvalidJID

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_LONGEST = 3071  # octets of a JID: three parts of 1023 and two separators

CONTACT_RESOURCE = "sms"  # of a customer's contact: presence needs one


class BadJid(ValueError):
    """The text is no JID, or none that slixmpp would take."""


@dataclass(frozen=True, slots=True)
class Sender:
    """From whom a stanza comes. full: as it was written. resource: "" = a bare JID. local: "" = a domain."""

    full: str
    bare: str
    local: str
    domain: str
    resource: str


@dataclass(frozen=True, slots=True)
class Contact:
    """Which of our JIDs a stanza is for. full: as it was written. customer: "" = the desk itself."""

    full: str
    customer: str
    resource: str


def read_sender(text: str | None) -> Sender:
    """The sender of a stanza. The server prepares JIDs before it routes them, so one whose bare part is not in its
    canonical form (upper case, say) is not from a server that we know.

    Raises:
        BadJid: it is missing, or not a canonical JID.
    """
    if not text or len(text) > _LONGEST:
        raise BadJid("no sender, or one that is too long")
    try:
        jid = JID(text)
        bare, local, domain, resource = str(jid.bare), str(jid.node), str(jid.domain), str(jid.resource)
    except (InvalidJID, ValueError) as error:
        raise BadJid("not a JID") from error
    if bare != text.partition("/")[0]:
        raise BadJid("not canonical")
    return Sender(text, bare, local, domain, resource)


def read_contact(text: str | None, domain: str) -> Contact | None:
    """The contact that a stanza is addressed to; None where `domain` has no such contact."""
    bare, _, resource = (text or "").partition("/")
    if bare == domain:
        return Contact(text or "", "", resource)
    local, at, host = bare.partition("@")
    if at and host == domain and _PHONE.fullmatch(local):
        return Contact(text or "", local, resource)
    return None


def is_agent(bare: str, domains: Collection[str]) -> bool:
    """Whether a text is the canonical bare JID of a user of one of these domains."""
    try:
        sender = read_sender(bare)
    except BadJid:
        return False
    return bool(sender.local) and not sender.resource and sender.domain in domains


def is_customer(text: str) -> bool:
    """Whether a text names a customer, or is "", the desk."""
    return not text or _PHONE.fullmatch(text) is not None


def contact_jid(customer: str, domain: str) -> str:
    """The full JID of a customer's contact; of the desk, its domain."""
    return f"{customer}@{domain}/{CONTACT_RESOURCE}" if customer else domain


def contact_bare(customer: str, domain: str) -> str:
    """The JID of a customer's contact as it stands in a roster; of the desk, its domain."""
    return f"{customer}@{domain}" if customer else domain
