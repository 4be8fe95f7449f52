"""Messages over HTTP: send one, search all, follow one through every hop, send it again."""

from aiohttp import web

from gateway.care.desk import Sending
from gateway.care.rendering import BadText, MissingText
from gateway.model.address import BadAddress, parse_address
from gateway.model.message import Disposition, MessageClass
from gateway.settings import MESSAGE_CLASSES
from gateway.store.messages import messages_by_id
from gateway.store.search import CHANNELS, BadFilter, Filters, TooWide, search
from gateway.store.timeline import trace
from gateway.web import bodies
from gateway.web.answers import answer
from gateway.web.backlog import Backlog
from gateway.web.fields import Fields
from gateway.web.history import timeline
from gateway.web.objects import message_object
from gateway.web.paging import Query, id_of, page, whole, wrong
from gateway.web.problems import Problem
from gateway.web.routes import CALLER, JSON_TYPE
from gateway.web.services import Services

ALL_CHANNELS = ("sms", "xmpp", "email", "webchat")
DIRECTIONS = ("mo", "mt")
FILTERS = (
    "address",
    "customer",
    "conversation",
    "channel",
    "direction",
    "disposition",
    "error",
    "campaign",
    "from",
    "to",
    "q",
)
_BODY = ("to", "text", "template", "values", "class", "brand", "sender", "channel", "idempotency_key")
LONGEST_KEY = 200


class Messages:
    """The calls under /v1/messages."""

    def __init__(self, services: Services, backlog: Backlog) -> None:
        self._services, self._backlog = services, backlog

    async def post(self, request: web.Request) -> web.Response:
        """One message, through all gates."""
        bodies.content_type(request, (JSON_TYPE,))
        self._backlog.require_room()
        document = await bodies.load(await bodies.read(request))
        fields = Fields(bodies.require_sound(document), "invalid-message", _BODY)
        asked = self._sending(fields, request)
        self._try_template(asked)
        self._backlog.take(1)
        sent = await self._services.desk.send(asked)
        if sent.known:
            await self._require_same(sent.message_id, asked)
        return answer({"message": str(sent.message_id)}, 202)

    def _sending(self, fields: Fields, request: web.Request) -> Sending:
        """The body, checked. Raises Problem 422."""
        number = number_of(fields)
        text, template = fields.text("text"), fields.name("template")
        if fields.given("text") == fields.given("template"):
            fields.wrong("text", "or `template` is required, one of them")
        if fields.given("values") and not fields.given("template"):
            fields.wrong("values", "goes with `template` only")
        values = fields.object("values")
        cls = fields.choice("class", MESSAGE_CLASSES) or "promotional"
        channel = fields.choice("channel", ALL_CHANNELS) or "sms"
        if channel not in CHANNELS:
            fields.wrong("channel", f"{channel} is not there yet; use sms")
        sender = fields.name("sender", most=32)
        senders = self._services.book.senders
        if sender is not None and sender not in senders:
            fields.wrong("sender", f"is not in gateway.toml; there are {', '.join(senders) or 'none'}")
        brand = fields.name("brand")
        if brand is not None:
            self._check_brand(fields, brand, sender)
        key = idempotency_key(fields, request)
        fields.done()
        return Sending(
            to=number,
            text=text,
            template=template,
            values=values,
            cls=MessageClass[cls],
            sender=sender,
            idempotency_key=key,
            by=request[CALLER].name,
            brand=brand,
        )

    def _check_brand(self, fields: Fields, brand: str, sender: str | None) -> None:
        book = self._services.book
        if brand not in book.brands:
            fields.wrong("brand", f"is not in gateway.toml; there are {', '.join(book.brands)}")
        elif sender is not None and sender in book.senders and brand not in book.senders[sender].brands:
            fields.wrong("sender", f"is no sender of brand {brand}")

    def _try_template(self, asked: Sending) -> None:
        """Says at once what is wrong with a template or its values. Raises Problem 422."""
        if asked.template is None:
            return
        book = self._services.book
        brand = book.brand_for(asked.brand, asked.sender)
        always = {"brand": brand.display_name, "help": brand.help_contact, "ask": True, "offer": None}
        try:
            book.texts.render(asked.template, brand.default_language, always | asked.values, timezone=brand.timezone)
        except MissingText:
            said = "is no text of the catalogue (templates/LANGUAGE/*.toml)"
            raise Problem("invalid-message", f"template {said}", [("/template", said)]) from None
        except BadText as bad:
            said = str(bad).rpartition("): ")[2]
            raise Problem("invalid-message", f"values: {said}", [("/values", said)]) from None

    async def _require_same(self, message_id: int, asked: Sending) -> None:
        """The same key for another message is a mistake that must not pass in silence."""
        known = (await self._services.store.read(messages_by_id, [message_id])).get(message_id)
        if known is None:
            return
        other_text = asked.text is not None and known.text != asked.text.strip()
        if known.theirs != asked.to or other_text:
            said = "the idempotency key was used before, for another message"
            raise Problem("idempotency-clash", said, [("/idempotency_key", said)])

    async def find(self, request: web.Request) -> web.Response:
        """The search of care reps: newest first."""
        query = Query(request, FILTERS)
        filters = _filters(query)
        if query.text("campaign") is not None or (filters.channel is not None and filters.channel not in CHANNELS):
            return whole([])
        try:
            found = await self._services.store.read(search, filters, query.limit)
        except BadFilter as bad:
            raise wrong(bad.name, str(bad)) from None
        except TooWide:
            raise Problem("search-too-wide", "the search takes too long; narrow it by address, from and to") from None
        items = [message_object(message) for message in found.messages]
        return page(items, found.messages[-1].id if found.messages else None, more=found.more)

    async def get(self, request: web.Request) -> web.Response:
        """One message with its timeline."""
        found = await self._services.store.read(trace, id_of(request))
        if found is None:
            raise Problem("not-found", "no message has this id")
        return answer({**message_object(found.message), "timeline": timeline(found)})

    async def resend(self, request: web.Request) -> web.Response:
        """A new message with the same words, linked to the old one."""
        made = await self._services.desk.resend(id_of(request), request[CALLER].name)
        return answer({"message": str(made.id)}, 202)


def number_of(fields: Fields) -> str:
    """The phone number `to`, "" where it is none, which is noted."""
    to = fields.name("to", required=True, most=64) or ""
    number = to
    try:
        address = parse_address(to) if to else None
        if address is not None and address.kind != "tel":
            fields.wrong("to", f"is a {address.kind}: address; that channel is not there yet, use +15551234567")
        number = address.value if address else ""
    except BadAddress:
        fields.wrong("to", "must be a phone number: + and 7 to 15 digits, the first not 0, such as +15551234567")
    return number


def idempotency_key(fields: Fields, request: web.Request) -> str | None:
    """`idempotency_key` of the body, or the header Idempotency-Key; each caller's keys are their own."""
    key = fields.name("idempotency_key", most=LONGEST_KEY)
    header = request.headers.get("Idempotency-Key")
    if header is not None:
        header = header.strip().strip('"')
        if not 0 < len(header) <= LONGEST_KEY or not header.isprintable():
            fields.wrong("idempotency_key", f"(header Idempotency-Key) must have 1 to {LONGEST_KEY} characters")
        elif key is not None and key != header:
            fields.wrong("idempotency_key", "differs from the header Idempotency-Key; send one of them")
        key = key or header
    return f"{request[CALLER].name}:{key}" if key else None


def _filters(query: Query) -> Filters:
    """The parameters as filters. Raises Problem 400."""
    since, until = query.instant("from"), query.instant("to")
    if since is not None and until is not None and since > until:
        raise wrong("from", "must not be after `to`")
    return Filters(
        address=query.customer("address"),
        customer=query.customer("customer"),
        conversation=query.number("conversation"),
        channel=query.choice("channel", ALL_CHANNELS),
        direction=query.choice("direction", DIRECTIONS),
        disposition=query.choice("disposition", tuple(Disposition)),
        error=query.text("error", 64),
        since=since,
        until=until,
        words=query.text("q"),
        before=query.cursor,
    )
