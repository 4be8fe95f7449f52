"""Which gateway is under test: the sources as they are, or what `tests/setup/compiled.sh` made of them."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from compiling.rooms import FILES
from gateway import compiled

TREE = os.environ.get("COMPILED_TREE", "")


def test_the_gateway_under_test_is_the_one_that_was_asked_for() -> None:
    kinds = set()
    for name in FILES:
        spec = find_spec(name.removesuffix(".py").replace("/", "."))
        assert spec is not None
        assert spec.origin is not None
        kinds.add(Path(spec.origin).suffix)
        assert spec.origin.startswith(TREE or str(Path(__file__).parents[1]))
    assert kinds == {".so" if TREE else ".py"}
    assert compiled() is bool(TREE)


def test_children_run_the_same() -> None:
    told = subprocess.run(
        [sys.executable, "-P", "-m", "gateway.cli", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert ("compiled" in told) is bool(TREE)
