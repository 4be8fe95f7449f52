"""The start page's own server: it holds the API key, so that the browser never sees it.

Only this machine's browser may use it: Host and Origin are checked (no other page can press its buttons), everything is
under a strict Content-Security-Policy, and what it can do is a short list.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.demo import stories
from gateway.demo.observer import Observer, Refused
from gateway.demo.setting import LIBRARY

PAGES = Path(__file__).parent / "pages"
DESK = Path(__file__).parent / "desk"
_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/panels.css": ("panels.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/panels.js": ("panels.js", "text/javascript"),
    "/build.js": ("build.js", "text/javascript"),
}
_DESK_FILES = {
    "/desk/": (DESK / "index.html", "text/html"),
    "/desk/desk.css": (DESK / "desk.css", "text/css"),
    "/desk/desk.js": (DESK / "desk.js", "text/javascript"),
    "/desk/client.js": (DESK / "client.js", "text/javascript"),
    "/desk/strophe.js": (LIBRARY, "text/javascript"),
}
"""A page of its own, in a frame: only it may speak to the XMPP server."""
_VERBS = ("claim", "messages", "close", "hand-back", "transfer", "notes")
_MOST_OCTETS = 65_536
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StartPage:
    """The application. setting: what the page is told once: URLs, commands, agents, steps."""

    def __init__(self, observer: Observer, setting: Mapping[str, Any], phones: str) -> None:
        self._observer, self._setting = observer, setting
        self._headers = {
            "Content-Security-Policy": _policy(f"frame-src 'self' {phones}; frame-ancestors 'none'"),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        self._files = {path: ((PAGES / name).read_bytes(), kind) for path, (name, kind) in _FILES.items()}
        chat = setting.get("chat", {})
        self._desk_headers = {
            **self._headers,
            "Content-Security-Policy": _policy(
                "frame-ancestors 'self'", " ".join((chat.get("websocket", ""), chat.get("files", "")))
            ),
        }
        if "websocket" in chat and "missing" not in chat:
            self._files |= {path: (file.read_bytes(), kind) for path, (file, kind) in _DESK_FILES.items()}

    def application(self) -> web.Application:
        """Its routes."""
        app = web.Application(client_max_size=_MOST_OCTETS, middlewares=[self._guard()])
        app.router.add_routes(
            [
                *(web.get(path, self._file) for path in self._files),
                web.get("/setting", self._tell_setting),
                web.get("/events", self._events),
                web.get("/document", self._document),
                web.post("/fire/{story}", self._fire),
                web.post("/conversations/{id}/{verb}", self._verb),
                web.post("/billing", self._billing),
                web.post("/again", self._again),
            ]
        )
        return app

    def _guard(self) -> Any:
        """Refuses other origins and names of this machine that we do not know; problems become JSON."""

        @web.middleware
        async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
            host = request.host.rpartition(":")[0] if ":" in request.host else request.host
            if host not in ("127.0.0.1", "localhost"):
                return self._problem(421, "this page is for the browser of this machine")
            if request.method != "GET" and request.headers.get("Origin") != f"http://{request.host}":
                return self._problem(403, "only the start page itself may do this")
            try:
                return await handler(request)
            except Refused as problem:
                return self._problem(problem.status, str(problem))
            except ValueError as problem:
                return self._problem(400, str(problem))
            except web.HTTPException as problem:
                return self._problem(problem.status, problem.reason)

        return guard

    def _problem(self, status: int, detail: str) -> web.Response:
        return web.json_response({"detail": detail}, status=status, headers=self._headers)

    async def _file(self, request: web.Request) -> web.Response:
        content, kind = self._files[request.path]
        headers = self._desk_headers if request.path in _DESK_FILES else self._headers
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)

    async def _tell_setting(self, request: web.Request) -> web.Response:
        now, phone = datetime.now(UTC), self._observer.phone
        told = [
            {
                "name": story.name,
                "title": story.title,
                "hint": story.hint,
                "commands": stories.commands(story, self._setting["gateway"], self._setting["key_file"], phone, now),
            }
            for story in stories.STORIES.values()
        ]
        tour = [{"name": step.name, "title": step.title, "how": step.how} for step in self._observer.tour]
        return web.json_response(
            {**self._setting, "phone": phone, "stories": told, "tour": tour}, headers=self._headers
        )

    async def _document(self, request: web.Request) -> web.Response:
        return web.json_response(await self._observer.document(), headers=self._headers)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={**self._headers, "Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n")
            async for document in self._observer.watch():
                await response.write(f"data: {document}\n\n".encode() if document else b": still here\n\n")
        except ConnectionError:
            pass  # the page was closed
        return response

    async def _fire(self, request: web.Request) -> web.Response:
        name = request.match_info["story"]
        if name not in stories.STORIES:
            raise ValueError(f"there is no story {name[:40]}")
        return web.json_response(await self._observer.fire(name), headers=self._headers)

    async def _verb(self, request: web.Request) -> web.Response:
        conversation, verb = request.match_info["id"], request.match_info["verb"]
        if verb not in _VERBS or not conversation.isdigit():
            raise ValueError("there is no such verb")
        return web.json_response(
            await self._observer.verb(conversation, verb, await _body(request)), headers=self._headers
        )

    async def _billing(self, request: web.Request) -> web.Response:
        mode = str((await _body(request)).get("mode", ""))
        return web.json_response(await self._observer.billing(mode), headers=self._headers)

    async def _again(self, request: web.Request) -> web.Response:
        await self._observer.begin_again()
        return web.json_response({}, headers=self._headers)


def _policy(frames: str, elsewhere: str = "") -> str:
    """Nothing from elsewhere. frames: whose frames, and in whose frame. elsewhere: where it may connect besides."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {elsewhere}; {frames}; base-uri 'none'; form-action 'none'"
    )


async def _body(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise ValueError("send application/json")
    value = json.loads(await request.read() or b"{}")
    if not isinstance(value, dict):
        raise ValueError("send a JSON object")
    return value
