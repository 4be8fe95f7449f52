"""What `careline doctor` reads in the configuration of the agents' XMPP server: settings that lose messages, let others
in, or become slow. Only files are looked at; what the server says of itself the running gateway asks.
"""

from collections.abc import Sequence
from pathlib import Path

from gateway.cli import ejabberd_checks, prosody_checks
from gateway.cli.prosody_file import NotLua

PLACES = (Path("/etc/prosody/prosody.cfg.lua"), Path("/etc/ejabberd/ejabberd.yml"))
_LONGEST = 1 << 20
Trouble = tuple[str, str]
"""What is wrong, and what to do about it."""


class Unreadable(Exception):
    """The file cannot be read, or is no configuration of a server that is known here."""


def find(domain: str, places: tuple[Path, ...] = PLACES) -> Path | None:
    """The configuration on this machine that names the component, if there is one that may be read."""
    for path in places:
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                if domain in file.read(_LONGEST):
                    return path
        except OSError:
            continue
    return None


def troubles(path: Path, domain: str, agents: Sequence[str] = ()) -> list[Trouble]:
    """What is wrong in it for a component of this domain. agents: the domains that agents log in to, () = any may be.
    Raises Unreadable.
    """
    check = prosody_checks.check if path.suffix == ".lua" else ejabberd_checks.check
    try:
        return list(check(path, domain, agents))
    except OSError as problem:
        raise Unreadable(f"{path}: {problem.strerror}") from problem
    except (NotLua, ejabberd_checks.NotYaml) as problem:
        raise Unreadable(f"neither a prosody.cfg.lua nor an ejabberd.yml: {problem}") from problem
