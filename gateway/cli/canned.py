"""Canned replies over the HTTP API: read from a file, kept, shown."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.cli.api import Api, ApiProblem

KEPT = ("brand", "queue", "title", "texts", "fields")
MOST_BYTES = 10_000_000


class BadFile(Exception):
    """The file holds no canned replies; the message says why."""


def find(api: Api) -> list[dict[str, Any]]:
    """All of them. Raises ApiProblem."""
    found: list[dict[str, Any]] = api.get("/v1/canned")["items"]
    return found


def exported(api: Api) -> list[dict[str, Any]]:
    """As `read` takes them back. Raises ApiProblem."""
    return [{name: its[name] for name in ("name", *KEPT) if its[name] not in (None, "")} for its in find(api)]


def read(file: Path) -> list[dict[str, Any]]:
    """The replies of a file. Raises BadFile."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise BadFile(f"{file} is over {MOST_BYTES // 1_000_000} MB")
        replies = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise BadFile(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{file} is not JSON: {error}") from error
    if not isinstance(replies, list) or not all(isinstance(one, dict) and one.get("name") for one in replies):
        raise BadFile(f"{file} must hold a list of objects, each with a name, as `careline canned export` prints it")
    return replies


def keep(api: Api, replies: Sequence[Mapping[str, Any]]) -> tuple[int, list[str]]:
    """How many were kept, and what is wrong with the others. Raises ApiProblem where the server is not reached."""
    refused = []
    for its in replies:
        body = {name: value for name, value in its.items() if name != "name" and not name.startswith("changed_")}
        path = f"/v1/canned/{quote(str(its['name']), safe='')}"
        try:
            api.call("PUT", path, json.dumps(body, ensure_ascii=False).encode(), "application/json")
        except ApiProblem as problem:
            if problem.status not in (400, 404, 422):
                raise
            refused.append(f"{str(its['name'])[:60]}: {problem}")
    return len(replies) - len(refused), refused


def show(replies: Sequence[Mapping[str, Any]]) -> None:
    """A line for each."""
    for its in replies:
        fields = " ".join(f"{one['name']}={str(one['type']).upper()}" for one in its["fields"])
        where = its["queue"] or its["brand"]
        told = f"{its['name']} {fields}".strip()
        print(f"{told}: {its['title'] or its['name']} ({where}; {', '.join(sorted(its['texts']))})")
