"""Makes constants of the names that a module sets once.

A function that names a variable of its module asks the module's dict for it, compiled or not, since anybody might have
set it anew; what is `Final` is a load. Sources do not say it of each table and each logger, so it is said here.
"""

import ast
import re
from collections import Counter

# LIMIT, _TABLE, log, _latest. Not Alias, nor a type variable T, which are types and no values.
_VALUE = re.compile(r"_*([A-Z][A-Z0-9_]+|[a-z][a-z0-9_]*)")
ADJUSTED = frozenset({"CHUNK", "CLOSE_GRACE", "LOOK_SECONDS"})
"""Tests set these to what can be waited for."""


def make_final(lines: list[str], tree: ast.Module) -> None:
    """Marks the module's variables that are set once as `_Final`.

    Args:
        lines: of the module; changed in place, none is added.
        tree: what the module was parsed to.
    """
    set_in = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and _is_set(node))
    shared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    for node in reversed(tree.body):  # of two on one line the later first, so that columns stay true
        target = _target(node)
        if target is None or not _VALUE.fullmatch(target.id) or target.id in ADJUSTED | shared:
            continue
        if set_in[target.id] == 1:
            _mark(lines, node, target)


def _is_set(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store | ast.Del)


def _target(node: ast.stmt) -> ast.Name | None:
    """The one variable that a statement sets to a value."""
    target: ast.expr | None = None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, ast.AnnAssign) and node.value is not None and "Final" not in ast.unparse(node.annotation):
        target = node.target
    return target if isinstance(target, ast.Name) else None


def _mark(lines: list[str], node: ast.stmt, target: ast.Name) -> None:
    """`name = value` becomes `name: _Final = value`, `name: type = value` becomes `name: _Final[type] = value`."""
    if not isinstance(node, ast.AnnAssign):
        _insert(lines, target.lineno, target.end_col_offset or 0, ": _Final")
        return
    its_type = node.annotation
    _insert(lines, its_type.end_lineno or 0, its_type.end_col_offset or 0, "]")
    _insert(lines, its_type.lineno, its_type.col_offset, "_Final[")


def _insert(lines: list[str], line: int, column: int, words: str) -> None:
    """Columns of a parse count octets."""
    text = lines[line - 1].encode()
    lines[line - 1] = (text[:column] + words.encode() + text[column:]).decode()
