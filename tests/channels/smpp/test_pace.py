"""Rates and waits, on a clock that only moves when it is told to."""

import random
from collections import Counter

from gateway.channels.smpp import faults
from gateway.channels.smpp.pace import Backoff, Pace
from gateway.channels.smpp.window import Window
from gateway.channels.smpp.wire import MAX_SEQUENCE
from gateway.model.channel import Fault
from gateway.model.message import Outcome


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_no_second_gets_more_than_its_rate() -> None:
    clock, rng = Clock(), random.Random(3)
    pace = Pace(50, clock)
    sent: list[float] = []
    while clock.now < 1010:
        take = pace.room(rng.randint(1, 40))
        pace.take(take)
        sent += [clock.now] * take
        clock.now += rng.random() / 20
    assert len(sent) >= 490
    for start in sent:
        assert sum(start <= at < start + 1 for at in sent) <= 56, "a second's parts and the bucket"


def test_waits_are_as_long_as_needed() -> None:
    clock = Clock()
    pace = Pace(10, clock)
    assert pace.wait() is None
    pace.take(pace.room(100))
    wait = pace.wait()
    assert wait is not None
    clock.now += wait + 1e-6
    assert pace.room(5) == 1
    pace.take(10)
    assert pace.room(5) == 0, "a debt"
    assert Pace(0, clock).room(12345) == 12345


def test_throttling_halves_then_recovers() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    assert pace.throttled()
    assert not pace.throttled(), "a whole window is refused at once"
    assert (pace.rate, pace.paused, pace.room(9)) == (50, True, 0)
    clock.now += 1.01
    assert pace.room(1) == 1
    assert pace.throttled()
    assert 25 <= pace.rate < 26
    clock.now += 1.5
    assert pace.paused, "the second pause is longer"
    clock.now += 30
    pace.room(1)
    assert pace.rate == 100
    for _ in range(50):
        pace.throttled()
        clock.now += 31
    assert pace.rate >= 1


def test_a_carrier_without_a_set_rate_gets_one_when_it_complains() -> None:
    clock = Clock()
    pace = Pace(0, clock)
    for _ in range(40):
        clock.now += 0.1
        pace.room(10)
        pace.accepted(10)
    assert pace.throttled()
    assert 40 <= pace.rate <= 60
    clock.now += 60
    pace.room(1)
    assert pace.rate > 60


def test_backoff_doubles_to_its_limit_with_jitter() -> None:
    waits = Backoff(1, 60, lambda: 1.0)
    assert [waits.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    waits.reset()
    assert waits.next() == 1
    low = Backoff(1, 60, lambda: 0.0)
    assert [low.next() for _ in range(3)] == [0.5, 1, 2]
    for _ in range(2000):
        assert low.next() <= 60


def window(**more: int) -> Window:
    return Window(3, Counter(), {}, **more)


def test_sequences_wrap_and_skip_what_is_open() -> None:
    held = window(sequence=MAX_SEQUENCE - 1)
    assert [held.next_sequence() for _ in range(3)] == [MAX_SEQUENCE - 1, MAX_SEQUENCE, 1]
    held = window(sequence=MAX_SEQUENCE)
    held.add(1, (1, 1, 1), 5.0)
    held.add(2, (1, 2, 1), 5.0)
    assert [held.next_sequence() for _ in range(2)] == [MAX_SEQUENCE, 3]


def test_deadlines_free_slots_and_memory_is_bounded() -> None:
    held = window(remembered=5)
    for number in range(1, 21):
        held.add(number, (1, number, 1), float(number))
    assert held.free == 0
    assert [answer.attempt[1] for answer in held.expired(10)] == list(range(1, 11))
    assert held.settle(3, 0, "x") is None, "forgotten"
    late = held.settle(8, 0, "x")
    assert late is not None
    assert (late.late, late.outcome) == (True, Outcome.accepted)
    assert held.settle(8, 0, "x") is None, "twice"
    held.flushed()
    held.add(30, (1, 30, 1), 99)
    outcomes = [answer.outcome for answer in held.lost()]
    assert outcomes == [Outcome.in_doubt] * 10 + [Outcome.unsent]
    assert len(held) == 0


def test_every_status_says_what_to_do() -> None:
    assert faults.fault_of(0, {}) is None
    assert faults.outcome_of(None) is Outcome.accepted
    for status in range(1, 0x500):
        fault = faults.fault_of(status, {})
        assert isinstance(fault, Fault)
        assert faults.outcome_of(fault) is (Outcome.retry if fault in faults.AGAIN else Outcome.refused)
        assert faults.describe(status).startswith("0x")
    assert faults.fault_of(0x58, {0x58: Fault.account}) is Fault.account
