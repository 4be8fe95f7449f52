#!/usr/bin/env bash
# demo.sh : what `make demo` does before `careline demo` takes over.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/setup/venv.sh run
if [ -n "$(tests/setup/packages.sh prosody lua-dbi-sqlite3)" ] && ! command -v prosody >/dev/null; then
    echo "careline: going on without Prosody: no agents on XMPP in this demo" >&2
fi

# The agent's desk on the start page speaks XMPP with a library from npm; node_modules holds a copy of the lock it was
# made from. Without npm agents use a chat client of their own.
desk=gateway/demo/desk
if [ "$desk/package-lock.json" -nt "$desk/node_modules/.package-lock.json" ] && command -v prosody >/dev/null; then
    if [ -z "$(tests/setup/packages.sh nodejs npm)" ]; then
        npm ci --prefix "$desk" --no-audit --no-fund --loglevel=error >&2 || true
    fi
    [ -e "$desk/node_modules/.package-lock.json" ] || echo "careline: going on without the desk in the browser" >&2
fi
exec .venv/bin/careline demo "$@"
