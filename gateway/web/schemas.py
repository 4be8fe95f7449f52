"""JSON Schemas of what the API takes and gives, for the OpenAPI document."""

from collections.abc import Mapping

from gateway.model.canned import FieldKind
from gateway.model.channel import Encoding
from gateway.model.conversation import ConversationState, OwnerKind
from gateway.model.message import Disposition
from gateway.model.offer import OfferState
from gateway.settings import MESSAGE_CLASSES

Schema = Mapping[str, object]
TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
ID: Schema = {"type": "string", "pattern": "^[0-9]{1,19}$", "description": "An id. Larger ids are newer."}
ID_OR_NULL: Schema = {"type": ["string", "null"], "pattern": "^[0-9]{1,19}$"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
TIME: Schema = {"type": "string", "format": "date-time", "description": "RFC 3339, UTC."}
TIME_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}
# What a telephone number looks like here: the shape of E.164, never the numbering plan.
NUMBER_PATTERN = r"^(tel:)?\+[1-9][0-9]{6,14}$"


def ref(name: str) -> Schema:
    """A schema by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(words: object) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": [str(word) for word in words]}  # type: ignore[attr-defined]


def exactly(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, **more: object) -> Schema:
    """An object with these members and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
        **more,
    }


def shows(members: Mapping[str, Schema]) -> Schema:
    """An object that we answer: all of these members; later versions may have more."""
    return {"type": "object", "required": list(members), "properties": dict(members)}


def page_of(item: Schema) -> Schema:
    """A page of a list."""
    return shows({"items": {"type": "array", "items": item}, "next": TEXT_OR_NULL})


def words(most: int) -> Schema:
    """A text that is not blank."""
    return {"type": "string", "minLength": 1, "maxLength": most}


_MESSAGE: dict[str, Schema] = {
    "id": ID,
    "channel": TEXT,
    "direction": one_of(("mo", "mt")),
    "from": TEXT,
    "to": TEXT,
    "text": TEXT,
    "class": one_of(MESSAGE_CLASSES),
    "state": one_of(("held", "queued", "sending", "sent", "final")),
    "disposition": {"type": ["string", "null"], "enum": [*map(str, Disposition), None]},
    "possible_duplicate": {"type": "boolean"},
    "segments": COUNT,
    "conversation": ID_OR_NULL,
    "event": ID_OR_NULL,
    "customer": TEXT,
    "brand": TEXT,
    "author": shows({"kind": TEXT, "id": TEXT}),
    "offer": ID_OR_NULL,
    "resends": ID_OR_NULL,
    "corrects": ID_OR_NULL,
    "encoding": TEXT_OR_NULL,
    "carrier": TEXT_OR_NULL,
    "error": TEXT_OR_NULL,
    "reason": TEXT_OR_NULL,
    "at": TIME,
    "expires_at": TIME_OR_NULL,
}
_MOMENT = shows(
    {
        "at": TIME,
        "kind": one_of(
            (
                "event",
                "gate",
                "render",
                "attempt",
                "response",
                "receipt",
                "reply",
                "agent",
                "offer",
                "resend",
                "correction",
            )
        ),
        "route": TEXT_OR_NULL,
        "remote_id": TEXT_OR_NULL,
        "code": TEXT_OR_NULL,
        "reason": TEXT_OR_NULL,
        "segment": {"type": ["integer", "null"]},
    }
)
_CONVERSATION: dict[str, Schema] = {
    "id": ID,
    "customer": TEXT,
    "brand": TEXT,
    "state": one_of(ConversationState),
    "owner": shows({"kind": one_of(OwnerKind), "id": TEXT}),
    "queue": TEXT_OR_NULL,
    "agent": TEXT_OR_NULL,
    "handler": TEXT_OR_NULL,
    "step": TEXT_OR_NULL,
    "slots": {"type": "object"},
    "channel": TEXT,
    "disposition": TEXT_OR_NULL,
    "tags": TEXTS,
    "offers": {"type": "array", "items": ID},
    "messages": {"type": "array", "items": ID},
    "event": ID_OR_NULL,
    "why": TEXT_OR_NULL,
    "queued_at": TIME_OR_NULL,
    "priority": {"type": "integer"},
    "opened_at": TIME,
    "changed_at": TIME,
    "closed_at": TIME_OR_NULL,
    "previous": ID_OR_NULL,
    "promises": {
        "type": "object",
        "description": "What the queue promised: first_response, next_response, resolve. While we wait for the "
        "customer resolve is paused: it is due when it was open for `left_seconds` more, once they have answered.",
        "additionalProperties": shows(
            {
                "state": one_of(("running", "warned", "paused", "kept", "late")),
                "due": TIME_OR_NULL,
                "left_seconds": {"type": ["integer", "null"], "minimum": 0},
            }
        ),
    },
    "unanswered": {
        **shows(
            {
                "since": TIME,
                "reminded": {"type": "boolean"},
                "reminder_at": TIME_OR_NULL,
                "back_to_queue_at": TIME_OR_NULL,
            }
        ),
        "type": ["object", "null"],
        "description": "The customer waits for an answer: whether who has it was reminded, and what is next.",
    },
    "rests": {"type": "boolean", "description": "Its agent left and owes no answer: it waits for the customer."},
    "rating": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
}
_NOTE = shows({"id": ID, "at": TIME, "kind": TEXT, "author": TEXT, "text": TEXT})
_CALL = shows(
    {
        "id": ID,
        "backoffice": TEXT,
        "action": TEXT,
        "state": TEXT,
        "attempts": COUNT,
        "status": {"type": ["integer", "null"]},
        "at": TIME,
        "ended_at": TIME_OR_NULL,
    }
)
_OFFER: dict[str, Schema] = {
    "id": ID,
    "name": TEXT,
    "family": TEXT,
    "brand": TEXT,
    "customer": TEXT,
    "conversation": ID,
    "event": ID_OR_NULL,
    "message": ID_OR_NULL,
    "title": TEXT,
    "price": TEXT,
    "currency": TEXT,
    "period": TEXT,
    "class": one_of(("service", "promotional")),
    "state": one_of(OfferState),
    "made_by": TEXT,
    "made_at": TIME,
    "words": TEXT,
    "expires_at": TIME,
    "accepted_at": TIME_OR_NULL,
    "accepted_via": TEXT_OR_NULL,
    "accepted_by": TEXT_OR_NULL,
    "accepted_words": TEXT_OR_NULL,
    "ended_at": TIME_OR_NULL,
    "fulfilment": {"type": "array", "items": _CALL},
}
_LEDGER = shows({"at": TIME, "brand": TEXT, "act": TEXT, "method": TEXT, "evidence": TEXT, "actor": TEXT})

CANNED_FIELD = exactly(
    {"name": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,29}$"}, "type": one_of(FieldKind)},
    {
        "label": {"type": "string", "maxLength": 60},
        "required": {"type": "boolean", "default": True},
        "choices": {"type": "array", "maxItems": 20, "items": words(60)},
        "currency": {"type": "string", "maxLength": 3, "description": "ISO 4217; of money."},
    },
)
VALUES: Schema = {
    "type": "object",
    "maxProperties": 10,
    "additionalProperties": words(300),
    "description": "By name of the field: numbers as 1200.50, dates as 2026-01-31.",
}
CANNED = exactly(
    {"texts": {"type": "object", "minProperties": 1, "maxProperties": 10, "additionalProperties": words(1600)}},
    {
        "brand": words(64),
        "queue": words(64),
        "title": words(100),
        "fields": {"type": "array", "maxItems": 10, "items": CANNED_FIELD},
    },
)

COMPONENTS: Mapping[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457. `type` is a page that says what to do.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "errors": {"type": "array", "items": shows({"pointer": TEXT, "detail": TEXT})},
            "owner": {"type": "string", "description": "Who has the conversation, with a 409."},
        },
    },
    "Message": shows(_MESSAGE),
    "TracedMessage": shows({**_MESSAGE, "timeline": {"type": "array", "items": _MOMENT}}),
    "Conversation": shows(_CONVERSATION),
    "ConversationCard": {
        **shows(_CONVERSATION),
        "properties": {**_CONVERSATION, "notes": {"type": "array", "items": _NOTE}},
    },
    "Verb": shows(
        {
            "name": TEXT,
            "title": TEXT,
            "inputs": {
                "type": "array",
                "items": shows(
                    {
                        "name": TEXT,
                        "label": TEXT,
                        "required": {"type": "boolean"},
                        "choices": {"type": "array", "items": shows({"value": TEXT, "label": TEXT})},
                        "value": TEXT,
                    }
                ),
            },
        }
    ),
    "Offer": shows(_OFFER),
    "EventLife": shows(
        {
            "id": ID,
            "type": TEXT,
            "source": TEXT,
            "subject": TEXT,
            "state": one_of(("accepted", "running", "waiting", "done", "expired", "suppressed", "failed")),
            "handler": TEXT,
            "conversation": ID_OR_NULL,
            "messages": {"type": "array", "items": ID},
        }
    ),
    "Customer": shows(
        {
            "id": ID,
            "customer": TEXT,
            "external_id": TEXT_OR_NULL,
            "name": TEXT_OR_NULL,
            "tier": TEXT_OR_NULL,
            "language": TEXT_OR_NULL,
            "guessed_language": TEXT_OR_NULL,
            "timezone": TEXT_OR_NULL,
            "addresses": {"type": "array", "items": shows({"address": TEXT, "verified_at": TIME_OR_NULL})},
            "consent": {"type": "object", "additionalProperties": one_of(("granted", "revoked"))},
            "ledger": {"type": "array", "items": _LEDGER},
        }
    ),
    "ConsentLine": _LEDGER,
    "Carrier": shows(
        {
            "name": TEXT,
            "state": one_of(("down", "degraded", "up", "refused")),
            "reason": TEXT_OR_NULL,
            "binds": {"type": "array", "items": {"type": "object"}},
            "window": COUNT,
            "in_flight": COUNT,
            "tps": {"type": "number"},
            "errors": {"type": "object"},
            "receipts": {"type": "object"},
        }
    ),
    "Queue": shows(
        {
            "name": TEXT,
            "brand": TEXT_OR_NULL,
            "waiting": COUNT,
            "oldest": TIME_OR_NULL,
            "wait_minutes": {"type": ["integer", "null"]},
            "agents": TEXTS,
            "skills": TEXTS,
        }
    ),
    "Agent": shows({"jid": TEXT, "name": TEXT, "load": COUNT, "presence": TEXT, "languages": TEXTS, "skills": TEXTS}),
    "DeadLetter": shows(
        {
            "id": ID,
            "at": TIME,
            "lane": TEXT,
            "kind": TEXT,
            "customer": TEXT_OR_NULL,
            "carrier": TEXT_OR_NULL,
            "cause": TEXT,
            "state": TEXT,
        }
    ),
    "Taken": shows({"event": ID, "duplicate": {"type": "boolean"}}),
    "BatchTaken": shows(
        {
            "results": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": TEXT_OR_NULL,
                        "event": ID,
                        "duplicate": {"type": "boolean"},
                        "problem": ref("Problem"),
                    },
                    "required": ["id"],
                },
            }
        }
    ),
    "CannedReply": shows(
        {
            "name": TEXT,
            "brand": TEXT,
            "queue": TEXT_OR_NULL,
            "title": TEXT,
            "texts": {"type": "object", "additionalProperties": TEXT},
            "fields": {"type": "array", "items": CANNED_FIELD},
            "changed_at": TIME,
            "changed_by": TEXT,
        }
    ),
    "CannedText": shows({"text": TEXT, "encoding": one_of(Encoding), "segments": COUNT}),
    "CannedSent": shows({"message": ID, "text": TEXT, "encoding": TEXT_OR_NULL, "segments": COUNT}),
    "Queued": shows({"message": ID}),
    "Health": shows({"status": TEXT}),
    "Readiness": shows({"status": one_of(("ok", "degraded", "unavailable")), "reasons": TEXTS}),
}
"""Every named schema but those of events, which follow from the handlers that are loaded."""

SENDING: Schema = {
    "type": "object",
    "required": ["to"],
    "properties": {
        "to": {"type": "string", "pattern": NUMBER_PATTERN, "maxLength": 64},
        "text": words(1600),
        "template": {"type": "string", "minLength": 1, "maxLength": 200, "description": "Key of the catalogue."},
        "values": {
            "type": "object",
            "maxProperties": 50,
            "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": 1600},
        },
        "class": {**one_of(MESSAGE_CLASSES), "default": "promotional"},
        "brand": {"type": "string", "description": "Default: the one that owns the sender, else the first."},
        "sender": {"type": "string", "minLength": 1, "maxLength": 32},
        "channel": {**one_of(("sms",)), "default": "sms"},
        "idempotency_key": words(200),
    },
    "oneOf": [{"required": ["text"]}, {"required": ["template"]}],
    "additionalProperties": False,
}

AGENT: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "description": "Name or JID of an agent of gateway.toml; may be left out by an agent's own key.",
}
