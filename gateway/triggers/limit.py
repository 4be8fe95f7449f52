"""Stops a step that runs too long: a watch that looks every 20 ms, and a signal.

Asyncio cannot interrupt code that never gives control back, and a thread cannot be stopped from outside; a signal
reaches the main thread between two bytecodes. A timer armed around each step would do the same for two system calls a
step, a quarter of all the time of a short conversation's turn (measured); so one thread watches, and a step only says
that it began and that it ended. Off the main thread nothing is limited.
"""

import signal
import threading
import time
from threading import get_ident, main_thread
from types import FrameType, TracebackType

from gateway.triggers.errors import StepTooSlow, last_line

_SLEPT = 10  # times the limit of wall time after which a step ends though it did not compute
_LOOK = 0.02  # seconds between two looks; a step that swallows the ring hears the next one
_IDLE_LOOKS = 50  # looks without a step after which the watch goes to sleep
_SIGNAL = signal.SIGVTALRM  # nobody else's: test runners use SIGALRM


class _Ring(BaseException):
    """Not an Exception, so that a step's own `except Exception` does not swallow it."""


class _Watch:
    """The one watch of the process. number: of the step that runs or ran last; armed: one runs."""

    __slots__ = ("_look_again", "_wake", "armed", "awake", "main", "number", "rang", "seconds", "started", "target")

    def __init__(self) -> None:
        self.armed = self.rang = self.awake = self.started = False
        self.main = main_thread().ident or 0
        self.number = self.target = 0
        self.seconds = 0.0
        self._wake = threading.Event()
        self._look_again = threading.Event()

    def rouse(self) -> None:
        """A step began while the watch slept."""
        if not self.started:
            self.started = True
            signal.signal(_SIGNAL, _ring)
            threading.Thread(target=self._watch, name="careline-step-watch", daemon=True).start()
        self.awake = True
        self._wake.set()

    def _watch(self) -> None:
        cpu_clock = time.pthread_getcpuclockid(self.main)
        seen, idle, began, computed = -1, 0, 0.0, 0.0
        while True:
            if idle > _IDLE_LOOKS:
                self._sleep(seen)
                idle = 0
            self._look_again.wait(_LOOK)
            if not self.armed or self.number != seen:
                idle = idle + 1 if self.number == seen else 0
                seen, began, computed = self.number, time.monotonic(), time.clock_gettime(cpu_clock)
                continue
            # A process that waits for its processor is not a slow step: what counts is the time the thread computed,
            # and a step that sleeps ends all the same.
            computing = time.clock_gettime(cpu_clock) - computed > self.seconds - _LOOK
            if computing or time.monotonic() - began > _SLEPT * self.seconds:
                self.target = seen
                signal.pthread_kill(self.main, _SIGNAL)

    def _sleep(self, seen: int) -> None:
        self._wake.clear()
        self.awake = False
        # A step that began just now saw us awake; it is ours to see.
        if not self.armed and self.number == seen:
            self._wake.wait()
        self.awake = True


_watch = _Watch()


def _ring(_signal: int, frame: FrameType | None) -> None:
    if not _watch.armed or _watch.number != _watch.target:
        return
    _watch.rang = True
    # The end of the step may be interrupted itself; raised there, the ring would escape from the limit.
    if frame is None or frame.f_code.co_filename != __file__:
        raise _Ring


class limit_step:  # noqa: N801  a context manager, used like a function
    """Raises StepTooSlow when the body runs longer than `seconds`, of processor time or ten times that of the clock.

    An inner limit within an outer one does nothing, and off the main thread it does nothing.
    """

    __slots__ = ("_mine", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._mine = False

    def __enter__(self) -> None:
        if _watch.armed or get_ident() != _watch.main:
            return
        self._mine, _watch.rang, _watch.seconds = True, False, self._seconds
        _watch.number += 1
        _watch.armed = True
        if not _watch.awake:
            _watch.rouse()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._mine:
            return
        _watch.armed = False
        if isinstance(value, StepTooSlow):
            return
        if _watch.rang:
            raise self._slow(last_line(traceback)) from None

    def _slow(self, where: str) -> StepTooSlow:
        return StepTooSlow(
            f"ran longer than {self._seconds * 1000:.0f} ms; a step computes, it does not wait", where=where
        )


def is_ring(problem: BaseException) -> bool:
    """Whether an exception is the limit's interruption, for code that adds where it happened."""
    return isinstance(problem, _Ring)
