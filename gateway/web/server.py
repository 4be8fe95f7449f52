"""The web server: one aiohttp application, one middleware, made of the table of routes.

The middleware answers every error as RFC 9457 problem+json, checks keys and roles, and bounds what is under way. Slow
senders are cut off: a request's head must be there within a keep-alive time, its body within 30 s.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web
from aiohttp.http import StreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from gateway.care.desk import Unknown
from gateway.care.turn import Refused
from gateway.store.access import READ_FAULT
from gateway.store.units import Failure
from gateway.web import bodies
from gateway.web.answers import HEADERS
from gateway.web.auth import Keys, require
from gateway.web.problems import TYPE, Problem, of_care, wait
from gateway.web.routes import CALLER, Route
from gateway.web.services import Services
from gateway.web.table import all_routes

KEEPALIVE_SECONDS = 60.0
LINGER_SECONDS = 2.0
# Turns of the loop between a connection in the kernel's queue and its request with us: poll, accept, connection, read,
# parse, handle; twice that, since libraries differ. uvloop accepts one connection a turn.
TURNS = 16
MOST_IN_FLIGHT = 1000
BACKLOG = 1024
# What a fault of ours can raise while it answers; anything else is a bug that must be seen at once.
FAULTS = (AssertionError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError, OSError)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_PROBLEM_HEADERS = {**HEADERS, "Content-Type": TYPE}
log = logging.getLogger("gateway.web")
http_log = logging.getLogger("gateway.web.http")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _OthersFaults(logging.Filter):
    """Requests that are no HTTP are somebody else's fault: a line at most, no traceback for each."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keeps faults of ours only."""
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


http_log.addFilter(_OthersFaults())


class WebServer:
    """The server of one gateway. `port` is what it got, once started."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._keys = Keys(services.store, services.settings.api_keys)
        self._runner: web.AppRunner | None = None
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.in_flight = 0  # requests that are being decided; a slow reader of its answer takes nobody's place
        self._unwritten = 0  # those and the answers that are being written
        self.port = 0
        self.app = self._application()

    # -- life

    async def start(self, host: str, port: int) -> None:
        """Begins to listen. Raises OSError when the port is taken."""
        runner = web.AppRunner(
            self.app,
            access_log=None,
            logger=http_log,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=1.0,
        )
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        self.port = runner.addresses[0][1]

    async def stop(self, drain: float) -> None:
        """Takes nothing new, waits up to `drain` seconds for the answers under way, closes.

        A request that comes while we wait, or that the kernel had for us before, is answered 503. Every answer says
        `Connection: close` from now on, and its connection is closed when the kernel has the whole of it.
        """
        self._stopping = True
        runner, self._runner = self._runner, None
        if runner is None:
            return
        assert runner.server is not None, "it was started"
        # Also from connections that are not accepted yet: closing the listener would reset them.
        await self._received(runner.server, BACKLOG)
        for site in runner.sites:
            await site.stop()
        try:
            async with asyncio.timeout(drain):
                while await self._received(runner.server):
                    await self._idle.wait()
                await _handed_over(runner.server)
        except TimeoutError:
            late = [found.transport for found in runner.server.connections if found.transport is not None]
            if late:
                log.warning("web: stopped before all was answered and read; %d connections are cut", len(late))
            for transport in late:
                transport.abort()
        await runner.cleanup()

    async def _received(self, server: web.Server, most: int | None = None) -> bool:
        """Lets what the kernel has for us come in, until for some turns nothing new does; whether any request is under
        way then. most: turns, where new connections might come for ever.
        """
        seen, quiet, turns = (0, 0), 0, 0
        while quiet < TURNS and (most is None or turns < most):
            await asyncio.sleep(0)
            now = (len(server.connections), server.requests_count)
            quiet = quiet + 1 if now == seen else 0
            seen = now
            turns += 1
        return self._unwritten > 0

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware()], client_max_size=bodies.MOST_BYTES)
        for route in all_routes(self._services):
            handler = self._dispatcher(route)
            added = app.router.add_resource(route.path, name=route.name)
            added.add_route(route.method, handler)
            if route.method == "GET":
                added.add_route("HEAD", handler)
        return app

    # -- one request

    def _dispatcher(self, route: Route) -> Handler:
        """The handler of a route, behind its key and role."""
        handle, roles = route.handle, route.roles
        if not roles:
            return handle
        keys = self._keys

        async def guarded(request: web.Request) -> web.StreamResponse:
            if self._stopping:
                raise Problem("stopping", "the server is stopping", headers=wait(5))
            if self.in_flight > MOST_IN_FLIGHT:
                raise Problem("busy", "too many requests at once", headers=wait(1))
            header = request.headers.get("Authorization")
            caller = keys.at_once(header) or await keys.caller(header, request.remote or "")
            require(caller, roles)
            request[CALLER] = caller
            return await handle(request)

        return guarded

    def _middleware(self) -> Middleware:
        count = self._counter()

        @web.middleware
        async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._unwritten += 1
            self._idle.clear()
            try:
                response = await self._answered(request, handler)
                request_id = request.headers.get("X-Request-Id")
                if request_id is not None and _REQUEST_ID.fullmatch(request_id):
                    response.headers["X-Request-Id"] = request_id
                count(request, response.status)
                await self._write(request, response)
            finally:
                self._unwritten -= 1
                if not self._unwritten:
                    self._idle.set()
            return response

        return answering

    async def _write(self, request: web.Request, response: web.StreamResponse) -> None:
        """Writes the answer here, not after the middleware: it is under way until it is written."""
        if self._stopping:
            response.force_close()
        with suppress(ConnectionError):  # the client went away; aiohttp finds the same, and ends the connection
            await response.prepare(request)
            await response.write_eof()

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The handler's answer, or the problem that stopped it."""
        self.in_flight += 1
        try:
            return await handler(request)
        except Problem as problem:
            return self._told(problem)
        except (Refused, Unknown, Failure) as error:
            return self._told(of_care(error))
        except web.HTTPException as error:
            return self._told_http(request, error)
        except READ_FAULT as error:
            log.warning("web: %s %s: the store cannot be read: %s", request.method, _resource(request), error)
            return self._told(Problem("store-closed", "the store cannot be read at the moment", headers=wait(10)))
        except FAULTS:
            # A fault of ours on one request: told and logged, never a crash (invariant 13).
            log.exception("web: %s %s failed", request.method, _resource(request))
            return self._told(Problem("internal", "a fault of ours; it is in the log"))
        finally:
            self.in_flight -= 1

    def _told(self, problem: Problem) -> web.Response:
        return web.Response(
            body=problem.body(self._services.public_url),
            status=problem.kind.status,
            headers={**_PROBLEM_HEADERS, **problem.headers},
        )

    def _told_http(self, request: web.Request, error: web.HTTPException) -> web.StreamResponse:
        if isinstance(error, web.HTTPMethodNotAllowed):
            allowed = ", ".join(sorted(error.allowed_methods))
            said = f"this path knows {allowed}"
            return self._told(Problem("method-not-allowed", said, headers={"Allow": allowed}))
        if error.status == 404:
            return self._not_found(request)
        if error.status == 413:
            return self._told(bodies.too_large())
        if error.status < 400:
            return error
        return self._told(Problem("bad-request" if error.status < 500 else "internal", error.reason[:200]))

    def _not_found(self, request: web.Request) -> web.StreamResponse:
        """A path with a slash too many is sent on, method and body kept; any other is not found."""
        path = request.rel_url.raw_path
        if path.endswith("/") and path != "/" and not path.startswith("//"):
            bare = path.rstrip("/")
            if any(resource.get_info().get("path") == bare for resource in self.app.router.resources()):
                query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
                return web.Response(status=308, headers={**HEADERS, "Location": bare + query})
        return self._told(Problem("not-found", "no such path; /docs lists what there is"))

    def _counter(self) -> Callable[[web.Request, int], None]:
        counter = self._services.metrics.http_requests
        known: dict[tuple[str, int], Callable[[], None]] = {}

        def count(request: web.Request, status: int) -> None:
            place = (_resource(request), status)
            add = known.get(place)
            if add is None:
                add = known[place] = counter.labels(place[0], str(status)).inc
            add()

        return count


async def _handed_over(server: web.Server) -> None:
    """Waits until the kernel has all that was written to slow readers: the process may end after us."""
    loop = asyncio.get_running_loop()
    for connection in server.connections:
        if connection.transport is not None:
            # Says at once that we must wait, if anything is left, and ends the wait when nothing is.
            connection.transport.set_write_buffer_limits(high=0)
            with suppress(ConnectionError):  # the client went away
                await StreamWriter(connection, loop).drain()


def _resource(request: web.Request) -> str:
    """The route's own path, never what was asked for: that may hold a number or a token."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(none)"
