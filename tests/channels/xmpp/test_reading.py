"""What agents write: heard in order, one at a time, answered where they wrote it."""

import asyncio

from gateway.channels.xmpp import contents
from gateway.model.desk import Bounced, Heard, Said, Seen
from tests.channels.xmpp.conftest import ANNA, BEN, CONTACT, CUSTOMER, DOMAIN, MakeRoom, Room, message
from tests.channels.xmpp.fake_server import NS

STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


def condition(room: Room, id: str) -> tuple[str, str, str]:
    """Type, condition and words of the one error for a stanza."""
    [stanza] = room.server.last.of("message", type="error", id=id)
    [error] = stanza
    text = error.findtext(f"{STANZAS}text") or ""
    return error.get("type", ""), error[0].tag.removeprefix(STANZAS), text


async def test_said(room: Room) -> None:
    for to in (CONTACT, f"{CONTACT}/sms", f"{CONTACT}/other", DOMAIN):
        room.server.last.send(message("a &lt; b", to=to))
    room.server.last.send(message("normal", type="normal", id=""))
    room.server.last.send(message("plain", type="", id="x" * 300, inner="<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"))
    await room.until(lambda: len(room.care.said) == 6)
    assert room.care.said == [
        *[Said(ANNA, CUSTOMER, "m1", "a < b")] * 3,
        Said(ANNA, "", "m1", "a < b"),
        Said(ANNA, CUSTOMER, "", "normal"),
        Said(ANNA, CUSTOMER, "o1", "plain"),
    ]
    await room.settle()
    assert not room.server.last.of("message")  # the tick is care's


async def test_answers_go_where_it_was_written(room: Room) -> None:
    async def hear(said: Said) -> Heard:
        return Heard(text="1 < 2") if said.text == "ask" else Heard(refused="You do not have it.")

    room.care.hear = hear
    room.server.last.send(message("ask", id="a"))
    room.server.last.send(message("ask", to=DOMAIN, id="b"))
    room.server.last.send(message("refuse me", id="c"))
    await room.until(lambda: len(room.server.last.of("message")) == 3)
    answers = room.server.last.of("message", type="chat")
    assert [(found.get("from"), found.get("to")) for found in answers] == [
        (f"{CONTACT}/sms", f"{ANNA}/phone"),
        (DOMAIN, f"{ANNA}/phone"),
    ]
    assert answers[0].findtext(f"{NS}body") == "1 < 2"
    assert condition(room, "c") == ("cancel", "not-acceptable", "You do not have it.")
    [error] = room.server.last.of("message", type="error")
    assert (error.get("from"), error.get("to")) == (CONTACT, f"{ANNA}/phone")


async def test_what_was_for_the_desk_is_marked_so(room: Room) -> None:
    """A tick on it says "done", on words "on the phone": a client need not know what a command looks like."""
    mark = "{careline#answer}answer"

    async def hear(said: Said) -> Heard:
        return Heard("", delivered=True) if said.text == "words" else Heard(said.text, "", said.text != "no", ours=True)

    room.care.hear = hear
    for key, text in (("a", "words"), ("b", ". note x"), ("c", "no")):
        room.server.last.send(message(text, id=key))
    await room.until(lambda: len(room.server.last.of("message")) == 4)
    ticks = room.server.last.of("message")
    about = [found.get("id") if (found := one.find(mark)) is not None else "" for one in ticks]
    assert about == ["", "b", "b", "c"]
    assert [one.find("{urn:xmpp:receipts}received") is not None for one in ticks] == [True, True, False, False]


async def test_care_that_fails_is_told(room: Room) -> None:
    async def hear(said: Said) -> Heard:
        raise KeyError(said.text)

    room.care.hear = hear
    room.server.last.send(message(id="a"))
    await room.until(lambda: room.server.last.of("message"))
    assert condition(room, "a")[:2] == ("wait", "internal-server-error")
    assert room.link.status().counters["failed"] == 1


async def test_each_agent_in_order_and_nobody_waits_for_another(room: Room) -> None:
    gate = asyncio.Event()
    running: list[str] = []
    most = 0

    async def hear(said: Said) -> Heard:
        nonlocal most
        running.append(said.agent)
        most = max(most, running.count(ANNA))
        if said.agent == ANNA:
            await gate.wait()
        running.remove(said.agent)
        return Heard()

    room.care.hear = hear
    for number in range(10):
        room.server.last.send(message(str(number)))
    room.server.last.send(message("from Ben", sender=f"{BEN}/desk"))
    await room.until(lambda: any(said.agent == BEN for said in room.care.said))
    assert [said.text for said in room.care.said if said.agent == ANNA] == ["0"]
    gate.set()
    await room.until(lambda: len(room.care.said) == 11)
    assert [said.text for said in room.care.said if said.agent == ANNA] == [str(number) for number in range(10)]
    assert most == 1


async def test_a_flood_is_refused(room: Room) -> None:
    gate = asyncio.Event()

    async def hear(said: Said) -> Heard:
        await gate.wait()
        return Heard()

    room.care.hear = hear
    for number in range(60):
        room.server.last.send(message(str(number), id=f"m{number}"))
        if not number:
            await room.until(lambda: room.care.said)
    await room.settle()
    refused = room.server.last.of("message", type="error")
    assert [found.get("id") for found in refused] == [f"m{number}" for number in range(51, 60)]
    assert condition(room, "m51")[:2] == ("wait", "resource-constraint")
    gate.set()
    await room.until(lambda: len(room.care.said) == 51)
    await room.both_ways()


async def test_too_long(room: Room) -> None:
    room.server.last.send(message("x" * 10_000, id="fits"))
    room.server.last.send(message("x" * 10_001, id="long"))
    await room.until(lambda: room.server.last.of("message"))
    await room.until(lambda: room.care.said)
    assert condition(room, "long")[:2] == ("modify", "policy-violation")
    assert [said.id for said in room.care.said] == ["fits"]
    assert room.link.status().counters["oversize"] == 1


async def test_seen(room: Room) -> None:
    for sender in (f"{ANNA}/phone", f"{ANNA}/desk"):
        room.server.last.send(message("", sender=sender, inner="<received xmlns='urn:xmpp:receipts' id='l1'/>"))
    room.server.last.send(message("", inner="<displayed xmlns='urn:xmpp:chat-markers:0' id='l1'/>"))
    room.server.last.send(message("", to=DOMAIN, inner="<displayed xmlns='urn:xmpp:chat-markers:0' id='l2'/>"))
    for nothing in ("<received xmlns='urn:xmpp:receipts'/>", f"<received xmlns='urn:xmpp:receipts' id='{'x' * 257}'/>"):
        room.server.last.send(message("", inner=nothing))
    room.server.last.send(message("", inner="<composing xmlns='http://jabber.org/protocol/chatstates'/>"))
    await room.settle()
    assert room.care.seen == [Seen(ANNA, "l1"), Seen(ANNA, "l1"), Seen(ANNA, "l1", True), Seen(ANNA, "l2", True)]
    assert not room.server.last.of("message")


async def test_bounced(room: Room) -> None:
    gone = f"<error type='cancel'><gone xmlns='{STANZAS[1:-1]}'/>"
    said = f"<text xmlns='{STANZAS[1:-1]}'>blocked you</text>"
    room.server.last.send(message("", sender=f"{ANNA}/phone", id="l1", type="error", inner=f"{gone}</error>"))
    room.server.last.send(message("again", sender=ANNA, id="l2", type="error", inner=f"{gone}{said}</error>"))
    room.server.last.send(message("", sender="example.test", id="l3", type="error", inner="<error/>"))
    room.server.last.send(message("", sender="eve@evil.test/x", id="l4", type="error", inner=f"{gone}</error>"))
    room.server.last.send(message("", id="", type="error", inner=f"{gone}</error>"))
    await room.settle()
    assert room.care.bounced == [
        Bounced(ANNA, "l1", "gone"),
        Bounced(ANNA, "l2", "blocked you"),
        Bounced("example.test", "l3", "undefined-condition"),
    ]
    assert not room.server.last.of("message")
    assert not room.care.said


async def test_what_was_heard_before_the_loss_is_said(make_room: MakeRoom) -> None:
    room = await make_room()
    gate = asyncio.Event()

    async def hear(said: Said) -> Heard:
        await gate.wait()
        return Heard(text="too late")

    room.care.hear = hear
    for number in range(3):
        room.server.last.send(message(str(number)))
    await room.settle()
    room.server.last.kill()
    await room.until(lambda: len(room.server.sessions) == 2)
    gate.set()
    await room.until(lambda: len(room.care.said) == 3)


async def test_stop_waits_for_what_was_said(room: Room) -> None:
    gate = asyncio.Event()

    async def hear(said: Said) -> Heard:
        await gate.wait()
        return Heard(text="heard")

    room.care.hear = hear
    room.server.last.send(message())
    await room.until(lambda: room.care.said)
    stopping = asyncio.create_task(room.link.stop(5))
    await asyncio.sleep(0)
    gate.set()
    await stopping
    await room.until(lambda: room.server.last.ended)
    assert len(room.server.last.of("message", type="chat")) == 1


async def test_a_refusal_in_words_says_which_words(room: Room) -> None:
    """A server keeps it for a device that is gone, and with it the mark on the bubble."""

    async def hear(said: Said) -> Heard:
        return Heard("[desk] not sent: ben has it", refused="not sent: ben has it")

    room.care.hear = hear
    room.server.last.send(message("short\none", id="a"))
    room.server.last.send(message("long " * 20, id="b"))
    await room.until(lambda: len(room.server.last.of("message", type="chat")) == 2)
    await room.until(lambda: len(room.server.last.of("message", type="error")) == 2)
    assert [one.findtext(f"{NS}body") for one in room.server.last.of("message", type="chat")] == [
        '[desk] not sent: ben has it: "short one"',
        '[desk] not sent: ben has it: "long long long long long long long long ..."',
    ]
    assert condition(room, "a") == ("cancel", "not-acceptable", "not sent: ben has it")


FORWARDED = "<forwarded xmlns='urn:xmpp:forward:0'><message><body>spoof</body></message></forwarded>"
OCCUPANT = "<x xmlns='http://jabber.org/protocol/muc#user'/>"


async def test_an_agent_hears_that_foreign_words_went_nowhere(room: Room) -> None:
    server = room.server.last
    server.send(message("see this", id="a", inner=FORWARDED))
    server.send(message("", id="b", inner=FORWARDED))
    server.send(message("whispered", id="c", inner=OCCUPANT))
    server.send(message("", id="d", inner=OCCUPANT))
    server.send(message("an error", id="e", type="error", inner=FORWARDED))
    server.send(message("no device", id="f", sender=ANNA, inner=FORWARDED))
    server.send(message("a stranger", id="g", sender="eve@example.test/x", inner=FORWARDED))
    server.send(message("an occupant", id="h", sender="lobby@rooms.example.test/anna", inner=OCCUPANT))
    server.send(message("no contact", id="i", to=f"bob@{DOMAIN}", inner=FORWARDED))
    await room.settle()
    assert [one.get("id") for one in server.of("message")] == ["a", "b", "c"]
    assert condition(room, "a") == ("cancel", "not-acceptable", contents.FORWARDED)
    assert condition(room, "c") == ("cancel", "not-acceptable", contents.FROM_ROOM)
    assert room.care.said == []
    assert room.link.status().counters["refused_foreign"] == 8
