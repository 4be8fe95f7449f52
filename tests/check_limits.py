"""Limits that no linter has: length of files and functions, names that become dumping grounds, bare `type: ignore`.

Run by `make check` from the top of the clone; prints `file:line: what is wrong; what to do`, exits 1 if anything is.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PRODUCT = ("gateway", "handlers", "compiling")
FILE_LINES = {"gateway": 400, "handlers": 400, "compiling": 400, "tests": 600}
FUNCTION_LINES = 50
DUMPING_GROUNDS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc"}
NOT_OURS = {"node_modules", "rig", "__pycache__"}
HISTORY = ("migrations", "versions")  # a released migration is a record: as long as it is, never touched again

BARE_IGNORE = re.compile(r"#\s*type:\s*ignore(?!\[)")
BARE_NOQA = re.compile(r"#\s*noqa(?!:\s*[A-Z])", re.IGNORECASE)


def sources(root: Path, folder: str) -> Iterator[Path]:
    """The Python files of a top-level folder that we wrote."""
    for path in sorted((root / folder).rglob("*.py")):
        if not NOT_OURS.intersection(path.relative_to(root).parts):
            yield path


def names(path: Path) -> Iterator[str]:
    """A name says what is inside; these say nothing, and everything ends up there."""
    for part in (path.stem, path.parent.name):
        if part.lower() in DUMPING_GROUNDS:
            yield f"1: the name `{part}` says nothing; name it after what it holds, or move it to the module it serves"


def comments(path: Path, lines: list[str]) -> Iterator[str]:
    """An ignored warning names itself, so that it hides no other."""
    if path.name == Path(__file__).name:
        return
    for number, line in enumerate(lines, 1):
        if BARE_IGNORE.search(line):
            yield f"{number}: `type: ignore` without a code; write `type: ignore[code]`, better fix the type"
        if BARE_NOQA.search(line):
            yield f"{number}: `noqa` without a rule; write `noqa: RULE`, better fix the cause"


def functions(tree: ast.Module) -> Iterator[str]:
    """Long functions, the decorators not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield (
                    f"{node.lineno}: function `{node.name}` has {length} lines, {FUNCTION_LINES} at most; "
                    "give its parts names of their own"
                )


def problems(path: Path, folder: str) -> Iterator[str]:
    """Everything that is wrong with one file, as `line: what; what to do`."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    limit = FILE_LINES[folder]
    history = path.parts[-3:-1] == HISTORY
    if len(lines) > limit and not history:
        yield f"{limit + 1}: {len(lines)} lines, {limit} at most; split it by what it does, not by size"
    yield from names(path)
    yield from comments(path, lines)
    if folder in PRODUCT and not history:
        yield from functions(ast.parse(text, str(path)))


def main() -> int:
    """Prints what breaks a limit in the working directory; 1 if anything does."""
    root, count = Path.cwd(), 0
    for folder in FILE_LINES:
        for path in sources(root, folder):
            for problem in problems(path, folder):
                count += 1
                print(f"{path.relative_to(root)}:{problem}")
    if (root / "handlers" / "__init__.py").exists():
        count += 1
        print("handlers/__init__.py:1: hides an operator's own handlers/ folder; delete it, handlers is a namespace")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
