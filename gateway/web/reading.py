"""Documents: the OpenAPI file, the same to read, and a page for each kind of problem."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from gateway.care.playbook import Playbook
from gateway.web import html
from gateway.web.answers import HEADERS, answer
from gateway.web.problems import KINDS, Problem
from gateway.web.services import Services

_ASSETS = {"style.css": "text/css; charset=utf-8"}
_DAY = "public, max-age=3600"


class Reading:
    """The documents of one server; made when first asked for, and again after a reload."""

    def __init__(self, services: Services, document: Callable[[], dict[str, object]]) -> None:
        self._services, self._document = services, document
        self._made_for: Playbook | None = None
        self._json = b""
        self._page = ""

    def _fresh(self) -> None:
        if self._made_for is not self._services.book:
            document = self._document()
            self._json = orjson.dumps(document, option=orjson.OPT_INDENT_2)
            self._page = html.render("docs.html", title="Careline API", **_shown(document))
            self._made_for = self._services.book

    async def openapi(self, request: web.Request) -> web.Response:
        """OpenAPI 3.1."""
        self._fresh()
        return web.Response(body=self._json, headers=HEADERS)

    async def docs(self, request: web.Request) -> web.Response:
        """The same for people."""
        self._fresh()
        return html.response(self._page)

    async def problem(self, request: web.Request) -> web.Response:
        """What a kind of problem means, and what to do."""
        kind = KINDS.get(request.match_info["name"])
        if kind is None:
            raise Problem("not-found", "no kind of problem has this name")
        if "application/json" in request.headers.get("Accept", ""):
            return answer({"name": kind.name, "status": kind.status, "title": kind.title, "advice": kind.advice})
        return html.response(html.render("problem.html", title=kind.title, kind=kind, kinds=KINDS.values()))

    async def start(self, request: web.Request) -> web.Response:
        """The way to the documents."""
        return web.Response(status=302, headers={**HEADERS, "Location": "/docs"})

    async def asset(self, request: web.Request) -> web.Response:
        """A file that pages use; only those that are named here."""
        name = request.match_info["name"]
        kind = _ASSETS.get(name)
        if kind is None:
            raise Problem("not-found", "no such file")
        return _file(name, kind)

    async def icon(self, request: web.Request) -> web.Response:
        """What browsers ask for beside any page."""
        return _file("icon.svg", "image/svg+xml")


def _file(name: str, kind: str) -> web.Response:
    return web.Response(
        body=(html.PAGES / name).read_bytes(), headers={**HEADERS, "Content-Type": kind, "Cache-Control": _DAY}
    )


def _shown(document: Mapping[str, Any]) -> dict[str, object]:
    """The document as its page wants it: calls by tag, schemas as flat lists of members."""
    calls: dict[str, list[dict[str, object]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            calls.setdefault(operation["tags"][0], []).append(_call(method.upper(), path, operation, document))
    named = document["components"]["schemas"]
    return {
        "info": document["info"],
        "server": document["servers"][0]["url"],
        "tags": [(tag["name"], tag["description"], calls.get(tag["name"], [])) for tag in document["tags"]],
        "events": [_event(name, schema) for name, schema in named.items() if name.startswith("Event-")],
        "schemas": [(name, list(_members(schema))) for name, schema in named.items() if not name.startswith("Event-")],
        "kinds": KINDS.values(),
    }


def _call(method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, object]:
    bodies = operation.get("requestBody", {}).get("content", {})
    kind, content = next(iter(bodies.items()), (None, None))
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "roles": operation.get("x-roles", []),
        "parameters": [(one["name"], one["in"], _kind(one["schema"]), one["description"]) for one in
                       operation.get("parameters", [])],
        "content_types": list(bodies),
        "example": json.dumps(content["example"], indent=2) if content else "",
        "curl": _curl(method, path, operation, kind, content, document["servers"][0]["url"]),
        "members": list(_members(content["schema"])) if content else [],
        "responses": [(status, _said(one, document)) for status, one in operation["responses"].items()],
    }  # fmt: skip


def _said(response: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    if "$ref" in response:
        name = str(response["$ref"]).rpartition("/")[2]
        return str(document["components"]["responses"][name]["description"])
    return str(response["description"])


def _curl(
    method: str, path: str, operation: Mapping[str, Any], kind: str | None, content: Mapping[str, Any] | None, url: str
) -> str:
    """A command that works, once the key is set."""
    for one in operation.get("parameters", []):
        if one["in"] == "path":
            path = path.replace("{" + one["name"] + "}", str(one.get("example", one["name"])))
    parts = [f"curl -sS {'' if method == 'GET' else f'-X {method} '}{url}{path}"]
    if operation.get("security"):
        parts.append('-H "Authorization: Bearer $CARELINE_API_KEY"')
    if kind is not None and content is not None:
        parts.append(f"-H 'Content-Type: {kind}'")
        parts.append(f"-d '{json.dumps(content['example'])}'")
    return " \\\n  ".join(parts)


def _event(name: str, schema: Mapping[str, Any]) -> dict[str, object]:
    data = schema["properties"]["data"]
    return {
        "type": name.removeprefix("Event-"),
        "description": schema.get("description", ""),
        "members": list(_members(data)),
    }


def _members(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, bool, str]]:
    """(name, kind, required, description) of an object's members."""
    required: Sequence[str] = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        yield name, _kind(inner), name in required, str(inner.get("description", ""))


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a value, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        shown = [str(word) for word in schema["enum"] if word is not None]
        more = f" … ({len(shown)})" if len(shown) > 12 else ""
        return "one of " + ", ".join(shown[:12]) + more
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    kind = schema.get("type", "any")
    words = [str(one) for one in kind] if isinstance(kind, list) else [str(kind)]
    if schema.get("format") == "date-time":
        words = ["time" if word == "string" else word for word in words]
    if words == ["array"]:
        return f"list of {_kind(schema.get('items', {}))}"
    return " or ".join(words)
