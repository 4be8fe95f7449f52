"""The submits of one session that wait for their answer: sequence numbers, deadlines, and answers that come late."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from gateway.channels.smpp import faults
from gateway.channels.smpp.wire import MAX_SEQUENCE
from gateway.model.channel import Fault, PartAnswer
from gateway.model.message import Outcome

Attempt = tuple[int, int, int]
_KNOWN_STATUS: Final = 0x1000  # SMPP v5 ends at 0x111, carriers' own codes at 0x4ff


class Window:
    """sequence_number -> attempt and deadline, in the order they went; since all wait equally long, the first is due
    first.

    size: how many may wait. A part whose deadline passed gives its slot free and is remembered, so that a late answer
    still finds it; `remembered` of them at most. errors: what a command_status means to this carrier.
    """

    def __init__(
        self,
        size: int,
        counters: Counter[str],
        errors: Mapping[int, Fault],
        *,
        remembered: int = 1000,
        sequence: int = 1,
    ) -> None:
        self.size = size
        self._counters = counters
        self.errors = errors
        self._unflushed: set[int] = set()
        self._open: dict[int, tuple[Attempt, float]] = {}
        self._doubtful: dict[int, Attempt] = {}
        self._remembered = remembered
        self._sequence = sequence

    def __len__(self) -> int:
        return len(self._open)

    @property
    def free(self) -> int:
        """Slots that a part may take now."""
        return max(0, self.size - len(self._open))

    def next_sequence(self) -> int:
        """A sequence_number from 1 to 0x7fffffff that no part waiting for an answer has (SMPP v3.4 5.1.4)."""
        while True:
            number = self._sequence
            self._sequence = number + 1 if number < MAX_SEQUENCE else 1
            if number not in self._open and number not in self._doubtful:
                return number

    def add(self, sequence: int, attempt: Attempt, deadline: float) -> None:
        """The part went out under that number."""
        self._open[sequence] = (attempt, deadline)
        self._unflushed.add(sequence)

    def settle(self, sequence: int, status: int, remote_id: str) -> PartAnswer | None:
        """The answer to a part, marked late where its deadline had passed; None for one that nothing waits for."""
        found = self._open.pop(sequence, None)
        late = found is None
        attempt = self._doubtful.pop(sequence, None) if found is None else found[0]
        if attempt is None:
            self._counters["unknown_response"] += 1
            return None
        self._unflushed.discard(sequence)
        if late:
            self._counters["late"] += 1
        if status == faults.STATUS_OK:
            self._counters["accepted"] += 1
            return PartAnswer(attempt, Outcome.accepted, 0, remote_id, None, late)
        fault = faults.fault_of(status, self.errors)
        outcome = faults.outcome_of(fault)
        self._counters[outcome.value] += 1
        # a carrier must not be able to fill our memory with codes
        self._counters[f"status_0x{status:02x}" if status < _KNOWN_STATUS else "status_other"] += 1
        return PartAnswer(attempt, outcome, status, remote_id, fault, late)

    def expired(self, now: float) -> list[PartAnswer]:
        """The parts whose deadline is over, in doubt; their slots are free from here on."""
        over: list[PartAnswer] = []
        while self._open:
            sequence, (attempt, deadline) = next(iter(self._open.items()))
            if deadline > now:
                break
            del self._open[sequence]
            self._doubtful[sequence] = attempt
            over.append(PartAnswer(attempt, Outcome.in_doubt))
        while len(self._doubtful) > self._remembered:
            del self._doubtful[next(iter(self._doubtful))]
        self._counters["in_doubt"] += len(over)
        return over

    def flushed(self) -> None:
        """All parts are with the kernel; from here on a lost connection leaves them in doubt."""
        self._unflushed.clear()

    def lost(self) -> list[PartAnswer]:
        """The parts when the connection is gone: unsent if never handed to the kernel, else in doubt."""
        answers = []
        for sequence, (attempt, _) in self._open.items():
            outcome = Outcome.unsent if sequence in self._unflushed else Outcome.in_doubt
            self._counters[outcome.value] += 1
            answers.append(PartAnswer(attempt, outcome))
        self._open.clear()
        self._doubtful.clear()
        self._unflushed.clear()
        return answers
