"""Delivery receipts: by parameters, by text, or by esm_class alone (SMPP v3.4 5.2.12, appendix B).

Whether a deliver_sm is a receipt is the carrier's word (esm_class or a parameter), never the text's: a customer may
type "id:123 stat:DELIVRD".
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.channels.smpp import pdu
from gateway.channels.smpp.numbers import OWN_LEAST, read_address
from gateway.channels.smpp.profile import CarrierProfile, MessageId
from gateway.channels.smpp.sms import UDHI, user_data
from gateway.channels.smpp.texts import read_text
from gateway.channels.smpp.udh import read_header
from gateway.channels.smpp.wire import Data, Message
from gateway.model.channel import Receipt
from gateway.model.message import ReceiptState

TYPE_MASK: Final = 0x3C
SMSC_RECEIPT: Final = 0x04
SME_ACKNOWLEDGEMENT: Final = 0x08
INTERMEDIATE: Final = 0x20
_MAX_ID: Final = 65  # 5.2.23, NUL included; a longer one is cut, since it can match nothing

STATES: Final[Mapping[int, ReceiptState]] = MappingProxyType(
    {
        0: ReceiptState.scheduled,
        1: ReceiptState.enroute,
        2: ReceiptState.delivered,
        3: ReceiptState.expired,
        4: ReceiptState.deleted,
        5: ReceiptState.undeliverable,
        6: ReceiptState.accepted,
        7: ReceiptState.unknown,
        8: ReceiptState.rejected,
        9: ReceiptState.skipped,
    }
)
# beginnings of what carriers write after stat:, upper case; the longest that fits counts
_WORDS: tuple[tuple[str, ReceiptState], ...] = (
    ("DELIV", ReceiptState.delivered),
    ("DELETE", ReceiptState.deleted),
    ("EXPIR", ReceiptState.expired),
    ("UNDEL", ReceiptState.undeliverable),
    ("UNDLV", ReceiptState.undeliverable),
    ("FAIL", ReceiptState.undeliverable),
    ("ACCEP", ReceiptState.accepted),
    ("ACK", ReceiptState.accepted),
    ("REJEC", ReceiptState.rejected),
    ("BLOCK", ReceiptState.rejected),
    ("ENROUTE", ReceiptState.enroute),
    ("BUFF", ReceiptState.enroute),
    ("SCHED", ReceiptState.scheduled),
    ("SKIP", ReceiptState.skipped),
)
_EXACT: Final[Mapping[str, ReceiptState]] = MappingProxyType({state.value: state for state in ReceiptState})
_FIELD: Final = re.compile(r"\b(id|sub|dlvrd|submit ?date|done ?date|stat|err)\s*:\s*([^\s:]*)", re.IGNORECASE)
# appendix B to the letter, which most carriers write: one match instead of seven
_BOOK: Final = re.compile(
    r"id:([^\s:]+) sub:([^\s:]*) dlvrd:([^\s:]*) submit date:([^\s:]*) done date:([^\s:]*)"
    r" stat:([^\s:]+) err:([^\s:]*)(?: text:|$)",
    re.IGNORECASE,
)
_NAMES: Final = ("id", "sub", "dlvrd", "submitdate", "donedate", "stat", "err")
_TEXT: Final = re.compile(r"\btext\s*:", re.IGNORECASE)
_HEX: Final = re.compile("[0-9a-fA-F]{1,32}")


def state_of(word: str) -> ReceiptState:
    """The state that a receipt's `stat:` names, UNKNOWN for words that nobody else uses."""
    upper = word.upper()
    known = _EXACT.get(upper)
    if known is not None:
        return known
    return next((state for start, state in _WORDS if upper.startswith(start)), ReceiptState.unknown)


def scan(text: str) -> dict[str, str]:
    """The fields of a receipt's text in any order, names in lower case without blanks ("donedate"); the first of each.

    The customer's own words after `text:` are looked at only if what stands before says too little.
    """
    book = _BOOK.match(text)
    if book is not None:
        return dict(zip(_NAMES, book.groups(), strict=True))
    cut = _TEXT.search(text)
    found = _fields(text[: cut.start()] if cut else text)
    if cut and not ("id" in found and "stat" in found):
        found = _fields(text)
    return found


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _FIELD.finditer(text):
        found.setdefault(match[1].lower().replace(" ", ""), match[2])
    return found


def canonical(remote_id: str) -> str:
    """The form under which an id is stored and looked for: no blanks, lower case, no leading zeros ("0" for none left).

    Used on the id of the response and on each of a receipt's `remote_ids`.
    """
    return remote_id.strip().lower().lstrip("0") or "0"


def remote_ids(written: str, kind: MessageId = "auto") -> tuple[str, ...]:
    """The forms under which the response may have given the id: as written, then canonical, then by hex and decimal.

    kind: see `CarrierProfile.message_id`; with "hex" or "decimal" the converted form comes first.
    """
    plain = canonical(written)
    forms: tuple[str, ...]
    as_hex = padded = as_decimal = ""
    if plain.isdigit() and plain.isascii() and len(plain) <= 39:
        value = int(plain)
        as_hex, padded = (
            f"{value:x}",
            f"{value:08X}",
        )  # the second as most carriers write it, for who compares as written
    if _HEX.fullmatch(plain):
        as_decimal = str(int(plain, 16))
    if kind == "auto":
        forms = (written, plain, as_hex, as_decimal, padded)
    elif kind == "hex":
        forms = (as_hex, padded, written, plain)
    elif kind == "decimal":
        forms = (as_decimal, written, plain)
    else:
        forms = (written, plain)
    return tuple(form for form in dict.fromkeys(forms) if form)


def read_receipt(message: Message | Data, profile: CarrierProfile, token: object) -> Receipt | None:
    """The receipt that a deliver_sm or data_sm is, None if it is a text. Never raises.

    A receipt's `sender` is the phone and `to` is ours, as the carrier wrote them.
    """
    kind = message.esm_class & TYPE_MASK
    if not kind and not message.tlvs:
        return None
    declared = bool(kind & (SMSC_RECEIPT | INTERMEDIATE)) and not kind & SME_ACKNOWLEDGEMENT
    told_id = message.tlv(pdu.RECEIPTED_MESSAGE_ID)
    told_state = message.tlv(pdu.MESSAGE_STATE)
    if not declared and told_id is None and not kind & SME_ACKNOWLEDGEMENT:
        return None
    text = _text(message, profile)
    found = scan(text)
    if (
        not declared
        and not (told_id is not None and told_state is not None)
        and not ("id" in found and "stat" in found)
    ):
        return None  # an acknowledgement typed by hand, or a reply that names what it answers: a text
    written = _cstring(told_id) if told_id is not None else ""
    written = (written or found.get("id", ""))[: _MAX_ID - 1]
    return Receipt(
        token=token,
        carrier=profile.name,
        remote_ids=remote_ids(written, profile.message_id) if written else (),
        state=_state(told_state, found, kind),
        sender=read_address(message.source_addr, message.source_addr_ton, profile.country),
        to=read_address(message.destination_addr, message.dest_addr_ton, profile.country, least=OWN_LEAST),
        error=_error(message, found),
        done_at=found.get("donedate", ""),
        user_reference=_reference(message),
        text=text,
    )


def _state(told: bytes | None, found: Mapping[str, str], kind: int) -> ReceiptState:
    if told:
        return STATES.get(pdu.number(told), ReceiptState.unknown)
    if found.get("stat"):
        return state_of(found["stat"])
    return ReceiptState.enroute if kind & INTERMEDIATE else ReceiptState.unknown


def _error(message: Message | Data, found: Mapping[str, str]) -> str:
    """The network's error: `err:` as written, else the number in network_error_code (5.3.2.31)."""
    written = found.get("err", "")
    if written.strip("0"):
        return written
    told = message.tlv(pdu.NETWORK_ERROR_CODE)
    if told is not None and len(told) >= 3 and any(told[1:3]):
        return f"{pdu.number(told[1:3]):03d}"
    return written


def _reference(message: Message | Data) -> int | None:
    told = message.tlv(pdu.USER_MESSAGE_REFERENCE)
    return pdu.number(told) & 0xFFFF if told else None


def _text(message: Message | Data, profile: CarrierProfile) -> str:
    octets = user_data(message)
    if message.esm_class & UDHI:
        header = read_header(octets)
        octets = octets[header.length :] if header is not None else octets
    return read_text(octets, message.data_coding, profile.default_alphabet)[0]


def _cstring(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode("latin-1").strip()
