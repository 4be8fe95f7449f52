"""Reading what a request brings: its content type, its bytes, and JSON that hides nothing.

orjson reads; only what it refuses, or what holds a name twice, is read again with care, so that the problem can name
the field and one bad event of a batch harms no other. Not told apart: whole numbers beyond 64 bits arrive as floats,
which no field of ours takes for a whole number.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from aiohttp import web

from gateway.telemetry import redacted
from gateway.web.documents import DEEPEST, Document, parse
from gateway.web.problems import Errors, Problem

MOST_BYTES = 10_000_000
MOST_VALUES = 1_000_000
BODY_SECONDS = 30.0
LARGE = 256_000
MOST_FLAWS = 20
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAME_BEFORE = re.compile(r'"([A-Za-z0-9_-]{1,60})"\s*:')
_TOO_DEEP = f"is nested more than {DEEPEST} levels deep"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Stands where a value stood that JSON does not have."""

    reason: str


class Twice(dict[str, object]):
    """An object in which a name occurs more than once. names: which."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spoilt:
    """Stands for an item of a list in which something is wrong. item: as far as it could be read."""

    item: object
    errors: Errors


def content_type(request: web.Request, known: Collection[str]) -> str:
    """The media type, one of those known. Raises Problem 415."""
    header = request.headers.get("Content-Type", "")
    if header in known:
        return header
    kind, _, parameters = header.partition(";")
    kind = kind.strip().lower()
    charset = parameters.strip().lower().replace('"', "").replace(" ", "")
    if kind not in known or (charset.startswith("charset=") and charset not in ("charset=utf-8", "charset=utf8")):
        raise Problem("unsupported-media-type", f"Content-Type must be {' or '.join(sorted(known))}, in UTF-8")
    return kind


async def read(request: web.Request) -> bytes:
    """The body, at most 10 MB and without long pauses. Raises Problem."""
    if request.content_length is not None and request.content_length > MOST_BYTES:
        raise too_large()
    try:
        if request.content.is_eof():
            # All is here: most bodies come in one piece with their head.
            body = request.content.read_nowait()
            if len(body) > MOST_BYTES:
                raise too_large()
            return body
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise Problem("too-slow", f"the body was not here after {BODY_SECONDS:.0f} s") from None
    except web.HTTPRequestEntityTooLarge:
        raise too_large() from None
    except web.RequestPayloadError:
        raise Problem("bad-request", "the body ended early, or its encoding is broken") from None


def too_large() -> Problem:
    """The answer to more than 10 MB."""
    return Problem("too-large", "the body is over 10 MB", headers={"Connection": "close"})


async def load(body: bytes) -> Document:
    """Parses a body; a large one beside the event loop, which nothing may hold up (invariant 13). Raises Problem."""
    # Each value takes a character at least, so a short body need not be counted.
    if len(body) > MOST_VALUES and body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise Problem("not-json", f"the body holds more than {MOST_VALUES} values; send several requests")
    if len(body) > LARGE:
        return await asyncio.to_thread(understand, body)
    return understand(body)


def understand(body: bytes) -> Document:
    """The document, its flaws found; in a list each item has its own. Raises Problem where it is no JSON at all."""
    document = parse(body) or parse_with_care(body)
    value = document.value
    if document.sound:
        return document
    if isinstance(value, list):
        return Document([Spoilt(item, found) if (found := flaws(item)) else item for item in value], sound=True)
    errors = flaws(value)
    return Document(value, sound=not errors, errors=errors)


def parse_with_care(body: bytes) -> Document:
    """The slow way: keeps a mark where something is wrong. Raises Problem where it is no JSON at all."""
    text = body.decode("utf-8", "surrogateescape")
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_int)
    except json.JSONDecodeError as error:
        raise _not_json(text, error) from None
    except RecursionError:
        raise Problem("not-json", f"the body {_TOO_DEEP}", [("", _TOO_DEEP)]) from None
    return Document(value, sound=False)


def _not_json(text: str, error: json.JSONDecodeError) -> Problem:
    before = text[max(0, error.pos - 2000) : error.pos]
    names = _NAME_BEFORE.findall(before)
    place = f"line {error.lineno}, column {error.colno}"
    near = f", after the name {names[-1]!r}" if names else ""
    said = "the body is empty" if not text.strip() else f"{error.msg[:80]} at {place}{near}"
    pointer = f"/{names[-1]}" if len(names) == 1 else ""
    return Problem("not-json", f"not JSON: {said}", [(pointer, said)])


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = Twice(found)
    counts = Counter(name for name, _ in pairs)
    twice.names = tuple(name for name, count in counts.items() if count > 1)[:MOST_FLAWS]
    return twice


def _constant(name: str) -> Flaw:
    return Flaw(f"{name} is no JSON number")


def _float(digits: str) -> float | Flaw:
    value = float(digits) if len(digits) < 400 else float("inf")
    return Flaw("is too large a number") if value in (float("inf"), float("-inf")) else value


def _int(digits: str) -> int | float | Flaw:
    if len(digits) > 400:
        return Flaw("is too large a number")
    value = int(digits)
    return value if -(1 << 63) <= value < 1 << 64 else float(value)


def flaws(value: object) -> Errors:
    """What is wrong within a document that is not known to be sound: (pointer, sentence)."""
    found: list[tuple[str, str]] = []
    for pointer, reason in _flaws(value, "", 0):
        found.append((pointer, reason))
        if len(found) >= MOST_FLAWS:
            break
    return found


def _flaws(value: object, pointer: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, Flaw):
        yield pointer, value.reason
    elif isinstance(value, str):
        if _SURROGATE.search(value):
            yield pointer, "is no valid text: broken UTF-8, or half of a surrogate pair"
    elif isinstance(value, dict | list) and depth >= DEEPEST:
        yield pointer, _TOO_DEEP
    elif isinstance(value, dict):
        for name in value.names if isinstance(value, Twice) else ():
            yield step(pointer, name), "stands there twice"
        for name, inner in value.items():
            if _SURROGATE.search(name):
                yield pointer, "has a name that is no valid text"
            else:
                yield from _flaws(inner, step(pointer, name), depth + 1)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _flaws(inner, f"{pointer}/{place}", depth + 1)


def step(pointer: str, name: str) -> str:
    """A JSON pointer (RFC 6901), one step deeper. Names are the sender's: cut, and no number is shown whole."""
    clean = redacted(_SURROGATE.sub("?", name[:60]))
    return f"{pointer}/{clean.replace('~', '~0').replace('/', '~1')}"


def require_sound(document: Document) -> object:
    """The value of a document in which nothing is wrong. Raises Problem 400."""
    if document.errors:
        raise spoilt(document.errors)
    return document.value


def spoilt(errors: Errors) -> Problem:
    """The answer to a document in which something is wrong."""
    pointer, reason = errors[0]
    return Problem("not-json", f"{pointer or 'the body'} {reason}", errors)
