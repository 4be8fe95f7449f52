"""Either of the two real XMPP servers that agents may be on."""

from pathlib import Path

from tests.doubles.ejabberd import Ejabberd, ejabberd_or_skip
from tests.doubles.prosody import Prosody, prosody_or_skip

KINDS = ("prosody", "ejabberd")
ChatServer = Prosody | Ejabberd


def server_or_skip(
    kind: str, folder: Path, accounts: tuple[str, ...], *, privileges: bool = True, archive: bool = True
) -> ChatServer:
    """One that is not started yet. The test is skipped by the name of what is not installed."""
    if kind == "ejabberd":
        ejabberd_or_skip()
        return Ejabberd(folder / kind, accounts, privileges=privileges, archive=archive)
    prosody_or_skip(privileges=privileges)
    return Prosody(folder / kind, accounts, privileges=privileges, archive=archive)
