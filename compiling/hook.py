"""Hatch's hook: with COMPILE_CARELINE=1 the wheel holds compiled modules beside the sources they were made from."""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH = "COMPILE_CARELINE"


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the compiled modules to a wheel; an editable install runs the sources as they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See `BuildHookInterface`."""
        if version == "editable" or os.environ.get(SWITCH, "0") in ("", "0"):
            return
        sys.path.insert(0, self.root)
        from compiling.build import compile_rooms  # noqa: PLC0415  needs mypyc, which a plain wheel does not

        root = Path(self.root)
        folder = root / "build/compiled/wheel"
        for file in compile_rooms(root, folder):
            build_data["force_include"][str(file)] = str(file.relative_to(folder))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
