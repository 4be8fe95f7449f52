"""`Talk`: what a step is given to decide with. It records effects as data and refuses what makes no sense."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Generic, Self, cast

from typing_extensions import TypeVar

from gateway.triggers.effects import (
    NAMES,
    AcceptOffer,
    Call,
    Close,
    DeclineOffer,
    Effect,
    Escalate,
    Link,
    Plain,
    Remember,
    Say,
    Wait,
)
from gateway.triggers.errors import StepError
from gateway.triggers.schema import EventData

EventT = TypeVar("EventT", bound=EventData, covariant=True, default=EventData)

_LONGEST_WAIT = 90 * 86_400.0
_LONGEST_SLOT = 1_000
_LONGEST_WHY = 1_000
_MOST_PRIORITY = 100
_DEEPEST = 8
_SIMPLE = frozenset({str, int, bool, type(None), Link})
_TAKEN = frozenset({"key_", "backoffice_", "action_"})
_ENDINGS = "wait, close, escalate, accept_offer or call"


def hours(n: float) -> float:
    """Seconds in n hours."""
    return n * 3600.0


def minutes(n: float) -> float:
    """Seconds in n minutes."""
    return n * 60.0


def days(n: float) -> float:
    """Seconds in n days."""
    return n * 86_400.0


class Talk(Generic[EventT]):
    """One turn of a handler.

    Methods can be chained; none of them does anything at once. A step ends in exactly one of `wait`, `close`,
    `escalate`, `accept_offer`, `call`.

    Args:
        event: the data that started the handler.
        now: the time at which the gateway took this input: aware, or ms since 1970 UTC.
        language: the customer's, `en` or `es-MX`.
        customer: the customer's address, `tel:+15551234567`.
        slots: what earlier steps remembered.
        steps: the names a `wait` may name; None = any.
    """

    __slots__ = ("_broken", "_ended", "_event", "_now", "_slots", "_steps", "customer", "effects", "language")

    def __init__(
        self,
        event: EventT,
        *,
        now: datetime | int,
        language: str = "en",
        customer: str = "",
        slots: Mapping[str, Plain] = MappingProxyType({}),
        steps: frozenset[str] | None = None,
    ) -> None:
        self._event, self._now, self._slots, self._steps = event, now, slots, steps
        self.language, self.customer = language, customer
        self.effects: list[Effect] = []
        self._ended = ""
        self._broken: StepError | None = None

    @property
    def event(self) -> EventT:
        """The data of the event that started this dialogue."""
        return self._event

    @property
    def now(self) -> datetime:
        """The time of this turn, aware. The same when a turn is replayed; never ask the clock yourself."""
        now = self._now
        return now if isinstance(now, datetime) else datetime.fromtimestamp(now / 1000, UTC)

    @property
    def slots(self) -> Mapping[str, Plain]:
        """What this dialogue remembers, this step's own `remember` included."""
        fresh = {effect.name: effect.value for effect in self.effects if isinstance(effect, Remember)}
        return MappingProxyType({**self._slots, **fresh})

    def link(self) -> Link:
        """A field that becomes the address of this conversation's web page."""
        return Link()

    # Names that end in _ : a field may be called key; compiled, a name before the / is taken all the same.

    def say(self, key_: str, /, **fields: object) -> Self:
        """Sends the text `key_` of the catalogue, rendered with `fields`."""
        if "." not in key_:
            self._refuse(f'"{key_}" is no key of a text; a key is file.name, such as "plan_overage.notice"')
        return self._add(Say(key_, self._plain(fields)))

    def offer(self, name: str, /) -> Self:
        """Makes an offer in the text just said; its terms are the fields `offer.title`, `offer.price` ..."""
        last = self.effects[-1] if self.effects else None
        if self._ended:
            self._refuse(f"offer() after {self._ended}(); make the offer before the step ends")
        if not isinstance(last, Say):
            self._refuse("offer() belongs directly after say(): the text that is said is the text that offers")
        elif any(isinstance(effect, Say) and effect.offer for effect in self.effects):
            self._refuse("a step makes one offer; with two, nobody knows which one a YES accepts")
        else:
            self.effects[-1] = Say(last.key, last.fields, name)
        return self

    def remember(self, /, **slots: Plain) -> Self:
        """Sets slots: short strings, numbers, true, false or None, shown to agents and supervisors."""
        given: Mapping[str, object] = slots  # whatever the author wrote
        for name, value in given.items():
            # Exactly these types: an Enum or a subclass would come back from the store as something else.
            if type(value) not in (str, int, float, bool, type(None)):
                self._refuse(f"slot {name} holds a string, a number, true, false or None, not {type(value).__name__}")
            if (isinstance(value, str) and len(value) > _LONGEST_SLOT) or (
                isinstance(value, float) and not math.isfinite(value)
            ):
                self._refuse(f"slot {name} is a text of at most {_LONGEST_SLOT} characters, or a finite number")
            self._add(Remember(name, cast("Plain", value)))  # one of these types now
        return self

    def decline_offer(self) -> Self:
        """Closes the open offer as declined. The step goes on."""
        return self._add(DeclineOffer())

    def wait(self, step: str, /, timeout: float | None = None) -> Self:
        """Ends the step: the next reply of the customer goes to `@on(step)`, silence to `@timeout(step)`."""
        if self._steps is not None and step not in self._steps:
            known = ", ".join(sorted(self._steps)) or "none"
            self._refuse(f'wait("{step}"): no such step; write @on("{step}") for it (steps: {known})')
        if timeout is not None and not 0 < timeout <= _LONGEST_WAIT:
            self._refuse(f'wait("{step}"): timeout is in seconds, more than 0 and at most 90 days; try hours(24)')
        return self._end(Wait(step, timeout))

    def close(self, disposition: str, /) -> Self:
        """Ends the step and the conversation, with its outcome: `offer_accepted`, `no_reply` ..."""
        if not disposition.isidentifier() or len(disposition) > 64:
            self._refuse(f"close({disposition!r:.80}): a disposition is a code such as no_reply")
        return self._end(Close(disposition))

    def escalate(self, queue: str, /, why: object = "", *, priority: int | None = None) -> Self:
        """Ends the step: a person of `queue` takes over. The customer is told nothing unless you `say` it before.

        priority: points in the queue, -100 to 100; without it those of the handler's message class (rules.toml).
        """
        if priority is not None and not -_MOST_PRIORITY <= priority <= _MOST_PRIORITY:
            self._refuse(f"escalate(priority={priority}): points go from -{_MOST_PRIORITY} to {_MOST_PRIORITY}")
        return self._end(Escalate(queue, str(why)[:_LONGEST_WHY], priority))

    def accept_offer(self) -> Self:
        """Ends the step: the open offer is bought. Resumes in `@fulfilled` or `@failed`."""
        return self._end(AcceptOffer())

    def call(self, backoffice_: str, action_: str, /, **arguments: object) -> Self:
        """Ends the step: asks a back office. Resumes in `@result(action_)` or `@failed(action_)`."""
        return self._end(Call(backoffice_, action_, self._plain(arguments)))

    def ended(self) -> tuple[Effect, ...]:
        """The effects of a finished step. Raises StepError when it broke a rule or did not end."""
        if self._broken is not None:  # also when the handler caught it
            raise self._broken
        if not self._ended:
            raise StepError(f"the step does not end; finish it with {_ENDINGS}")
        return tuple(self.effects)

    def _add(self, effect: Effect) -> Self:
        if self._ended:
            self._refuse(f"{NAMES[type(effect)]}() after {self._ended}(); put it before {self._ended}()")
        self.effects.append(effect)
        return self

    def _end(self, effect: Effect) -> Self:
        name = NAMES[type(effect)]
        if self._ended:
            self._refuse(f"{name}() after {self._ended}(); a step ends once, drop one of them")
        self.effects.append(effect)
        self._ended = name
        return self

    def _refuse(self, problem: str) -> None:
        self._broken = self._broken or StepError(problem)
        raise self._broken

    def _plain(self, values: dict[str, object]) -> dict[str, object]:
        for name, value in values.items():
            if type(value) not in _SIMPLE:
                values[name] = self._json(name, value)
        if not _TAKEN.isdisjoint(values):
            self._refuse(f"{', '.join(sorted(_TAKEN.intersection(values)))}: no field may have this name; take another")
        return values

    def _json(self, name: str, value: object, depth: int = 0) -> object:
        """The value as JSON can hold it; effects are stored, replayed and rendered later."""
        if type(value) in _SIMPLE:
            return value
        if isinstance(value, str | int):  # an Enum, a subclass: what it is underneath
            return str(value) if isinstance(value, str) else int(value)
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, Decimal) and value.is_finite():
            return str(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.isoformat()
        if depth < _DEEPEST and isinstance(value, Mapping):
            return {str(key): self._json(name, inner, depth + 1) for key, inner in value.items()}
        if depth < _DEEPEST and isinstance(value, list | tuple):
            return [self._json(name, inner, depth + 1) for inner in value]
        self._refuse(
            f"{name}={type(value).__name__}: give a string, a finite number, true, false, None, an aware datetime, "
            f"or lists and mappings of these ({_DEEPEST} deep at most)"
        )
        return None
