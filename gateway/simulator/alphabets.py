"""Alphabets of short messages, as a phone sees them: GSM 03.38 (own table with extension), Latin-1, UCS-2.

Written apart from the gateway's own codec on purpose, so that each can catch the other's mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass

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
_SHOWN = _BASIC + "\N{REPLACEMENT CHARACTER}" * 128
_ENCODE = {character: bytes([code]) for code, character in enumerate(_BASIC) if code != ESCAPE}
_ENCODE |= {character: bytes([ESCAPE, code]) for code, character in _EXTENSION.items()}

GSM7, EIGHT_BIT, UCS2 = "GSM-7", "8-bit", "UCS-2"


def encode_gsm7(text: str) -> bytes:
    """One septet an octet (unpacked, as SMPP carriers take it). Raises `UnicodeError` for what the alphabet lacks."""
    try:
        return b"".join([_ENCODE[character] for character in text])
    except KeyError as missing:
        raise UnicodeError(f"not in GSM-7: {missing.args[0]!r}") from None


def decode_gsm7(septets: bytes) -> str:
    """Never fails: an unknown escape shows the basic character, as 03.38 asks; octets over 0x7F show U+FFFD."""
    if ESCAPE not in septets:
        return "".join([_SHOWN[code] for code in septets])
    shown: list[str] = []
    escaped = False
    for code in septets:
        if escaped:
            escaped = False
            shown.append(_EXTENSION.get(code) or (_BASIC[code] if code < 0x80 and code != ESCAPE else " "))
        elif code == ESCAPE:
            escaped = True
        else:
            shown.append(_SHOWN[code])
    return "".join(shown)


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Septets into octets (03.38 6.1.2.1), after `fill_bits` that bring the first septet to a boundary after a UDH."""
    value, bits = 0, fill_bits
    for septet in septets:
        value |= (septet & 0x7F) << bits
        bits += 7
    return value.to_bytes((bits + 7) // 8, "little")


def unpack(octets: bytes, fill_bits: int = 0) -> bytes:
    """Octets into septets. A last septet of zeros that is only padding is dropped, as phones do."""
    value, count = int.from_bytes(octets, "little") >> fill_bits, (len(octets) * 8 - fill_bits) // 7
    septets = bytes((value >> (7 * i)) & 0x7F for i in range(count))
    padded = count and (count * 7 + fill_bits) % 8 == 0 and septets[-1] == 0
    return septets[:-1] if padded else septets


def fill_bits(header_octets: int) -> int:
    """Padding between a user data header and packed septets, in bits."""
    return -header_octets * 8 % 7


def kind_of(data_coding: int) -> str:
    """Which of `GSM7`, `EIGHT_BIT`, `UCS2` counts for the length limit (SMPP 3.4 5.2.19, GSM 03.38 4)."""
    if data_coding in (0x08, 0x18, 0x19, 0x1A, 0x1B):
        return UCS2
    if data_coding == 0 or (0x10 <= data_coding <= 0x13) or (data_coding & 0xF4) == 0xF0:
        return GSM7
    return EIGHT_BIT


_LATIN = {1: "ascii", 3: "latin-1", 6: "iso8859-5", 7: "iso8859-8"}


def decode(octets: bytes, data_coding: int, alphabet: str, header_octets: int = 0) -> str:
    """What the phone shows. `alphabet` is the carrier's for data_coding 0: gsm7, gsm7-packed, latin1 or ascii."""
    kind = kind_of(data_coding)
    if kind == UCS2:
        return octets.decode("utf-16-be", "replace")
    if kind == GSM7:
        if alphabet == "gsm7-packed":
            return decode_gsm7(unpack(octets, fill_bits(header_octets)))
        return decode_gsm7(octets) if alphabet == "gsm7" else octets.decode(_NAMES[alphabet], "replace")
    codec = _LATIN.get(data_coding)
    return octets.decode(codec, "replace") if codec else "[" + octets.hex(" ") + "]"


_NAMES = {"latin1": "latin-1", "ascii": "ascii"}


@dataclass(frozen=True)
class Encoded:
    """A text ready for the air: octets of each part (unpacked septets for GSM-7) and the data_coding."""

    parts: tuple[bytes, ...]
    data_coding: int


def split(text: str, alphabet: str, data_coding: int | None = None, reference_octets: int = 1) -> Encoded:
    """Encode and split a text into parts that fit 140 octets each with a UDH of 6 (or 7) octets.

    `data_coding` None means: the carrier's alphabet when the text fits it, else UCS-2. Raises `UnicodeError` when
    a given `data_coding` lacks a character, `ValueError` for one that is not text or for more than 255 parts.
    """
    if data_coding is None:
        try:
            return split(text, alphabet, 0, reference_octets)
        except UnicodeError:
            data_coding = 8
    letters = _letters(text, alphabet, data_coding)
    septets = kind_of(data_coding) == GSM7 and alphabet.startswith("gsm7")
    whole = 160 if septets else 140
    header = 5 + reference_octets
    size = (140 - header) * 8 // 7 if septets else 140 - header
    if sum(map(len, letters)) <= whole:
        return Encoded((b"".join(letters),), data_coding)
    parts, current = [], bytearray()
    for letter in letters:
        if len(current) + len(letter) > size:
            parts.append(bytes(current))
            current.clear()
        current += letter
    parts.append(bytes(current))
    if len(parts) > 255:
        raise ValueError("the text has more than 255 parts")
    return Encoded(tuple(parts), data_coding)


def _letters(text: str, alphabet: str, data_coding: int) -> list[bytes]:
    """Units that a split must not cut: escape pairs, surrogate pairs."""
    kind = kind_of(data_coding)
    if kind == UCS2:
        return [character.encode("utf-16-be", "surrogatepass") for character in text]
    if kind == GSM7:
        encoder = encode_gsm7 if alphabet.startswith("gsm7") else None
        return [encoder(c) if encoder else c.encode(_NAMES[alphabet]) for c in text]
    if data_coding not in _LATIN:
        raise ValueError(f"data_coding {data_coding} is not a text alphabet")
    return [character.encode(_LATIN[data_coding]) for character in text]
