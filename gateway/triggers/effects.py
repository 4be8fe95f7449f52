"""What a step decided, as data. The gateway commits effects in one transaction; nothing here does anything itself."""

from collections.abc import Mapping
from typing import Final

from gateway.model.rows import record

Plain = str | int | float | bool | None
"""A value that a slot can hold: what one line on a supervisor's screen can show."""


@record
class Link:
    """Stands for the web page of this conversation in a text's fields; rendering puts the URL there."""


@record
class Say:
    """One text, by catalogue key. fields: JSON values, or a `Link`. offer: the offer that this text makes."""

    key: str
    fields: Mapping[str, object]
    offer: str | None = None


@record
class Wait:
    """Waits in a step for the customer's reply. timeout_s: after which the step's timeout runs; None = never."""

    step: str
    timeout_s: float | None = None


@record
class Close:
    """Ends the conversation with a coded outcome."""

    disposition: str


@record
class Escalate:
    """Hands over to a person. why: what the agent reads first. priority: points, None = those of the event's class."""

    queue: str
    why: str = ""
    priority: int | None = None


@record
class AcceptOffer:
    """The customer said yes to the open offer: the back office is called, `fulfilled` or `failed` resumes."""


@record
class DeclineOffer:
    """The customer said no to the open offer. Does not end the step."""


@record
class Call:
    """Asks a back office to do something; `result(action)` or `failed(action)` resumes."""

    backoffice: str
    action: str
    arguments: Mapping[str, object]


@record
class Remember:
    """Sets a slot."""

    name: str
    value: Plain


Effect = Say | Wait | Close | Escalate | AcceptOffer | DeclineOffer | Call | Remember

NAMES: Final[Mapping[type, str]] = {
    Say: "say",
    Wait: "wait",
    Close: "close",
    Escalate: "escalate",
    AcceptOffer: "accept_offer",
    DeclineOffer: "decline_offer",
    Call: "call",
    Remember: "remember",
}


def names(effects: tuple[Effect, ...]) -> list[str]:
    """Effects by the names of the methods that made them; a text with an offer is "say", "offer"."""
    found: list[str] = []
    for effect in effects:
        found.append(NAMES[type(effect)])
        if isinstance(effect, Say) and effect.offer is not None:
            found.append("offer")
    return found
