"""The interview's story on real parts: Prosody, a chat client on slixmpp, npm `smpp`, a back office with signatures."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.model.rows import replace
from tests.doubles.agent import AgentClient
from tests.doubles.prosody import DOMAIN, PRIVILEGES, Prosody
from tests.doubles.prosody import installed as prosody_installed
from tests.scenarios.playing import SAMPLES
from tests.scenarios.test_wire import free_port
from tests.scenarios.wire import Wire, installed, wire

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
    pytest.mark.skipif(not prosody_installed(), reason="Prosody is not installed"),
]
ANN = "+15551230001"
AGENTS = ("ana", "ben", "cleo", "mallory")


class Scene:
    """The gateway, the server, and the agents who logged in. trusts: the server's certificate, where it wants TLS."""

    def __init__(self, run: Wire, server: Prosody) -> None:
        self.run, self.server = run, server
        self.trusts: Path | None = None
        self.clients: list[AgentClient] = []

    async def agent(self, name: str, show: str = "", device: str = "desk") -> AgentClient:
        client = AgentClient(name, self.server.c2s, device=device, trusts=self.trusts)
        self.clients.append(client)
        await client.login(show)
        return client

    async def present(self, client: AgentClient | str, presence: str = "online") -> None:
        """Waits until the desk knows that an agent, who may have any client, is there."""
        name = client if isinstance(client, str) else client.name

        async def so() -> bool:
            found = (await self.run.api("GET", "/v1/agents"))["items"]
            return any(one["jid"] == f"{name}@{DOMAIN}" and one["presence"] == presence for one in found)

        await self.run.until(so, f"{name} is {presence}")


@asynccontextmanager
async def scene(folder: Path, *, privileges: bool = False, more: str = "") -> AsyncIterator[Scene]:
    """more: of gateway.toml."""
    server = Prosody(folder / "prosody", AGENTS, privileges=privileges)
    await server.start()
    thresholds = gc.get_threshold()
    try:
        async with wire(folder, free_port, xmpp=server.component, more=more) as run:
            its = Scene(run, server)

            async def up() -> bool:
                return bool((await run.api("GET", "/health/ready"))["status"] == "ok")

            await run.until(up, "the desk is up")
            try:
                yield its
            finally:
                for client in its.clients:
                    await client.logout()
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        await server.stop()


@pytest.fixture(params=[False, True], ids=["subscriptions", "privileges"])
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    if request.param and not PRIVILEGES:
        pytest.skip("mod_privilege is not installed (prosody-modules)")
    async with scene(tmp_path, privileges=request.param) as its:
        yield its


async def test_the_whole_story(on: Scene) -> None:
    run = on.run
    ana = await on.agent("ana")
    await on.present(ana)
    await run.event("plan.overage", ANN, SAMPLES["plan.overage"])
    await run.received(ANN, 1)
    await run.writes(ANN, "why so much?")
    card = await ana.reads("waits in billing", of=ANN)
    for fact in ("Why: why so much?", "plan.overage", "unlimited", "customer: why so much?", "Language: en"):
        assert fact in card, card
    said = ana.says(ANN, "Hi Ann, each minute over the plan costs 42 cents.")
    assert (await run.received(ANN, 2))[1] == "Hi Ann, each minute over the plan costs 42 cents."
    await run.talk(ANN, state="waiting", agent="ana@example.test")
    await ana.until(lambda: said in ana.ticked, "the bubble is ticked")
    await run.writes(ANN, "ok, and can I avoid it?")
    await ana.reads("ok, and can I avoid it?", of=ANN)
    ana.says(ANN, "/offer unlimited")
    await ana.reads("offered: Acme Mobile: Unlimited plan for $20.00/month.")
    await run.received(ANN, 3)
    await run.writes(ANN, "YES")
    await ana.reads("YES")
    await ana.reads("accepted unlimited")
    await ana.reads("unlimited was delivered")
    assert (await run.received(ANN, 4))[3] == "Acme Mobile: done, Unlimited plan is yours now. Thank you!"
    session, fields, _ = await ana.form(ANN, "close")
    assert "resolved" in fields["disposition"]
    told = await ana.fills(ANN, "close", session, {"disposition": "resolved", "note": "she is happy"})
    assert told == "closed: resolved"
    await ana.reads("closed: resolved")
    await run.talk(ANN, state="closed", disposition="resolved")
    [(key, call)] = run.office.calls
    assert key == call["offer"]["id"]
    assert not ana.unread
    assert not ana.failed
    mo = (await run.api("GET", f"/v1/messages?address=%2B{ANN[1:]}&direction=mo&q=avoid"))["items"][0]
    lines = (await run.api("GET", f"/v1/messages/{mo['id']}"))["timeline"]
    assert {line["reason"] for line in lines if line["kind"] == "agent"} == {
        "shown to ana@example.test",
        "received by the client of ana@example.test",
    }


async def test_a_form_that_comes_back_says_what_it_lacks(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        ana = await on.agent("ana")
        await on.present(ana)
        await on.run.writes(ANN, "agent")
        await ana.reads("waits in billing", of=ANN)
        ana.says(ANN, ".take")
        await ana.reads("you have this conversation")
        for verb, lacks in (("close", "How it ended"), ("to", "To"), ("note", "Note"), ("offer", "Offer")):
            session, _, says = await ana.form(ANN, verb)
            assert says == "", "nothing is wrong with it yet"
            again = await ana.submit(ANN, f"careline#{verb}", session, {})
            assert (again.asks, again.says) == (True, f"not done: fill in {lacks}")
            assert again.text == again.says, "in the form as well, for clients that show no notes"
            assert again.session == session
        await on.run.talk(ANN, state="human")


async def test_two_agents_answer_at_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        run = on.run
        ana, cleo = await on.agent("ana"), await on.agent("cleo", "away")
        await on.present(ana)
        await on.present(cleo, "away")
        await run.writes(ANN, "agent")
        await run.received(ANN, 1)
        await ana.reads("waits in billing", of=ANN)
        his = cleo.says(ANN, "Hello from Cleo")
        assert (await run.received(ANN, 2))[1] == "Hello from Cleo"
        await cleo.reads("What you write here goes to the customer")
        await ana.reads("Cleo has this conversation now")
        hers = ana.says(ANN, "Hello from Ana")
        await ana.reads("not sent: Cleo has this conversation")
        await ana.until(lambda: hers in ana.failed, "the bubble is marked failed")
        assert "Cleo has this conversation" in ana.failed[hers]
        await cleo.until(lambda: his in cleo.ticked, "the bubble is ticked")
        await run.received(ANN, 2)


async def test_an_agent_who_logs_out_is_not_asked_any_more(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        run = on.run
        ana, cleo = await on.agent("ana", "chat"), await on.agent("cleo")
        await on.present(ana, "chat")
        await on.present(cleo)
        await run.writes(ANN, "agent")
        await ana.reads("waits in billing", of=ANN)
        await ana.logout()
        await cleo.reads("waits in billing", of=ANN)


@pytest.mark.skipif(not PRIVILEGES, reason="mod_privilege is not installed (prosody-modules)")
async def test_who_is_absent_when_the_desk_comes_up_is_offline(tmp_path: Path) -> None:
    """Else the grace of an agent who left while we were away would never begin."""
    async with scene(tmp_path, privileges=True) as on:
        ana, ben = await on.agent("ana"), AgentClient("ben", on.server.c2s)
        await on.present(ana)
        await on.present(ben, "offline")
        await on.server.kill()
        await ana.drop()
        await on.server.start()
        await on.present(ana, "offline")
        await on.present(await on.agent("ana"))


async def test_two_devices_of_one_agent(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        run = on.run
        desk, phone = await on.agent("ana"), await on.agent("ana", device="phone")
        await on.present(desk)
        await run.writes(ANN, "agent")
        await desk.reads("waits in billing", of=ANN)
        await phone.reads("waits in billing", of=ANN)
        said = phone.says(ANN, "from my phone")
        assert (await run.received(ANN, 2))[1] == "from my phone"
        await phone.until(lambda: said in phone.ticked, "the bubble is ticked")
        await run.writes(ANN, "I see")
        await desk.reads("I see")
        await phone.reads("I see")


async def test_the_server_is_killed_while_customers_write(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        run = on.run
        ana = await on.agent("ana")
        await on.present(ana)
        await run.writes(ANN, "agent")
        await ana.reads("waits in billing", of=ANN)
        ana.says(ANN, "/take")
        await ana.reads("you have this conversation")
        await on.server.kill()
        await ana.drop()
        written = [f"word {number}" for number in range(20)]
        for word in written:
            await run.writes(ANN, word)
        ready = await run.api("GET", "/health/ready")
        assert ready["status"] == "degraded"
        assert any("XMPP" in reason for reason in ready["reasons"])
        await on.server.start()
        again = await on.agent("ana")
        found: list[str] = []

        def all_there() -> bool:
            found[:] = dict.fromkeys(text for customer, text in again.inbox if customer == ANN)
            return found == written

        await again.until(all_there, "all words are read, in order")


async def test_an_agent_joins_and_one_leaves_by_a_reload(on: Scene) -> None:
    """Who becomes an agent while logged in is asked at once; what one who is none any more had waits again."""
    gateway = on.run.gateway
    everybody = gateway.playbook
    known = {agent.name: agent for agent in everybody.agents}
    gateway.take_playbook(replace(everybody, agents=(known["Ana"],)))
    ana, cleo = await on.agent("ana"), await on.agent("cleo")
    await on.present(ana)
    await on.run.writes(ANN, "agent")
    await ana.reads("waits in billing", of=ANN)
    ana.says(ANN, "Hi Ann")
    await on.run.talk(ANN, state="waiting", agent="ana@example.test")
    gateway.take_playbook(replace(everybody, agents=(known["Cleo"],)))
    await on.present(cleo)
    await cleo.reads("waits in billing", of=ANN)
    await on.run.writes(ANN, "are you there?")
    cleo.says(ANN, "Cleo here")
    await on.run.talk(ANN, state="waiting", agent="cleo@example.test")
    late = ana.says(ANN, "me too")
    await ana.until(lambda: late in ana.failed, "who is no agent any more is not heard")
    assert [text for text in await on.run.texts(ANN) if "me too" in text] == []


async def test_reminders_and_alarms_reach_those_whom_they_concern(tmp_path: Path) -> None:
    """Nobody is free: who is there is reminded by the desk, the supervisor is told in the chat with the customer."""
    async with scene(tmp_path) as on:
        run, book = on.run, on.run.gateway.playbook
        ladder = book.rules.conversations.model_copy(update={"nudge": 1.0, "alarm": 2.0})
        billing = book.queues["billing"].model_copy(update={"first_response": 3.0, "sla_warning": 1.0})
        run.gateway.take_playbook(
            replace(
                book,
                rules=book.rules.model_copy(update={"conversations": ladder}),
                queues={**book.queues, "billing": billing},
                agents=tuple(agent.model_copy(update={"capacity": 0}) for agent in book.agents),
            )
        )
        ana, cleo = await on.agent("ana", "away"), await on.agent("cleo", "dnd")
        await on.present(ana, "away")
        await on.present(cleo, "dnd")
        await run.writes(ANN, "agent")
        reminder = await ana.hears("1 waits in billing, the longest for")
        assert reminder.of != ANN, "it is the desk that says so"
        # Ben comes later: what concerns a supervisor was kept for him.

        async def late() -> bool:
            return bool((await run.talk(ANN, state="queued"))["promises"]["first_response"]["state"] == "late")

        await run.until(late, "it is late")
        ben = await on.agent("ben")
        await ben.hears(f"{ANN} waits in billing for 2 s and nobody takes it", of=ANN)
        await ben.hears("the first answer is late; it was promised within 3 s", of=ANN)
        assert not cleo.unread, "nobody who does not want to be disturbed"


MAX, BOB, CAT, DAN, EVA = (f"+155512300{number:02d}" for number in range(2, 7))
OFFERED = "Acme Mobile: Unlimited plan for $20.00/month. Reply YES to accept or NO to decline."


async def _takes(on: Scene, agent: AgentClient, customer: str) -> None:
    """A customer asks for a person, and this agent answers: two texts are on the phone."""
    await on.run.writes(customer, "agent")
    await agent.hears("waits in billing", of=customer)
    agent.says(customer, "Hello, how can I help?")
    assert (await on.run.received(customer, 2))[1] == "Hello, how can I help?"
    await on.run.talk(customer, state="waiting", agent=f"{agent.name}@{DOMAIN}")


async def _offers(on: Scene, agent: AgentClient, customer: str) -> None:
    """The third text is an offer."""
    agent.says(customer, ".offer unlimited")
    await agent.hears("offered: Acme Mobile: Unlimited plan", of=customer)
    assert (await on.run.received(customer, 3))[2] == OFFERED


async def test_the_other_branches_of_the_story(tmp_path: Path) -> None:
    """A NO; a STOP; billing that refuses; a colleague who goes on; a YES when all was said."""
    async with scene(tmp_path) as on:
        ana, cleo = await on.agent("ana", "chat"), await on.agent("cleo", "dnd")
        await on.present(ana, "chat")
        await on.present(cleo, "dnd")
        await _no(on, ana)
        await _stop(on, ana)
        await _refused(on, ana)
        await _passed_on(on, ana, cleo)
        await _late_yes(on, ana)


async def _no(on: Scene, ana: AgentClient) -> None:
    """It is declined, the agent hears it, nothing is bought and they talk on."""
    run = on.run
    await _takes(on, ana, MAX)
    await _offers(on, ana, MAX)
    await run.writes(MAX, "NO")
    await ana.hears("declined unlimited", of=MAX)
    ana.says(MAX, "As you like.")
    assert (await run.received(MAX, 4))[3] == "As you like."
    await run.writes(MAX, "yes")
    await ana.hears("yes", of=MAX)  # to a person, about nothing that is open
    ana.says(MAX, "/close resolved")
    await run.talk(MAX, state="closed", disposition="resolved")
    assert run.office.calls == []


async def _stop(on: Scene, ana: AgentClient) -> None:
    """The agent is told, and what they write then fails aloud."""
    run = on.run
    await _takes(on, ana, BOB)
    await run.writes(BOB, "STOP")
    assert "unsubscribed" in (await run.received(BOB, 3))[2]
    await ana.hears("the customer said STOP; nothing may be sent any more", of=BOB)
    await run.talk(BOB, state="closed", disposition="opted_out")
    late = ana.says(BOB, "but wait")
    assert "the customer said STOP" in await ana.sees_failure(late)
    await run.received(BOB, 3)


async def _refused(on: Scene, ana: AgentClient) -> None:
    """Both hear that it was not bought, and a person still has the conversation."""
    run = on.run
    run.office.answer = (422, {"type": "about:blank", "title": "Locked", "detail": "the account is locked"})
    await _takes(on, ana, CAT)
    await _offers(on, ana, CAT)
    await run.writes(CAT, "YES")
    await ana.hears("accepted unlimited", of=CAT)
    told = await ana.hears("unlimited failed", of=CAT)
    assert "the account is locked" in told.text
    assert "sorry" in (await run.received(CAT, 4))[3]
    await run.talk(CAT, agent=f"ana@{DOMAIN}")
    assert len(run.office.calls) == 1, "a refusal is not tried again"
    ana.says(CAT, "I see to it.")
    await run.received(CAT, 5)
    run.office.answer = (200, {"ok": True})
    run.office.calls.clear()


async def _passed_on(on: Scene, ana: AgentClient, cleo: AgentClient) -> None:
    """The colleague knows what was said, and goes on in the same thread; who passed it on speaks no more."""
    run = on.run
    await _takes(on, ana, DAN)
    await run.writes(DAN, "my bill is wrong")
    await ana.hears("my bill is wrong", of=DAN)
    cleo.show("")
    await on.present(cleo)
    ana.says(DAN, ".to Cleo knows bills")
    await ana.hears("transferred to Cleo: knows bills", of=DAN)
    card = await cleo.hears("customer: my bill is wrong", of=DAN)
    assert "Hello, how can I help?" in card.text
    cleo.says(DAN, "Cleo here, I look at it.")
    assert (await run.received(DAN, 3))[2] == "Cleo here, I look at it."
    await run.writes(DAN, "thank you")
    await cleo.hears("thank you", of=DAN)
    late = ana.says(DAN, "one more thing")
    assert "Cleo has this conversation" in await ana.sees_failure(late)
    cleo.says(DAN, "/close resolved")
    await run.talk(DAN, state="closed", disposition="resolved")
    await run.received(DAN, 3)
    cleo.show("dnd")
    await on.present(cleo, "dnd")


async def _late_yes(on: Scene, ana: AgentClient) -> None:
    """The offer stands when the conversation is closed: it is bought, once, and both hear it."""
    run = on.run
    await _takes(on, ana, EVA)
    await _offers(on, ana, EVA)
    ana.says(EVA, "/close resolved")
    await run.talk(EVA, state="closed", disposition="resolved")
    await run.writes(EVA, "YES")
    await ana.hears("accepted unlimited", of=EVA)
    await ana.hears("unlimited was delivered", of=EVA)
    assert (await run.received(EVA, 4))[3] == "Acme Mobile: done, Unlimited plan is yours now. Thank you!"
    await run.writes(EVA, "YES")
    [(key, call)] = run.office.calls
    assert key == call["offer"]["id"]
    await run.talk(EVA, state="closed", disposition="resolved")
    await run.received(EVA, 4)
