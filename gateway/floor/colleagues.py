"""How a colleague stands to whom a customer is passed on: whoever does it knows whether they may wait for long."""

from gateway.model.desk import Show
from gateway.settings.gateway_file import Agent

_BUSY = {
    Show.away: "is away",
    Show.xa: "is away for long",
    Show.dnd: "does not want to be disturbed",
}


def slow(known: Agent, show: Show, busy: int) -> str:
    """Why they may not answer soon, as one line more; "" where nothing says so. busy: conversations that they had
    before this one.
    """
    why = [_BUSY[show]] if show in _BUSY else []
    if busy >= known.capacity:
        why.append(f"has {busy} conversations already")
    return f"\n{known.name} has it now, but {' and '.join(why)}" if why else ""
