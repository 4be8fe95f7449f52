"""Answers as JSON: ids are strings, times RFC 3339 in UTC, nothing is cached."""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson
from aiohttp import web

HEADERS = {
    "Content-Type": "application/json",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Server": "Careline",
}


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=orjson.dumps(value), status=status, headers=HEADERS if headers is None else {**HEADERS, **headers}
    )


def instant(ms: int | None) -> str | None:
    """`2026-11-22T18:40:00.000Z`."""
    if ms is None:
        return None
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def ident(an_id: int | None) -> str | None:
    """An id as JSON shows it: JavaScript's numbers end at 2**53."""
    return None if an_id is None else str(an_id)
