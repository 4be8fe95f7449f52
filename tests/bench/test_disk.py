"""The disk's own latency."""

from pathlib import Path

from tests.bench.disk import disk_at


def test_each_piece_is_timed_by_itself(tmp_path: Path) -> None:
    figure = disk_at(tmp_path, 1e6, 0.0001)  # more than any disk can
    assert figure.count == 100
    assert 0 < (figure.p50 or 0) <= (figure.p99 or 0)
    assert (figure.p50 or 0) < 1000 * figure.count / figure.rate, "one of a hundred takes less than all of them"
    assert figure.rate < 1e6, "as far as the disk can"
    assert (tmp_path / "disk").stat().st_size == 2000 * 8192
