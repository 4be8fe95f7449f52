"""The HTTP API as commands use it: one connection, the key, retries as the server asks for them, problems in words.

On the standard library: a command that posts one event should not wait for a web framework to be imported.
"""

import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

DEFAULT_URL = "http://127.0.0.1:8080"
DEMO_SESSION = Path("var/demo/session.json")
"""Where a running `careline demo` says its URL and key; used when nothing else is given."""

_PATIENCE: Final = 120.0  # seconds that 429 and 503 are waited out
_LONGEST_WAIT: Final = 30.0
_TIMEOUT: Final = 60.0


class ApiProblem(Exception):
    """The server did not do it; the message says why, in the server's words where it had some."""

    def __init__(self, message: str, status: int = 0, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.problem = status, problem


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server is, and the key."""

    url: str
    key: str


def access(url: str | None, key: str | None, key_file: Path | None) -> Access:
    """From options, then CARELINE_URL and CARELINE_API_KEY (or CARELINE_KEY), then a running demo.

    Raises:
        ApiProblem: there is no key, or its file cannot be read.
    """
    if key_file is not None:
        try:
            key = key_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ApiProblem(f"the key file cannot be read: {error}") from error
    key = key or os.environ.get("CARELINE_API_KEY") or os.environ.get("CARELINE_KEY")
    url = url or os.environ.get("CARELINE_URL")
    if key is None or url is None:
        session = _demo()
        # The demo's key belongs to the demo's server: it is never sent to another one.
        if key is None and url in (None, session.get("url")):
            key = session.get("key")
        url = url or session.get("url") or DEFAULT_URL
    if not key:
        raise ApiProblem(
            "no API key: give --key-file FILE or set CARELINE_API_KEY; `careline keys add NAME --role admin` makes one"
        )
    return Access(url.rstrip("/"), key)


def _demo() -> Mapping[str, str]:
    try:
        session = json.loads(DEMO_SESSION.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return session if isinstance(session, dict) else {}


class Api:
    """A connection to the server, to be used in `with`. Requests raise ApiProblem."""

    def __init__(self, access: Access) -> None:
        parts = urlsplit(access.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ApiProblem(f"{access.url!r} is no URL of a server, such as {DEFAULT_URL}")
        self._url, self._key, self._path = access.url, access.key, parts.path.rstrip("/")
        if parts.scheme == "https":
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=_TIMEOUT, context=ssl.create_default_context()
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The JSON that a GET answers."""
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: object, content_type: str = "application/json") -> Any:
        """The JSON that a POST answers. 429 and 503 are tried again when the server says, up to two minutes."""
        return self.call("POST", path, json.dumps(body, ensure_ascii=False).encode(), content_type)

    def call(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Any:
        """One request with its retries."""
        until = time.monotonic() + _PATIENCE
        while True:
            status, headers, content = self._request(method, path, body, content_type)
            if status not in (429, 503) or time.monotonic() >= until:
                return _answer(status, content)
            time.sleep(min(_seconds(headers.get("Retry-After")), _LONGEST_WAIT))

    def pages(self, path: str, query: Mapping[str, str], most: int) -> list[dict[str, Any]]:
        """The items of a list, over its pages."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(items) < most:
            asked = {**query, "limit": str(min(100, most - len(items)))} | ({"cursor": cursor} if cursor else {})
            page = self.get(path, asked)
            items += page["items"]
            cursor = page.get("next")
            if not cursor:
                break
        return items

    def _request(
        self, method: str, path: str, body: bytes | None, content_type: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json", "User-Agent": "careline-cli"}
        if body is not None:
            headers["Content-Type"] = content_type
        for last_try in (False, True):
            try:
                self._connection.request(method, self._path + path, body, headers)
                response = self._connection.getresponse()
                return response.status, dict(response.headers), response.read()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
                # A connection that was kept open and is closed by now. Events carry ids: twice is once.
                self._connection.close()
                if last_try:
                    raise self._unreachable(error) from error
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                raise self._unreachable(error) from error
            except ValueError as error:
                raise ApiProblem("the key has characters that no key has") from error
        raise AssertionError("the second try returns or raises")

    def _unreachable(self, error: Exception) -> ApiProblem:
        if isinstance(error, socket.timeout | TimeoutError):
            why = f"no answer within {_TIMEOUT:.0f} s"
        else:
            why = str(getattr(error, "strerror", None) or error)
        return ApiProblem(f"{self._url} is not reached: {why}. Does `careline run` (or `demo`) run there? See --url")


def _answer(status: int, content: bytes) -> Any:
    try:
        value = json.loads(content) if content else None
    except ValueError:
        value = None
    if 200 <= status < 300:
        return value
    problem = value if isinstance(value, dict) else {}
    raise ApiProblem(words(problem, status), status, problem)


def words(problem: Mapping[str, Any], status: int = 0) -> str:
    """A problem document (RFC 9457) as a person reads it."""
    status = int(problem.get("status") or status)
    title = str(problem.get("title") or http.client.responses.get(status, "the server refused"))
    detail = str(problem.get("detail") or "")
    said = f"{title}: {detail}" if detail and detail != title else title
    for error in problem.get("errors") or ():
        if isinstance(error, dict):
            said += f"\n  {error.get('pointer', '')}: {error.get('detail', '')}"
    return f"{status} {said}" if status else said


def _seconds(value: str | None) -> float:
    return float(value) if value and value.isdigit() else 1.0
