"""Finds handlers: imports the modules that the configuration names, ours and the operator's, and lists their handlers.

`handlers` is a namespace package, so that an operator's folder merges with ours. A module of an operator's folder wins
over a shipped one of the same name, as with texts and offers.
"""

import difflib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gateway.triggers.errors import HandlerError
from gateway.triggers.handler import Handler

NAMESPACE = "handlers"


class Registry:
    """The handlers of a gateway, by type."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler[Any]] = {}

    def __iter__(self) -> Iterator[Handler[Any]]:
        return iter(self._handlers.values())

    def __len__(self) -> int:
        return len(self._handlers)

    def __contains__(self, type_: object) -> bool:
        return type_ in self._handlers

    def get(self, type_: str) -> Handler[Any] | None:
        """The handler of a type, None when there is none."""
        return self._handlers.get(type_)

    def suggest(self, type_: str) -> str:
        """A hint for an unknown type: "; did you mean plan.overage?", or the list of types."""
        return _hint(type_, list(self._handlers))

    def add(self, handler: Handler[Any]) -> None:
        """Registers a handler. Raises HandlerError when its type is taken."""
        other = self._handlers.setdefault(handler.type, handler)
        if other is not handler:
            raise HandlerError(f"{handler.where}: a handler for {handler.type} exists already, at {other.where}")

    def load(self, modules: Sequence[str], folders: Sequence[Path] = ()) -> None:
        """Imports `modules`, from `folders` first and then from the namespace package `handlers`.

        A module that is imported already is not read again: new code takes effect when the process starts.

        Raises:
            HandlerError: with all that is wrong, a line each.
        """
        wrong = _folder_problems(folders)
        for name in modules:
            try:
                self._load(name, folders)
            except HandlerError as problem:
                wrong.append(str(problem))
        if wrong:
            raise HandlerError("\n".join(wrong))

    def problems(self) -> list[str]:
        """What is wrong with the loaded handlers as written; runs none of them."""
        return [problem for handler in self for problem in handler.problems()]

    def _load(self, name: str, folders: Sequence[Path]) -> None:
        file = _find(name, folders)
        module = _import(name, file)
        # A handler imported from another module of ours is the same object, and add() takes it twice.
        found = [value for value in vars(module).values() if isinstance(value, Handler)]
        if not found:
            raise HandlerError(f"{file}: declares no Handler; leave it out of handlers.load")
        for handler in found:
            self.add(handler)


def _folder_problems(folders: Sequence[Path]) -> list[str]:
    wrong = []
    for folder in folders:
        if not folder.is_dir():
            wrong.append(f"{folder}: no such folder (handlers.folders)")
        elif folder.name == NAMESPACE:
            if (folder / "__init__.py").exists():
                wrong.append(f"{folder / '__init__.py'}: remove it; with it, this folder hides the other handlers")
            elif (parent := str(folder.resolve().parent)) not in sys.path:
                sys.path.append(parent)  # its modules may then import each other as handlers.NAME
    importlib.invalidate_caches()
    spec = importlib.util.find_spec(NAMESPACE)
    if spec is not None and spec.origin is not None:
        wrong.append(f"{spec.origin}: a package or module called handlers is in the way of ours; remove or rename it")
    return wrong


def _places(folders: Sequence[Path]) -> list[Path]:
    spec = importlib.util.find_spec(NAMESPACE)
    shipped = [Path(place) for place in spec.submodule_search_locations or ()] if spec is not None else []
    return [*folders, *shipped]


def _find(name: str, folders: Sequence[Path]) -> Path:
    if not name.isidentifier():
        raise HandlerError(f"handlers.load: {name!r:.80} is no name of a module, such as plan_overage")
    own = [folder / f"{name}.py" for folder in folders if (folder / f"{name}.py").is_file()]
    if len({file.resolve() for file in own}) > 1:
        raise HandlerError(f"{own[1]}: {name} is in {own[0].parent} too; rename one")
    places = _places(folders)
    for place in places:
        if (place / f"{name}.py").is_file():
            return place / f"{name}.py"
    known = sorted({file.stem for place in places for file in place.glob("*.py")})
    looked = ", ".join(map(str, places)) or "nowhere: handlers is not installed"
    raise HandlerError(f"handlers.load: no module {name}{_hint(name, known)} (looked in {looked})")


def _import(name: str, file: Path) -> ModuleType:
    full = f"{NAMESPACE}.{name}"
    known = sys.modules.get(full)
    if known is not None and known.__file__ and Path(known.__file__).resolve() == file.resolve():
        return known
    spec = importlib.util.spec_from_file_location(full, file)
    assert spec is not None, "a .py file has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    try:
        spec.loader.exec_module(module)
    # The module is somebody else's code: whatever it raises is reported with its line, and the others still load.
    except (Exception, SystemExit) as problem:
        sys.modules.pop(full)
        if known is not None:
            sys.modules[full] = known
        if isinstance(problem, HandlerError):
            raise
        raise HandlerError(_failure(file, problem)) from problem
    return module


def _failure(file: Path, problem: BaseException) -> str:
    if isinstance(problem, SyntaxError):
        return f"{problem.filename or file}:{problem.lineno}: {problem.msg}"
    frames, where = problem.__traceback__, str(file)
    while frames is not None:  # the innermost line of this module, not of a library it called
        if frames.tb_frame.f_code.co_filename == str(file):
            where = f"{file}:{frames.tb_lineno}"
        frames = frames.tb_next
    return f"{where}: {type(problem).__name__}: {problem}"


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(known)}" if known else ""
