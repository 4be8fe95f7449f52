"""Filters of texts: money, numbers and times as the customer's language writes them, in characters of GSM-7.

One character outside GSM-7 more than halves the room of a text, and babel likes such: a narrow no-break space before
PM, an accent in `sáb`. Each filter makes its result plain, unless the language has another script altogether.
"""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton, format_time
from babel.numbers import format_currency, format_decimal
from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from gateway.model import gsm7

TIMEZONE = "_timezone"
"""The name under which render() hands the zone to the filters; texts cannot say it."""

FILTERS: Mapping[str, str] = {
    "money": "{{ charge | money(currency) }}: $50.00",
    "number": "{{ minutes | number }}: 1,200",
    "clock": "{{ departure | clock }}: 6:40 PM",
    "day": "{{ departure | day }}: Sun, Nov 22",
    "time": "{{ departure | time }}: Sun, Nov 22, 6:40 PM",
    "gsm": "{{ name | gsm }}: without the characters that make a text dearer",
}
"""The filters of our own, each with an example."""

_CACHED = 4096


def filters(language: str) -> dict[str, Callable[..., str]]:
    """The filters of a language."""

    @pass_context
    def clock(context: Context, value: object) -> str:
        return _clock(_moment(value), _zone(context), language)

    @pass_context
    def on_day(context: Context, value: object) -> str:
        return day(_moment(value), _zone(context), language)

    @pass_context
    def moment(context: Context, value: object) -> str:
        when, zone = _moment(value), _zone(context)
        return f"{day(when, zone, language)}, {_clock(when, zone, language)}"

    def of_money(value: object, currency: str) -> str:
        return money(_decimal(value), currency, language)

    def of_number(value: object) -> str:
        return number(_decimal(value), language)

    return {"money": of_money, "number": of_number, "clock": clock, "day": on_day, "time": moment, "gsm": gsm}


def gsm(value: object) -> str:
    """The text in characters of GSM-7 only: accents that it lacks are dropped, and what remains foreign too."""
    return "".join(char for char in _plain(str(value)) if gsm7.foreign(char) is None)


@lru_cache(_CACHED)
def _plain(text: str) -> str:
    """Typographic characters made plain, accents dropped that GSM-7 lacks; other scripts stay as they are."""
    text = gsm7.transliterate(text)
    if gsm7.foreign(text) is None:
        return text
    return "".join(char if gsm7.foreign(char) is None else _without_accent(char) for char in text)


def _without_accent(char: str) -> str:
    bare = unicodedata.normalize("NFKD", char)[0]
    return bare if gsm7.foreign(bare) is None else char


def number(value: Decimal, language: str) -> str:
    """As the language writes it."""
    return _plain(format_decimal(value, locale=_locale(language)))


@lru_cache(_CACHED)
def money(value: Decimal, currency: str, language: str) -> str:
    """An amount as the language writes it. currency: ISO 4217."""
    locale = _locale(language)
    said = _plain(format_currency(value, currency, locale=locale))
    if gsm7.foreign(said) is None:
        return said
    # The symbol (of rupees, say) is outside GSM-7: its code is as clear.
    return _plain(format_currency(value, currency, format=f"¤¤ {locale.decimal_formats[None].pattern}", locale=locale))


@lru_cache(_CACHED)
def _clock(when: datetime, zone: str, language: str) -> str:
    return _plain(format_time(when, "short", tzinfo=ZoneInfo(zone), locale=_locale(language)))


@lru_cache(_CACHED)
def day(when: datetime, zone: str, language: str) -> str:
    """A day as the language writes it, such as Sun, Nov 22."""
    return _plain(format_skeleton("MMMEd", when, tzinfo=ZoneInfo(zone), locale=_locale(language)))


@lru_cache(64)
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


def _zone(context: Context) -> str:
    return str(context.get(TIMEZONE))


def _moment(value: object) -> datetime:
    """RFC 3339 text, or a datetime with a zone."""
    _given(value)
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(when, datetime) or when.tzinfo is None:
        raise ValueError(f"{type(value).__name__} is no RFC 3339 time with an offset")
    return when


def _given(value: object) -> None:
    if isinstance(value, Undefined):
        str(value)  # raises UndefinedError with the name of the field


def _decimal(value: object) -> Decimal:
    _given(value)
    try:
        amount = Decimal(str(value)) if isinstance(value, str | int | float | Decimal) else None
    except InvalidOperation:
        amount = None
    if amount is None or isinstance(value, bool) or not amount.is_finite() or abs(amount.adjusted()) > 15:
        raise ValueError("the field is no number")
    return amount
