"""Which lines are sent again to an agent who is back: those that a client would have acknowledged, had it got them."""

from typing import Any, cast

from gateway.floor.echoes import NEW_MS, PATIENCE_MS, Echoes
from gateway.model.desk import Line, LineKind, Seen
from gateway.store.units import Due

ANA, MAX = "ana@example.test", "+15551230001"


class Clock:
    ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


def echoes(clock: Clock) -> Echoes:
    return Echoes(cast(Any, None), cast(Any, None), cast(Any, None), clock)


def sends(its: Echoes, *names: str) -> None:
    its.remember(cast(Due, None), [Line(name, ANA, MAX, LineKind.notice, name) for name in names])


def unread(its: Echoes) -> list[str]:
    return [one.line.id for one in its.unread(ANA)]


def test_what_was_not_acknowledged_after_a_while() -> None:
    clock = Clock()
    its = echoes(clock)
    sends(its, "a", "b")
    its.seen(Seen(ANA, "a"))
    assert unread(its) == [], "it may be on its way"
    clock.ms += PATIENCE_MS
    sends(its, "c")
    assert unread(its) == ["b"]
    clock.ms += 10 * NEW_MS
    assert unread(its) == ["b", "c"]


def test_of_who_is_new_nobody_knows_yet_whether_they_acknowledge() -> None:
    """Gone before their client could: what they were sent is not lost."""
    clock = Clock()
    its = echoes(clock)
    sends(its, "a")
    clock.ms += PATIENCE_MS
    assert unread(its) == ["a"]


def test_who_never_acknowledges_gets_nothing_twice() -> None:
    clock = Clock()
    its = echoes(clock)
    sends(its, "a")
    clock.ms += NEW_MS + 1
    sends(its, "b")
    clock.ms += PATIENCE_MS
    assert unread(its) == []
