#!/usr/bin/env bash
# check.sh : format, lint, types, import contracts, limits. All of them run, so that one go shows everything.
set -uo pipefail
cd "$(dirname "$0")/../.."
tests/setup/venv.sh test || exit 1
bin=.venv/bin
failed=()
step() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok      $name"
    else
        failed+=("$name")
        printf 'FAILED  %s\n%s\n' "$name" "$output" >&2
    fi
}
step format "$bin/ruff" format --check .
step lint "$bin/ruff" check --quiet --output-format concise .
step types "$bin/mypy" --no-error-summary
step imports "$bin/lint-imports" --no-logo --config pyproject.toml
step limits "$bin/python" tests/check_limits.py
if [ ${#failed[@]} -gt 0 ]; then
    echo "check: failed: ${failed[*]} (\`make format\` mends what can be mended)" >&2
    exit 1
fi
