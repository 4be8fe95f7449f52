"""What a text costs: its encoding, and the parts that phones put together again (3GPP TS 23.040 9.2.3.24)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.model import gsm7
from gateway.model.channel import Encoding

Alphabet = Literal["gsm7", "latin1", "ascii"]
Mode = Literal["udh8", "udh16", "sar", "payload"]

MAX_PARTS = 255
# (whole text, part beside an 8-bit reference, part beside a 16-bit reference): septets, octets, UTF-16 code units
_ROOM = {Encoding.gsm7: (160, 153, 152), Encoding.latin1: (140, 134, 133), Encoding.ucs2: (70, 67, 66)}
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
# Halves of a character that its sender cut in two travel as these until both are there (see `join`).
_HALF = 0xF0000
_HALVES = re.compile(f"[{chr(_HALF)}-{chr(_HALF + 0x3FF)}][{chr(_HALF + 0x400)}-{chr(_HALF + 0x7FF)}]")
_LONE = re.compile(f"[{chr(_HALF)}-{chr(_HALF + 0x7FF)}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class TooLong(ValueError):
    """The text needs more than 255 parts."""


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """What a text costs.

    length: septets, octets or UTF-16 code units, by encoding. forcing: the first character that the carrier's default
    alphabet lacks, which made the text dearer; None if there is none.
    """

    encoding: Encoding
    parts: int
    length: int
    forcing: str | None


def _foreign(text: str, alphabet: Alphabet) -> str | None:
    """The first character that cannot be written in GSM-7 over a carrier whose data_coding 0 is that alphabet."""
    found = gsm7.foreign(text)
    if alphabet == "gsm7" or text.isascii():
        return found
    limit = 0xFF if alphabet == "latin1" else 0x7F
    return next((char for char in text if ord(char) > limit or char not in gsm7.CHARACTERS), None)


def encoding_of(text: str, default_alphabet: Alphabet = "gsm7") -> Encoding:
    """The cheapest encoding that can write the text.

    default_alphabet: what the carrier means by data_coding 0. Over one that means Latin-1 or ASCII, characters outside
    it (Greek, the euro sign) cannot be reached with GSM-7, and Latin-1 (data_coding 3) is the next choice before UCS-2;
    over one that means GSM-7, Latin-1 is not used, since such networks turn it to UCS-2 or to question marks.
    """
    if _foreign(text, default_alphabet) is None:
        return Encoding.gsm7
    if default_alphabet != "gsm7" and all(ord(char) < 0x100 for char in text):
        return Encoding.latin1
    return Encoding.ucs2


def length(text: str, encoding: Encoding) -> int:
    """Septets, octets or UTF-16 code units of the text in that encoding.

    Raises:
        ValueError: the text has a character that GSM-7 lacks.
    """
    if encoding is Encoding.ucs2:
        return len(text) + len(_ASTRAL.findall(text))
    if encoding is Encoding.latin1:
        return len(text)
    septets = gsm7.septets(text)
    if septets is None:
        raise ValueError(f"GSM-7 has no {gsm7.foreign(text)!r}")
    return septets


def split(text: str, encoding: Encoding, mode: Mode = "udh16") -> tuple[str, ...]:
    """The text in parts that each fit one short message; never cuts an escape pair or a surrogate pair.

    mode: how parts are tied together. `sar` leaves the header to the carrier, which writes the short one; `payload`
    hands the text over whole (up to 64,000 octets), and the carrier cuts it.

    Raises:
        TooLong: it would be more than 255 parts.
        ValueError: the text has a character that the encoding lacks.
    """
    whole, beside8, beside16 = _ROOM[encoding]
    total = length(text, encoding)
    if total <= whole or mode == "payload":
        if total > MAX_PARTS * beside8:
            raise TooLong(f"{total} units are more than {MAX_PARTS} parts hold")
        return (text,)
    room = beside16 if mode == "udh16" else beside8
    if total == len(text):
        parts = tuple(text[start : start + room] for start in range(0, total, room))
    else:
        wide = gsm7.EXTENDED if encoding is Encoding.gsm7 else None
        parts = _cut(text, room, wide)
    if len(parts) > MAX_PARTS:
        raise TooLong(f"the text needs {len(parts)} parts, at most {MAX_PARTS} can be told apart")
    return parts


def _cut(text: str, room: int, wide: frozenset[str] | None) -> tuple[str, ...]:
    """Greedy cut where some characters take two units: those in `wide`, or without it those above U+FFFF."""
    parts, start, used = [], 0, 0
    for index, char in enumerate(text):
        cost = 2 if (char in wide if wide is not None else char > "\uffff") else 1
        if used + cost > room:
            parts.append(text[start:index])
            start, used = index, 0
        used += cost
    parts.append(text[start:])
    return tuple(parts)


def count(text: str, default_alphabet: Alphabet = "gsm7", mode: Mode = "udh16") -> SegmentCount:
    """What the text costs over such a carrier; for mode `payload`, what a carrier cuts it into by the 8-bit way.

    Raises:
        TooLong: it would be more than 255 parts.
    """
    encoding = encoding_of(text, default_alphabet)
    forcing = None if encoding is Encoding.gsm7 else _foreign(text, default_alphabet)
    parts = split(text, encoding, "udh8" if mode == "payload" else mode)
    return SegmentCount(encoding, len(parts), length(text, encoding), forcing)


def hide_halves(text: str) -> str:
    """Turns lone surrogates, which no database stores, into private characters (U+F0000 on) that `join` turns back.

    A channel uses it on a part whose sender cut a character in two.
    """
    return _SURROGATE.sub(lambda found: chr(ord(found[0]) - 0xD800 + _HALF), text)


def join(parts: Sequence[str]) -> str:
    """The text of the parts of a long message, in order, with characters that were cut in two made whole again.

    A half that stays alone (its part is missing) reads U+FFFD.
    """
    text = "".join(parts)
    if _LONE.search(text) is None:
        return text
    return _LONE.sub("\ufffd", _HALVES.sub(_whole, text))


def _whole(found: re.Match[str]) -> str:
    high, low = (ord(char) - _HALF for char in found[0])
    return chr(0x10000 + (high << 10) + (low - 0x400))
