"""The command line: `careline`. Argument parsing only; what a command does stands in the module that it imports.

Exit status: 0 done, 1 failed, 2 wrong use or a configuration that cannot be used. Results go to standard output,
problems to standard error, `--json` is for programs, NO_COLOR is honoured.
"""

import os
import sys
from typing import Annotated

import typer

from gateway.cli import admin_commands, api_commands, canned_commands, local_commands, server_commands
from gateway.cli.terminal import tell

app = typer.Typer(
    name="careline",
    help="Two-way SMS customer care: events out, replies in, bots and people in one conversation.",
    epilog="Start with `careline demo`. Each command has its own --help.",
    no_args_is_help=True,
    add_completion=False,  # its two options would be the first that one reads
    pretty_exceptions_enable=False,  # its tracebacks show variables: keys, numbers, texts
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (local_commands, server_commands, api_commands, canned_commands, admin_commands):
    module.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from gateway import __version__, compiled

        print(f"careline {__version__}{' (compiled)' if compiled() else ''}")
        raise typer.Exit


@app.callback()
def careline(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")] = False,
) -> None:
    """Two-way SMS customer care: events out, replies in, bots and people in one conversation."""


def main() -> None:
    """The entry point of `careline`."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # `careline trace ... | head`: nobody reads on. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except RecursionError:
        tell("the JSON is nested too deeply")
        sys.exit(2)
