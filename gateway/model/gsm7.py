"""The GSM 7-bit default alphabet and its extension (3GPP TS 23.038, once GSM 03.38), one octet per septet.

Networks carry seven bits a character; SMPP carries the same codes unpacked, one to an octet, which is what these
functions speak. Turkish, Spanish and Portuguese shift tables are read (a phone may send them), never written.
"""

import codecs
import re
from collections.abc import Mapping
from types import MappingProxyType

ESCAPE = 0x1B

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

BASIC: frozenset[str] = frozenset(_BASIC) - {"\x1b"}
EXTENDED: frozenset[str] = frozenset(_EXTENSION.values())
CHARACTERS: frozenset[str] = BASIC | EXTENDED
_NOT_BASIC = re.compile("[^" + re.escape("".join(sorted(BASIC))) + "]")
_EXTENDED = re.compile("[" + re.escape("".join(sorted(EXTENDED))) + "]")

_WRITE: dict[int, bytes] = {ord(char): bytes((code,)) for code, char in enumerate(_BASIC) if code != ESCAPE}
_WRITE |= {ord(char): bytes((ESCAPE, code)) for code, char in _EXTENSION.items()}

# Codes below 0x80 that are another character in ASCII. Texts without them, most texts, need no table.
_OTHER_IN_ASCII = bytes(code for code, char in enumerate(_BASIC) if chr(code) != char or code == ESCAPE)

# 3GPP TS 23.038 annex A: language number -> table. Locking tables replace the alphabet, single ones the extension.
_TURKISH = {0x04: "€", 0x07: "ı", 0x0B: "Ğ", 0x0C: "ğ", 0x1C: "Ş", 0x1D: "ş", 0x40: "İ", 0x60: "ç"}
_PORTUGUESE = (
    "@£$¥êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ !\"#º%&'()*+,-./0123456789:;<=>?"
    "ÍABCDEFGHIJKLMNOPQRSTUVWXYZÃÕÚÜ§~abcdefghijklmnopqrstuvwxyzãõ`üà"
)
TURKISH, SPANISH, PORTUGUESE = 1, 2, 3
_LOCKING: Mapping[int, str] = MappingProxyType(
    {TURKISH: "".join(_TURKISH.get(code, char) for code, char in enumerate(_BASIC)), PORTUGUESE: _PORTUGUESE}
)
_SINGLE: Mapping[int, dict[int, str]] = MappingProxyType(
    {
        TURKISH: _EXTENSION | dict(zip(b"GIScgis", "ĞİŞçğış", strict=True)),
        SPANISH: _EXTENSION | {0x09: "ç"} | dict(zip(b"AIOUaiou", "ÁÍÓÚáíóú", strict=True)),
        PORTUGUESE: _EXTENSION
        | {0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x12: "Φ", 0x13: "Γ", 0x15: "Ω", 0x16: "Π"}
        | {0x17: "Ψ", 0x18: "Σ", 0x19: "Θ", 0x1F: "Ê", 0x41: "À", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x5B: "Ã", 0x5C: "Õ"}
        | {0x61: "Â", 0x69: "í", 0x6F: "ó", 0x75: "ú", 0x7B: "ã", 0x7C: "õ", 0x7F: "â"},
    }
)
_ESCAPED = re.compile(rb"\x1b([\x00-\x7f]?)", re.DOTALL)


def encode(text: str) -> bytes:
    """The text in unpacked septets; an extended character takes two.

    Raises:
        UnicodeEncodeError: a character is not in the alphabet; `start` says which.
    """
    octets = _same_in_ascii(text)
    if octets is not None:
        return octets
    return codecs.charmap_encode(text, "strict", _WRITE)[0]


def _same_in_ascii(text: str) -> bytes | None:
    """The septets of a text that has the same ones in ASCII, as most have; None for any other."""
    if not text.isascii():
        return None
    octets = text.encode("ascii")
    return octets if len(octets.translate(None, _OTHER_IN_ASCII)) == len(octets) else None


def decode(octets: bytes, locking: int = 0, single: int = 0) -> str:
    """The text of unpacked septets. A lone escape reads as a space, as phones show it (TS 23.038 6.2.1.1).

    locking, single: language numbers of the national shift tables named in a user data header, 0 = none; an
    unknown language reads as the default alphabet.

    Raises:
        UnicodeDecodeError: an octet has its eighth bit set, so this is no GSM-7.
    """
    if not locking and octets.isascii() and len(octets.translate(None, _OTHER_IN_ASCII)) == len(octets):
        return octets.decode("ascii")
    table = _LOCKING.get(locking, _BASIC)
    if ESCAPE not in octets:
        return codecs.charmap_decode(octets, "strict", table)[0]
    shifted = _SINGLE.get(single, _EXTENSION)
    out, done = [], 0
    for found in _ESCAPED.finditer(octets):
        out.append(codecs.charmap_decode(octets[done : found.start()], "strict", table)[0])
        code = found[1]
        # a code the extension lacks shows its basic character, so that a phone of another country stays readable
        out.append(" " if code in (b"", b"\x1b") else shifted.get(code[0], table[code[0]]))
        done = found.end()
    out.append(codecs.charmap_decode(octets[done:], "strict", table)[0])
    return "".join(out)


def septets(text: str) -> int | None:
    """How many septets the text takes, None where a character is not in the alphabet."""
    return None if foreign(text) is not None else len(text) + len(_EXTENDED.findall(text))


def foreign(text: str) -> str | None:
    """The first character that GSM-7 cannot write, None if there is none."""
    if _same_in_ascii(text) is not None:
        return None
    for found in _NOT_BASIC.finditer(text):
        if found[0] not in EXTENDED:
            return found[0]
    return None


def unpack(octets: bytes, fill: int = 0) -> bytes:
    """Septets of a packed text (TS 23.038 6.1.2.1), as networks carry it. fill: bits to skip after a header.

    A last septet of zero where exactly seven bits were left over is padding, and dropped.
    """
    bits = int.from_bytes(octets, "little") >> fill
    count = max(0, (len(octets) * 8 - fill) // 7)
    out = bytes((bits >> (7 * index)) & 0x7F for index in range(count))
    return out[:-1] if out and (len(octets) * 8 - fill) % 7 == 0 and out[-1] == 0 else out


# What word processors and phones put in place of plain characters, and what GSM-7 readers expect instead.
_PLAIN = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "ʼ": "'", "`": "'", "´": "'",
        "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"', "«": '"', "»": '"',
        "‹": "<", "›": ">", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-",
        "―": "-", "−": "-", "…": "...", "•": "-", "·": ".", "\t": " ",
        "\u00a0": " ", "\u2002": " ", "\u2003": " ", "\u2007": " ", "\u2009": " ", "\u200a": " ", "\u202f": " ",
        "\u200b": "", "\u200e": "", "\u200f": "", "\u2060": "", "\ufeff": "", "\u00ad": "",
    }
)  # fmt: skip


def transliterate(text: str) -> str:
    """The text with typographic quotes, dashes, ellipses and spaces made plain; letters and emoji stay as they are."""
    return text.translate(_PLAIN)
