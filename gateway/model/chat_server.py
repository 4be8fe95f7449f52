"""The agents' XMPP server: which software it says it is, and what is known to be wrong with that version."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST = 40  # characters of a name or version
_UNTOLD = re.compile(r"[^\w.+~:() -]")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class ChatServer:
    """What a server says of itself (XEP-0092, else XEP-0030). name, version: "" = it does not say."""

    name: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip() or "a server that does not say what it is"

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the version begins with; () where that is no number."""
        found = _NUMBERS.match(self.version)
        return tuple(int(part) for part in found[0].split(".")) if found is not None else ()


def told(name: str, version: str) -> ChatServer:
    """As it was said, made short and harmless for logs and terminals."""
    return ChatServer(*(_UNTOLD.sub("", text)[:_LONGEST].strip() for text in (name, version)))


def faults(server: ChatServer) -> Sequence[tuple[str, str]]:
    """What is known to be wrong with it, each with what to do about it. Distributions mend such things under the old
    number: what is said of a version may be settled there.
    """
    name, version = server.name.casefold(), server.numbers
    found = []
    if name == "prosody" and version and (version < (0, 12, 6) or (1,) <= version < (13, 0, 5)):
        found.append(_PROSODY_MEMORY)
    if name == "ejabberd" and version and version < (26, 7):
        found.append(_EJABBERD_PLAIN)
    if name == "ejabberd" and version[:2] == (24, 12):
        found.append(_EJABBERD_PINGS)
    return found


_PROSODY_MEMORY = (
    "strangers can use up its memory before they log in (CVE-2026-43506, CVE-2026-43507)",
    "upgrade to 0.12.6, 13.0.5 or newer, or a package of your distribution that mends these; keep its ports inside",
)
_EJABBERD_PLAIN = (
    "where it allows PLAIN, whoever has an account can log in as anybody else (issue 4601)",
    "set disable_sasl_mechanisms: [PLAIN, DIGEST-MD5, X-OAUTH2] as our ejabberd.yml does, or upgrade to 26.07 or newer",
)
_EJABBERD_PINGS = (
    "with mod_privilege it refuses a component's pings (issue 4336)",
    "upgrade, or take mod_privilege out",
)
