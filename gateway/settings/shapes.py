"""The shapes of single values: durations, names, URLs, zones, money ... each error says what would be right."""

import difflib
import re
from collections.abc import Callable, Iterable
from datetime import time
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel import Locale, UnknownLocaleError
from babel.numbers import is_currency
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

MESSAGE_CLASSES = ("emergency", "security", "transactional", "conversational", "promotional")
"""Names of gateway.model.message.MessageClass; literals here, since settings imports nothing of ours."""

FAULTS = (
    "throttled",
    "temporary",
    "bad_number",
    "bad_sender",
    "bad_message",
    "opted_out",
    "blocked",
    "account",
    "unknown",
)
"""Names of gateway.model.channel.Fault."""

WEBHOOK_EVENTS = (
    *(f"message.{what}" for what in ("queued", "sent", "delivered", "failed", "received", "suppressed")),
    *(f"conversation.{what}" for what in ("opened", "queued", "claimed", "handed_back", "closed")),
    *(f"offer.{what}" for what in ("shown", "accepted", "declined", "expired", "fulfilled", "failed")),
    *(f"consent.{what}" for what in ("revoked", "granted")),
)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::00)?")
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}\.?)*|\[?[0-9A-Fa-f:.]+\]?")
_SENDERS = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ._&-]{1,11}")


class Section(BaseModel):
    """A table of a file: unknown keys are refused, each value has its own type, nothing changes later."""

    # Without hide_input_in_errors a mistyped password would be quoted in the error about it.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True)


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the closest of the known words, or nothing when none is close."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.6)
    return f" (did you mean {by_fold[close[0]]!r}?)" if close else ""


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError('must be a duration: seconds, or text such as "90s", "5m", "48h", "7d"')
    return float(match[1]) * _UNITS[match[2]]


def _clock(value: Any) -> Any:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a time of day such as "21:00"')
    return time(int(match[1]), int(match[2]))


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("must be a host name or an IP address, without scheme and port")
    return value


def _web_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = good and "@" not in parts.netloc and not parts.fragment and not re.search(r"[\s\x00-\x1f]", value)
    except ValueError:  # a port beyond 65535, a bad IPv6 address
        good = False
    if not good:
        raise ValueError("must be a URL such as https://host:8443/path (http or https, no log-in, no #fragment)")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = nearest(value, available_timezones())
        raise ValueError(f"{value!r} is no time zone of the IANA list, e.g. 'America/New_York'{hint}") from None
    return value


def _language(value: str) -> str:
    try:
        Locale.parse(value, sep="-")
    except (ValueError, UnknownLocaleError):
        raise ValueError(f"{value!r} is no language tag such as 'en', 'es' or 'es-MX'") from None
    return value


def _currency(value: str) -> str:
    if not is_currency(value):
        raise ValueError(f"{value!r} is no currency code of ISO 4217 such as 'USD'")
    return value


def _sender(value: str) -> str:
    if not _SENDERS.fullmatch(value):
        raise ValueError("must be a short code (70007), a number (+15550001111) or up to 11 letters and digits")
    return value


def _event_pattern(value: str) -> str:
    kinds = {name.partition(".")[0] for name in WEBHOOK_EVENTS}
    known = (*WEBHOOK_EVENTS, *(f"{kind}.*" for kind in sorted(kinds)), "*")
    if value not in known:
        raise ValueError(f"{value!r} is no event of ours{nearest(value, known)}")
    return value


def _calling_code(value: str) -> str:
    """Accepts "US" as well as "1"; carriers' numbers are completed with the digits."""
    if re.fullmatch(r"[1-9]\d{0,2}", value):
        return value
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # noqa: PLC0415 - slow to import, seldom needed

    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        if value in regions and value != "001":
            return str(code)
    raise ValueError(f"{value!r} is no country such as 'US', nor a calling code such as '1'")


def text(pattern: str, wanted: str) -> Callable[[str], str]:
    """A check that a text has a pattern; `wanted` completes "must be ..."."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"must be {wanted}")
        return value

    return check


Seconds = Annotated[float, BeforeValidator(_duration), Field(ge=0, le=366 * 86400)]
"""A duration: a number of seconds, or "90s", "5m", "48h", "7d"."""

Clock = Annotated[time, BeforeValidator(_clock, json_schema_input_type=str)]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, AfterValidator(_host)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
Zone = Annotated[str, AfterValidator(_zone)]
Language = Annotated[str, AfterValidator(_language)]
Currency = Annotated[str, AfterValidator(_currency)]
SenderAddress = Annotated[str, AfterValidator(_sender)]
EventPattern = Annotated[str, AfterValidator(_event_pattern)]
CallingCode = Annotated[str, AfterValidator(_calling_code)]
Name = Annotated[str, AfterValidator(text(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "a name of letters, digits, _ . -"))]
Label = Annotated[str, AfterValidator(text(r"[^\x00-\x1f\x7f]{1,100}", "1 to 100 printable characters"))]
Jid = Annotated[str, AfterValidator(text(r"[^\s@/\"&'<>]+@[^\s@/]+", "a bare JID such as ana@example.test"))]
Domain = Annotated[str, AfterValidator(text(r"[^\s@/:]{1,253}", "a domain such as sms.example.test"))]
TextKey = Annotated[str, AfterValidator(text(r"\w+(\.\w+)+", "a key of the catalogue such as plan_overage.notice"))]
Module = Annotated[str, AfterValidator(text(r"[A-Za-z]\w*", "the name of a module in `handlers`, without .py"))]
Money = Annotated[str, AfterValidator(text(r"\d{1,9}(\.\d{1,4})?", 'an amount in quotes, such as "20.00"'))]
Prefix = Annotated[str, AfterValidator(text(r"(\+\d{0,15})?", 'the beginning of a number such as "+1", or "" for all'))]
Word = Annotated[str, AfterValidator(text(r"(?=.*\w)[^\x00-\x1f\x7f]{1,40}", "a word or a few, up to 40 characters"))]
