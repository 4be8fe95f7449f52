"""Rooms on both real servers: the lobby, and three who talk."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.model.rows import replace
from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import KINDS
from tests.doubles.prosody import COMPONENT
from tests.doubles.seats import Seats, seated
from tests.interop.servers import Floor, floor
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
]
ANN, JOE = "+15551230001", "+15551230002"
LOBBY = "billing@rooms.example.test"


@pytest.fixture(params=KINDS)
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(request.param, tmp_path) as its:
        yield its


async def lobby_is_up(on: Floor) -> None:
    chat = on.run.gateway.chat
    assert chat is not None

    async def so() -> bool:
        return chat.link.rooms.inside(LOBBY)

    await on.run.until(so, "the lobby is there")


async def test_the_lobby_shows_who_waits_and_who_has_what(on: Floor) -> None:
    await lobby_is_up(on)
    ana = await on.agent("ana", "dnd")  # asked for nothing; takes what she wants
    ben = await on.agent("ben", "dnd")
    seat, his = await seated(ana, LOBBY), await seated(ben, LOBBY)
    await seat.until(lambda: seat.subjects.get(LOBBY) == "nobody waits", "the subject is set")
    await on.run.writes(ANN, "agent")
    await seat.reads(LOBBY, f"{ANN} waits: agent")
    await seat.until(lambda: seat.subjects[LOBBY].startswith("1 waits, longest 0:0"), "the subject tells")
    seat.says(LOBBY, "lunch, anybody?")
    await his.reads(LOBBY, "lunch, anybody?")
    seat.says(LOBBY, "/take 9999")
    await his.reads(LOBBY, "ana: not taken: nobody waits here whose number ends with 9999")
    seat.says(LOBBY, "/queue")
    assert f"{ANN} for 0:0" in await his.reads(LOBBY, "1 waits:")
    seat.says(LOBBY, "/take 0001")
    await his.reads(LOBBY, f"Ana has {ANN}")
    await his.until(lambda: his.subjects[LOBBY] == "nobody waits - Ana 1", "the subject tells who has what")
    await ana.reads("What you write here goes to the customer", of=ANN)
    ana.says(ANN, "Hello")
    await on.run.received(ANN, 2)
    # The server dies and comes back: what the lobby shows is right again.
    await on.server.kill()
    await ana.drop()
    await ben.drop()
    await on.run.writes(JOE, "agent")
    await on.server.start()
    await lobby_is_up(on)
    again = await seated(await on.agent("ben", "dnd"), LOBBY)
    await again.until(
        lambda: again.subjects.get(LOBBY, "").startswith("1 waits") and "Ana 1" in again.subjects[LOBBY],
        "the subject is right again",
    )
    assert not any("lunch" in text for text in await on.run.texts(ANN))


async def test_strangers_stay_outside(on: Floor) -> None:
    await lobby_is_up(on)
    stranger = Seats(await on.agent("eve"))
    with pytest.raises(AssertionError, match="registration-required"):
        async with asyncio.timeout(10):
            await stranger.enters(LOBBY)


async def taken(on: Floor, name: str = "ana") -> AgentClient:
    """An agent who has Ann, and has read what there was."""
    agent = await on.agent(name)
    await on.present(agent)
    await on.run.writes(ANN, "agent")
    await agent.reads("waits in billing", of=ANN)
    agent.says(ANN, "Hello Ann")
    await on.run.received(ANN, 2)
    return agent


async def room_of(on: Floor) -> str:
    """The JID of the room about Ann, as its row has it."""
    found: list[str] = []

    async def there() -> bool:
        query = "SELECT jid FROM room WHERE ending IS NULL"
        rows = await on.run.gateway.store.read(lambda one: one.execute(query).fetchall())
        found[:] = [str(jid) for (jid,) in rows]
        return bool(found)

    await on.run.until(there, "there is a room")
    return found[0]


async def test_three_talk(on: Floor) -> None:
    run = on.run
    ana, ben = await taken(on), await on.agent("ben")
    await on.present(ben)
    hers, his = Seats(ana), Seats(ben)
    session, fields, _ = await ana.form(ANN, "invite")
    assert fields["who"][:2] == ["(none)", "ben@example.test"], "supervisors come first"
    assert "are asked into the room" in await ana.fills(ANN, "invite", session, {"who": "ben@example.test"})
    room = await room_of(on)
    await ben.hears("Ana asks you into the room", of=ANN)
    for seats in (hers, his):
        await seats.until(partial(seats.invited.__contains__, room), "both are invited")
        await seats.enters(room)
    await his.until(lambda: len(his.old.get(room, ())) >= 3, "what was said before is shown")
    history = [(text, stamp) for _, text, stamp in his.old[room]]
    assert [text.split(" ", 3)[3] for text, _ in history] == [
        "customer: agent",
        "bot: Thank you. A colleague of Acme Mobile will answer you here.",
        "Ana: Hello Ann",
    ], history
    assert all(stamp[14:16] == text[10:12] for text, stamp in history), f"the stamps are those of the texts: {history}"
    # All three talk.
    await run.writes(ANN, "who is there?")
    await his.reads(room, "who is there?")
    await ana.hears("who is there?", of=ANN)
    hers.says(room, "Ben and me")
    assert (await run.received(ANN, 3))[2] == "Ben and me"
    await ana.hears("you said in the room: Ben and me", of=ANN)
    ana.says(ANN, "and I say it here")
    await run.received(ANN, 4)
    await his.reads(room, "Ana: and I say it here")
    # The supervisor cannot answer by accident, and no whisper reaches the customer.
    his.says(room, "I am Ben")
    assert "not sent: Ana has this conversation; whisper to Ana" in await hers.reads(room, "not sent")
    his.whispers(room, "ana", "offer her the plan")
    await ana.hears("offer her the plan", of=room)
    his.whispers(room, ANN, "psst")
    await ben.hears("no whisper reaches the customer", of=room)
    hers.says(room, "// she is in a hurry")
    await hers.reads(room, "noted")
    # Barge.
    his.says(room, "/take Ana")
    await hers.reads(room, "Ben has this conversation now")
    his.says(room, "Ben speaking")
    assert (await run.received(ANN, 5))[4] == "Ben speaking"
    hers.says(room, "no, me")
    await his.reads(room, "not sent: Ben has this conversation")
    ben.says(ANN, "/close resolved")
    await his.until(lambda: his.ended.get(room) == "closed: resolved", "the room is destroyed")
    await run.received(ANN, 5)
    rows = await run.gateway.store.read(lambda connection: connection.execute("SELECT * FROM room").fetchall())

    async def gone() -> bool:
        return not await run.gateway.store.read(lambda one: one.execute("SELECT * FROM room").fetchall())

    await run.until(gone, f"no row is left, not {rows}")


async def test_who_is_a_supervisor_no_more_loses_a_monitored_room(on: Floor) -> None:
    run = on.run
    ana, ben, cleo = await taken(on), await on.agent("ben"), await on.agent("cleo")
    await on.present(ben)
    await on.present(cleo)
    ben.says(ANN, ".monitor")
    room = await room_of(on)
    ana.says(ANN, ".invite Cleo")
    his, hers = Seats(ben), Seats(cleo)
    for seats in (his, hers):
        await seats.until(partial(seats.invited.__contains__, room), "both are invited")
        await seats.enters(room)
    await hers.until(lambda: "ben" in hers.people[room], "he is there")
    book = run.gateway.playbook
    agents = tuple(one.model_copy(update={"role": "agent"}) if one.name == "Ben" else one for one in book.agents)
    run.gateway.take_playbook(replace(book, agents=agents))
    await hers.until(lambda: "ben" not in hers.people[room], "he is there no more")
    await run.writes(ANN, "my card is 4111")
    await hers.reads(room, "my card is 4111")
    assert not any("4111" in one[1] for one in his.lines.get(room, ()))
    with pytest.raises(AssertionError, match="registration-required"):
        async with asyncio.timeout(10):
            await his.enters(room)


async def test_a_killed_server_gets_its_rooms_back(on: Floor) -> None:
    run = on.run
    ana, ben = await taken(on), await on.agent("ben")
    await on.present(ben)
    ana.says(ANN, "/invite Ben")
    room = await room_of(on)
    his = Seats(ben)
    await his.until(lambda: room in his.invited, "Ben is invited")
    await his.enters(room)
    await on.server.kill()
    await ana.drop()
    await ben.drop()
    await run.writes(ANN, "is anybody there?")
    await on.server.start()
    ana, ben = await on.agent("ana"), await on.agent("ben")
    hers = Seats(ana)

    async def back() -> bool:
        assert run.gateway.chat is not None
        return run.gateway.chat.link.rooms.inside(room)

    await run.until(back, "the room is there again")
    await hers.enters(room)
    await hers.until(
        lambda: any("is anybody there?" in one[1] for one in [*hers.old.get(room, ()), *hers.lines.get(room, ())]),
        "the room shows what was written meanwhile",
    )
    hers.says(room, "Yes")
    assert (await run.received(ANN, 3))[2] == "Yes"
    hers.says(room, "/leave")
    await hers.until(lambda: "Ana ended the room" in hers.ended.get(room, ""), "the room is destroyed")
    await run.talk(ANN, agent="ana@example.test")


async def invited(on: Floor) -> tuple[str, Seats, Seats]:
    """Ana has Ann, and Ben is asked in: the room, her seat, his."""
    ana, ben = await taken(on), await on.agent("ben")
    await on.present(ben)
    ana.says(ANN, "/invite Ben")
    room = await room_of(on)
    hers, his = Seats(ana), Seats(ben)
    for seats in (hers, his):
        await seats.until(partial(seats.invited.__contains__, room), "both are invited")
        await seats.enters(room)
    await hers.until(lambda: len(hers.people[room]) == 3, "all three are there")
    return room, hers, his


async def test_what_is_written_while_the_desk_is_away_is_read_back(on: Floor) -> None:
    run = on.run
    room, hers, his = await invited(on)
    hers.says(room, "before", stanza="before")
    await run.received(ANN, 3)
    his.says(room, "refused before", stanza="refused")
    await hers.reads(room, "ben: not sent: Ana has this conversation")
    desk = run.gateway.chat
    assert desk is not None
    await desk.link.stop(1.0)
    hers.says(room, "while it is away", stanza="away-1")
    hers.says(room, "// a note", stanza="away-2")
    hers.says(room, "in the name of ben", stanza="away-3", forges=his.agent.jid)
    his.says(room, "I am Ben", stanza="away-4")
    his.says(room, "in the name of ana", stanza="away-5", forges=hers.agent.jid)
    his.whispers(room, "ana", "are you there?")
    await hers.agent.hears("are you there?", of=room)
    await desk.link.start()
    await hers.reads(room, "back in this room")
    assert 's after it was written: "while it is away"' in await his.reads(room, "ana: sent now, ")
    await his.reads(room, "ana: noted")
    await hers.reads(room, "ben: not sent: Ana has this conversation")
    hers.says(room, "and now", stanza="live")
    assert (await run.received(ANN, 5))[2:] == ["before", "while it is away", "and now"]
    # Once more: all of it is known, and only what is new is read.
    await desk.link.stop(1.0)
    hers.says(room, "again", stanza="away-6")
    await desk.link.start()
    await his.reads(room, 'after it was written: "again"')
    assert (await run.received(ANN, 6))[5] == "again"
    answers = [text for _, text in hers.lines[room] if text.startswith("[desk] ben: ")]
    assert len(answers) == 2, answers


async def test_the_room_says_what_did_not_arrive(on: Floor) -> None:
    run = on.run
    room, hers, his = await invited(on)
    await run.smsc("/set", {"stat": "UNDELIV"})
    hers.says(room, "are you there?")
    told = '"are you there?" did not arrive: the phone could not be reached (network says so) (UNDELIV)'
    await his.reads(room, told)
    await hers.agent.hears(told, of=ANN)


async def test_a_room_after_the_room(on: Floor) -> None:
    """Prosody lets nobody into a room that was destroyed: who is asked in again is asked into another."""
    run = on.run
    first, hers, his = await invited(on)
    hers.says(first, "/leave")
    await hers.until(lambda: "Ana ended the room" in hers.ended.get(first, ""), "the room is destroyed")
    hers.agent.says(ANN, "/invite Ben")
    await his.until(lambda: len(his.invited) == 2, "Ben is asked in again")
    second = await room_of(on)
    assert second != first
    for seats in (hers, his):
        await seats.until(partial(seats.invited.__contains__, second), "both are invited")
        await seats.enters(second)
    await hers.until(lambda: len(hers.people[second]) == 3, "all three are there")
    hers.says(second, "here again")
    assert (await run.received(ANN, 3))[2] == "here again"


async def test_what_clients_send_beside_words(on: Floor) -> None:
    """The rules of a chat hold in a room: no note in a quote, nothing sealed, corrections as such."""
    run = on.run
    room, hers, his = await invited(on)
    his.says(room, "// he lied to us")
    await hers.reads(room, "ben: noted")
    quote = "> Ben: // he lied to us\n"
    spans = f"<body start='0' end='{len(quote)}'/>"
    hers.says(
        room,
        f"{quote}I see",
        inner=(
            f"<reply xmlns='urn:xmpp:reply:0' id='x' to='{room}/ben'/>",
            f"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>{spans}</fallback>",
        ),
    )
    assert (await run.received(ANN, 3))[2] == "I see"
    hers.says(room, f"{quote}I see")
    await his.reads(room, "ana: not sent: a quoted line begins with //")
    hers.says(room, "encrypted", inner=("<encrypted xmlns='eu.siacs.conversations.axolotl'><payload/></encrypted>",))
    await his.reads(room, "ana: not sent: it is encrypted")
    hers.says(room, "+1", inner=("<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>+1</reaction></reactions>",))
    await his.reads(room, "ana: not sent: an SMS carries no reactions")
    wrong = hers.says(room, "It costs 24 cents")
    await run.received(ANN, 4)
    hers.says(room, "It costs 42 cents", inner=(f"<replace xmlns='urn:xmpp:message-correct:0' id='{wrong}'/>",))
    assert (await run.received(ANN, 5))[4] == "Correction: It costs 42 cents"
    await hers.agent.hears("you corrected it in the room: It costs 42 cents", of=ANN)


_FLUX = ("work", "mark")
"""Tables in which rows come and go while nothing happens."""


async def rows(on: Floor) -> dict[str, int]:
    """How many rows each table has."""

    def count(connection: Any) -> dict[str, int]:
        names = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counted = (name for name in names if name not in _FLUX and not name.startswith("sqlite_"))
        return {name: connection.execute(f"SELECT count(*) FROM {name}").get for name in counted}

    return await on.run.gateway.store.read(count)


async def test_typing_is_seen_in_the_room_and_nowhere_else(on: Floor) -> None:
    """XEP-0085: the server shows it to who else is in the room; we make no text, no line and no row of it."""
    room, hers, his = await invited(on)
    hers.says(room, "// the first")
    await hers.reads(room, "ana: noted")
    first = await rows(on)
    hers.says(room, "// the second")
    await hers.reads(room, "ana: noted")
    second = await rows(on)
    heard, said = len(hers.agent.heard), len(hers.lines[room])
    for state in ("composing", "paused", "composing"):
        hers.types(room, state)
        hers.agent.types(ANN, state)
    his.types(room)
    shown = [("ana", "composing"), ("ana", "paused"), ("ana", "composing"), ("ben", "composing")]
    for seats in (hers, his):
        await seats.until(lambda its=seats: sorted(its.typing[room]) == sorted(shown), "both see who types")
        assert [one for one in seats.typing[room] if one[0] == "ana"] == shown[:3], "in order"
    hers.says(room, "// the third")  # behind them in the same stream
    await hers.reads(room, "ana: noted")
    third = await rows(on)
    grown = {name: count - first[name] for name, count in second.items() if count != first[name]}
    assert grown == {"note": 1, "desk_stanza": 1}
    assert {name: count - second[name] for name, count in third.items() if count != second[name]} == grown
    assert len(await on.run.texts(ANN)) == 2
    assert (len(hers.agent.heard), len(hers.lines[room])) == (heard, said + 2), "the note and its answer"
    assert not hers.agent.failed
    assert hers.agent.typing.get(f"{ANN}@{COMPONENT}", "active") == "active", "a customer never types"
