"""Compiles the hot rooms with mypyc, in a copy of the gateway: sources in, extension modules out."""

import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mypyc.build import mypycify
from setuptools import Distribution  # type: ignore[import-untyped]
from setuptools._distutils import ccompiler

from compiling.members import enums
from compiling.records import rewrite
from compiling.rooms import FILES

PLAIN = "gateway/model/_plain.py"


def compile_rooms(root: Path, folder: Path) -> list[Path]:
    """Compiles what `rooms` lists.

    Args:
        root: the clone.
        folder: where to work; what is in it goes.

    Returns:
        The extension modules below `folder`, and the sources that only the compiled gateway has.

    Raises:
        CannotRewrite, SystemExit (mypyc has told what is wrong), CompileError.
    """
    if folder.exists():
        shutil.rmtree(folder)
    leave = shutil.ignore_patterns("__pycache__", "*.so")
    for name in ("gateway", "handlers"):
        shutil.copytree(root / name, folder / name, ignore=leave)
    shutil.copy(root / "pyproject.toml", folder)
    shutil.copy(root / "compiling/plain.py", folder / PLAIN)
    for name in FILES:
        file = folder / name
        file.write_text(rewrite(file.read_text(), name, enums(root)))
    with _inside(folder), _in_parallel(os.cpu_count() or 1):
        modules = mypycify([*FILES, PLAIN], opt_level="2", debug_level="0", multi_file=True)
        distribution = Distribution({"name": "careline", "packages": [], "ext_modules": modules})
        command: Any = distribution.get_command_obj("build_ext")
        command.inplace = True
        distribution.run_command("build_ext")
    return [*sorted(folder.glob("*.so")), *sorted(folder.glob("gateway/**/*.so")), folder / PLAIN]


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """mypyc names modules after their paths from where one stands."""
    before, path, arguments = Path.cwd(), list(sys.path), sys.argv
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.argv = ["compiling"]
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:], sys.argv = path, arguments


@contextmanager
def _in_parallel(jobs: int) -> Iterator[None]:
    """Setuptools compiles the sources of one extension one after another, and ours is one of a hundred sources."""
    compiler: Any = ccompiler.CCompiler
    whole = compiler.compile

    def compile_all(self: Any, sources: list[str], *rest: Any, **given: Any) -> list[str]:
        with ThreadPoolExecutor(jobs) as pool:
            parts = list(pool.map(lambda source: whole(self, [source], *rest, **given), sources))
        return [name for part in parts for name in part]

    compiler.compile = compile_all
    try:
        yield
    finally:
        compiler.compile = whole
