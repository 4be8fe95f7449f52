"""Business events over HTTP: CloudEvents 1.0, one or a batch, structured or binary. 202 means: on disk."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import web

from gateway.store.progress import EventLife, event_life
from gateway.web import bodies, cloudevents
from gateway.web.answers import answer, ident, instant
from gateway.web.backlog import Backlog
from gateway.web.batches import Batches, known_externals
from gateway.web.chunks import clash
from gateway.web.documents import Document
from gateway.web.paging import id_of
from gateway.web.problems import Problem
from gateway.web.services import Services

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
PLAIN: Final = "application/json"
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_STATES = {"floor": "waiting", "pending": "waiting", "calling": "running", "done": "done"}


class Events:
    """The calls under /v1/events."""

    def __init__(self, services: Services, backlog: Backlog) -> None:
        self._services, self._backlog = services, backlog
        self._book = cloudevents.book_of(services.book)
        self._taking = services.taking
        self._batches = Batches(services, backlog, lambda: self.book)

    @property
    def book(self) -> cloudevents.Book:
        """What events are checked against; looked up anew after a reload."""
        if self._book.playbook is not self._services.book:
            self._book = cloudevents.book_of(self._services.book)
        return self._book

    async def post(self, request: web.Request) -> web.Response:
        """Takes one event, or a batch."""
        kind = bodies.content_type(request, (STRUCTURED, BATCH, PLAIN))
        self._backlog.require_room()
        body = await bodies.read(request)
        if kind == BATCH:
            return await self._batches.take(body)
        binary = kind == PLAIN and any(name.lower().startswith("ce-") for name in request.headers)
        document = await bodies.load(body)
        item = from_headers(request, document) if binary else bodies.require_sound(document)
        if not isinstance(item, dict):
            hint = f"; a list of events needs Content-Type: {BATCH}" if isinstance(item, list) else ""
            raise Problem(
                "not-an-object", f"an event must be a JSON object{hint}", [("", f"must be a JSON object{hint}")]
            )
        return answer(await self._one(item), 202)

    async def _one(self, item: dict[str, object]) -> dict[str, object]:
        services = self._services
        externals = await known_externals(services.store, [item])
        accepted = cloudevents.accept(item, self.book, services.ids, externals)
        self._backlog.take(1)
        taken = await self._taking.one(accepted)
        if taken.clash:
            raise clash()
        return {"event": str(taken.event_id), "duplicate": taken.duplicate}

    async def get(self, request: web.Request) -> web.Response:
        """What became of an event."""
        life = await self._services.store.read(event_life, id_of(request))
        if life is None:
            raise Problem("not-found", "no event has this id")
        return answer(event_object(life))


def from_headers(request: web.Request, document: Document) -> dict[str, object]:
    """The event of a binary-mode request: attributes in `ce-` headers, percent-encoded; the body is its data.

    CloudEvents HTTP binding 1.0.2, 3.1. Raises Problem.
    """
    item: dict[str, object] = {}
    wrong: list[tuple[str, str]] = []
    for header, value in request.headers.items():
        name = header.lower()
        if not name.startswith("ce-"):
            continue
        name = name[3:]
        if name in item:
            wrong.append((bodies.step("", name), f"the header ce-{name[:40]} stands there twice"))
        elif name in ("data", "data_base64", "datacontenttype"):
            wrong.append(
                (bodies.step("", name), f"is no header: {'Content-Type' if name[4:5] == 'c' else 'the body'} says it")
            )
        item[name] = _percent_decoded(name, value, wrong)
    if wrong:
        raise Problem("invalid-event", f"{wrong[0][0][1:]} {wrong[0][1]}", wrong)
    if document.errors:
        raise bodies.spoilt([(f"/data{pointer}", sentence) for pointer, sentence in document.errors])
    item["data"] = document.value
    return item


def _percent_decoded(name: str, value: str, wrong: list[tuple[str, str]]) -> str:
    if "%" not in value and value.isascii():
        return value
    try:
        if _PERCENT.search(value):
            raise ValueError("a percent sign without two hex digits")
        return unquote_to_bytes(value.encode("utf-8", "surrogateescape")).decode()
    except ValueError:
        wrong.append((bodies.step("", name), f"the header ce-{name[:40]} must be percent-encoded UTF-8"))
        return value


def event_object(life: EventLife) -> dict[str, object]:
    """An event as the API shows it."""
    event = life.event
    state = str(event.state)
    if state == "started":
        state = _STATES.get(life.dialogue or "", "running")
    told: dict[str, object] = {
        "id": str(event.id),
        "type": event.type,
        "source": event.source,
        "key": event.event_key,
        "subject": event.subject,
        "brand": event.brand,
        "state": state,
        "handler": life.handler or event.type,
        "conversation": ident(event.conversation_id),
        "messages": [str(an_id) for an_id in life.messages],
        "taken_at": instant(event.id >> 20),
        "expires": instant(event.expires_at),
    }
    if event.problem:
        told["problem"] = event.problem
    return told
