"""A `prosody.cfg.lua`, read as Prosody reads it, as far as it consists of plain values: what stands before the first
host counts for all, what follows a `VirtualHost` or `Component` for that one. Files that it includes are read as well.
"""

import contextlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from luaparser import ast, astnodes

UNKNOWN = object()
"""A value that only Lua could tell, such as a variable from the environment."""
_MOST_FILES = 50
_LONGEST = 1 << 20


class NotLua(Exception):
    """It is no file that Prosody could read."""


@dataclass(slots=True)
class Host:
    """kind: `VirtualHost` or `Component`. module: of a component, such as `muc`. options: its own."""

    kind: str
    name: str
    module: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ProsodyFile:
    """options: for all hosts. hosts: by name, in their order. files: how many were read."""

    options: dict[str, Any] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    files: int = 0

    def of(self, host: Host, name: str) -> Any:
        """An option of a host: its own, else that for all; None where there is none."""
        return host.options.get(name, self.options.get(name))

    def modules(self, host: Host) -> set[str]:
        """The modules that a host runs: a component has its own alone."""
        own = set(words(host.options.get("modules_enabled")))
        if host.kind == "Component":
            return own | ({host.module} if host.module else set())
        shared = set(words(self.options.get("modules_enabled"))) | own
        return shared - set(words(self.of(host, "modules_disabled")))


def words(value: Any) -> list[str]:
    """The texts of a Lua list; none where it is something else."""
    return [one for one in value.values() if isinstance(one, str)] if isinstance(value, Mapping) else []


def read(path: Path) -> ProsodyFile:
    """Raises NotLua, OSError."""
    found = ProsodyFile()
    _read(path, found)
    return found


def _read(path: Path, into: ProsodyFile) -> None:
    into.files += 1
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(_LONGEST)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # where the parser would write what it cannot read
            body = cast(Any, ast.parse(text)).body.body
    except Exception as problem:  # the parser raises what it likes
        raise NotLua(f"{path}: {str(problem)[:200]}") from problem
    options = into.options  # each file begins with what counts for all
    for statement in body:
        if isinstance(statement, astnodes.Assign):
            for target, value in zip(statement.targets, statement.values, strict=False):
                if isinstance(target, astnodes.Name):
                    options[target.id] = _value(value)
        elif isinstance(statement, astnodes.Call):
            options = _called(statement, options, path, into)


def _called(call: Any, options: dict[str, Any], path: Path, into: ProsodyFile) -> dict[str, Any]:
    """`VirtualHost "x"`, `Component "x" "module"` and `Include "pattern"`; whose options come next."""
    texts: list[Any] = []
    while isinstance(call, astnodes.Call):
        texts = [_value(one) for one in call.args] + texts
        call = call.func
    if not isinstance(call, astnodes.Name) or not texts or not isinstance(texts[0], str):
        return options
    if call.id in ("VirtualHost", "Component"):
        more = texts[1] if len(texts) > 1 and isinstance(texts[1], str) else ""
        return into.hosts.setdefault(texts[0], Host(call.id, texts[0], more)).options
    if call.id == "Include":
        for one in _matching(path.parent, texts[0]):
            if into.files < _MOST_FILES:
                _read(one, into)
    return options


def _matching(folder: Path, pattern: str) -> Iterable[Path]:
    where = Path(pattern)
    base = where.parent if where.is_absolute() else folder / where.parent
    return sorted(one for one in base.glob(where.name) if one.is_file())


def _value(node: Any) -> Any:
    if isinstance(node, astnodes.String):
        return node.s.decode("utf-8", "replace") if isinstance(node.s, bytes) else str(node.s)
    if isinstance(node, astnodes.TrueExpr | astnodes.FalseExpr):
        return isinstance(node, astnodes.TrueExpr)
    if isinstance(node, astnodes.Number):
        return node.n
    if isinstance(node, astnodes.Table):
        return {_key(one.key, at): _value(one.value) for at, one in enumerate(node.fields, 1)}
    return UNKNOWN


def _key(node: Any, at: int) -> str | int:
    """`archive = "sql"`, `["sms.example.test"] = {}`; the others are elements of a list."""
    key = node.id if isinstance(node, astnodes.Name) else _value(node)
    return key if isinstance(key, str) else at
