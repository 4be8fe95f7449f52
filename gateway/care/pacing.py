"""Agents are not flooded: while many customers wait for them, what brings more of them waits too."""

import logging
from collections.abc import Callable

from gateway.care.playbook import Playbook
from gateway.model.message import Lane

log = logging.getLogger("gateway.care")


class Pacing:
    """Whether the bulk texts of one carrier stand back, by how many wait in the queues of the brands that use it, as
    the desk saw them last (`Playbook.standings`); without agents on XMPP nobody looks, and nothing stands back.
    """

    def __init__(self, carrier: str, playbook: Callable[[], Playbook]) -> None:
        self._carrier, self._playbook = carrier, playbook
        self._source: Playbook | None = None
        self._queues: tuple[str, ...] = ()
        self._stands_back = False

    def paused(self, prio: int) -> bool:
        """Whether texts of a priority (`Lane`) wait just now: those of `bulk`, while `bulk_pauses_at` wait or more."""
        if prio < Lane.bulk:
            return False
        book = self._playbook()
        most = book.rules.conversations.bulk_pauses_at
        waiting = self._waiting(book) if most else 0
        stands_back = bool(most) and waiting >= most
        if stands_back is not self._stands_back:
            self._stands_back = stands_back
            what = "bulk texts stand back" if stands_back else "bulk texts go on"
            log.warning("%s over carrier %s: %d customers wait for agents", what, self._carrier, waiting)
        return stands_back

    def _waiting(self, book: Playbook) -> int:
        if self._source is not book:
            senders = [one for one in book.senders.values() if self._carrier in one.carriers]
            brands = {name for sender in senders for name in sender.brands}
            self._source = book
            self._queues = tuple(name for name, queue in book.queues.items() if queue.brand in brands)
        standings = book.standings
        return sum(len(standings[name].waiting) for name in self._queues if name in standings)
