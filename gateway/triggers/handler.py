"""`Handler`: the conversation that one type of event starts, written as named steps."""

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Generic, overload

from typing_extensions import TypeVar

from gateway.model.message import MessageClass
from gateway.model.words import is_reserved, normalise
from gateway.triggers import inspection, schema
from gateway.triggers.effects import Effect
from gateway.triggers.errors import HandlerError, StepError
from gateway.triggers.moments import Key, Moment
from gateway.triggers.schema import EventData
from gateway.triggers.steps import StepFunction, Steps
from gateway.triggers.talk import Talk

EventT = TypeVar("EventT", bound=EventData, default=Any)
Function = TypeVar("Function", bound=StepFunction)
WithText = TypeVar("WithText", bound=Callable[[Talk[Any], str], None])
Alone = TypeVar("Alone", bound=Callable[[Talk[Any]], None])
WithResult = TypeVar("WithResult", bound=Callable[[Talk[Any], Mapping[str, Any]], None])

STEP_LIMIT: Final = 0.1  # seconds
_TYPE = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Handler(Generic[EventT]):
    """Declares a handler. Every `Handler` of a loaded module is registered by its type.

    Args:
        type: the event's type, `plan.overage`.
        schema: the event's data.
        message_class: what its texts are for; unset means promotional, the most restricted.
        version: raise it when steps change their meaning; recorded with each dialogue.
        renamed: old step name -> new one, for the conversations that wait while the code changes.
        coalesce: (event) -> key; a newer event with the same key replaces one whose text is not sent yet.
        ttl: seconds, or (event) -> time, after which the event's text is worthless and is not sent; until then what it
            asked stands, and a late answer is for the step that waited, also when its conversation is closed.
    """

    def __init__(
        self,
        type: str,
        schema: type[EventT],
        message_class: MessageClass | str | None = None,
        version: int = 1,
        renamed: Mapping[str, str] | None = None,
        coalesce: Callable[[EventT], str] | None = None,
        ttl: float | Callable[[EventT], datetime | None] | None = None,
    ) -> None:
        frame = sys._getframe(1)  # noqa: SLF001  where it is declared, without reading the whole stack
        self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        self.type, self.schema, self.version = type, schema, version
        self.renamed: Mapping[str, str] = dict(renamed or {})
        self._coalesce, self._ttl = coalesce, ttl
        self.running = Steps(type, self.where, self.renamed)
        if not _TYPE.fullmatch(type):
            raise self._wrong(f"type {type!r} is not like plan.overage")
        if version < 1:
            raise self._wrong(f"version is {version}; versions begin at 1")
        self.message_class = self._class(message_class)

    def __repr__(self) -> str:
        return f"Handler({self.type!r}, version={self.version})"

    # Declaring steps

    def start(self, step: Callable[[Talk[EventT], EventT], None], /) -> Callable[[Talk[EventT], EventT], None]:
        """`(talk, event)`: the event arrived."""
        return self._add(("start",), step, 2)

    def on(self, step: str, /, *choices: str) -> Callable[[WithText], WithText]:
        """`(talk, reply)`: the customer answered in `step` with one of `choices` (upper-case words or phrases).

        Without choices: AGENT, and all that no choice matches.
        """
        self._check_name(step, "a step")
        for choice in choices:
            if not choice or normalise(choice) != choice:
                raise self._wrong(f'choice {choice!r} of {step}: write it as "{normalise(choice) or "YES"}"')
            if is_reserved(choice):
                raise self._wrong(
                    f"choice {choice} of {step}: the word is an opt-out, help or opt-in word; take another"
                )

        def register(function: WithText) -> WithText:
            for choice in choices or ("",):
                self._add(("on", step, choice), function, 2)
            self.running.listens(step, choices)
            return function

        return register

    def timeout(self, step: str, /) -> Callable[[Alone], Alone]:
        """`(talk)`: the customer stayed silent in `step`."""
        self._check_name(step, "a step")

        def register(function: Alone) -> Alone:
            self.running.listens(step, ())
            return self._add(("timeout", step), function, 1)

        return register

    def fulfilled(self, step: WithResult, /) -> WithResult:
        """`(talk, result)`: the accepted offer was delivered."""
        return self._add(("fulfilled",), step, 2)

    @overload
    def failed(self, step: str, /) -> Callable[[WithText], WithText]: ...
    @overload
    def failed(self, step: WithText, /) -> WithText: ...
    def failed(self, step: Any, /) -> Any:
        """`(talk, problem)`: bare, the accepted offer failed; with a name, that call to a back office failed."""
        if not isinstance(step, str):
            return self._add(("failed",), step, 2)
        self._check_name(step, "a call")
        return lambda function: self._add(("failed", step), function, 2)

    def result(self, action: str, /) -> Callable[[WithResult], WithResult]:
        """`(talk, result)`: the back office did what `talk.call(..., action)` asked."""
        self._check_name(action, "a call")
        return lambda function: self._add(("result", action), function, 2)

    def handed_back(self, step: WithText, /) -> WithText:
        """`(talk, disposition)`: an agent gave the conversation back."""
        return self._add(("handed_back",), step, 2)

    # What the gateway asks

    @property
    def steps(self) -> frozenset[str]:
        """The names of all steps it can wait in."""
        return self.running.names

    def choices(self, step: str) -> tuple[str, ...]:
        """The words that step knows."""
        return self.running.words(step)

    def has_step(self, step: str) -> bool:
        """Whether a conversation that waits in `step` can go on, `renamed` considered."""
        return self.running.current(step) in self.running.choices

    def handles(self, moment: Moment) -> bool:
        """Whether `run` would find a step for the moment."""
        return self.running.find(moment) is not None

    def parse(self, data: object) -> EventT:
        """The event's data, checked. Raises BadData."""
        return schema.parse(self.schema, self.type, data)

    def json_schema(self) -> dict[str, Any]:
        """The shape of the event's data as JSON Schema."""
        return schema.json_schema(self.schema)

    def match(self, step: str, text: str, language: str = "en") -> str | None:
        """The choice of `step` that a reply means, or None for free text."""
        return self.running.match(step, text, language)

    def coalesce(self, event: EventT) -> str | None:
        """The key of events that replace each other, None = this one stands alone. Raises StepError."""
        if self._coalesce is None:
            return None
        key = self._ask("coalesce", self._coalesce, event)
        if not isinstance(key, str):
            raise StepError("coalesce returns a string", self.type, "coalesce", self.where)
        return key

    def expires(self, event: EventT, now: datetime) -> datetime | None:
        """The time after which the event's text is worthless, None = never. Raises StepError."""
        if self._ttl is None:
            return None
        if not callable(self._ttl):
            return now + timedelta(seconds=self._ttl)
        until = self._ask("ttl", self._ttl, event)
        if until is not None and (not isinstance(until, datetime) or until.tzinfo is None):
            raise StepError("ttl returns an aware datetime or None", self.type, "ttl", self.where)
        return until

    def run(self, moment: Moment, talk: Talk[Any]) -> tuple[Effect, ...]:
        """The effects of the step for a moment.

        Raises:
            NoStep: the handler has none for it.
            StepError: the step broke a rule or raised (its exception is chained); StepTooSlow within a `limit_step`.
        """
        return self.running.run(moment, talk)

    def talk(self, event: EventT, *, now: datetime | int, **given: Any) -> Talk[EventT]:
        """A `Talk` whose `wait` knows the steps of this handler; `given` as `Talk` takes it."""
        return self.running.talk(event, now, **given)

    def mentions(self) -> tuple[inspection.Mention, ...]:
        """What its steps name as literals: texts, offers, queues, steps, calls; for `careline check`. Runs nothing."""
        return inspection.mentions(dict.fromkeys(self.running.functions.values()), tuple(self.schema.model_fields))

    def problems(self) -> list[str]:
        """What is wrong with it as written, as "file:line: sentence". Runs nothing."""
        return inspection.problems(
            self.where, self.type, frozenset(self.running.functions), self.steps, self.renamed, self.mentions()
        )

    def registered(self, *key: str) -> bool:
        """Whether a step is registered under a key such as ("result", "rebook")."""
        return key in self.running.functions

    # Inside

    def _ask(self, name: str, question: Callable[[EventT], Any], event: EventT) -> Any:
        try:
            return question(event)
        except Exception as problem:  # a handler's own code, as in run()
            where = self.running.line(problem, question)
            raise StepError(f"raised {type(problem).__name__}", self.type, name, where) from problem

    def _add(self, key: Key, function: Function, arguments: int) -> Function:
        name = getattr(function, "__name__", repr(function))
        if not callable(function):
            raise self._wrong(f"@{key[0]} stands before a function")
        flags = getattr(getattr(inspect.unwrap(function), "__code__", None), "co_flags", 0)
        if flags & (inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
            raise self._wrong(f"{name} is async or a generator; a step is a plain function and does no I/O", function)
        try:
            inspect.signature(function).bind(*range(arguments))
        except TypeError:
            takes = {"start": "talk, event", "timeout": "talk", "on": "talk, reply", "handed_back": "talk, disposition"}
            wanted = takes.get(key[0], "talk, problem" if key[0] == "failed" else "talk, result")
            raise self._wrong(f"{name} must take ({wanted})", function) from None
        if key in self.running.functions:
            first = self.running.place(self.running.functions[key])
            raise self._wrong(f"{name}: {' '.join(key).strip()} is registered already, at {first}", function)
        self.running.functions[key] = function
        return function

    def _check_name(self, name: object, what: str) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise self._wrong(f"{name!r:.80} is no name of {what}: lower case, digits and _, such as choice")

    def _class(self, named: MessageClass | str | None) -> MessageClass:
        if named is None:
            return MessageClass.promotional
        if isinstance(named, MessageClass):
            return named
        if named not in MessageClass.__members__:
            raise self._wrong(f"message_class {named!r} is none of {', '.join(MessageClass.__members__)}")
        return MessageClass[named]

    def _wrong(self, problem: str, function: StepFunction | None = None) -> HandlerError:
        where = self.running.place(function) if function is not None else self.where
        return HandlerError(f"{where}: {self.type}: {problem}")
