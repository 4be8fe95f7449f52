"""Commands of administration: API keys, and what comes with later features."""

import time
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from gateway.cli.terminal import DEFAULT_CONFIG, ConfigOption, JsonOption, environ, fail, show_json, tell

_ADMIN = "Administrate"
_Name = Annotated[str, typer.Argument()]
_Customer = Annotated[str, typer.Argument(metavar="CUSTOMER")]
Role = Literal["integrator", "viewer", "agent", "supervisor", "admin", "privacy"]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    keys = typer.Typer(no_args_is_help=True, help="Keys of the HTTP API, also while the gateway runs.")
    keys.command("add")(keys_add)
    keys.command("list")(keys_list)
    keys.command("remove")(keys_remove)
    app.add_typer(keys, name="keys", rich_help_panel=_ADMIN)
    users = typer.Typer(no_args_is_help=True, help="Log-ins of the web console.")
    users.command("add")(users_add)
    app.add_typer(users, name="users", rich_help_panel=_ADMIN)
    audit = typer.Typer(no_args_is_help=True, help="The log of what people did.")
    audit.command("verify")(audit_verify)
    app.add_typer(audit, name="audit", rich_help_panel=_ADMIN)
    app.command(rich_help_panel=_ADMIN)(export)
    app.command(rich_help_panel=_ADMIN)(erase)


def keys_add(
    name: Annotated[str, typer.Argument(help="Whose key it is; logs and timelines show it.")],
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Make a key and print it: it is shown only this once."""
    from gateway.cli import database
    from gateway.store import api_keys
    from gateway.store.database import StoreProblem

    if not name.strip() or len(name) > 100 or not name.isprintable():
        fail("NAME is 1 to 100 printable characters", 2)
    try:
        key = api_keys.add(database.path_of(config, environ()), name, role, time.time_ns() // 1_000_000)
    except StoreProblem as problem:
        fail(str(problem))
    if json:
        show_json({"name": name, "role": role, "key": key})
    else:
        tell(f"Key of {name} ({role}). Keep it: it is not stored and cannot be shown again.")
        print(key)


def keys_list(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """List the keys of the database, without the keys themselves."""
    from gateway.cli import database
    from gateway.store import api_keys
    from gateway.store.database import StoreProblem

    try:
        found = api_keys.listed(database.path_of(config, environ()))
    except StoreProblem as problem:
        fail(str(problem))
    rows = [
        {"name": key.name, "role": key.role, "created": _time(key.created_at)} for key in found
    ]  # fmt: skip
    if json:
        show_json(rows)
    elif not rows:
        tell("no keys; make one with: careline keys add NAME --role integrator")
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows if not json else ():
        print(f"{row['name']:<{width}}  {row['role']:<10}  {row['created']}")


def keys_remove(name: str, config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Take a key back."""
    from gateway.cli import database
    from gateway.store import api_keys
    from gateway.store.database import StoreProblem

    try:
        known = api_keys.remove(database.path_of(config, environ()), name)
    except StoreProblem as problem:
        fail(str(problem))
    if not known:
        fail(f"there is no key called {name}; `careline keys list` shows them")
    if json:
        show_json({"name": name, "removed": True})
    else:
        print(f"removed the key of {name}")


def users_add(name: _Name = "", role: Annotated[Role, typer.Option()] = "agent") -> None:
    """Add a log-in of the web console (comes with the console)."""
    _later(f"log-ins come with the web console; nobody was added ({name}, {role}). `careline keys add` makes API keys")


def export(customer: _Customer = "") -> None:
    """Export what is known of a customer (comes with the customer API)."""
    _later(f"`export` comes with the customer API (/v1/customers); nothing was exported {customer}".rstrip())


def erase(customer: _Customer = "") -> None:
    """Erase a customer (comes with the customer API)."""
    _later(f"`erase` comes with the customer API (/v1/customers); nothing was erased {customer}".rstrip())


def audit_verify() -> None:
    """Verify that nobody changed the audit log (comes with the audit log)."""
    _later("`audit verify` comes with the audit log; nothing was verified")


def _later(sentence: str) -> None:
    fail(f"not there yet: {sentence}")


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
