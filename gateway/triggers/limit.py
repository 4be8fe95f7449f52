"""Stops a step that runs too long: an interval timer and its signal, armed around each step.

Asyncio cannot interrupt code that never gives control back, and a thread cannot be stopped from outside; a signal
reaches the main thread between two bytecodes. Where the step does not run on the main thread nothing is limited.
"""

import signal

# signal.getsignal looks its answer up among enums, which costs more than the timer itself.
from _signal import getsignal  # type: ignore[import-not-found]
from signal import ITIMER_REAL, SIGALRM, setitimer
from threading import get_ident, main_thread
from time import monotonic, thread_time
from types import FrameType, TracebackType

from gateway.triggers.errors import StepTooSlow, last_line

_SLEPT = 10  # times the limit of wall time after which a step ends though it did not compute
_AGAIN = 0.02  # seconds after which it rings once more, should the step have swallowed the first


class _Ring(BaseException):
    """Not an Exception, so that a step's own `except Exception` does not swallow it."""


class _Clock:
    """The one interval timer of the process."""

    __slots__ = ("armed", "began", "computed", "main", "rang", "seconds")

    def __init__(self) -> None:
        self.armed = self.rang = False
        self.began = self.computed = self.seconds = 0.0
        self.main = main_thread().ident


_clock = _Clock()


def _ring(_signal: int, frame: FrameType | None) -> None:
    if not _clock.armed:
        return
    # A process that waits for its processor is not a slow step: what counts is the time this thread computed, and a
    # step that sleeps ends all the same.
    if thread_time() - _clock.computed < _clock.seconds and monotonic() - _clock.began < _SLEPT * _clock.seconds:
        return
    _clock.rang = True
    # The end of the step may be interrupted itself; raised there, the ring would escape from the limit.
    if frame is None or frame.f_code.co_filename != __file__:
        raise _Ring


class limit_step:  # noqa: N801  a context manager, used like a function
    """Raises StepTooSlow when the body runs longer than `seconds`.

    An inner limit within an outer one does nothing, and off the main thread it does nothing. A timer of somebody else
    (a test runner's) is put back afterwards.
    """

    __slots__ = ("_former", "_mine", "_others", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._mine = False
        self._others = (0.0, 0.0)
        self._former: object = None

    def __enter__(self) -> None:
        if _clock.armed or get_ident() != _clock.main:
            return
        former = getsignal(SIGALRM)
        if former is not _ring:  # once in the life of the gateway; each time under a test runner's own alarm
            signal.signal(SIGALRM, _ring)
            self._former = former
        self._mine, _clock.armed, _clock.rang = True, True, False
        _clock.seconds, _clock.began, _clock.computed = self._seconds, monotonic(), thread_time()
        self._others = setitimer(ITIMER_REAL, self._seconds, _AGAIN)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._mine:
            return
        _clock.armed = False
        setitimer(ITIMER_REAL, *self._others)
        if self._others[0] and self._former is not None:
            signal.signal(SIGALRM, self._former)  # type: ignore[arg-type]  # what getsignal gave
        if isinstance(value, StepTooSlow):
            return
        if _clock.rang:
            raise self._slow(last_line(traceback, frozenset({__file__}))) from None

    def _slow(self, where: str) -> StepTooSlow:
        return StepTooSlow(
            f"ran longer than {self._seconds * 1000:.0f} ms; a step computes, it does not wait", where=where
        )


def is_ring(problem: BaseException) -> bool:
    """Whether an exception is the limit's interruption, for code that adds where it happened."""
    return isinstance(problem, _Ring)
