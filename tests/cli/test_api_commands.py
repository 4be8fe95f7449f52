"""fire, send, trace and dead-letters against a small server that answers as the contract says."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

MESSAGE: dict[str, Any] = {
    "id": "1880000000000000001",
    "channel": "sms",
    "direction": "mt",
    "from": "70007",
    "to": "+15551234567",
    "text": "Acme Mobile: 120 min over Basic 300 cost $50.00. " * 2,
    "class": "transactional",
    "disposition": "delivered",
    "possible_duplicate": False,
    "segments": 1,
    "conversation": "5",
    "event": "7",
    "state": "final",
    "at": "2026-11-22T18:40:00.000Z",
}
AT = "2026-11-22T18:40:00.120Z"
TIMELINE = [
    {"at": AT, "kind": kind, "route": route, "remote_id": remote, "code": code, "reason": reason, "segment": 1}
    for kind, route, remote, code, reason in (
        ("gate", None, None, "consent", "passed"),
        ("attempt", "sim", None, None, "part 1 of 1, try 1"),
        ("response", "sim", "3F2A", "0x00000000", "the carrier has it"),
        ("receipt", "sim", "3F2A", "DELIVRD", "the phone has it"),
    )
]


class Server(ThreadingHTTPServer):
    """Keeps what was posted. busy: how many requests are answered 429 first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posted: list[tuple[str, str, Any]] = []
        self.keys: set[str] = set()
        self.busy = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, value: object, **headers: str) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, content in headers.items():
            self.send_header(name.replace("_", "-"), content)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.keys.add(self.headers["Authorization"])
        if self.server.busy:
            self.server.busy -= 1
            return self.answer(429, {"title": "Slow down", "status": 429}, Retry_After="0")
        self.server.posted.append((self.path, self.headers["Content-Type"], body))
        if self.path == "/v1/dead-letters/5/replay":
            problem = {"title": "This cannot be replayed", "status": 409, "detail": "its sender is no phone number"}
            return self.answer(409, problem)
        if self.path == "/v1/messages":
            return self.answer(202, {"message": "12"})
        if isinstance(body, list):
            problem = {"title": "Unknown type", "status": 422, "detail": "no handler for nope"}
            made = [
                {"id": one["id"], "problem": problem} if one["type"] == "nope"
                else {"id": one["id"], "event": "1", "duplicate": one["id"] == "twice"}
                for one in body
            ]  # fmt: skip
            return self.answer(202, {"results": made})
        if self.path == "/v1/events" and body.get("type") == "nope":
            errors = [{"pointer": "/data/plan", "detail": "is required"}]
            return self.answer(
                422, {"title": "Wrong data", "status": 422, "detail": "data does not fit", "errors": errors}
            )
        return self.answer(202, {"event": "99", "duplicate": False})

    def do_GET(self) -> None:
        if self.path.startswith("/v1/messages?"):
            return self.answer(200, {"items": [MESSAGE], "next": None})
        if self.path == f"/v1/messages/{MESSAGE['id']}":
            return self.answer(200, {**MESSAGE, "timeline": TIMELINE})
        if self.path.startswith("/v1/dead-letters?"):
            letter = {
                "id": "3",
                "at": "2026-11-22T18:40:00Z",
                "kind": "event",
                "customer": "tel:+1",
                "cause": "step raised",
            }
            return self.answer(200, {"items": [letter], "next": None})
        return self.answer(404, {"title": "Not found", "status": 404, "detail": "there is no such message"})

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        monkeypatch.setenv("CARELINE_URL", one.url)
        monkeypatch.setenv("CARELINE_API_KEY", "a-key")
        yield one
        one.shutdown()
        thread.join()


def test_fire_one(careline: Run, server: Server) -> None:
    result = careline("fire", "plan.overage", "--to", "+15551234567", "--data", '{"plan": "x"}', "--id", "e1")
    assert result.exit_code == 0, result.stderr
    assert "event 99 is on disk" in result.stdout
    [(path, kind, event)] = server.posted
    assert (path, kind) == ("/v1/events", "application/cloudevents+json")
    assert event["specversion"] == "1.0"
    assert event["id"] == "e1"
    assert event["subject"] == "tel:+15551234567"
    assert event["data"] == {"plan": "x"}
    assert server.keys == {"Bearer a-key"}


def test_fire_says_what_is_wrong(careline: Run, server: Server) -> None:
    result = careline("fire", "nope", "--to", "+15551234567")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "422 Wrong data: data does not fit" in result.stderr
    assert "/data/plan: is required" in result.stderr
    assert careline("fire").exit_code == 2
    assert careline("fire", "plan.overage", "--to", "+15551234567", "--data", "{").exit_code == 2


def test_fire_a_file_in_batches_and_waits_when_asked_to(careline: Run, server: Server, tmp_path: Path) -> None:
    server.busy = 2
    lines = [json.dumps({"to": f"+1555{number:07}", "id": f"e{number}"}) for number in range(2100)]
    lines[7] = json.dumps({"subject": "tel:+15550000007", "id": "bad", "type": "nope"})
    lines[8] = json.dumps({"subject": "tel:+15550000008", "id": "twice"})
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    result = careline("fire", "plan.overage", "--file", str(file), "--data", '{"plan": "x"}')
    assert result.exit_code == 1
    assert result.stdout == "2,098 taken, 1 known already, 1 refused\n"
    assert "events.jsonl:8: bad: 422 Unknown type: no handler for nope" in result.stderr
    assert [len(body) for _, _, body in server.posted] == [1000, 1000, 100]
    assert {kind for _, kind, _ in server.posted} == {"application/cloudevents-batch+json"}
    assert server.posted[0][2][0]["data"] == {"plan": "x"}


def test_a_line_that_is_no_event_posts_nothing(careline: Run, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"to": "+15551234567"}\n', "utf-8")
    result = careline("fire", "--file", str(file))
    assert result.exit_code == 2
    assert "line 1 has no type" in result.stderr
    file.write_text('\n{"to": "+15551234567", "data"}\n', "utf-8")
    broken = careline("fire", "plan.overage", "--file", str(file))
    assert "line 2 is no JSON: Expecting ':' delimiter at column 30" in broken.stderr
    file.write_text('{"to": "+15551234567"\n', "utf-8")
    assert "line 1 is no JSON: Expecting ',' delimiter at column 22" in careline("fire", "--file", str(file)).stderr
    file.write_bytes(b'{"to": "\xff"}\n')
    assert "line 1 is no UTF-8 text" in careline("fire", "--file", str(file)).stderr
    assert server.posted == []


def test_an_id_is_for_one_event(careline: Run, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"to": "+15551234567"}\n{"to": "+15551234568"}\n', "utf-8")
    result = careline("fire", "plan.overage", "--id", "e1", "--file", str(file))
    assert result.exit_code == 2
    assert "--id is for one event" in result.stderr
    assert server.posted == []


def test_data_from_a_file_that_is_not_there(careline: Run, server: Server) -> None:
    result = careline("fire", "plan.overage", "--to", "+15551234567", "--data", "@nowhere.json")
    assert result.exit_code == 2
    assert result.stderr == "--data: nowhere.json: No such file or directory\n"


def test_send(careline: Run, server: Server) -> None:
    result = careline("send", "+15551234567", "Hello", "--class", "transactional", "--sender", "70007")
    assert result.exit_code == 0, result.stderr
    assert server.posted[0][2] == {"to": "+15551234567", "text": "Hello", "class": "transactional", "sender": "70007"}


def test_a_class_that_is_none_is_a_wrong_use(careline: Run, server: Server) -> None:
    result = careline("send", "+15551234567", "Hello", "--class", "bogus")
    assert (result.exit_code, server.posted) == (2, [])
    assert result.stderr.startswith("--class bogus is none of emergency, security")


@pytest.mark.parametrize("what", ["+15551234567", "tel:+15551234567", MESSAGE["id"]])
def test_trace_fits_80_columns(careline: Run, server: Server, what: str) -> None:
    result = careline("trace", what, env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.stderr
    for words in (
        "delivered",
        "gate",
        "consent",
        "attempt",
        "sim",
        "3F2A",
        "DELIVRD",
        "the phone has it",
        "18:40:00.000 UTC",
    ):
        assert words in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert json.loads(careline("trace", what, "--json").stdout)[0]["timeline"] == TIMELINE


def test_trace_of_a_message_that_is_not_there(careline: Run, server: Server) -> None:
    result = careline("trace", "1880000000000000009")
    assert result.exit_code == 1
    assert "404 Not found: there is no such message" in result.stderr


def test_dead_letters(careline: Run, server: Server) -> None:
    assert "step raised" in careline("dead-letters", "list").stdout
    assert careline("dead-letters", "replay", "3", "4").exit_code == 0
    assert [path for path, _, _ in server.posted] == ["/v1/dead-letters/3/replay", "/v1/dead-letters/4/replay"]


def test_a_dead_letter_that_cannot_be_replayed(careline: Run, server: Server) -> None:
    result = careline("dead-letters", "replay", "3", "5", "4")
    assert result.exit_code == 1
    assert "dead letter 5: 409 This cannot be replayed: its sender is no phone number" in result.stderr
    assert result.stdout == "2 replayed\n"  # the others are all the same
    assert [path.split("/")[3] for path, _, _ in server.posted] == ["3", "5", "4"]


def test_nobody_there_and_no_key(careline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELINE_URL", "http://127.0.0.1:1")
    keyless = careline("trace", "+15551234567")
    assert keyless.exit_code == 1
    assert "no API key" in keyless.stderr
    lonely = careline("trace", "+15551234567", "--key", "x")
    assert lonely.exit_code == 1
    assert "is not reached" in lonely.stderr


def test_the_key_of_a_demo_goes_to_the_demo_only(
    careline: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARELINE_API_KEY")
    monkeypatch.delenv("CARELINE_URL")
    Path("var/demo").mkdir(parents=True)
    Path("var/demo/session.json").write_text(json.dumps({"url": server.url, "key": "demo-key"}), "utf-8")
    assert careline("send", "+15551234567", "Hello").exit_code == 0
    assert server.keys == {"Bearer demo-key"}
    assert "no API key" in careline("send", "+15551234567", "Hello", "--url", "http://127.0.0.1:1").stderr
