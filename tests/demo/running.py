"""A running `careline demo`, and how tests wait and ask."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MAYA = "+15551234567"
WITHIN = 30.0


def until(condition: Callable[[], Any], within: float = WITHIN) -> Any:
    """What the condition answers, once that is something."""
    end = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)
    return found


def request(url: str, body: object = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, json.loads(problem.read() or b"null")


class Demo:
    """A running demo. chat: with an XMPP server, where one is installed."""

    def __init__(self, folder: Path, *, chat: bool = True) -> None:
        self.var = folder / "var"
        self.said = folder / "said.txt"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gateway.cli", "demo", "--var", str(self.var), "--port", "0"],
                stdout=said, stderr=said, cwd=ROOT, start_new_session=True,
                env=dict(os.environ) | ({} if chat else {"PATH": str(folder)}),
            )  # fmt: skip
        self.session: dict[str, str] = until(self._started)
        self.children = [entry["pid"] for entry in json.loads((self.var / "demo" / "children.json").read_text("utf-8"))]

    def _started(self) -> Any:
        assert self.process.poll() is None, self.said.read_text("utf-8")
        file = self.var / "demo" / "session.json"
        return json.loads(file.read_text("utf-8")) if file.exists() else None

    @property
    def page(self) -> str:
        return self.session["page"].rstrip("/")

    @property
    def setting(self) -> Any:
        """What the page is told."""
        return request(f"{self.page}/setting")[1]

    def post(self, path: str, body: object) -> Any:
        """As the start page does it."""
        status, answer = request(f"{self.page}{path}", body, Origin=self.page)
        assert status == 200, answer
        return answer

    def document(self) -> Any:
        return request(f"{self.page}/document")[1]

    def phone(self, whose: str = MAYA) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = request(f"{self.session['phones']}/phones/{whose}")[1]
        return found

    def text(self, words: str, whose: str = MAYA) -> None:
        assert request(f"{self.session['phones']}/mo", {"from": whose, "to": "70007", "text": words})[0] == 200

    def end(self, name: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(name)
        return self.process.wait(WITHIN)


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.monotonic()
    act()
    return time.monotonic() - started


def kinds_of(document: Any) -> set[str]:
    """What the timelines tell of."""
    return {line["kind"] for message in document["messages"] for line in message["timeline"]}


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def nobody_left(demo: Demo) -> None:
    until(lambda: not any(alive(pid) for pid in demo.children), 15)
