"""Structured logs, metrics, and the redaction that keeps numbers, texts and secrets out of both.

Log with fields: `log.info("submitted", extra={"carrier": "sim", "to": number, "message": an_id})`. Each is one line of
JSON, or a coloured line for people. No whole phone number, message text, token or password gets through, whoever logs.
"""

import asyncio
import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

Style = Literal["json", "console"]

# Field names whose values are what people wrote to each other: only their length is logged.
TEXT_FIELDS = frozenset({"text", "body", "words", "short_message", "message_payload", "reply", "note", "data", "raw"})
SECRET_FIELDS = frozenset({"password", "secret", "token", "key", "authorization", "cookie", "api_key"})

# A number as + and digits, tel:, percent-encoded, or 10 to 15 bare digits (SMPP's form). Our own ids have 19 digits.
_NUMBER = re.compile(r"(?<![\w.])(\+|%2[bB])?(\d{7,15})(?![\w]|\.\d)")
_BARE = 10
_SECRET_TEXTS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}"), r"\1 …"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), "whsec_…"),
    (
        re.compile(
            r"""(?i)\b(password|passwd|secret|token|api_key|authorization)(["']?\s*[=:]\s*["']?)(?!bearer|basic)[^\s"',;&}]+"""
        ),
        r"\1\2…",
    ),
    (re.compile(r"(?i)(\w+://[^/\s:@]*):[^/\s@]+@"), r"\1:…@"),
    (re.compile(r"(/c/)[\w-]{6,}"), r"\1…"),
    (re.compile(r"(?i)\bmailto:[^\s@]{1,64}@"), "mailto:…@"),
    # How pydantic and others quote the input that they refuse.
    (re.compile(r"(?s)input_value=.*?, input_type="), "input_value=…, input_type="),
)
_PLAIN_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LONGEST = 4000
# Their DEBUG lines hold whole stanzas, PDUs with passwords, or statements with values.
_CHATTY = ("alembic", "slixmpp", "smpplib", "sqlalchemy", "aiohttp.access", "apscheduler", "asyncio")
_COLOURS = {"DEBUG": "\x1b[2m", "INFO": "\x1b[36m", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[41m"}


def redacted(text: str) -> str:
    """The text without whole phone numbers (`+1555…67`), tokens and passwords."""
    for pattern, instead in _SECRET_TEXTS:
        text = pattern.sub(instead, text)
    return _NUMBER.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    sign, digits = match[1], match[2]
    if not sign and len(digits) < _BARE:
        return match[0]
    number = f"+{digits}" if sign else digits
    return f"{number[:5]}…{number[-2:]}"


def shown(name: str, value: object) -> object:
    """A field as logs may show it."""
    lowered = name.lower()
    if lowered in SECRET_FIELDS:
        return "…"
    if lowered in TEXT_FIELDS and value is not None:
        return f"<{len(value)} characters>" if isinstance(value, str | bytes) else "<withheld>"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): shown(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [shown(name, inner) for inner in value]
    return redacted(value if isinstance(value, str) else str(value))[:_LONGEST]


class Redaction(logging.Filter):
    """Rewrites each record in place, so that handlers added by others see no more than ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = f"{record.msg!s} (its arguments do not fit)"  # arguments may be texts: not shown
        record.msg, record.args = redacted(message)[:_LONGEST], None
        if record.exc_info and record.exc_info[0]:
            record.exc_text = redacted("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        for name in vars(record).keys() - _PLAIN_RECORD:
            setattr(record, name, shown(name, getattr(record, name)))
        return True


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN_RECORD}


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: value for name, value in _fields(record).items() if name not in line})
        if record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line, ensure_ascii=False, default=str)


class Console(logging.Formatter):
    """A line for people; colours when the stream is a terminal."""

    def __init__(self, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        said = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        level = f"{record.levelname.lower():8}"
        if self._colours:
            level = f"{_COLOURS.get(record.levelname, '')}{level}\x1b[0m"
            said = f"\x1b[2m{said}\x1b[0m" if said else ""
        # A newline in a message could forge a line of the log.
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line = f"{at} {level} {record.name}: {message} {said}".rstrip()
        return f"{line}\n{record.exc_text}" if record.exc_text else line


def set_up_logging(style: Style = "json", level: str = "info", stream: TextIO | None = None) -> None:
    """Sends all logs of the process to the stream (standard error), redacted. Calling it again replaces the set-up."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.addFilter(Redaction())
    handler.setFormatter(JsonLines() if style == "json" else Console(stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)


_MESSAGES = "each final disposition, once it is on disk; a message whose end turns out otherwise counts under both"
_TEXTS_IN = (
    "taken; taken_incomplete, where a part never came; redelivered, which was taken before; not_stored, which the"
    " carrier hands over again; sender_unreadable, a dead letter since no phone number sent it"
)


class Metrics:
    """All metrics, in a registry of their own. Labels are closed sets or configured names, never addresses."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"careline_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"careline_{name}", what, labels, registry=registry)

        def histogram(name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"careline_{name}", what, buckets=buckets, registry=registry)

        self.messages = counter("messages", f"Messages that ended: {_MESSAGES}", "direction", "disposition")
        self.texts_in = counter("texts_in", f"Texts from phones: {_TEXTS_IN}", "outcome")
        self.attempts = counter("attempts", "Parts handed to a carrier", "carrier", "outcome")
        self.receipts = counter("receipts", "Delivery receipts: matched, parked, unknown", "carrier", "match")
        self.bad_pdu = counter("bad_pdu", "PDUs that could not be read", "carrier")
        self.events = counter("events", "Business events", "type", "state")
        self.dead_letters = counter("dead_letters", "Work that was given up until somebody looks", "kind")
        self.suppressed = counter("suppressed", "Messages that a gate blocked", "gate")
        self.http_requests = counter("http_requests", "HTTP requests", "route", "status")
        self.queue_depth = gauge("queue_depth", "Rows that wait", "queue")
        self.links = gauge("carrier_up", "1 while a bind of the carrier may send", "carrier")
        self.desk_up = gauge("desk_up", "1 while agents can be reached over XMPP")
        self.desk = counter("desk_stanzas", "Stanzas of the agents' server: in, out, poison, refused, ...", "what")
        self.waiting = gauge("conversations_waiting", "Conversations that wait for a person", "queue")
        self.promises = counter(
            "promises", "Promises of queues (first_response ...): kept, late", "queue", "promise", "outcome"
        )
        self.ratings = counter("ratings", "What customers said of how it went, 1 to 5", "queue", "score")
        self.surveys = counter("surveys", "Customers who were asked how it went", "queue")
        self.batch_size = histogram(
            "tx_batch_size", "Units of work in one transaction", (1, 2, 5, 10, 20, 50, 100, 200, 500)
        )
        self.commit_seconds = histogram(
            "tx_commit_seconds", "Time of one commit", (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
        )
        self.loop_lag = gauge("loop_lag_seconds", "How late the event loop woke up, latest")
        self.loop_lag_worst = gauge("loop_lag_worst_seconds", "How late the event loop woke up, worst since start")
        self.started = gauge("start_time_seconds", "Unix time of the start")

    def exposition(self) -> tuple[bytes, str]:
        """The Prometheus text and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


metrics = Metrics()
"""The process's own."""


async def watch_loop(into: Metrics, interval: float = 0.1) -> None:
    """Measures for ever how late the event loop wakes up (invariant 13: never 250 ms)."""
    worst = 0.0
    while True:
        before = time.perf_counter()
        await asyncio.sleep(interval)
        lag = max(0.0, time.perf_counter() - before - interval)
        worst = max(worst, lag)
        into.loop_lag.set(lag)
        into.loop_lag_worst.set(worst)
