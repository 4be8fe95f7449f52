"""kill -9, at named points of the code and at random times, under load (reliability anchor sections 2 and 3).

Environment variables: FAULT_KILLS (110) and FAULT_SEED (by the clock); a failed run prints its seed.
"""

import os
import time
from pathlib import Path

import pytest

from tests.faults.killing import Killing, Report, say

KILLS = int(os.environ.get("FAULT_KILLS") or "110")
SEED = int(os.environ.get("FAULT_SEED", "0")) or time.time_ns() % 1_000_000


def describe(report: Report, seed: int) -> str:
    """What happened, for people."""
    started = sorted(report.started_in)
    lines = [
        f"seed {seed}: {report.kills} kills that count, {report.idle} idle ones",
        f"{sum(report.at_points.values())} at {len(report.at_points)} named points, {report.at_random} at random",
        "acknowledged while it was up: {:.0f} events/s, {:.0f} texts/s over {:.0f} s".format(
            *(count / report.up for count in report.acknowledged), report.up
        ),
        f"start to bind: median {started[len(started) // 2]:.2f} s, worst {started[-1]:.2f} s" if started else "",
        f"points not reached in time: {dict(report.not_reached)}" if report.not_reached else "",
        ", ".join(f"{name} {count}" for name, count in report.verdict.counts.items()),
        *report.verdict.wrong,
    ]
    return "\n".join(line for line in lines if line)


@pytest.mark.slow
@pytest.mark.timeout(60 + 10 * KILLS)
async def test_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    """What was acknowledged comes out, once or marked, in order."""
    say(f"kill test: FAULT_SEED={SEED} FAULT_KILLS={KILLS}")
    report = await Killing(tmp_path, SEED, KILLS).run()
    said = describe(report, SEED)
    say(said)
    assert not report.verdict.wrong, said
    assert report.kills >= KILLS
