"""What a queue promises to those who wait in it, and whether they are asked how it went: part of `[[queues]]`."""

from pydantic import Field

from gateway.settings.shapes import Seconds, Section

_MOST = 31 * 86400.0


class Promised(Section):
    """Targets in seconds that the queue is open; absent = no promise of that kind."""

    first_response: Seconds | None = Field(
        default=None, gt=0, le=_MOST, description="from waiting to a person's first words; absent = no target"
    )
    next_response: Seconds | None = Field(
        default=None, gt=0, le=_MOST, description="from the customer's words to a person's answer; absent = no target"
    )
    resolve: Seconds | None = Field(
        default=None, gt=0, le=_MOST, description="from waiting to the close; absent = no target"
    )
    sla_warning: float = Field(
        default=0.8, gt=0, le=1, description="share of the time after which who has it is warned; 1 = no warning"
    )
    csat: bool = Field(default=False, description="ask customers for 1-5 after a person closed their conversation")
    csat_delay: Seconds = Field(default=60.0, description="how long after the close they are asked")

    def target(self, kind: str) -> float | None:
        """The seconds of first_response, next_response or resolve."""
        seconds: float | None = getattr(self, kind)
        return seconds
