"""Reads one TOML file and holds it against its schema; pydantic's errors become sentences for operators."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gateway.settings.layout import keys, secrets, section_at
from gateway.settings.positions import Path as KeyPath
from gateway.settings.problem import Problem, Source
from gateway.settings.shapes import Section, nearest

SchemaT = TypeVar("SchemaT", bound=Section)
_WHERE = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")
_WANTED = {
    "string_type": "must be text, in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list, in [ ]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "path_type": "must be a path, in quotes",
}


def read(path: Path, problems: list[Problem]) -> Source | None:
    """The file's content, None when it cannot be read as TOML (a problem has been noted then)."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes().count(b"\n", 0, error.start) + 1
        problems.append(Problem(str(path), line, "", "is not UTF-8 text"))
        return None
    except OSError as error:
        problems.append(Problem(str(path), 0, "", f"cannot be read: {error.strerror}"))
        return None
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        return Source.of(str(path), tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        where = _WHERE.search(str(error))
        line = int(where[1]) if where and where[1] else max(text.rstrip().count("\n") + 1, 1)
        said = _WHERE.sub("", str(error))
        problems.append(Problem(str(path), line, "", f"no TOML: {said[0].lower()}{said[1:]}"))
        return None
    except RecursionError:
        problems.append(Problem(str(path), 1, "", "no TOML that can be read: too deeply nested"))
        return None


def validated(schema: type[SchemaT], source: Source, problems: list[Problem]) -> SchemaT | None:
    """The typed content, or None when there are problems (which have been noted)."""
    try:
        # As JSON, since pydantic's strict mode then takes lists for tuples and texts for paths, yet no "8080" for 8080.
        return schema.model_validate_json(json.dumps(source.data, default=_no_date))
    except ValidationError as error:
        problems.extend(_problems(schema, source, error))
        return None


def _no_date(value: object) -> object:
    """No key holds a date or time of TOML's own: a table stands for it, which is as wrong, and named by the error."""
    return {type(value).__name__: str(value)}


def _problems(schema: type[Section], source: Source, error: ValidationError) -> Iterable[Problem]:
    details = error.errors(include_url=False)
    for detail in details:
        loc = detail["loc"]
        if detail["type"] == "too_short" and any(d["loc"][: len(loc)] == loc and d is not detail for d in details):
            continue  # pydantic does not count entries that have problems of their own
        path: KeyPath = tuple(step for step in loc if step != "[key]")
        yield source.problem(path, _sentence(schema, path, detail))


def _sentence(schema: type[Section], path: KeyPath, detail: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    parent = section_at(schema, path[:-1])
    if kind == "extra_forbidden":
        return f"unknown key{_known(schema, path)}"
    if kind == "missing":
        key = keys(parent).get(str(path[-1])) if parent else None
        others = " or its _file" if parent and path[-1] in secrets(parent) else ""
        return f"is missing{others}: {key.help}" if key else "is missing"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context.get("expected", ""))
        return f"must be one of {', '.join(choices)}{nearest(str(detail['input']), choices)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "too_short":
        return "must not be empty"
    return _WANTED.get(kind) or _plain(str(detail["msg"]))


def _plain(message: str) -> str:
    message = re.sub(r"^(Input|String|Value|Tuple) should ", "must ", message)
    return message[0].lower() + message[1:]


def _known(schema: type[Section], path: KeyPath) -> str:
    """The nearest key of the table, else the table that knows the key, else all keys there are."""
    parent = section_at(schema, path[:-1])
    wrong = str(path[-1])
    if parent is None:
        return ""
    if near := nearest(wrong, keys(parent)):
        return near
    homes = [name for name, key in keys(schema).items() if key.section and wrong in keys(key.section)]
    if homes:
        return f" (it belongs into {' or '.join(f'[{home}]' for home in homes)})"
    return f" (known here: {', '.join(keys(parent))})"
