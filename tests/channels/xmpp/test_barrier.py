"""How many lines are under way, and when a server counts as dead: on a clock of our own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.channels.xmpp.barrier import LEAST, MOST_LOOKS, QUICK, SLOW, UNCONFIRMED, Barrier

PATIENCE = 10.0


class Clock:
    """The loop's time and timers, moved by the test."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[..., None], *args: Any) -> "Handle":
        timer = (self.now + seconds, call, args)
        self.timers.append(timer)
        return Handle(self, timer)

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        for timer in [timer for timer in self.timers if timer[0] <= self.now]:
            self.timers.remove(timer)
            timer[1](*timer[2])

    def create_future(self) -> "asyncio.Future[bool]":
        return asyncio.get_running_loop().create_future()


class Handle:
    def __init__(self, clock: Clock, timer: Any) -> None:
        self._clock, self._timer = clock, timer

    def cancel(self) -> None:
        if self._timer in self._clock.timers:
            self._clock.timers.remove(self._timer)


class Server:
    """What the barrier sees of a server. heard: changes with each stanza that comes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pings, self.deaths, self.heard = 0, 0, 0
        self.clock = Clock()
        loop: Any = self.clock
        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "get_running_loop", lambda: loop)
            self.barrier = Barrier(self._pinged, self._died, PATIENCE, lambda: self.heard)

    def _pinged(self) -> None:
        self.pings += 1

    def _died(self) -> None:
        self.deaths += 1

    def answers(self, after: float) -> None:
        self.clock.pass_(after)
        self.barrier.answered()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made: list[Server] = []
    real = asyncio.get_running_loop()
    monkeypatch.setattr(Clock, "create_future", lambda _: real.create_future())
    made.append(Server(monkeypatch))
    return made[0]


async def test_a_quick_server_gets_more_at_once_and_a_slow_one_less(server: Server) -> None:
    barrier = server.barrier
    assert barrier.takes(LEAST)
    assert not barrier.takes(LEAST + 1)
    for _ in range(4):
        barrier.wrote(LEAST)
        server.answers(QUICK / 2)
    assert barrier.takes(UNCONFIRMED)
    assert not barrier.takes(UNCONFIRMED + 1)
    barrier.wrote(LEAST)
    server.answers((QUICK + SLOW) / 2)
    assert barrier.takes(UNCONFIRMED), "neither quick nor slow changes nothing"
    barrier.wrote(LEAST)
    server.answers(SLOW * 2)
    assert not barrier.takes(LEAST + 1)


async def test_what_is_written_behind_a_ping_waits_for_the_next(server: Server) -> None:
    first, second = server.barrier.wrote(60), server.barrier.wrote(40)
    assert (server.pings, server.barrier.unconfirmed, server.barrier.takes(1)) == (1, 100, False)
    server.answers(QUICK)
    assert (first.done(), second.done(), server.pings, server.barrier.unconfirmed) == (True, False, 2, 40)
    server.answers(QUICK)
    assert (first.result(), second.result(), server.barrier.unconfirmed) == (True, True, 0)


async def test_a_server_that_sends_nothing_is_dead(server: Server) -> None:
    server.barrier.wrote(1)
    server.clock.pass_(PATIENCE)
    assert server.deaths == 1


async def test_a_server_that_is_only_slow_lives_as_long_as_it_says_something(server: Server) -> None:
    """A disk that is busy: it works off what agents write, and our ping stands behind hundreds of our lines."""
    taken = server.barrier.wrote(LEAST)
    for _ in range(MOST_LOOKS - 1):
        server.heard += 1
        server.clock.pass_(PATIENCE)
    assert server.deaths == 0
    server.barrier.answered()
    assert taken.result()
    server.barrier.wrote(1)
    for _ in range(MOST_LOOKS):
        server.heard += 1
        server.clock.pass_(PATIENCE)
    assert server.deaths == 1, "one that never answers is not waited for for ever"
