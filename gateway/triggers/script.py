"""`Script`: tests a handler as a play, in microseconds.

    Script(overage, plan="Basic", minutes_over=120, charge="50.00", currency="USD") \\
        .event().expects("say", "offer").text("yes please").expects("accept_offer")
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from gateway.triggers.effects import Call, Close, Effect, Escalate, Plain, Say, names
from gateway.triggers.handler import Handler
from gateway.triggers.moments import CallFailed, Fulfilled, HandedBack, OfferFailed, Result, Start, Timeout
from gateway.triggers.play import CALL, NEW, OFFER, QUEUED, WAITING, Play, Turn

_KNOWN = ("say", "offer", "wait", "close", "escalate", "accept_offer", "decline_offer", "call", "remember")


class Script:
    """Plays a handler and asserts what it decides. Every method returns the script.

    Args:
        handler: the handler.
        data: the event's data. Raises BadData where it does not fit, as the API would.
    """

    def __init__(self, handler: Handler[Any], /, **data: object) -> None:
        self._play = Play(handler, handler.parse(data))

    # What happens

    def event(self) -> Self:
        """The event arrives."""
        self._in(NEW)
        self._play.take(Start())
        return self

    def text(self, text: str) -> Self:
        """The customer writes."""
        self._in(WAITING)
        self._play.reply(text)
        return self

    def silence(self) -> Self:
        """The customer does not answer until the timeout."""
        self._in(WAITING)
        self._play.take(Timeout(self._play.step))
        return self

    def fulfilled(self, **result: object) -> Self:
        """The back office delivered the accepted offer."""
        self._in(OFFER)
        self._play.take(Fulfilled(result))
        return self

    def failed(self, problem: str) -> Self:
        """The back office refused: the accepted offer, or the call that is under way."""
        self._in(OFFER, CALL)
        moment = OfferFailed(problem) if self._play.state == OFFER else CallFailed(self._play.action, problem)
        self._play.take(moment)
        return self

    def result(self, action: str, /, **result: object) -> Self:
        """The back office did what was asked."""
        self._in(CALL)
        assert action == self._play.action, (
            f'the handler asked for "{self._play.action}", not "{action}"\n{self._story()}'
        )
        self._play.take(Result(action, result))
        return self

    def handed_back(self, disposition: str = "") -> Self:
        """The agent hands the conversation back to the handler."""
        self._in(QUEUED)
        self._play.take(HandedBack(disposition))
        return self

    # The circumstances

    def language(self, language: str) -> Self:
        """From here on the customer's language is another."""
        self._play.language = language
        return self

    def clock(self, now: datetime) -> Self:
        """From here on it is another time; aware."""
        assert now.tzinfo is not None, "give an aware time"
        self._play.now = now
        return self

    def remembers(self, **slots: Plain) -> Self:
        """Asserts slots."""
        for name, value in slots.items():
            kept = self._play.slots.get(name)
            assert kept == value, f"slot {name} is {kept!r}, not {value!r}\n{self._story()}"
        return self

    # What is expected of the last turn

    def expects(self, *expected: str) -> Self:
        """These effects occur, in this order; others may stand between. "offer" follows the "say" that makes it."""
        for name in expected:
            assert name in _KNOWN, f'no effect is called "{name}"; there are {", ".join(_KNOWN)}'
        found = iter(names(self._turn().effects))
        assert all(name in found for name in expected), f"expected {', '.join(expected)}\n{self._story()}"
        return self

    def says(self, key: str, **fields: object) -> Self:
        """A text of this key, with at least these fields."""
        self._has(
            f"a text {key} with {fields}",
            lambda effect: (
                isinstance(effect, Say) and effect.key == key and fields.items() <= dict(effect.fields).items()
            ),
        )
        return self

    def offers(self, name: str) -> Self:
        """A text that makes this offer."""
        self._has(f"the offer {name}", lambda effect: isinstance(effect, Say) and effect.offer == name)
        return self

    def calls(self, action: str, /, **arguments: object) -> Self:
        """A call to a back office, with exactly these arguments."""
        self._has(
            f"a call {action} with {arguments}",
            lambda effect: isinstance(effect, Call) and effect.action == action and dict(effect.arguments) == arguments,
        )
        return self

    def escalates(self, queue: str, why: str | None = None) -> Self:
        """A person of this queue takes over."""
        self._has(
            f"an escalation to {queue}",
            lambda effect: isinstance(effect, Escalate) and effect.queue == queue and why in (None, effect.why),
        )
        return self

    def closes(self, disposition: str) -> Self:
        """The conversation ends with this outcome."""
        self._has(f"close {disposition}", lambda effect: effect == Close(disposition))
        return self

    def at(self, step: str) -> Self:
        """The handler waits in this step."""
        now = self._play.step or self._play.state
        assert now == step, f"expected to wait in {step}, not {now}\n{self._story()}"
        return self

    @property
    def turn(self) -> Turn:
        """The last turn, for what the methods do not say."""
        return self._turn()

    # Inside

    def _turn(self) -> Turn:
        assert self._play.turns, "nothing has happened yet; begin with .event()"
        return self._play.turns[-1]

    def _in(self, *states: str) -> None:
        now = self._play.state
        assert now in states, f"cannot happen now: the conversation is {_STATES[now]}\n{self._story()}"

    def _has(self, what: str, fits: Callable[[Effect], bool]) -> None:
        assert any(fits(effect) for effect in self._turn().effects), f"expected {what}\n{self._story()}"

    def _story(self) -> str:
        return "\n".join((f"{self._play.handler.type} so far:", *map(_line, self._play.turns)))


_STATES = {
    NEW: "not begun; begin with .event()",
    WAITING: "waiting for the customer",
    OFFER: "waiting for the fulfilment: .fulfilled(...) or .failed(problem)",
    CALL: "waiting for a back office: .result(action, ...) or .failed(problem)",
    QUEUED: "with a person: .handed_back(disposition)",
    "closed": "closed",
}


def _line(turn: Turn) -> str:
    note = f"  [{turn.note}]" if turn.note else ""
    return f"  {turn.moment}: {', '.join(map(_short, turn.effects))}{note}"


def _short(effect: Effect) -> str:
    if isinstance(effect, Say):
        return f"say {effect.key}" + (f" + offer {effect.offer}" if effect.offer else "")
    return repr(effect)
