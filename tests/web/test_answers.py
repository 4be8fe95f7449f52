"""The 202 that is written in one piece says what aiohttp would say, and leaves to it what is out of the ordinary."""

import asyncio
import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from gateway.web.answers import Acknowledgement
from tests.web.conftest import World, event, key_of


def post(key: str, *more: str, version: str = "1.1") -> bytes:
    """A request as it goes over the line."""
    body = json.dumps(event(key))
    lines = (
        f"POST /v1/events HTTP/{version}",
        "Host: care.example",
        f"Authorization: Bearer {key_of('integrator')}",
        "Content-Type: application/cloudevents+json",
        f"Content-Length: {len(body)}",
        *more,
    )
    return "\r\n".join((*lines, "", body)).encode()


async def answered(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], Any]:
    """Status line, headers and body of one answer."""
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["Content-Length"]))
    return head[0], headers, json.loads(body)


@pytest.fixture
def in_one_piece(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often an answer was written in one piece: its length."""
    seen: list[int] = []
    head_of_now = Acknowledgement._head_of_now

    def counted() -> bytes:
        seen.append(1)
        return head_of_now()

    monkeypatch.setattr(Acknowledgement, "_head_of_now", staticmethod(counted))
    return seen


async def test_it_says_what_aiohttp_would_say(world: World, in_one_piece: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    writer.write(post("1"))
    status, headers, told = await answered(reader)
    assert len(in_one_piece) == 1
    writer.write(post("2", "X-Request-Id: abc"))
    its_status, its_headers, its_told = await answered(reader)
    assert len(in_one_piece) == 1, "aiohttp's way"
    assert its_headers.pop("X-Request-Id") == "abc"
    assert status == its_status == "HTTP/1.1 202 Accepted"
    assert told.keys() == its_told.keys() == {"event", "duplicate"}
    for each in (headers, its_headers):
        assert abs(parsedate_to_datetime(each.pop("Date")).timestamp() - time.time()) < 10
    assert headers == its_headers
    writer.close()


async def test_requests_that_come_together_are_answered_in_order(world: World, in_one_piece: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    bad = post("bad").replace(b'"specversion": "1.0"', b'"specversion": "9.0"')
    writer.write(post("1") + post("1") + bad + post("2"))
    told = [await answered(reader) for _ in range(4)]
    assert [status.split()[1] for status, _, _ in told] == ["202", "202", "422", "202"]
    assert [body.get("duplicate") for _, _, body in told] == [False, True, None, False]
    assert len(in_one_piece) == 3
    writer.close()


@pytest.mark.parametrize(("more", "version"), [(("Connection: close",), "1.1"), ((), "1.0")])
async def test_a_connection_that_ends_is_ended(
    world: World, in_one_piece: list[int], more: tuple[str, ...], version: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    writer.write(post("1", *more, version=version))
    status, headers, told = await answered(reader)
    assert status == f"HTTP/{version} 202 Accepted"
    assert headers.get("Connection") == ("close" if version == "1.1" else None)
    assert told["duplicate"] is False
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert in_one_piece == []
    writer.close()


async def test_a_connection_that_the_server_wants_to_end_is_ended(
    world: World, in_one_piece: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Acknowledgement.__init__

    def last(self: Acknowledgement, value: object) -> None:
        made(self, value)
        self.force_close()

    monkeypatch.setattr(Acknowledgement, "__init__", last)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    writer.write(post("1"))
    _, headers, _ = await answered(reader)
    assert headers["Connection"] == "close"
    assert await reader.read() == b""
    assert in_one_piece == []
    writer.close()


async def test_who_is_gone_harms_nobody(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.lane.stop(1.0)
    for number in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
        writer.write(post(str(number)))
        await writer.drain()
        writer.transport.abort()
    assert (await world.event("last"))["duplicate"] is False
    assert not [record for record in caplog.records if record.exc_info]


def test_the_date_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_446_000.9)
    first = Acknowledgement._head_of_now()
    assert b"Date: Mon, 23 Nov 2026 15:00:00 GMT\r\n" in first
    assert Acknowledgement._head_of_now() is first
    monkeypatch.setattr(time, "time", lambda: 1_795_446_001.0)
    assert b"15:00:01 GMT" in Acknowledgement._head_of_now()
