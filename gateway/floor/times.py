"""Times in what agents read: those of the brand, and which zone that is, since an agent may sit in another."""

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.care.playbook import Playbook


def zone_of(book: Playbook, brand: str) -> ZoneInfo:
    """The zone of a brand; UTC where it is known no more."""
    known = book.brands.get(brand)
    return ZoneInfo(known.timezone if known is not None else "UTC")


def clock(at: int, zone: ZoneInfo) -> str:
    """Such as `14:05 EST`. at: ms."""
    return f"{bare(at, zone)} {name(at, zone)}"


def bare(at: int, zone: ZoneInfo) -> str:
    """Such as `14:05`, below a line that names the zone. at: ms."""
    return _moment(at, zone).strftime("%H:%M")


def day(at: int, zone: ZoneInfo) -> str:
    """Such as `29 Nov`. at: ms."""
    return _moment(at, zone).strftime("%d %b")


def name(at: int, zone: ZoneInfo) -> str:
    """What a zone is called at that time: `EST`, or `UTC-03` where it has no such name. at: ms."""
    called = _moment(at, zone).strftime("%Z")
    return f"UTC{called}" if called[:1] in "+-" else called


def _moment(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone)
