"""`careline dead-letters`: what was given up with its cause, and doing it again."""

from collections.abc import Sequence
from typing import Any

from gateway.cli.api import Api, ApiProblem
from gateway.cli.terminal import show_rich, tell

_PATH = "/v1/dead-letters"
_OF_ONE = (404, 409)  # says something of this letter alone


def find(api: Api, limit: int) -> list[dict[str, Any]]:
    """The newest dead letters. Raises ApiProblem."""
    return api.pages(_PATH, {}, limit)


def replay(api: Api, ids: Sequence[str]) -> tuple[list[Any], list[str]]:
    """Puts each back to work that can be; what was, and a line for each that cannot.

    Raises:
        ApiProblem: the server answers nothing, or not to us; what was done before is in the sentence.
    """
    replayed: list[Any] = []
    refused: list[str] = []
    for one in ids:
        try:
            replayed.append(api.post(f"{_PATH}/{one}/replay", {}))
        except ApiProblem as problem:
            told = f"dead letter {one}: {problem}"
            if problem.status not in _OF_ONE:
                done = f" ({len(replayed)} replayed before it)" if replayed else ""
                raise ApiProblem(f"{told}{done}", problem.status, problem.problem) from None
            refused.append(told)
    return replayed, refused


def show(letters: Sequence[dict[str, Any]]) -> None:
    """A table of them."""
    if not letters:
        tell("no dead letters")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("id", "at", "kind", "customer", "cause"):
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for letter in letters:
        table.add_row(*(str(letter.get(name) or "") for name in ("id", "at", "kind", "customer", "cause")))
    show_rich(table)
    tell("after the cause is mended: careline dead-letters replay ID ...")
