"""The table of all calls: what is served, who may, and what the OpenAPI document says of it."""

from collections.abc import Callable, Mapping, Sequence

from gateway.model.conversation import ConversationState
from gateway.model.message import Disposition
from gateway.model.offer import OfferState
from gateway.web import schemas
from gateway.web.backlog import Backlog
from gateway.web.canned import Replies
from gateway.web.commands import Commands
from gateway.web.conversations import Conversations
from gateway.web.customers import LONGEST, Customers
from gateway.web.events import BATCH, PLAIN, STRUCTURED, Events
from gateway.web.landing import Landing
from gateway.web.messages import ALL_CHANNELS, Messages
from gateway.web.offers import Offers
from gateway.web.openapi import document as openapi_document
from gateway.web.openapi import event_schemas
from gateway.web.operations import Operations
from gateway.web.reading import Reading
from gateway.web.routes import (
    ADMINS,
    DESK,
    EVERYBODY,
    JSON_TYPE,
    READERS,
    SENDERS,
    STAFF,
    SUPERVISORS,
    Body,
    Handle,
    Parameter,
    Route,
)
from gateway.web.schemas import AGENT, exactly, one_of, page_of, ref, shows, words
from gateway.web.services import Services

_ID = Parameter("id", "The id.", schemas.ID, "path", "1882570987929600005")
_LIMIT = Parameter("limit", "How many items.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50})
_CURSOR = Parameter("cursor", "The `next` of the page before.", {"type": "string", "minLength": 1, "maxLength": 100})
_SHORT: Mapping[str, object] = {"type": "string", "minLength": 1, "maxLength": 300}
_REFERENCE = "The customer: `tel:+15551234567`, `+15551234567`, `customer:YOUR-ID`, or our id."
_WRITING = ("not-json", "not-an-object", "too-large", "unsupported-media-type")
_KEY = Parameter(
    "Idempotency-Key", "The same key sends once; a repetition gets the first answer.", words(200), "header"
)


def all_routes(services: Services) -> list[Route]:
    """Every call of this server."""
    backlog = Backlog(lambda: services.settings.limits.queued, services.queued)
    talks = Conversations(services)
    routes = [
        *_events(Events(services, backlog), services),
        *_messages(Messages(services, backlog)),
        *_talks(talks),
        *_conversations(talks),
        *_verbs(Commands(services, talks)),
        *_canned(Replies(services)),
        *_others(Offers(services), Customers(services)),
        *_operations(Operations(services)),
    ]
    landing = Landing(services)
    routes.append(
        Route(
            "GET", "/c/{token}", "landing", landing.get, EVERYBODY, "The link of a text", "pages",
            what="A page that shows the notice and what to reply. Looking at it changes nothing.",
            parameters=(Parameter("token", "The token.", words(64), "path", "Mt7dHAxVJuIzcDP9"),),
            answers={200: (None, "The notice."), 404: (None, "Unknown link."), 410: (None, "The link has ended.")},
            media="text/html",
        )
    )  # fmt: skip
    reading = Reading(services, lambda: openapi_document(routes, services))
    routes += _documents(reading)
    return routes


def _get(
    path: str,
    name: str,
    handle: Handle,
    roles: frozenset[str],
    summary: str,
    tag: str,
    schema: Mapping[str, object] | None,
    *parameters: Parameter,
    what: str = "",
    problems: tuple[str, ...] = (),
    media: str = JSON_TYPE,
    hidden: bool = False,
) -> Route:
    """A call that reads."""
    lost = ("not-found",) if "{" in path else ()
    wrong = ("invalid-parameter",) if any(one.where == "query" for one in parameters) else ()
    return Route(
        "GET", path, name, handle, roles, summary, tag, what, parameters, None, {200: (schema, "What was asked for.")},
        (*lost, *wrong, *problems), media, hidden,
    )  # fmt: skip


def _events(events: Events, services: Services) -> Sequence[Route]:
    single = {"anyOf": [ref(name) for name in event_schemas(services.book)]}
    example = {
        "specversion": "1.0",
        "id": "bill-2026-11-22-0001",
        "source": "/billing",
        "type": "plan.overage",
        "subject": "tel:+15551234567",
        "time": "2026-11-22T14:59:00Z",
        "data": {"plan": "Basic 300", "minutes_over": 120, "charge": "50.00", "currency": "USD"},
    }
    batch = {"type": "array", "maxItems": 10_000, "items": single}
    return (
        Route(
            "POST", "/v1/events", "post_event", events.post, SENDERS, "Post one business event, or a batch", "events",
            what=(
                "CloudEvents 1.0. 202 means: it is on disk. The same `source` and `id` again gets the same answer with "
                "`duplicate: true`; with another type, subject or data 409. In a batch each event stands or falls "
                "alone. Binary mode: attributes as percent-encoded `ce-` headers, the data as the JSON body."
            ),
            body=Body({STRUCTURED: (single, example), BATCH: (batch, [example]), PLAIN: (single, example)}),
            answers={202: ({"anyOf": [ref("Taken"), ref("BatchTaken")]}, "On disk.")},
            problems=(
                *_WRITING, "invalid-event", "unknown-event-type", "invalid-data", "unknown-customer", "unknown-brand",
                "unknown-sender", "channel-not-there", "event-clash", "backlog-full",
            ),
        ),
        _get("/v1/events/{id}", "get_event", events.get, READERS, "What became of an event", "events",
             ref("EventLife"), _ID),
    )  # fmt: skip


def _messages(messages: Messages) -> Sequence[Route]:
    example = {"to": "+15551234567", "text": "Your parcel is at the desk.", "class": "transactional"}
    filters = (
        Parameter(
            "address", "Whole number, its beginning (`+1555`), or 4 or more last digits.", _SHORT, example="4567"
        ),
        Parameter("customer", _REFERENCE, _SHORT),
        Parameter("conversation", "Id of a conversation.", schemas.ID),
        Parameter("channel", "The channel.", one_of(ALL_CHANNELS)),
        Parameter("direction", "mo: from the phone; mt: to it.", one_of(("mo", "mt"))),
        Parameter("disposition", "How it ended.", one_of(Disposition)),
        Parameter("error", "The carrier's raw code, such as 0x0000000B.", _SHORT),
        Parameter("campaign", "Campaigns are not there yet: an empty list.", _SHORT),
        Parameter("from", "Not before this time.", {"type": "string", "format": "date-time"}),
        Parameter("to", "Before this time.", {"type": "string", "format": "date-time"}),
        Parameter("q", "Words of the text; all of them must occur.", _SHORT),
        _LIMIT,
        _CURSOR,
    )
    return (
        Route(
            "POST", "/v1/messages", "post_message", messages.post, SENDERS, "Send one message", "messages",
            what="Through all gates: consent, quiet hours, caps. Without `class` it counts as promotional.",
            parameters=(_KEY,),
            body=Body({JSON_TYPE: (schemas.SENDING, example)}),
            answers={202: (ref("Queued"), "On disk; its timeline says what becomes of it.")},
            problems=(*_WRITING, "invalid-message", "refused", "idempotency-clash", "backlog-full"),
        ),
        _get("/v1/messages", "find_messages", messages.find, READERS, "Search messages, newest first", "messages",
             page_of(ref("Message")), *filters, problems=("search-too-wide",)),
        _get("/v1/messages/{id}", "get_message", messages.get, READERS, "One message with its timeline", "messages",
             ref("TracedMessage"), _ID),
        Route(
            "POST", "/v1/messages/{id}/resend", "resend_message", messages.resend, DESK | SENDERS,
            "Send a message again", "messages",
            what="A new message with the same words, linked to the old one, through all gates.",
            parameters=(_ID,), answers={202: (ref("Queued"), "The new message.")},
            problems=("not-found", "refused"),
        ),
    )  # fmt: skip


def _talks(talks: Conversations) -> Sequence[Route]:
    filters = (
        Parameter("state", "Where it stands.", one_of(ConversationState)),
        Parameter("queue", "Name of a queue.", _SHORT),
        Parameter("agent", "Name or JID of an agent.", _SHORT),
        Parameter("customer", _REFERENCE, _SHORT),
        Parameter("brand", "Name of a brand.", _SHORT),
        Parameter("tag", "A tag that it has.", _SHORT),
        _LIMIT,
        _CURSOR,
    )
    tag, card = "conversations", ref("ConversationCard")
    number = {"type": "string", "pattern": schemas.NUMBER_PATTERN, "maxLength": 64}
    start = exactly(
        {"to": number, "text": words(1600)}, {"agent": AGENT, "brand": words(64), "idempotency_key": words(200)}
    )
    return (
        _get("/v1/conversations", "find_conversations", talks.find, READERS, "Conversations, newest first", tag,
             page_of(ref("Conversation")), *filters, problems=("search-too-wide",)),
        _get("/v1/conversations/{id}", "get_conversation", talks.get, READERS, "One conversation", tag, card, _ID,
             what="With the notes of the desk, except for integrators."),
        Route(
            "POST", "/v1/conversations", "start_conversation", talks.start, DESK, "An agent writes first", tag,
            what="To a number without an open conversation with the brand. The agent has the new one. All gates hold. "
            "A text that is a note or a command of the desk is refused.",
            parameters=(_KEY,),
            body=Body({JSON_TYPE: (start, {"to": "+15551234568", "agent": "Ana", "text": "Your parcel is here."})}),
            answers={201: (card, "The conversation.")},
            problems=(*_WRITING, "invalid-message", "refused", "not-owner", "idempotency-clash"),
        ),
    )  # fmt: skip


def _conversations(talks: Conversations) -> Sequence[Route]:
    agent, disposition = {"agent": AGENT}, {"disposition": words(64)}
    say = exactly({"text": words(1600)}, {**agent, "idempotency_key": words(200)})
    note = exactly({"text": words(1600)}, agent)
    transfer = exactly({"to": words(200)}, {"reason": words(500), **agent})
    close = exactly(disposition, {"note": words(1600), **agent})
    tags = {"type": "array", "maxItems": 10, "items": words(200)}
    tagging = exactly({}, {"add": tags, "remove": tags})
    canned = exactly({"name": words(40)}, {"values": schemas.VALUES, **agent, "idempotency_key": words(200)})
    tag, card, sending = "conversations", ref("ConversationCard"), ("messages", "canned")

    def verb(path: str, name: str, handle: Handle, summary: str, schema: Mapping[str, object], example: object,
             status: int = 200, shown: Mapping[str, object] = card) -> Route:  # fmt: skip
        return Route(
            "POST", f"/v1/conversations/{{id}}/{path}", name, handle, DESK, summary, tag,
            parameters=(_ID, _KEY) if path in sending else (_ID,),
            body=Body({JSON_TYPE: (schema, example)}),
            answers={status: (shown, "Done.")},
            problems=(
                *_WRITING, "not-found", "invalid-message" if path in sending else "invalid-action", "refused",
                "not-owner",
            ),
        )  # fmt: skip

    return (
        verb("messages", "say", talks.say, "The agent's words to the customer", say,
             {"agent": "Ana", "text": "I am looking into it."}, 202, ref("Queued")),
        verb("canned", "say_canned", talks.say_canned, "A canned reply in the agent's name", canned,
             {"agent": "Ana", "name": "refund", "values": {"amount": "20.00"}}, 202, ref("CannedSent")),
        verb("claim", "claim", talks.claim, "Take a waiting conversation", exactly({}, agent), {"agent": "Ana"}),
        verb("transfer", "transfer", talks.transfer, "Give it to a queue or an agent", transfer,
             {"agent": "Ana", "to": "billing", "reason": "a question of money"}),
        verb("close", "close", talks.close, "Close it with its outcome", close,
             {"agent": "Ana", "disposition": "resolved"}),
        verb("hand-back", "hand_back", talks.hand_back, "Give it back to the handler",
             exactly({}, {**disposition, **agent}), {"agent": "Ana", "disposition": "resolved"}),
        verb("notes", "add_note", talks.note, "A note that never leaves the desk", note,
             {"text": "Called twice before."}, 201),
        verb("tags", "tag", talks.tag, "Add tags, or take some away", tagging, {"add": ["refund"], "remove": []}),
    )  # fmt: skip


def _verbs(commands: Commands) -> Sequence[Route]:
    name = Parameter("verb", "Its name.", _SHORT, "path", "offer")
    agent = Parameter("agent", "Name or JID of the agent who asks.", _SHORT)
    body = exactly(
        {},
        {
            "agent": AGENT,
            "values": {"type": "object", "additionalProperties": words(1600)},
            "idempotency_key": words(200),
        },
    )
    who = Parameter("agent", "Name or JID.", _SHORT, "path", "Ana")
    stands = schemas.shows({"jid": schemas.TEXT, "presence": schemas.TEXT})
    return (
        Route(
            "POST", "/v1/agents/{agent}/away", "away", commands.away, DESK, "Take no conversations", "conversations",
            what="As `/away` in a chat client: nobody asks the agent, who keeps what they have.",
            parameters=(who,), answers={200: (stands, "Done.")}, problems=("invalid-action",),
        ),
        Route(
            "POST", "/v1/agents/{agent}/available", "available", commands.available, DESK, "Take conversations again",
            "conversations", parameters=(who,), answers={200: (stands, "Done.")}, problems=("invalid-action",),
        ),
        _get("/v1/conversations/{id}/verbs", "verbs", commands.find, DESK, "What an agent can do", "conversations",
             page_of(ref("Verb")), _ID, agent, _LIMIT, _CURSOR,
             what="Each verb of the desk, with what it asks just now; the same as in an agent's chat client.",
             problems=("not-found", "not-owner", "invalid-action")),
        Route(
            "POST", "/v1/conversations/{id}/verbs/{verb}", "run_verb", commands.run, DESK, "Do it", "conversations",
            parameters=(_ID, name, _KEY),
            body=Body({JSON_TYPE: (body, {"agent": "Ana", "values": {"name": "unlimited"}})}),
            answers={200: (schemas.shows({"text": schemas.TEXT}), "Done; what, as a sentence.")},
            problems=(*_WRITING, "not-found", "invalid-action", "refused", "not-owner"),
        ),
    )  # fmt: skip


def _canned(replies: Replies) -> Sequence[Route]:
    tag, shown = "canned", ref("CannedReply")
    name = Parameter("name", "Its name.", words(40), "path", "refund")
    example = {
        "brand": "acme",
        "title": "The refund is on its way",
        "texts": {"en": "Hi, {{ agent }} of {{ brand }} here: your refund of {{ amount }} is on its way."},
        "fields": [{"name": "amount", "type": "money", "currency": "USD"}],
    }
    trial = exactly({}, {"values": schemas.VALUES, "language": words(20), "customer": words(200), "agent": words(200)})
    return (
        _get("/v1/canned", "find_canned", replies.find, STAFF, "All canned replies", tag, page_of(shown)),
        _get("/v1/canned/{name}", "get_canned", replies.get, STAFF, "One canned reply", tag, shown, name),
        Route(
            "PUT", "/v1/canned/{name}", "put_canned", replies.put, SUPERVISORS, "Keep a canned reply", tag,
            what="In the place of the one of this name. Texts are templates as in the catalogue; a field is shown as "
            "its type says. `customer` (may be empty), `agent`, `brand` and `help` are given by themselves.",
            parameters=(name,), body=Body({JSON_TYPE: (schemas.CANNED, example)}), answers={200: (shown, "Kept.")},
            problems=(*_WRITING, "invalid-reply"),
        ),
        Route(
            "DELETE", "/v1/canned/{name}", "delete_canned", replies.delete, SUPERVISORS, "Drop a canned reply", tag,
            parameters=(name,), answers={200: (shown, "It was this.")}, problems=("not-found",),
        ),
        Route(
            "POST", "/v1/canned/{name}/preview", "preview_canned", replies.preview, DESK, "What a customer would read",
            tag, parameters=(name,),
            body=Body({JSON_TYPE: (trial, {"values": {"amount": "20.00"}, "language": "en", "customer": "Ann"})}),
            answers={200: (ref("CannedText"), "The words and what they cost.")},
            problems=(*_WRITING, "not-found", "invalid-message", "refused"),
        ),
    )  # fmt: skip


def _others(offers: Offers, customers: Customers) -> Sequence[Route]:
    filters = (
        Parameter("customer", _REFERENCE, _SHORT),
        Parameter("conversation", "Id of a conversation.", schemas.ID),
        Parameter("state", "Where it stands.", one_of(OfferState)),
        Parameter("name", "Name of the offer.", _SHORT),
        _LIMIT,
        _CURSOR,
    )
    who = Parameter("ref", _REFERENCE, _SHORT, "path", "+15551234567")
    people = STAFF | {"privacy"}
    given = exactly({}, {name: {**schemas.TEXT_OR_NULL, "minLength": 1, "maxLength": n} for name, n in LONGEST.items()})
    kept = shows({"id": schemas.ID, "customer": schemas.TEXT, **dict.fromkeys(LONGEST, schemas.TEXT_OR_NULL)})
    return (
        _get("/v1/offers", "find_offers", offers.find, READERS, "Offers, newest first", "offers",
             page_of(ref("Offer")), *filters, problems=("search-too-wide",)),
        _get("/v1/offers/{id}", "get_offer", offers.get, READERS, "One offer: price as shown, acceptance, fulfilment",
             "offers", ref("Offer"), _ID),
        _get("/v1/customers/{ref}", "get_customer", customers.get, people, "Profile and consent", "customers",
             ref("Customer"), who),
        Route(
            "PUT", "/v1/customers/{ref}", "put_customer", customers.put, SENDERS | SUPERVISORS, "Say who a customer is",
            "customers", what="What is given is set, null is forgotten, what is not given stays. Agents read "
            "`Ann, gold` (name, tier) on cards and among their contacts; `external_id` is your own id, which "
            "`customer:YOUR-ID` means in events. A phone number that is not known becomes a customer.",
            parameters=(who,), body=Body({JSON_TYPE: (given, {"name": "Ann", "tier": "gold", "language": "es-MX"})}),
            answers={200: (kept, "As it is now."), 201: (kept, "A new customer.")},
            problems=(*_WRITING, "invalid-customer", "not-found", "conflict"),
        ),
        _get("/v1/customers/{ref}/consent", "get_consent", customers.consent, people, "The ledger of consent",
             "customers", page_of(ref("ConsentLine")), who),
    )  # fmt: skip


def _operations(ours: Operations) -> Sequence[Route]:
    tag = "operations"
    return (
        _get("/v1/carriers", "carriers", ours.carriers, STAFF, "Links to carriers", tag, page_of(ref("Carrier"))),
        _get("/v1/queues", "queues", ours.queues, STAFF, "Who waits where", tag, page_of(ref("Queue"))),
        _get("/v1/agents", "agents", ours.agents, STAFF, "Who answers", tag, page_of(ref("Agent"))),
        _get("/v1/dead-letters", "dead_letters", ours.dead, ADMINS, "Work that was given up", tag,
             page_of(ref("DeadLetter")), _LIMIT, _CURSOR),
        Route(
            "POST", "/v1/dead-letters/{id}/replay", "replay", ours.replay, ADMINS, "Try it again, after a fix", tag,
            parameters=(_ID,),
            answers={202: (schemas.shows({"id": schemas.ID, "state": schemas.TEXT}), "It is due now.")},
            problems=("not-found", "not-replayable"),
        ),
        _get("/health/live", "live", ours.live, EVERYBODY, "Whether the process answers", tag, ref("Health")),
        Route(
            "GET", "/health/ready", "ready", ours.ready, EVERYBODY, "Whether work is taken", tag,
            answers={200: (ref("Readiness"), "ok, or degraded with reasons."), 503: (ref("Readiness"), "Not now.")},
        ),
        _get("/metrics", "metrics", ours.metrics, EVERYBODY, "Prometheus text", tag, None, media="text/plain"),
    )  # fmt: skip


def _documents(reading: Reading) -> Sequence[Route]:
    tag, html = "pages", "text/html"
    name = Parameter("name", "Its name.", _SHORT, "path", "not-json")
    get: Callable[..., Route] = _get
    return (
        get("/openapi.json", "openapi", reading.openapi, EVERYBODY, "This document", tag, {"type": "object"}),
        get("/docs", "docs", reading.docs, EVERYBODY, "This document, to read", tag, None, media=html),
        get("/problems/{name}", "problem", reading.problem, EVERYBODY, "What a kind of problem means", tag, None, name,
            media=html),
        get("/", "start", reading.start, EVERYBODY, "The way to /docs", tag, None, media=html, hidden=True),
        get("/favicon.ico", "icon", reading.icon, EVERYBODY, "The icon of our pages", tag, None, hidden=True,
            media="image/svg+xml"),
        get("/pages/{name}", "asset", reading.asset, EVERYBODY, "Style of our pages", tag, None, name, hidden=True,
            media="text/css"),
    )  # fmt: skip
