"""Records: immutable to the type checker, plain at run time.

A frozen dataclass of 28 fields takes 10 us to make and 14 us to replace, since each field goes through
`object.__setattr__`; one text makes and replaces half a dozen. These are ordinary dataclasses, 4 to 7 times cheaper
(measured); the type checker refuses every assignment to them all the same. Compiled (`compiling/records.py`), they are
C structs, which have no `__dict__` and copy themselves.
"""

import copy
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """A dataclass whose values nobody changes."""
    return dataclass(unsafe_hash=True)(cls)


def replace(row: T, /, **values: Any) -> T:
    """A copy of a record with other values. Raises TypeError when it has no such field."""
    try:
        fields = row.__dict__.copy()
    except AttributeError:
        return _replace_compiled(row, values)
    new = object.__new__(type(row))
    size = len(fields)
    fields.update(values)
    new.__dict__ = fields
    if len(fields) != size:
        raise _unknown(row, values)
    return new


def _replace_compiled(row: T, values: dict[str, Any]) -> T:
    new = copy.copy(row)
    for name, value in values.items():
        try:
            setattr(new, name, value)
        except AttributeError:
            raise _unknown(row, values) from None
    return new


def values_of(row: object) -> dict[str, Any]:
    """The fields of a record or another dataclass, by name."""
    return {name: getattr(row, name) for name in _names(row)}


def _names(row: object) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(type(row), "__match_args__", ())
    return names


def _unknown(row: object, values: dict[str, Any]) -> TypeError:
    return TypeError(f"{type(row).__name__} has no field {', '.join(values.keys() - set(_names(row)))}")
