"""Opening hours: the part of the opening_hours syntax that call centres use.

`Mo-Fr 08:00-20:00`, `Mo-Fr 08:00-12:00,13:00-18:00; Sa 09:00-13:00`, `Mo-Su 22:00-06:00`, `24/7`, `We off`, `PH off`,
`PH 10:00-14:00`, `Dec 24 08:00-12:00`, `Dec 24-26,31 off`, `2026 Dec 24-2027 Jan 02 off`. A later rule replaces an
earlier one on its days, as in opening_hours; times without days mean all days. What is not read is refused rather than
guessed. The one kept-up library, opening-hours-py 2.1, knows no states' holidays, keeps the night of a day that is off
open after midnight (`22:00-06:00; Fr off`), and closes one early where the next day has a rule of its own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from gateway.settings.holidays import is_holiday

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTES_A_DAY = 24 * 60
_FARTHEST_DAYS = 400
_DAY = "|".join(DAYS)
_MONTH = "|".join(MONTHS)
_DAY_LIST = re.compile(rf"((?:{_DAY}|PH)(?:\s*[-,]\s*(?:{_DAY}|PH))*)(?!\w)")
_ONE_DATE = rf"(?:(?:\d{{4}} )?(?:{_MONTH}) )?\d{{1,2}}"
_ONE_RANGE = rf"{_ONE_DATE}(?:\s?-\s?{_ONE_DATE})?"
_DATE_LIST = re.compile(
    rf"((?:\d{{4}} )?(?:{_MONTH}) \d{{1,2}}(?:\s?-\s?{_ONE_DATE})?(?:\s?,\s?{_ONE_RANGE})*)(?![\w:])"
)
_DATE = re.compile(rf"(?:(?:(\d{{4}}) )?({_MONTH}) )?(\d{{1,2}})")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")

# Minutes from midnight; an end beyond 24:00 runs into the next day.
_Spans = tuple[tuple[int, int], ...]
_Date = tuple[int | None, int, int]


class BadHours(ValueError):
    """The text is no opening hours; the message says what would be."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What holds on some days. days: of the week, Monday 0. dates: from and to, both included, year None = each."""

    days: frozenset[int]
    holidays: bool
    dates: tuple[tuple[_Date, _Date], ...]
    spans: _Spans

    def on(self, day: date, holiday: Callable[[date], bool]) -> bool:
        """Whether it is about this day."""
        if day.weekday() in self.days or any(_between(day, begin, end) for begin, end in self.dates):
            return True
        return self.holidays and holiday(day)


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours, on the wall clock of whoever is asked. calendar: of its public holidays, such as "US-NY"."""

    rules: tuple[_Rule, ...]
    calendar: str | None = None

    @staticmethod
    def parse(text: str, calendar: str | None = None) -> "Hours":
        """Reads opening hours.

        Raises:
            BadHours: a part of the text is not understood.
        """
        return _parse(text, calendar)

    @property
    def need_calendar(self) -> bool:
        """Whether they speak of public holidays."""
        return any(rule.holidays for rule in self.rules)

    def is_open(self, local: datetime) -> bool:
        """Whether it is open at a local time (its zone is not converted)."""
        minute = local.hour * 60 + local.minute
        today = local.date()
        return any(begin <= minute < end for begin, end in self._spans(today)) or any(
            minute < end - _MINUTES_A_DAY for _, end in self._spans(today - timedelta(days=1))
        )

    def next_opening(self, local: datetime) -> datetime | None:
        """The first moment at or after `local` when it is open, in the same zone; None when it is not within a year."""
        if self.is_open(local):
            return local
        found: list[datetime] = []
        last = _FARTHEST_DAYS
        for days in range(_FARTHEST_DAYS):
            # Not simply the first that is found: the times of a day that never was are shown as those of the next.
            if days > last:
                break
            day = local.date() + timedelta(days=days)
            for begin in self._begins(day):
                wall = datetime.combine(day, time(begin // 60, begin % 60), tzinfo=local.tzinfo)
                for moment in (wall, wall.replace(fold=1)):
                    opening = self._first_open(_existing(moment))
                    if opening is not None and _instant(opening) >= _instant(local):
                        found.append(opening)
                        last = min(last, days + 2)
        return min(found, key=_instant, default=None)

    def _spans(self, day: date) -> _Spans:
        for rule in reversed(self.rules):
            if rule.on(day, self._is_holiday):
                return rule.spans
        return ()

    def _is_holiday(self, day: date) -> bool:
        return self.calendar is not None and is_holiday(self.calendar, day)

    def _begins(self, day: date) -> list[int]:
        """The minutes of a day at which it may open; also midnight, when it is open since the day before, which there
        may not have been (Samoa, 30 December 2011).
        """
        over = any(end > _MINUTES_A_DAY for _, end in self._spans(day - timedelta(days=1)))
        return [*([0] if over else []), *(begin for begin, _ in self._spans(day))]

    def _first_open(self, moment: datetime) -> datetime | None:
        """Where clocks jumped over the opening, the first minute after the jump; None if they jumped over it all."""
        while self.is_open(before := _existing(moment, minutes=-1)):
            if _instant(before) >= _instant(moment) or before.hour * 60 + before.minute == _MINUTES_A_DAY - 1:
                break
            moment = before
        return moment if self.is_open(moment) else None


def _between(day: date, begin: _Date, end: _Date) -> bool:
    if begin[0] is not None:
        return begin <= (day.year, day.month, day.day) <= end
    at = (None, day.month, day.day)
    if begin[1:] <= end[1:]:
        return begin[1:] <= at[1:] <= end[1:]
    return at[1:] >= begin[1:] or at[1:] <= end[1:]


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment


def _existing(moment: datetime, minutes: int = 0) -> datetime:
    """The same instant as the zone's clocks show it (02:30 becomes 03:30 when clocks jump), moved by minutes."""
    if moment.tzinfo is None:
        return moment + timedelta(minutes=minutes)
    return (moment.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(moment.tzinfo)


@lru_cache(maxsize=256)
def _parse(text: str, calendar: str | None) -> Hours:
    rules: list[_Rule] = []
    for written in text.strip().rstrip(";").split(";"):
        rule = _rule(" ".join(written.split()))
        if rule.days and any(not before.days for before in rules):
            raise BadHours(f"{written.strip()!r} would replace what stands before it; write PH and dates last")
        rules.append(rule)
    return Hours(tuple(rules), calendar)


def _rule(rule: str) -> _Rule:
    if rule == "24/7":
        return _Rule(frozenset(range(7)), False, (), ((0, _MINUTES_A_DAY),))
    week, year = _DAY_LIST.match(rule), _DATE_LIST.match(rule)
    match = week or year
    days, holidays = _days(week[1]) if week else (frozenset(() if year else range(7)), False)
    dates = _dates(year[1]) if year else ()
    rest = rule[match.end() :].strip() if match else rule
    if rest in ("off", "closed"):
        spans: _Spans = ()
    elif match and not rest:
        spans = ((0, _MINUTES_A_DAY),)
    else:
        spans = tuple(sorted(_span(span.strip(), rule) for span in rest.split(",")))
    return _Rule(days, holidays, dates, spans)


def _days(text: str) -> tuple[frozenset[int], bool]:
    days: set[int] = set()
    holidays = False
    for part in text.split(","):
        first, dash, last = (end.strip() for end in part.partition("-"))
        if "-" in last or (dash and "PH" in (first, last)):
            raise BadHours(f"{part.strip()!r} is no span of days; write days such as Mo-Fr,PH")
        if first == "PH":
            holidays = True
            continue
        begin = DAYS.index(first)
        length = (DAYS.index(last) - begin) % 7 if dash else 0
        days.update((begin + step) % 7 for step in range(length + 1))
    return frozenset(days), holidays


def _dates(text: str) -> tuple[tuple[_Date, _Date], ...]:
    found: list[tuple[_Date, _Date]] = []
    known: _Date = (None, 0, 0)
    for part in text.split(","):
        first, dash, last = (end.strip() for end in part.partition("-"))
        begin = _date(first, known)
        end = _date(last, begin) if dash else begin
        if begin[0] is not None and end < begin and not re.match(r"\d{4}", last):
            end = (begin[0] + 1, *end[1:])  # 2026 Dec 24-Jan 02
        if begin[0] is not None and (end[0] is None or end < begin):
            raise BadHours(f"{part.strip()!r} ends before it begins")
        if begin[0] is None and end[0] is not None:
            raise BadHours(f"{part.strip()!r} names the year of its end only")
        found.append((begin, end))
        known = end
    return tuple(found)


def _date(text: str, known: _Date) -> _Date:
    """known: the year and the month, where the text has none."""
    match = _DATE.fullmatch(text)
    assert match is not None, "the list was matched"
    year = int(match[1]) if match[1] else known[0]
    month = MONTHS.index(match[2]) + 1 if match[2] else known[1]
    day = int(match[3])
    try:
        # A leap year, where each day of a year counts.
        date(year or 2024, month, day)
    except ValueError:
        raise BadHours(f"{text!r} is no day of the year; write dates such as Dec 24 or 2026 Dec 24") from None
    return year, month, day


def _span(span: str, rule: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(span)
    if match is None:
        raise BadHours(f'{rule!r} is not understood; write days and times such as "Mo-Fr 08:00-20:00; Sa 09:00-13:00"')
    numbers = [int(number) for number in match.groups()]
    begin, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if begin >= _MINUTES_A_DAY or end > _MINUTES_A_DAY or numbers[1] > 59 or numbers[3] > 59:
        raise BadHours(f"{span!r} is no time of day; times go from 00:00 to 24:00")
    if begin == end:
        raise BadHours(f"{span!r} is empty; for a whole day write 00:00-24:00")
    return begin, end if end > begin else end + _MINUTES_A_DAY
