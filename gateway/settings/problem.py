"""What is wrong with a configuration, as the operator reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.settings.positions import Path, key_lines

ENVIRONMENT = "environment"
"""Stands for the file in problems with CARELINE_ variables."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. line: 1-based, 0 = no line (an environment variable, a missing file). key: "" = the file itself."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are all mistakes of all files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(slots=True)
class Source:
    """A file that was read: its content, and where its keys stand. overrides: keys that came from the environment."""

    file: str
    data: dict[str, object]
    lines: Mapping[Path, int] = field(default_factory=dict)
    overrides: dict[Path, str] = field(default_factory=dict)

    @staticmethod
    def of(file: str, data: dict[str, object], text: str) -> "Source":
        """For a text that tomllib has read."""
        return Source(file, data, key_lines(text))

    def problem(self, path: Path, text: str) -> Problem:
        """A mistake at a key, or at what would hold the key when it is missing."""
        for length in range(len(path), 0, -1):
            if variable := self.overrides.get(path[:length]):
                return Problem(ENVIRONMENT, 0, variable, text)
        line = next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), 0)
        return Problem(self.file, line, self.written(path), text)

    def written(self, path: Path) -> str:
        """The key as people say it: `carriers.sim.port`; elements without a name by position, `webhooks[0].url`."""
        said = ""
        node: object = self.data
        for step in path:
            node = _child(node, step)
            name = entry_name(node)
            if isinstance(step, str):
                said += f".{step}" if said else step
            else:
                said += f".{name}" if name else f"[{step}]"
        return said


def _child(node: object, step: str | int) -> object:
    if isinstance(step, str):
        return node.get(step) if isinstance(node, Mapping) else None
    return node[step] if isinstance(node, list) and step < len(node) else None


def entry_name(entry: object) -> str:
    """What an entry of a list is called: its name, a sender's address; "" for none."""
    if not isinstance(entry, Mapping):
        return ""
    return next((str(entry[key]) for key in ("name", "address") if isinstance(entry.get(key), str)), "")
