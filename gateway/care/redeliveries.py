"""Texts that a carrier hands over again, because it did not hear our acknowledgement."""

from collections import OrderedDict

from gateway.model.ids import made_at

REDELIVERY_MS = 600_000
UNANSWERED_MS = 60_000
MOST_DIGESTS = 200_000


class Redeliveries:
    """Tells a text that the carrier hands over again from one that the customer wrote again.

    The same bytes with the same sequence number on the same bind are a redelivery, and so are the same bytes on
    another bind, when the first bind was lost within a minute of them: then their acknowledgement may not have
    arrived. The same bytes as a new PDU of a bind that stands are a new text.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, list[tuple[int, int, int]]] = OrderedDict()
        self._alive: frozenset[int] = frozenset()
        self._ended: OrderedDict[int, int] = OrderedDict()
        self.ended_before = 0

    def standing(self, alive: frozenset[int], now: int) -> None:
        """Which binds stand now; those that no longer do ended now."""
        for session in self._alive - alive:
            self._ended[session] = now
            if len(self._ended) > 1000:
                self._ended.popitem(last=False)
        self._alive = alive

    def remember(self, digest: str, session: int, sequence: int, an_id: int) -> None:
        """A text that was taken."""
        self._seen.setdefault(digest, []).append((session, sequence, an_id))
        self._seen.move_to_end(digest)
        if len(self._seen) > MOST_DIGESTS:
            self._seen.popitem(last=False)

    def forget(self, digest: str, an_id: int) -> None:
        """Its commit failed: it was never taken."""
        rest = [row for row in self._seen.get(digest, []) if row[2] != an_id]
        if rest:
            self._seen[digest] = rest
        else:
            self._seen.pop(digest, None)

    def original(self, digest: str, session: int, sequence: int, now: int) -> int | None:
        """The id of the text that this is a redelivery of."""
        for place, (its_session, its_sequence, an_id) in enumerate(self._seen.get(digest, ())):
            if its_session == session and its_sequence == sequence:
                return an_id
            if its_session == session or its_session in self._alive or made_at(an_id) < now - REDELIVERY_MS:
                continue
            if made_at(an_id) >= self._ended.get(its_session, self.ended_before) - UNANSWERED_MS:
                # It now belongs to this bind: a third copy there with another number is a new text again.
                self._seen[digest][place] = (session, sequence, an_id)
                return an_id
        return None
