#!/usr/bin/env bash
# test.sh [PYTEST ARGUMENTS] : the whole suite, with everything that it needs installed before.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/setup/venv.sh test
mapfile -t missing < <(tests/setup/packages.sh gcc libc6-dev nodejs npm prosody postgresql chromium kannel kannel-extras)

if command -v npm >/dev/null; then
    # node_modules holds a copy of the lock it was made from
    if [ tests/peers/package-lock.json -nt tests/peers/node_modules/.package-lock.json ]; then
        npm ci --prefix tests/peers --no-audit --no-fund --loglevel=error >&2 || missing+=("npm:smpp")
    fi
else
    missing+=("npm:smpp")
fi

export MISSING_NEIGHBOURS="${missing[*]:-}" # tests/conftest.py says it at the end of the run
exec .venv/bin/python -m pytest -q "$@"
