"""A snow storm (anchor: hard moment 11): thousands of flights are delayed, told in one call, while no text can leave.

Then the carrier is back. Some flights are delayed a second time by then, some have left. Customers answer in the
middle, some ask for a person, and an agent on a real Prosody is asked for one after the other. STORM_CUSTOMERS=10000
plays it in full size.
"""

import asyncio
import io
import json
import os
import time
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import apsw
import pytest

from tests.doubles.agent import AgentClient
from tests.doubles.laws import broken_laws
from tests.doubles.prosody import COMPONENT, DOMAIN, SECRET, Prosody, installed
from tests.faults.judge import unfinished
from tests.faults.killing import say
from tests.faults.scene import Scene, scene
from tests.faults.smsc import Taken

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="Prosody is not installed"),
]
CUSTOMERS = int(os.environ.get("STORM_CUSTOMERS") or "1500")
SECOND = CUSTOMERS // 10  # whose flight is delayed a second time, before they were told
LEFT = CUSTOMERS // 50  # whose flight leaves before anybody can be told
ANSWERS = {"ok": 40, "agent": 15}  # who writes what, in the middle
WINDOW = 20
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
MORE = f"""
[[queues]]
name = "travel"
brand = "acme"

[xmpp]
host = "127.0.0.1"
port = {{port}}
domain = "{COMPONENT}"
secret = "{SECRET}"
agent_domains = ["{DOMAIN}"]

[[agents]]
jid = "ana@{DOMAIN}"
name = "Ana"
queues = ["travel"]
capacity = 1
"""


def phone_of(number: int) -> str:
    return f"+1555{number:07d}"


class Storm:
    """The airline, its passengers, and Ana. told: what each phone received, in order. asked: phones, as Ana was asked
    for them.
    """

    def __init__(self, on: Scene) -> None:
        self.on = on
        self.told: dict[str, list[str]] = defaultdict(list)
        self.wrote: dict[str, int] = {}  # phone -> how many texts the carrier had taken
        self.asked: list[str] = []
        self.middle = (CUSTOMERS - SECOND - LEFT) // 3
        self._writers = [word for word, count in ANSWERS.items() for _ in range(count)]
        on.smsc.on_taken = self._taken
        now = datetime.now(UTC)
        # Texts tell the hour in New York: the first delay is to the morning, the second to the evening.
        self.first = (now + timedelta(days=2)).replace(hour=14, minute=0)
        self.second = self.first.replace(hour=23)
        self.leaves = now + timedelta(seconds=4)

    def delays(self, numbers: range, to: datetime, key: str) -> list[dict[str, Any]]:
        return [
            {
                "specversion": "1.0",
                "type": "flight.delayed",
                "source": "operations",
                "id": f"{key}/{number}",
                "subject": f"tel:{phone_of(number)}",
                "data": {
                    "flight": f"AA{number % 90 + 10}",
                    "booking": f"B{number}",
                    "departure": datetime.now(UTC).isoformat(),
                    "new_departure": to.isoformat(),
                    "reason": "snow",
                },
            }
            for number in numbers
        ]

    async def post(self, events: list[dict[str, Any]]) -> Counter[bool]:
        """One call; how many of it were new (False) and known (True)."""
        timeout = aiohttp.ClientTimeout(total=90)
        body = io.BytesIO(json.dumps(events).encode())
        async with self.on.session.post(f"{self.on.url}/v1/events", data=body, headers=BATCH, timeout=timeout) as got:
            assert got.status == 202, await got.text()
            results = (await got.json())["results"]
        assert [one["id"] for one in results] == [one["id"] for one in events]
        return Counter(one["duplicate"] for one in results)

    def _taken(self, taken: Taken) -> None:
        self.told[taken.to].append(taken.text)
        if taken.place >= self.middle and self._writers and "delayed" in taken.text:
            self.wrote[taken.to] = taken.place
            self.on.smsc.text(taken.to, self._writers.pop())

    async def ana(self, port: int) -> None:
        """Takes what she is asked for, answers in a word, and closes it."""
        client = AgentClient("ana", port)
        await client.login()
        try:
            at = 0
            while True:
                await client.until(lambda: len(client.inbox) > at, "something is read", 3600)  # noqa: B023
                phone, text = client.inbox[at]
                at += 1
                if ".take or just answer within" in text:
                    self.asked.append(phone)
                    client.says(phone, "You are booked on AA99.")
                    client.says(phone, "/close resolved")
        finally:
            await client.logout()

    def done(self) -> bool:
        closed = "SELECT count(*) FROM conversation WHERE state = 'closed' AND disposition = 'resolved'"
        reported = "SELECT count(*) FROM message WHERE direction = 'mt' AND state <> 'final'"
        resolved = self.on.rows(closed)[0] == (ANSWERS["agent"],)
        return resolved and self.on.rows(reported)[0] == (0,) and not unfinished(self.on.database)


@pytest.mark.timeout(600)
async def test_thousands_of_flights_are_delayed(tmp_path: Path) -> None:
    server = Prosody(tmp_path / "prosody", ("ana",), privileges=True)
    await server.start()
    more = MORE.format(port=server.component)
    try:
        async with scene(tmp_path, window=WINDOW, more=more, handlers=("flight_delay", "bench_echo")) as on:
            storm = Storm(on)
            ana = asyncio.create_task(storm.ana(server.c2s))
            try:
                times = await _play(storm)
            finally:
                ana.cancel()
                await asyncio.gather(ana, return_exceptions=True)
            late = _judge(storm)
            say(f"storm of {CUSTOMERS}: {times}; notices between an answer and its way out: {late}")
    finally:
        await server.stop()


async def _play(storm: Storm) -> str:
    on, begun = storm.on, time.monotonic()
    # The carrier is down while the airline tells us all, then some flights again, then all once more (its own retry).
    await on.smsc.down()
    everybody = storm.delays(range(CUSTOMERS - LEFT), storm.first, "first")
    everybody += storm.delays(range(CUSTOMERS - LEFT, CUSTOMERS), storm.leaves, "first")
    assert await storm.post(everybody) == {False: CUSTOMERS}
    took = time.monotonic() - begun
    assert await storm.post(storm.delays(range(SECOND), storm.second, "second")) == {False: SECOND}
    assert await storm.post(everybody) == {True: CUSTOMERS}
    undecided = "SELECT count(*) FROM work WHERE lane = 'customer' AND kind = 'event'"
    await on.until("all is decided", lambda: on.rows(undecided)[0] == (0,), 120)
    decided = time.monotonic() - begun
    await on.until("some flights have left", lambda: datetime.now(UTC) > storm.leaves, 10)
    assert not on.smsc.taken
    back = time.monotonic()
    await on.smsc.start()
    await on.until("all are told", lambda: len(storm.told) >= CUSTOMERS - LEFT, 240)
    told = time.monotonic() - back
    await on.until("all is at rest", storm.done, 120)
    return (
        f"taken in {took:.1f} s, decided in {decided:.1f} s, told in {told:.1f} s "
        f"once the carrier was back, whole {time.monotonic() - begun:.1f} s"
    )


def _judge(storm: Storm) -> str:
    """What each phone received, in which order, and what the database says of the rest."""
    on = storm.on
    with closing(apsw.Connection(str(on.database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        assert broken_laws(connection) == []
    for number in range(CUSTOMERS):
        phone = phone_of(number)
        notices = [text for text in storm.told[phone] if "delayed" in text]
        more = [text for text in storm.told[phone] if "delayed" not in text]
        assert len(notices) == (number < CUSTOMERS - LEFT), f"{phone}: {notices}"
        assert all(("PM" if number < SECOND else "AM") in text for text in notices), f"{phone}: {notices}"
        assert len(more) == (phone in storm.wrote), f"{phone}: {more}"
    assert len(storm.wrote) == sum(ANSWERS.values())
    ends = dict(on.rows("SELECT disposition, count(*) FROM message WHERE direction = 'mt' GROUP BY 1"))
    assert ends.pop("delivered") == CUSTOMERS - LEFT + len(storm.wrote)
    assert set(ends) <= {"expired"}, ends
    _asked_in_order(storm)
    return _before_the_notices(storm)


def _asked_in_order(storm: Storm) -> None:
    """Ana was asked for each once, who waited longest first."""
    queued = storm.on.rows(
        "SELECT key FROM conversation c JOIN note n ON n.conversation_id = c.id WHERE kind = 'escalated' ORDER BY n.id"
    )
    assert storm.asked == [str(key).removeprefix("tel:") for (key,) in queued]
    assert len(storm.asked) == ANSWERS["agent"]


def _before_the_notices(storm: Storm) -> str:
    """Lane order, not speed: from the moment that an answer is decided until it is handed to the carrier, no more than
    a few windows of notices go out, while its commit is under way; hundreds or thousands wait behind it.
    """
    on = storm.on
    notices = sorted(
        at for (at,) in on.rows("SELECT at FROM attempt a JOIN message m ON m.id = a.message_id WHERE m.event_id > 0")
    )
    answers = on.rows(
        "SELECT m.id >> 20, a.at FROM attempt a JOIN message m ON m.id = a.message_id "
        "WHERE m.direction = 'mt' AND m.text NOT LIKE '%delayed%'"
    )
    assert len(answers) == len(storm.wrote)
    between = sorted(sum(1 for at in notices if made < at < left) for made, left in answers)
    assert between[-1] <= 8 * WINDOW, between
    # And they were answered while most notices still waited.
    places = {(one.to, one.text): one.place for one in on.smsc.taken}
    last = max(place for (_, text), place in places.items() if "delayed" in text)
    fine = [place for (_, text), place in places.items() if text.startswith("Thanks")]
    assert len(fine) == ANSWERS["ok"]
    assert max(fine) < last
    return f"{between[len(between) // 2]} in the middle, {between[-1]} at most"
