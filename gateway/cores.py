"""Keeps the two threads that do the work on one core.

The event loop and the store's writer take turns with the interpreter's lock, so a second core brings them little; but
each turn then moves what both touch from one cache to the other. On one core a round trip costs a fifth less
(decision 13). Threads that read run where they like.

Linux only; elsewhere, and where the system says no, nothing happens.
"""

import logging
import os
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

CROWDED = 0.25
log = logging.getLogger("gateway")
Spent = tuple[float, float]


def spent(thread: int) -> Spent | None:
    """Seconds that a thread has run, and that it was ready to run and had to wait (proc(5), schedstat)."""
    try:
        ran, waited, _ = Path(f"/proc/self/task/{thread}/schedstat").read_text().split()
        return int(ran) / 1e9, int(waited) / 1e9
    except (OSError, ValueError):
        return None


class OneCore:
    """Puts threads on one core, and on another one when somebody else crowds it.

    now: seconds, monotonic. spent: of a thread. choose: among cores.
    """

    def __init__(
        self,
        now: Callable[[], float],
        spent: Callable[[int], Spent | None] = spent,
        choose: Callable[[Sequence[int]], int] = random.choice,
    ) -> None:
        self._now, self._spent, self._choose = now, spent, choose
        self._threads: tuple[int, ...] = ()
        self._allowed: frozenset[int] = frozenset()
        self.core: int | None = None
        self._seen: tuple[float, float] | None = None

    def start(self, *threads: int) -> None:
        """Puts these threads (`threading.get_native_id`) on a core; nothing to do where the process has one only."""
        if not hasattr(os, "sched_setaffinity"):
            return
        self._threads = threads
        self._allowed = frozenset(os.sched_getaffinity(0))
        if len(self._allowed) > 1:
            self._move(self._choose(sorted(self._allowed)))

    def look(self) -> None:
        """Moves away from a core on which the first thread waits, for others than ours, a quarter of the time."""
        if self.core is None:
            return
        waited, now = self._foreign(), self._now()
        before = self._seen
        self._seen = None if waited is None else (waited, now)
        if waited is None or before is None or now <= before[1]:
            return
        if (waited - before[0]) / (now - before[1]) > CROWDED:
            self._move(self._choose(sorted(self._allowed - {self.core})))

    def free(self) -> None:
        """Lets the calling thread run anywhere; a new thread begins bound to where its maker is."""
        if self.core is not None:
            # A container's cores may have been changed since; a thread that cannot start would end all reading.
            with suppress(OSError):
                os.sched_setaffinity(0, self._allowed)

    def stop(self) -> None:
        """The calling thread, which was the first, runs anywhere again; the others have ended."""
        self.free()
        self.core = None

    def _foreign(self) -> float | None:
        """Seconds that the first thread waited while none of ours ran."""
        times = [self._spent(thread) for thread in self._threads]
        known = [one for one in times if one is not None]
        return known[0][1] - sum(ran for ran, _ in known[1:]) if len(known) == len(times) else None

    def _move(self, core: int) -> None:
        try:
            for thread in self._threads:
                os.sched_setaffinity(thread, {core})
        except OSError as error:
            log.info("the threads run on any core: %s", error)
            return
        self.core = core
        self._seen = None
