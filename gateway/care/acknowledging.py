"""When a text that is on disk is acknowledged: at once; while too much waits to leave, as there is room for its answer.

A carrier that has many texts sends the next as soon as one is acknowledged. Were that as fast as the disk takes them,
they would come faster than their answers go, and what waits would grow for as long as they come. Held back for a
moment, they wait at the carrier, and what is with us is decided at once and leaves at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway import failpoints
from gateway.care.delivery import Delivery
from gateway.care.engine import Engine
from gateway.model.channel import Channel
from gateway.model.message import Outcome

WINDOWS = 2
"""Submit windows of work that may wait before an acknowledgement does."""
HOLD_SECONDS = 1.0
"""The longest that one waits. Carriers give up after 5 to 30 s, and hand the text over again."""
LOOK_SECONDS = 0.02


@dataclass(slots=True)
class _Line:
    """The texts of one carrier that are on disk and still to be acknowledged, in order, each with the time of its hold.

    moves: the carrier takes parts, so waiting helps. measured_at, accepted: when that was last looked at, None = little
    waits; and how many parts the carrier had taken by then.
    """

    channel: Channel
    delivery: Delivery
    held: deque[tuple[float, object]] = field(default_factory=deque)
    moves: bool = True
    measured_at: float | None = None
    accepted: int = 0


class Acknowledging:
    """Acknowledges the texts of all carriers, once they are on disk. clock: monotonic seconds.

    Holding helps only while what waits leaves: as long as a carrier takes nothing (it is down, it told us to pause, it
    only brings), its texts are acknowledged at once, however much waits.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self.clock = engine, clock
        self._lines: dict[str, _Line] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False

    def taken(self, channel: Channel, tokens: Sequence[object]) -> None:
        """Texts are on disk: they are acknowledged now or soon, after those that came before them."""
        line = self._lines.get(channel.name) or self._line(channel)
        if line is None or self._stopping or not self._must_wait(line):
            if line is not None and line.held:
                self._release(line, len(line.held))
            _acknowledge(channel, tokens)
            return
        now = self.clock()
        line.held.extend((now, token) for token in tokens)
        channel.postpone(tokens)
        self._look_at(line)
        self._look_later()

    def eased(self, channel: Channel) -> None:
        """The carrier has answered: there may be room for what the next texts cause."""
        line = self._lines.get(channel.name)
        if line is not None and line.held:
            self._look_at(line)

    def look(self) -> bool:
        """Acknowledges what may be; whether that was any. A timer calls it while something is held, a test may."""
        released = False
        for line in self._lines.values():
            if line.held:
                released |= self._look_at(line)
        return released

    def stop(self) -> None:
        """From now on nothing is held: a carrier is not left before it has our answers."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for line in self._lines.values():
            self._release(line, len(line.held))

    # -- inside

    def _line(self, channel: Channel) -> _Line | None:
        """None: nothing is sent there, so no answer waits for it."""
        delivery = self._engine.deliveries.get(f"send:{channel.name}")
        if delivery is None:
            return None
        line = self._lines[channel.name] = _Line(channel, delivery)
        return line

    def _look_later(self) -> None:
        if self._timer is None and not self._stopping:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.look()
        if any(line.held for line in self._lines.values()):
            self._look_later()

    def _look_at(self, line: _Line) -> bool:
        if not self._must_wait(line):
            return self._release(line, len(line.held))
        overdue, oldest = 0, self.clock() - HOLD_SECONDS
        if line.held[0][0] <= oldest:
            overdue = sum(since <= oldest for since, _ in line.held)
        # Each that is acknowledged brings another: as many as could be answered now.
        return self._release(line, max(overdue, line.delivery.spare() - self._engine.waiting()))

    def _release(self, line: _Line, count: int) -> bool:
        tokens = [line.held.popleft()[1] for _ in range(min(count, len(line.held)))]
        if tokens:
            _acknowledge(line.channel, tokens)
        return bool(tokens)

    def _must_wait(self, line: _Line) -> bool:
        """Whether a text that is taken now waits for its acknowledgement."""
        delivery = line.delivery
        if not line.held and self._engine.waiting() + delivery.waiting() <= WINDOWS * delivery.window:
            line.measured_at = None
            return False
        now, accepted = self.clock(), delivery.figures.outcomes.get(Outcome.accepted, 0)
        if line.measured_at is None:
            line.moves, line.measured_at, line.accepted = True, now, accepted
        elif now - line.measured_at >= HOLD_SECONDS:
            line.moves = accepted > line.accepted
            line.measured_at, line.accepted = now, accepted
        return line.moves


def _acknowledge(channel: Channel, tokens: Sequence[object]) -> None:
    failpoints.hit("before_ack")
    channel.acknowledge(tokens, accepted=True)
    failpoints.hit("after_ack")
