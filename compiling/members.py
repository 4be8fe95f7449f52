"""Makes constants of the members of enums that a module uses.

`DialogueState.floor` asks a metaclass each time, compiled or not (80 ns; a decision asks some thirty times); a constant
of the module is a load.
"""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

Enums = Mapping[tuple[str, str], frozenset[str]]


@cache
def enums(root: Path) -> Enums:
    """The members of each enum of the gateway, by module and class."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for file in sorted((root / "gateway").rglob("*.py")):
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Enum") for base in node.bases):
                targets = [one.targets[0] for one in node.body if isinstance(one, ast.Assign)]
                members = frozenset(target.id for target in targets if isinstance(target, ast.Name))
                found[module, node.name] = members
    return found


def use_constants(lines: list[str], tree: ast.Module, known: Enums) -> None:
    """Puts constants behind the import of each enum, and uses them inside functions.

    Args:
        lines: of the module; changed in place, none is added.
        tree: what the module was parsed to.
        known: the enums there are.
    """
    imports: dict[str, ast.ImportFrom] = {}
    members: dict[str, frozenset[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                its = known.get((node.module or "", alias.name))
                if its is not None and alias.asname is None:
                    imports[alias.name], members[alias.name] = node, its
    used: set[tuple[str, str]] = set()
    places = [
        place
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in node.body
        for place in _members(statement, members)
    ]
    unique = {(place.lineno, place.col_offset): place for place in places}
    for at in sorted(unique, reverse=True):
        place = unique[at]
        assert isinstance(place.value, ast.Name)
        used.add((place.value.id, place.attr))
        line = lines[place.lineno - 1].encode()
        constant = _constant(place.value.id, place.attr).encode()
        lines[place.lineno - 1] = (line[: place.col_offset] + constant + line[place.end_col_offset :]).decode()
    for name, member in sorted(used):
        place_of_import = (imports[name].end_lineno or 0) - 1
        lines[place_of_import] += f"; {_constant(name, member)}: _Final = {name}.{member}"


def _constant(name: str, member: str) -> str:
    return f"_{name}_{member}"


def _members(statement: ast.AST, members: dict[str, frozenset[str]]) -> list[ast.Attribute]:
    """Uses of members in a statement. Not in a pattern, where a bare name would catch everything, and not in an
    f-string, whose insides have no true place before Python 3.12."""
    if isinstance(statement, ast.MatchValue | ast.JoinedStr):
        return []
    if (
        isinstance(statement, ast.Attribute)
        and isinstance(statement.value, ast.Name)
        and statement.attr in members.get(statement.value.id, ())
        and isinstance(statement.ctx, ast.Load)
        and statement.lineno == statement.end_lineno
    ):
        return [statement]
    return [found for child in ast.iter_child_nodes(statement) for found in _members(child, members)]
