"""Finding handlers: the namespace package, the operator's folders, and what is reported when they clash."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gateway.triggers import Handler, HandlerError, Incoming, Registry

SOURCE = """
from gateway.triggers import Handler, Incoming
it = Handler("{type}", schema=Incoming)
@it.start
def hello(talk, event):
    talk.close("done")
"""


@pytest.fixture(autouse=True)
def imports() -> Iterator[None]:
    """Handlers loaded by a test are gone after it."""
    path, before = sys.path[:], _loaded()
    yield
    sys.path[:] = path
    for name in _loaded():
        del sys.modules[name]
    sys.modules.update(before)


def _loaded() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.split(".")[0] == "handlers"}


def _write(folder: Path, name: str, source: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text(source)
    return file


def _problem(modules: list[str], *folders: Path) -> str:
    with pytest.raises(HandlerError) as caught:
        Registry().load(modules, folders)
    return str(caught.value)


def test_shipped_handlers() -> None:
    registry = Registry()
    registry.load(["plan_overage", "flight_delay", "appointment", "welcome", "balance"])
    assert {handler.type for handler in registry} == {
        "plan.overage",
        "flight.delayed",
        "appointment.due",
        "welcome",
        "balance",
    }
    assert registry.problems() == []
    assert "plan.overage" in registry
    assert len(registry) == 5
    found = registry.get("plan.overage")
    assert found is not None
    assert "handlers/plan_overage.py:" in found.where
    assert registry.get("plan.overuse") is None
    assert registry.suggest("plan.overuse") == "; did you mean plan.overage?"


@pytest.mark.parametrize("folder", ["handlers", "our_own"])
def test_an_operators_folder_beside_ours(tmp_path: Path, folder: str) -> None:
    own = tmp_path / "acme" / folder
    _write(own, "acme_refund", SOURCE.format(type="refund"))
    registry = Registry()
    registry.load(["acme_refund", "plan_overage"], [own])
    assert {handler.type for handler in registry} == {"refund", "plan.overage"}
    assert "handlers.acme_refund" in sys.modules


def test_a_folder_called_handlers_merges_with_ours(tmp_path: Path) -> None:
    own = tmp_path / "handlers"
    _write(own, "acme_words", "GREETING = 'hi'\n")
    source = "from handlers.acme_words import GREETING\nfrom handlers.plan_overage import PlanOverage\n"
    _write(own, "acme_refund", source + SOURCE.format(type="refund"))
    registry = Registry()
    registry.load(["acme_refund"], [own])
    assert "refund" in registry


def test_the_operators_module_wins_over_a_shipped_one(tmp_path: Path) -> None:
    file = _write(tmp_path / "mine", "plan_overage", SOURCE.format(type="plan.overage"))
    registry = Registry()
    registry.load(["plan_overage"], [tmp_path / "mine"])
    found = registry.get("plan.overage")
    assert found is not None
    assert found.where == f"{file}:3"


def test_a_handler_imported_from_another_module_is_the_same(tmp_path: Path) -> None:
    _write(tmp_path / "handlers", "more", "from handlers.plan_overage import overage\n" + SOURCE.format(type="more"))
    registry = Registry()
    registry.load(["more", "plan_overage"], [tmp_path / "handlers"])
    assert len(registry) == 2


def test_types_are_unique(tmp_path: Path) -> None:
    file = _write(tmp_path / "own", "refund", SOURCE.format(type="plan.overage"))
    problem = _problem(["plan_overage", "refund"], tmp_path / "own")
    assert problem.startswith(f"{file}:3: a handler for plan.overage exists already, at ")
    assert "handlers/plan_overage.py:" in problem


def test_what_cannot_be_found(tmp_path: Path) -> None:
    assert "no module plan_overrage; did you mean plan_overage?" in _problem(["plan_overrage"])
    assert "'../secrets' is no name of a module" in _problem(["../secrets"])
    assert f"{tmp_path / 'gone'}: no such folder" in _problem([], tmp_path / "gone")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    own = tmp_path / "own"
    broken = _write(own, "broken", "x = 1\n\ndef (:\n")
    raising = _write(own, "raising", "import json\n\njson.loads('{')\n")
    leaving = _write(own, "leaving", "raise SystemExit(3)\n")
    empty = _write(own, "empty", "x = 1\n")
    wrong = SOURCE.format(type="wrong") + "@it.start\ndef again(talk, event): ...\n"
    twice = _write(own, "twice", wrong)
    lines = _problem(["broken", "raising", "leaving", "empty", "twice"], own).splitlines()
    assert lines[0].startswith(f"{broken}:3: ")
    assert lines[1].startswith(f"{raising}:3: JSONDecodeError: ")
    assert lines[2].startswith(f"{leaving}:1: SystemExit: ")
    assert lines[3] == f"{empty}: declares no Handler; leave it out of handlers.load"
    assert lines[4].startswith(f"{twice}:7: wrong: again: start is registered already, at {twice}:4")
    assert "handlers.broken" not in sys.modules


def test_the_same_module_in_two_folders(tmp_path: Path) -> None:
    for name in ("one", "two"):
        _write(tmp_path / name, "refund", SOURCE.format(type="refund"))
    problem = _problem(["refund"], tmp_path / "one", tmp_path / "two")
    assert problem.startswith(f"{tmp_path / 'two' / 'refund.py'}: refund is in {tmp_path / 'one'} too")


def test_an_init_in_the_operators_folder(tmp_path: Path) -> None:
    _write(tmp_path / "handlers", "__init__", "")
    assert f"{tmp_path / 'handlers' / '__init__.py'}: remove it" in _problem([], tmp_path / "handlers")


def test_a_foreign_package_called_handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = _write(tmp_path / "handlers", "__init__", "")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in _loaded():
        del sys.modules[name]
    assert f"{foreign}: a package or module called handlers is in the way" in _problem(["plan_overage"])


def test_add_twice_is_once() -> None:
    registry = Registry()
    handler = Handler("x", schema=Incoming)
    registry.add(handler)
    registry.add(handler)
    with pytest.raises(HandlerError, match="exists already"):
        registry.add(Handler("x", schema=Incoming))
