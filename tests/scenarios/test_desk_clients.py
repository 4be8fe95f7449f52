"""What agents' own clients show on a real Prosody: contacts, what was sent elsewhere, other devices, corrections."""

from base64 import b64decode
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from slixmpp import JID

from tests.doubles.agent import AgentClient
from tests.doubles.prosody import COMPONENT, prosody_or_skip
from tests.scenarios.test_desk_wire import ANN, Scene, scene
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
]
CONTACT = f"{ANN}@{COMPONENT}"


def contact(client: AgentClient) -> dict[str, Any]:
    """The customer among an agent's contacts, {} where they are not."""
    its = client.client.client_roster
    if not its.has_jid(CONTACT):
        return {}
    return {name: its[CONTACT][name] for name in ("name", "groups", "subscription")}


async def takes(on: Scene, client: AgentClient) -> None:
    await on.present(client)
    await on.run.writes(ANN, "agent")
    await on.run.received(ANN, 1)
    await client.reads("waits in billing", of=ANN)
    client.says(ANN, "/take")
    await client.reads("you have this conversation")


async def stands(client: AgentClient, said: str) -> None:
    """The status of the customer's contact begins so."""

    def so() -> bool:
        return CONTACT in client.presence and client.presence[CONTACT].status.startswith(said)

    await client.until(so, f"the customer {said}")


def own(on: Scene) -> int:
    """How often the server has brought us what we said in an agent's name."""
    chat = on.run.gateway.chat
    assert chat is not None
    return chat.status().counters.get("own", 0)


async def test_a_customer_among_the_open_chats(tmp_path: Path) -> None:
    prosody_or_skip(privileges=True)
    async with scene(tmp_path, privileges=True) as on:
        ana = await on.agent("ana")
        await takes(on, ana)
        await ana.until(lambda: bool(contact(ana)), "the customer is a contact")
        assert contact(ana) == {"name": ANN, "groups": ["Open chats"], "subscription": "both"}
        assert (await ana.sees(ANN, "available")).status == "with Ana"
        phone = await on.agent("ana", device="phone")  # who logs in later finds it, and the server asks us how it is
        assert contact(phone)["groups"] == ["Open chats"]
        card: Any = phone.client.make_iq_get(ito=CONTACT)
        card.append(ET.Element("{vcard-temp}vCard"))
        found = (await card.send(timeout=5)).xml[0]
        assert found.findtext("{vcard-temp}FN") == ANN
        photo = b64decode(found.findtext("{vcard-temp}PHOTO/{vcard-temp}BINVAL") or "")
        assert photo.startswith(b"\x89PNG")
        assert (await phone.sees(ANN, "available")).status == "with Ana"
        ana.says(ANN, "/close resolved")
        await ana.until(lambda: not contact(ana), "the customer is no contact any more")
        await phone.until(lambda: not contact(phone), "the customer is no contact any more")


async def test_a_contact_of_the_agents_own_stays(tmp_path: Path) -> None:
    prosody_or_skip(privileges=True)
    async with scene(tmp_path, privileges=True) as on:
        ana = await on.agent("ana")
        ana.client.update_roster(JID(CONTACT), name="My Ann", groups=["Friends"])
        await ana.through()
        await takes(on, ana)
        await ana.until(lambda: len(contact(ana)["groups"]) == 2, "the customer is an open chat as well")
        assert contact(ana)["name"] == "My Ann"
        assert set(contact(ana)["groups"]) == {"Friends", "Open chats"}
        ana.says(ANN, "/close resolved")
        await ana.until(lambda: contact(ana)["groups"] == ["Friends"], "she is the agent's own contact again")
        # It stays, so it tells how she stands, also when she comes back, and when she wants no more.
        await stands(ana, "closed: resolved")
        await on.run.writes(ANN, "it is still wrong")
        await stands(ana, "waits in billing since ")
        await on.run.writes(ANN, "stop")
        await stands(ana, "opted out")


async def test_what_http_sent_is_shown_in_the_agents_clients(tmp_path: Path) -> None:
    """The server shows it on all devices as the agent's own words, brings it to us too, and it goes out once."""
    prosody_or_skip(privileges=True)
    async with scene(tmp_path, privileges=True) as on:
        run, desk, phone = on.run, await on.agent("ana"), await on.agent("ana", device="phone")
        await takes(on, desk)
        talk = await run.talk(ANN, state="human")
        for text in ("I looked it up.", "/etc is no command here"):
            await run.api(
                "POST", f"/v1/conversations/{talk['id']}/messages", {"agent": "Ana", "text": text}, status=202
            )
        for client in (desk, phone):
            await client.hears("I looked it up.", of=ANN, carbon="sent")
            await client.hears("/etc is no command here", of=ANN, carbon="sent")

        async def both_came_back() -> bool:
            return own(on) == 2

        await run.until(both_came_back, "the server brought both to us")
        # The phone's receipts tick those bubbles, on each device.
        sent = (await run.api("GET", f"/v1/messages?conversation={talk['id']}"))["items"]
        shown = [one["id"] for one in sent if one["author"]["kind"] == "agent"]
        assert len(shown) == 2
        for client in (desk, phone):
            for an_id in shown:
                await client.sees_tick(f"o{an_id}")
        desk.says(ANN, "Anything else?")
        assert (await run.received(ANN, 4))[1:] == ["I looked it up.", "/etc is no command here", "Anything else?"]
        await run.talk(ANN, state="waiting", agent="ana@example.test")
        assert not desk.unread
        assert not desk.failed


async def test_what_http_sent_is_told_where_we_may_not_speak_for_agents(tmp_path: Path) -> None:
    prosody_or_skip()
    async with scene(tmp_path) as on:
        ana = await on.agent("ana")
        await takes(on, ana)
        talk = await on.run.talk(ANN, state="human")
        said = {"agent": "Ana", "text": "I looked it up."}
        await on.run.api("POST", f"/v1/conversations/{talk['id']}/messages", said, status=202)
        await ana.reads("[desk] sent over the console: I looked it up.", of=ANN)
        assert (await on.run.received(ANN, 2))[1] == "I looked it up."


async def test_what_one_device_wrote_the_other_shows(tmp_path: Path) -> None:
    prosody_or_skip()
    async with scene(tmp_path) as on:
        desk, phone = await on.agent("ana"), await on.agent("ana", device="phone")
        await takes(on, desk)
        said = phone.says(ANN, "from my phone")
        assert (await desk.hears("from my phone", of=ANN, carbon="sent")).id == said
        wrong = phone.says(ANN, "It costs 24 cents")
        right = phone.says(ANN, "It costs 42 cents", corrects=wrong)
        shown = await desk.hears("It costs 42 cents", of=ANN, carbon="sent")
        assert (shown.id, shown.replaces) == (right, wrong)
        texts = (await on.run.received(ANN, 4))[1:]
        assert texts == ["from my phone", "It costs 24 cents", "Correction: It costs 42 cents"]
        await phone.sees_tick(right)


async def test_what_is_no_text_marks_its_bubble(tmp_path: Path) -> None:
    prosody_or_skip()
    async with scene(tmp_path) as on:
        ana = await on.agent("ana")
        await takes(on, ana)
        message = ana.client.make_message(CONTACT, "I sent you an OMEMO encrypted message", mtype="chat")
        message["id"] = "secret"
        sealed = ET.SubElement(message.xml, "{eu.siacs.conversations.axolotl}encrypted")
        ET.SubElement(sealed, "{eu.siacs.conversations.axolotl}payload").text = "x"
        message.send()
        assert "turn encryption off for this contact" in await ana.sees_failure("secret")
        await ana.reads("[desk] not sent: it is encrypted", of=ANN)
        ana.says(ANN, "in the clear")
        assert (await on.run.received(ANN, 2))[1] == "in the clear"


async def test_what_comes_late_says_when_it_was_written(tmp_path: Path) -> None:
    """The server keeps it for a client that is away."""
    prosody_or_skip()
    async with scene(tmp_path) as on:
        ana = await on.agent("ana")
        await takes(on, ana)
        await ana.logout()
        await on.run.writes(ANN, "are you there?")
        await on.run.talk(ANN, state="human")

        async def shown() -> bool:
            found = (await on.run.api("GET", f"/v1/messages?address=%2B{ANN[1:]}&direction=mo&q=there"))["items"]
            return bool(found) and any(
                line["kind"] == "agent"
                for line in (await on.run.api("GET", f"/v1/messages/{found[0]['id']}"))["timeline"]
            )

        await on.run.until(shown, "the server has it")
        again = await on.agent("ana")
        assert (await again.hears("are you there?", of=ANN)).delayed
