#!/usr/bin/env bash
# test.sh [PYTEST ARGUMENTS] : the whole suite, with everything that it needs installed before; without arguments also
# most of it once more on the compiled gateway. COMPILED=1 test.sh ARGUMENTS: on that one alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/setup/venv.sh test
mapfile -t missing < <(tests/setup/packages.sh gcc libc6-dev nodejs npm prosody prosody-modules lua-dbi-sqlite3 ejabberd erlang-p1-sqlite3 postgresql chromium kannel kannel-extras tmux profanity poezio)

if command -v npm >/dev/null; then
    # node_modules holds a copy of the lock it was made from
    if [ tests/peers/package-lock.json -nt tests/peers/node_modules/.package-lock.json ]; then
        npm ci --prefix tests/peers --no-audit --no-fund --loglevel=error >&2 || missing+=("npm:smpp")
    fi
else
    missing+=("npm:smpp")
fi

export MISSING_NEIGHBOURS="${missing[*]:-}" # tests/conftest.py says it at the end of the run
trap 'exit 130' INT TERM # not on to the second run
tree=
if [ -n "${COMPILED:-}" ] || [ $# -eq 0 ]; then
    tree=$(tests/setup/compiled.sh) || no=$?
    [ "${no:-0}" -eq 0 ] || [ "$no" -eq 3 ] || failed=1 # it does not compile
fi
# The whole suite takes one file of tests on each core; they wait for servers more than they compute.
cores=$(nproc)
together=()
[ $# -gt 0 ] || together=(-n "$((cores < 4 ? cores : 4))" --dist loadfile)
if [ -z "${COMPILED:-}" ]; then
    # What is installed is compiled: the faults, which take longest, are tried on that where there is a compiler.
    .venv/bin/python -m pytest -q ${tree:+--ignore=tests/faults} "${together[@]}" "$@" || failed=$?
    if [ $# -gt 0 ] || [ "${failed:-0}" -eq 2 ]; then exit "${failed:-0}"; fi
    # The longest first. What is not compiled (command line, most of web, what a client shows) is not tried again.
    together+=(--no-loadscope-reorder)
    set -- tests/faults tests/scenarios --ignore=tests/scenarios/test_terminals.py tests/test_compiled.py \
        tests/{model,jobs,triggers,store,care,floor,handlers,channels} tests/web/test_{events,batches,bad_events,backlog,bodies,http}.py
fi
if [ -n "$tree" ]; then
    echo "once more on the compiled gateway, in $tree" >&2
    # For the children of tests PYTHONPATH; pytest itself puts its own path before that.
    export COMPILED_TREE=$tree PYTHONPATH=$tree
    .venv/bin/python -m pytest -q -o "pythonpath=$tree ." -m "not interpreted" "${together[@]}" "$@" || failed=$?
elif [ "${no:-0}" -eq 3 ]; then
    echo "NOT TESTED: the compiled gateway (why: above)" >&2
fi
exit "${failed:-0}"
