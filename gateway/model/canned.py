"""Canned replies: texts that care staff keep, with fields that are filled in when one is used."""

from collections.abc import Mapping
from enum import StrEnum

from gateway.model.rows import record


class FieldKind(StrEnum):
    """What a field takes, and how it is shown: number, date and money as the text's language writes them."""

    text = "text"
    number = "number"
    date = "date"
    money = "money"
    choice = "choice"


@record
class CannedField:
    """One thing to fill in. label: as agents see it. choices: of a choice. currency: of money, ISO 4217."""

    name: str
    kind: FieldKind
    label: str = ""
    required: bool = True
    choices: tuple[str, ...] = ()
    currency: str = ""


@record
class CannedReply:
    """A text in one language or several. queue: only for conversations of that queue. changed_at: ms."""

    name: str
    brand: str
    texts: Mapping[str, str]
    title: str = ""
    queue: str | None = None
    fields: tuple[CannedField, ...] = ()
    changed_at: int = 0
    changed_by: str = ""
