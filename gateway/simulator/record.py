"""The record of what the carrier took and sent: one JSON line each, in a file and in memory.

Tests hold this to be the truth about what crossed the wire, so a line is written (to the kernel, not to the platter)
before the answer leaves.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

KEPT = 100_000
"""Rows kept in memory; the file has all."""


_encode = json.JSONEncoder(separators=(",", ":")).encode


class Row(NamedTuple):
    """One line of the record. `to` is the normalised number of an accepted text, else empty."""

    n: int
    kind: str
    to: str
    line: str


class Record:
    """Rows in memory (the last `KEPT`) and, with `path`, appended to a file. Raises `OSError`."""

    def __init__(self, path: Path | str | None = None, kept: int = KEPT) -> None:
        self._rows: deque[Row] = deque(maxlen=kept)
        self._accepted: deque[Row] = deque(maxlen=kept)
        self._file: TextIO | None = None
        if path is not None:
            # Line buffering: each line is one write(2), whole even if the process is killed after it.
            self._file = Path(path).open("a", encoding="ascii", buffering=1)  # noqa: SIM115 (closed by close())
        self.count = 0
        self.counts: Counter[str] = Counter()
        self.on_row: Callable[[Row], None] | None = None

    def note(self, kind: str, fields: dict[str, Any], *, accepted_for: str = "") -> None:
        """Write one row. `accepted_for` marks a text that was accepted for that (normalised) number."""
        self.count += 1
        self.counts[kind] += 1
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = _encode({"at": at, "n": self.count, "kind": kind, **fields})
        if self._file is not None:
            self._file.write(line + "\n")
        row = Row(self.count, kind, accepted_for, line)
        self._rows.append(row)
        if accepted_for:
            self._accepted.append(row)
        if self.on_row is not None:
            self.on_row(row)

    def rows(self, since: int = 0, kind: str = "", limit: int = KEPT) -> list[str]:
        """JSON lines after row number `since`, oldest first; with `limit`, the newest ones."""
        found = [row.line for row in self._newer(since) if not kind or row.kind == kind]
        return found[-limit:] if limit else []

    def accepted(self, to: str = "") -> list[str]:
        """JSON lines of the accepted parts, of one normalised number or of all."""
        return [row.line for row in self._accepted if not to or row.to == to]

    def _newer(self, since: int) -> Iterator[Row]:
        first = self._rows[0].n if self._rows else 0
        skip = max(0, since + 1 - first)
        if skip < len(self._rows) // 2:
            return (row for row in self._rows if row.n > since)
        newest = []
        for row in reversed(self._rows):
            if row.n <= since:
                break
            newest.append(row)
        return reversed(newest)

    def close(self) -> None:
        """Close the file. Rows in memory stay readable."""
        if self._file is not None:
            self._file.close()
            self._file = None
