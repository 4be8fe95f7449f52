"""SIGHUP: what a running gateway can take over from a configuration that changed, and what needs a restart."""

from gateway.app import CannotStart, Gateway, live_problems, playbook_of
from gateway.settings import Settings
from gateway.store import upkeep

_AT_START = ("store", "http", "carriers", "xmpp", "backoffice", "webhooks", "api_keys", "limits")
"""Keys of gateway.toml whose change needs a restart: they are ports, logins and pools that were opened at the start."""


async def reload(gateway: Gateway, settings: Settings) -> list[str]:
    """Takes over texts, rules, keywords, offers, brands, senders, queues and agents; no bind is dropped.

    Returns:
        What changed in the files and waits for a restart, a line each.

    Raises:
        HandlerError, ConfigError: the new configuration cannot be used.
        CannotStart: live conversations wait in a step that the new configuration lacks.
    """
    playbook = playbook_of(settings)
    lines = live_problems(playbook, await gateway.store.read(upkeep.live_steps))
    if lines:
        raise CannotStart("\n".join(lines))
    old = gateway.settings
    # A carrier, back office or port that is named only in the new files does not exist yet: the old ones go on.
    kept = {name: getattr(old, name) for name in _AT_START}
    waiting = [f"{name} changed; that takes effect when Careline restarts" for name in _AT_START
               if getattr(settings, name) != kept[name]]  # fmt: skip
    gateway.settings = settings.model_copy(update=kept)
    gateway.take_playbook(playbook_of(gateway.settings))
    return waiting
