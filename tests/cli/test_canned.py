"""`careline canned` against a small server that keeps what it is given."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.opening import REPLIES
from tests.cli.conftest import Run

KEPT: dict[str, dict[str, Any]] = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._answer(200, {"items": [KEPT[name] for name in sorted(KEPT)], "next": None})

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = self.path.removeprefix("/v1/canned/")
        if name == "broken":
            return self._answer(422, {"title": "It cannot be kept", "status": 422, "detail": "/texts/en is no text"})
        its = {"brand": "acme", "queue": None, "title": "", "fields": [], **body}
        KEPT[name] = {"name": name, **its, "changed_at": "2026-11-22T15:00:00Z", "changed_by": "a-key"}
        return self._answer(200, KEPT[name])

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    KEPT.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        monkeypatch.setenv("CARELINE_URL", f"http://127.0.0.1:{one.server_address[1]}")
        monkeypatch.setenv("CARELINE_API_KEY", "a-key")
        yield
        one.shutdown()
        thread.join()


def test_in_and_out_again(careline: Run, tmp_path: Path) -> None:
    result = careline("canned", "import", str(REPLIES))
    assert (result.exit_code, result.stdout) == (0, "3 kept\n"), result.stderr
    listed = careline("canned", "list").stdout
    assert "refund amount=MONEY to=CHOICE by=DATE: The refund is on its way (acme; en, es)" in listed
    assert len(json.loads(careline("canned", "list", "--json").stdout)) == 3
    before = dict(KEPT)
    (tmp_path / "out.json").write_text(careline("canned", "export").stdout)
    KEPT.clear()
    assert careline("canned", "import", str(tmp_path / "out.json")).exit_code == 0
    assert before == KEPT


def test_what_is_refused_is_named_and_the_others_are_kept(careline: Run, tmp_path: Path) -> None:
    both = [{"name": "broken", "texts": {"en": "{{"}}, {"name": "good", "texts": {"en": "Hello"}}]
    (tmp_path / "both.json").write_text(json.dumps(both))
    result = careline("canned", "import", str(tmp_path / "both.json"))
    assert result.exit_code == 1
    assert result.stdout == "1 kept\n"
    assert "broken: 422 It cannot be kept: /texts/en is no text" in result.stderr
    assert list(KEPT) == ["good"]


@pytest.mark.parametrize("content", ["{}", "[1]", '[{"texts": {}}]', "nonsense", "[" * 100_000])
def test_a_file_that_is_none(careline: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "none.json").write_text(content)
    result = careline("canned", "import", str(tmp_path / "none.json"))
    assert result.exit_code == 1
    assert "none.json" in result.stderr
    assert careline("canned", "import", str(tmp_path / "nowhere.json")).exit_code == 1
