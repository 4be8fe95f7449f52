"""The bound of what waits to be sent (design section 2): 429, and nothing taken, while it is reached.

What waits on disk is counted once a second. What was taken since then is counted here as it comes, so that a burst
between two counts cannot pass the bound and no request reads the database.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway.web.problems import Problem, wait

BACKLOG_SECONDS: Final = 5
SECONDS: Final = 2
"""How old the count may be: one second to the next, and the time that it takes. What was taken within them may be
missing in it. It may be in it as well: then we refuse a little early, never too late."""

_A_SECOND: Final = 4


class Backlog:
    """What waits, and whether more may be taken.

    limit: of outgoing parts. queued: as counted lately. clock: monotonic seconds.
    """

    def __init__(
        self, limit: Callable[[], int], queued: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._queued, self._clock = limit, queued, clock
        self._taken: deque[tuple[int, int]] = deque()  # (quarter of a second, how many)
        self._lately = 0

    def require_room(self) -> None:
        """Raises Problem 429 while nothing may be taken: asked before the work of reading a body."""
        if self._waiting() >= self._limit():
            raise _full()

    def take(self, count: int) -> None:
        """Counts what is about to be taken. Raises Problem 429 where it does not fit.

        More than the limit itself goes while nothing waits: it would never fit.
        """
        waiting, limit = self._waiting(), self._limit()
        if waiting >= limit or (waiting and waiting + count > limit):
            raise _full()
        now = int(self._clock() * _A_SECOND)
        self._lately += count
        if self._taken and self._taken[-1][0] == now:
            count += self._taken.pop()[1]
        self._taken.append((now, count))

    def _waiting(self) -> int:
        oldest = int(self._clock() * _A_SECOND) - SECONDS * _A_SECOND
        while self._taken and self._taken[0][0] < oldest:
            self._lately -= self._taken.popleft()[1]
        return self._queued() + self._lately


def _full() -> Problem:
    said = "too many messages wait to be sent; nothing was taken"
    return Problem("backlog-full", said, headers=wait(BACKLOG_SECONDS))
