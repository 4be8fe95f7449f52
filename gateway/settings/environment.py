"""`CARELINE_...` variables: any single value of gateway.toml, most of all its secrets.

`__` between levels, entries of lists by name: CARELINE_CARRIERS__ACME__PASSWORD. Names are upper-cased, and what is
neither letter nor digit is `_`. Entries without a name go by position, from 1: CARELINE_WEBHOOKS__1__SECRET.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.settings.layout import Key, keys, tables
from gateway.settings.positions import Path
from gateway.settings.problem import ENVIRONMENT, Problem, Source, entry_name
from gateway.settings.shapes import Section, nearest

PREFIX = "CARELINE_"
OTHERS = {
    "CARELINE_CONFIG": "the configuration folder, instead of --config",
    "CARELINE_LOG": "json or console",
    "CARELINE_LOG_LEVEL": "debug, info, warning or error",
    "CARELINE_URL": "the server that `careline fire`, `send`, `trace` ... talk to",
    "CARELINE_KEY": "the API key they use",
    "CARELINE_API_KEY": "the same",
    "CARELINE_FAILPOINT": "tests only: where the process kills itself",
}
"""Variables that are no keys of gateway.toml, and what they are for."""


def apply(root: type[Section], source: Source, environ: Mapping[str, str]) -> list[Problem]:
    """Writes the variables' values over those of the file. Unknown variables are problems, with the nearest name."""
    known = dict(_variables(root, source.data))
    problems = []
    for variable in sorted(name for name in environ if name.startswith(PREFIX) and name not in OTHERS):
        if variable not in known:
            hint = nearest(variable, [*known, *OTHERS]) or "; entries of lists must stand in gateway.toml"
            problems.append(Problem(ENVIRONMENT, 0, variable, f"unknown variable{hint}"))
            continue
        for table, key, path in known[variable]:
            try:
                table[key.name] = _value(key, environ[variable])
            except ValueError as error:
                problems.append(Problem(ENVIRONMENT, 0, variable, str(error)))
                continue
            source.overrides[(*path, key.name)] = variable
    return problems


_Place = tuple[dict[str, Any], Key, Path]


def _variables(root: type[Section], data: dict[str, Any]) -> Iterator[tuple[str, list[_Place]]]:
    """Every variable that could be set, with the place(s) in the data that it stands for."""
    for name in ("store", "http", "handlers", "limits", "process"):
        data.setdefault(name, {})  # tables with defaults need not stand in the file
    found: dict[str, list[_Place]] = {}
    for section, table, path in tables(root, data):
        for key in keys(section).values():
            if key.section is None and key.kind != "named":
                found.setdefault(_name(data, (*path, key.name)), []).append((table, key, path))
    yield from found.items()


def _name(data: object, path: Path) -> str:
    words, node = [], data
    for step in path:
        node = node[step] if isinstance(step, int) and isinstance(node, list) else _get(node, step)
        words.append((entry_name(node) or str(step + 1)) if isinstance(step, int) else step)
    return PREFIX + "__".join(re.sub(r"[^A-Z0-9]", "_", word.upper()) for word in words)


def _get(node: object, step: str | int) -> object:
    return node.get(step) if isinstance(node, Mapping) else None


def _value(key: Key, written: str) -> object:
    """A variable's text as the TOML value that the key wants."""
    if key.kind == "many":
        return _list(written)
    if key.type is bool:
        if written.lower() not in ("true", "false", "1", "0", "yes", "no"):
            raise ValueError("must be true or false")
        return written.lower() in ("true", "1", "yes")
    if key.type in (int, float):
        try:
            return json.loads(written)
        except ValueError:
            raise ValueError("must be a number") from None
    return written


def _list(written: str) -> list[str]:
    """["a", "b"] or a,b."""
    if written.lstrip().startswith("["):
        try:
            found = json.loads(written)
        except ValueError:
            raise ValueError('must be a list such as ["a", "b"], or a,b') from None
        return list(found)
    return [word.strip() for word in written.split(",") if word.strip()]
