"""Steps that run too long are stopped, and nothing else is."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.triggers import Handler, Incoming, Reply, Start, StepError, StepTooSlow, Talk, limit_step
from tests.triggers.plays import NOW


def _forever(talk: Any = None) -> None:
    while True:
        pass


def _stubborn(talk: Any = None) -> None:
    while True:
        with contextlib.suppress(Exception):  # what a careless handler does
            _forever()


def _deaf(talk: Any = None) -> None:
    for _ in range(3):
        with contextlib.suppress(BaseException):  # what a hopeless handler does
            _forever()


@pytest.mark.parametrize("body", [_forever, _stubborn, _deaf, lambda: time.sleep(5)])
def test_too_slow(body: Callable[[], None]) -> None:
    begun = time.perf_counter()
    with pytest.raises(StepTooSlow, match="longer than 50 ms"), limit_step(0.05):
        body()
    assert 0.04 < time.perf_counter() - begun < 2


def test_what_is_in_time_is_left_alone() -> None:
    with limit_step(0.05):
        done = sum(range(1000))
    time.sleep(0.08)
    assert done == 499500


def test_an_exception_passes() -> None:
    with pytest.raises(KeyError), limit_step(0.05):
        raise KeyError("x")


def test_nested_limits_are_one() -> None:
    def inner() -> None:
        with limit_step(0.01):
            time.sleep(0.03)
        _forever()

    with pytest.raises(StepTooSlow, match="longer than 60 ms"), limit_step(0.06):
        inner()


def test_off_the_main_thread_nothing_is_limited() -> None:
    done: list[bool] = []

    def body() -> None:
        with limit_step(0.01):
            time.sleep(0.03)
        done.append(True)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert done == [True]


def test_somebody_elses_timer_is_put_back() -> None:
    # pytest-timeout has one; here is one more, for certain.
    mine = signal.getitimer(signal.ITIMER_REAL), signal.getsignal(signal.SIGALRM)
    rang: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, frame: rang.append(number))
    signal.setitimer(signal.ITIMER_REAL, 60)
    try:
        with pytest.raises(StepTooSlow), limit_step(0.05):
            _forever()
        assert not rang
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] < 60
        signal.raise_signal(signal.SIGALRM)
        assert rang == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, mine[1])
        signal.setitimer(signal.ITIMER_REAL, *mine[0])


@pytest.mark.parametrize("body", [_forever, _stubborn, _deaf])
def test_a_slow_step_is_named(body: Callable[[Any], None]) -> None:
    handler = Handler("slow.one", schema=Incoming)
    handler.start(lambda talk, event: body(talk))

    with pytest.raises(StepTooSlow) as caught, limit_step(0.05):
        handler.run(Start(), Talk(Incoming(), now=NOW))
    assert isinstance(caught.value, StepError)
    if body is not _deaf:
        assert (caught.value.handler, caught.value.step) == ("slow.one", "start")
        assert caught.value.where.startswith(__file__)


def test_many_short_steps_never_ring() -> None:
    handler = Handler("quick.one", schema=Incoming)

    @handler.on("choice", "YES")
    def yes(talk: Talk, reply: str) -> None:
        talk.close("done")

    until = time.perf_counter() + 0.3
    while time.perf_counter() < until:
        with limit_step(0.1):
            handler.run(Reply("choice", "yes", "YES"), Talk(Incoming(), now=NOW))


def test_rings_at_any_moment_stay_inside() -> None:
    """The timer fires all around the end of the limit; only StepTooSlow may come out."""
    outcomes = {"in time": 0, "too slow": 0}
    for turn in range(400):
        until = time.perf_counter() + 0.001 + (turn % 20 - 10) * 0.00002
        try:
            with limit_step(0.001):
                while time.perf_counter() < until:
                    pass
            outcomes["in time"] += 1
        except StepTooSlow:
            outcomes["too slow"] += 1
    assert sum(outcomes.values()) == 400
