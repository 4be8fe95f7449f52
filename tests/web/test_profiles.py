"""Who a customer is, as the business says: `PUT /v1/customers/{ref}`."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.web.conftest import PHONE, World
from tests.web.test_conversations import queued

OTHER = "+15551234568"


async def put(world: World, who: str, status: int = 200, **members: Any) -> Any:
    return await world.json("PUT", f"/v1/customers/{quote(who)}", members, status=status, role="integrator")


async def test_a_number_that_nobody_knew_becomes_a_customer(world: World) -> None:
    """A business tells whom it has before the first word is said."""
    made = await put(world, PHONE, 201, name="Ann", tier="gold", language="es_mx", external_id="c-1")
    assert {name: value for name, value in made.items() if name != "id"} == {
        "customer": f"tel:{PHONE}",
        "external_id": "c-1",
        "name": "Ann",
        "tier": "gold",
        "language": "es-MX",
        "guessed_language": None,
        "timezone": None,
    }
    assert (await world.json("GET", "/v1/customers/customer:c-1"))["id"] == made["id"]
    event = await world.event(subject="customer:c-1")
    await world.settled()
    [message] = (await world.json("GET", f"/v1/events/{event['event']}"))["messages"]
    assert (await world.json("GET", f"/v1/messages/{message}"))["to"] == PHONE


async def test_what_is_given_is_set_and_the_rest_stays(world: World) -> None:
    await queued(world)
    assert (await put(world, PHONE, name="Ann", tier="gold"))["tier"] == "gold"
    changed = await put(world, f"tel:{PHONE}", tier=None, timezone="America/Lima")
    assert (changed["name"], changed["tier"], changed["timezone"]) == ("Ann", None, "America/Lima")
    assert (await put(world, changed["id"]))["name"] == "Ann", "nothing is given: nothing is changed"
    seen = await world.json("GET", f"/v1/customers/{changed['id']}")
    assert {name: seen[name] for name in changed} == changed


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "A\u0000"}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": 7}, "/name"),
        ({"tier": "x" * 31}, "/tier"),
        ({"language": "English!"}, "/language"),
        ({"timezone": "Mars/Base"}, "/timezone"),
        ({"timezone": "../etc/passwd"}, "/timezone"),
        ({"timezone": "America"}, "/timezone"),
        ({"nmae": "Ann"}, "/nmae"),
    ],
)
async def test_what_is_wrong_is_named(world: World, members: dict[str, Any], pointer: str) -> None:
    problem = await put(world, PHONE, 422, **members)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    await world.json("GET", f"/v1/customers/{quote(PHONE)}", status=404)


async def test_an_id_of_the_business_is_one_customers(world: World) -> None:
    await put(world, PHONE, 201, external_id="c-1")
    problem = await put(world, OTHER, 422, external_id="c-1")
    assert [error["pointer"] for error in problem["errors"]] == ["/external_id"]
    assert (await put(world, PHONE, external_id="c-1"))["external_id"] == "c-1", "its own it may keep"
    await put(world, PHONE, external_id=None)
    assert (await put(world, OTHER, 201, external_id="c-1"))["customer"] == f"tel:{OTHER}"


@pytest.mark.parametrize("who", ["customer:nobody", "mailto:ann@example.com", "4567", "ann"])
async def test_only_a_number_becomes_a_customer(world: World, who: str) -> None:
    await put(world, who, 404, name="Ann")
