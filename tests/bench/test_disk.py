"""The disk's own latency."""

from pathlib import Path

from tests.bench.disk import disk_at


def test_each_piece_is_measured_from_when_it_was_due(tmp_path: Path) -> None:
    figure = disk_at(tmp_path, 1e6, 0.0001)  # more than any disk can: the last waits for all before it
    assert figure.count == 100
    assert 0 < (figure.p50 or 0) < (figure.p99 or 0)
    assert figure.rate < 1e6
    assert (tmp_path / "disk").stat().st_size == 2000 * 8192
