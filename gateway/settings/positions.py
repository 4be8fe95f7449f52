"""Finds the line of each key of a TOML text, which tomllib does not tell.

A scanner, not a parser: the text has been read by tomllib already, so it is known to be right.
"""

import re

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_LITERAL = re.compile(r"'([^'\n]*)'")
# The closing quotes of a multi-line string may be preceded by one or two quotes of its own.
_MULTI_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?!")', re.DOTALL)
_MULTI_LITERAL = re.compile(r"'''.*?'''(?!')", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\n#]*")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_SHORT = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


def key_lines(text: str) -> dict[Path, int]:
    """The 1-based line of each key, table and element of a valid TOML text.

    Paths hold names and indexes: `("carriers", 0, "errors", "0x0B")`. A table's line is that of its header, or of the
    first key that implies it.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {(): 1}
        self._arrays: dict[Path, int] = {}  # arrays of tables -> index of the last
        self._line, self._line_at = 1, 0

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._blank() < len(self._text):
            if self._text.startswith("[[", self._at):
                table = self._array_header()
            elif self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _here(self) -> int:
        self._line += self._text.count("\n", self._line_at, self._at)
        self._line_at = self._at
        return self._line

    def _blank(self) -> int:
        return self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return self._at

    def _note(self, path: Path, line: int) -> None:
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)

    def _resolved(self, names: list[str]) -> Path:
        """A header's path with the index of the last element behind each array of tables on the way."""
        path: Path = ()
        for name in names:
            path = (*path, name)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _header(self) -> Path:
        line = self._here()
        self._at += 1
        path = self._resolved(self._key())
        self._at = self._text.index("]", self._at) + 1
        self._note(path, line)
        self._lines[path] = line
        return path

    def _array_header(self) -> Path:
        line = self._here()
        self._at += 2
        *parents, name = self._key()
        array = (*self._resolved(parents), name)
        self._at = self._text.index("]]", self._at) + 2
        self._arrays[array] = self._arrays.get(array, -1) + 1
        path = (*array, self._arrays[array])
        self._note(path, line)
        return path

    def _key(self) -> list[str]:
        names = []
        while True:
            self._skip(_SPACE)
            names.append(self._simple_key())
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return names
            self._at += 1

    def _simple_key(self) -> str:
        for pattern in (_BASIC, _LITERAL, _BARE_KEY):
            match = pattern.match(self._text, self._at)
            if match is not None:
                self._at = match.end()
                return _unescaped(match[1]) if pattern is _BASIC else match[match.re.groups]
        raise ValueError(f"no key at offset {self._at}: the text is not valid TOML")

    def _pair(self, table: Path) -> None:
        line = self._here()
        path = (*table, *self._key())
        self._at = self._text.index("=", self._at) + 1
        self._note(path, line)
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        start = self._text[self._at : self._at + 3]
        if start.startswith("["):
            self._elements(path)
        elif start.startswith("{"):
            self._inline_table(path)
        elif start == '"""':
            self._skip(_MULTI_BASIC)
        elif start == "'''":
            self._skip(_MULTI_LITERAL)
        elif start.startswith('"'):
            self._skip(_BASIC)
        elif start.startswith("'"):
            self._skip(_LITERAL)
        else:
            self._skip(_SCALAR)

    def _elements(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._text[self._blank()] != "]":
            self._note((*path, index), self._here())
            self._value((*path, index))
            index += 1
            if self._text[self._blank()] == ",":
                self._at += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._text[self._blank()] != "}":
            self._pair(path)
            if self._text[self._blank()] == ",":
                self._at += 1
        self._at += 1


def _unescaped(raw: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _SHORT.get(match[3], match[3])

    return _ESCAPE.sub(character, raw) if "\\" in raw else raw
