"""Why a handler runs: the event, a reply, silence, the answer of a back office, an agent handing back.

Each moment knows the keys under which a handler may have registered a step for it, best first, and what that step is
given beside the talk.
"""

from collections.abc import Mapping
from dataclasses import field

from gateway.model.rows import record

Key = tuple[str, ...]


@record
class Start:
    """The event arrived (or the keyword, or a stranger's text)."""

    @property
    def keys(self) -> tuple[Key, ...]:
        return (("start",),)

    def arguments(self, event: object) -> tuple[object, ...]:
        return (event,)

    def __str__(self) -> str:
        return "start"


@record
class Reply:
    """The customer wrote while the handler waited in `step`. choice: as `Handler.match` said."""

    step: str
    text: str
    choice: str | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        rest = ("on", self.step, "")
        return (rest,) if self.choice is None else (("on", self.step, self.choice), rest)

    def arguments(self, event: object) -> tuple[object, ...]:
        return (self.text,)

    def __str__(self) -> str:
        return f"step {self.step}" + (f" on {self.choice}" if self.choice else "")


@record
class Timeout:
    """The customer stayed silent in `step`."""

    step: str

    @property
    def keys(self) -> tuple[Key, ...]:
        return (("timeout", self.step),)

    def arguments(self, event: object) -> tuple[object, ...]:
        return ()

    def __str__(self) -> str:
        return f"timeout of {self.step}"


@record
class Fulfilled:
    """The back office delivered the accepted offer. result: the JSON object it answered."""

    result: Mapping[str, object] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[Key, ...]:
        return (("fulfilled",),)

    def arguments(self, event: object) -> tuple[object, ...]:
        return (dict(self.result),)

    def __str__(self) -> str:
        return "fulfilled"


@record
class OfferFailed:
    """The back office refused the accepted offer. problem: its own sentence."""

    problem: str

    @property
    def keys(self) -> tuple[Key, ...]:
        return (("failed",),)

    def arguments(self, event: object) -> tuple[object, ...]:
        return (self.problem,)

    def __str__(self) -> str:
        return "failed"


@record
class Result:
    """The back office did what `talk.call` asked. result: the JSON object it answered."""

    action: str
    result: Mapping[str, object] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[Key, ...]:
        return (("result", self.action),)

    def arguments(self, event: object) -> tuple[object, ...]:
        return (dict(self.result),)

    def __str__(self) -> str:
        return f"result of {self.action}"


@record
class CallFailed:
    """The back office refused what `talk.call` asked. problem: its own sentence."""

    action: str
    problem: str

    @property
    def keys(self) -> tuple[Key, ...]:
        return (("failed", self.action),)

    def arguments(self, event: object) -> tuple[object, ...]:
        return (self.problem,)

    def __str__(self) -> str:
        return f"failed {self.action}"


@record
class HandedBack:
    """An agent gave the conversation back to the handler."""

    disposition: str = ""

    @property
    def keys(self) -> tuple[Key, ...]:
        return (("handed_back",),)

    def arguments(self, event: object) -> tuple[object, ...]:
        return (self.disposition,)

    def __str__(self) -> str:
        return "handed back"


Moment = Start | Reply | Timeout | Fulfilled | OfferFailed | Result | CallFailed | HandedBack
"""Any of them. `gateway.triggers.Moment` is something else: a point in time among an event's data."""
