"""Compiles the hot statements once from the tables, so that a column is declared in one place only."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from sqlalchemy import Table
from sqlmodel import SQLModel

from gateway.store.units import TOGETHER, Row, Statement


def table_of(model: type[SQLModel]) -> Table:
    """The SQL table behind a row class."""
    return SQLModel.metadata.tables[str(model.__tablename__)]


def columns_of(model: type[SQLModel]) -> tuple[str, ...]:
    """Names of the columns, in order of declaration."""
    return tuple(column.name for column in table_of(model).columns)


def insert(model: type[SQLModel], *, ignore: bool = False) -> Statement:
    """INSERT of a whole row; the row's values are in order of the columns.

    ignore: a row that breaks a unique constraint is left out in silence (and the count is not checked).
    """
    table, columns = table_of(model), columns_of(model)
    marks = _list("?" * len(columns))
    tail = " ON CONFLICT DO NOTHING" if ignore else ""
    return _inserting(table.name, columns, marks, tail, exact=not ignore)


def insert_of(model: type[SQLModel], columns: Sequence[str], **constants: str | int) -> Statement:
    """INSERT of some columns; the row's values are in their order. constants: columns that are always the same, and
    stand in the statement itself. The others are NULL.
    """
    table, known = table_of(model), set(columns_of(model))
    if missing := [name for name in (*columns, *constants) if name not in known]:
        raise ValueError(f"{table.name} has no column {missing}")
    values = ["?"] * len(columns) + [_literal(value) for value in constants.values()]
    return _inserting(table.name, (*columns, *constants), _list(values))


def _inserting(table: str, columns: Sequence[str], values: str, tail: str = "", *, exact: bool = True) -> Statement:
    """OR FAIL: for an INSERT of many rows SQLite keeps a copy of each page that it changes, to undo the first rows when
    a later one fails. The writer undoes the whole group anyway.
    """
    into = f"INTO {table}({_list(columns)})VALUES"
    many = tuple(f"INSERT OR FAIL {into}{_list([f'({values})'] * count)}{tail}" for count in TOGETHER)
    return Statement(f"insert {table}", f"INSERT {into}({values}){tail}", exact, many=many)


def _list(values: Iterable[str]) -> str:
    """Without spaces: for each row apsw looks its statement up by the text, whose length is what that costs."""
    return ",".join(values)


def _literal(value: str | int) -> str:
    """A constant of ours in SQL."""
    return str(int(value)) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def update(
    model: type[SQLModel],
    sets: tuple[str, ...],
    where: tuple[str, ...],
    *,
    exact: bool = True,
) -> Statement:
    """UPDATE by equality; the row's values are the `sets` and then the `where`s."""
    table = table_of(model)
    known = set(columns_of(model))
    if missing := [name for name in (*sets, *where) if name not in known]:
        raise ValueError(f"{table.name} has no column {missing}")
    changes = _list(f"{name}=?" for name in sets)
    tests = " AND ".join(f"{name}=?" for name in where)
    return Statement(
        f"update {table.name}",
        f"UPDATE {table.name} SET {changes} WHERE {tests}",
        exact,
    )


def row_of(model: type[SQLModel]) -> Callable[[object], Row]:
    """A function that reads a row, in order of the columns, off an object with attributes of the same names."""
    return attrgetter(*columns_of(model))
