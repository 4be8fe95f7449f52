"""What a record of the compiled gateway has beside its fields; becomes `gateway/model/_plain.py` there."""

from typing import Any, TypeVar


class Plain:
    """Compares, hashes and shows like a dataclass. `__match_args__` of the class names its fields."""

    def __copy__(self) -> Any:
        raise TypeError(f"{type(self).__name__} is no record")

    def _values(self) -> list[object]:
        names: tuple[str, ...] = getattr(type(self), "__match_args__", ())
        return [getattr(self, name) for name in names]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and type(self) is type(other) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(tuple(self._values()))

    def __repr__(self) -> str:
        names: tuple[str, ...] = getattr(type(self), "__match_args__", ())
        return f"{type(self).__qualname__}({', '.join([f'{name}={getattr(self, name)!r}' for name in names])})"


T = TypeVar("T", bound=Plain)


def replace(row: T, /, **values: Any) -> T:
    """`gateway.model.rows.replace` for those who know that the record is compiled."""
    new: T = row.__copy__()
    for name, value in values.items():
        setattr(new, name, value)
    return new
