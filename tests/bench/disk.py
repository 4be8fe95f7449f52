"""The disk's own latency, of which a program that keeps something before it answers has its part."""

import os
import statistics
import time
from pathlib import Path

from tests.bench.measures import Figure

PIECE = 8192  # bytes; a small transaction with its pages
PIECES = 2000


def disk_at(folder: Path, rate: float, seconds: float) -> Figure:
    """A piece written and synced (fdatasync), so many a second as far as the disk can; each is timed by itself. A round
    trip waits for one such, and for the rest of the one that was under way when its text came.

    folder: on the disk that is meant. The file is filled before, as a log is that is used again.
    """
    handle = os.open(folder / "disk", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        piece = b"x" * PIECE
        for number in range(PIECES):
            os.pwrite(handle, piece, number * PIECE)
        os.fsync(handle)
        took = []
        start = time.perf_counter()
        for number in range(max(2, round(seconds * rate))):
            due = start + number / rate
            if (early := due - time.perf_counter()) > 0:
                time.sleep(early)
            began = time.perf_counter()
            os.pwrite(handle, piece, number % PIECES * PIECE)
            os.fdatasync(handle)
            took.append(1000 * (time.perf_counter() - began))
        ended = time.perf_counter()
    finally:
        os.close(handle)
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return Figure(f"disk alone, {rate:,.0f}/s", len(took), len(took) / (ended - start), cuts[49], cuts[98])
