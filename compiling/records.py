"""Rewrites dataclasses as plain classes with an `__init__` of their own.

mypyc keeps a plain class as a C struct: an attribute is a load, making one is a C call. A dataclass it compiles by
letting the decorator run, whose `__init__` is interpreted and sets each field through a descriptor, so that records,
which the hot path makes and reads all day, would be slower compiled than not.

A record may descend from another of its module: its `__init__` takes and sets the fields of both.

The rewritten file has each statement on the line where it was, so that tracebacks point into the file people read.
"""

import ast
from dataclasses import dataclass, field

from compiling.constants import make_final
from compiling.members import Enums, use_constants
from compiling.rooms import FILES

BASE = "gateway.model._plain"
_PLAIN = f"from {BASE} import Plain as _Plain"
_EMPTY = {"dict": "{}", "list": "[]", "set": "set()"}


# What a compiled class may descend from besides other compiled ones. A class of an interpreted one shares memory with
# its dict: mypyc builds it without a word, and it crashes some day (seen with threading.Thread).
_SAFE = {"BaseException", "Exception", "ValueError", "LookupError", "StrEnum", "IntEnum", "Protocol", "Generic"}


class CannotRewrite(Exception):
    """A class uses what this does not know; leave its file out of `compiling.rooms`, or teach it here."""


@dataclass
class _Field:
    name: str
    type: str
    default: str | None
    factory: str | None

    @property
    def parameter(self) -> str:
        """As a parameter of `__init__`."""
        if self.factory is not None:
            return f"{self.name}: {self.type} | None = None"
        return f"{self.name}: {self.type}" + (f" = {self.default}" if self.default is not None else "")

    def assignment(self, *, declare: bool) -> str:
        """As a statement of `__init__`. declare: it is of the class itself; what a parent has keeps its place there."""
        value = f"{self.factory} if {self.name} is None else {self.name}" if self.factory is not None else self.name
        return f"self.{self.name}: {self.type} = {value}" if declare else f"self.{self.name} = {value}"


@dataclass
class _Class:
    node: ast.ClassDef
    equal: bool
    parent: "_Class | None" = None
    is_parent: bool = False
    fields: list[_Field] = field(default_factory=list)
    places: list[ast.AnnAssign] = field(default_factory=list)

    @property
    def all_fields(self) -> list[_Field]:
        """The parent's first."""
        return [*(self.parent.all_fields if self.parent else ()), *self.fields]


def rewrite(source: str, name: str, enums: Enums) -> str:
    """The module with its dataclasses rewritten, line for line.

    Args:
        source: the module's text.
        name: what to call it in errors.
        enums: those whose members become constants.

    Raises:
        CannotRewrite: a dataclass has something that has no translation here.
    """
    tree = ast.parse(source)
    _check_bases(tree, name)
    classes: dict[str, _Class] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and (found := _read(node, name, classes)):
            classes[node.name] = found
    lines = source.split("\n")
    make_final(lines, tree)
    use_constants(lines, tree, enums)
    _import_replace(lines, tree, name)
    for one in classes.values():
        _replace(lines, one, name)
    _append(lines, tree.body[0], name, f"from typing import ClassVar as _ClassVar, Final as _Final; {_PLAIN}")
    return "\n".join(lines)


def _import_replace(lines: list[str], tree: ast.Module, name: str) -> None:
    """`replace` comes from where it knows that a record copies itself."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "gateway.model.rows":
            names = {alias.name for alias in node.names}
            if node.lineno != node.end_lineno or not names <= {"record", "replace"}:
                raise CannotRewrite(f"{name}:{node.lineno}: imports more of gateway.model.rows than is known here")
            lines[node.lineno - 1] = f"from {BASE} import replace" if "replace" in names else ""


def _check_bases(tree: ast.Module, name: str) -> None:
    compiled = {module.removesuffix(".py").replace("/", ".") for module in FILES}
    known = set(_SAFE)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in compiled:
            known.update(alias.asname or alias.name for alias in node.names)
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                if ast.unparse(base).partition("[")[0] not in known:
                    raise CannotRewrite(f"{name}:{node.lineno}: {node.name} descends from {ast.unparse(base)}")
            known.add(node.name)


def _read(node: ast.ClassDef, name: str, known: dict[str, _Class]) -> _Class | None:
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    if not any(decorator == "record" or decorator.startswith("dataclass") for decorator in decorators):
        return None
    where = f"{name}:{node.lineno}: {node.name}"
    bases = [ast.unparse(base) for base in node.bases]
    if len(decorators) != 1 or len(bases) > 1 or not known.keys() >= set(bases) or node.keywords:
        raise CannotRewrite(f"{where} has other decorators, or bases that are no records of this module")
    if any(word in decorators[0] for word in ("order", "kw_only", "init=", "repr=")):
        raise CannotRewrite(f"{where}: @{decorators[0]} is not known here")
    one = _Class(node, "eq=False" not in decorators[0], known[bases[0]] if bases else None)
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name in ("__post_init__", "__init__"):
            raise CannotRewrite(f"{where} has {statement.name}")
        if isinstance(statement, ast.AnnAssign) and not ast.unparse(statement.annotation).startswith("ClassVar"):
            one.fields.append(_field(statement, where))
            one.places.append(statement)
    if one.parent is not None:
        one.parent.is_parent = True
        _check_child(one, one.parent, where)
    return one


def _check_child(one: _Class, parent: _Class, where: str) -> None:
    if one.equal != parent.equal:
        raise CannotRewrite(f"{where} compares otherwise than its parent")
    if not one.fields:
        raise CannotRewrite(f"{where} adds no field to its parent's")
    taken = {field.name for field in parent.all_fields}
    if any(field.name in taken for field in one.fields):
        raise CannotRewrite(f"{where} has a field that its parent has")


def _field(statement: ast.AnnAssign, where: str) -> _Field:
    assert isinstance(statement.target, ast.Name)
    name, its_type, value = statement.target.id, ast.unparse(statement.annotation), statement.value
    if value is None:
        return _Field(name, its_type, None, None)
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "field"):
        return _Field(name, its_type, ast.unparse(value), None)
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in value.keywords}
    if given.keys() != {"default_factory"}:
        raise CannotRewrite(f"{where}.{name}: field() with {', '.join(map(str, given))}")
    factory = given["default_factory"]
    return _Field(name, its_type, None, _EMPTY.get(factory, f"({factory})()"))


def _replace(lines: list[str], one: _Class, name: str) -> None:
    node = one.node
    where = f"{name}:{node.lineno}: {node.name}"
    for decorator in node.decorator_list:
        for line in range(decorator.lineno, (decorator.end_lineno or 0) + 1):
            lines[line - 1] = ""
    if one.equal and one.parent is None:
        lines[node.lineno - 1] = lines[node.lineno - 1].replace(f"class {node.name}", f"class {node.name}(_Plain)", 1)
    names = "".join(f'"{field.name}", ' for field in one.all_fields)
    # what is final, a child could not have otherwise
    kind = "_ClassVar[tuple[str, ...]]" if one.parent or one.is_parent else "_Final"
    _append(lines, node.body[0], where, f"__match_args__: {kind} = ({names.rstrip()})")
    if not one.fields:
        return
    first, last = one.places[0].lineno, max(place.end_lineno or 0 for place in one.places)
    if any(line.strip() == "" for line in lines[first - 1 : last]) or one.places[-1].end_lineno != last:
        raise CannotRewrite(f"{where}: its fields do not stand together")
    for line in range(first, last + 1):
        lines[line - 1] = ""
    if lines[first - 2].strip():
        raise CannotRewrite(f"{where}: a blank line is wanted between its docstring and its fields")
    fields = one.all_fields
    copied = ", ".join(f"self.{field.name}" for field in fields)
    assigned = "; ".join(field.assignment(declare=field in one.fields) for field in fields)
    lines[first - 2] = f"    def __init__(self, {', '.join(f.parameter for f in fields)}) -> None: {assigned}"
    lines[first - 1] = f'    def __copy__(self) -> "{node.name}": return {node.name}({copied})'


def _append(lines: list[str], docstring: ast.stmt, where: str, statement: str) -> None:
    """Puts a statement behind a docstring, on its last line."""
    if not (isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant)):
        raise CannotRewrite(f"{where} has no docstring")
    lines[(docstring.end_lineno or 0) - 1] += f"; {statement}"
