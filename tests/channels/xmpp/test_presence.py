"""How much an agent is there, and how contacts stand."""

import asyncio

import pytest

from gateway.channels.xmpp import Patience
from gateway.model.desk import LineKind, Show
from tests.channels.xmpp.conftest import ANNA, BEN, CONTACT, CUSTOMER, DOMAIN, MakeRoom, Room, line


def presence(sender: str, to: str = DOMAIN, show: str = "", type: str = "") -> str:
    kind = f" type='{type}'" if type else ""
    inner = f"<show>{show}</show>" if show else ""
    return f"<presence from='{sender}' to='{to}'{kind}>{inner}</presence>"


async def shows(room: Room, *stanzas: str) -> list[tuple[str, Show]]:
    """What care is told of these."""
    before = len(room.care.attends)
    for stanza in stanzas:
        room.server.last.send(stanza)
    await room.settle()
    return room.care.attends[before:]


async def test_best_of_all_devices(room: Room) -> None:
    assert await shows(room, presence(f"{ANNA}/a", show="dnd")) == [(ANNA, Show.dnd)]
    assert await shows(room, presence(f"{ANNA}/b", show="away")) == [(ANNA, Show.away)]
    assert await shows(room, presence(f"{ANNA}/b", show="xa")) == [(ANNA, Show.xa)]
    assert await shows(room, presence(f"{ANNA}/c")) == [(ANNA, Show.online)]
    assert await shows(room, presence(f"{ANNA}/a", show="chat")) == [(ANNA, Show.chat)]
    assert await shows(room, presence(f"{ANNA}/a", show="chat"), presence(f"{ANNA}/c", show="away")) == []
    assert await shows(room, presence(f"{ANNA}/a", type="unavailable")) == [(ANNA, Show.away)]
    assert await shows(room, presence(f"{BEN}/x", show="nonsense")) == [(BEN, Show.online)]
    assert await shows(room, presence(ANNA, type="unavailable")) == [(ANNA, Show.offline)]
    assert await shows(room, presence(f"{ANNA}/a", type="unavailable"), presence(f"{ANNA}/a", type="error")) == []


async def test_a_loss_makes_all_unknown(room: Room) -> None:
    await shows(room, presence(f"{ANNA}/a"), presence(BEN, type="subscribed"), presence(BEN, type="unavailable"))
    room.care.attends.clear()
    room.server.last.kill()
    await room.welcomed(2)
    assert sorted(room.care.attends) == [(ANNA, Show.unknown), (BEN, Show.unknown)]
    assert {found.get("to") for found in room.server.last.of("presence", type="subscribe")} == {ANNA, BEN}
    assert await shows(room, presence(f"{ANNA}/a")) == [(ANNA, Show.online)]


async def test_who_may_not_be_seen_is_unknown(room: Room) -> None:
    """Prosody answers a request to see an agent with `unavailable`, whether or not the agent is there."""
    assert await shows(room, presence(ANNA, type="unavailable")) == []
    assert await shows(room, presence(ANNA, type="subscribed"), presence(ANNA, type="unavailable")) == [
        (ANNA, Show.offline)
    ]
    assert [found.get("to") for found in room.server.last.of("presence", type="probe")] == [ANNA]
    assert await shows(room, presence(f"{ANNA}/a")) == [(ANNA, Show.online)]


async def test_who_says_no_is_unknown(room: Room) -> None:
    """Their client may be there all the same: what a server tells when they say it is not that they are gone."""
    no = presence(ANNA, type="unsubscribed")
    assert await shows(room, no, presence(f"{ANNA}/a", type="unavailable")) == []
    yes = presence(ANNA, type="subscribed")
    assert await shows(room, yes, presence(f"{ANNA}/a")) == [(ANNA, Show.online)]
    assert await shows(room, no, presence(f"{ANNA}/a", type="unavailable")) == [(ANNA, Show.unknown)]
    assert await shows(room, yes, presence(f"{ANNA}/a", show="dnd")) == [(ANNA, Show.dnd)]
    assert (await shows(room, presence(f"{ANNA}/a", type="unavailable"), no))[-1] == (ANNA, Show.unknown)
    assert await shows(room, presence(ANNA, to=CONTACT, type="unsubscribed"), no) == []
    assert await shows(room, presence(f"{ANNA}/b", to=CONTACT)) == [(ANNA, Show.online)]
    assert await shows(room, yes, presence(f"{ANNA}/a", show="chat")) == [(ANNA, Show.chat)]
    assert await shows(room, no) == [(ANNA, Show.online)], "a contact is told"


async def test_who_lets_us_see_and_shows_nothing_is_offline(make_room: MakeRoom) -> None:
    """ejabberd answers no probe of an agent who is offline: else the grace of one who left meanwhile never began."""
    room = await make_room(patience=Patience(first=0.01, limit=0.05, advert=0.01, probe=0.02))
    room.server.last.send(presence(f"{BEN}/a", show="away"))
    for agent in (BEN, ANNA):
        room.server.last.send(presence(agent, type="subscribed"))
    await room.until(lambda: (ANNA, Show.offline) in room.care.attends)
    assert room.care.attends == [(BEN, Show.away), (ANNA, Show.offline)]
    room.server.last.send(presence(f"{ANNA}/a"))
    await room.until(lambda: room.care.attends[-1] == (ANNA, Show.online))


async def test_who_seems_gone_is_asked_for_once_more(make_room: MakeRoom) -> None:
    """ejabberd under load tells of the end of an old connection after the beginning of the next on the same device."""
    room = await make_room(patience=Patience(first=0.01, limit=0.05, advert=0.01, probe=0.02))

    def probes() -> list[str | None]:
        return [found.get("to") for found in room.server.last.of("presence", type="probe")]

    gone = presence(f"{ANNA}/a", type="unavailable")
    assert await shows(room, presence(f"{ANNA}/a"), presence(f"{ANNA}/a"), gone) == [
        (ANNA, Show.online),
        (ANNA, Show.offline),
    ]
    await room.until(lambda: probes() == [ANNA])
    assert await shows(room, presence(f"{ANNA}/a")) == [(ANNA, Show.online)], "she is there"
    assert await shows(room, gone) == [(ANNA, Show.offline)]
    await room.until(lambda: probes() == [ANNA, ANNA])
    assert await shows(room, presence(ANNA, type="unavailable")) == [], "and now she is not"
    nobody = asyncio.Event()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(nobody.wait(), 0.1)  # several times the patience
    assert probes() == [ANNA, ANNA]


async def test_what_one_contact_is_told_is_less(room: Room) -> None:
    assert await shows(room, presence(f"{ANNA}/a", CONTACT, "away")) == [(ANNA, Show.away)]
    assert await shows(room, presence(f"{ANNA}/a")) == [(ANNA, Show.online)]
    assert (
        await shows(room, presence(f"{ANNA}/a", CONTACT, type="unavailable"), presence(f"{ANNA}/a", CONTACT, "dnd"))
        == []
    )
    assert await shows(room, presence(f"{ANNA}/a", type="unavailable")) == [(ANNA, Show.offline)]


async def test_devices_are_bounded(room: Room) -> None:
    await shows(room, *(presence(f"{ANNA}/{number}") for number in range(200)))
    assert len(room.link._attendance.resources(ANNA)) == 50


async def test_subscribes(room: Room) -> None:
    before = len(room.server.last.stanzas)
    for to in (DOMAIN, CONTACT, f"+15550000000@{DOMAIN}", f"bob@{DOMAIN}"):
        room.server.last.send(presence(ANNA, to, type="subscribe"))
    await room.settle()
    told = [
        (found.get("type"), found.get("from"))
        for found in room.server.last.stanzas[before:]
        if found.tag.endswith("presence")
    ]
    assert told == [
        ("subscribed", DOMAIN),
        ("subscribe", DOMAIN),
        (None, DOMAIN),
        ("subscribed", CONTACT),
        (None, f"{CONTACT}/sms"),
        ("unsubscribed", f"+15550000000@{DOMAIN}"),
        ("unsubscribed", f"bob@{DOMAIN}"),
    ]
    [shown] = room.server.last.of("presence", from_=f"{CONTACT}/sms")
    assert shown.findtext("{jabber:component:accept}status") == "Ann, gold"


@pytest.mark.parametrize(
    ("to", "sender"), [(DOMAIN, DOMAIN), (CONTACT, f"{CONTACT}/sms"), (f"{CONTACT}/sms", f"{CONTACT}/sms")]
)
async def test_probes(room: Room, to: str, sender: str) -> None:
    room.server.last.send(presence(f"{ANNA}/a", to, type="probe"))
    await room.settle()
    assert [found.get("type") for found in room.server.last.of("presence", from_=sender, to=f"{ANNA}/a")] == [None]


async def test_unsubscribes(room: Room) -> None:
    room.server.last.send(presence(ANNA, CONTACT, type="unsubscribe"))
    for kind in ("subscribed", "unsubscribed", "nonsense", "error"):
        room.server.last.send(presence(ANNA, CONTACT, type=kind))
    await room.settle()
    assert [found.get("type") for found in room.server.last.of("presence", from_=CONTACT)] == ["unsubscribed"]


async def test_a_contact_that_is_no_more_is_away(room: Room) -> None:
    assert await room.link.send([line("c1", LineKind.opened)])
    del room.care.statuses[CUSTOMER]
    assert await room.link.send([line("c2", LineKind.ended)])
    told = room.server.last.of("presence", from_=f"{CONTACT}/sms", to=ANNA)
    assert [found.get("type") for found in told] == [None, "unavailable"]
    room.server.last.send(presence(f"{ANNA}/a", CONTACT, type="probe"))
    await room.settle()
    [answer] = room.server.last.of("presence", to=f"{ANNA}/a")
    assert answer.get("type") == "unavailable"
