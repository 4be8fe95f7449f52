"""Characters to octets and back, by data_coding (SMPP v3.4 5.2.19, 3GPP TS 23.038 section 4). Reading never raises."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from gateway.model import gsm7
from gateway.model.channel import Encoding
from gateway.model.segments import Alphabet, hide_halves

DEFAULT: Final = 0
ASCII: Final = 1
BINARY: Final = 2
LATIN1: Final = 3
BINARY_TOO: Final = 4
UCS2: Final = 8
_CODECS: Final[Mapping[int, str]] = {
    5: "shift_jis",
    6: "iso8859_5",
    7: "iso8859_8",
    10: "iso2022_jp",
    13: "euc_jp",
    14: "euc_kr",
}
_PYTHON_CODEC: Final[Mapping[str, str]] = {"latin1": "latin-1", "ascii": "ascii"}
_LONE: Final = re.compile(r"[\ud800-\udfff]")
_BINARY_NOISE: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")


def write_text(text: str, encoding: Encoding, alphabet: Alphabet) -> tuple[bytes, int]:
    """The octets and the data_coding of a text. alphabet: what the carrier means by data_coding 0.

    Raises:
        UnicodeEncodeError: a character is not in that encoding; `start` says which.
    """
    if encoding is Encoding.gsm7:
        return (gsm7.encode(text) if alphabet == "gsm7" else text.encode(_PYTHON_CODEC[alphabet])), DEFAULT
    if encoding is Encoding.latin1:
        return text.encode("latin-1"), LATIN1
    return text.encode("utf-16-be", "replace"), UCS2


def read_text(
    octets: bytes, data_coding: int, alphabet: Alphabet, *, partial: bool = False, locking: int = 0, single: int = 0
) -> tuple[str, bool]:
    """The text, and whether it is sure: False where the octets fit no alphabet and the text is a best effort.

    partial: the octets are one part of a long text, whose sender may have cut a character in two (see `segments.join`).
    locking, single: national shift tables that the user data header names.
    """
    if not octets:
        return "", True
    kind = _kind(data_coding)
    if kind == UCS2:
        text, sure = _read_ucs2(octets, partial)
    elif kind == DEFAULT:
        text, sure = _read_default(octets, alphabet, partial, locking, single)
    elif kind in (ASCII, LATIN1):
        text, sure = octets.decode("latin-1"), kind == LATIN1 or octets.isascii()
    elif kind == BINARY:
        text, sure = _read_binary(octets)
    else:
        text, sure = _read_other(octets, _CODECS[kind])
    if "\0" in text:
        # some carriers end texts with a NUL; databases refuse one anywhere
        text = text.rstrip("\0").replace("\0", "\ufffd")
    return text, sure


def _kind(data_coding: int) -> int:
    """The data_coding without message class and the like: GSM's own groups folded to SMPP's values."""
    if data_coding < 0x10:
        if data_coding in (DEFAULT, ASCII, LATIN1, UCS2) or data_coding in _CODECS:
            return data_coding
        return BINARY if data_coding in (BINARY, BINARY_TOO, 9) else DEFAULT
    if data_coding < 0x80:
        return (DEFAULT, BINARY, UCS2, DEFAULT)[(data_coding >> 2) & 3]
    if data_coding >= 0xF0:
        return BINARY if data_coding & 4 else DEFAULT
    return UCS2 if data_coding & 0xF0 == 0xE0 else DEFAULT


def _read_ucs2(octets: bytes, partial: bool) -> tuple[str, bool]:
    sure = len(octets) % 2 == 0
    codec = "utf-16-be"
    if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-le" if octets[0] == 0xFF else codec
        octets = octets[2:]
    text = octets[: len(octets) & ~1].decode(codec, "surrogatepass")
    if not sure:
        text += "\ufffd"
    if _LONE.search(text) is None:
        return text, sure
    if partial:
        return hide_halves(text), sure
    return _LONE.sub("\ufffd", text), False


def _read_default(octets: bytes, alphabet: Alphabet, partial: bool, locking: int, single: int) -> tuple[str, bool]:
    if _looks_ucs2(octets):
        return _read_ucs2(octets, partial)
    if alphabet == "latin1":
        return octets.decode("latin-1"), True
    if octets.isascii():
        return (gsm7.decode(octets, locking, single) if alphabet == "gsm7" else octets.decode("ascii")), True
    try:
        return octets.decode("utf-8"), True
    except UnicodeDecodeError:
        return octets.decode("latin-1"), False


def _looks_ucs2(octets: bytes) -> bool:
    """Whether a carrier said "default alphabet" over UCS-2, as some do (vumi issue 838).

    Latin letters show as a NUL (`@` in GSM-7) in front of every letter; other alphabets as one and the same page number
    in front of nearly every letter; Chinese as octets that GSM-7 has not, which make sense as UTF-16.
    """
    if octets[0] > 0x20 and octets.isascii():
        return False  # nearly every text ends here
    if len(octets) < 4 or len(octets) % 2:
        return False
    if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    pages, letters = set(octets[::2]), octets[1::2]
    if pages == {0}:
        return 0 not in letters
    rare = pages - {0, 0x20}
    if (
        len(rare) == 1
        and len(octets) >= 6
        and min(rare) in b"\x03\x04\x05\x06\x09\x0e"
        and max(octets[::2].count(page) for page in rare) > 1
    ):
        return True
    if octets.isascii():
        return False
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return False
    return _sensible(octets)


def _sensible(octets: bytes) -> bool:
    """Whether the octets read as UTF-16 text of East Asian letters."""
    try:
        text = octets.decode("utf-16-be")
    except UnicodeDecodeError:
        return False
    east = sum(1 for char in text if unicodedata.east_asian_width(char) in "WF")
    return east * 2 > len(text)


def _read_binary(octets: bytes) -> tuple[str, bool]:
    """8-bit data: a text if it reads as UTF-8 without control characters, else Latin-1 with holes."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
        return _BINARY_NOISE.sub("\ufffd", text), False
    found = _BINARY_NOISE.sub("\ufffd", text)
    return found, found == text


def _read_other(octets: bytes, codec: str) -> tuple[str, bool]:
    try:
        return octets.decode(codec), True
    except UnicodeDecodeError:
        return octets.decode(codec, "replace"), False
