"""Commands that talk to a running gateway over its HTTP API: fire, send, trace, dead-letters."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.terminal import WRONG_USE, JsonOption, fail, show_json

_USE = "Use"
UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="The server; default: CARELINE_URL, a running demo, http://127.0.0.1:8080."),
]
KeyOption = Annotated[
    str | None, typer.Option("--key", help="The API key; default: CARELINE_API_KEY, or a running demo's.")
]
KeyFileOption = Annotated[Path | None, typer.Option("--key-file", metavar="FILE", help="File that holds the key.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (fire, send, trace):
        app.command(rich_help_panel=_USE)(command)
    letters = typer.Typer(no_args_is_help=True, help="Work that was given up until somebody looks.")
    letters.command("list")(dead_letters_list)
    letters.command("replay")(dead_letters_replay)
    app.add_typer(letters, name="dead-letters", rich_help_panel=_USE)


def fire(
    type: Annotated[str | None, typer.Argument(help="The event's type, such as plan.overage.")] = None,
    to: Annotated[str | None, typer.Option(metavar="ADDRESS", help="+15551234567, tel:+1..., customer:ID.")] = None,
    data: Annotated[str, typer.Option(metavar="JSON", help="The event's data, or @FILE.")] = "{}",
    id: Annotated[str | None, typer.Option(help="Its id; the same id again does nothing twice.")] = None,
    source: Annotated[str, typer.Option(help="Who says so.")] = "careline-cli",
    brand: Annotated[str | None, typer.Option(help="Needed where there are several.")] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="EVENTS.jsonl", help="Many events, one a line; - is stdin.")
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    json: JsonOption = False,
) -> None:
    """Post business events: one, or a file of them.

    A line of the file is a whole CloudEvent, or {"to": ADDRESS, "data": {...}} where TYPE is given.
    """
    from gateway.cli import firing
    from gateway.cli.api import Api, ApiProblem, access

    try:
        defaults = firing.event(type, to, data, id, source, brand)
        if file is None:
            if type is None or to is None:
                fail("name the event's TYPE and --to ADDRESS, or give --file EVENTS.jsonl", WRONG_USE)
            with Api(access(url, key, key_file)) as api:
                firing.fire_one(api, defaults, as_json=json)
        else:
            if id is not None:
                fail("--id is for one event; the lines of --file have ids of their own, or get new ones", WRONG_USE)
            with Api(access(url, key, key_file)) as api:
                refused = firing.fire_many(api, file, defaults, as_json=json)
            if refused:
                raise typer.Exit(1)
    except firing.WrongEvent as problem:
        fail(str(problem), WRONG_USE)
    except ApiProblem as problem:
        fail(str(problem))


def send(
    address: Annotated[str, typer.Argument(help="The customer's number, +15551234567.")],
    text: Annotated[str, typer.Argument(help="The words.")],
    class_: Annotated[
        str,
        typer.Option("--class", help="emergency, security, transactional, conversational or promotional."),
    ] = "promotional",
    sender: Annotated[str | None, typer.Option(help="One of our own addresses.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key again sends nothing twice.")] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    json: JsonOption = False,
) -> None:
    """Send one message, through all gates."""
    from gateway.cli.api import Api, ApiProblem, access
    from gateway.model.message import MessageClass

    if class_ not in MessageClass.__members__:
        fail(f"--class {class_} is none of {', '.join(MessageClass.__members__)}", WRONG_USE)
    asked = {"to": address.removeprefix("tel:"), "text": text, "class": class_}
    asked |= {"sender": sender} if sender else {}
    asked |= {"idempotency_key": idempotency_key} if idempotency_key else {}
    try:
        with Api(access(url, key, key_file)) as api:
            answer = api.post("/v1/messages", asked)
    except ApiProblem as problem:
        fail(str(problem))
    if json:
        show_json(answer)
    else:
        print(f"message {answer['message']} is on disk; `careline trace {answer['message']}` follows it")


def trace(
    what: Annotated[str, typer.Argument(metavar="ADDRESS or MESSAGE-ID", help="+15551234567, or the id of a message.")],
    limit: Annotated[int, typer.Option(min=1, max=500, help="Messages of an address, newest.")] = 20,
    url: UrlOption = None,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show the timeline of a message, or of all messages with a customer: every gate, attempt and receipt."""
    from gateway.cli import tracing
    from gateway.cli.api import Api, ApiProblem, access

    try:
        with Api(access(url, key, key_file)) as api:
            messages = tracing.find(api, what, limit)
    except ApiProblem as problem:
        fail(str(problem))
    if json:
        show_json(messages)
    elif not messages:
        fail(f"no messages with {what}")
    else:
        tracing.show(messages)


def dead_letters_list(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    url: UrlOption = None,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    json: JsonOption = False,
) -> None:
    """List what failed for good, with its cause."""
    from gateway.cli import letters
    from gateway.cli.api import Api, ApiProblem, access

    try:
        with Api(access(url, key, key_file)) as api:
            found = letters.find(api, limit)
    except ApiProblem as problem:
        fail(str(problem))
    if json:
        show_json(found)
    else:
        letters.show(found)


def dead_letters_replay(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As `careline dead-letters list` shows them.")],
    url: UrlOption = None,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    json: JsonOption = False,
) -> None:
    """Do it again, after the cause is mended; exit 1 when one of them cannot be."""
    from gateway.cli import letters
    from gateway.cli.api import Api, ApiProblem, access

    try:
        with Api(access(url, key, key_file)) as api:
            replayed, refused = letters.replay(api, ids)
    except ApiProblem as problem:
        fail(str(problem))
    if json:
        show_json(replayed)
    else:
        print(f"{len(replayed)} replayed")
    if refused:
        fail("\n".join(refused))
