"""What commands say: results on standard output, problems on standard error, JSON for programs, colours for people.

rich is imported when something is shown: `careline --help` and failing fast stay fast.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

FAILURE, WRONG_USE = 1, 2

ConfigOption = Annotated[
    Path,
    typer.Option("--config", metavar="DIR", envvar="CARELINE_CONFIG", help="The configuration folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
DEFAULT_CONFIG = Path("config")

OURS_ALONE = ("CARELINE_API_KEY",)
"""Variables that only commands read, and the configuration need not know."""


def environ() -> dict[str, str]:
    """The environment as the configuration reads it."""
    return {name: value for name, value in os.environ.items() if name not in OURS_ALONE}


def fail(problem: str | Iterable[str], status: int = FAILURE) -> NoReturn:
    """Says what is wrong on standard error, a line each, and ends the command."""
    tell(problem)
    raise typer.Exit(status)


def tell(lines: str | Iterable[str]) -> None:
    """Says something on standard error that is no result: never wrapped, so that `file:line:` stays clickable."""
    for line in (lines,) if isinstance(lines, str) else lines:
        print(line, file=sys.stderr)


def show_json(value: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def show_rich(*renderables: "RenderableType") -> None:
    """Tables and trees for people, in 80 columns or the terminal's; plain where it is none or NO_COLOR is set."""
    from rich.console import Console

    out = Console(highlight=False)
    if out.is_terminal:
        for renderable in renderables:
            out.print(renderable)
        return
    with out.capture() as captured:
        for renderable in renderables:
            out.print(renderable)
    # A pipe needs no blanks at the ends of lines.
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))
