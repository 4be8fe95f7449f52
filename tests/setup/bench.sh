#!/usr/bin/env bash
# bench.sh [ARGUMENTS] : builds the load rig, compiles the gateway and runs the measurements of tests/bench against this clone, loopback only.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/setup/venv.sh test
[ -z "$(tests/setup/packages.sh gcc libc6-dev)" ] || { echo "bench: no C compiler, so no load rig" >&2; exit 1; }
rig=tests/bench/rig
[ $rig/rig -nt $rig/rig.c ] || cc -O2 -o $rig/rig $rig/rig.c
# What is installed in production is compiled (Dockerfile); --interpreted measures the sources as they are.
[[ " $* " == *" --interpreted "* ]] || COMPILED_TREE=$(tests/setup/compiled.sh)
export COMPILED_TREE=${COMPILED_TREE:-}
exec .venv/bin/python -m tests.bench "$@"
