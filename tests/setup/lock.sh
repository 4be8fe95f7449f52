#!/usr/bin/env bash
# Writes the lock files anew: hashes for every file, no registry address. Run by `make lock`; needs the venv of `make test`.
# Extra arguments go to pip-compile: `tests/setup/lock.sh --upgrade`.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CUSTOM_COMPILE_COMMAND="make lock"

# --allow-unsafe: pip and setuptools are pinned as well, or `pip install --require-hashes` would refuse what needs them.
compile() {
    .venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
        --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@" pyproject.toml
}

compile --extra postgres --output-file requirements.lock "$@"
# The tests run on exactly the versions that ship.
compile --extra postgres --extra test --constraint requirements.lock --output-file requirements-test.lock "$@"
# What compiles the gateway sees the types of all that it uses.
compile --extra postgres --extra compile --constraint requirements-test.lock --output-file requirements-compile.lock "$@"
# Installed beside that one.
compile --only-build-deps --build-deps-for editable --build-deps-for wheel --constraint requirements-compile.lock --output-file requirements-build.lock "$@"

(cd tests/peers && npm install --package-lock-only --omit-lockfile-registry-resolved=true --no-audit --no-fund --silent)
# Without the packages' begging links, the only addresses that npm leaves.
.venv/bin/python - <<'END'
import json, pathlib
path = pathlib.Path("tests/peers/package-lock.json")
lock = json.loads(path.read_text())
for package in lock["packages"].values():
    package.pop("funding", None)
path.write_text(json.dumps(lock, indent=2) + "\n")
END

if grep -nE 'https?://|--(extra-)?index-url|--find-links|"resolved"' requirements*.lock tests/peers/package-lock.json; then
    echo "lock: an address got into a lock file (above); a lock names versions and hashes only" >&2
    exit 1
fi
