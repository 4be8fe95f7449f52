#!/usr/bin/env bash
# demo.sh : what `make demo` does before `careline demo` takes over.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/setup/venv.sh run
if [ -n "$(tests/setup/packages.sh prosody)" ]; then
    echo "careline: going on without Prosody: no agents on XMPP in this demo" >&2
fi
exec .venv/bin/careline demo "$@"
