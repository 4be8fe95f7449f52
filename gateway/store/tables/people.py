"""Customers, their addresses and consent; the keys of programs."""

from sqlalchemy import BigInteger, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from gateway.store.tables.columns import big, id_column, string


class CustomerRow(SQLModel, table=True):
    """A person; `key` is the home address that work is serialised by."""

    __tablename__ = "customer"
    id: int = Field(sa_column=id_column())
    key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    address_id: int = Field(sa_column=big(nullable=False))
    external_id: str | None = Field(default=None, sa_column=Column(Text, unique=True))
    name: str | None = Field(default=None, sa_column=string())
    language: str | None = Field(default=None, sa_column=string())
    timezone: str | None = Field(default=None, sa_column=string())
    survey: str | None = Field(default=None, sa_column=string())
    shared: str | None = Field(default=None, sa_column=string())
    tier: str | None = Field(default=None, sa_column=string())
    guessed: str | None = Field(default=None, sa_column=string())


class AddressRow(SQLModel, table=True):
    """An identity of a customer. `value_rev` is the value reversed: search by last digits is a prefix of it."""

    __tablename__ = "address"
    __table_args__ = (
        UniqueConstraint("kind", "value"),
        Index("address_rev", "value_rev"),
    )
    id: int = Field(sa_column=id_column())
    kind: str = Field(sa_column=string(nullable=False))
    value: str = Field(sa_column=string(nullable=False))
    value_rev: str = Field(sa_column=string(nullable=False))
    customer_id: int = Field(sa_column=big(nullable=False))
    verified_at: int | None = Field(default=None, sa_column=big())


class ConsentEventRow(SQLModel, table=True):
    """The ledger of consent: append-only."""

    __tablename__ = "consent_event"
    __table_args__ = (Index("consent_event_address", "address_id"),)
    id: int = Field(sa_column=id_column())
    address_id: int = Field(sa_column=big(nullable=False))
    brand: str = Field(sa_column=string(nullable=False))
    sender: str | None = Field(default=None, sa_column=string())
    category: str | None = Field(default=None, sa_column=string())
    act: str = Field(sa_column=string(nullable=False))
    method: str = Field(sa_column=string(nullable=False))
    evidence: str = Field(sa_column=string(nullable=False))
    message_id: int | None = Field(default=None, sa_column=big())
    actor: str = Field(sa_column=string(nullable=False))


class ConsentRow(SQLModel, table=True):
    """The fold of the ledger: what may be sent now."""

    __tablename__ = "consent"
    __table_args__ = {"sqlite_with_rowid": False}
    address_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    brand: str = Field(sa_column=Column(Text, primary_key=True))
    state: str = Field(sa_column=string(nullable=False))
    event_id: int = Field(sa_column=big(nullable=False))


class ApiKeyRow(SQLModel, table=True):
    """A key made by `careline keys add`: SHA-256 of a random key of 256 bits, never the key."""

    __tablename__ = "api_key"
    hash: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    role: str = Field(sa_column=string(nullable=False))
    created_at: int = Field(sa_column=big(nullable=False))
