"""How long the link waits: for answers, and before it knocks again. Pure: chance is handed in."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """All in seconds.

    first, limit: of the back-off. session: from the first packet to the accepted handshake. answer: of the server
    to a ping. idle: silence after which we ask whether it is still there. refused: between tries with a secret that
    is wrong. conflict: between tries while another is connected in our place. advert: for what the server grants
    (XEP-0356). probe: for how much an agent is there who lets us see it. roster: for an agent's contacts; other
    lines wait behind it. stable: how long a session has to stand for the back-off to begin anew. leaving: for the last
    bytes. look: between looks at our rooms. entry: for a room to let us in. quiet: silence in a room after which we ask
    whether we are in it still (XEP-0410). room_limit: of the back-off of a room.
    """

    first: float = 0.1
    limit: float = 2.0
    session: float = 10.0
    answer: float = 10.0
    idle: float = 30.0
    refused: float = 60.0
    conflict: float = 5.0
    advert: float = 1.0
    probe: float = 3.0
    roster: float = 2.0
    stable: float = 2.0
    leaving: float = 1.0
    look: float = 1.0
    entry: float = 20.0
    quiet: float = 60.0
    room_limit: float = 60.0


class Backoff:
    """Doubles from `first` to `limit`, with a jitter of half, so that gateways do not knock together."""

    def __init__(self, patience: Patience, chance: Callable[[], float] = random.random) -> None:
        self._patience = patience
        self._chance = chance
        self._tries = 0

    def next(self) -> float:
        """Seconds to wait now: between half the step and the step."""
        step = min(self._patience.limit, self._patience.first * float(1 << min(self._tries, 30)))
        self._tries += 1
        return step * (0.5 + self._chance() / 2)

    def reset(self) -> None:
        """The session held."""
        self._tries = 0
