"""What an agent typed, told apart: words for the customer, a note, a verb of the desk, or nothing that may go anywhere.

A line that begins with `/` is for the desk (contract section 5); a space before it makes it words. What looks like a
note by mistake is one: `//` never leaves the desk, whatever blanks stand before it.

Many clients keep lines that begin with `/` for themselves (profanity, poezio, Gajim), and these and Dino send what is
typed as `// x` as `/ x`: that is a note too. `.take` is `/take` for them: no client takes a dot, and no text to a
customer begins with a dot and a letter; `...`, `.5` and `. and` are words. A mistyped name is refused as that of any
command, so that no customer reads it.
"""

import re
import unicodedata
from collections.abc import Collection

from gateway.model.rows import record

_QUOTED = re.compile(r"\s*>(?:[>\s]*\[desk\]|(?:.*[\s>])?(?:[/\uff0f\u2044\u2215]{2}|[/.]note\s))", re.IGNORECASE)
"""A line that quotes one which never leaves the desk, in a client that quotes in words alone; who said it may stand
before it."""
_SLASHES = "/\uff0f\u2044\u2215"
AS = "as"
"""`/as BRAND LINE`: which of a customer's conversations is meant, where an agent has two."""

DOT = "Where your client keeps / for itself, a dot does the same: .take"
"""The last line of the help."""


@record
class Typed:
    """verb: "" = words for the customer, which are `rest`; of a verb its arguments. brand: which conversation is meant,
    "" = the only one. refused: why it is nothing at all.
    """

    verb: str = ""
    rest: str = ""
    brand: str = ""
    refused: str = ""


def typed(text: str, verbs: Collection[str]) -> Typed | None:
    """Reads a line of chat; None when it is blank. verbs: those that there are."""
    line = _shown(text.lstrip("\r\n").rstrip())
    if not line.strip():
        return None
    if not _for_desk(line) or line.startswith("//"):
        return _plain(line, verbs)
    name, rest = _parted(line[1:])
    if not name or (line[1].isspace() and name.lower() in verbs):
        return Typed(refused="say / and the name of a command, as in /help; a space before it makes it words")
    if line[1].isspace():
        return Typed("note", line[1:].strip())
    if name.lower() != AS:
        return Typed(name.lower(), rest)
    brand, rest = _parted(rest)
    again = _parted(_shown(rest))[0].lower() in (f"/{AS}", f".{AS}")
    its = typed(rest, verbs) if brand and not again else None
    if its is None:
        return Typed(refused="say /as BRAND and then the text, or the command")
    return Typed(its.verb, its.rest, brand, its.refused)


def _plain(line: str, verbs: Collection[str]) -> Typed:
    bare = line.strip()
    if bare.startswith("//"):
        note = bare[2:].strip()
        return Typed("note", note) if note else Typed(refused="say // TEXT: a note that never leaves the desk")
    if any(_QUOTED.match(one) for one in bare.splitlines()):
        return Typed(refused="it quotes a line of the desk or a note: they are not for customers; leave it out")
    for later in bare.splitlines()[1:]:
        name = _parted(_shown(later))[0]
        for_desk = _for_desk(name) and not _shown(later)[:1].isspace()
        if name.startswith("//") or (for_desk and name[1:].lower() in (*verbs, AS)):
            shown = "//" if name.startswith("//") else name
            return Typed(
                refused=f"a line of it begins with {shown}: what is for the desk is sent alone; a space before it "
                "makes it words"
            )
    return Typed("", bare)


def _shown(line: str) -> str:
    """A line without what nobody sees at its beginning, and with a usual slash there: clients, keyboards and what was
    pasted bring along marks of direction, joiners, wide letters.
    """
    begin = 0
    while begin < len(line) and unicodedata.category(line[begin]) in ("Cf", "Cc") and not line[begin].isspace():
        begin += 1
    line = line[begin:]
    blanks = len(line) - len(line.lstrip())
    slashes = len(line[blanks:]) - len(line[blanks:].lstrip(_SLASHES))
    return line[:blanks] + "/" * slashes + line[blanks + slashes :]


def _for_desk(line: str) -> bool:
    """Whether it begins as a command does."""
    return line.startswith("/") or (line.startswith(".") and line[1:2].isascii() and line[1:2].isalpha())


def _parted(text: str) -> tuple[str, str]:
    """The first word, and the rest."""
    parts = text.split(maxsplit=1)
    return (parts[0] if parts else "", parts[1] if len(parts) > 1 else "")
