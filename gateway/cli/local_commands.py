"""Commands that need no server of ours: demo, simulate, carrier-sim."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.terminal import DEFAULT_CONFIG, ConfigOption, JsonOption, environ, fail

_TRY = "Try it"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(rich_help_panel=_TRY)(demo)
    app.command(rich_help_panel=_TRY)(simulate)
    app.command(
        "carrier-sim",
        rich_help_panel=_TRY,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    )(carrier_sim)


def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw away what earlier demos left.")] = False,
    var: Annotated[Path, typer.Option("--var", metavar="DIR", help="Where the demo keeps its data.")] = Path("var"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the start page; another one when it is taken.")
    ] = 8088,
) -> None:
    """Start everything on this machine: carrier, phones, billing system, gateway and a page that shows what to do."""
    from gateway.demo.director import run

    raise typer.Exit(run(var, fresh=fresh, page_port=port))


def simulate(
    type: Annotated[str, typer.Argument(help="The event's type, such as plan.overage.")],
    data: Annotated[str, typer.Option(metavar="JSON", help="The event's data, or @FILE.")] = "{}",
    reply: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What the customer answers; may repeat.")
    ] = None,
    silence: Annotated[bool, typer.Option("--silence", help="At the end the customer stays silent.")] = False,
    language: Annotated[str | None, typer.Option(help="The customer's; default: the first brand's.")] = None,
    result: Annotated[
        list[str] | None, typer.Option(metavar="ACTION=JSON", help="What a back office answers; may repeat.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Play a handler with no server: the texts as customers read them, segments and effects."""
    from gateway.cli import simulating

    try:
        scene = simulating.stage(config, environ(), type, data, language)
        turns = simulating.play_out(scene, reply or [], silence=silence, results=result or [])
    except simulating.NotPlayed as problem:
        fail(str(problem).splitlines(), problem.status)
    simulating.show(scene, turns, as_json=json)
    if turns and turns[-1].broken:
        raise typer.Exit(1)


def carrier_sim(context: typer.Context) -> None:
    """Run the simulated carrier alone; `careline carrier-sim --help` lists its faults."""
    from gateway.demo.carrier import carrier_sim as serve

    sys.exit(serve(context.args))
