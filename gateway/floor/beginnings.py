"""How a line of chat begins: as a command, as a note, as what the desk itself says, or as words.

Clients, keyboards and what was pasted bring along what nobody sees, wide and look-alike marks, a blank behind a dot,
and `>` before what is quoted. All of it is seen through here, so that no note and no command reaches a customer.
"""

import re
import unicodedata
from collections.abc import Collection

from gateway.model.desk import MARK
from gateway.model.rows import record

DESK = MARK
AS = "as"
"""`.as BRAND LINE`: which of a customer's conversations is meant, where an agent has two."""
NOTE = "note"

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_LOOKS = {ord(char): "/" for char in "\u2044\u2215\u2571\u27cb\u29f8"} | {
    ord(char): "." for char in "\u00b7\u06d4\u2027\u3002\u30fb\uff61"
}
_BEGINS = re.compile(r"(\s*)((?:[>\u00bb\u203a]\s*)*)(.*)", re.DOTALL)
_PRIVATE = re.compile(r"(?:.*[\s>])?(//|[/.]note(?=\s))", re.IGNORECASE)
"""In a line that is quoted, who said it, or when, may stand before a note."""
_COMMAND = re.compile(r"([/.])(\s*)(\S*)")
_WORD = re.compile(r"[a-z]+", re.IGNORECASE)


@record
class Beginning:
    """blank: a blank stands first. quoted: `>` does. mark: `//`, `/`, `.`, `[desk]`, or "" for words. gap: a blank
    stands behind the mark. name: what follows it, in small letters. known: that is the name of a command.
    """

    blank: bool = False
    quoted: bool = False
    mark: str = ""
    gap: bool = False
    name: str = ""
    known: bool = False

    @property
    def noted(self) -> bool:
        """Whether it is a note, which never leaves the desk, whatever stands before it."""
        return self.mark == "//" or (self.mark in ("/", ".") and self.name == NOTE)


def unseen(char: str) -> bool:
    """Whether nobody sees a character, and it is no blank."""
    if " " < char <= "~" or char.isspace():
        return False
    return char in _UNSEEN or "\ufe00" <= char <= "\ufe0f" or unicodedata.category(char) in ("Cf", "Cc")


def beginning(line: str, names: Collection[str]) -> Beginning:
    """How one line begins. names: of the commands that there are."""
    found = _BEGINS.match(plain(line))
    assert found is not None, "it matches anything"
    blank, quoted, rest = bool(found[1]), bool(found[2]), found[3]
    if rest[: len(DESK)].casefold() == DESK:
        return Beginning(blank, quoted, DESK)
    private = _PRIVATE.match(rest) if quoted else None
    if private is not None:
        mark = private[1].lower()
        return Beginning(blank, quoted, mark if mark == "//" else mark[0], name=NOTE, known=True)
    if rest.startswith("//"):
        return Beginning(blank, quoted, "//")
    command = _COMMAND.match(rest)
    if command is None:
        return Beginning(blank, quoted)
    mark, gap, name = command[1], bool(command[2]), command[3].lower()
    word = _WORD.match(name)
    if (gap or quoted or _a_look(line)) and word is not None and word[0] in (*names, AS, NOTE):
        name = word[0]  # with a comma behind it, say: no words begin so
    known = name in names or name in (AS, NOTE)
    if quoted and not known:
        return Beginning(blank, quoted)
    if mark == "/" or known or (not gap and not _a_look(line) and name[:1].isascii() and name[:1].isalpha()):
        return Beginning(blank, quoted, mark, gap, name, known)
    return Beginning(blank, quoted)


def _a_look(line: str) -> bool:
    """Whether it begins with what only looks like a dot: that begins words as well, so a known name must follow."""
    first = next((char for char in line if not unseen(char) and not char.isspace()), "")
    return _LOOKS.get(ord(first)) == "." if first else False


def plain(line: str) -> str:
    """A line with the usual marks and letters, and without what nobody sees: to be read, not to be said."""
    if line.isascii() and line.isprintable():
        return line
    seen = "".join(char for char in line if not unseen(char))
    return unicodedata.normalize("NFKC", seen).translate(_LOOKS)


def lines_of(text: str) -> list[str]:
    """Its lines, from the first on that shows something."""
    lines = text.splitlines()
    shown = next((at for at, line in enumerate(lines) if plain(line).strip()), len(lines))
    return lines[shown:]
