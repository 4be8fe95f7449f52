"""Customers among agents' contacts (XEP-0356): added, renamed, taken out; what the agent made of them stays."""

import asyncio
import xml.etree.ElementTree as ET

import pytest

from gateway.channels.xmpp import Patience
from gateway.channels.xmpp.rosters import GROUP, OUTSTANDING
from gateway.model.desk import LineKind
from tests.channels.xmpp.conftest import ANNA, BEN, CONTACT, CUSTOMER, DOMAIN, MakeRoom, Room, line

R = "{jabber:iq:roster}"
ADVERT = (
    f"<message from='example.test' to='{DOMAIN}'><privilege xmlns='urn:xmpp:privilege:2'>"
    "<perm access='roster' type='{}'/></privilege></message>"
)
NAME = "Ann (Acme Mobile)"
SLOW = Patience(first=0.01, limit=0.05, roster=0.02, advert=1)


@pytest.fixture
async def room(make_room: MakeRoom) -> Room:
    return await make_room(opening=ADVERT.format("both"))


def item(name: str | None, *groups: str, jid: str = CONTACT) -> str:
    named = f" name='{name}'" if name is not None else ""
    inner = "".join(f"<group>{group}</group>" for group in groups)
    return f"<item jid='{jid}'{named} subscription='both'>{inner}</item>"


def asked(room: Room) -> list[ET.Element]:
    return [iq for iq in room.server.last.of("iq", type="get") if iq.find(f"{R}query") is not None]


def sets(room: Room) -> list[tuple[str | None, ...]]:
    """What was set: agent, contact, name, subscription and groups."""
    found = []
    for iq in room.server.last.of("iq", type="set"):
        [one] = iq.iterfind(f"{R}query/{R}item")
        groups = [group.text for group in one.iterfind(f"{R}group")]
        found.append((iq.get("to"), one.get("jid"), one.get("name"), one.get("subscription"), *groups))
    return found


def answer(room: Room, *items: str) -> None:
    """The server answers for Anna's roster."""
    [query] = asked(room)
    assert (query.get("from"), query.get("to")) == (DOMAIN, ANNA)
    roster = f"<query xmlns='jabber:iq:roster'>{''.join(items)}</query>"
    room.server.last.send(f"<iq type='result' from='{ANNA}' to='{DOMAIN}' id='{query.get('id')}'>{roster}</iq>")


async def shows(room: Room, kind: LineKind, *items: str) -> list[tuple[str | None, ...]]:
    """One line is sent, the server answers with that roster; what is set then."""
    sending = asyncio.create_task(room.link.send([line("c1", kind, text=NAME)]))
    await room.until(lambda: asked(room))
    answer(room, *items)
    assert await sending
    await room.settle()
    return sets(room)


def told(room: Room) -> list[tuple[str | None, str | None]]:
    """How the contact was shown: type and status of each presence."""
    return [
        (found.get("type"), found.findtext("{jabber:component:accept}status"))
        for found in room.server.last.of("presence", from_=f"{CONTACT}/sms", to=ANNA)
    ]


async def test_a_new_contact(room: Room) -> None:
    other = item("Ben", "Friends", jid="ben@example.test")
    assert await shows(room, LineKind.opened, other) == [(ANNA, CONTACT, NAME, "both", GROUP)]
    assert told(room) == [(None, "Ann, gold")]
    assert not room.server.last.of("message")


async def test_a_contact_that_the_agent_named(room: Room) -> None:
    found = await shows(room, LineKind.opened, item("My Ann", "Friends"))
    assert found == [(ANNA, CONTACT, "My Ann", "both", "Friends", GROUP)]


async def test_a_customer_who_is_called_otherwise_now(room: Room) -> None:
    """The name that we gave is ours to change, also a second time."""
    sending = asyncio.create_task(room.link.send([line("c1", LineKind.opened, text="Anna Lee", about=NAME)]))
    await room.until(lambda: asked(room))
    answer(room, item(NAME, GROUP))
    assert await sending
    await room.settle()
    assert sets(room) == [(ANNA, CONTACT, "Anna Lee", "both", GROUP)]


@pytest.mark.parametrize("name", [NAME, CUSTOMER])
async def test_ours_is_removed(room: Room, name: str) -> None:
    assert await shows(room, LineKind.ended, item(name, GROUP)) == [(ANNA, CONTACT, None, "remove")]
    assert not told(room)


@pytest.mark.parametrize(
    ("had", "left"),
    [
        (item("My Ann", GROUP), (ANNA, CONTACT, "My Ann", None)),
        (item(NAME, GROUP, "Friends"), (ANNA, CONTACT, NAME, None, "Friends")),
        (item(None, GROUP), (ANNA, CONTACT, None, None)),
    ],
)
async def test_the_agents_own_contact_leaves_the_group_only(room: Room, had: str, left: tuple[str | None, ...]) -> None:
    assert await shows(room, LineKind.ended, had) == [left]
    assert told(room) == [(None, "Ann, gold")]


@pytest.mark.parametrize("had", ["", item(NAME), item(NAME, "Friends")])
async def test_what_is_not_in_the_group_is_left(room: Room, had: str) -> None:
    assert not await shows(room, LineKind.ended, had)


async def test_without_the_privilege_nothing_is_asked(make_room: MakeRoom) -> None:
    for opening in ("", ADVERT.format("get"), ADVERT.format("set")):
        room = await make_room(opening=opening)
        assert await room.link.send([line("c1", LineKind.opened, text=NAME), line("l1", text="Hello")])
        assert not room.server.last.of("iq", to=ANNA)
        assert len(room.server.last.of("message")) == 1
        assert told(room) == [(None, "Ann, gold")]


async def test_one_question_for_all_contacts_of_an_agent(room: Room) -> None:
    others = [line(f"c{n}", LineKind.opened, customer=f"+1555123000{n}", text=f"Max {n}") for n in range(3)]
    sending = asyncio.create_task(room.link.send([*others, line("c9", LineKind.opened, agent=BEN, text=NAME)]))
    await room.until(lambda: len(asked(room)) == 2)
    for query in asked(room):
        room.server.last.send(
            f"<iq type='result' from='{query.get('to')}' to='{DOMAIN}' id='{query.get('id')}'>"
            "<query xmlns='jabber:iq:roster'/></iq>"
        )
    assert await sending
    assert [(found[0], found[2]) for found in sets(room)] == [
        *((ANNA, f"Max {n}") for n in range(3)),
        (BEN, NAME),
    ]


def gives_nothing(room: Room, query: ET.Element) -> None:
    """The server answers with an empty roster."""
    room.server.last.send(
        f"<iq type='result' from='{query.get('to')}' to='{DOMAIN}' id='{query.get('id')}'>"
        "<query xmlns='jabber:iq:roster'/></iq>"
    )


async def test_so_many_questions_at_a_time(room: Room) -> None:
    """Of a whole floor that comes at once: who is over the limit is asked when another was answered."""
    agents = [f"agent{n}@example.test" for n in range(OUTSTANDING + 40)]
    first, second = agents[:50], agents[50:]
    sending = [
        asyncio.create_task(
            room.link.send([line(f"c{n}", LineKind.opened, agent=agent, text=NAME) for n, agent in some])
        )
        for some in (list(enumerate(first)), list(enumerate(second, 50)))
    ]
    await room.until(lambda: len(asked(room)) >= OUTSTANDING)
    await room.settle()
    assert len(asked(room)) == OUTSTANDING
    for query in asked(room)[:10]:
        gives_nothing(room, query)
    await room.until(lambda: len(asked(room)) >= OUTSTANDING + 10)
    await room.settle()
    assert len(asked(room)) == OUTSTANDING + 10
    for query in asked(room)[10:]:
        gives_nothing(room, query)
    await room.until(lambda: len(asked(room)) == len(agents))
    for query in asked(room)[OUTSTANDING + 10 :]:
        gives_nothing(room, query)
    assert await asyncio.gather(*sending) == [True, True]
    assert sorted(str(found[0]) for found in sets(room)) == sorted(agents)
    assert "roster_unanswered" not in room.link.status().counters


async def test_who_was_not_asked_in_time_is_asked_another_time(make_room: MakeRoom) -> None:
    room = await make_room(opening=ADVERT.format("both"), patience=SLOW)
    agents = [f"agent{n}@example.test" for n in range(OUTSTANDING + 1)]
    for _ in range(3):
        assert await room.link.send([line(agent, LineKind.opened, agent=agent, text=NAME) for agent in agents])
    times = [sum(query.get("to") == agent for query in asked(room)) for agent in agents]
    assert times == [2] * OUTSTANDING + [1]
    assert not sets(room)


async def test_a_refusal_is_no_error(room: Room) -> None:
    sending = asyncio.create_task(room.link.send([line("c1", LineKind.opened, text=NAME)]))
    await room.until(lambda: asked(room))
    [query] = asked(room)
    for sender in ("eve@example.test", "evil.test", f"{ANNA}/phone", "example.test"):  # nobody else speaks for her
        room.server.last.send(
            f"<iq type='result' from='{sender}' to='{DOMAIN}' id='{query.get('id')}'>"
            f"<query xmlns='jabber:iq:roster'>{item('Evil', GROUP)}</query></iq>"
        )
    room.server.last.send(
        f"<iq type='error' from='{ANNA}' to='{DOMAIN}' id='{query.get('id')}'><error type='auth'/></iq>"
    )
    assert await sending
    assert not sets(room)
    assert room.link.status().counters["roster_unanswered"] == 1


async def test_a_server_that_does_not_answer_holds_up_nothing(make_room: MakeRoom) -> None:
    room = await make_room(opening=ADVERT.format("both"), patience=SLOW)
    for _ in range(4):
        assert await room.link.send([line("c1", LineKind.opened, text=NAME)])
    assert not sets(room)
    assert len(asked(room)) == 2
    late = asked(room)[0].get("id")
    room.server.last.send(f"<iq type='result' from='{ANNA}' to='{DOMAIN}' id='{late}'><query xmlns='{R[1:-1]}'/></iq>")
    await room.settle()
    assert not sets(room)


async def test_a_server_that_ends_the_stream_when_we_write_is_left_alone(room: Room) -> None:
    """As ejabberd 23.01 does."""
    for times in (2, 3):
        sending = asyncio.create_task(room.link.send([line("c1", LineKind.opened, text=NAME)]))
        await room.until(lambda: asked(room))
        room.server.pongs = False
        answer(room)
        await room.until(lambda: sets(room))
        room.server.pongs = True
        room.server.last.error("internal-server-error")
        assert not await sending
        await room.welcomed(times)
    assert await room.link.send([line("c1", LineKind.opened, text=NAME)])
    assert not asked(room)


async def test_where_it_ends_for_all_nobody_is_asked(room: Room) -> None:
    agents = [f"agent{n}@example.test" for n in range(6)]
    for times, agent in enumerate(agents[:5], 2):
        sending = asyncio.create_task(room.link.send([line("c1", LineKind.opened, agent=agent, text=NAME)]))
        await room.until(lambda: asked(room))
        room.server.last.kill()
        assert not await sending
        await room.welcomed(times)
    assert await room.link.send([line("c1", LineKind.opened, agent=agents[5], text=NAME)])
    assert not asked(room)


async def test_a_loss_now_and_then_is_none_of_theirs(room: Room) -> None:
    for times in range(2, 9):
        sending = asyncio.create_task(room.link.send([line("c1", LineKind.opened, text=NAME)]))
        await room.until(lambda: asked(room))
        room.server.last.kill()
        assert not await sending
        await room.welcomed(times)
        assert await shows(room, LineKind.opened) == [(ANNA, CONTACT, NAME, "both", GROUP)]
        [done] = room.server.last.of("iq", type="set")
        room.server.last.send(f"<iq type='result' from='{ANNA}' to='{DOMAIN}' id='{done.get('id')}'/>")
        await room.settle()


async def test_a_roster_that_ends_the_stream_is_not_asked_for_again(room: Room) -> None:
    """It may be longer than any stanza may be."""
    for times in (2, 3):
        sending = asyncio.create_task(room.link.send([line("c1", LineKind.opened, text=NAME)]))
        await room.until(lambda: asked(room))
        room.server.last.send(f"<iq type='result' from='{ANNA}' to='{DOMAIN}'><query xmlns='{'x' * 4_300_000}'/></iq>")
        assert not await sending
        await room.welcomed(times)
    assert await room.link.send([line("c1", LineKind.opened, text=NAME)])
    assert not asked(room)


async def test_a_roster_that_is_too_long_is_left_as_it_is(room: Room) -> None:
    sending = asyncio.create_task(room.link.send([line("c1", LineKind.opened, text=NAME)]))
    await room.until(lambda: asked(room))
    an_id = asked(room)[0].get("id")
    room.server.last.send(
        f"<iq type='result' id='{an_id}' from='{ANNA}' to='{DOMAIN}'><query xmlns='jabber:iq:roster'>"
        + "<item jid='a@example.test'/>" * 12_000
        + "</query></iq>"
    )
    await sending
    assert len(room.server.sessions) == 1
    assert not room.server.last.of("iq", type="set")
    await room.both_ways()


async def test_a_contact_of_nobody_is_left_out(room: Room) -> None:
    assert await room.link.send([line("c1", LineKind.opened, agent="anna", text=NAME)])
    assert await room.link.send([line("c2", LineKind.opened, customer="bob", text=NAME)])
    assert not asked(room)
