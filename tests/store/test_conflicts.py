"""A unit that lost says which of its statements did not hold, so that nobody has to read the sentence."""

from gateway.model.message import Attempt, Outcome
from gateway.store import messages, work
from gateway.store.database import Store
from gateway.store.units import Conflict, Due, Statement, StoreClosed, Unit

DUE = Due(1, "send:sim", "tel:+15551230001", "send", 0, 0, 0, 7)


async def test_the_statement_that_did_not_hold(store: Store) -> None:
    fine = Statement("fine", "INSERT INTO mark (name, value) VALUES (?, 'x')")
    nobody = Statement("take work of nobody", "DELETE FROM mark WHERE name = ?")
    unit = Unit("k")
    unit.add(fine, ("a",))
    unit.add(nobody, ("b",))
    [failure] = await store.apply([unit])
    assert isinstance(failure, Conflict)
    assert failure.statement is nobody
    assert str(failure) == "take work of nobody: 0 of 1 rows"
    assert not work.is_gone(failure), "it is not told by how its name begins"


async def test_work_that_another_took(store: Store) -> None:
    unit = Unit(DUE.key)
    work.take(unit, DUE)
    [failure] = await store.apply([unit])
    assert (work.is_gone(failure), work.may_not_leave(failure), messages.is_settled(failure)) == (True, False, False)


async def test_a_part_that_may_not_leave(store: Store) -> None:
    unit = Unit(DUE.key)
    work.take_send(unit, DUE, 1, "acme")
    [failure] = await store.apply([unit])
    assert (work.is_gone(failure), work.may_not_leave(failure), messages.is_settled(failure)) == (False, True, False)


async def test_a_try_that_was_settled(store: Store) -> None:
    unit = Unit(DUE.key)
    messages.add_attempt(unit, Attempt(7, 1, 1, "sim", 0))
    messages.settle(unit, (7, 1, 1), Outcome.accepted, 0, 0, "a1", None)
    assert await store.apply([unit]) == [None]
    again = Unit(DUE.key)
    messages.settle(again, (7, 1, 1), Outcome.refused, 0, 1, None, None)
    [failure] = await store.apply([again])
    assert (work.is_gone(failure), work.may_not_leave(failure), messages.is_settled(failure)) == (False, False, True)


def test_other_failures_are_none_of_these() -> None:
    for failure in (None, StoreClosed("take work"), Conflict("take work: 0 of 1 rows")):
        assert not any(asks(failure) for asks in (work.is_gone, work.may_not_leave, messages.is_settled))
