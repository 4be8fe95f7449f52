"""Time that counts only while a queue is open: what is promised in "120 s" is due 120 open seconds later."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

_MINUTE, _DAY = 60_000, 86_400_000
_MOST_DAYS = 1000


class Opening(Protocol):
    """Opening hours, as far as they matter here (`gateway.settings.hours`); hashable, since days are remembered."""

    def is_open(self, local: datetime) -> bool:
        """Whether it is open at a local time."""

    def next_opening(self, local: datetime) -> datetime | None:
        """The first moment at or after `local` when it is open; None when it never is."""

    def __hash__(self) -> int:
        """The same for the same hours."""


def is_open(hours: Opening, zone: str, at: int) -> bool:
    """Whether it is open at a time (ms since 1970)."""
    return hours.is_open(_local(at, ZoneInfo(zone)))


def add_open(hours: Opening, zone: str, start: int, span: int) -> int | None:
    """The first time by which it was open for so long since `start`; None when it never will be.

    It asks for nothing but whether it is open, so that holidays and clock changes count by themselves. With a span of 0
    it is the first time at or after `start` when it is open.

    Args:
        hours: on the wall clock of `zone`; they begin and end at whole minutes.
        zone: IANA name.
        start: ms since 1970.
        span: ms of open time.
    """
    left, day = span, start // _DAY
    last = day + _MOST_DAYS
    while day < last:
        for opens, end in _stretches(hours, zone, day):
            begin = max(opens, start)
            if begin < end and left <= end - begin:
                return begin + left
            left -= max(0, end - begin)
        day += 1
        if not _stretches(hours, zone, day):
            opening = hours.next_opening(_local(day * _DAY, ZoneInfo(zone)))
            if opening is None:
                return None
            # Where a clock is turned back the hour that was may be meant: never back.
            day = max(day, int(opening.timestamp() * 1000) // _DAY)
    return None


def open_between(hours: Opening, zone: str, start: int, end: int) -> int:
    """How long it is open from one time to another (ms since 1970), in ms; what is longer than 1000 days ago or ahead
    is not looked at. `add_open` goes the same way back.
    """
    span, day = 0, start // _DAY
    for at in range(day, min(end // _DAY, day + _MOST_DAYS) + 1):
        span += sum(max(0, min(end, shuts) - max(start, opens)) for opens, shuts in _stretches(hours, zone, at))
    return span


@lru_cache(1024)
def _stretches(hours: Opening, zone: str, day: int) -> tuple[tuple[int, int], ...]:
    """When it is open on a day of UTC, ms: 1440 looks of 2 us, once."""
    info, found, begin = ZoneInfo(zone), list[tuple[int, int]](), None
    for at in range(day * _DAY, (day + 1) * _DAY, _MINUTE):
        if hours.is_open(_local(at, info)):
            begin = at if begin is None else begin
        elif begin is not None:
            found.append((begin, at))
            begin = None
    if begin is not None:
        found.append((begin, (day + 1) * _DAY))
    return tuple(found)


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
