"""HTTP beside the simulated carrier: the control port of the npm peer (`tests/peers/smsc.js`) and the phone page.

It is for one's own machine: no log-in. Pages of other origins cannot change anything (the `Origin` header is checked).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from gateway.simulator.faults import FAULTS
from gateway.simulator.live import Listener, Live, event
from gateway.simulator.phones import display, normalise
from gateway.simulator.record import KEPT
from gateway.simulator.smsc import Smsc
from gateway.simulator.texts import PHONE, NoAnswer, NobodyBound, TextRequest

BODY_OCTETS = 1_048_576
NAME_CHARACTERS = 40
_FILES = {
    "/": ("phone.html", "text/html"),
    "/phone.css": ("phone.css", "text/css"),
    "/phone.js": ("phone.js", "text/javascript"),
    "/segments.js": ("segments.js", "text/javascript"),
    "/panels.js": ("panels.js", "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """The HTTP application over one `Smsc`."""

    def __init__(self, smsc: Smsc, live: Live) -> None:
        self._smsc, self._live = smsc, live
        self._files = {
            path: ((Path(__file__).parent / name).read_bytes(), kind) for path, (name, kind) in _FILES.items()
        }

    def application(self) -> web.Application:
        """Routes and limits."""
        app = web.Application(client_max_size=BODY_OCTETS, middlewares=[_guard])
        app.router.add_routes(
            [
                *(web.get(path, self._file) for path in _FILES),
                web.get("/favicon.ico", self._no_icon),
                web.get("/log", self._log),
                web.get("/mt", self._mt),
                web.get("/state", self._state),
                web.get("/switches", self._switches),
                web.get("/events", self._events),
                web.get("/phones", self._phones),
                web.post("/phones", self._pin),
                web.get("/phones/{number}", self._messages),
                web.delete("/phones/{number}", self._unpin),
                web.post("/mo", self._mo),
                web.post("/raw", self._raw),
                web.post("/set", self._set),
                web.post("/drop", self._drop),
            ]
        )
        return app

    async def _file(self, request: web.Request) -> web.Response:
        content, kind = self._files[request.path]
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=_HEADERS)

    async def _no_icon(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _log(self, request: web.Request) -> web.Response:
        query = request.query
        lines = self._smsc.record.rows(
            _number(query, "since", 0), query.get("kind", ""), min(_number(query, "limit", KEPT), KEPT)
        )
        if query.get("format") == "jsonl":
            return web.Response(text="".join(line + "\n" for line in lines), content_type="application/jsonl")
        return _lines(lines)

    async def _mt(self, request: web.Request) -> web.Response:
        return _lines(self._smsc.record.accepted(normalise(request.query.get("to", ""))))

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(self._smsc.state())

    async def _switches(self, request: web.Request) -> web.Response:
        return web.json_response([switch.as_dict() for switch in FAULTS])

    async def _phones(self, request: web.Request) -> web.Response:
        return web.json_response(self._smsc.phones.listing())

    async def _messages(self, request: web.Request) -> web.Response:
        return web.json_response(self._smsc.phones.messages(request.match_info["number"]))

    async def _pin(self, request: web.Request) -> web.Response:
        body = await _body(request)
        number, name = str(body.get("number", "")).strip(), str(body.get("name", "")).strip()
        if not PHONE.fullmatch(number) or len(number.removeprefix("+")) < 7:
            raise ValueError("number: + and 7 to 15 digits")
        if len(name) > NAME_CHARACTERS or not all(character.isprintable() for character in name):
            raise ValueError(f"name: at most {NAME_CHARACTERS} characters")
        self._smsc.phones.pin(number, name)
        return web.json_response({"number": display(number), "name": name})

    async def _unpin(self, request: web.Request) -> web.Response:
        gone = self._smsc.phones.unpin(request.match_info["number"])
        return web.json_response({} if gone else {"error": "no such phone"}, status=200 if gone else 404)

    async def _mo(self, request: web.Request) -> web.Response:
        body = await _body(request)
        text = body.get("text")
        if text is not None and not isinstance(text, str):
            raise ValueError("text: a string")
        try:
            asked = TextRequest(
                sender=str(body.get("from", "")).strip(),
                to=str(body.get("to", "")).strip(),
                text=text,
                octets=bytes.fromhex(body["hex"]) if body.get("hex") is not None else None,
                data_coding=_integer(body, "data_coding"),
                esm_class=_integer(body, "esm_class") or 0,
                udh=bytes.fromhex(body.get("udh_hex") or ""),
            )
        except TypeError:
            raise ValueError("hex, udh_hex: strings of hexadecimal digits") from None
        try:
            result = await self._smsc.texts.send(asked)
        except NobodyBound:
            return _problem("no receiver bound", 503)
        except NoAnswer as silent:
            return web.json_response({"error": str(silent), "redelivering": silent.again}, status=502)
        except TimeoutError:
            return _problem("no answer in time", 504)
        return web.json_response(result.as_dict())

    async def _raw(self, request: web.Request) -> web.Response:
        body = await _body(request)
        self._smsc.raw(bytes.fromhex(str(body.get("hex", ""))))
        return web.json_response({})

    async def _set(self, request: web.Request) -> web.Response:
        self._smsc.set(await _body(request))
        return web.json_response(self._smsc.faults.as_dict())

    async def _drop(self, request: web.Request) -> web.Response:
        return web.json_response({"dropped": self._smsc.drop()})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        listener = Listener(request.query.get("phone", ""), rows=request.query.get("rows") == "1")
        try:
            self._live.add(listener)
        except OverflowError as full:
            return _problem(str(full), 503)
        current = {"state": self._smsc.state, "phones": self._smsc.phones.listing, "reload": dict}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **_HEADERS})
        try:
            await response.prepare(request)
            await response.write(event("state", self._smsc.state()) + event("phones", self._smsc.phones.listing()))
            async for chunk in listener.events(lambda what: current[what]()):
                await response.write(chunk)
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._live.remove(listener)
        return response


@web.middleware
async def _guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse changes by other origins; turn what is wrong in a request into a 4xx with a sentence."""
    origin = request.headers.get("Origin")
    if request.method not in ("GET", "HEAD") and origin is not None and urlsplit(origin).netloc != request.host:
        return _problem("another origin", 403)
    try:
        return await handler(request)
    except (ValueError, UnicodeError) as wrong:
        return _problem(str(wrong), 400)
    except web.HTTPException as problem:
        return _problem(problem.reason, problem.status)


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request, whatever its content type says. Raises `ValueError`."""
    try:
        value = json.loads(await request.read() or b"{}")
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")
    return value


def _integer(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"{name}: a number")
    return value


def _number(query: Any, name: str, default: int) -> int:
    text = query.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ValueError(f"{name}: a number")
    return int(text) if text else default


def _lines(lines: list[str]) -> web.Response:
    return web.Response(text="[" + ",\n".join(lines) + "]", content_type="application/json")


def _problem(text: str, status: int) -> web.Response:
    return web.json_response({"error": text}, status=status)
