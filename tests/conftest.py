"""What every test may ask for. Fixtures of one room live in that room's own conftest.py."""

import os

import pytest
from hypothesis import settings

settings.register_profile("careline", deadline=None)  # no test asserts wall time
settings.load_profile("careline")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which real neighbours could not be installed; tests/setup/test.sh knows."""
    missing = os.environ.get("MISSING_NEIGHBOURS", "").split()
    if missing:
        terminalreporter.section("not installed, so what needs it was skipped", yellow=True)
        terminalreporter.line("\n".join(missing))
