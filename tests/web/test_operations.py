"""Carriers, dead letters, health and metrics."""

from typing import Any

from gateway.model.channel import LinkState, LinkStatus
from gateway.store import work
from gateway.store.units import Due, Unit
from tests.web.conftest import PHONE, World


async def test_carriers(world: World) -> None:
    bind = {"id": 1, "state": "bound", "in_flight": 2}
    world.status["links"] = [
        LinkStatus("sim", LinkState.up, "", (bind,), 10, 2, 100.0, {"throttled": 3}),
        LinkStatus("backup", LinkState.refused, "ESME_RINVPASWD"),
    ]
    first, second = (await world.json("GET", "/v1/carriers", role="viewer"))["items"]
    assert first["state"] == "up"
    assert first["reason"] is None
    assert first["binds"] == [bind]
    assert (first["window"], first["in_flight"], first["tps"]) == (10, 2, 100.0)
    assert first["errors"] == {"throttled": 3}
    assert first["receipts"]["match_rate"] == 0.98
    assert second["state"] == "refused"
    assert second["reason"] == "ESME_RINVPASWD"


async def test_readiness(world: World) -> None:
    assert await world.json("GET", "/health/live", role=None) == {"status": "ok"}
    assert await world.json("GET", "/health/ready", role=None) == {"status": "ok", "reasons": []}
    world.status["ready"] = (True, ["carrier sim is down"])
    told = await world.json("GET", "/health/ready", role=None)
    assert told == {"status": "degraded", "reasons": ["carrier sim is down"]}
    world.status["ready"] = (False, ["the database cannot be written any more"])
    told = await world.json("GET", "/health/ready", role=None, status=503)
    assert told["status"] == "unavailable"


async def test_metrics(world: World) -> None:
    world.status["queued"] = 7
    world.status["links"] = [LinkStatus("sim", LinkState.down, "no route")]
    await world.ask("GET", "/v1/messages?address=%2B15551234567")
    await world.ask("GET", "/c/abcdefgh12345678", role=None)
    response = await world.ask("GET", "/metrics", role=None)
    text = await response.text()
    assert response.headers["Content-Type"].startswith("text/plain")
    assert 'careline_queue_depth{queue="send"} 7.0' in text
    assert 'careline_carrier_up{carrier="sim"} 0.0' in text
    assert 'careline_http_requests_total{route="/v1/messages",status="200"} 1.0' in text
    assert 'route="/c/{token}"' in text
    assert "abcdefgh12345678" not in text
    assert "15551234567" not in text


async def bury(world: World, kind: str, ref: int, key: str = f"tel:{PHONE}") -> int:
    """A dead letter."""
    an_id = world.services.ids()
    due = Due(an_id, "customer", key, kind, world.now, 0, 0, ref)
    unit = Unit(key)
    work.bury(unit, due, "the handler broke")
    await world.store.write(unit)
    return an_id


async def test_a_text_of_no_phone_number_has_a_carrier_and_no_customer(world: World) -> None:
    await bury(world, "mo", 0, key="sim")
    await bury(world, "mo", 0)
    known, strange = (await world.json("GET", "/v1/dead-letters"))["items"]
    assert (known["customer"], known["carrier"]) == (f"tel:{PHONE}", None)
    assert (strange["customer"], strange["carrier"]) == (None, "sim")


async def test_a_text_of_no_phone_number_is_not_replayed(world: World) -> None:
    an_id = await bury(world, "mo", 0, key="sim")
    problem = await world.json("POST", f"/v1/dead-letters/{an_id}/replay", status=409)
    assert problem["type"].endswith("/not-replayable")
    assert "no phone number" in problem["detail"]
    [letter] = (await world.json("GET", "/v1/dead-letters"))["items"]
    assert (letter["id"], letter["state"]) == (str(an_id), "dead")


async def test_dead_letters_are_listed_and_replayed_once(world: World) -> None:
    await world.lane.stop(1.0)
    told = await world.event()
    await world.run_sql("DELETE FROM work")
    ids = [await bury(world, "event", int(told["event"])) for _ in range(3)]
    page = await world.json("GET", "/v1/dead-letters?limit=2")
    assert [item["id"] for item in page["items"]] == [str(ids[2]), str(ids[1])]
    assert page["items"][0]["cause"] == "the handler broke"
    assert page["items"][0]["kind"] == "event"
    assert page["items"][0]["customer"] == f"tel:{PHONE}"
    rest = await world.json("GET", f"/v1/dead-letters?limit=2&cursor={page['next']}")
    assert [item["id"] for item in rest["items"]] == [str(ids[0])]
    assert rest["next"] is None
    path = f"/v1/dead-letters/{ids[1]}/replay"
    assert (await world.json("POST", path, status=202))["state"] == "replayed"
    due = [row for prio in (0, 1) for row in await world.store.read(work.due_now, "customer", prio, world.now, 10)]
    assert [(row.kind, row.ref) for row in due] == [("event", int(told["event"]))]
    problem = await world.json("POST", path, status=409)
    assert problem["type"].endswith("not-replayable")
    left: list[Any] = (await world.json("GET", "/v1/dead-letters"))["items"]
    assert [item["id"] for item in left] == [str(ids[2]), str(ids[0])]
    await world.json("POST", "/v1/dead-letters/1/replay", status=404)
