"""The server's stop: what was asked is answered, whole, before a connection closes; what comes later is told so."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from gateway.web.server import WebServer
from tests.web.conftest import World, key_of

ASK = f"GET /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key_of('viewer')}\r\n\r\n".encode()
HELD = b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE_OCTETS = 16_000_000  # more than the kernel takes for a reader that does not read


class Held:
    """A server with an answer that waits for the test (`/held`) and a large one (`/large`)."""

    def __init__(self, world: World) -> None:
        self.server = WebServer(world.services)
        self.asked, self.leave = asyncio.Event(), asyncio.Event()
        self.server.app.router.add_get("/held", self._held)
        self.server.app.router.add_get("/large", self._large)

    async def _held(self, _: web.Request) -> web.Response:
        self.asked.set()
        await self.leave.wait()
        return web.Response(text="held")

    async def _large(self, _: web.Request) -> web.Response:
        self.asked.set()
        return web.Response(body=bytes(LARGE_OCTETS))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client of it."""
        return await asyncio.open_connection("127.0.0.1", self.server.port)

    async def refuses(self) -> None:
        """Waits until it takes no connection any more."""
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await self.connect()
                except ConnectionError:  # refused, or caught by the listener's close itself
                    return
                writer.close()


@pytest.fixture
async def held(world: World) -> AsyncIterator[Held]:
    """Started; stopped by the test."""
    held = Held(world)
    await held.server.start("127.0.0.1", 0)
    assert held.server.port > 0
    async with asyncio.timeout(30):
        yield held
    await held.server.stop(0.0)


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One answer: status, headers, body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def test_stop_answers_what_is_under_way(held: Held) -> None:
    reader, writer = await held.connect()
    writer.write(HELD)
    await held.asked.wait()
    stopping = asyncio.create_task(held.server.stop(10.0))
    await held.refuses()
    assert not stopping.done()
    held.leave.set()
    status, headers, body = await answer_of(reader)
    assert (status, headers["connection"], body) == (200, "close", b"held")
    assert await reader.read() == b""
    await stopping
    writer.close()


async def test_a_request_on_an_open_connection_is_told_that_the_server_stops(held: Held) -> None:
    _, first = await held.connect()
    first.write(HELD)
    reader, writer = await held.connect()
    writer.write(ASK)
    status, headers, _ = await answer_of(reader)
    assert (status, headers.get("connection")) == (200, None)
    await held.asked.wait()
    stopping = asyncio.create_task(held.server.stop(10.0))
    await held.refuses()
    writer.write(ASK)
    status, headers, body = await answer_of(reader)
    assert (status, headers["connection"], headers["retry-after"]) == (503, "close", "5")
    assert json.loads(body)["type"].endswith("/problems/stopping")
    assert await reader.read() == b""
    held.leave.set()
    await stopping
    first.close()
    writer.close()


async def test_what_the_kernel_had_before_the_stop_is_answered(held: Held) -> None:
    clients = [socket.create_connection(("127.0.0.1", held.server.port), timeout=10) for _ in range(20)]
    for client in clients:
        client.sendall(ASK)
    # The loop has not turned since: none of them is accepted yet.
    await held.server.stop(10.0)
    for client in clients:
        with client, client.makefile("rb") as answer:
            told = answer.read()  # raises when the connection was reset
            assert told.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nConnection: close\r\n" in told


async def test_a_slow_reader_gets_the_whole_of_a_large_answer(held: Held) -> None:
    reader, writer = await held.connect()
    writer.write(LARGE)
    await held.asked.wait()
    # The client's own reader holds it back: two times 64 KiB are all that it takes unasked.
    stopping = asyncio.create_task(held.server.stop(10.0))
    await held.refuses()
    assert not stopping.done()
    status, _, body = await answer_of(reader)
    assert (status, len(body)) == (200, LARGE_OCTETS)
    await stopping
    writer.close()


async def test_who_never_reads_does_not_hold_the_stop(held: Held, caplog: pytest.LogCaptureFixture) -> None:
    _, writer = await held.connect()
    writer.write(LARGE)
    await held.asked.wait()
    await held.server.stop(0.1)
    assert "1 connections are cut" in caplog.text
    writer.close()
