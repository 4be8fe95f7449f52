"""The bound of what waits: tight also between two counts, with no read of the database for a request."""

import asyncio
from typing import Any

import pytest

from gateway.web.backlog import SECONDS, Backlog
from gateway.web.problems import Problem
from tests.web.conftest import World, batch, event

LIMITED = "\n[limits]\nqueued = 20\n"


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.queued = 0

    def backlog(self, limit: int) -> Backlog:
        return Backlog(lambda: limit, lambda: self.queued, lambda: self.now)


def test_what_was_taken_since_the_last_count_counts() -> None:
    clock = Clock()
    backlog = clock.backlog(10)
    for _ in range(10):
        backlog.take(1)
    with pytest.raises(Problem):
        backlog.take(1)
    with pytest.raises(Problem):
        backlog.require_room()
    clock.now += SECONDS + 0.5
    clock.queued = 9
    backlog.require_room()
    backlog.take(1)
    with pytest.raises(Problem):
        backlog.take(1)


def test_a_batch_fits_or_is_refused() -> None:
    clock = Clock()
    backlog = clock.backlog(10)
    backlog.take(8)
    with pytest.raises(Problem):
        backlog.take(3)
    backlog.take(2)
    clock.now += SECONDS + 0.5
    # A batch that can never fit goes while nothing waits: refused for ever, it would be lost.
    backlog.take(25)
    with pytest.raises(Problem):
        backlog.take(1)


def test_a_minute_of_requests_is_forgotten() -> None:
    clock = Clock()
    backlog = clock.backlog(1_000_000)
    for _ in range(600):
        clock.now += 0.1
        backlog.take(1)
    assert len(backlog._taken) <= 4 * SECONDS + 2


async def test_a_burst_between_two_counts_is_stopped(make_world: Any) -> None:
    world: World = await make_world(LIMITED)
    body = {"to": "+15551234567", "text": "hi", "class": "transactional"}
    asked = [
        world.ask("POST", "/v1/messages", body)
        if number % 2
        else world.ask(
            "POST",
            "/v1/events",
            event(f"e-{number}", subject=f"tel:+1555000{number:04d}"),
            headers={"Content-Type": "application/cloudevents+json"},
        )
        for number in range(60)
    ]
    answers = await asyncio.gather(*asked)
    statuses = [answer.status for answer in answers]
    assert (statuses.count(202), statuses.count(429)) == (20, 40)
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["Retry-After"]
    problem = await batch(world, [event("late")], status=429)
    assert problem["type"].endswith("backlog-full")


async def test_what_is_refused_for_another_reason_takes_no_place(make_world: Any) -> None:
    world: World = await make_world(LIMITED)
    for _ in range(30):
        await world.event("bad", data={"plan": 1}, status=422)
    await world.event("good")


async def test_a_batch_over_the_bound_takes_nothing(make_world: Any) -> None:
    world: World = await make_world(LIMITED)
    await world.event("one")
    problem = await batch(world, [event(f"b-{number}") for number in range(20)], status=429)
    assert problem["type"].endswith("backlog-full")
    told = await batch(world, [event(f"b-{number}") for number in range(19)])
    assert all("event" in result for result in told["results"])
