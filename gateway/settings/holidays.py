"""Public holidays of a country or a part of it, from the library `holidays`, which is read only where they are used."""

from datetime import date
from functools import lru_cache

from gateway.settings.shapes import nearest


class BadCalendar(ValueError):
    """There are no such holidays; the message says what there is."""


def check_calendar(calendar: str) -> None:
    """Whether there are holidays of that name: "US", or "US-NY".

    Raises:
        BadCalendar: there are not.
    """
    country, _, part = calendar.partition("-")
    known = _supported()
    if country not in known:
        hint = nearest(country, known) or "; write a country such as US, or a part of it such as US-NY"
        raise BadCalendar(f"there are no holidays of {country!r}{hint}")
    if part and part not in known[country]:
        parts = ", ".join(known[country][:60]) or "none"
        raise BadCalendar(f"{country} has no part {part!r} with holidays of its own (there: {parts})")


def is_holiday(calendar: str, day: date) -> bool:
    """Whether a day is a public holiday there."""
    return day in _of_year(calendar, day.year)


@lru_cache(maxsize=1)
def _supported() -> dict[str, list[str]]:
    import holidays  # noqa: PLC0415  # 14 MB, for those who name holidays

    return holidays.list_supported_countries(include_aliases=False)


@lru_cache(maxsize=512)
def _of_year(calendar: str, year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415

    country, _, part = calendar.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year, expand=False))
