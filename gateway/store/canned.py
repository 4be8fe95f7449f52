"""Canned replies on disk: all are read at a start, each is written whole."""

import json

import apsw

from gateway.model.canned import CannedField, CannedReply, FieldKind
from gateway.store.statements import columns_of, insert
from gateway.store.tables import CannedReplyRow
from gateway.store.units import Statement, Unit

LANE = "canned"
_ADD = insert(CannedReplyRow)
_DROP = Statement("drop a canned reply", "DELETE FROM canned_reply WHERE name = ?", exact=False)
_COLUMNS = ", ".join(columns_of(CannedReplyRow))


def put(reply: CannedReply) -> Unit:
    """Keeps a reply in the place of the one of its name, if there is one."""
    unit = Unit(LANE)
    unit.add(_DROP, (reply.name,))
    texts, fields = json.dumps(dict(reply.texts)), json.dumps([_row(one) for one in reply.fields])
    row = (reply.name, reply.brand, reply.queue, reply.title, texts, fields, reply.changed_at, reply.changed_by)
    unit.add(_ADD, row)
    return unit


def drop(name: str) -> Unit:
    """Takes a reply away."""
    unit = Unit(LANE)
    unit.add(_DROP, (name,))
    return unit


def _row(field: CannedField) -> list[object]:
    return [field.name, str(field.kind), field.label, field.required, list(field.choices), field.currency]


def replies(connection: apsw.Connection) -> dict[str, CannedReply]:
    """All of them, by name."""
    found = {}
    for name, brand, queue, title, texts, fields, at, by in connection.execute(f"SELECT {_COLUMNS} FROM canned_reply"):
        its = tuple(
            CannedField(field, FieldKind(kind), label, bool(required), tuple(choices), currency)
            for field, kind, label, required, choices, currency in json.loads(fields)
        )
        found[str(name)] = CannedReply(name, brand, json.loads(texts), title, queue, its, at, by)
    return found
