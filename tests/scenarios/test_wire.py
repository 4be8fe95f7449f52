"""The three stories on real parts: npm `smpp`, HTTP, a back office that verifies signatures."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.model.ids import wall_ms
from gateway.model.segments import count
from tests.scenarios.playing import SAMPLES
from tests.scenarios.wire import Wire, installed, wire

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
]
STOPPED = (
    "You are unsubscribed from Acme Mobile alerts. No more messages will be sent. Reply START to resume, HELP for help."
)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def all_of_it(tmp_path: Path) -> AsyncIterator[Wire]:
    """A running gateway; the collector is set back, which the gateway tunes for itself."""
    thresholds = gc.get_threshold()
    async with wire(tmp_path, free_port) as running:
        yield running
    gc.set_threshold(*thresholds)
    gc.unfreeze()


async def _complete(running: Wire, phone: str) -> list[dict[str, Any]]:
    """Every text to the phone: one segment, and a timeline from the attempt to the receipt."""
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        page = await running.api("GET", f"/v1/messages?address=%2B{phone.removeprefix('+')}&direction=mt")
        found[:] = [await running.api("GET", f"/v1/messages/{item['id']}") for item in page["items"]]
        return all(one["disposition"] == "delivered" for one in found)

    await running.until(there, f"all texts to {phone} are delivered: {found}")
    for one in found:
        assert count(one["text"]).parts == 1 == one["segments"], one["text"]
        kinds = [line["kind"] for line in one["timeline"]]
        for kind in ("attempt", "response", "receipt"):
            assert kinds.count(kind) == 1, f"{one['text']}: {kinds}"
        assert kinds.index("attempt") < kinds.index("response"), kinds
        at = [line["at"] for line in one["timeline"]]
        assert at == sorted(at)
        assert {line.get("remote_id") for line in one["timeline"] if line["kind"] in ("response", "receipt")} != {None}
        assert (one["state"], one["to"], one["from"]) == ("final", phone, "70007")
    return found


async def test_plan_overage(all_of_it: Wire) -> None:
    run, ann, bob = all_of_it, "+15551230001", "+15551230002"
    event = await run.event("plan.overage", ann, SAMPLES["plan.overage"])
    [notice] = await run.received(ann, 1)
    assert notice.startswith(
        "Acme Mobile: 120 min over Basic 300 cost $50.00. Get Unlimited plan for $20.00/month? Reply YES, NO or AGENT. "
        "https://sms.acme.example/c/"
    )
    assert (await run.api("GET", f"/v1/events/{event}"))["state"] == "waiting"
    await run.writes(ann, "Yes please!")
    assert (await run.received(ann, 2))[1].startswith("Acme Mobile: done!")
    [(key, call)] = run.office.calls
    [offer] = (await run.api("GET", "/v1/offers"))["items"]
    assert key == call["offer"]["id"] == offer["id"]
    assert call == {
        "action": "offer.accepted",
        "offer": {"id": key, "name": "unlimited", "price": "20.00", "currency": "USD", "period": "month"},
        "customer": f"tel:{ann}",
        "conversation": call["conversation"],
        "event": event,
    }
    talk = await run.talk(ann, state="closed", disposition="offer_accepted")
    assert talk["id"] == call["conversation"]
    told = await run.api("GET", f"/v1/events/{event}")
    assert (told["state"], told["handler"], told["conversation"]) == ("done", "plan.overage", talk["id"])
    messages = await _complete(run, ann)
    assert {message["id"] for message in messages} >= set(told["messages"])

    await run.event("plan.overage", bob, SAMPLES["plan.overage"])
    await run.received(bob, 1)
    await run.writes(bob, "nope")
    assert (await run.received(bob, 2))[1].startswith("Acme Mobile: OK, you stay on Basic 300.")
    await run.talk(bob, state="closed", disposition="offer_declined")
    await _complete(run, bob)
    assert len(run.office.calls) == 1
    assert run.office.forged == 0


async def test_why_goes_to_a_person_over_http(all_of_it: Wire) -> None:
    run, ann = all_of_it, "+15551230003"
    await run.event("plan.overage", ann, SAMPLES["plan.overage"])
    await run.received(ann, 1)
    await run.writes(ann, "why so much?")
    talk = await run.talk(ann, state="queued", queue="billing")
    # There is no chat server here; how the queues stand is looked at all the same.
    standings = run.gateway.engine.playbook.standings

    async def has_a_place() -> bool:
        return "billing" in standings and standings["billing"].place(int(talk["id"])) == 1

    await run.until(has_a_place, "her place in line is known")
    path = f"/v1/conversations/{talk['id']}"
    assert talk["owner"] == {"kind": "queue", "id": "billing"}
    told = await run.api("POST", f"{path}/messages", {"agent": "Ana", "text": "I am too early"}, status=409)
    assert "billing" in told["detail"]
    claims = await asyncio.gather(
        *(_status(run, f"{path}/claim", {"agent": agent}) for agent in ("Ana", "Cleo")),
    )
    assert sorted(claims) == [200, 409]
    winner, loser = ("Ana", "Cleo") if claims[0] == 200 else ("Cleo", "Ana")
    assert await _status(run, f"{path}/messages", {"agent": loser, "text": "not mine"}) == 409
    await run.api("POST", f"{path}/messages", {"agent": winner, "text": "You called Fiji for two hours."})
    assert (await run.received(ann, 2))[1] == "You called Fiji for two hours."
    # The customer's YES is for the person; the bot, whose offer is still open, neither sells nor says a word.
    await run.writes(ann, "yes")
    await run.talk(ann, state="human")
    await run.received(ann, 2)
    assert run.office.calls == []
    await run.api("POST", f"{path}/close", {"disposition": "explained"})
    await run.talk(ann, state="closed", disposition="explained")
    assert await _status(run, f"{path}/messages", {"agent": winner, "text": "too late"}) == 409
    await run.received(ann, 2)
    await _complete(run, ann)


async def _status(run: Wire, path: str, body: object) -> int:
    url = f"http://127.0.0.1:{run.gateway.port}{path}"
    headers = {"Authorization": "Bearer a key for this test alone"}
    async with run.http.post(url, json=body, headers=headers) as answer:
        return answer.status


async def test_stop_at_every_state(all_of_it: Wire) -> None:
    run = all_of_it
    phones = {
        state: f"+155512340{n:02d}" for n, state in enumerate(("stranger", "bot", "queued", "human", "fulfilling"))
    }
    for state, phone in phones.items():
        if state != "stranger":
            await run.event("plan.overage", phone, SAMPLES["plan.overage"])
            await run.received(phone, 1)
    for state in ("queued", "human"):
        await run.writes(phones[state], "why?")
        talk = await run.talk(phones[state], state="queued")
        if state == "human":
            await run.api("POST", f"/v1/conversations/{talk['id']}/claim", {"agent": "Ana"})
    run.office.answer = (500, {})
    await run.writes(phones["fulfilling"], "yes")

    async def called() -> bool:
        return bool(run.office.calls)

    await run.until(called, "billing is called")
    for state, phone in phones.items():
        await run.writes(phone, "Stop. Thank you")
        texts = await run.received(phone, 1 if state == "stranger" else 2)
        assert texts[-1] == STOPPED
        if state != "stranger":
            await run.talk(phone, state="closed", disposition="opted_out")
        await run.writes(phone, "hello?")
        event = await run.event("plan.overage", phone, SAMPLES["plan.overage"])

        async def suppressed(event: str = event) -> bool:
            return bool((await run.api("GET", f"/v1/events/{event}"))["state"] == "suppressed")

        await run.until(suppressed, "an event of an opted-out customer is suppressed")
    run.office.answer = (200, {})

    async def fulfilled() -> bool:
        return [offer["state"] for offer in (await run.api("GET", "/v1/offers?state=fulfilled"))["items"]] == [
            "fulfilled"
        ]

    await run.until(fulfilled, "what was bought before is delivered")
    assert len({key for key, _ in run.office.calls}) == 1
    for state, phone in phones.items():
        await run.received(phone, 1 if state == "stranger" else 2)


async def test_flight_and_appointment(all_of_it: Wire) -> None:
    run = all_of_it
    tom, eve, kim, lou, moe = (f"+155512350{n:02d}" for n in range(5))
    # This house runs on the real clock: what is over is not texted any more.
    now = datetime.now(UTC).replace(microsecond=0)
    flight = {
        "departure": (now + timedelta(hours=20)).isoformat(),
        "new_departure": (now + timedelta(hours=28)).isoformat(),
    }
    for phone in (tom, eve, kim):
        await run.event("flight.delayed", phone, {**SAMPLES["flight.delayed"], **flight})
    for phone in (lou, moe):
        await run.event(
            "appointment.due", phone, {**SAMPLES["appointment.due"], "at": (now + timedelta(days=1)).isoformat()}
        )
    for phone in (tom, eve, kim, lou, moe):
        await run.received(phone, 1)
    run.office.answer = (200, {"flight": "AA34"})
    await run.writes(tom, "rebook")
    assert (await run.received(tom, 2))[1] == "Booking ABC123: you are rebooked from AA12 to AA34. Safe travels!"
    await run.talk(tom, disposition="rebooked")
    [(_, call)] = run.office.calls
    assert (call["action"], call["arguments"]) == ("rebook", {"booking": "ABC123", "flight": "AA12"})
    run.office.answer = (422, {"type": "about:blank", "title": "Full", "detail": "no seat before Thursday"})
    await run.writes(eve, "REBOOK")
    assert (await run.received(eve, 2))[1].startswith("We could not rebook AA12 automatically.")
    talk = await run.talk(eve, state="queued", queue="travel")
    assert talk["id"]
    run.office.answer = (200, {})
    await run.writes(kim, "YES")
    assert (await run.received(kim, 2))[1].startswith("Your lounge access for AA12 is confirmed.")
    await run.writes(lou, "c")
    assert (await run.received(lou, 2))[1].startswith("Thank you, your dentist appointment")
    await run.talk(lou, disposition="confirmed")
    await run.writes(moe, "R")
    assert (await run.received(moe, 2))[1].startswith("No problem. A colleague will text you here")
    await run.talk(moe, state="queued", queue="billing")
    for phone in (tom, eve, kim, lou, moe):
        await _complete(run, phone)
    assert run.office.forged == 0


async def test_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A day passes on the gateway's clock; nobody waits for it.
    from gateway.app import gateway as app  # noqa: PLC0415  # the module whose clock is moved

    late, real = 0, wall_ms
    monkeypatch.setattr(app, "wall_ms", lambda: real() + late)
    thresholds = gc.get_threshold()
    async with wire(tmp_path, free_port) as run:
        await run.event("plan.overage", "+15551230009", SAMPLES["plan.overage"])
        await run.received("+15551230009", 1)
        late = 24 * 3_600_000 + 1000
        await run.talk("+15551230009", state="closed", disposition="no_reply")
        await run.received("+15551230009", 1)
    gc.set_threshold(*thresholds)
    gc.unfreeze()
