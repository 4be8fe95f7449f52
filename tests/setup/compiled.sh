#!/usr/bin/env bash
# compiled.sh : compiles the hot rooms of this clone (compiling/) where that is not done yet; says where they are.
# Ends with 3 where there is no compiler.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/setup/venv.sh test >&2
# A Python of one's own brings its headers along; Debian's are a package.
headers=$(.venv/bin/python -c 'import pathlib, sysconfig; print("libc6-dev" if pathlib.Path(sysconfig.get_path("include"), "Python.h").exists() else "python3-dev")')
[ -z "$(tests/setup/packages.sh gcc libc6-dev "$headers")" ] || { echo "compiled.sh: no C compiler, or not the headers of this Python: nothing compiled" >&2; exit 3; }
tree=build/compiled/tree
mkdir -p build/compiled
exec 9>build/compiled/.lock
flock 9
stamp=$({ .venv/bin/python -VV; cat requirements-test.lock pyproject.toml; find gateway handlers compiling -type f -not -path '*/__pycache__/*' -print0 | sort -z | xargs -0 cat; } | sha256sum)
if [ "$(cat build/compiled/.stamp 2>/dev/null)" != "$stamp" ]; then
    echo "careline: compiling, about a minute ..." >&2
    rm -f build/compiled/.stamp
    .venv/bin/python -m compiling "$PWD/$tree" >build/compiled/log 2>&1 || { tail -n 30 build/compiled/log >&2; exit 1; }
    echo "$stamp" >build/compiled/.stamp
fi
echo "$PWD/$tree"
