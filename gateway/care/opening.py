"""When somebody may answer what waits in a queue: its own hours and those of its back-up, in their brand's zone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.care.playbook import Playbook
from gateway.settings.gateway_file import Queue
from gateway.settings.hours import Hours
from gateway.settings.open_time import Opening

_ALWAYS = Hours.parse("24/7")


def is_open(playbook: Playbook, name: str | None, now: int) -> bool:
    """Whether the agents of a queue, or those of its back-up, work at a time (ms). A queue that the configuration does
    not know has no hours that could be over.
    """
    staffed = _staffed(playbook, name)
    return not staffed or any(works(playbook, queue, now) for queue in staffed)


def works(playbook: Playbook, queue: Queue, now: int) -> bool:
    """Whether the agents of this very queue work at a time (ms)."""
    return hours_of(playbook, queue).is_open(_local(playbook, queue, datetime.fromtimestamp(now / 1000, UTC)))


def next_opening(playbook: Playbook, name: str | None, moment: datetime) -> datetime | None:
    """When somebody answers next, in the brand's zone; None while somebody does, and when nobody ever will."""
    found: list[datetime] = []
    for queue in _staffed(playbook, name):
        local, hours = _local(playbook, queue, moment), hours_of(playbook, queue)
        if hours.is_open(local):
            return None
        opens = hours.next_opening(local)
        if opens is not None:
            found.append(opens)
    return min(found, key=lambda opens: opens.astimezone(UTC), default=None)


@dataclass(frozen=True, slots=True)
class _Either:
    """Open when the one or the other is; of one brand, so in one zone."""

    own: Hours
    backup: Hours

    def is_open(self, local: datetime) -> bool:
        return self.own.is_open(local) or self.backup.is_open(local)

    def next_opening(self, local: datetime) -> datetime | None:
        found = [
            opens for opens in (self.own.next_opening(local), self.backup.next_opening(local)) if opens is not None
        ]
        return min(found, key=lambda opens: opens.astimezone(UTC), default=None)


def staffed(playbook: Playbook, name: str | None) -> Opening | None:
    """When somebody may answer what waits in a queue; None where the configuration does not know it."""
    hours = [hours_of(playbook, queue) for queue in _staffed(playbook, name)]
    if len(hours) == 2 and _ALWAYS not in hours and hours[0] != hours[1]:
        return _Either(*hours)
    return _ALWAYS if _ALWAYS in hours else hours[0] if hours else None


def _staffed(playbook: Playbook, name: str | None) -> list[Queue]:
    queue = playbook.queues.get(name or "")
    backup = playbook.queues.get(queue.backup or "") if queue is not None else None
    return [one for one in (queue, backup) if one is not None]


def hours_of(playbook: Playbook, queue: Queue) -> Hours:
    """When the agents of a queue work, on its brand's clocks."""
    return Hours.parse(queue.hours or "24/7", queue.holidays or playbook.brands[queue.brand].holidays)


def _local(playbook: Playbook, queue: Queue, moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(playbook.brands[queue.brand].timezone))
