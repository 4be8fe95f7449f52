"""Messages: sent once per idempotency key, traced through every hop, sent again through all gates."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import PHONE, SECOND_BRAND, World

CLASS = {"class": "transactional"}


async def send(world: World, answer: int = 202, /, **body: Any) -> Any:
    """Posts a message."""
    whole = {"to": PHONE, "text": "Your parcel is here.", **CLASS, **body}
    asked = {name: value for name, value in whole.items() if value is not None}
    return await world.json("POST", "/v1/messages", asked, status=answer, role="integrator")


async def test_a_message_is_queued(world: World) -> None:
    told = await send(world)
    assert set(told) == {"message"}
    [due] = world.sends
    assert str(due.ref) == told["message"]
    shown = await world.json("GET", f"/v1/messages/{told['message']}")
    assert shown["from"] == "70007"
    assert shown["to"] == PHONE
    assert shown["direction"] == "mt"
    assert shown["state"] == "queued"
    assert shown["disposition"] is None
    assert shown["class"] == "transactional"
    assert shown["segments"] == 1
    assert shown["text"] == "Your parcel is here."
    assert shown["author"] == {"kind": "api", "id": "integrator"}
    assert shown["event"] is None


async def test_it_is_of_the_brand_that_is_named(make_world: Callable[..., Any]) -> None:
    shared = '[[senders]]\naddress = "90009"\nbrand = "acme"\nshared_with = ["zenith"]\ncarriers = ["sim"]\n'
    world: World = await make_world(SECOND_BRAND + shared)
    await send(world, text="1")
    await send(world, text="2", brand="zenith")
    await send(world, text="3", sender="90009")
    await send(world, text="4", sender="90009", brand="zenith")
    sent = sorted((due.hot.text, due.hot.brand, due.hot.ours) for due in world.sends)  # type: ignore[attr-defined]
    assert sent == [
        ("1", "acme", "70007"),
        ("2", "zenith", "80008"),
        ("3", "acme", "90009"),
        ("4", "zenith", "90009"),
    ]
    for body, pointer in (({"brand": "zenit"}, "/brand"), ({"brand": "zenith", "sender": "70007"}, "/sender")):
        problem = await send(world, 422, **body)
        assert problem["errors"][0]["pointer"] == pointer


async def test_without_class_it_is_promotional_and_needs_consent(world: World) -> None:
    told = await send(world, 202, **{"class": None})
    shown = await world.json("GET", f"/v1/messages/{told['message']}")
    assert shown["class"] == "promotional"
    assert shown["state"] == "final"
    assert shown["disposition"] == "blocked"
    gates = [line for line in shown["timeline"] if line["kind"] == "gate"]
    assert [gate["code"] for gate in gates] == ["suppression", "numbers", "consent"]
    assert gates[0]["reason"] == gates[1]["reason"] == "passed"
    assert gates[2]["reason"].startswith("blocked: ")
    assert not world.sends


async def test_the_same_idempotency_key_sends_once(world: World) -> None:
    first = await send(world, idempotency_key="k-1")
    assert await send(world, idempotency_key="k-1") == first
    headers = {"Idempotency-Key": "k-1"}
    body = {"to": PHONE, "text": "Your parcel is here.", **CLASS}
    by_header = await world.json("POST", "/v1/messages", body, status=202, role="integrator", headers=headers)
    assert by_header == first
    assert len(world.sends) == 1
    for changed in ({"text": "Other."}, {"to": "+15557654321"}):
        problem = await send(world, 409, idempotency_key="k-1", **changed)
        assert problem["type"].endswith("idempotency-clash")
    other = await world.json("POST", "/v1/messages", {**body, "idempotency_key": "k-1"}, status=202, role="admin")
    assert other != first, "each caller's keys are their own"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"to": None}, "/to"),
    ({"to": "5551234567"}, "/to"),
    ({"to": "+1"}, "/to"),
    ({"to": 15551234567}, "/to"),
    ({"to": "mailto:a@b.c"}, "/to"),
    ({"to": "+15551234567\r\nX: y"}, "/to"),
    ({"text": None}, "/text"),
    ({"text": "  "}, "/text"),
    ({"text": "a\u0000b"}, "/text"),
    ({"text": "a\u001bb"}, "/text"),
    ({"text": "x" * 1601}, "/text"),
    ({"text": ["a"]}, "/text"),
    ({"template": "plan_overage.kept"}, "/text"),
    ({"values": {"plan": "a"}}, "/values"),
    ({"text": None, "template": "plan_overage.nothing"}, "/template"),
    ({"text": None, "template": "plan_overage.kept", "values": {"plan": "Basic"}}, "/values"),
    ({"text": None, "template": "plan_overage.kept", "values": {"plan": {"a": 1}}}, "/values/plan"),
    ({"text": None, "template": "plan_overage.kept", "values": {"plan": "a\u0007"}}, "/values/plan"),
    ({"text": None, "template": "plan_overage.kept", "values": []}, "/values"),
    ({"class": "marketing"}, "/class"),
    ({"class": 2}, "/class"),
    ({"sender": "99999"}, "/sender"),
    ({"channel": "email"}, "/channel"),
    ({"channel": "pigeon"}, "/channel"),
    ({"idempotency_key": ""}, "/idempotency_key"),
    ({"idempotency_key": "x" * 201}, "/idempotency_key"),
    ({"tex": "hi"}, "/tex"),
]


@pytest.mark.parametrize(("changed", "pointer"), BAD, ids=lambda value: str(value)[:40])
async def test_what_is_wrong_is_named(world: World, changed: dict[str, Any], pointer: str) -> None:
    problem = await send(world, 422, **changed)
    assert problem["type"].endswith("invalid-message")
    assert pointer in {error["pointer"] for error in problem["errors"]}
    assert not world.sends


@pytest.mark.parametrize("to", ["5551234567", "tel:5551234567", "xmpp:nobody"])
async def test_what_a_number_looks_like_is_said(world: World, to: str) -> None:
    problem = await send(world, 422, to=to)
    assert (
        problem["detail"] == "/to must be a phone number: + and 7 to 15 digits, the first not 0, such as +15551234567"
    )
    event = await world.event(subject="tel:5551234567", status=422)
    assert event["detail"] == "subject must be + and 7 to 15 digits, the first not 0, such as tel:+15551234567"


async def test_a_template_is_rendered(world: World) -> None:
    values = {"plan": "Basic 300", "charge": "50.00", "currency": "USD"}
    told = await send(world, text=None, template="plan_overage.kept", values=values)
    shown = await world.json("GET", f"/v1/messages/{told['message']}")
    assert "Basic 300" in shown["text"]
    assert "$50.00" in shown["text"]


@pytest.mark.parametrize("body", [[], "hi", 1, None])
async def test_a_body_that_is_no_object(world: World, body: Any) -> None:
    response = await world.ask("POST", "/v1/messages", b"null" if body is None else body, "integrator")
    assert response.status == 400


async def journal(world: World, message: str, *rows: tuple[Any, ...]) -> None:
    """Attempts as delivery and tracking write them.

    A row: part, attempt, outcome, status, remote id, fault, receipt, error.
    """
    at = world.now
    await world.run_sql(
        "INSERT INTO attempt (message_id, part, attempt, carrier, at, possible_duplicate, outcome, answered_at, "
        "status, remote_id, fault, receipt, receipt_at, receipt_error) "
        "VALUES (?, ?, ?, 'sim', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(
            (
                int(message),
                part,
                attempt,
                at + attempt * 1000,
                attempt > 1,
                outcome,
                at + attempt * 1000 + 5 if outcome else None,
                status,
                remote_id,
                fault,
                receipt,
                at + attempt * 1000 + 50 if receipt else None,
                error,
            )
            for part, attempt, outcome, status, remote_id, fault, receipt, error in rows
        ),
    )


async def test_the_timeline_tells_every_hop(world: World) -> None:
    told = await world.event()
    await world.settled()
    [message] = (await world.json("GET", f"/v1/events/{told['event']}"))["messages"]
    await journal(
        world,
        message,
        (1, 1, "retry", 0x58, None, "throttled", None, None),
        (1, 2, "accepted", 0, "id-7", None, "UNDELIV", "011"),
    )
    await world.run_sql(
        "UPDATE message SET state = 'final', disposition = 'bounced', error = '011', reason = 'no such phone'"
    )
    world.clock[0] += 60_000
    await world.text_in("what?")
    shown = await world.json("GET", f"/v1/messages/{message}", role="viewer")
    lines = shown["timeline"]
    kinds = [line["kind"] for line in lines]
    assert kinds == [
        "event", *["gate"] * 7, "render", "offer", "attempt", "response", "attempt", "response", "receipt", "reply",
    ]  # fmt: skip
    assert all(set(line) == {"at", "kind", "route", "remote_id", "code", "reason", "segment"} for line in lines)
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    throttled, accepted, receipt = lines[11], lines[13], lines[14]
    assert throttled["code"] == "0x00000058"
    assert "slow down" in throttled["reason"]
    assert accepted["code"] == "0x00000000"
    assert accepted["remote_id"] == "id-7"
    assert accepted["route"] == "sim"
    assert accepted["segment"] == 1
    assert "may be a duplicate" in lines[12]["reason"]
    assert receipt["code"] == "UNDELIV"
    assert "011" in receipt["reason"]
    assert shown["disposition"] == "bounced"
    assert shown["state"] == "final"
    assert all(line["at"].endswith("Z") for line in lines)
    reply = await world.json("GET", f"/v1/messages/{lines[-1]['code']}")
    assert reply["direction"] == "mo"
    assert reply["state"] == "final"
    assert reply["disposition"] is None
    assert (reply["from"], reply["to"]) == (PHONE, "70007")


async def test_sending_and_in_doubt(world: World) -> None:
    message = (await send(world))["message"]
    path = f"/v1/messages/{message}"
    await journal(world, message, (1, 1, None, None, None, None, None, None))
    assert (await world.json("GET", path))["state"] == "sending"
    [listed] = (await world.json("GET", "/v1/messages"))["items"]
    assert listed["state"] == "sending"
    await world.run_sql("UPDATE attempt SET outcome = 'in_doubt', answered_at = at + 30000")
    await world.run_sql("UPDATE message SET disposition = 'in_doubt'")
    shown = await world.json("GET", path)
    assert shown["disposition"] == "in_doubt"
    assert shown["state"] == "sending"
    assert shown["timeline"][-1]["code"] == "in_doubt"
    await world.run_sql("UPDATE message SET state = 'sent', disposition = NULL")
    assert (await world.json("GET", path))["state"] == "sent"


async def test_a_held_message_says_until_when(world: World) -> None:
    await world.text_in("START")
    world.clock[0] += 9 * 3_600_000 + 86_400_000  # half past nine at night in New York and later everywhere
    told = await send(world, 202, **{"class": "promotional"})
    shown = await world.json("GET", f"/v1/messages/{told['message']}")
    if shown["state"] == "held":
        stopped = [line for line in shown["timeline"] if line["kind"] == "gate" and line["reason"] != "passed"]
        assert stopped[0]["code"] == "quiet_hours"
        assert stopped[0]["reason"].startswith("held: ")
        assert [line["code"] for line in shown["timeline"] if line["kind"] == "gate"][-1] == "render"
    else:
        assert shown["disposition"] is None


async def test_resend_is_a_new_message_linked_to_the_old(world: World) -> None:
    old = (await send(world))["message"]
    new = (await world.json("POST", f"/v1/messages/{old}/resend", status=202, role="agent"))["message"]
    assert new != old
    shown = await world.json("GET", f"/v1/messages/{new}")
    assert shown["resends"] == old
    assert shown["text"] == "Your parcel is here."
    assert next(line for line in shown["timeline"] if line["kind"] == "resend")["code"] == old
    before = await world.json("GET", f"/v1/messages/{old}")
    again = [line for line in before["timeline"] if line["kind"] == "resend"]
    assert len(again) == 1
    assert new in again[0]["reason"]
    await world.text_in("hello")
    inbound = (await world.json("GET", "/v1/messages?direction=mo"))["items"][0]["id"]
    assert (await world.json("POST", f"/v1/messages/{inbound}/resend", status=422))["type"].endswith("refused")
    assert (await world.json("POST", "/v1/messages/1/resend", status=404))["type"].endswith("not-found")


async def test_resend_to_one_who_said_stop_is_blocked(world: World) -> None:
    old = (await send(world))["message"]
    await world.text_in("STOP")
    new = (await world.json("POST", f"/v1/messages/{old}/resend", status=202))["message"]
    assert (await world.json("GET", f"/v1/messages/{new}"))["disposition"] == "opted_out"


async def test_a_long_text_counts_its_parts(world: World) -> None:
    told = await send(world, text="x" * 400)
    assert (await world.json("GET", f"/v1/messages/{told['message']}"))["segments"] == 3
