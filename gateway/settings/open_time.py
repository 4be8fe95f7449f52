"""Time that counts only while a queue is open: what is promised in "120 s" is due 120 open seconds later."""

from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

_MINUTE = 60_000


class Opening(Protocol):
    """Opening hours, as far as they matter here (`gateway.settings.hours`)."""

    def is_open(self, local: datetime) -> bool:
        """Whether it is open at a local time."""

    def next_opening(self, local: datetime) -> datetime | None:
        """The first moment at or after `local` when it is open; None when it never is."""


def is_open(hours: Opening, zone: str, at: int) -> bool:
    """Whether it is open at a time (ms since 1970)."""
    return hours.is_open(_local(at, ZoneInfo(zone)))


def add_open(hours: Opening, zone: str, start: int, span: int) -> int | None:
    """The first time by which it was open for so long since `start`; None when it never will be.

    Hours begin and end at whole minutes, whatever the zone and its clock changes, so time is walked through by minutes:
    it asks for nothing but whether it is open, so that holidays count by themselves. With a span of 0 it is the first
    time at or after `start` when it is open.

    Args:
        hours: on the wall clock of `zone`.
        zone: IANA name.
        start: ms since 1970.
        span: ms of open time, up to some days: a day is 1440 looks.
    """
    info, at, left = ZoneInfo(zone), start, span
    while True:
        if not hours.is_open(_local(at, info)):
            opening = hours.next_opening(_local(at, info))
            if opening is None:
                return None
            opens = int(opening.timestamp() * 1000)
            # Where clocks are turned back, an hour comes twice, and the one that was may be meant.
            at = opens if opens > at else at + _MINUTE - at % _MINUTE
            continue
        step = _MINUTE - at % _MINUTE
        if left <= step:
            return at + left
        at, left = at + step, left - step


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
