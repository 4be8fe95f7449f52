"""The rewriting of sources before they are compiled: same lines, same meaning."""

import ast
import copy
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiling import plain
from compiling.members import Enums, enums
from compiling.records import BASE, CannotRewrite, rewrite
from compiling.rooms import FILES

TOP = Path(__file__).parents[2]
RECORD = '''"""A module."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.model.rows import record, replace


@record
class Seat:
    """A seat. price: in cents."""

    row: int
    letter: str = "A"
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As on the ticket."""
        return f"{self.row}{self.letter}"


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """One of its kind."""

    text: str


def window(seat: Seat) -> Seat:
    """The same row, by the window."""
    return replace(seat, letter="F")
'''


CHILD = '''"""A module."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Seat:
    """A seat. price: in cents."""

    row: int = 0
    letter: str = "A"

    @property
    def name(self) -> str:
        """As on the ticket."""
        return f"{self.row}{self.letter}"


@dataclass(slots=True)
class Berth(Seat):
    """One can lie in it."""

    upper: bool = False
    sheets: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Suite(Berth):
    """One can lock it."""

    key: str = "none"
'''


def run(source: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What a rewritten module is, interpreted."""
    monkeypatch.setitem(sys.modules, BASE, plain)
    module = ModuleType("rewritten")
    exec(compile(rewrite(source, "rewritten.py", {}), "rewritten.py", "exec"), module.__dict__)
    return module


def test_a_record_works_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    module = run(RECORD, monkeypatch)
    seat = module.Seat(7, notes={"exit": True})
    assert (seat.name, seat.letter, seat.notes) == ("7A", "A", {"exit": True})
    assert seat == module.Seat(row=7, notes={"exit": True})
    assert seat != module.Seat(8)
    assert module.Seat(7).notes is not module.Seat(7).notes
    assert repr(seat) == "Seat(row=7, letter='A', notes={'exit': True})"
    assert module.window(seat) == module.Seat(7, "F", {"exit": True})
    assert seat.letter == "A"
    assert hash(module.Token("a")) != hash(module.Token("a"))
    match seat:
        case module.Seat(row, letter):
            assert (row, letter) == (7, "A")
        case _:
            pytest.fail("a record has lost its pattern")
    with pytest.raises(TypeError):
        copy.copy(plain.Plain())


def _plain_run(source: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the module is as it was written."""
    module = ModuleType("written")
    monkeypatch.setitem(sys.modules, "written", module)  # dataclasses look for it there
    exec(compile(source, "written.py", "exec"), module.__dict__)
    return module


def test_a_child_is_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[tuple[str, object]] = []
    for module in (_plain_run(CHILD, monkeypatch), run(CHILD, monkeypatch)):
        seat, berth, suite = module.Seat(3), module.Berth(7, "C", True), module.Suite(8, sheets=["red"])
        assert module.Berth().sheets is not module.Berth().sheets
        assert isinstance(suite, module.Seat)
        assert (berth != module.Seat(7, "C"), berth != module.Suite(7, "C", True)) == (True, True)
        assert berth == module.Berth(row=7, letter="C", upper=True, sheets=[])
        assert suite != module.Suite(9, sheets=["red"])
        for one in (seat, berth, suite):
            assert copy.copy(one) == one
            assert type(copy.copy(one)) is type(one)
            ways.append((repr(one), type(one).__match_args__))
        match suite:
            case module.Suite(row, letter, upper, sheets, key):
                ways.append((suite.name, (row, letter, upper, sheets, key)))
    assert ways[:4] == ways[4:]
    assert ways[3] == ("8A", (8, "A", False, ["red"], "none"))


def test_a_parent_keeps_what_it_declares() -> None:
    told = rewrite(CHILD, "module.py", {})
    assert told.count("\n") == CHILD.count("\n")
    assert "class Berth(Seat):" in told
    assert told.count("self.row: int = row") == 1
    assert told.count("self.row = row") == 2


def test_every_statement_stays_on_its_line() -> None:
    assert FILES
    for name in FILES:
        source = (TOP / name).read_text()
        tree, after = ast.parse(source), ast.parse(rewrite(source, name, enums(TOP)))
        assert _definitions(tree) <= _definitions(after), name


def _definitions(tree: ast.Module) -> set[tuple[str, int]]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {(node.name, node.lineno) for node in ast.walk(tree) if isinstance(node, kinds)}


A_SEAT = "@dataclass\nclass B:\n    '''B.'''\n\n    row: int\n"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("@dataclass(order=True)\nclass A:\n    '''A.'''\n\n    a: int", "not known here"),
        ("@dataclass\nclass A(B):\n    '''A.'''\n\n    a: int", "descends from B"),
        (f"{A_SEAT}@dataclass\nclass A(B):\n    '''A.'''\n\n    row: int", "its parent has"),
        (f"{A_SEAT}@dataclass\nclass A(B):\n    '''A.'''", "adds no field"),
        (f"{A_SEAT}@dataclass(eq=False)\nclass A(B):\n    '''A.'''\n\n    a: int", "compares otherwise"),
        ("class B:\n    '''B.'''\n@dataclass\nclass A(B):\n    '''A.'''\n\n    a: int", "no records"),
        ("class A(threading.Thread):\n    '''A.'''", "descends from threading.Thread"),
        ("@dataclass\nclass A:\n    a: int", "no docstring"),
        ("@dataclass\nclass A:\n    '''A.'''\n    a: int", "blank line"),
        ("@dataclass\nclass A:\n    '''A.'''\n\n    a: int\n\n    b: int", "stand together"),
        ("@dataclass\nclass A:\n    '''A.'''\n\n    a: int = field(repr=False)", "field()"),
        ("@dataclass\nclass A:\n    '''A.'''\n\n    a: int\n    def __post_init__(self): ...", "__post_init__"),
        ("from gateway.model.rows import values_of", "gateway.model.rows"),
    ],
)
def test_what_has_no_translation_is_refused(lines: str, why: str) -> None:
    with pytest.raises(CannotRewrite, match=why.replace("(", r"\(").replace(")", r"\)")):
        rewrite(f'"""A module."""\n{lines}\n', "module.py", {})


ENUMS: Enums = {("gateway.model.offer", "OfferState"): frozenset({"open", "declined"})}


def test_members_of_enums_become_constants() -> None:
    source = '''"""A module."""
from gateway.model.offer import OfferState

FIRST = OfferState.open


def name(state: OfferState) -> str:
    """In words."""
    match state:
        case OfferState.open:
            return "ä" if state is OfferState.open else f"{OfferState.declined}"
        case _:
            return OfferState.of(state)
'''
    told = rewrite(source, "module.py", ENUMS)
    assert "from gateway.model.offer import OfferState; _OfferState_open: _Final = OfferState.open" in told
    assert 'return "ä" if state is _OfferState_open else f"{OfferState.declined}"' in told
    assert "case OfferState.open:" in told  # a bare name in a pattern would catch everything
    assert "FIRST: _Final = OfferState.open" in told
    assert "return OfferState.of(state)" in told
    assert told.count("\n") == source.count("\n")


@given(st.integers(), st.text(), st.dictionaries(st.text(), st.integers()))
def test_a_record_equals_its_copy(row: int, letter: str, notes: dict[str, int]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        seat = run(RECORD, patched).Seat(row, letter, notes)
        assert copy.copy(seat) == seat
        assert copy.copy(seat) is not seat


def test_what_is_set_once_becomes_final() -> None:
    source = '''"""A module."""
from typing import TypeVar

T = TypeVar("T")
Alias = dict[str, int]
LIMIT = 5
CHUNK = 3
_table: dict[str, "list[int]"] = {"ä": [LIMIT]}
log = make()
count = 0
_latest: list[int] = []
twice = 1
twice = 2
one = 1; OTHER = [1]
local = 1


def add() -> None:
    """Counts."""
    global count
    count += 1
    local = 2
'''
    told = rewrite(source, "module.py", ENUMS).split("\n")
    assert told[3:14] == [
        'T = TypeVar("T")',
        "Alias = dict[str, int]",
        "LIMIT: _Final = 5",
        "CHUNK = 3",  # tests set it
        '_table: _Final[dict[str, "list[int]"]] = {"ä": [LIMIT]}',
        "log: _Final = make()",
        "count = 0",
        "_latest: _Final[list[int]] = []",
        "twice = 1",
        "twice = 2",
        "one: _Final = 1; OTHER: _Final = [1]",
    ]
    assert told[14] == "local = 1"  # a function has one of the same name: left alone
