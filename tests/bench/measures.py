"""The measurements (performance anchor section 2): closed loop for the rate, until all has come out; then open loop for
the latency. CPU is the exact time on a processor of every thread of ours.
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bench.load import Rig, cpu_seconds, rss_mb
from tests.bench.running import SENDER, GatewayProcess

WINDOW = 64
FLOOD = 500  # five times what may be submitted without an answer
PHONES = 1000
CONNECTIONS = 32
BATCH = 1000
MARK = "{ts} hello from the bench"


@dataclass(slots=True)
class Figure:
    """One line of the table. rate: a second. p50, p99: ms. cpu_us: of all our processes, for each message. pace: of the
    machine meanwhile (`tests.bench.pace`). submitted: a second, where it is another rate. rounds: of how many this is
    the median (count: their sum), and best_rate, best_p99, best_cpu_us the best of those of which nothing is odd.
    """

    path: str
    count: int
    rate: float
    p50: float | None = None
    p99: float | None = None
    cpu_us: float | None = None
    rss: float | None = None
    pace: float = 0.0
    notes: list[str] = field(default_factory=list)
    submitted: float | None = None
    rounds: int = 1
    best_rate: float | None = None
    best_p99: float | None = None
    best_cpu_us: float | None = None

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


def of_rounds(rounds: Sequence[Figure]) -> Figure:
    """What several rounds of one measurement come to: the median says what to expect of this machine with its
    neighbours, the best how fast the program is when they are quiet (as `timeit` says of its own: what is higher is
    caused by others). They say so only together. RSS: of the last round.
    """
    first, last = rounds[0], rounds[-1]
    good = [one for one in rounds if not one.notes]  # of which nothing is odd
    return Figure(
        first.path,
        sum(one.count for one in rounds),
        statistics.median(one.rate for one in rounds),
        _median([one.p50 for one in rounds]),
        _median([one.p99 for one in rounds]),
        _median([one.cpu_us for one in rounds]),
        last.rss,
        statistics.median(one.pace for one in rounds),
        list(dict.fromkeys(note for one in rounds for note in one.notes)),
        _median([one.submitted for one in rounds]),
        len(rounds),
        max((one.rate for one in good), default=None),
        min((one.p99 for one in good if one.p99 is not None), default=None),
        min((one.cpu_us for one in good if one.cpu_us is not None), default=None),
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


class Bench:
    """Measures one gateway with one rig. seconds: how long each closed loop runs. drain: how long all may take to come
    out after it."""

    def __init__(self, rig: Rig, gateway: GatewayProcess, seconds: float, drain: float) -> None:
        self.rig, self.gateway, self.seconds, self.drain = rig, gateway, seconds, drain
        self._round = 0

    def warm_up(self) -> None:
        """Each phone writes a few times: customers and conversations are there, code paths are hot."""
        self.rig.do("mo", 0, WINDOW, 20, SENDER, "hello", PHONES, 3 * PHONES)
        self.rig.wait(lambda stats: stats["n_submit"] >= 3 * PHONES, 20)
        self.rig.do("stop")

    def round_trips(self) -> Figure:
        """Text in, handler, text out: as fast as a window of unanswered texts lets it."""
        return self._round_trips("round trips, window 64", 0, self.seconds)

    def flood(self) -> Figure:
        """The same from a carrier that sends on and on: what keeps it back is us."""
        return self._round_trips(f"round trips, window {FLOOD}", 0, self.seconds, FLOOD)

    def round_trips_at(self, rate: float) -> Figure:
        """The same, so many a second whatever happens: for the latency."""
        return self._round_trips(f"round trips, {rate:,.0f}/s", rate, self.seconds, 10_000)

    def _round_trips(self, path: str, rate: float, seconds: float, window: int = WINDOW) -> Figure:
        before = self._begin()
        self.rig.do("mo", rate, window, seconds, SENDER, "hello", PHONES)
        time.sleep(seconds)
        stats = self.rig.wait(lambda now: now["n_submit"] >= now["n_mo_sent"] > 0, self.drain)
        self.rig.do("stop")
        figure = self._end(path, before, stats, stats["n_submit"], stats["submit"])
        figure.rate = _rate(stats["n_submit"], stats["first_submit"], stats["last_submit"])
        _note(figure, stats["n_mo_nack"], "texts refused for now")
        return figure

    def texts_with_receipts(self) -> Figure:
        """POST /v1/messages, submit, receipt 100 ms later: until all receipts are acknowledged, so on disk."""
        self.rig.do("dlr", 100)
        body = {"to": f"+4915{self._new_phones()}{{n}}", "text": MARK, "class": "transactional"}
        before = self._begin()
        self._post("/v1/messages", "application/json", json.dumps(body), self.seconds)
        stats = self.rig.wait(lambda now: now["n_dlr_ack"] >= now["n_http_ok"] > 0, self.drain)
        self.rig.do("dlr", -1)
        figure = self._end("texts, with receipts", before, stats, stats["n_dlr_ack"], stats["submit"])
        figure.rate = _rate(stats["n_dlr_ack"], before[1], stats["t"])
        figure.submitted = _rate(stats["n_submit"], before[1], stats["last_submit"])
        return self._http(figure, stats)

    def events(self) -> Figure:
        """POST /v1/events, one a request, until its 202."""
        body = _event(self._new_phones(), "")
        before = self._begin()
        self._post("/v1/events", "application/cloudevents+json", json.dumps(body), self.seconds)
        stats, taken_at = self._taken()
        return self._events("events, 1 a request", before, stats, taken_at, stats["n_http_ok"])

    def batches(self, seconds: float) -> Figure:
        """POST /v1/events, 1,000 a request, until the last 202: that is on disk."""
        phones = self._new_phones()
        body = [_event(phones, f"-{place:03d}") for place in range(BATCH)]
        before = self._begin()
        self._post("/v1/events", "application/cloudevents-batch+json", json.dumps(body), seconds, connections=4)
        stats, taken_at = self._taken()
        return self._events("events, 1,000 a request", before, stats, taken_at, stats["n_http_ok"] * BATCH)

    # -- inside

    def _new_phones(self) -> str:
        """A digit for the phones of a round: each counts its requests from 0, and is to meet nobody it knows."""
        self._round = (self._round + 1) % 10
        return str(self._round)

    def _events(
        self, path: str, before: tuple[float, float], stats: dict[str, Any], taken_at: float, count: int
    ) -> Figure:
        figure = self._http(Figure(path, count, _rate(count, before[1], taken_at)), stats)
        figure.p50, figure.p99 = stats["http"]["p50_ms"], stats["http"]["p99_ms"]
        done = self.rig.wait(lambda now: now["n_submit"] >= count, self.drain)
        if done.get("timed_out"):
            figure.notes.append(f"only {done['n_submit']:,} submitted after {self.drain:.0f} s more")
        figure.cpu_us = 1e6 * (cpu_seconds(self.gateway.pid) - before[0]) / max(1, done["n_submit"])
        figure.rss = rss_mb(self.gateway.pid)
        figure.submitted = _rate(done["n_submit"], before[1], done["last_submit"])
        return figure

    def _begin(self) -> tuple[float, float]:
        self.rig.do("reset")
        return cpu_seconds(self.gateway.pid), float(self.rig.stats()["t"])

    def _end(
        self, path: str, before: tuple[float, float], stats: dict[str, Any], count: int, latency: dict[str, float]
    ) -> Figure:
        cpu = cpu_seconds(self.gateway.pid) - before[0]
        figure = Figure(path, count, 0.0, latency["p50_ms"], latency["p99_ms"], 1e6 * cpu / max(1, count))
        figure.rss = rss_mb(self.gateway.pid)
        if stats.get("timed_out"):
            figure.notes.append(f"not all came out within {self.drain:.0f} s")
        return figure

    def _post(self, path: str, kind: str, body: str, seconds: float, connections: int = CONNECTIONS) -> None:
        self.rig.do("http", self.gateway.http_port, connections, 0, seconds, "POST", path, kind, body)
        time.sleep(seconds)

    def _taken(self) -> tuple[dict[str, Any], float]:
        """The last answer is here; statistics, and when that was."""
        stats = self.rig.wait_quiet("n_http_ok", self.drain, quiet=0.3)
        return stats, float(stats["t"]) - 0.3

    def _http(self, figure: Figure, stats: dict[str, Any]) -> Figure:
        _note(figure, stats["n_http_err"], f"requests refused ({stats['lasterr'][:80]})")
        self.rig.do("stop")
        return figure


def _event(phones: str, place: str) -> dict[str, object]:
    number = f"{phones}{{n}}"
    return {
        "specversion": "1.0",
        "type": "bench.notice",
        "source": "bench",
        "id": f"{number}{place}-{time.time_ns()}",
        "subject": f"tel:+4917{number}{place[1:]}",
        "data": {"text": MARK},
    }


def _note(figure: Figure, count: int, what: str) -> None:
    if count:
        figure.notes.append(f"{count:,} {what}")


def _rate(count: int, first: float, last: float) -> float:
    return count / (last - first) if last > first else 0.0


def rig_echo(start: Callable[[], Rig], seconds: float) -> Figure:
    """The rig against itself: an ESME that echoes each text at once and keeps nothing. The ceiling of this machine."""
    smsc, esme = start(), start()
    try:
        esme.do("esme", smsc.smsc, 100, seconds + 5, 1, 1)
        smsc.wait(lambda stats: stats["bound"] > 0, 5)
        smsc.do("reset")
        smsc.do("mo", 0, WINDOW, seconds, SENDER, "hello", PHONES)
        time.sleep(seconds)
        stats = smsc.wait(lambda now: now["n_submit"] >= now["n_mo_sent"], 5)
        figure = Figure("echo of the rig alone", stats["n_submit"], 0.0)
        figure.p50, figure.p99 = stats["submit"]["p50_ms"], stats["submit"]["p99_ms"]
        figure.rate = _rate(stats["n_submit"], stats["first_submit"], stats["last_submit"])
        return figure
    finally:
        smsc.stop()
        esme.stop()
