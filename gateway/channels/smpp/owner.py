"""What a session tells its link, and the states that both know."""

from collections import Counter
from enum import StrEnum
from typing import Protocol

from gateway.model.channel import InboundPart, PartAnswer, Receipt


class SessionState(StrEnum):
    """Life of a session; it goes from the first to the last and never back."""

    connecting = "connecting"
    binding = "binding"
    bound = "bound"
    unbinding = "unbinding"
    closed = "closed"


class SessionOwner(Protocol):
    """What a session tells its link. None of them blocks."""

    counters: Counter[str]

    def session_bound(self) -> None:
        """The bind was accepted."""

    def session_read(self, inbound: list[InboundPart | Receipt], answers: list[PartAnswer]) -> None:
        """What one read, or the passing of deadlines, brought."""

    def session_lost(self, answers: list[PartAnswer]) -> None:
        """The connection is gone; the answers say what becomes of the parts it had."""

    def session_throttled(self, status: int) -> None:
        """The carrier asked us to slow down."""

    def session_ready(self) -> None:
        """It may be written to again."""
