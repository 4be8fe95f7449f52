"""What the demo says on the terminal: where everything is, and what to try. 80 columns, colours on a terminal only."""

import os
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_WIDTH = 80


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.width >= _WIDTH or console.is_terminal else Console(highlight=False, width=_WIDTH)


def welcome(session: Mapping[str, str], phone: str, chat: Mapping[str, Any], *, fresh_data: bool) -> None:
    """The start screen. chat: how agents reach their desk, as the page is told."""
    console = _console()
    where = Table.grid(padding=(0, 2))
    where.add_column(style="dim", no_wrap=True)
    where.add_column(no_wrap=True)
    for name, url in (
        ("phones", session["phones"] + "/"),
        ("gateway", session["url"]),
        ("API docs", session["url"] + "/docs"),
        ("billing", session["billing"] + "/received"),
        ("API key", session["key_file"]),
        ("logs", session["log"] + "/"),
    ):
        where.add_row(name, Text(url, style=f"cyan link {url}" if url.startswith("http") else "cyan"))
    body = Table.grid(padding=(0, 0))
    body.add_row(Text.assemble("Open  ", (session["page"], f"bold underline bright_cyan link {session['page']}")))
    body.add_row(Text("It shows a phone, fires events, and tells you what to try.", style="dim"))
    body.add_row("")
    body.add_row(where)
    console.print()
    console.print(
        Panel(
            body, title=Text(" Careline is running ", style="bold green"), title_align="left", border_style="green",
            padding=(1, 3), width=min(console.width, _WIDTH),
            subtitle=Text(" Ctrl-C stops everything ", style="dim"), subtitle_align="right",
        )
    )  # fmt: skip
    _agents(console, chat)
    console.print(Text("  In another terminal, here:", style="bold"))
    if session["activate"]:
        _command(console, f". {session['activate']}")
    data = f"--data @{session['data']}"
    _command(console, f"careline fire plan.overage --to {phone} {data}")
    _command(console, f"careline trace {phone}", "every gate, attempt and receipt")
    _command(console, f"careline simulate plan.overage {data} --reply YES{session['config']}")
    if not fresh_data:
        anew = "make demo ARGS=--fresh" if "MAKELEVEL" in os.environ else "careline demo --fresh"
        console.print(Text(f"  The last demo's data is still there; {anew} starts clean.", style="dim"))
    console.print()


def _agents(console: Console, chat: Mapping[str, Any]) -> None:
    """How one answers as an agent."""
    if "accounts" not in chat:
        console.print(Text(f"  {chat['missing']}.\n", style="yellow"))
        return
    if "missing" in chat:
        console.print(Text(f"  {chat['missing']}.", style="yellow"))
    console.print(Text("  Answer as an agent: on the page, or in a chat client such as Gajim:", style="bold"))
    rows = Table.grid(padding=(0, 2))
    for account in chat["accounts"]:
        rows.add_row("   ", Text(account["jid"], style="cyan"), Text(account["password"], style="green"))
    console.print(rows)
    where = f"host {chat['host']}, port {chat['port']}, no TLS"
    console.print(Text(f"     {where}; the page says how for each client\n", style="dim"))


def _command(console: Console, words: str, about: str = "") -> None:
    console.print(Text.assemble("    ", (words, "green"), (f"   {about}" if about else "", "dim")), soft_wrap=True)


def goodbye() -> None:
    """Ctrl-C was pressed."""
    _console().print(Text("\n  stopping: the gateway finishes what is in flight …", style="dim"))
