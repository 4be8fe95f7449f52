"""The proof that lines were taken: a stream is ordered, so the answer to a ping that was written after them tells that
the server has read them (XEP-0199). Components have no stream management (XEP-0198).
"""

import asyncio
from collections.abc import Callable

UNCONFIRMED = 500
"""Lines at most, of a server that is quick."""
LEAST = 100
"""Of one that is slow, and at the beginning: more at once would not be answered within our patience, and after the
loss they would all have to go again, for ever."""
QUICK, SLOW = 0.5, 2.0
"""Seconds until a ping is answered: twice as many lines are written then; as few as at the beginning."""
MOST_LOOKS = 6
"""So often we wait once more for an answer while other stanzas show that the server lives."""


class Barrier:
    """Of one session. One ping is under way at a time; what is written meanwhile waits for the next.

    dead: the server has not answered for `patience` seconds, nor sent anything else. heard: when it last sent
    something, in any unit.
    """

    def __init__(
        self, ping: Callable[[], None], dead: Callable[[], None], patience: float, heard: Callable[[], int] = lambda: 0
    ) -> None:
        self._ping = ping
        self._dead = dead
        self._patience = patience
        self._heard = heard
        self._window = LEAST
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Future[bool] = self._loop.create_future()
        self._next_lines = 0
        self._wanted = False  # somebody waits for the next
        self._under_way: asyncio.Future[bool] | None = None
        self._under_way_lines = 0
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self.broken = False

    @property
    def unconfirmed(self) -> int:
        """Lines that were written and are not known to be taken."""
        return self._next_lines + self._under_way_lines

    def takes(self, lines: int) -> bool:
        """Whether so many more may be written now."""
        return self.unconfirmed + lines <= self._window

    @property
    def waiting(self) -> bool:
        """Whether a ping is under way."""
        return self._under_way is not None

    def wrote(self, lines: int) -> "asyncio.Future[bool]":
        """So many lines were just written: done with True when they are known to be taken, with False when that will
        never be known."""
        future = self._next
        if self.broken:
            future = self._loop.create_future()
            future.set_result(False)
            return future
        self._next_lines += lines
        self._wanted = True
        if self._under_way is None:
            self._launch()
        return future

    def answered(self) -> None:
        """The ping has its answer."""
        if self._under_way is None:
            return
        self._cancel_timer()
        took = self._loop.time() - self._began
        if took < QUICK:
            self._window = min(UNCONFIRMED, self._window * 2)
        elif took > SLOW:
            self._window = LEAST
        if not self._under_way.done():
            self._under_way.set_result(True)
        self._under_way, self._under_way_lines = None, 0
        if self._wanted:
            self._launch()

    def break_(self) -> None:
        """The stream is lost."""
        self.broken = True
        self._cancel_timer()
        for future in (self._under_way, self._next):
            if future is not None and not future.done():
                future.set_result(False)
        self._under_way, self._under_way_lines, self._next_lines = None, 0, 0

    def _launch(self) -> None:
        self._under_way, self._under_way_lines = self._next, self._next_lines
        self._next, self._next_lines = self._loop.create_future(), 0
        self._wanted = False
        self._began = self._loop.time()
        self._wait(self._heard(), 1)
        self._ping()

    def _wait(self, heard: int, looks: int) -> None:
        self._timer = self._loop.call_later(self._patience, self._late, heard, looks)

    def _late(self, heard: int, looks: int) -> None:
        if self._heard() != heard and looks < MOST_LOOKS:
            self._wait(self._heard(), looks + 1)
        else:
            self._dead()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
