"""The threads that share the interpreter's lock share a core, and leave it when others crowd it."""

import os
import threading
from collections.abc import Iterator, Sequence

import pytest

from gateway import cores
from gateway.cores import OneCore

MAIN, WRITER = 11, 12


class Machine:
    """Cores and clocks in the test's hands."""

    def __init__(self, allowed: set[int]) -> None:
        self.allowed = allowed
        self.bound: dict[int, set[int]] = {}
        self.now = 100.0
        self.spent: dict[int, tuple[float, float] | None] = {MAIN: (0.0, 0.0), WRITER: (0.0, 0.0)}
        self.refuses = False

    def bind(self, thread: int, to: set[int]) -> None:
        if self.refuses:
            raise PermissionError(1, "Operation not permitted")
        self.bound[thread] = set(to)

    def passes(self, seconds: float, *, main: tuple[float, float], writer: tuple[float, float]) -> None:
        """Time goes by; each thread ran and waited so long in it."""
        self.now += seconds
        for thread, (ran, waited) in ((MAIN, main), (WRITER, writer)):
            before = self.spent[thread] or (0.0, 0.0)
            self.spent[thread] = (before[0] + ran, before[1] + waited)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine({0, 1, 2})
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: made.allowed)
    monkeypatch.setattr(os, "sched_setaffinity", made.bind)
    return made


def first(several: Sequence[int]) -> int:
    return several[0]


@pytest.fixture
def one(machine: Machine) -> OneCore:
    made = OneCore(lambda: machine.now, lambda thread: machine.spent[thread], first)
    made.start(MAIN, WRITER)
    made.look()
    return made


def test_both_threads_are_bound_to_one_core(machine: Machine, one: OneCore) -> None:
    assert machine.bound == {MAIN: {0}, WRITER: {0}}


def test_waiting_for_each_other_is_no_crowd(machine: Machine, one: OneCore) -> None:
    machine.passes(5, main=(3.0, 2.0), writer=(2.0, 3.0))
    one.look()
    assert one.core == 0


def test_a_core_that_others_crowd_is_left(machine: Machine, one: OneCore) -> None:
    machine.passes(5, main=(1.0, 2.0), writer=(0.5, 1.0))
    one.look()
    assert machine.bound == {MAIN: {1}, WRITER: {1}}
    one.look()
    machine.passes(5, main=(1.0, 0.2), writer=(0.5, 0.2))
    one.look()
    assert one.core == 1, "there it is quiet"


def test_a_machine_that_tells_nothing_is_left_as_it_is(machine: Machine, one: OneCore) -> None:
    machine.spent[MAIN] = None
    machine.now += 5
    one.look()
    assert one.core == 0


def test_one_core_is_one_core_anyway(machine: Machine) -> None:
    machine.allowed = {3}
    made = OneCore(lambda: 0.0, lambda thread: None, first)
    made.start(MAIN)
    made.look()
    made.free()
    assert not machine.bound


def test_a_system_that_says_no_is_no_fault(machine: Machine) -> None:
    machine.refuses = True
    made = OneCore(lambda: 0.0, lambda thread: None, first)
    made.start(MAIN)
    made.look()
    assert made.core is None


def test_readers_run_where_they_like(machine: Machine, one: OneCore) -> None:
    one.free()
    assert machine.bound[0] == {0, 1, 2}, "0 is the calling thread"


def test_at_the_end_the_thread_runs_anywhere_again(machine: Machine, one: OneCore) -> None:
    one.stop()
    assert machine.bound[0] == {0, 1, 2}
    machine.bound.clear()
    one.stop()
    one.look()
    assert not machine.bound


@pytest.fixture
def here() -> Iterator[int]:
    """This thread, which may run again where it could before."""
    allowed = os.sched_getaffinity(0)
    yield threading.get_native_id()
    os.sched_setaffinity(0, allowed)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_on_this_machine(here: int) -> None:
    made = OneCore(lambda: 0.0)
    made.start(here)
    assert len(os.sched_getaffinity(0)) == 1
    told = cores.spent(here)
    assert told is None or told[0] > 0
    made.look()


def test_a_reader_starts_also_where_the_system_changed_its_mind(machine: Machine, one: OneCore) -> None:
    machine.refuses = True
    one.free()
