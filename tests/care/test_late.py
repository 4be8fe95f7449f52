"""A text that is decided long after it came: its id is old by then, and the indexes have passed it."""

import pytest

from gateway.care.inbound import Text
from gateway.care.inputs import TEXT
from gateway.care.turn import CUSTOMER_LANE
from gateway.jobs.background import Background
from gateway.jobs.filing import Filing
from gateway.model.ids import id_at
from gateway.store import upkeep, work
from gateway.store.search import Filters, search
from gateway.store.units import Due, Unit
from gateway.triggers import Talk
from tests.doubles.stage import OURS, Stage, house

ANN = "+15551230001"


@pytest.mark.parametrize("handler", ["works", "fails"])
async def test_it_is_found_by_its_number_and_by_its_words(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, handler: str
) -> None:
    came = stage.ids()
    stage.now += 60_000
    stage.carrier.write(ANN, OURS, "what is late")
    await stage.settled()
    stage.now += 60_000
    await Filing(stage.store, stage.ids.settle, Background(stage.store), lambda: False).tick()
    for above, up_to in await stage.store.read(upkeep.stretches, stage.ids.settle()):
        await stage.store.write(upkeep.index_words(above, up_to))
    assert await stage.store.read(upkeep.indexed_up_to) > came

    if handler == "fails":

        def broken(talk: Talk, what: object) -> None:
            raise ZeroDivisionError

        functions = house()[1].handlers["welcome"].running.functions
        for step in list(functions):
            monkeypatch.setitem(functions, step, broken)
    unit, text = Unit("k"), Text(OURS, "an early word", stage.carrier.name)
    due = Due(came, CUSTOMER_LANE, f"tel:{ANN}", TEXT, stage.now, body=text.body())
    work.add(unit, due)
    await stage.store.write(unit)
    stage.push(due)
    await stage.settled()

    for filters in (Filters(address=ANN, until=stage.now - 100_000), Filters(words="early")):
        [found] = (await stage.store.read(search, filters, 10)).messages
        assert (found.id, found.text) == (came, "an early word")
        assert found.reason == ("the handler failed" if handler == "fails" else None)
    [row] = await stage.rows("SELECT message_id FROM address_message")
    assert row["message_id"] == came < id_at(stage.now - 100_000)
