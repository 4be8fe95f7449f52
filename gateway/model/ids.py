"""Ids of everything that grows: 64-bit, time-ordered, made in the process.

`epoch_ms << 20 | process slot << 12 | sequence`: a range of dates is a range of ids, newest-first is the primary key.
In JSON an id is a string, since JavaScript's numbers end at 2**53.
"""

import time
from collections.abc import Callable

SEQUENCE_BITS = 12
SLOT_BITS = 8
TIME_SHIFT = SEQUENCE_BITS + SLOT_BITS
_LAST_SEQUENCE = (1 << SEQUENCE_BITS) - 1
SETTLED_MS = 1000
_time_ns = time.time_ns


class Ids:
    """Makes ids that only grow, also when the clock is set back or 4,096 were made within one millisecond.

    Args:
        now_ms: the wall clock, milliseconds since 1970 UTC.
        slot: 0..255, this process among those that share a store.
        newest: the largest id on disk; no id made here is smaller.

    settled: no id made from now on is at or below it (`settle`).
    """

    def __init__(self, now_ms: Callable[[], int], slot: int = 0, newest: int = 0) -> None:
        if not 0 <= slot < 1 << SLOT_BITS:
            raise ValueError(f"process slot {slot} is outside 0..255")
        self._now_ms = now_ms
        self._slot = slot << SEQUENCE_BITS
        self._ms = newest >> TIME_SHIFT
        self.settled = newest
        self._earlier = 0, newest
        self._sequence = _LAST_SEQUENCE  # the first id starts a new millisecond

    def start_after(self, newest: int) -> None:
        """No id made from now on is smaller than one that is on disk."""
        if newest >> TIME_SHIFT >= self._ms:
            self._ms, self._sequence = newest >> TIME_SHIFT, _LAST_SEQUENCE
        self.settled = max(self.settled, newest)

    def settle(self) -> int:
        """Moves `settled` to about a second ago. What reads messages by their ids once reads up to there: whoever
        writes a message with an id that was made before, and is at or below it, must see to it that it is found.

        It goes by the clock, and by what was made before an earlier call: ids may be ahead of a clock that was set
        back, and are settled all the same.
        """
        now = self._now_ms()
        earlier, made = self._earlier
        if not earlier <= now < earlier + SETTLED_MS:
            self._earlier = now, self._ms << TIME_SHIFT | self._slot | self._sequence
            self.settled = max(self.settled, made)
        if now - SETTLED_MS > self._ms:
            self._ms, self._sequence = now - SETTLED_MS, _LAST_SEQUENCE
        self.settled = max(self.settled, id_at(now - SETTLED_MS))
        return self.settled

    def __call__(self) -> int:
        now = self._now_ms()
        if now > self._ms:
            self._ms, self._sequence = now, 0
        elif self._sequence == _LAST_SEQUENCE:
            self._ms, self._sequence = self._ms + 1, 0
        else:
            self._sequence += 1
        return self._ms << TIME_SHIFT | self._slot | self._sequence


def wall_ms() -> int:
    """The wall clock, ms since 1970 UTC."""
    return _time_ns() // 1_000_000


def id_at(epoch_ms: int) -> int:
    """The smallest id of a millisecond: turns a date range into an id range."""
    return epoch_ms << TIME_SHIFT


def made_at(an_id: int) -> int:
    """Milliseconds since 1970 UTC at which the id was made."""
    return an_id >> TIME_SHIFT
