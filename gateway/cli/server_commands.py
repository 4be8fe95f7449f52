"""Commands of whoever operates the gateway: run, check, doctor, migrate, backup."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.terminal import (
    DEFAULT_CONFIG,
    WRONG_USE,
    ConfigOption,
    JsonOption,
    environ,
    fail,
    show_json,
    tell,
)

_OPERATE = "Operate"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (run, check, doctor, migrate, backup):
        app.command(rich_help_panel=_OPERATE)(command)


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    log_format: Annotated[
        Literal["json", "console"] | None,
        typer.Option("--log-format", envvar="CARELINE_LOG", help="Default: console on a terminal, else json."),
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option("--log-level", envvar="CARELINE_LOG_LEVEL")
    ] = "info",
) -> None:
    """Start the gateway. SIGTERM drains and stops it, SIGHUP reloads the configuration."""
    import logging
    import sys

    from gateway import telemetry
    from gateway.app import Gateway
    from gateway.cli import serving

    telemetry.set_up_logging(log_format or ("console" if sys.stderr.isatty() else "json"), log_level)

    def ready(gateway: Gateway) -> None:
        http = gateway.settings.http
        logging.getLogger("gateway").info(
            "careline takes work at http://%s:%d; %s", http.host, gateway.port, serving.describe(gateway.settings)
        )

    try:
        serving.run(config, environ(), ready)
    except serving.NotStarted as problem:
        fail(str(problem).splitlines(), problem.status)


def check(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Check configuration, rules, offers, texts in all languages, and handlers against live conversations."""
    from gateway.cli.checking import examine

    found = examine(config, environ())
    if json:
        show_json({"ok": not found.problems, "problems": found.problems, "warnings": found.warnings})
    else:
        tell(f"warning: {line}" for line in found.warnings)
        tell(found.problems)
    if found.problems:
        raise typer.Exit(WRONG_USE)
    if not json:
        print(f"{config}: {found.summary}")


def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    xmpp_config: Annotated[
        Path | None, typer.Option("--xmpp-config", help="The XMPP server's prosody.cfg.lua or ejabberd.yml.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Try the carriers' binds, the database, the clock and known holes, and say what to do."""
    from gateway.cli import doctoring

    findings = doctoring.examine(config, environ(), xmpp_config)
    if json:
        show_json([finding.as_dict() for finding in findings])
    else:
        doctoring.show(findings)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def migrate(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Bring the database's schema up to date. `careline run` does it by itself."""
    from gateway.cli import database
    from gateway.store.database import StoreProblem

    path = database.path_of(config, environ())
    try:
        before, after = database.migrate(path)
    except StoreProblem as problem:
        fail(str(problem))
    if json:
        show_json({"database": str(path), "before": before, "after": after, "changed": before != after})
    elif before == after:
        print(f"{path}: up to date (schema {after})")
    else:
        print(f"{path}: {'made' if before is None else f'migrated from schema {before}'}, now schema {after}")


def backup(
    file: Annotated[Path, typer.Argument(help="The new file; it must not exist.")],
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Copy the database, also while the gateway runs. The copy is whole and consistent."""
    from gateway.cli import database
    from gateway.store.database import StoreProblem

    try:
        size = database.backup(database.path_of(config, environ()), file)
    except StoreProblem as problem:
        fail(str(problem))
    if json:
        show_json({"file": str(file), "bytes": size})
    else:
        print(f"{file}: {size:,} bytes. To restore: stop Careline, put it in the place of the database.")
