"""The user data header in front of a text: which part it is, and in which alphabet (3GPP TS 23.040 9.2.3.24)."""

import struct
from dataclasses import dataclass
from typing import Final

_CONCATENATED: Final = 0x00
_CONCATENATED_16: Final = 0x08
_SINGLE_SHIFT: Final = 0x24
_LOCKING_SHIFT: Final = 0x25
_WIDE: Final = struct.Struct(">BBBHBB")
_NARROW: Final = struct.Struct(">BBBBBB")


@dataclass(slots=True)
class Header:
    """What a header says.

    length: octets it takes, its own length octet included. reference, part, parts: 0, 1, 1 for a whole text.
    locking, single: national shift tables (TS 23.038 6.2.1.2.4).
    """

    length: int
    reference: int = 0
    part: int = 1
    parts: int = 1
    locking: int = 0
    single: int = 0


def read_header(octets: bytes) -> Header | None:
    """The header in front of a text, None where it does not add up (the octets are then all text).

    A part number of 0, or above the total, means that this is no part at all.
    """
    if not octets or octets[0] >= len(octets):
        return None
    header = Header(octets[0] + 1)
    at = 1
    while at < header.length:
        if at + 2 > header.length:
            return None
        element, size = octets[at], octets[at + 1]
        value = octets[at + 2 : at + 2 + size]
        at += 2 + size
        if at > header.length:
            return None
        if element == _CONCATENATED and size == 3:
            _place(header, value[0], value[2], value[1])
        elif element == _CONCATENATED_16 and size == 4:
            _place(header, value[0] << 8 | value[1], value[3], value[2])
        elif element == _SINGLE_SHIFT and size == 1:
            header.single = value[0]
        elif element == _LOCKING_SHIFT and size == 1:
            header.locking = value[0]
    return header


def _place(header: Header, reference: int, part: int, parts: int) -> None:
    # of several, the last that makes sense counts (TS 23.040 9.2.3.24)
    if 1 <= part <= parts and parts > 1:
        header.reference, header.part, header.parts = reference, part, parts


def write_header(reference: int, part: int, parts: int, *, wide: bool) -> bytes:
    """The header of one part; wide = 16-bit reference, else its lower 8 bits. struct.error for parts over 255."""
    if wide:
        return _WIDE.pack(6, _CONCATENATED_16, 4, reference & 0xFFFF, parts, part)
    return _NARROW.pack(5, _CONCATENATED, 3, reference & 0xFF, parts, part)
