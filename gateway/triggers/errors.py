"""What can go wrong with a handler, each with the sentence that its author or operator reads."""

from types import TracebackType
from typing import Final


class HandlerError(ValueError):
    """A handler is written wrongly or cannot be loaded; found at start-up, names file and line."""


class NoStep(LookupError):
    """The handler says nothing for this moment; the gateway does what it does by default."""


class StepError(Exception):
    """A step broke the rules or raised; its effects are dropped.

    problem: the sentence alone. handler, step, where ("file.py:12"): empty until `Handler.run` fills them in. The
    handler's own exception is chained and never part of the text, since it may quote what a customer wrote.
    """

    def __init__(self, problem: str, handler: str = "", step: str = "", where: str = "") -> None:
        super().__init__(problem, handler, step, where)
        self.problem, self.handler, self.step, self.where = problem, handler, step, where

    def __str__(self) -> str:
        place = f"{self.handler}, {self.step}" if self.handler else ""
        place += f" ({self.where})" if self.where else ""
        return f"{place}: {self.problem}" if place else self.problem


class StepTooSlow(StepError):
    """A step ran longer than it may; it was stopped and its effects are dropped."""


class BadData(ValueError):
    """An event's data does not fit the handler's schema.

    errors: (JSON pointer into `data`, sentence) for each thing that is wrong; values are never quoted.
    """

    def __init__(self, type_: str, errors: list[tuple[str, str]]) -> None:
        super().__init__(type_, errors)
        self.type, self.errors = type_, errors

    def __str__(self) -> str:
        return f"data of {self.type}: " + "; ".join(
            f"{pointer or 'data'} {problem}" for pointer, problem in self.errors
        )


# How their files end: where they are compiled, a traceback names them from the folder that they were compiled in.
_OURS: Final = tuple(f"gateway/triggers/{name}.py" for name in ("handler", "limit", "steps", "talk"))


def last_line(traceback: TracebackType | None, own: str = "") -> str:
    """The place, as file:line, of the innermost frame of the file `own`, else of one that is none of ours."""
    where, in_own = "", ""
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file == own:
            in_own = f"{file}:{traceback.tb_lineno}"
        elif not file.endswith(_OURS):
            where = f"{file}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return in_own or where
