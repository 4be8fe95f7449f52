"""Events, conversations, dialogues, offers, and what belongs to them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from gateway.store.tables.columns import big, id_column, string


class EventRow(SQLModel, table=True):
    """A business event, kept at least 7 days after it was taken: it is its own dedupe key."""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("source", "event_key"),)
    id: int = Field(sa_column=id_column())
    source: str = Field(sa_column=string(nullable=False))
    event_key: str = Field(sa_column=string(nullable=False))
    type: str = Field(sa_column=string(nullable=False))
    subject: str = Field(sa_column=string(nullable=False))
    key: str = Field(sa_column=string(nullable=False))
    brand: str = Field(sa_column=string(nullable=False))
    sender: str | None = Field(default=None, sa_column=string())
    data: str = Field(sa_column=string(nullable=False))
    digest: str = Field(sa_column=string(nullable=False))
    expires_at: int | None = Field(default=None, sa_column=big())
    state: str = Field(sa_column=string(nullable=False))
    problem: str | None = Field(default=None, sa_column=string())
    conversation_id: int | None = Field(default=None, sa_column=big())


class ConversationRow(SQLModel, table=True):
    """One episode; at most one open per customer and brand (invariant 2).

    last_in, last_out: may be behind those of its dialogues (`gateway.store.states.touched`).
    """

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
    id: int = Field(sa_column=id_column())
    customer_id: int = Field(sa_column=big(nullable=False))
    key: str = Field(sa_column=string(nullable=False))
    brand: str = Field(sa_column=string(nullable=False))
    state: str = Field(sa_column=string(nullable=False))
    owner_id: str = Field(sa_column=string(nullable=False))
    epoch: int = Field(sa_column=Column(Integer, nullable=False))
    sender: str = Field(sa_column=string(nullable=False))
    opened_at: int = Field(sa_column=big(nullable=False))
    changed_at: int = Field(sa_column=big(nullable=False))
    queue: str | None = Field(default=None, sa_column=string())
    agent: str | None = Field(default=None, sa_column=string())
    channel: str = Field(sa_column=string(nullable=False))
    disposition: str | None = Field(default=None, sa_column=string())
    closed_at: int | None = Field(default=None, sa_column=big())
    why: str | None = Field(default=None, sa_column=string())
    told_waiting: bool = Field(sa_column=Column(Boolean, nullable=False))
    last_in: int | None = Field(default=None, sa_column=big())
    last_out: int | None = Field(default=None, sa_column=big())
    rejoin: int | None = Field(default=None, sa_column=big())
    reservation: str | None = Field(default=None, sa_column=string())
    preview: str | None = Field(default=None, sa_column=string())
    promises: str | None = Field(default=None, sa_column=string())
    previous: int | None = Field(default=None, sa_column=big())
    queued_at: int | None = Field(default=None, sa_column=big())
    priority: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    last_agent: str | None = Field(default=None, sa_column=string())
    prompt: str | None = Field(default=None, sa_column=string())


class ConversationTagRow(SQLModel, table=True):
    """A word by which staff find a conversation again."""

    __tablename__ = "conversation_tag"
    __table_args__ = (Index("conversation_tag_tag", "tag", "conversation_id"), {"sqlite_with_rowid": False})
    conversation_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    tag: str = Field(sa_column=Column(Text, primary_key=True))


class CannedReplyRow(SQLModel, table=True):
    """A canned reply. texts: JSON, by language; fields: JSON, a list of lists."""

    __tablename__ = "canned_reply"
    __table_args__ = {"sqlite_with_rowid": False}
    name: str = Field(sa_column=Column(Text, primary_key=True))
    brand: str = Field(sa_column=string(nullable=False))
    queue: str | None = Field(default=None, sa_column=string())
    title: str = Field(sa_column=string(nullable=False))
    texts: str = Field(sa_column=string(nullable=False))
    fields: str = Field(sa_column=string(nullable=False))
    changed_at: int = Field(sa_column=big(nullable=False))
    changed_by: str = Field(sa_column=string(nullable=False))


class DialogueRow(SQLModel, table=True):
    """One run of a handler; at most one of a conversation has the floor (invariant 2).

    last_in, last_out: of its conversation, where a turn changed nothing else of that and this row anyway. What holds
    is the latest of the conversation's own and those of its dialogues (`gateway.store.states.touched`).
    """

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
    id: int = Field(sa_column=id_column())
    conversation_id: int = Field(sa_column=big(nullable=False))
    event_id: int | None = Field(default=None, sa_column=big())
    handler: str = Field(sa_column=string(nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    state: str = Field(sa_column=string(nullable=False))
    step: str = Field(sa_column=string(nullable=False))
    slots: str = Field(sa_column=string(nullable=False))
    deadline: int | None = Field(default=None, sa_column=big())
    offer_id: int | None = Field(default=None, sa_column=big())
    call_id: int | None = Field(default=None, sa_column=big())
    pending: str | None = Field(default=None, sa_column=string())
    parked: str = Field(sa_column=string(nullable=False))
    misses: int = Field(sa_column=Column(Integer, nullable=False))
    rank: int = Field(sa_column=Column(Integer, nullable=False))
    timer: int | None = Field(default=None, sa_column=big())
    data: str = Field(sa_column=string(nullable=False))
    last_in: int | None = Field(default=None, sa_column=big())
    last_out: int | None = Field(default=None, sa_column=big())


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
    id: int = Field(sa_column=id_column())
    name: str = Field(sa_column=string(nullable=False))
    family: str = Field(sa_column=string(nullable=False))
    brand: str = Field(sa_column=string(nullable=False))
    customer_id: int = Field(sa_column=big(nullable=False))
    key: str = Field(sa_column=string(nullable=False))
    conversation_id: int = Field(sa_column=big(nullable=False))
    dialogue_id: int | None = Field(default=None, sa_column=big())
    event_id: int | None = Field(default=None, sa_column=big())
    title: str = Field(sa_column=string(nullable=False))
    price: str = Field(sa_column=string(nullable=False))
    currency: str = Field(sa_column=string(nullable=False))
    period: str = Field(sa_column=string(nullable=False))
    backoffice: str | None = Field(default=None, sa_column=string())
    promotional: bool = Field(sa_column=Column(Boolean, nullable=False))
    state: str = Field(sa_column=string(nullable=False))
    made_by: str = Field(sa_column=string(nullable=False))
    words: str = Field(sa_column=string(nullable=False))
    message_id: int | None = Field(default=None, sa_column=big())
    expires_at: int = Field(sa_column=big(nullable=False))
    accepted_at: int | None = Field(default=None, sa_column=big())
    accepted_via: str | None = Field(default=None, sa_column=string())
    accepted_by: str | None = Field(default=None, sa_column=string())
    accepted_words: str | None = Field(default=None, sa_column=string())
    ended_at: int | None = Field(default=None, sa_column=big())
    result: str | None = Field(default=None, sa_column=string())
    asked: bool = Field(default=True, sa_column=Column(Boolean, nullable=False, server_default=text("1")))


class CallRow(SQLModel, table=True):
    """A call to a back office: an outbox entry with its answer.

    `idempotency_key` is the offer's id for a fulfilment.
    """

    __tablename__ = "call"
    __table_args__ = (Index("call_offer", "offer_id"),)
    id: int = Field(sa_column=id_column())
    key: str = Field(sa_column=string(nullable=False))
    backoffice: str = Field(sa_column=string(nullable=False))
    action: str = Field(sa_column=string(nullable=False))
    idempotency_key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    body: str = Field(sa_column=string(nullable=False))
    conversation_id: int = Field(sa_column=big(nullable=False))
    dialogue_id: int | None = Field(default=None, sa_column=big())
    offer_id: int | None = Field(default=None, sa_column=big())
    state: str = Field(sa_column=string(nullable=False))
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    status: int | None = Field(default=None, sa_column=Column(Integer))
    result: str | None = Field(default=None, sa_column=string())
    ended_at: int | None = Field(default=None, sa_column=big())


class NoteRow(SQLModel, table=True):
    """What only the desk sees: notes, and the log of owners of a conversation.

    Has no route to a customer (invariant 10).
    """

    __tablename__ = "note"
    __table_args__ = (Index("note_conversation", "conversation_id"),)
    id: int = Field(sa_column=id_column())
    conversation_id: int = Field(sa_column=big(nullable=False))
    kind: str = Field(sa_column=string(nullable=False))
    author: str = Field(sa_column=string(nullable=False))
    text: str = Field(sa_column=string(nullable=False))


class RatingRow(SQLModel, table=True):
    """How satisfied the customer was with a conversation that a person closed, 1 to 5."""

    __tablename__ = "rating"
    __table_args__ = (Index("rating_agent", "agent", "at"),)
    conversation_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    brand: str = Field(sa_column=string(nullable=False))
    queue: str | None = Field(default=None, sa_column=string())
    agent: str = Field(sa_column=string(nullable=False))
    score: int = Field(sa_column=Column(Integer, nullable=False))
    message_id: int = Field(sa_column=big(nullable=False))
    at: int = Field(sa_column=big(nullable=False))


class LinkRow(SQLModel, table=True):
    """The token of a link in a text (`/c/{token}`)."""

    __tablename__ = "link"
    __table_args__ = (Index("link_expires", "expires_at"), {"sqlite_with_rowid": False})
    token: str = Field(sa_column=Column(Text, primary_key=True))
    conversation_id: int = Field(sa_column=big(nullable=False))
    dialogue_id: int | None = Field(default=None, sa_column=big())
    message_id: int = Field(sa_column=big(nullable=False))
    expires_at: int = Field(sa_column=big(nullable=False))
