"""What a message of an agent's client says to a person. Ordinary clients send more than words: what an SMS cannot carry
is refused with what to do instead, and text that stands there for clients that know no better never reaches a customer.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_ID = 256
LONGEST_LINK = 500  # characters: three parts of SMS

_BODY = ("{jabber:component:accept}body", "{jabber:client}body")
_ENCRYPTED = (
    "{eu.siacs.conversations.axolotl}",  # XEP-0384, before 0.4
    "{urn:xmpp:omemo:",  # XEP-0384
    "{urn:xmpp:openpgp:",  # XEP-0373
    "{jabber:x:encrypted}",  # XEP-0027
    "{urn:xmpp:eme:",  # XEP-0380: says that the rest is
    "{urn:xmpp:otr:",
)
_SEALED = ("}payload", "}openpgp", "{jabber:x:encrypted}x")
_CIPHERS = re.compile(r"\s*(?:\?OTR|-----BEGIN PGP MESSAGE-----|aesgcm://)")
_RETRACT = re.compile(r"\{urn:xmpp:message-retract:[^}]*\}retract")  # XEP-0424, also inside of XEP-0422
_REACTIONS = "{urn:xmpp:reactions:0}reactions"  # XEP-0444
_REPLY = "urn:xmpp:reply:0"  # XEP-0461
_FALLBACK = ("{urn:xmpp:fallback:0}", "{urn:xmpp:feature-fallback:0}")  # XEP-0428, and before 0.2
_REPLACE = "{urn:xmpp:message-correct:0}replace"  # XEP-0308
_FILE = "{jabber:x:oob}x"  # XEP-0066
_URL = "{jabber:x:oob}url"
_FORWARDED = frozenset(
    (
        "{urn:xmpp:carbons:2}sent",  # XEP-0280: of another conversation
        "{urn:xmpp:carbons:2}received",
        "{urn:xmpp:forward:0}forwarded",  # XEP-0297: somebody else's words
    )
)
_OCCUPANT = "{http://jabber.org/protocol/muc#user}x"  # XEP-0045: of a chat room
_LINK = re.compile(r"https?://[^\s/?#@<>\"]+(?:[/?#][^\s<>\"]*)?")
_NUMBER = re.compile(r"[0-9]{1,7}", re.ASCII)

ENCRYPTED = "not sent: it is encrypted, and an SMS cannot be: turn encryption off for this contact and write it again"
RETRACTED = "an SMS cannot be taken back: the customer has it; correct the message, or write another"
REACTED = "not sent: an SMS carries no reactions, the customer sees none of it; write it in words"
BAD_QUOTE = "not sent: your words cannot be told from what they quote; write them without the quote"
ONLY_QUOTE = "not sent: there is nothing but the quote"
BAD_CORRECTION = "not sent: it corrects a message without saying which; write it as a new one"
BAD_LINK = "not sent: a file reaches the customer as a link, and only https:// links go out; this is none"
FORWARDED = "not sent: it forwards somebody else's words; write it in your own"
FROM_ROOM = "not sent: it belongs to a chat room, not to this chat; write it anew"
LONG_LINK = f"not sent: the link to the file is longer than {LONGEST_LINK} characters; use a shorter one"


@dataclass(frozen=True, slots=True)
class Content:
    """text: what a person reads, "" = nothing. replaces: the id of the message that it corrects. refused: why it goes
    nowhere."""

    text: str = ""
    replaces: str = ""
    refused: str = ""


def foreign(xml: ET.Element) -> str:
    """Why it is nothing that one person wrote to one: forwarded words, or those of a chat room; "" = it is."""
    tags = {element.tag for element in xml.iter()}
    if tags & _FORWARDED:
        return FORWARDED
    return FROM_ROOM if _OCCUPANT in tags else ""


def body_of(xml: ET.Element) -> str:
    """The words as they stand there."""
    for tag in _BODY:
        found = xml.find(tag)
        if found is not None:
            return found.text or ""
    return ""


def read_content(xml: ET.Element, file_links: Sequence[str] = ()) -> Content:
    """What a message says, in a chat or a room. Typing, receipts and the like say nothing. file_links: see
    `DeskProfile`.
    """
    body = body_of(xml)
    refused = _refused(xml, body)
    if refused is not None:
        return Content(refused=refused)
    said = _unquoted(xml, body)
    if said.refused:
        return said
    said = _with_file(xml, said.text, file_links)
    replace = xml.find(_REPLACE)
    if said.refused or replace is None or not said.text.strip():
        return said
    replaces = replace.get("id", "")
    if not replaces or len(replaces) > LONGEST_ID:
        return Content(refused=BAD_CORRECTION)
    return Content(said.text, replaces)


def _refused(xml: ET.Element, body: str) -> str | None:
    """Why it goes nowhere, whatever it says; "" = it is nothing for a person; None = it may go."""
    tags = [element.tag for element in xml.iter()]
    if any(tag.startswith(_ENCRYPTED) for tag in tags):
        # Keys alone, which OMEMO clients send unasked, say nothing.
        return ENCRYPTED if body or any(tag.endswith(_SEALED) for tag in tags) else ""
    if not _FORWARDED.isdisjoint(tags):
        return FORWARDED
    if _CIPHERS.match(body):
        return ENCRYPTED
    if any(_RETRACT.fullmatch(tag) for tag in tags):
        return RETRACTED
    reactions = xml.find(_REACTIONS)
    if reactions is not None:
        return REACTED if len(reactions) else ""  # one is taken back that nobody saw
    return None


def _unquoted(xml: ET.Element, body: str) -> Content:
    """Without what it quotes for clients that do not know replies (XEP-0461, 3.1); positions are code points
    (XEP-0426). What stands there for other extensions is what we can use of them, and stays.
    """
    spans: list[tuple[int, int]] = []
    for fallback in xml:
        if not fallback.tag.startswith(_FALLBACK) or fallback.get("for") != _REPLY:
            continue
        bodies = [child for child in fallback if child.tag.endswith("}body")]
        spans += [_span(child, len(body)) for child in bodies]
        if not len(fallback):
            spans.append((0, len(body)))
    if any(start > end or end > len(body) for start, end in spans):
        return Content(refused=BAD_QUOTE)
    if not spans:
        return Content(body)
    kept, at = "", 0
    for start, end in sorted(spans):
        kept += body[at:start]
        at = max(at, end)
    kept = (kept + body[at:]).lstrip("\r\n")
    return Content(kept) if kept.strip() else Content(refused=ONLY_QUOTE)


def _span(body: ET.Element, length: int) -> tuple[int, int]:
    """From where to where; what is no number is past the end."""
    found = [body.get("start", "0"), body.get("end", str(length))]
    start, end = (int(one) if _NUMBER.fullmatch(one) else length + 1 for one in found)
    return start, end


def _with_file(xml: ET.Element, text: str, file_links: Sequence[str]) -> Content:
    """Uploaded files are links (XEP-0363, XEP-0066), which mostly are the whole body."""
    links = [(url.text or "").strip() for found in xml.iterfind(_FILE) for url in found.iterfind(_URL)]
    for link in filter(None, links):
        if _CIPHERS.match(link):
            return Content(refused=ENCRYPTED)
        if not _LINK.fullmatch(link) or not _goes_out(link, file_links):
            return Content(refused=BAD_LINK)
        if len(link) > LONGEST_LINK:
            return Content(refused=LONG_LINK)
        if link not in text:
            text = f"{text}\n{link}".strip()
    return Content(text)


def _goes_out(link: str, file_links: Sequence[str]) -> bool:
    return link.startswith("https://") or any(link.startswith(f"{one.rstrip('/')}/") for one in file_links)
