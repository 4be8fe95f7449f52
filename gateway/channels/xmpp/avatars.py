"""A picture for each contact (XEP-0054, XEP-0153): a square in the colour that clients would choose for that JID
(XEP-0392), so that a list of numbers is one of colours too. Made when it is asked for; nothing is stored.
"""

import zlib
from functools import lru_cache
from hashlib import sha1
from struct import pack

from hsluv import hsluv_to_rgb

TYPE = "image/png"
_SIDE = 64  # pixels
_KEPT = 4096


def angle(name: str) -> float:
    """The hue of a name in degrees (XEP-0392, 5.1)."""
    digest = sha1(name.encode("utf-8", "replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:2], "little") / 65536 * 360


def colour(name: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255 (XEP-0392, 5.4)."""
    red, green, blue = (round(min(1.0, max(0.0, part)) * 255) for part in hsluv_to_rgb((angle(name), 100, 50)))
    return red, green, blue


@lru_cache(_KEPT)
def picture(name: str) -> bytes:
    """The picture of a JID: a PNG of one colour, about 100 octets (ISO/IEC 15948)."""
    rows = zlib.compress(bytes(1 + _SIDE // 8) * _SIDE, 9)  # of each row how it is filtered, then a bit per pixel
    header = pack(">IIBBBBB", _SIDE, _SIDE, 1, 3, 0, 0, 0)  # one bit per pixel, of a palette
    chunks = ((b"IHDR", header), (b"PLTE", bytes(colour(name))), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


@lru_cache(_KEPT)
def picture_id(name: str) -> str:
    """How a presence names the picture: its SHA-1 in hex (XEP-0153, 3.2)."""
    return sha1(picture(name), usedforsecurity=False).hexdigest()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))
