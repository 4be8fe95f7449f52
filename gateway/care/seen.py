"""Which offers their customers may have seen: a YES cannot buy one whose text has not left, or has failed.

Memory knows the texts that carriers accepted of late; of any other open offer the journal of attempts is asked
(`gateway.store.messages.unsent`), and only when its customer writes.
"""

from collections.abc import Iterable

from gateway.model.message import Message
from gateway.model.offer import Offer, OfferState

MOST = 10_000


class Seen:
    """Texts of offers that a carrier has accepted, oldest first; at most `MOST`."""

    def __init__(self) -> None:
        self._texts: dict[int, None] = {}

    def accepted(self, message: Message) -> None:
        """A carrier took it, or a part of it."""
        if message.offer_id is None:
            return
        self._texts[message.id] = None
        if len(self._texts) > MOST:
            del self._texts[next(iter(self._texts))]

    def failed(self, message: Message) -> None:
        """It was refused, or did not arrive."""
        if message.offer_id is not None:
            self._texts.pop(message.id, None)

    def unsure(self, offers: Iterable[Offer]) -> list[int]:
        """The texts of open offers that memory does not know."""
        return [
            offer.message_id
            for offer in offers
            if offer.message_id is not None and offer.state is OfferState.open and offer.message_id not in self._texts
        ]
