"""Canned replies over HTTP: what supervisors keep for the desk, and what a customer would read."""

import asyncio
from collections.abc import Mapping
from urllib.parse import unquote

from aiohttp import web

from gateway.care import canned, outbound
from gateway.care.canned import BadReply
from gateway.model.canned import CannedField, CannedReply, FieldKind
from gateway.settings import nearest
from gateway.store.canned import drop, put
from gateway.web import bodies
from gateway.web.answers import answer, instant
from gateway.web.bodies import step
from gateway.web.fields import Fields
from gateway.web.paging import Query, whole
from gateway.web.problems import Problem
from gateway.web.routes import CALLER, JSON_TYPE
from gateway.web.services import Services

KEPT = ("brand", "queue", "title", "texts", "fields")
_FIELD = ("name", "type", "label", "required", "choices", "currency")
KIND = "invalid-reply"


class Replies:
    """The calls under /v1/canned."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._writing = asyncio.Lock()  # disk and memory change in the same order

    @property
    def _kept(self) -> dict[str, CannedReply]:
        return self._services.book.canned

    async def find(self, request: web.Request) -> web.Response:
        """All of them, by name."""
        Query(request)
        return whole([_object(one) for _, one in sorted(self._kept.items())])

    async def get(self, request: web.Request) -> web.Response:
        """One of them."""
        return answer(_object(self._named(request)))

    async def put(self, request: web.Request) -> web.Response:
        """Keeps one, in the place of the one of its name."""
        fields = await _fields(request, KEPT, KIND)
        brands = self._services.book.brands
        brand = fields.name("brand") or (next(iter(brands)) if len(brands) == 1 else "")
        reply = CannedReply(
            _name(request),
            brand,
            fields.words("texts", canned.MOST_LANGUAGES, canned.LONGEST_TEXT),
            fields.name("title", most=canned.LONGEST_TITLE) or "",
            fields.name("queue"),
            tuple(_field(fields, at, one) for at, one in enumerate(fields.items("fields", canned.MOST_FIELDS))),
            self._services.now(),
            str(request[CALLER].name),
        )
        fields.done()
        async with self._writing:
            try:
                reply = canned.check(reply, self._services.book)
            except BadReply as bad:
                raise Problem(KIND, str(bad)[:1000], [(f"/{where}", what) for where, what in bad.errors]) from None
            if reply.name not in self._kept and len(self._kept) >= canned.MOST_REPLIES:
                raise Problem(KIND, f"there are {canned.MOST_REPLIES} canned replies, more are not kept; drop some")
            await self._services.store.write(put(reply))
            self._kept[reply.name] = reply
        return answer(_object(reply))

    async def delete(self, request: web.Request) -> web.Response:
        """Drops one."""
        async with self._writing:
            found = self._named(request)
            await self._services.store.write(drop(found.name))
            self._kept.pop(found.name, None)
        return answer(_object(found))

    async def preview(self, request: web.Request) -> web.Response:
        """What a customer would read, and what it costs."""
        found = self._named(request)
        fields = await _fields(request, ("values", "language", "customer", "agent"), "invalid-message")
        values = fields.words("values", canned.MOST_FIELDS, canned.LONGEST_VALUE)
        language = fields.name("language", most=20)
        own = {"customer": fields.name("customer") or "", "agent": fields.name("agent") or "Ana"}
        fields.done()
        book = self._services.book
        brand = book.brands.get(found.brand)
        if brand is None:
            raise Problem("refused", f"brand {found.brand} is not configured any more")
        text = canned.written(found, brand, language or brand.default_language, own, values)
        carrier = book.carrier_of(book.sender_of(brand.name) or "") or ""
        encoding, parts = outbound.cost(book, carrier, text)
        return answer({"text": text, "encoding": encoding, "segments": parts})

    def _named(self, request: web.Request) -> CannedReply:
        found = self._kept.get(_name(request))
        if found is None:
            raise Problem("not-found", "there is no canned reply of this name; GET /v1/canned lists them")
        return found


def _name(request: web.Request) -> str:
    return unquote(request.match_info["name"])[:200]


async def _fields(request: web.Request, known: tuple[str, ...], kind: str) -> Fields:
    bodies.content_type(request, (JSON_TYPE,))
    document = await bodies.load(await bodies.read(request))
    return Fields(bodies.require_sound(document), kind, known)


def _field(fields: Fields, at: int, given: object) -> CannedField:
    """One item of `fields`; what is wrong with it is noted."""
    its: Mapping[str, object] = given if isinstance(given, dict) else {}
    wrong: dict[str, str] = {} if isinstance(given, dict) else {"": "must be an object"}
    for name in its:
        if name not in _FIELD:
            wrong[name] = f"is not known here{nearest(name[:60], _FIELD) or '; there are ' + ', '.join(_FIELD)}"
    texts = {name: its.get(name, "") for name in ("name", "label", "currency")}
    for name, value in texts.items():
        if not isinstance(value, str):
            wrong[name] = "must be a text"
    kind, required, choices = its.get("type"), its.get("required", True), its.get("choices", [])
    if kind not in tuple(FieldKind):
        wrong["type"] = f"must be one of {', '.join(FieldKind)}"
    if not isinstance(required, bool):
        wrong["required"] = "must be true or false"
    if not isinstance(choices, list) or not all(isinstance(one, str) for one in choices):
        wrong["choices"] = "must be a list of texts"
    place = f"{step('', 'fields')}/{at}"
    fields.errors += [(step(place, name) if name else place, said) for name, said in wrong.items()]
    if wrong or not isinstance(choices, list):
        return CannedField("", FieldKind.text)
    named, label, currency = (str(texts[name]) for name in ("name", "label", "currency"))
    return CannedField(named, FieldKind(str(kind)), label, bool(required), tuple(map(str, choices)), currency)


def _object(reply: CannedReply) -> dict[str, object]:
    return {
        "name": reply.name,
        "brand": reply.brand,
        "queue": reply.queue,
        "title": reply.title,
        "texts": dict(reply.texts),
        "fields": [_field_object(one) for one in reply.fields],
        "changed_at": instant(reply.changed_at),
        "changed_by": reply.changed_by,
    }


def _field_object(field: CannedField) -> dict[str, object]:
    told: dict[str, object] = {"name": field.name, "type": field.kind, "required": field.required}
    if field.label:
        told["label"] = field.label
    if field.choices:
        told["choices"] = list(field.choices)
    if field.currency:
        told["currency"] = field.currency
    return told
