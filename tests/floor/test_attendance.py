"""Who is there, where presence says nothing: one who never logged in, or who does not let us see them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.floor.attendance import SILENT_MS, Attendance
from gateway.floor.commands import Commands
from gateway.model.desk import Show
from tests.doubles.stage import Stage, fresh_database

ANA, CLEO = "ana@example.test", "cleo@example.test"
GRACE = 90_000


class Clock:
    """ms."""

    now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attendance(clock: Clock) -> Attendance:
    return Attendance(clock)


def stands(attendance: Attendance, agent: str = CLEO) -> tuple[Show, bool, bool]:
    """What is shown, whether nobody can be passed on to them, and whether what they have waits again."""
    return attendance.show(agent), attendance.has_left(agent), attendance.gone(agent, GRACE)


def test_nothing_is_made_of_silence_before_the_server_was_asked(attendance: Attendance, clock: Clock) -> None:
    clock.now += 10 * GRACE
    assert stands(attendance) == (Show.unknown, False, False)


def test_of_whom_nothing_comes_is_not_there_and_then_gone(attendance: Attendance, clock: Clock) -> None:
    attendance.asked([ANA, CLEO])
    attendance.tell(ANA, Show.online)
    clock.now += SILENT_MS - 1
    assert stands(attendance) == (Show.unknown, False, False)
    clock.now += 1
    assert stands(attendance) == (Show.offline, True, False)
    assert attendance.presence(CLEO) == "offline"
    clock.now += GRACE - SILENT_MS - 1
    assert not attendance.gone(CLEO, GRACE)
    clock.now += 1
    assert stands(attendance) == (Show.offline, True, True)
    assert stands(attendance, ANA) == (Show.online, False, False)
    attendance.tell(CLEO, Show.away)
    assert stands(attendance) == (Show.away, False, False)


def test_a_short_grace_is_not_shorter_than_the_answer(attendance: Attendance, clock: Clock) -> None:
    attendance.asked([CLEO])
    clock.now += SILENT_MS - 1
    assert not attendance.gone(CLEO, 1)


def test_a_lost_connection_begins_it_anew(attendance: Attendance, clock: Clock) -> None:
    attendance.asked([ANA, CLEO])
    attendance.tell(ANA, Show.online)
    clock.now += 2 * GRACE
    attendance.tell(ANA, Show.unknown)
    attendance.lost()
    for agent in (ANA, CLEO):
        assert stands(attendance, agent) == (Show.unknown, False, False)
    attendance.asked([ANA, CLEO])
    clock.now += SILENT_MS
    assert stands(attendance, ANA) == (Show.offline, True, False)
    clock.now += GRACE - SILENT_MS
    assert attendance.gone(ANA, GRACE)


def test_who_does_not_let_us_see_them_any_more_has_as_long(attendance: Attendance, clock: Clock) -> None:
    attendance.asked([CLEO])
    attendance.tell(CLEO, Show.online)
    clock.now += 2 * GRACE
    attendance.tell(CLEO, Show.unknown)
    assert stands(attendance) == (Show.unknown, False, False)
    clock.now += GRACE - 1
    assert stands(attendance) == (Show.offline, True, False)
    attendance.heard(CLEO)
    clock.now += 1
    assert stands(attendance) == (Show.unknown, False, False)


@pytest.mark.parametrize("after", [0, SILENT_MS])
def test_who_says_something_is_there(attendance: Attendance, clock: Clock, after: int) -> None:
    """It is kept only where presence has had the time to come."""
    attendance.asked([CLEO])
    clock.now += after
    assert attendance.heard(CLEO) == (after == SILENT_MS)
    clock.now += 2 * GRACE
    assert stands(attendance) == (Show.unknown, False, False)
    attendance.tell(CLEO, Show.offline)  # now we may see them
    assert stands(attendance) == (Show.offline, True, False)


def test_whom_presence_shows_is_heard_as_before(attendance: Attendance, clock: Clock) -> None:
    attendance.asked([CLEO])
    attendance.tell(CLEO, Show.offline)
    clock.now += SILENT_MS
    assert not attendance.heard(CLEO)
    assert stands(attendance) == (Show.offline, True, False)


def test_who_works_over_http_is_not_gone(attendance: Attendance, clock: Clock) -> None:
    attendance.are_elsewhere([CLEO])
    attendance.asked([CLEO])
    clock.now += 2 * GRACE
    assert stands(attendance) == (Show.unknown, False, False)
    assert not attendance.heard(CLEO)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db", chat=True)
    await made.open()
    yield made
    await made.close()


async def test_who_says_over_http_that_they_are_available_works_there(stage: Stage) -> None:
    """Also after a restart; nothing is made of it where a client shows them there, and away is no work."""

    async def says(agent: str, *, away: bool) -> None:
        commands = Commands(stage.store, stage.engine, stage.attendance.show)
        await stage.do(commands.set_away(agent, away=away))

    stage.attendance.tell(ANA, Show.dnd)
    await says(CLEO, away=True)
    assert not stage.attendance.is_elsewhere(CLEO)
    for agent in (ANA, CLEO):
        await says(agent, away=False)
    for _ in range(2):
        assert stage.attendance.is_elsewhere(CLEO)
        assert not stage.attendance.is_elsewhere(ANA)
        stage.attendance.asked([ANA, CLEO])
        stage.now += 2 * GRACE
        assert stands(stage.attendance) == (Show.unknown, False, False)
        await stage.restart()
