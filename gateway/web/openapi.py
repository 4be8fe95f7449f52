"""The OpenAPI 3.1 document, made of the same table that registers the calls, and of the handlers that are loaded."""

from collections.abc import Mapping, Sequence

import gateway
from gateway.care.playbook import Playbook
from gateway.web.cloudevents import LONGEST_ID, LONGEST_SOURCE, book_of
from gateway.web.problems import KINDS, TYPE
from gateway.web.routes import Route
from gateway.web.schemas import COMPONENTS, ref
from gateway.web.services import Services

_TAGS = {
    "events": "Facts from business systems (CloudEvents 1.0) that start a handler.",
    "messages": "Single texts: send, search, trace, send again.",
    "conversations": "Who has the turn, and what an agent can do.",
    "canned": "Replies that care staff keep, with fields to fill in.",
    "offers": "Priced proposals and their fulfilment.",
    "customers": "Who they are and what they permit.",
    "operations": "Carriers, queues, agents, dead letters, health.",
    "pages": "For people: links of texts, documents.",
}
_GUARDED = ("unauthorized", "forbidden", "too-many-failures", "busy", "stopping", "store-closed")
_WRITING = ("store-full",)
_SUBJECT = r"^(tel:\+[1-9][0-9]{6,14}|customer:[^\s].{0,199})$"
_TIME = {"type": "string", "format": "date-time"}


def event_schemas(playbook: Playbook) -> dict[str, dict[str, object]]:
    """A schema for each type of event that a handler is loaded for, by its component name."""
    return {f"Event-{type_}": _event(type_, playbook) for type_ in sorted(book_of(playbook).handlers)}


def _event(type_: str, playbook: Playbook) -> dict[str, object]:
    brands, senders = list(playbook.brands), list(playbook.senders)
    handler = playbook.handlers[type_]
    data = _rooted(handler.json_schema(), f"#/components/schemas/Event-{type_}/properties/data/$defs/")
    extras: dict[str, object] = {
        "brand": {"type": "string", "enum": brands},
        "expires": {**_TIME, "description": "After this the event is worthless and says nothing."},
    }
    if senders:
        extras["sender"] = {"type": "string", "enum": senders, "description": "An address of the brand."}
    required = ["specversion", "id", "source", "type", "subject", "data"]
    return {
        "type": "object",
        "description": (handler.schema.__doc__ or "").strip().partition("\n")[0],
        "required": required if len(brands) == 1 else [*required, "brand"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": LONGEST_ID},
            "source": {"type": "string", "minLength": 1, "maxLength": LONGEST_SOURCE},
            "type": {"const": type_},
            "subject": {"type": "string", "pattern": _SUBJECT, "description": "The customer."},
            "time": _TIME,
            "datacontenttype": {"const": "application/json"},
            "data": data,
            **extras,
        },
        "patternProperties": {"^[a-z0-9]{1,40}$": {"description": "Other extension attributes are not kept."}},
        "additionalProperties": False,
    }


def _rooted(schema: object, place: str) -> object:
    """A schema whose references to its own definitions hold within the whole document."""
    if isinstance(schema, dict):
        rooted = {name: _rooted(inner, place) for name, inner in schema.items()}
        target = schema.get("$ref")
        if isinstance(target, str) and target.startswith("#/$defs/"):
            rooted["$ref"] = place + target.removeprefix("#/$defs/")
        return rooted
    if isinstance(schema, list):
        return [_rooted(inner, place) for inner in schema]
    return schema


def document(routes: Sequence[Route], services: Services) -> dict[str, object]:
    """The whole document."""
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        if not route.hidden:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Careline",
            "version": gateway.__version__,
            "description": (
                "Two-way SMS customer care: events in, texts out, replies to bots and people. Errors are RFC 9457 "
                "problems. Ids are strings, times RFC 3339 in UTC. Lists page by `limit` and `cursor`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": services.public_url}],
        "tags": [{"name": name, "description": said} for name, said in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {**COMPONENTS, **event_schemas(services.book)},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
            "responses": {
                name: {
                    "description": f"{kind.title}. {kind.advice}",
                    "content": {TYPE: {"schema": ref("Problem")}},
                }
                for name, kind in KINDS.items()
            },
        },
    }


def _operation(route: Route) -> dict[str, object]:
    operation: dict[str, object] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "responses": _responses(route),
    }
    if route.what:
        operation["description"] = route.what
    if route.roles:
        operation["security"] = [{"key": []}]
        operation["x-roles"] = sorted(route.roles | {"admin"})
    else:
        operation["security"] = []
    if route.parameters:
        operation["parameters"] = [
            {
                "name": one.name,
                "in": one.where,
                "required": one.where == "path",
                "description": one.what,
                "schema": one.schema,
                **({"example": one.example} if one.example is not None else {}),
            }
            for one in route.parameters
        ]
    if route.body is not None:
        content = {kind: {"schema": schema, "example": shown} for kind, (schema, shown) in route.body.content.items()}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(route: Route) -> dict[str, object]:
    responses: dict[str, object] = {}
    for status, (schema, said) in route.answers.items():
        content: Mapping[str, object] = {"schema": schema} if schema is not None else {}
        kind = TYPE if status >= 400 and route.media != "text/html" and schema == ref("Problem") else route.media
        responses[str(status)] = {"description": said, "content": {kind: content}}
    by_status: dict[int, list[str]] = {}
    names = (*route.problems, *(_GUARDED if route.roles else ()), *(_WRITING if route.method != "GET" else ()))
    for name in dict.fromkeys(names):
        by_status.setdefault(KINDS[name].status, []).append(name)
    for status, kinds in sorted(by_status.items()):
        if str(status) not in responses and len(kinds) == 1:
            responses[str(status)] = {"$ref": f"#/components/responses/{kinds[0]}"}
        elif str(status) not in responses:
            said = " Or: ".join(f"{KINDS[name].title} (`{name}`)." for name in kinds)
            responses[str(status)] = {"description": said, "content": {TYPE: {"schema": ref("Problem")}}}
    return responses
