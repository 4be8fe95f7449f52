"""`careline trace`: the timeline of messages as one reads it on a terminal of 80 columns."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gateway.cli.api import Api
from gateway.cli.terminal import show_rich

if TYPE_CHECKING:
    from rich.console import RenderableType

_ID = re.compile(r"[0-9]{16,20}")
_GOOD, _BAD, _OPEN = "green", "red", "yellow"
_ENDS = {"delivered": _GOOD, None: _OPEN, "in_doubt": _OPEN, "unknown": _OPEN}
_KINDS = {
    "event": "magenta", "gate": "cyan", "render": "cyan", "attempt": "blue", "response": "blue", "receipt": "green",
    "reply": "magenta", "agent": "magenta", "offer": "magenta", "resend": "yellow",
}  # fmt: skip


def find(api: Api, what: str, limit: int) -> list[dict[str, Any]]:
    """The message of an id, or the newest messages with an address, oldest first, all with their timelines.

    Raises:
        ApiProblem: there is no such message, or the server does not answer.
    """
    if _ID.fullmatch(what):
        return [api.get(f"/v1/messages/{what}")]
    listed = api.pages("/v1/messages", {"address": what.removeprefix("tel:")}, limit)
    return [api.get(f"/v1/messages/{message['id']}") for message in reversed(listed)]


def show(messages: Sequence[Mapping[str, Any]]) -> None:
    """All messages, each with what happened to it."""
    show_rich(*map(_tree, messages))


def _tree(message: Mapping[str, Any]) -> "RenderableType":
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text
    from rich.tree import Tree

    disposition = message.get("disposition")
    incoming = message.get("direction") == "mo"
    end = "received" if incoming else str(disposition or message.get("state"))
    head = Text.assemble(
        ("◀ " if incoming else "▶ ", "bold"),
        (f"{message.get('from')} → {message.get('to')}", "bold"),
        "  ",
        (end, f"bold {_GOOD if incoming else _ENDS.get(disposition, _BAD)}"),
        (" possible duplicate", _OPEN) if message.get("possible_duplicate") else "",
    )
    tree = Tree(head, guide_style="dim")
    segments = message.get("segments")
    count = segments if isinstance(segments, int) else (segments or {}).get("count")
    about = [str(message.get("class") or "")] if not incoming else []
    about += [f"{count} segment{'' if count == 1 else 's'}"] if count else []
    about += [f"id {message.get('id')}"]
    about += [f"{_clock(str(message['at']))} UTC"] if message.get("at") else []
    tree.add(Text(" · ".join(filter(None, about)), style="dim", overflow="fold"))
    tree.add(Text(str(message.get("text") or ""), style="italic"))
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for moment in _gathered(message.get("timeline") or ()):
        kind = str(moment.get("kind"))
        stopped = kind == "gate" and not str(moment.get("reason")).startswith("passed")
        style = _BAD if stopped else _KINDS.get(kind, "")
        table.add_row(_clock(str(moment.get("at") or "")), Text(kind, style=style), _words(moment))
    if table.row_count:
        tree.add(table)
    return Padding(tree, (0, 0, 1, 0))


def _gathered(timeline: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The timeline with gates that let it pass, one after another, on one line that names them all."""
    lines: list[Mapping[str, Any]] = []
    passed: list[str] = []
    for place, moment in enumerate(timeline):
        if moment.get("kind") == "gate" and moment.get("reason") == "passed":
            passed.append(str(moment.get("code")))
            following = timeline[place + 1] if place + 1 < len(timeline) else {}
            if following.get("kind") != "gate" or following.get("reason") != "passed":
                lines.append({**moment, "code": None, "reason": f"passed {', '.join(passed)}"})
                passed = []
        else:
            lines.append(moment)
    return lines


def _words(moment: Mapping[str, Any]) -> str:
    """What a line of the timeline says, without the names of its fields where the words speak for themselves."""
    code, reason = str(moment.get("code") or ""), str(moment.get("reason") or "")
    said = [str(moment["route"])] if moment.get("route") else []
    if moment.get("remote_id"):
        said.append(f"id {moment['remote_id']}")
    if code and code not in reason:
        said.append(code)
    return ": ".join(filter(None, (", ".join(said), reason)))


def _clock(at: str) -> str:
    """The time of day in UTC with milliseconds, as logs have it; the date too when it is not today."""
    try:
        when = datetime.fromisoformat(at).astimezone(UTC)
    except ValueError:
        return at
    clock = when.strftime("%H:%M:%S.") + f"{when.microsecond // 1000:03}"
    return clock if when.date() == datetime.now(UTC).date() else f"{when:%m-%d} {clock}"
