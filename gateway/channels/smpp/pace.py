"""How fast a carrier may be fed, and how long to wait before knocking again. Pure: the clock is handed in."""

import random
from collections.abc import Callable

Clock = Callable[[], float]

_FIRST_PAUSE = 1.0  # seconds without a submit after the carrier said "throttled"; doubles while it goes on saying so
_LONGEST_PAUSE = 30.0
_RECOVERY = 0.05  # of the set rate, given back each second without a refusal
_FLOOR = 1.0  # parts a second below which the rate never falls


class Pace:
    """A token bucket of parts, shared by all binds of a carrier, whose rate falls by half when the carrier says
    "throttled" and climbs back by a twentieth a second (additive increase, multiplicative decrease).

    rate: parts a second, 0 = no limit until the carrier complains; then half of what it had been getting. The bucket
    holds a tenth of a second's parts, so that a carrier which counts each second sees no burst.
    """

    def __init__(self, rate: float, clock: Clock) -> None:
        self._set = rate
        self._clock = clock
        self._rate = rate
        self._tokens = self._burst
        self._at = clock()
        self._pause = _FIRST_PAUSE
        self._paused_until = 0.0
        self._accepted = 0
        self._accepted_since = self._at

    def reset(self, rate: float) -> None:
        """A new set rate, from now on."""
        self._set = self._rate = rate
        self._tokens = min(self._tokens, self._burst)

    @property
    def rate(self) -> float:
        """Parts a second at present, 0 = no limit."""
        return self._rate

    @property
    def paused(self) -> bool:
        """Whether the carrier asked us to stop and the pause is not over."""
        return self._clock() < self._paused_until

    @property
    def _burst(self) -> float:
        return max(1.0, self._rate / 10)

    def room(self, wanted: int) -> int:
        """How many of so many parts may go now."""
        self._refill()
        if self.paused:
            return 0
        if not self._rate:
            return wanted
        return max(0, min(wanted, int(self._tokens)))

    def take(self, parts: int) -> None:
        """They go. More than there was room for becomes a debt."""
        if self._rate:
            self._tokens -= parts

    def wait(self) -> float | None:
        """Seconds until there is room for a part, None if there is now."""
        self._refill()
        pause = self._paused_until - self._clock()
        if pause > 0:
            return pause
        if not self._rate or self._tokens >= 1:
            return None
        return (1 - self._tokens) / self._rate

    def accepted(self, parts: int = 1) -> None:
        """The carrier took them."""
        self._accepted += parts

    def throttled(self) -> bool:
        """The carrier said "slow down". Counts once per pause: a whole window is refused at a time. Whether it
        counted."""
        now = self._clock()
        if now < self._paused_until:
            return False
        self._refill()
        if self._rate:
            self._rate = max(_FLOOR, self._rate / 2)
        else:
            measured = self._accepted / max(now - self._accepted_since, 0.1)
            self._rate = max(_FLOOR, measured / 2)
        self._tokens = min(self._tokens, 1.0)
        recent = now - self._paused_until < 2 * self._pause and self._paused_until > 0
        self._pause = min(_LONGEST_PAUSE, self._pause * 2) if recent else _FIRST_PAUSE
        self._paused_until = now + self._pause
        self._at = self._paused_until  # no tokens for the pause
        return True

    def _refill(self) -> None:
        now = self._clock()
        passed = now - self._at
        if passed <= 0:
            return
        self._at = now
        if now - self._accepted_since > 5:
            self._accepted, self._accepted_since = 0, now
        if not self._rate:
            return
        self._recover(passed)
        self._tokens = min(self._burst, self._tokens + passed * self._rate)

    def _recover(self, passed: float) -> None:
        if self._set:
            self._rate = min(self._set, self._rate + passed * _RECOVERY * self._set)
        else:
            # without a set rate there is nothing to come back to: grow by a twentieth a second, for as long as it is
            # accepted
            self._rate += passed * max(_FLOOR, _RECOVERY * self._rate)


class Backoff:
    """How long to wait before the next try: doubles from `first` to `limit` seconds.

    A jitter of half keeps the binds of a fleet from knocking together.
    """

    def __init__(self, first: float, limit: float, chance: Callable[[], float] = random.random) -> None:
        self._first = first
        self._limit = limit
        self._chance = chance
        self._tries = 0

    def next(self) -> float:
        """Seconds to wait now: between half the step and the step."""
        step = min(self._limit, self._first * float(1 << min(self._tries, 30)))
        self._tries += 1
        return step * (0.5 + self._chance() / 2)

    def reset(self) -> None:
        """The bind held: begin anew."""
        self._tries = 0
