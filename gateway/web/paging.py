"""Query parameters: each is checked, a wrong one is named; lists page by an opaque cursor."""

import base64
from collections.abc import Collection, Mapping

from aiohttp import web

from gateway.settings import nearest
from gateway.web.answers import answer
from gateway.web.cloudevents import moment
from gateway.web.fields import CONTROLS
from gateway.web.problems import Problem

DEFAULT_LIMIT = 50
MOST_ITEMS = 500
LONGEST_PARAMETER = 300
LARGEST_ID = (1 << 63) - 1


def wrong(name: str, sentence: str) -> Problem:
    """A query parameter is wrong."""
    return Problem("invalid-parameter", f"parameter {name} {sentence}", [(f"/{name}", sentence)])


def id_of(request: web.Request, name: str = "id") -> int:
    """The id in the path. What cannot be an id is not found. Raises Problem 404."""
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= LARGEST_ID):
        raise Problem("not-found", "an id is a whole number; this is none of ours")
    return int(text)


class Query:
    """The query of a request. known: the parameters of the call, beside limit and cursor."""

    def __init__(self, request: web.Request, known: Collection[str] = ()) -> None:
        allowed = (*known, "limit", "cursor")
        query = request.query
        for name in query:
            if name not in allowed:
                hint = nearest(name[:60], allowed) or f"; there are {', '.join(allowed)}"
                raise wrong(_shown(name), f"is not known here{hint}")
            if len(query.getall(name)) > 1:
                raise wrong(name, "stands there twice")
        self._query: Mapping[str, str] = query

    def text(self, name: str, most: int = LONGEST_PARAMETER) -> str | None:
        """A text; None when it is not there."""
        value = self._query.get(name)
        if value is None:
            return None
        if not value.strip() or len(value) > most:
            raise wrong(name, f"must have 1 to {most} characters")
        if CONTROLS.search(value) or any("\ud800" <= char <= "\udfff" for char in value):
            raise wrong(name, "must not hold control characters or broken UTF-8")
        return value.strip()

    def customer(self, name: str) -> str | None:
        """A reference to a customer or a number; a `+` that was not percent-encoded arrives as a blank."""
        value = self.text(name)
        if value is not None and self._query[name].startswith(" ") and value[0].isdigit():
            return f"+{value}"
        return value

    def choice(self, name: str, known: Collection[str]) -> str | None:
        """One of the words."""
        value = self.text(name)
        if value is not None and value not in known:
            raise wrong(name, f"must be one of {', '.join(known)}{nearest(value, known)}")
        return value

    def number(self, name: str) -> int | None:
        """An id."""
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 19 and int(value) <= LARGEST_ID):
            raise wrong(name, "must be an id, a whole number")
        return int(value)

    def instant(self, name: str) -> int | None:
        """An RFC 3339 time, in ms."""
        value = self.text(name)
        if value is None:
            return None
        # In a query + means a blank: 18:40:00+01:00 arrives as 18:40:00 01:00.
        at = moment(value.replace(" ", "+"))
        if at is None or not 0 <= at < 1 << 43:
            raise wrong(name, "must be an RFC 3339 time, such as 2026-11-22T18:40:00Z")
        return at

    @property
    def limit(self) -> int:
        """How many items: 1 to 500."""
        value = self._query.get("limit")
        if value is None:
            return DEFAULT_LIMIT
        if not (value.isascii() and value.isdigit() and len(value) <= 3 and 1 <= int(value) <= MOST_ITEMS):
            raise wrong("limit", f"must be a whole number from 1 to {MOST_ITEMS}")
        return int(value)

    @property
    def cursor(self) -> int | None:
        """The id that the page begins below."""
        value = self._query.get("cursor")
        if value is None:
            return None
        try:
            raw = base64.b64decode(value.encode("ascii"), altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        if len(raw) != 9 or raw[0:1] != b"c" or raw[1] > 0x7F:
            raise wrong("cursor", "must be the `next` of the page before")
        return int.from_bytes(raw[1:], "big")


def cursor_after(an_id: int) -> str:
    """The cursor of the page that follows an item."""
    return base64.b64encode(b"c" + an_id.to_bytes(8, "big"), altchars=b"-_").decode("ascii")


def page(items: list[dict[str, object]], last: int | None, *, more: bool) -> web.Response:
    """A page of a list. last: id of its last item."""
    return answer({"items": items, "next": cursor_after(last) if more and last is not None else None})


def whole(items: list[dict[str, object]]) -> web.Response:
    """A list that is short enough to be one page."""
    return answer({"items": items, "next": None})


def _shown(name: str) -> str:
    return "".join(char if char.isalnum() or char in "_-" else "?" for char in name[:20])
