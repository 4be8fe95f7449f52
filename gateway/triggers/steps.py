"""The steps of a handler, and how one of them is run. `Handler` is where they are declared."""

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gateway.model.words import choose
from gateway.triggers import limit
from gateway.triggers.effects import Effect
from gateway.triggers.errors import NoStep, StepError, StepTooSlow, last_line
from gateway.triggers.moments import Key, Moment
from gateway.triggers.talk import Talk

StepFunction = Callable[..., object]
"""The type of one says that it returns nothing; an author may not."""


class Steps:
    """What a handler does when.

    Args:
        handler: its type, for errors.
        where: its place, for errors.
        renamed: old step name -> new one, for the conversations that wait while the code changes.

    functions: what is registered for which occasion. choices: the words of each step that can wait. names: of these.
    """

    def __init__(self, handler: str, where: str, renamed: Mapping[str, str]) -> None:
        self.handler, self.where, self.renamed = handler, where, renamed
        self.functions: dict[Key, StepFunction] = {}
        self.choices: dict[str, tuple[str, ...]] = {}
        self.names: frozenset[str] = frozenset()

    def listens(self, step: str, choices: tuple[str, ...]) -> None:
        """A step can wait, for these words too."""
        self.choices[step] = self.choices.get(step, ()) + choices
        self.names = frozenset(self.choices)

    def current(self, step: str) -> str:
        """The name that a step has today."""
        return step if step in self.choices else self.renamed.get(step, step)

    def words(self, step: str) -> tuple[str, ...]:
        """The words that a step knows, `renamed` considered."""
        return self.choices.get(self.current(step), ())

    def match(self, step: str, text: str, language: str) -> str | None:
        """The choice of `step` that a reply means, or None for free text."""
        return choose(text, self.words(step), language)

    def find(self, moment: Moment) -> StepFunction | None:
        """What is registered for the moment, best first."""
        for key in moment.keys:
            step = self.functions.get(key)
            if step is None and len(key) > 1 and key[1] in self.renamed:
                step = self.functions.get((key[0], self.current(key[1]), *key[2:]))
            if step is not None:
                return step
        return None

    def talk(
        self,
        event: Any,
        now: datetime | int,
        language: str = "en",
        customer: str = "",
        slots: Mapping[str, Any] = MappingProxyType({}),
    ) -> Talk[Any]:
        """A `Talk` whose `wait` knows these steps; the rest as `Talk` takes it."""
        return Talk(event, now=now, language=language, customer=customer, slots=slots, steps=self.names)

    def run(self, moment: Moment, talk: Talk[Any]) -> tuple[Effect, ...]:
        """The effects of the step for a moment.

        Raises:
            NoStep: there is none for it.
            StepError: the step broke a rule or raised (its exception is the cause); StepTooSlow within a `limit_step`.
        """
        step = self.find(moment)
        if step is None:
            raise NoStep(f"{self.handler} has no step for: {moment}")
        arguments = moment.arguments(talk.event)
        try:
            if step(talk, *arguments) is not None:
                raise StepError("a step returns nothing; its decisions are the calls on talk")
            return talk.ended()
        except StepError as broken:
            raise self._error(broken.problem, moment, broken, step, broken.__cause__) from broken.__cause__
        # A handler is somebody else's code: whatever it raises, sys.exit() too, ends this step and not the gateway.
        except (Exception, SystemExit) as raised:
            raise self._error(f"raised {type(raised).__name__}", moment, raised, step, raised) from raised
        except BaseException as other:
            if not limit.is_ring(other):
                raise
            where = self.line(other, step)
            raise StepTooSlow("took too long and was stopped", self.handler, str(moment), where) from None

    def place(self, function: Callable[..., Any]) -> str:
        """Where a function is, as file:line."""
        code = getattr(inspect.unwrap(function), "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else self.where

    def _error(
        self, problem: str, moment: Moment, raised: BaseException, step: StepFunction, cause: BaseException | None
    ) -> StepError:
        where = raised.where if isinstance(raised, StepError) else ""
        error = StepError(problem, self.handler, str(moment), where or self.line(raised, step))
        error.__cause__ = cause  # compiled, `raise ... from` forgets it
        return error

    def line(self, raised: BaseException, function: Callable[..., Any]) -> str:
        """Where a handler's function raised, as file:line."""
        place = self.place(function)
        return last_line(raised.__traceback__, place.rpartition(":")[0]) or place
