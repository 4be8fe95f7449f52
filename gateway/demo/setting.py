"""Where everything of a running demo is: what other commands find in a file, and what the start page is told."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.demo.prosody import HOST, Prosody, program
from gateway.demo.stories import CUSTOMER, SENDER
from gateway.demo.workspace import Ports, Workspace
from gateway.settings import Settings

LIBRARY = Path(__file__).parent / "desk" / "node_modules" / "strophe.js" / "dist" / "strophe.esm.js"
"""What the desk in the browser speaks XMPP with; tests/setup/demo.sh gets it from npm."""
_HERE = Path("config")  # where `careline simulate` looks by itself


def session_of(space: Workspace, ports: Ports, key: str) -> dict[str, str]:
    """Where everything is; the key is in it, so it stays on this machine in a file of its own."""
    return {
        "page": f"http://{HOST}:{ports.page}/",
        "url": f"http://{HOST}:{ports.gateway}",
        "phones": f"http://{HOST}:{ports.phones}",
        "billing": f"http://{HOST}:{ports.billing}",
        "key": key,
        "key_file": str(space.folder / "api.key"),
        "log": str(space.folder / "log"),
        "data": str(space.sample()),
        "activate": _activate(),
        "config": _config(space.config),
    }


def setting_of(settings: Settings, session: Mapping[str, str], chat: Prosody | None) -> dict[str, Any]:
    """What the page is told; never the key."""
    agents = [
        {"name": agent.name, "jid": agent.jid, "queues": list(agent.queues), "role": agent.role}
        for agent in settings.agents
    ]
    told = {"gateway": session["url"], "phones": session["phones"], "key_file": session["key_file"]}
    return {**told, "customer": CUSTOMER, "sender": SENDER, "agents": agents, "chat": _chat_of(settings, chat)}


def _chat_of(settings: Settings, chat: Prosody | None) -> dict[str, Any]:
    """How agents reach their desk; `missing` says why the browser's desk, or all of it, is not there."""
    if chat is None:
        why = "Prosody is not installed" if program() is None else "the configuration has no agent there"
        return {"missing": f"No agents on XMPP: {why}. They answer over HTTP"}
    where = chat.where
    found: dict[str, Any] = {
        "host": HOST,
        "port": where.c2s,
        "websocket": where.websocket,
        "files": where.files,
        "desk": where.desk,
        "offers": [{"name": offer.name, "title": offer.title} for offer in settings.offers],
        "dispositions": list(settings.rules.conversations.dispositions),
        "accounts": [{"jid": jid, "name": name, "password": chat.passwords[jid]} for jid, name in where.agents.items()],
    }
    if not LIBRARY.exists():
        found["missing"] = "The desk in the browser is not installed (it comes by npm): use a chat client of your own"
    return found


def _config(folder: Path) -> str:
    """What `careline simulate` needs beside its arguments; "" where the configuration is where commands look for it."""
    return "" if folder.resolve() == _HERE.resolve() else f" --config {shlex.quote(str(folder))}"


def _activate() -> str:
    """What to source so that `careline` is found; "" where it is found already."""
    script = Path(sys.executable).parent / "activate"
    if shutil.which("careline") or not script.exists():
        return ""
    here = Path.cwd()
    return str(script.relative_to(here) if script.is_relative_to(here) else script)
