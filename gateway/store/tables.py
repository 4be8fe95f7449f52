"""The rows (SQLModel). Declared here, migrated by Alembic, read as objects only by the console and the API's lists.

Times are milliseconds since 1970 UTC. Ids are `gateway.model.ids`. Column names are the attribute names of the frozen
dataclasses of `gateway.model`, from which the hot statements are compiled.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel


def _id() -> Column[int]:
    return Column(
        BigInteger().with_variant(Integer(), "sqlite"),
        primary_key=True,
        autoincrement=False,
    )


def _big(*, nullable: bool = True) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


def _text(*, nullable: bool = True) -> Column[str]:
    return Column(Text, nullable=nullable)


class CustomerRow(SQLModel, table=True):
    """A person; `key` is the home address that work is serialised by."""

    __tablename__ = "customer"
    id: int = Field(sa_column=_id())
    key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    address_id: int = Field(sa_column=_big(nullable=False))
    external_id: str | None = Field(default=None, sa_column=Column(Text, unique=True))
    name: str | None = Field(default=None, sa_column=_text())
    language: str | None = Field(default=None, sa_column=_text())
    timezone: str | None = Field(default=None, sa_column=_text())


class AddressRow(SQLModel, table=True):
    """An identity of a customer. `value_rev` is the value reversed: search by last digits is a prefix of it."""

    __tablename__ = "address"
    __table_args__ = (
        UniqueConstraint("kind", "value"),
        Index("address_rev", "value_rev"),
    )
    id: int = Field(sa_column=_id())
    kind: str = Field(sa_column=_text(nullable=False))
    value: str = Field(sa_column=_text(nullable=False))
    value_rev: str = Field(sa_column=_text(nullable=False))
    customer_id: int = Field(sa_column=_big(nullable=False))
    verified_at: int | None = Field(default=None, sa_column=_big())


class ConsentEventRow(SQLModel, table=True):
    """The ledger of consent: append-only."""

    __tablename__ = "consent_event"
    __table_args__ = (Index("consent_event_address", "address_id"),)
    id: int = Field(sa_column=_id())
    address_id: int = Field(sa_column=_big(nullable=False))
    brand: str = Field(sa_column=_text(nullable=False))
    sender: str | None = Field(default=None, sa_column=_text())
    category: str | None = Field(default=None, sa_column=_text())
    act: str = Field(sa_column=_text(nullable=False))
    method: str = Field(sa_column=_text(nullable=False))
    evidence: str = Field(sa_column=_text(nullable=False))
    message_id: int | None = Field(default=None, sa_column=_big())
    actor: str = Field(sa_column=_text(nullable=False))


class ConsentRow(SQLModel, table=True):
    """The fold of the ledger: what may be sent now."""

    __tablename__ = "consent"
    __table_args__ = {"sqlite_with_rowid": False}
    address_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    brand: str = Field(sa_column=Column(Text, primary_key=True))
    state: str = Field(sa_column=_text(nullable=False))
    event_id: int = Field(sa_column=_big(nullable=False))


class EventRow(SQLModel, table=True):
    """A business event, kept at least 7 days after it was taken: it is its own dedupe key."""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("source", "event_key"),)
    id: int = Field(sa_column=_id())
    source: str = Field(sa_column=_text(nullable=False))
    event_key: str = Field(sa_column=_text(nullable=False))
    type: str = Field(sa_column=_text(nullable=False))
    subject: str = Field(sa_column=_text(nullable=False))
    key: str = Field(sa_column=_text(nullable=False))
    brand: str = Field(sa_column=_text(nullable=False))
    sender: str | None = Field(default=None, sa_column=_text())
    data: str = Field(sa_column=_text(nullable=False))
    digest: str = Field(sa_column=_text(nullable=False))
    expires_at: int | None = Field(default=None, sa_column=_big())
    state: str = Field(sa_column=_text(nullable=False))
    problem: str | None = Field(default=None, sa_column=_text())
    conversation_id: int | None = Field(default=None, sa_column=_big())


class ConversationRow(SQLModel, table=True):
    """One episode; at most one open per customer and brand (invariant 2)."""

    __tablename__ = "conversation"
    __table_args__ = (
        Index(
            "conversation_open",
            "customer_id",
            "brand",
            unique=True,
            sqlite_where=text("state <> 'closed'"),
            postgresql_where=text("state <> 'closed'"),
        ),
        Index("conversation_customer", "customer_id"),
        Index(
            "conversation_human",
            "state",
            "queue",
            sqlite_where=text("state NOT IN ('bot', 'closed')"),
            postgresql_where=text("state NOT IN ('bot', 'closed')"),
        ),
    )
    id: int = Field(sa_column=_id())
    customer_id: int = Field(sa_column=_big(nullable=False))
    key: str = Field(sa_column=_text(nullable=False))
    brand: str = Field(sa_column=_text(nullable=False))
    state: str = Field(sa_column=_text(nullable=False))
    owner_id: str = Field(sa_column=_text(nullable=False))
    epoch: int = Field(sa_column=Column(Integer, nullable=False))
    sender: str = Field(sa_column=_text(nullable=False))
    opened_at: int = Field(sa_column=_big(nullable=False))
    changed_at: int = Field(sa_column=_big(nullable=False))
    queue: str | None = Field(default=None, sa_column=_text())
    agent: str | None = Field(default=None, sa_column=_text())
    channel: str = Field(sa_column=_text(nullable=False))
    disposition: str | None = Field(default=None, sa_column=_text())
    closed_at: int | None = Field(default=None, sa_column=_big())
    why: str | None = Field(default=None, sa_column=_text())
    told_waiting: bool = Field(sa_column=Column(Boolean, nullable=False))
    last_in: int | None = Field(default=None, sa_column=_big())
    last_out: int | None = Field(default=None, sa_column=_big())
    rejoin: int | None = Field(default=None, sa_column=_big())


class DialogueRow(SQLModel, table=True):
    """One run of a handler; at most one of a conversation has the floor (invariant 2)."""

    __tablename__ = "dialogue"
    __table_args__ = (
        Index(
            "dialogue_floor",
            "conversation_id",
            unique=True,
            sqlite_where=text("state IN ('floor', 'calling')"),
            postgresql_where=text("state IN ('floor', 'calling')"),
        ),
        Index("dialogue_conversation", "conversation_id"),
        Index(
            "dialogue_event",
            "event_id",
            sqlite_where=text("event_id IS NOT NULL"),
            postgresql_where=text("event_id IS NOT NULL"),
        ),
    )
    id: int = Field(sa_column=_id())
    conversation_id: int = Field(sa_column=_big(nullable=False))
    event_id: int | None = Field(default=None, sa_column=_big())
    handler: str = Field(sa_column=_text(nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    state: str = Field(sa_column=_text(nullable=False))
    step: str = Field(sa_column=_text(nullable=False))
    slots: str = Field(sa_column=_text(nullable=False))
    deadline: int | None = Field(default=None, sa_column=_big())
    offer_id: int | None = Field(default=None, sa_column=_big())
    call_id: int | None = Field(default=None, sa_column=_big())
    pending: str | None = Field(default=None, sa_column=_text())
    parked: str = Field(sa_column=_text(nullable=False))
    misses: int = Field(sa_column=Column(Integer, nullable=False))
    rank: int = Field(sa_column=Column(Integer, nullable=False))
    timer: int | None = Field(default=None, sa_column=_big())
    data: str = Field(sa_column=_text(nullable=False))


class OfferRow(SQLModel, table=True):
    """An offer and its price snapshot; one active per customer and family."""

    __tablename__ = "offer"
    __table_args__ = (
        Index(
            "offer_active",
            "customer_id",
            "family",
            unique=True,
            sqlite_where=text("state IN ('open', 'accepted', 'fulfilling')"),
            postgresql_where=text("state IN ('open', 'accepted', 'fulfilling')"),
        ),
        Index("offer_customer", "customer_id"),
        Index("offer_conversation", "conversation_id"),
    )
    id: int = Field(sa_column=_id())
    name: str = Field(sa_column=_text(nullable=False))
    family: str = Field(sa_column=_text(nullable=False))
    brand: str = Field(sa_column=_text(nullable=False))
    customer_id: int = Field(sa_column=_big(nullable=False))
    key: str = Field(sa_column=_text(nullable=False))
    conversation_id: int = Field(sa_column=_big(nullable=False))
    dialogue_id: int | None = Field(default=None, sa_column=_big())
    event_id: int | None = Field(default=None, sa_column=_big())
    title: str = Field(sa_column=_text(nullable=False))
    price: str = Field(sa_column=_text(nullable=False))
    currency: str = Field(sa_column=_text(nullable=False))
    period: str = Field(sa_column=_text(nullable=False))
    backoffice: str | None = Field(default=None, sa_column=_text())
    promotional: bool = Field(sa_column=Column(Boolean, nullable=False))
    state: str = Field(sa_column=_text(nullable=False))
    made_by: str = Field(sa_column=_text(nullable=False))
    words: str = Field(sa_column=_text(nullable=False))
    message_id: int | None = Field(default=None, sa_column=_big())
    expires_at: int = Field(sa_column=_big(nullable=False))
    accepted_at: int | None = Field(default=None, sa_column=_big())
    accepted_via: str | None = Field(default=None, sa_column=_text())
    accepted_by: str | None = Field(default=None, sa_column=_text())
    accepted_words: str | None = Field(default=None, sa_column=_text())
    ended_at: int | None = Field(default=None, sa_column=_big())
    result: str | None = Field(default=None, sa_column=_text())


class MessageRow(SQLModel, table=True):
    """One text, in or out."""

    __tablename__ = "message"
    __table_args__ = (
        Index("message_address", "address_id"),
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
    id: int = Field(sa_column=_id())
    channel: str = Field(sa_column=_text(nullable=False))
    direction: str = Field(sa_column=_text(nullable=False))
    key: str = Field(sa_column=_text(nullable=False))
    address_id: int = Field(sa_column=_big(nullable=False))
    ours: str = Field(sa_column=_text(nullable=False))
    theirs: str = Field(sa_column=_text(nullable=False))
    brand: str = Field(sa_column=_text(nullable=False))
    text: str = Field(sa_column=_text(nullable=False))
    cls: int = Field(sa_column=Column(SmallInteger, nullable=False))
    state: str = Field(sa_column=_text(nullable=False))
    disposition: str | None = Field(default=None, sa_column=_text())
    author_kind: str = Field(sa_column=_text(nullable=False))
    author_id: str = Field(sa_column=_text(nullable=False))
    conversation_id: int | None = Field(default=None, sa_column=_big())
    event_id: int | None = Field(default=None, sa_column=_big())
    offer_id: int | None = Field(default=None, sa_column=_big())
    parent_id: int | None = Field(default=None, sa_column=_big())
    idempotency_key: str | None = Field(default=None, sa_column=_text())
    carrier: str | None = Field(default=None, sa_column=_text())
    encoding: str | None = Field(default=None, sa_column=_text())
    parts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    reference: int = Field(sa_column=Column(Integer, nullable=False))
    expires_at: int | None = Field(default=None, sa_column=_big())
    possible_duplicate: bool = Field(sa_column=Column(Boolean, nullable=False))
    error: str | None = Field(default=None, sa_column=_text())
    reason: str | None = Field(default=None, sa_column=_text())
    gates: str | None = Field(default=None, sa_column=_text())
    digest: str | None = Field(default=None, sa_column=_text())
    session: int | None = Field(default=None, sa_column=_big())
    sequence: int | None = Field(default=None, sa_column=_big())
    lane: int = Field(sa_column=Column(SmallInteger, nullable=False))


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
            "remote_id",
            sqlite_where=text("remote_id IS NOT NULL"),
            postgresql_where=text("remote_id IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )
    message_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    part: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    attempt: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    carrier: str = Field(sa_column=_text(nullable=False))
    at: int = Field(sa_column=_big(nullable=False))
    possible_duplicate: bool = Field(sa_column=Column(Boolean, nullable=False))
    outcome: str | None = Field(default=None, sa_column=_text())
    answered_at: int | None = Field(default=None, sa_column=_big())
    status: int | None = Field(default=None, sa_column=Column(Integer))
    remote_id: str | None = Field(default=None, sa_column=_text())
    fault: str | None = Field(default=None, sa_column=_text())
    receipt: str | None = Field(default=None, sa_column=_text())
    receipt_at: int | None = Field(default=None, sa_column=_big())
    receipt_error: str | None = Field(default=None, sa_column=_text())


class MessageEventRow(SQLModel, table=True):
    """What happened to a message beside its gates, attempts and receipts: replies, resends, offers, notes of doubt."""

    __tablename__ = "message_event"
    __table_args__ = (Index("message_event_message", "message_id"),)
    id: int = Field(sa_column=_id())
    message_id: int = Field(sa_column=_big(nullable=False))
    kind: str = Field(sa_column=_text(nullable=False))
    code: str | None = Field(default=None, sa_column=_text())
    reason: str | None = Field(default=None, sa_column=_text())
    segment: int | None = Field(default=None, sa_column=Column(SmallInteger))
    route: str | None = Field(default=None, sa_column=_text())
    remote_id: str | None = Field(default=None, sa_column=_text())


class MoPartRow(SQLModel, table=True):
    """One part of a long text from a phone, kept until the others are here (or T has passed)."""

    __tablename__ = "mo_part"
    __table_args__ = (
        Index("mo_part_set", "carrier", "theirs", "ours", "reference", "parts"),
        {"sqlite_with_rowid": False},
    )
    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    carrier: str = Field(sa_column=_text(nullable=False))
    theirs: str = Field(sa_column=_text(nullable=False))
    ours: str = Field(sa_column=_text(nullable=False))
    reference: int = Field(sa_column=Column(Integer, nullable=False))
    parts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    part: int = Field(sa_column=Column(SmallInteger, nullable=False))
    text: str = Field(sa_column=_text(nullable=False))
    digest: str = Field(sa_column=_text(nullable=False))
    session: int = Field(sa_column=_big(nullable=False))
    sequence: int = Field(sa_column=_big(nullable=False))


class CallRow(SQLModel, table=True):
    """A call to a back office: an outbox entry with its answer. `idempotency_key` is the offer's id for a fulfilment."""

    __tablename__ = "call"
    __table_args__ = (Index("call_offer", "offer_id"),)
    id: int = Field(sa_column=_id())
    key: str = Field(sa_column=_text(nullable=False))
    backoffice: str = Field(sa_column=_text(nullable=False))
    action: str = Field(sa_column=_text(nullable=False))
    idempotency_key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    body: str = Field(sa_column=_text(nullable=False))
    conversation_id: int = Field(sa_column=_big(nullable=False))
    dialogue_id: int | None = Field(default=None, sa_column=_big())
    offer_id: int | None = Field(default=None, sa_column=_big())
    state: str = Field(sa_column=_text(nullable=False))
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    status: int | None = Field(default=None, sa_column=Column(Integer))
    result: str | None = Field(default=None, sa_column=_text())
    ended_at: int | None = Field(default=None, sa_column=_big())


class NoteRow(SQLModel, table=True):
    """What only the desk sees: notes, and the log of owners of a conversation. Has no route to a customer (invariant 10)."""

    __tablename__ = "note"
    __table_args__ = (Index("note_conversation", "conversation_id"),)
    id: int = Field(sa_column=_id())
    conversation_id: int = Field(sa_column=_big(nullable=False))
    kind: str = Field(sa_column=_text(nullable=False))
    author: str = Field(sa_column=_text(nullable=False))
    text: str = Field(sa_column=_text(nullable=False))


class LinkRow(SQLModel, table=True):
    """The token of a link in a text (`/c/{token}`)."""

    __tablename__ = "link"
    __table_args__ = {"sqlite_with_rowid": False}
    token: str = Field(sa_column=Column(Text, primary_key=True))
    conversation_id: int = Field(sa_column=_big(nullable=False))
    dialogue_id: int | None = Field(default=None, sa_column=_big())
    message_id: int = Field(sa_column=_big(nullable=False))
    expires_at: int = Field(sa_column=_big(nullable=False))


class WorkRow(SQLModel, table=True):
    """Queue and timers in one table: a job is a row that is due now, a timer one that is due later."""

    __tablename__ = "work"
    __table_args__ = (Index("work_key", "key", "kind"), {"sqlite_with_rowid": False})
    lane: str = Field(sa_column=Column(Text, primary_key=True))
    prio: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    due: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    key: str = Field(sa_column=_text(nullable=False))
    kind: str = Field(sa_column=_text(nullable=False))
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    ref: int = Field(sa_column=_big(nullable=False))
    body: str | None = Field(default=None, sa_column=_text())


class DeadLetterRow(SQLModel, table=True):
    """Work that failed for good, with its cause; can be replayed after a fix."""

    __tablename__ = "dead_letter"
    __table_args__ = (Index("dead_letter_state", "state"),)
    id: int = Field(sa_column=_id())
    lane: str = Field(sa_column=_text(nullable=False))
    key: str = Field(sa_column=_text(nullable=False))
    kind: str = Field(sa_column=_text(nullable=False))
    ref: int = Field(sa_column=_big(nullable=False))
    body: str | None = Field(default=None, sa_column=_text())
    cause: str = Field(sa_column=_text(nullable=False))
    state: str = Field(sa_column=_text(nullable=False))


class ApiKeyRow(SQLModel, table=True):
    """A key made by `careline keys add`: SHA-256 of a random key of 256 bits, never the key."""

    __tablename__ = "api_key"
    hash: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    role: str = Field(sa_column=_text(nullable=False))
    created_at: int = Field(sa_column=_big(nullable=False))


class MarkRow(SQLModel, table=True):
    """Small facts of the store itself: how far the search index is, when a clock job last ran."""

    __tablename__ = "mark"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=_text(nullable=False))
