"""What the schema says about itself: keys, tables below tables, secrets. For suggestions, environment and paths."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any, Union, get_args, get_origin

from gateway.settings.positions import Path
from gateway.settings.shapes import Section


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a table: its type without Optional, and its help text. kind: one, many (array), named (sub-tables)."""

    name: str
    type: Any
    kind: str
    help: str

    @property
    def section(self) -> type[Section] | None:
        """The schema of the table(s) that it holds, or None for a value."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, Section) else None


def keys(section: type[Section]) -> dict[str, Key]:
    """The keys of a table, by the names that stand in files."""
    found = {}
    for attribute, info in section.model_fields.items():
        name = info.alias or attribute
        kind, inner = _unwrapped(info.annotation)
        found[name] = Key(name, inner, kind, info.description or "")
    return found


def _unwrapped(annotation: Any) -> tuple[str, Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _unwrapped(arguments[0])
    if origin in (Union, types.UnionType):
        return _unwrapped(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return "many", _unwrapped(arguments[0])[1]
    if origin is dict:
        return "named", _unwrapped(arguments[1])[1]
    return "one", annotation


def section_at(root: type[Section], path: Path) -> type[Section] | None:
    """The schema of the table at a path, None where no table is expected."""
    section: type[Section] | None = root
    steps = iter(path)
    for step in steps:
        key = keys(section).get(str(step)) if section else None
        if key is None:
            return None
        if key.kind != "one" and next(steps, None) is None:
            return None
        section = key.section
    return section


def tables(
    section: type[Section], data: object, path: Path = ()
) -> Iterator[tuple[type[Section], dict[str, Any], Path]]:
    """Each table that is there, with its schema; what has another shape than the schema's is left out."""
    if not isinstance(data, dict):
        return
    yield section, data, path
    for key in keys(section).values():
        below, held = key.section, data.get(key.name)
        if below is None:
            continue
        if key.kind == "one":
            yield from tables(below, held, (*path, key.name))
        elif key.kind == "many" and isinstance(held, list):
            for index, entry in enumerate(held):
                yield from tables(below, entry, (*path, key.name, index))
        elif key.kind == "named" and isinstance(held, Mapping):
            for name, entry in held.items():
                yield from tables(below, entry, (*path, key.name, str(name)))


def is_path(key: Key) -> bool:
    """Whether the key holds a path, or several."""
    return key.type is FilePath


def secrets(section: type[Section]) -> list[str]:
    """Keys that may be given by a file as well: those with a brother NAME_file."""
    names = keys(section)
    return [name for name in names if f"{name}_file" in names]
