"""Work: queue and timers in one table; dead letters; the store's own marks."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Text, text
from sqlmodel import Field, SQLModel

from gateway.store.tables.columns import big, id_column, string

# What is looked for by its key; an OR of the very terms, so that SQLite sees that a question implies it.
_BY_KEY = text("kind = 'send' OR kind = 'receipt'")


class WorkRow(SQLModel, table=True):
    """Queue and timers in one table: a job is a row that is due now, a timer one that is due later."""

    __tablename__ = "work"
    __table_args__ = (
        Index("work_key", "key", "kind", sqlite_where=_BY_KEY, postgresql_where=_BY_KEY),
        {"sqlite_with_rowid": False},
    )
    lane: str = Field(sa_column=Column(Text, primary_key=True))
    prio: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    due: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    key: str = Field(sa_column=string(nullable=False))
    kind: str = Field(sa_column=string(nullable=False))
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    ref: int = Field(sa_column=big(nullable=False))
    body: str | None = Field(default=None, sa_column=string())


class DeadLetterRow(SQLModel, table=True):
    """Work that failed for good, with its cause; can be replayed after a fix."""

    __tablename__ = "dead_letter"
    __table_args__ = (Index("dead_letter_state", "state"),)
    id: int = Field(sa_column=id_column())
    lane: str = Field(sa_column=string(nullable=False))
    key: str = Field(sa_column=string(nullable=False))
    kind: str = Field(sa_column=string(nullable=False))
    ref: int = Field(sa_column=big(nullable=False))
    body: str | None = Field(default=None, sa_column=string())
    cause: str = Field(sa_column=string(nullable=False))
    state: str = Field(sa_column=string(nullable=False))


class DeskStanzaRow(SQLModel, table=True):
    """A line of chat that an agent ran: `line` is its digest, `answer` what they were told."""

    __tablename__ = "desk_stanza"
    __table_args__ = (Index("desk_stanza_at", "at"), {"sqlite_with_rowid": False})
    key: str = Field(sa_column=Column(Text, primary_key=True))
    at: int = Field(sa_column=big(nullable=False))
    line: str = Field(sa_column=string(nullable=False))
    answer: str = Field(sa_column=string(nullable=False))


class RoomRow(SQLModel, table=True):
    """A chat room about a conversation. seats: JSON, who was asked in by bare JID, and whether they only listen.

    shown: the newest message that was shown there, 0 = none yet. ending: why it shall be no more, NULL = it shall be.
    """

    __tablename__ = "room"
    conversation_id: int = Field(sa_column=id_column())
    key: str = Field(sa_column=string(nullable=False))
    jid: str = Field(sa_column=string(nullable=False))
    seats: str = Field(sa_column=string(nullable=False))
    shown: int = Field(sa_column=big(nullable=False))
    ending: str | None = Field(default=None, sa_column=string())


class MarkRow(SQLModel, table=True):
    """Small facts of the store itself: how far the search index is, when a clock job last ran."""

    __tablename__ = "mark"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=string(nullable=False))
