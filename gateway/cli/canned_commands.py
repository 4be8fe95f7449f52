"""`careline canned`: the replies that care staff keep, out of a gateway and into one."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.api_commands import KeyFileOption, KeyOption, UrlOption
from gateway.cli.terminal import JsonOption, fail, show_json


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    canned = typer.Typer(no_args_is_help=True, help="Canned replies of the desk.")
    canned.command("list")(list_)
    canned.command("import")(import_)
    canned.command("export")(export)
    app.add_typer(canned, name="canned", rich_help_panel="Use")


def list_(
    url: UrlOption = None, key: KeyOption = None, key_file: KeyFileOption = None, json: JsonOption = False
) -> None:
    """List them."""
    from gateway.cli import canned
    from gateway.cli.api import Api, ApiProblem, access

    try:
        with Api(access(url, key, key_file)) as api:
            found = canned.find(api)
    except ApiProblem as problem:
        fail(str(problem))
    if json:
        show_json(found)
    else:
        canned.show(found)


def export(url: UrlOption = None, key: KeyOption = None, key_file: KeyFileOption = None) -> None:
    """Print them as JSON, for `careline canned import`."""
    from gateway.cli import canned
    from gateway.cli.api import Api, ApiProblem, access

    try:
        with Api(access(url, key, key_file)) as api:
            show_json(canned.exported(api))
    except ApiProblem as problem:
        fail(str(problem))


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON, as `careline canned export` prints it.")],
    url: UrlOption = None,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
) -> None:
    """Keep those of a file, each in the place of the one of its name; exit 1 when one of them cannot be kept."""
    from gateway.cli import canned
    from gateway.cli.api import Api, ApiProblem, access

    try:
        replies = canned.read(file)
        with Api(access(url, key, key_file)) as api:
            kept, refused = canned.keep(api, replies)
    except (ApiProblem, canned.BadFile) as problem:
        fail(str(problem))
    print(f"{kept} kept")
    if refused:
        fail("\n".join(refused))
