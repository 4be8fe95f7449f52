#!/usr/bin/env bash
# venv.sh run|test : makes .venv from the lock files, and does nothing when it is already so.
#   run   what `careline` needs        test   that, and what checks and tests need
set -euo pipefail
cd "$(dirname "$0")/../.."
what=${1:?run or test}
python=${PYTHON:-python3}

fail() { echo "careline: $*" >&2; exit 1; }
command -v "$python" >/dev/null || fail "no $python here; install Python 3.11 or newer (Debian: apt install python3 python3-venv)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$("$python" --version) is too old; 3.11 or newer is needed (PYTHON=python3.12 make ...)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "this Python makes no virtual environments; install python3-venv"

case $what in
    run) lock=requirements.lock ;;
    test) lock=requirements-test.lock ;;
    *) fail "venv.sh: run or test, not $what" ;;
esac

# One at a time: two `make` in two terminals share .venv.
mkdir -p .venv
exec 9>.venv/.lock
flock 9

# The stamp is what the environment was made from; a moved clone, a new Python or a changed lock makes it anew.
stamp_of() { { pwd; "$python" -VV; cat pyproject.toml requirements-build.lock "$1"; } | sha256sum; }
done_for() { [ -x .venv/bin/careline ] && [ "$(cat ".venv/.made-for-$1" 2>/dev/null)" = "$(stamp_of "$2")" ]; }
done_for test requirements-test.lock && exit 0 # has everything that `run` has, at the same versions
done_for "$what" "$lock" && exit 0

echo "careline: making .venv from $lock ..." >&2
rm -f .venv/.made-for-*
if ! .venv/bin/python -c 'import pip' 2>/dev/null \
    || [ "$(.venv/bin/python -VV)" != "$("$python" -VV)" ] \
    || ! head -n 1 .venv/bin/pip | grep -qF "#!$PWD/.venv/bin/"; then # moved here from elsewhere
    find .venv -mindepth 1 -maxdepth 1 ! -name .lock -exec rm -rf {} +
    "$python" -m venv .venv
fi
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input)
"${pip[@]}" install --quiet --no-deps --require-hashes -r "$lock" -r requirements-build.lock
# Editable: what is in the clone is what runs. Its build tools came from the lock above, so nothing is fetched unpinned.
"${pip[@]}" install --quiet --no-deps --no-build-isolation --no-index --editable .
stamp_of "$lock" > ".venv/.made-for-$what"
