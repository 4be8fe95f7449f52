"""The invariants of design section 4, as questions to the database (laws.sql)."""

from functools import lru_cache
from itertools import islice
from pathlib import Path

import apsw


@lru_cache(1)
def _laws() -> tuple[tuple[str, str], ...]:
    """Each law and its question: a comment, then a statement."""
    _, *parts = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").split("\n\n")
    laws = []
    for part in parts:
        law, _, question = part.partition("\n")
        laws.append((law.removeprefix("-- "), question.strip()))
    return tuple(laws)


def broken_laws(connection: apsw.Connection) -> list[str]:
    """One sentence per law that the database breaks, with the first rows that break it."""
    found = []
    for law, question in _laws():
        rows = list(islice(connection.execute(question), 3))
        if rows:
            found.append(f"{law}: {rows}")
    return found
