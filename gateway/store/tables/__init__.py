"""The rows (SQLModel). Declared here, migrated by Alembic, read as objects only by the console and the API's lists.

Times are milliseconds since 1970 UTC. Ids are `gateway.model.ids`. Column names are the attribute names of the frozen
dataclasses of `gateway.model`, from which the hot statements are compiled.
"""

from gateway.store.tables.people import AddressRow, ApiKeyRow, ConsentEventRow, ConsentRow, CustomerRow
from gateway.store.tables.talks import (
    CallRow,
    CannedReplyRow,
    ConversationRow,
    ConversationTagRow,
    DialogueRow,
    EventRow,
    LinkRow,
    NoteRow,
    OfferRow,
    RatingRow,
)
from gateway.store.tables.traffic import AddressMessageRow, AttemptRow, MessageEventRow, MessageRow, MoPartRow
from gateway.store.tables.work import DeadLetterRow, DeskStanzaRow, MarkRow, RoomRow, WorkRow

__all__ = [
    "AddressMessageRow",
    "AddressRow",
    "ApiKeyRow",
    "AttemptRow",
    "CallRow",
    "CannedReplyRow",
    "ConsentEventRow",
    "ConsentRow",
    "ConversationRow",
    "ConversationTagRow",
    "CustomerRow",
    "DeadLetterRow",
    "DeskStanzaRow",
    "DialogueRow",
    "EventRow",
    "LinkRow",
    "MarkRow",
    "MessageEventRow",
    "MessageRow",
    "MoPartRow",
    "NoteRow",
    "OfferRow",
    "RatingRow",
    "RoomRow",
    "WorkRow",
]
