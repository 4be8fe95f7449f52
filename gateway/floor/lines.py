"""What an agent typed, told apart: words for the customer, a note, a verb of the desk, or nothing that may go anywhere.

A line that begins with `/` is for the desk (contract section 5); a space before it makes it words. What looks like a
note by mistake is one: `//` and `.note` never leave the desk, whatever stands before them and however a keyboard wrote
them (`gateway.floor.beginnings`); nor does what the desk itself said, quoted or pasted.

Many clients keep lines that begin with `/` for themselves (profanity, poezio, Gajim), and these and Dino send what is
typed as `// x` as `/ x`: that is a note too. `.take` is `/take` for them: no client takes a dot, and no text to a
customer begins with a dot and a letter; `...`, `.5` and `. and` are words. A mistyped name is refused as that of any
command, so that no customer reads it.

So what the desk says of itself names commands with a dot, which is right in every client; who typed a slash is answered
with slashes (`in_slashes`). And where a slash could be what a client left of a note, it does nothing that cannot be
undone (`doubtful`).
"""

import re
from collections.abc import Collection, Sequence

from gateway.floor.beginnings import AS, DESK, NOTE, Beginning, beginning, lines_of, plain, unseen
from gateway.model.rows import record

_NO_NAME = "say the name of a command right behind it, as in .help; a note is .note TEXT"
_FINAL = {"start": "writes to the customer", "optout": "unsubscribes the customer"}
"""Commands that take any words and cannot be undone, and what they do."""


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
    lines = lines_of(text)
    if not lines:
        return None
    begins = beginning(lines[0], verbs)
    if begins.mark == DESK or (begins.quoted and (begins.noted or begins.known)):
        return Typed(refused=_quotes(begins))
    line = "\n".join(lines)
    if begins.noted:
        return _note(line, begins)
    if begins.blank or not begins.mark:
        return _words(lines, verbs)
    if begins.gap:
        if begins.mark == "/" and begins.name and not begins.known:
            return Typed(NOTE, _behind(line, "/"))
        return Typed(refused=_NO_NAME if begins.mark == "/" else _gap(begins))
    if not begins.name:
        return Typed(refused=_NO_NAME)
    return _command(line, begins, verbs)


def _command(line: str, begins: Beginning, verbs: Collection[str]) -> Typed:
    _, rest = _parted(_behind(line, begins.mark))
    if begins.name != AS:
        return Typed(begins.name, rest)
    brand, rest = _parted(rest)
    again = beginning(rest, verbs)
    its = typed(rest, verbs) if brand and not (again.known and again.name == AS) else None
    if its is None:
        return Typed(refused="say .as BRAND and then the text, or the command")
    return Typed(its.verb, its.rest, brand, its.refused)


def unfit(text: str, verbs: Collection[str]) -> str:
    """Why a text that is given with a command, or in a form, is not for the customer; "" where it is."""
    line = typed(text, verbs)
    if line is None or line.refused:
        return line.refused if line is not None else ""
    if line.verb in verbs or line.verb in (AS, NOTE) or line.brand:
        return f"the text begins with a command, or is a note: .{line.verb or AS} is said alone"
    return ""


def slashed(text: str) -> bool:
    """Whether a line was typed with a slash."""
    lines = lines_of(text)
    return bool(lines) and plain(lines[0]).startswith("/")


def doubtful(text: str, line: Typed) -> tuple[str, str]:
    """Why a line is not done: it may be a note, `//start ...`, of which the client left one slash. With it the line
    that does it for sure. ("", "") where there is no doubt.
    """
    does = _FINAL.get(line.verb) if line.verb else "writes to the customer"
    if does is None or not line.rest or not (line.verb or line.brand) or not slashed(text):
        return "", ""
    sure = f".{_behind(text, '/').rstrip()}"
    shown = f".{AS} {line.brand} ..." if line.brand else f".{line.verb} ..."
    why = f"not done: some clients turn // into /, so this could be a note. {shown} {does}; .note ... is a note"
    return why, sure


def in_slashes(text: str, verbs: Collection[str]) -> str:
    """What the desk says, to one who types slashes. verbs: all that there are."""
    return re.sub(rf"(?<![^\s(])\.(?=(?:{'|'.join(map(re.escape, filter(None, verbs)))})\b)", "/", text)


def _note(line: str, begins: Beginning) -> Typed:
    rest = _behind(line, begins.mark)
    note = rest.strip() if begins.mark == "//" else _parted(rest)[1].strip()
    if not plain(note).strip():
        return Typed(refused="say .note TEXT, or // TEXT: a note that never leaves the desk")
    return Typed(NOTE, note)


def _words(lines: Sequence[str], verbs: Collection[str]) -> Typed:
    """For the customer, if no line of them is for the desk."""
    for later in lines[1:]:
        begins = beginning(later, verbs)
        if begins.mark == DESK or (begins.quoted and (begins.noted or begins.known)):
            return Typed(refused=_quotes(begins))
        if begins.noted or (begins.known and not begins.blank):
            shown = begins.mark if begins.mark == "//" else f"{begins.mark}{begins.name}"
            spaced = "" if begins.noted else "; a space before it makes it words"
            return Typed(refused=f"a line of it begins with {shown}: what is for the desk is sent alone{spaced}")
    words = "\n".join(lines)
    return Typed("", _behind(words, "").rstrip())


def _quotes(begins: Beginning) -> str:
    """Why a line that nobody may read but the desk is not sent: it is one of the desk's own, or a quoted command."""
    shown = begins.mark if begins.mark in (DESK, "//") else f"{begins.mark}{begins.name}"
    which = f"a quoted line begins with {shown}" if begins.quoted else f"a line begins with {shown}"
    return f"{which}, which no customer may read; write it anew without that line"


def _gap(begins: Beginning) -> str:
    return f"is it the command .{begins.name}? Then without a blank behind the dot; a space before it makes it words"


def _behind(line: str, mark: str) -> str:
    """What follows a mark, and the blanks and what nobody sees before and behind it."""
    at = 0
    for _ in range(len(mark) + 1):
        while at < len(line) and (line[at].isspace() or unseen(line[at])):
            at += 1
        at += 1
    return line[at - 1 :]


def _parted(text: str) -> tuple[str, str]:
    """The first word, and the rest."""
    parts = text.split(maxsplit=1)
    return (parts[0] if parts else "", parts[1] if len(parts) > 1 else "")
