"""Opening hours: the part of the opening_hours syntax that call centres use.

`Mo-Fr 08:00-20:00`, `Mo-Fr 08:00-12:00,13:00-18:00; Sa 09:00-13:00`, `Mo-Su 22:00-06:00`, `24/7`, `We off`. A later
rule replaces an earlier one on its days, as in opening_hours; times without days mean all days. Months, weeks and
holidays are not read, and refused rather than guessed. No kept-up library on PyPI was found that reads the syntax.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_MINUTES_A_DAY = 24 * 60
_DAY = "|".join(DAYS)
_DAY_LIST = re.compile(rf"((?:{_DAY})(?:\s*[-,]\s*(?:{_DAY}))*)")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")

# Per day of the week, Monday first: spans in minutes from midnight; an end beyond 24:00 runs into the next day.
_Week = tuple[tuple[tuple[int, int], ...], ...]


class BadHours(ValueError):
    """The text is no opening hours; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A week of opening hours, on the wall clock of whoever is asked."""

    week: _Week

    @staticmethod
    def parse(text: str) -> "Hours":
        """Reads opening hours.

        Raises:
            BadHours: a part of the text is not understood.
        """
        return _parse(text)

    def is_open(self, local: datetime) -> bool:
        """Whether it is open at a local time (its zone is not converted)."""
        minute = local.hour * 60 + local.minute
        today, yesterday = self.week[local.weekday()], self.week[local.weekday() - 1]
        return any(begin <= minute < end for begin, end in today) or any(
            minute < end - _MINUTES_A_DAY for _, end in yesterday
        )

    def next_opening(self, local: datetime) -> datetime | None:
        """The first moment at or after `local` when it is open, in the same zone; None when it never is."""
        if self.is_open(local):
            return local
        found: list[datetime] = []
        for days in range(15):  # a week, and another where a day of it never was
            date = local.date() + timedelta(days=days)
            for begin in self._begins(date.weekday()):
                wall = datetime.combine(date, time(begin // 60, begin % 60), tzinfo=local.tzinfo)
                for moment in (wall, wall.replace(fold=1)):
                    opening = self._first_open(_existing(moment))
                    if opening is not None and _instant(opening) >= _instant(local):
                        found.append(opening)
        # Not simply the first that is found: the times of a day that never was are shown as those of the next.
        return min(found, key=_instant, default=None)

    def _begins(self, weekday: int) -> list[int]:
        """The minutes of a day at which it may open; also midnight, when it is open since the day before, which there
        may not have been (Samoa, 30 December 2011).
        """
        over = any(end > _MINUTES_A_DAY for _, end in self.week[weekday - 1])
        return [*([0] if over else []), *(begin for begin, _ in self.week[weekday])]

    def _first_open(self, moment: datetime) -> datetime | None:
        """Where clocks jumped over the opening, the first minute after the jump; None if they jumped over it all."""
        while self.is_open(before := _existing(moment, minutes=-1)):
            if _instant(before) >= _instant(moment) or before.hour * 60 + before.minute == _MINUTES_A_DAY - 1:
                break
            moment = before
        return moment if self.is_open(moment) else None


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment


def _existing(moment: datetime, minutes: int = 0) -> datetime:
    """The same instant as the zone's clocks show it (02:30 becomes 03:30 when clocks jump), moved by minutes."""
    if moment.tzinfo is None:
        return moment + timedelta(minutes=minutes)
    return (moment.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(moment.tzinfo)


@lru_cache(maxsize=256)
def _parse(text: str) -> Hours:
    week: list[tuple[tuple[int, int], ...]] = [()] * 7
    rules = [rule.strip() for rule in text.strip().rstrip(";").split(";")]
    for rule in rules:
        days, spans = _rule(rule)
        for day in days:
            week[day] = spans
    return Hours(tuple(week))


def _rule(rule: str) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    if rule == "24/7":
        return list(range(7)), ((0, _MINUTES_A_DAY),)
    match = _DAY_LIST.match(rule)
    days = _days(match[1]) if match else list(range(7))
    rest = rule[match.end() :].strip() if match else rule
    if rest in ("off", "closed"):
        return days, ()
    if match and not rest:
        return days, ((0, _MINUTES_A_DAY),)
    return days, tuple(sorted(_span(span.strip(), rule) for span in rest.split(",")))


def _days(text: str) -> list[int]:
    days = []
    for part in text.split(","):
        first, dash, last = (end.strip() for end in part.partition("-"))
        begin = DAYS.index(first)
        if "-" in last:
            raise BadHours(f"{part.strip()!r} has more than two ends")
        length = (DAYS.index(last) - begin) % 7 if dash else 0
        days += [(begin + step) % 7 for step in range(length + 1)]
    return days


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
