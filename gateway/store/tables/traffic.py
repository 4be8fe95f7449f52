"""Messages, attempts, and what happened to them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, SmallInteger, text
from sqlmodel import Field, SQLModel

from gateway.store.tables.columns import big, id_column, string


class MessageRow(SQLModel, table=True):
    """One text, in or out."""

    __tablename__ = "message"
    __table_args__ = (
        Index(
            "message_promotional",
            "address_id",
            sqlite_where=text("cls = 4"),
            postgresql_where=text("cls = 4"),
        ),
        Index(
            "message_disposition",
            "disposition",
            "channel",
            sqlite_where=text("disposition IS NOT NULL"),
            postgresql_where=text("disposition IS NOT NULL"),
        ),
        Index(
            "message_error",
            "error",
            sqlite_where=text("error IS NOT NULL"),
            postgresql_where=text("error IS NOT NULL"),
        ),
        Index(
            "message_idempotency",
            "idempotency_key",
            unique=True,
            sqlite_where=text("idempotency_key IS NOT NULL"),
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
    )
    id: int = Field(sa_column=id_column())
    channel: str = Field(sa_column=string(nullable=False))
    direction: str = Field(sa_column=string(nullable=False))
    key: str = Field(sa_column=string(nullable=False))
    address_id: int = Field(sa_column=big(nullable=False))
    ours: str = Field(sa_column=string(nullable=False))
    theirs: str = Field(sa_column=string(nullable=False))
    brand: str = Field(sa_column=string(nullable=False))
    text: str = Field(sa_column=string(nullable=False))
    cls: int = Field(sa_column=Column(SmallInteger, nullable=False))
    state: str = Field(sa_column=string(nullable=False))
    disposition: str | None = Field(default=None, sa_column=string())
    author_kind: str = Field(sa_column=string(nullable=False))
    author_id: str = Field(sa_column=string(nullable=False))
    conversation_id: int | None = Field(default=None, sa_column=big())
    event_id: int | None = Field(default=None, sa_column=big())
    offer_id: int | None = Field(default=None, sa_column=big())
    parent_id: int | None = Field(default=None, sa_column=big())
    idempotency_key: str | None = Field(default=None, sa_column=string())
    carrier: str | None = Field(default=None, sa_column=string())
    encoding: str | None = Field(default=None, sa_column=string())
    parts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    reference: int = Field(sa_column=Column(Integer, nullable=False))
    expires_at: int | None = Field(default=None, sa_column=big())
    possible_duplicate: bool = Field(sa_column=Column(Boolean, nullable=False))
    error: str | None = Field(default=None, sa_column=string())
    reason: str | None = Field(default=None, sa_column=string())
    gates: str | None = Field(default=None, sa_column=string())
    digest: str | None = Field(default=None, sa_column=string())
    session: int | None = Field(default=None, sa_column=big())
    sequence: int | None = Field(default=None, sa_column=big())
    lane: int = Field(sa_column=Column(SmallInteger, nullable=False))


class AddressMessageRow(SQLModel, table=True):
    """Which messages an address has: an index that is filled many messages at a time (`gateway.store.filing`)."""

    __tablename__ = "address_message"
    __table_args__ = {"sqlite_with_rowid": False}
    address_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    message_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))


class AttemptRow(SQLModel, table=True):
    """The attempt journal: written before the bytes leave; no outcome at start-up means in doubt (invariant 6)."""

    __tablename__ = "attempt"
    __table_args__ = (
        Index(
            "attempt_open",
            "message_id",
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
        Index(
            "attempt_remote",
            "carrier",
            "remote_key",
            sqlite_where=text("remote_key IS NOT NULL"),
            postgresql_where=text("remote_key IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )
    message_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    part: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    attempt: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    carrier: str = Field(sa_column=string(nullable=False))
    at: int = Field(sa_column=big(nullable=False))
    possible_duplicate: bool = Field(sa_column=Column(Boolean, nullable=False))
    outcome: str | None = Field(default=None, sa_column=string())
    answered_at: int | None = Field(default=None, sa_column=big())
    status: int | None = Field(default=None, sa_column=Column(Integer))
    remote_id: str | None = Field(default=None, sa_column=string())
    remote_key: str | None = Field(default=None, sa_column=string())
    fault: str | None = Field(default=None, sa_column=string())
    receipt: str | None = Field(default=None, sa_column=string())
    receipt_at: int | None = Field(default=None, sa_column=big())
    receipt_error: str | None = Field(default=None, sa_column=string())


class MessageEventRow(SQLModel, table=True):
    """What happened to a message beside its gates, attempts and receipts: replies, resends, offers, notes of doubt."""

    __tablename__ = "message_event"
    __table_args__ = (Index("message_event_message", "message_id"),)
    id: int = Field(sa_column=id_column())
    message_id: int = Field(sa_column=big(nullable=False))
    kind: str = Field(sa_column=string(nullable=False))
    code: str | None = Field(default=None, sa_column=string())
    reason: str | None = Field(default=None, sa_column=string())
    segment: int | None = Field(default=None, sa_column=Column(SmallInteger))
    route: str | None = Field(default=None, sa_column=string())
    remote_id: str | None = Field(default=None, sa_column=string())


class MoPartRow(SQLModel, table=True):
    """One part of a long text from a phone, kept until the others are here (or T has passed)."""

    __tablename__ = "mo_part"
    __table_args__ = (
        Index("mo_part_set", "carrier", "theirs", "ours", "reference", "parts"),
        {"sqlite_with_rowid": False},
    )
    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    carrier: str = Field(sa_column=string(nullable=False))
    theirs: str = Field(sa_column=string(nullable=False))
    ours: str = Field(sa_column=string(nullable=False))
    reference: int = Field(sa_column=Column(Integer, nullable=False))
    parts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    part: int = Field(sa_column=Column(SmallInteger, nullable=False))
    text: str = Field(sa_column=string(nullable=False))
    digest: str = Field(sa_column=string(nullable=False))
    session: int = Field(sa_column=big(nullable=False))
    sequence: int = Field(sa_column=big(nullable=False))
    joined: bool = Field(sa_column=Column(Boolean, nullable=False))
