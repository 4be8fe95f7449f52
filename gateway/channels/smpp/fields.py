"""What PDUs are made of: the header, C-octet strings and optional parameters. `decoders.py` and `encoders.py` put them
together."""

import struct
from collections.abc import Callable
from typing import Final

from smpplib import consts

from gateway.channels.smpp.wire import BadPdu, Tlvs

_HEADER: Final = struct.Struct(">IIII")
# bound once: a look-up less each time; typed, so that numbers are numbers where this is compiled
pack_header: Final[Callable[[int, int, int, int], bytes]] = _HEADER.pack
unpack_header: Final[Callable[[bytes], tuple[int, int, int, int]]] = _HEADER.unpack_from
_pack_tlv: Final[Callable[[int, int], bytes]] = struct.Struct(">HH").pack


def read_string(text: str, at: int, limit: int, name: str) -> tuple[str, int]:
    """The C-octet string at a place of a PDU, and the place behind its NUL.

    text: the whole PDU as Latin-1, a character an octet: a NUL is found in a string for less than in octets.
    limit: the most octets it may take, NUL included.

    Raises:
        BadPdu: it has no end there.
    """
    stop = text.find("\0", at, at + limit)
    if stop < 0:
        raise BadPdu(f"{name} has no end", consts.SMPP_ESME_RINVPARLEN)
    return text[at:stop], stop + 1


def read_tlvs(data: bytes, at: int, end: int) -> Tlvs:
    """The optional parameters between two places (SMPP v3.4 5.3.1), each as long as it says it is.

    Raises:
        BadPdu: one of them is cut off.
    """
    found: list[tuple[int, bytes]] = []
    while at < end:
        if end - at < 4:
            raise BadPdu("an optional parameter is cut off", consts.SMPP_ESME_RINVOPTPARSTREAM)
        tag = data[at] << 8 | data[at + 1]  # compiled, far cheaper than struct; interpreted, a little dearer
        length = data[at + 2] << 8 | data[at + 3]
        at += 4 + length
        if at > end:
            raise BadPdu(f"optional parameter 0x{tag:04x} is longer than its PDU", consts.SMPP_ESME_RINVOPTPARSTREAM)
        found.append((tag, data[at - length : at]))
    return tuple(found)


def write_tlvs(tlvs: Tlvs) -> bytes:
    """The octets of optional parameters. Raises struct.error for a tag or a length over 65,535."""
    octets = b""
    for tag, value in tlvs:
        octets += _pack_tlv(tag, len(value)) + value
    return octets


def cstring(value: str, limit: int, name: str) -> bytes:
    """The octets of a C-octet string with its NUL. limit: the most octets it may take, NUL included.

    Raises:
        BadPdu: too long, not Latin-1, or a NUL or control character in it, which would shift the fields after it.
    """
    if len(value) >= limit:
        raise BadPdu(f"{name} takes at most {limit - 1} characters", consts.SMPP_ESME_RINVPARLEN)
    if not value.isprintable() or not (value.isascii() or max(value) < "\u0100"):
        raise BadPdu(f"{name} holds a character that SMPP cannot carry", consts.SMPP_ESME_RINVOPTPARAMVAL)
    return value.encode("latin-1") + b"\0"
