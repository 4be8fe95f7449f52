"""The kinds of columns that all tables share."""

from sqlalchemy import BigInteger, Column, Integer, Text


def id_column() -> Column[int]:
    """A primary key that `gateway.model.ids` made."""
    return Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False)


def big(*, nullable: bool = True) -> Column[int]:
    """An id of another table, or a time in ms."""
    return Column(BigInteger, nullable=nullable)


def string(*, nullable: bool = True) -> Column[str]:
    """Text of any length."""
    return Column(Text, nullable=nullable)
