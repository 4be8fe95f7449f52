"""`python -m compiling FOLDER`: a copy of the gateway in FOLDER, with its hot rooms compiled."""

import sys
from pathlib import Path

from compiling.build import compile_rooms

if len(sys.argv) != 2:
    sys.exit("usage: python -m compiling FOLDER")
compile_rooms(Path(__file__).parent.parent, Path(sys.argv[1]))
