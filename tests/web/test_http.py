"""HTTP itself: methods, paths, headers, limits, and a server that stays up whatever comes."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from gateway.web import bodies, server
from tests.web.conftest import PHONE, World, event, key_of

READING = (
    "/v1/messages",
    "/v1/conversations",
    "/v1/offers",
    "/v1/carriers",
    "/v1/queues",
    "/v1/agents",
    "/v1/dead-letters",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/problems/not-json",
    "/pages/style.css",
)


async def problem_of(response: Any, status: int, kind: str) -> dict[str, Any]:
    """The problem of an answer."""
    assert response.status == status, await response.text()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    told: dict[str, Any] = await response.json(content_type=None)
    assert told["type"].endswith(f"/problems/{kind}")
    return told


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v2/events", "/v1/events/1/x", "/v1//events", "/%2e%2e/etc/passwd"]
)
async def test_an_unknown_path(world: World, path: str) -> None:
    await problem_of(await world.ask("GET", path), 404, "not-found")


async def test_a_wrong_method(world: World) -> None:
    response = await world.ask("DELETE", "/v1/messages")
    await problem_of(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "GET, HEAD, POST"
    await problem_of(await world.ask("GET", "/v1/events"), 405, "method-not-allowed")
    await problem_of(await world.ask("PATCH", "/health/live"), 405, "method-not-allowed")


async def test_head_is_get_without_a_body(world: World) -> None:
    for path in READING:
        shown = await world.ask("GET", path)
        response = await world.ask("HEAD", path)
        assert response.status == shown.status == 200, path
        assert await response.read() == b""
        assert response.headers["Content-Type"] == shown.headers["Content-Type"]


async def test_a_slash_too_many_is_sent_on(world: World) -> None:
    response = await world.ask("GET", "/v1/messages/?limit=3", allow_redirects=False)
    assert response.status == 308
    assert response.headers["Location"] == "/v1/messages?limit=3"
    body = json.dumps(event()).encode()
    headers = {"Content-Type": "application/cloudevents+json"}
    response = await world.ask("POST", "/v1/events/", body, "integrator", headers=headers, allow_redirects=False)
    assert response.status == 308
    response = await world.ask("GET", "/%2fevil.example/", allow_redirects=False)
    assert response.status == 404


async def test_every_answer_has_its_headers(world: World) -> None:
    for path in READING:
        headers = (await world.ask("GET", path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "Cache-Control" in headers, path
        assert headers["Server"] == "Careline", path
    assert (await world.ask("GET", "/v1/messages")).headers["Cache-Control"] == "no-store"


async def test_the_request_id_comes_back(world: World) -> None:
    response = await world.ask("GET", "/v1/messages", headers={"X-Request-Id": "abc-123"})
    assert response.headers["X-Request-Id"] == "abc-123"
    response = await world.ask("GET", "/nothing", headers={"X-Request-Id": "abc-123"})
    assert response.headers["X-Request-Id"] == "abc-123"
    for bad in ("x" * 129, "a b", "<script>", "é"):
        response = await world.ask("GET", "/v1/messages", headers={"X-Request-Id": bad})
        assert "X-Request-Id" not in response.headers


async def test_reading_changes_nothing(world: World) -> None:
    await world.event()
    await world.settled()
    link = (await world.json("GET", "/v1/messages"))["items"][0]["text"].rpartition("/c/")[2]

    def fingerprint(connection: Any) -> list[Any]:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [connection.execute(f"SELECT count(*) FROM {name}").fetchall() for name in tables] + [
            connection.execute("SELECT * FROM message").fetchall(),
            connection.execute("SELECT * FROM offer").fetchall(),
            connection.execute("SELECT * FROM link").fetchall(),
        ]

    before = await world.store.read(fingerprint)
    for path in (*READING, f"/c/{link}", "/v1/messages/1", "/v1/customers/+15551234567"):
        for method in ("GET", "HEAD"):
            await world.ask(method, path)
    assert await world.store.read(fingerprint) == before


async def test_large_bodies(world: World) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key_of('integrator')}"}
    squeezed = gzip.compress(b'{"to": "' + b" " * 50_000_000 + b'"}')
    response = await world.client.post("/v1/messages", data=squeezed, headers={**headers, "Content-Encoding": "gzip"})
    await problem_of(response, 413, "too-large")

    async def drip() -> Any:
        for _ in range(11):
            yield b" " * 1_000_000

    response = await world.client.post("/v1/messages", data=drip(), headers=headers)
    await problem_of(response, 413, "too-large")
    good = gzip.compress(json.dumps({"to": PHONE, "text": "hi", "class": "transactional"}).encode())
    response = await world.client.post("/v1/messages", data=good, headers={**headers, "Content-Encoding": "gzip"})
    assert response.status == 202


async def test_a_slow_body_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.1)

    async def drip() -> Any:
        for _ in range(30):
            yield b" "
            await asyncio.sleep(0.05)

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key_of('integrator')}"}
    response = await world.client.post("/v1/messages", data=drip(), headers=headers)
    await problem_of(response, 408, "too-slow")


async def test_a_slow_head_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "KEEPALIVE_SECONDS", 0.2)
    web = server.WebServer(world.services)
    await web.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await web.stop(1.0)


async def test_too_many_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_IN_FLIGHT", 0)
    response = await world.ask("GET", "/v1/messages")
    await problem_of(response, 503, "busy")
    assert response.headers["Retry-After"]
    assert (await world.ask("GET", "/health/live")).status == 200


async def test_a_taken_port_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    first, second = server.WebServer(world.services), server.WebServer(world.services)
    await first.start("127.0.0.1", 0)
    with pytest.raises(OSError, match="address already in use"):
        await second.start("127.0.0.1", first.port)
    await second.stop(0.0)
    await first.stop(1.0)
    assert not caplog.records


async def test_a_fault_of_ours_is_told_without_its_insides(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("+15551234567 said: secret")

    monkeypatch.setattr("gateway.web.messages.search", broken)
    told = await problem_of(await world.ask("GET", "/v1/messages"), 500, "internal")
    assert "secret" not in json.dumps(told)
    assert "failed" in caplog.text
    assert (await world.ask("GET", "/v1/queues")).status == 200


async def test_bad_http_closes_the_connection_only(world: World, caplog: pytest.LogCaptureFixture) -> None:
    web = server.WebServer(world.services)
    await web.start("127.0.0.1", 0)
    for rubbish in (
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"A" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        writer.write(rubbish)
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith((b"HTTP/1.", b""))
        writer.close()
    response = await world.client.session.get(f"http://127.0.0.1:{web.port}/health/live")
    assert response.status == 200
    await web.stop(1.0)
    assert not [record for record in caplog.records if record.exc_info], "no traceback for somebody else's fault"
