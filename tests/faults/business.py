"""The load of the kill test: a business system that posts events until it has an answer, and customers who write.

Each event's and each customer's text can be told from all others, so that both ends can be compared.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

import aiohttp

from tests.bench.running import KEY
from tests.faults.smsc import Smsc, Taken

WORKERS = 24
PHONES = 8  # of each worker
WRITERS = 60  # customers who write
MOST_WAITING = 400
EVENTS = 220.0
TEXTS = 105.0
OVERAGE = {"plan": "Basic 300", "minutes_over": 120, "charge": "50.00", "currency": "USD"}


@dataclass(slots=True)
class Ledger:
    """What was acknowledged, and what of it has not come out at the other end yet."""

    events: dict[tuple[str, str], str] = field(default_factory=dict)
    overages: dict[str, str] = field(default_factory=dict)
    texts: int = 0
    open: set[tuple[str, str]] = field(default_factory=set)
    seen: set[tuple[str, str]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    answered: int = 0
    retried: int = 0

    def acknowledged(self, to: str, text: str) -> None:
        """Something must come out as this text, to this phone."""
        if (to, text) not in self.seen:
            self.open.add((to, text))

    def came_out(self, taken: Taken) -> None:
        """The carrier has it."""
        self.seen.add((taken.to, taken.text))
        self.open.discard((taken.to, taken.text))


class Business:
    """Posts events at a rate, whether or not the gateway lives; customers write at theirs, and answer offers."""

    def __init__(self, smsc: Smsc, http_port: int, ledger: Ledger) -> None:
        self._smsc, self._ledger = smsc, ledger
        self._url = f"http://127.0.0.1:{http_port}/v1/events"
        self._tokens: asyncio.Queue[int] = asyncio.Queue(MOST_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self._going = True
        self._numbers: dict[str, int] = {}
        self._counter = 0
        self._answered: deque[str] = deque(maxlen=100_000)
        smsc.on_taken = self._on_taken
        smsc.on_acknowledged = self._on_acknowledged

    def start(self) -> None:
        """Begins."""
        self._tasks = [asyncio.create_task(self._tick())]
        self._tasks += [asyncio.create_task(self._worker(number)) for number in range(WORKERS)]

    async def finish(self, seconds: float) -> bool:
        """No new events and texts; waits until each that was begun has its answer. Whether that was in time."""
        self._going = False
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error
        return not late

    # -- customers

    def _on_taken(self, taken: Taken) -> None:
        self._ledger.came_out(taken)
        if taken.to in self._ledger.overages and taken.to not in self._answered and "YES" in taken.text:
            self._answered.append(taken.to)
            self._smsc.text(taken.to, "YES")

    def _on_acknowledged(self, label: tuple[str, str]) -> None:
        phone, text = label
        if text.startswith("m"):
            self._ledger.texts += 1
            self._ledger.acknowledged(phone, text)

    def _write_text(self, count: int) -> None:
        phone = f"+1555100{count % WRITERS:04d}"
        number = self._numbers[phone] = self._numbers.get(phone, 0) + 1
        self._smsc.text(phone, f"m{count % WRITERS} number {number}")

    async def _tick(self) -> None:
        """Tokens for events and texts of customers, by the clock."""
        begun, events, texts = time.monotonic(), 0, 0
        while self._going:
            await asyncio.sleep(0.01)  # the pace of the load, nothing waits for it
            passed = time.monotonic() - begun
            while events < passed * EVENTS:
                events += 1
                if not self._tokens.full():
                    self._tokens.put_nowait(events)
            while texts < passed * TEXTS:
                if self._smsc.texts_waiting < MOST_WAITING:
                    self._write_text(texts)
                texts += 1
        for _ in range(WORKERS):
            await self._tokens.put(0)

    # -- events

    async def _worker(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {KEY}"}
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            while await self._tokens.get():
                self._counter += 1
                place = self._counter
                if place % 20 == 0:
                    await self._overage(session, place)
                elif place % 16 == 1 and self._tokens.qsize() >= 5:
                    for _ in range(PHONES - 1):
                        if not self._tokens.empty() and self._going:
                            self._tokens.get_nowait()
                    await self._batch(session, number)
                else:
                    await self._notice(session, number, place)

    def _event(self, phone: str, once: bool) -> tuple[dict[str, object], str]:
        count = self._numbers[phone] = self._numbers.get(phone, 0) + 1
        text = f"{'o' if once else 'n'}{phone[-6:]} number {count}"
        kind = "bench.once" if once else "bench.notice"
        return self._wire(kind, f"{phone}/{count}", phone, {"text": text}), text

    def _wire(self, kind: str, key: str, phone: str, data: dict[str, object]) -> dict[str, object]:
        return {
            "specversion": "1.0",
            "type": kind,
            "source": "faults",
            "id": key,
            "subject": f"tel:{phone}",
            "data": data,
        }

    async def _notice(self, session: aiohttp.ClientSession, number: int, place: int) -> None:
        once = place % 7 == 0
        phone = f"+15552{int(once)}{number:02d}{place % PHONES:03d}"
        event, text = self._event(phone, once)
        self._taken(phone, text, await self._post(session, event, "application/cloudevents+json"))

    async def _batch(self, session: aiohttp.ClientSession, number: int) -> None:
        made = [self._event(f"+155520{number:02d}{place:03d}", once=False) for place in range(PHONES)]
        answer = await self._post(session, [event for event, _ in made], "application/cloudevents-batch+json")
        for (event, text), result in zip(made, answer["results"], strict=True):  # type: ignore[call-overload]
            if "event" not in result:
                self._ledger.wrong.append(f"batch item {event['id']}: {result}")
                continue
            self._taken(str(event["subject"])[4:], text, result)

    async def _overage(self, session: aiohttp.ClientSession, place: int) -> None:
        phone = f"+1555{3_000_000 + place}"
        event = self._wire("plan.overage", f"overage/{place}", phone, dict(OVERAGE))
        self._ledger.overages[phone] = ""
        answer = await self._post(session, event, "application/cloudevents+json")
        self._ledger.overages[phone] = str(answer["event"])

    def _taken(self, phone: str, text: str, answer: dict[str, object]) -> None:
        self._ledger.events[phone, text] = str(answer["event"])
        self._ledger.acknowledged(phone, text)

    async def _post(self, session: aiohttp.ClientSession, body: object, kind: str) -> dict[str, object]:
        """Posts until it is taken, with the same source and id each time."""
        while True:
            try:
                async with session.post(self._url, json=body, headers={"Content-Type": kind}) as response:
                    answer = await response.json(content_type=None)
                    if response.status == 202:
                        self._ledger.answered += 1
                        return dict(answer)
                    if response.status not in (429, 503, 507):
                        self._ledger.wrong.append(f"HTTP {response.status} to {kind}: {str(answer)[:200]}")
                        raise RuntimeError(self._ledger.wrong[-1])
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                self._ledger.retried += 1
            await asyncio.sleep(0.1)  # a client's own pause between two tries
