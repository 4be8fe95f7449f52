"""Lines that agents ran, by the stanza they came in: one that comes again is answered as the first time, and not run.

A client sends a stanza again when it does not know whether we have it (XEP-0198, 5; after a restart of either side).
"""

from hashlib import sha256

import apsw

from gateway.store.statements import insert
from gateway.store.tables import DeskStanzaRow
from gateway.store.units import Statement, Unit

KEPT_MS = 7 * 86_400_000
_ADD = insert(DeskStanzaRow)
_NOTE = insert(DeskStanzaRow, ignore=True)
_FORGET = Statement("old stanzas", f"DELETE FROM {DeskStanzaRow.__tablename__} WHERE at < ?", exact=False)


def key_of(agent: str, customer: str, stanza: str) -> str:
    """A stanza's key: its words stand for people and numbers, which nobody need read here."""
    return sha256(f"{agent}\n{customer}\n{stanza}".encode()).hexdigest()


def add(unit: Unit, key: str, at: int, line: str, answer: str) -> None:
    """The line of this stanza is run in this unit, at a time in ms. Rejected when it has been run."""
    unit.add(_ADD, (key, at, _digest(line), answer))


def note(unit: Unit, key: str, at: int, line: str, answer: str) -> None:
    """The line of this stanza was answered and not run; nothing where it was run."""
    unit.add(_NOTE, (key, at, _digest(line), answer))


def answer_of(connection: apsw.Connection, key: str, line: str) -> tuple[bool, str] | None:
    """Whether the stanza was run with this very line, and what was answered; None when it was not run."""
    row = connection.execute("SELECT line, answer FROM desk_stanza WHERE key = ?", (key,)).fetchone()
    return (row[0] == _digest(line), str(row[1])) if row else None


def forget(unit: Unit, now: int) -> None:
    """Those of more than a week ago."""
    unit.add(_FORGET, (now - KEPT_MS,))


def _digest(line: str) -> str:
    return sha256(line.encode()).hexdigest()
