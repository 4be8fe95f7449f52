"""Addresses: one `tel:`, `xmpp:`, `mailto:` or `webchat:` identity of a customer, and our own senders."""

import re
from dataclasses import dataclass
from functools import lru_cache

KINDS = ("tel", "xmpp", "mailto", "webchat")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ._&-]{1,11}")
_MAILBOX = re.compile(r"[^\s@\x00-\x1f]{1,64}@[^\s@\x00-\x1f]{1,190}")
_JID = re.compile(r"[^\s@/\x00-\x1f]{1,200}@[^\s@/\x00-\x1f]{1,200}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SHAPES = {"tel": _PHONE, "xmpp": _JID, "mailto": _MAILBOX, "webchat": _TOKEN}
_LOOKS = {
    "tel": "+ and 7 to 15 digits, the first not 0, such as tel:+15551234567",
    "webchat": "webchat: and 8 to 64 letters, digits, _ or -",
}


class BadAddress(ValueError):
    """The text is no address; the message says what would be one."""


@dataclass(frozen=True, slots=True)
class Address:
    """An identity a customer can be reached at. `str()` of it is its canonical form, `tel:+15551234567`."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @property
    def masked(self) -> str:
        """What logs may show of it."""
        return f"{self.kind}:{mask(self.value)}"


@lru_cache(maxsize=16_384)
def parse_address(text: str) -> Address:
    """Reads `tel:+15551234567`, `mailto:`, `xmpp:`, `webchat:` or a bare `+15551234567`.

    A phone number is `+` and 7 to 15 digits (the shape of E.164, never the numbering plan).

    Raises:
        BadAddress: the text has another shape.
    """
    kind, colon, value = text.partition(":")
    if not colon:
        kind, value = "tel", text
    kind = kind.lower()
    shape = _SHAPES.get(kind)
    if shape is None:
        raise BadAddress(f"must begin with {', '.join(f'{k}:' for k in KINDS)} (or be a number: +15551234567)")
    if kind in ("xmpp", "mailto"):
        value = value.lower()
    if not shape.fullmatch(value):
        raise BadAddress(f"must be {_LOOKS.get(kind, f'{kind}:name@host')}")
    return Address(kind, value)


def phone_address(number: str) -> Address:
    """The customer behind a number of international form. Raises BadAddress."""
    return parse_address(f"tel:{number}")


def is_phone(text: str) -> bool:
    """Whether the text is `+` and 7 to 15 digits."""
    return _PHONE.fullmatch(text) is not None


def is_sender(text: str) -> bool:
    """Whether the text can be a sender of texts: short code, number or alphanumeric id of up to 11 characters."""
    return any(shape.fullmatch(text) for shape in (_PHONE, _SHORT_CODE, _ALPHANUMERIC))


def mask(value: str) -> str:
    """Enough of an address to find it again, not enough to use it: `+1555…67`."""
    return "…" if len(value) < 7 else f"{value[:5]}…{value[-2:]}"
