"""Plays a handler with no server, loop or database: what `careline simulate` shows and what `Script` tests with."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from gateway.model.words import choose
from gateway.triggers.effects import (
    AcceptOffer,
    Call,
    Close,
    DeclineOffer,
    Effect,
    Escalate,
    Plain,
    Remember,
    Say,
    Wait,
)
from gateway.triggers.errors import NoStep
from gateway.triggers.handler import STEP_LIMIT, Handler
from gateway.triggers.limit import limit_step
from gateway.triggers.moments import (
    CallFailed,
    Fulfilled,
    HandedBack,
    Moment,
    OfferFailed,
    Reply,
    Result,
    Start,
    Timeout,
)

MISSES: Final = 2
"""`conversations.misses` of the shipped rules.toml."""

NEW, CLOSED, QUEUED, OFFER, CALL, WAITING = "new", "closed", "queued", "offer", "call", "waiting"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: why the handler ran, what it decided, and where that left the conversation.

    state: waiting, offer (fulfilment under way), call (a back office is asked), queued (for a person) or closed.
    note: what the gateway does by itself here, where the handler has no step for the moment.
    """

    moment: Moment
    effects: tuple[Effect, ...]
    state: str
    step: str = ""
    note: str = ""


@dataclass
class Play:
    """A dialogue as far as the handler sees it. `take` runs one moment; the attributes are the state after it."""

    handler: Handler[Any]
    event: Any
    language: str = "en"
    customer: str = "tel:+15551234567"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    state: str = NEW
    step: str = ""
    action: str = ""
    offer: str = ""
    slots: dict[str, Plain] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    most_misses: int = MISSES
    misses: int = 0
    listened: str = ""

    def take(self, moment: Moment) -> Turn:
        """Runs the handler for a moment, and keeps the turn. Raises StepError, and NoStep from `start` only."""
        talk = self.handler.talk(
            self.event, now=self.now, language=self.language, customer=self.customer, slots=dict(self.slots)
        )
        note = ""
        try:
            with limit_step(STEP_LIMIT):
                effects = self.handler.run(moment, talk)
        except NoStep:
            if isinstance(moment, Start):
                raise
            effects, note = self._default(moment)
        for effect in effects:
            self._apply(effect)
        turn = Turn(moment, effects, self.state, self.step, note)
        self.turns.append(turn)
        return turn

    def reply(self, text: str) -> Turn:
        """The customer's text, as the waiting step takes it."""
        return self.take(Reply(self.step, text, self.handler.match(self.step, text, self.language)))

    def _default(self, moment: Moment) -> tuple[tuple[Effect, ...], str]:
        """What the gateway does where the handler has no step."""
        match moment:
            case Reply():
                return self._missed(moment)
            case HandedBack(disposition) if not self.listened:
                return (Close(disposition or "handed_back"),), "no @handed_back: the gateway closes the conversation"
            case HandedBack():
                return (Wait(self.listened),), "no @handed_back: the step goes on listening"
            case _:
                return _default(moment)

    def _missed(self, reply: Reply) -> tuple[tuple[Effect, ...], str]:
        """What the gateway does with a reply that the step has no answer for."""
        if choose(reply.text, ("AGENT",), self.language):
            return (Escalate("", reply.text),), "no @on for it: a person takes over"
        self.misses += 1
        if self.misses < self.most_misses:
            asked = (Say("system.not_understood", {}),)
            return (
                asked,
                f"no @on for it: the gateway asks again; at miss {self.most_misses} in a row a person takes over",
            )
        why = f"not understood {self.misses} times"
        return (Escalate("", why),), f"no @on for it, {why}: a person takes over"

    def _apply(self, effect: Effect) -> None:
        match effect:
            case Say(offer=str(offer)):
                self.offer = offer
            case Remember(name, value):
                self.slots[name] = value
            case DeclineOffer():
                self.offer = ""
            case Wait(step):
                self.state, self.step, self.misses, self.listened = WAITING, step, 0, step
            case Close():
                self.state, self.step = CLOSED, ""
            case Escalate():
                self.state, self.step = QUEUED, ""
            case AcceptOffer():
                self.state, self.step, self.listened = OFFER, "", ""
            case Call(_, action):
                self.state, self.step, self.action, self.listened = CALL, "", action, ""


def _default(moment: Moment) -> tuple[tuple[Effect, ...], str]:
    """What the gateway does where a handler has no step."""
    match moment:
        case Timeout():
            return (Close("no_reply"),), "no @timeout: the gateway closes the conversation"
        case Fulfilled():
            return (Say("system.offer_fulfilled", {}), Close("offer_accepted")), "no @fulfilled: the gateway says so"
        case OfferFailed():
            told = Say("system.offer_failed", {})
            return (told, Escalate("", moment.problem)), "no @failed: the gateway says so, and a person takes over"
        case _:
            return (Escalate("", ""),), f"no step for {moment}: a person takes over"


class Silence:
    """In a play's answers: the customer says nothing until the step's timeout."""


SILENCE: Final = Silence()
Answer = str | Silence | Moment


def play(
    handler: Handler[Any],
    data: Mapping[str, object],
    answers: Iterable[Answer] = (),
    *,
    language: str = "en",
    results: Mapping[str, Mapping[str, object]] | None = None,
    now: datetime | None = None,
    misses: int = MISSES,
) -> Iterator[Turn]:
    """Plays the event and then each answer, yielding the turns.

    Args:
        handler: the handler.
        data: the event's data.
        answers: a customer's text, `SILENCE`, or a moment such as `HandedBack("sold")`, in order.
        language: the customer's.
        results: what back offices answer, by action ("offer" for a fulfilment); {} where it says nothing.
        now: the time of the play; None = now.
        misses: replies in a row that a step does not understand, before a person takes over.

    A back office answers by itself, so that `careline simulate` runs to the end; an answer of the list that is a result
    or a failure comes first. Answers after the end of the conversation are left over.

    Raises:
        BadData: the data does not fit the schema.
        StepError: a step broke a rule or raised.
        NoStep: the handler has no start.
    """
    stage = Play(handler, handler.parse(data), language, most_misses=misses)
    if now is not None:
        stage.now = now
    yield stage.take(Start())
    waiting = list(answers)
    while stage.state != CLOSED:
        told = waiting[0] if waiting else None
        if stage.state in (OFFER, CALL):
            if isinstance(told, Fulfilled | OfferFailed | Result | CallFailed):
                yield stage.take(told)
                waiting.pop(0)
            else:
                yield stage.take(_answer(stage, results or {}))
        elif told is None or (stage.state == QUEUED and not isinstance(told, HandedBack)):
            return
        else:
            waiting.pop(0)
            yield _next(stage, told)


def _answer(stage: Play, results: Mapping[str, Mapping[str, object]]) -> Moment:
    if stage.state == OFFER:
        return Fulfilled(results.get("offer", {}))
    return Result(stage.action, results.get(stage.action, {}))


def _next(stage: Play, told: Answer) -> Turn:
    if isinstance(told, str):
        return stage.reply(told)
    return stage.take(Timeout(stage.step) if isinstance(told, Silence) else told)
