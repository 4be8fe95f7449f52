"""Rooms of ours: made, kept, heard, destroyed; and every other room, of which nothing is heard."""

import xml.etree.ElementTree as ET

import pytest

from gateway.channels.xmpp import Patience
from gateway.model.desk import Entry, RoomPlan, RoomSaid
from tests.channels.xmpp.conftest import ANNA, BEN, CONTACT, DOMAIN, MakeRoom, Room, message
from tests.channels.xmpp.fake_server import NS

LOBBY = "billing@rooms.example.test"
DESK = f"{DOMAIN}/sms"
PLAN = RoomPlan(LOBBY, "", "Desk", "Lobby of billing", members=(ANNA,), admins=(BEN,))
PATIENT = Patience(first=0.01, limit=0.05, advert=0.01, look=0.01, entry=5, quiet=5, room_limit=0.05)
HASTY = Patience(first=0.01, limit=0.05, advert=0.01, look=0.01, entry=0.05, quiet=0.05, room_limit=0.05)
_QUERY = "{http://jabber.org/protocol/muc#%s}query"


def presence(
    nick: str,
    jid: str,
    *,
    affiliation: str = "member",
    code: str = "",
    kind: str = "",
    to: str = DESK,
    room: str = LOBBY,
) -> str:
    status = f"<status code='{code}'/>" if code else ""
    made = "<status code='201'/>" if code == "new" else ""
    status = made + "<status code='110'/>" if code == "new" else status
    shown = f" type='{kind}'" if kind else ""
    return (
        f"<presence{shown} from='{room}/{nick}' to='{to}'><x xmlns='http://jabber.org/protocol/muc#user'>"
        f"<item affiliation='{affiliation}' role='participant' jid='{jid}'/>{status}</x></presence>"
    )


def said(text: str, nick: str = "anna", *, kind: str = "groupchat", id: str = "g1", to: str = DESK) -> str:
    return message(text, sender=f"{LOBBY}/{nick}", to=to, id=id, type=kind)


class Muc:
    """The server's side of a room, a step at a time."""

    def __init__(self, room: Room) -> None:
        self.room, self._answered = room, 0

    @property
    def queries(self) -> list[ET.Element]:
        return [one for one in self.room.server.last.of("iq") if one.get("to") == LOBBY]

    async def asked(self, space: str, kind: str = "set") -> ET.Element:
        """The next query that was not answered."""
        await self.room.until(lambda: len(self.queries) > self._answered)
        query = self.queries[self._answered]
        self._answered += 1
        payload = query.find(_QUERY % space)
        assert query.get("type") == kind, ET.tostring(query)
        assert payload is not None, ET.tostring(query)
        return query

    def answer(self, query: ET.Element, inner: str = "", problem: str = "") -> None:
        kind = "error" if problem else "result"
        error = f"<error type='cancel'><{problem} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        self.room.server.last.send(
            f"<iq type='{kind}' from='{LOBBY}' to='{query.get('from')}' id='{query.get('id')}'>"
            f"{error if problem else inner}</iq>"
        )

    async def enters(self, times: int = 1) -> ET.Element:
        def found() -> list[ET.Element]:
            sent = self.room.server.last.of("presence", from_=DESK)
            return [one for one in sent if one.get("type") is None and one.get("to", "").startswith(f"{LOBBY}/")]

        await self.room.until(lambda: len(found()) >= times)
        return found()[-1]

    async def lists(self, listed: str) -> None:
        for affiliation in ("member", "admin", "owner"):
            query = await self.asked("admin", "get")
            inner = listed if affiliation == "member" else ""
            if affiliation == "owner":
                inner = f"<item affiliation='owner' jid='{DOMAIN}'/>"
            self.answer(query, f"<query xmlns='http://jabber.org/protocol/muc#admin'>{inner}</query>")

    async def opens(self, code: str = "new", listed: str = "", changes: int = 2) -> dict[str, str]:
        """Lets us in and does what we ask; the affiliations that were set."""
        self.room.server.last.send(presence("Desk", DESK, affiliation="owner", code=code))
        self.answer(await self.asked("owner"))
        await self.lists(listed)
        set_ones = {}
        for _ in range(changes):
            query = await self.asked("admin")
            item = query[0][0]
            set_ones[item.get("jid", "")] = item.get("affiliation", "")
            self.answer(query)
        await self.room.until(lambda: self.room.link.rooms.inside(LOBBY))
        return set_ones


async def opened(make_room: MakeRoom, patience: Patience = PATIENT) -> tuple[Room, Muc]:
    room = await make_room(patience=patience)
    muc = Muc(room)
    assert room.link.rooms.keep(PLAN)
    await muc.enters()
    await muc.opens()
    return room, muc


async def test_a_room_is_made_as_planned(make_room: MakeRoom) -> None:
    room = await make_room(patience=PATIENT)
    muc = Muc(room)
    assert room.link.rooms.keep(PLAN)
    entry = await muc.enters()
    assert entry.get("to") == f"{LOBBY}/Desk"
    assert not room.link.rooms.say(LOBBY, "too early")
    assert await muc.opens() == {ANNA: "member", BEN: "admin"}
    form = {field.get("var", ""): field[0].text for field in muc.queries[0].iter("{jabber:x:data}field")}
    assert form["muc#roomconfig_membersonly"] == "1"
    assert form["muc#roomconfig_publicroom"] == "0"
    assert form["muc#roomconfig_whois"] == "anyone"
    assert room.care.entered == [(LOBBY, Entry.made)]


async def test_who_may_enter_is_brought_up_to_date(make_room: MakeRoom) -> None:
    room = await make_room(patience=PATIENT)
    muc = Muc(room)
    room.link.rooms.keep(PLAN)
    await muc.enters()
    listed = f"<item affiliation='member' jid='{ANNA}'/><item affiliation='member' jid='left@example.test'/>"
    assert await muc.opens("110", listed) == {BEN: "admin", "left@example.test": "none"}
    assert room.care.entered == [(LOBBY, Entry.back)]


async def test_a_listed_agent_is_heard_and_answered(make_room: MakeRoom) -> None:
    room, _ = await opened(make_room)
    server = room.server.last
    server.send(presence("anna", f"{ANNA}/phone"))
    server.send(said("/queue"))
    await room.until(lambda: server.of("message", from_=DESK, to=LOBBY))
    assert room.care.rooms_said == [RoomSaid(LOBBY, ANNA, "anna", "g1", "/queue")]
    assert server.of("message", type="groupchat")[0].findtext(f"{NS}body") == "heard: /queue"
    assert dict(room.link.rooms.people(LOBBY)) == {"anna": ANNA}


async def test_a_whisper_to_us_is_answered_as_a_whisper(make_room: MakeRoom) -> None:
    room, _ = await opened(make_room)
    server = room.server.last
    server.send(presence("anna", f"{ANNA}/phone"))
    server.send(said("psst", kind="chat"))
    await room.until(lambda: server.of("message", to=f"{LOBBY}/anna"))
    assert room.care.rooms_said[0].whispered
    assert not server.of("message", to=LOBBY)


@pytest.mark.parametrize(
    "stanzas",
    [
        pytest.param(said("/take"), id="nobody of that nick is there"),
        pytest.param(presence("anna", "mallory@example.test/x") + said("/take"), id="no agent's real JID"),
        pytest.param(presence("anna", "") + said("/take"), id="real JID hidden"),
        pytest.param(presence("anna", f"{ANNA}/x") + presence("anna", f"{ANNA}/x", kind="unavailable") + said("/take"),
                     id="left already"),
        pytest.param(presence("anna", f"{ANNA}/x") + said("/take", nick="ben"), id="another nick"),
        pytest.param(presence("anna", f"{ANNA}/x") + said("/take", to=CONTACT), id="to another JID of ours"),
        pytest.param(presence("Desk", f"{ANNA}/x") + said("/take", nick="Desk"), id="our own nick"),
        pytest.param(
            presence("anna", f"{ANNA}/x", room="other@rooms.example.test")
            + message("/take", sender="other@rooms.example.test/anna", to=DESK, type="groupchat"),
            id="a room that is not ours",
        ),
        pytest.param(
            presence("anna", f"{ANNA}/x")
            + message("/take", sender=f"{LOBBY}/anna", to=DESK, type="groupchat",
                      inner="<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>"),
            id="said long ago",
        ),
        pytest.param(presence("anna", f"{ANNA}/x") + message("/take", sender=LOBBY, to=DESK, type="groupchat"),
                     id="the room itself"),
    ],
)  # fmt: skip
async def test_nobody_else_is_heard(make_room: MakeRoom, stanzas: str) -> None:
    room, _ = await opened(make_room)
    room.server.last.send(stanzas)
    await room.settle()
    assert room.care.spoken == 0
    assert room.care.rooms_said == []
    assert not room.server.last.of("message")


async def test_an_occupant_is_no_agent_of_one_to_one(make_room: MakeRoom) -> None:
    room, _ = await opened(make_room)
    room.server.last.send(presence("anna", f"{ANNA}/x"))
    room.server.last.send(said("Hello customer", kind="chat", to=CONTACT))
    await room.settle()
    assert room.care.said == []
    assert room.care.rooms_said == []


async def test_a_room_that_somebody_else_owns_is_left(make_room: MakeRoom) -> None:
    room = await make_room(patience=PATIENT)
    muc = Muc(room)
    room.link.rooms.keep(PLAN)
    await muc.enters()
    server = room.server.last
    server.send(presence("Desk", DESK, affiliation="member", code="110") + presence("anna", f"{ANNA}/x"))
    await room.until(lambda: server.of("presence", type="unavailable", to=f"{LOBBY}/Desk"))
    server.send(said("/take"))
    await room.settle()
    assert room.care.rooms_said == []
    assert not muc.queries


async def test_who_is_thrown_out_comes_back(make_room: MakeRoom) -> None:
    room, muc = await opened(make_room)
    room.server.last.send(presence("Desk", DESK, kind="unavailable", code="307"))
    await muc.enters(2)
    assert not room.link.rooms.say(LOBBY, "nobody hears it")
    await muc.opens("110", changes=2)
    assert room.care.entered == [(LOBBY, Entry.made), (LOBBY, Entry.back)]


async def test_silence_is_no_proof_of_being_in(make_room: MakeRoom) -> None:
    """XEP-0410: what we ask of ourselves comes back, or tells that we are out."""
    room, muc = await opened(make_room, HASTY)
    server = room.server.last
    room.server.pongs = False
    await room.until(lambda: [one for one in server.pings if one.get("to") == f"{LOBBY}/Desk"])
    asked = next(one for one in server.pings if one.get("to") == f"{LOBBY}/Desk")
    server.send(
        f"<iq type='error' from='{LOBBY}/Desk' to='{DESK}' id='{asked.get('id')}'><error type='cancel'>"
        "<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
    await muc.enters(2)


async def test_a_nick_that_is_taken(make_room: MakeRoom) -> None:
    room = await make_room(patience=PATIENT)
    muc = Muc(room)
    room.link.rooms.keep(PLAN)
    await muc.enters()
    room.server.last.send(
        f"<presence type='error' from='{LOBBY}/Desk' to='{DESK}'><error type='cancel'>"
        "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    )
    assert (await muc.enters(2)).get("to") == f"{LOBBY}/Desk_"


async def test_after_a_lost_connection_we_enter_again(make_room: MakeRoom) -> None:
    room, _ = await opened(make_room)
    room.server.last.send(presence("anna", f"{ANNA}/x"))
    await room.until(lambda: room.link.rooms.people(LOBBY))
    room.server.last.kill()
    await room.welcomed(2)
    assert not room.link.rooms.people(LOBBY)
    muc = Muc(room)
    await muc.enters()
    await muc.opens("110")


async def test_a_room_is_destroyed_even_when_we_are_not_in(make_room: MakeRoom) -> None:
    room = await make_room(patience=PATIENT)
    muc = Muc(room)
    room.link.rooms.end(PLAN, "closed: resolved")
    query = await muc.asked("owner")
    assert query[0][0][0].text == "closed: resolved"
    muc.answer(query, problem="item-not-found")
    await room.until(lambda: room.care.gone == [LOBBY])
    assert not room.link.rooms.keep(RoomPlan("billing@example.test", "", "Desk", "a colleague's account"))
