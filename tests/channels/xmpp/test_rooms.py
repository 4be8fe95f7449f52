"""Rooms of ours: made, kept, heard, destroyed; and every other room, of which nothing is heard."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest

from gateway.channels.xmpp import Patience, contents
from gateway.model.desk import Entry, RoomPlan, RoomSaid
from gateway.model.rows import replace
from tests.channels.xmpp.conftest import ANNA, BEN, CONTACT, DOMAIN, MakeRoom, Room, message
from tests.channels.xmpp.fake_server import NS
from tests.channels.xmpp.test_contents import REFUSED, UPLOAD, oob, reply

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

    async def opens(
        self, code: str = "new", listed: str = "", changes: int = 2, *, ready: bool = True
    ) -> dict[str, str]:
        """Lets us in and does what we ask; the affiliations that were set. ready: that is all."""
        self.room.server.last.send(presence("Desk", DESK, affiliation="owner", code=code))
        self.answer(await self.asked("owner"))
        await self.lists(listed)
        set_ones = {}
        for _ in range(changes):
            query = await self.asked("admin")
            item = query[0][0]
            set_ones[item.get("jid", "")] = item.get("affiliation", "")
            self.answer(query)
        if ready:
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


# -- what was said while we were away

THEN = 1_795_000_000_000  # 2026-11-18T11:06:40Z


def item(jid: str) -> str:
    """As Prosody's archive tells who wrote a line."""
    return f"<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' jid='{jid}'/></x>"


def address(jid: str) -> str:
    """As ejabberd's does."""
    return f"<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='{jid}'/></addresses>"


@dataclass
class Kept:
    """A line of the archive."""

    text: str
    inner: str
    nick: str = "anna"
    id: str = "g1"
    kind: str = "groupchat"

    def result(self, query: str) -> str:
        inner = f"<body>{self.text}</body>{self.inner}"
        return (
            f"<message from='{LOBBY}' to='{DESK}'><result xmlns='urn:xmpp:mam:2' queryid='{query}' id='a-{self.id}'>"
            "<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-18T11:06:40Z'/>"
            f"<message xmlns='jabber:client' type='{self.kind}' from='{LOBBY}/{self.nick}' id='{self.id}'>{inner}"
            "</message></forwarded></result></message>"
        )


async def asked_archive(muc: Muc) -> tuple[ET.Element, str]:
    """The next query of the archive, and after what."""
    await muc.room.until(lambda: len(muc.queries) > muc._answered)
    query = muc.queries[muc._answered]
    muc._answered += 1
    payload = query.find("{urn:xmpp:mam:2}query")
    assert payload is not None, ET.tostring(query)
    assert payload.get("queryid") == query.get("id")
    start = [value.text for value in payload.iter("{jabber:x:data}value")]
    assert start == ["urn:xmpp:mam:2", "2026-11-18T11:06:40Z"]
    return query, payload.findtext(".//{http://jabber.org/protocol/rsm}after") or ""


async def back(make_room: MakeRoom, kept: list[Kept], then: str = "", *, problem: str = "") -> tuple[Room, Muc]:
    """A room that we come back to, which has an archive, and where more is said before that is read."""
    room = await make_room(patience=PATIENT)
    muc = Muc(room)
    assert room.link.rooms.keep(PLAN, since=THEN)
    await muc.enters()
    room.server.last.send(presence("anna", f"{ANNA}/phone") + presence("ben", f"{BEN}/phone"))
    await muc.opens("110", ready=False)
    query, after = await asked_archive(muc)
    assert not after
    room.server.last.send(then)
    for one in kept:
        room.server.last.send(one.result(query.get("id", "")))
    muc.answer(query, "<fin xmlns='urn:xmpp:mam:2' complete='true'/>", problem)
    await room.until(lambda: room.link.rooms.inside(LOBBY))
    await room.settle()
    return room, muc


PAST = [
    Kept("first", item(ANNA)),
    Kept("[desk] ours", item(DOMAIN), nick="Desk", id="m1"),
    Kept("second", address(f"{BEN}/phone"), nick="ben", id="g2"),
]


async def test_what_was_said_while_we_were_away_is_told_once_and_in_order(make_room: MakeRoom) -> None:
    room, muc = await back(make_room, PAST, then=said("third", id="g3"))
    await room.until(lambda: len(room.care.rooms_said) == 3)
    assert room.care.rooms_said == [
        RoomSaid(LOBBY, ANNA, "anna", "g1", "first", at=THEN),
        RoomSaid(LOBBY, BEN, "ben", "g2", "second", at=THEN),
        RoomSaid(LOBBY, ANNA, "anna", "g3", "third"),
    ]
    assert room.care.entered == [(LOBBY, Entry.back)]
    # We are thrown out and come back: what we heard is no news, what we did not hear is.
    room.clock[0] = THEN + 60_000
    room.server.last.send(presence("Desk", DESK, kind="unavailable", code="307"))
    await muc.enters(2)
    room.server.last.send(presence("anna", f"{ANNA}/phone"))
    await muc.opens("110", ready=False)
    query, _ = await asked_archive(muc)
    for one in (*PAST, Kept("third", item(ANNA), id="g3"), Kept("fourth", item(ANNA), id="g4")):
        room.server.last.send(one.result(query.get("id", "")))
    muc.answer(query, "<fin xmlns='urn:xmpp:mam:2' complete='true'/>")
    await room.until(lambda: len(room.care.rooms_said) == 4)
    assert room.care.rooms_said[3].text == "fourth"


async def test_an_archive_is_read_page_by_page(make_room: MakeRoom) -> None:
    room = await make_room(patience=PATIENT)
    muc = Muc(room)
    room.link.rooms.keep(PLAN, since=THEN)
    await muc.enters()
    await muc.opens("110", ready=False)
    for page in range(3):
        query, after = await asked_archive(muc)
        assert after == (f"p{page - 1}" if page else "")
        room.server.last.send(Kept(f"page {page}", item(ANNA), id=f"g{page}").result(query.get("id", "")))
        last = f"<set xmlns='http://jabber.org/protocol/rsm'><last>p{page}</last></set>"
        complete = " complete='true'" if page == 2 else ""
        muc.answer(query, f"<fin xmlns='urn:xmpp:mam:2'{complete}>{last}</fin>")
    await room.until(lambda: len(room.care.rooms_said) == 3)
    assert [one.text for one in room.care.rooms_said] == ["page 0", "page 1", "page 2"]


async def test_a_room_without_an_archive_says_so(make_room: MakeRoom) -> None:
    room, _ = await back(make_room, [], problem="service-unavailable")
    assert room.care.entered == [(LOBBY, Entry.unread)]


@pytest.mark.parametrize(
    ("inner", "nick"),
    [
        pytest.param("", "anna", id="nobody says who wrote it"),
        pytest.param(item(BEN), "anna", id="who has the nick did not write it"),
        pytest.param(item(ANNA), "ben", id="the nick is somebody else's"),
        pytest.param(item(BEN) + item(ANNA), "ben", id="the author put in another, Prosody"),
        pytest.param(item(BEN) + address(ANNA), "ben", id="the author put in another, ejabberd"),
        pytest.param(item("mallory@example.test"), "gone", id="no agent"),
        pytest.param(address(""), "anna", id="no JID"),
    ],
)
async def test_what_nobody_answers_for_is_not_told(make_room: MakeRoom, inner: str, nick: str) -> None:
    room, _ = await back(make_room, [Kept("give her all", inner, nick=nick)])
    assert room.care.rooms_said == []


async def test_what_we_did_not_ask_an_archive_for_is_not_told(make_room: MakeRoom) -> None:
    room, _ = await back(make_room, [Kept("a whisper", item(ANNA), kind="chat")])
    room.server.last.send(Kept("by anybody", item(ANNA)).result("made up"))
    room.server.last.send(Kept("by nobody", item(ANNA)).result(""))
    await room.settle()
    assert room.care.rooms_said == []


async def test_a_client_that_was_out_of_reach(make_room: MakeRoom) -> None:
    """XEP-0203 of its author: it was written a while ago, whoever brings it."""
    room, _ = await opened(make_room)
    room.server.last.send(presence("anna", f"{ANNA}/phone"))
    late = "<delay xmlns='urn:xmpp:delay' stamp='2026-11-18T11:06:40.000Z'/>"
    room.server.last.send(message("late", sender=f"{LOBBY}/anna", to=DESK, type="groupchat", inner=late))
    odd = "<delay xmlns='urn:xmpp:delay' stamp='yesterday'/>"
    room.server.last.send(message("odd", sender=f"{LOBBY}/anna", to=DESK, id="m2", type="groupchat", inner=odd))
    await room.until(lambda: len(room.care.rooms_said) == 2)
    assert [one.at for one in room.care.rooms_said] == [THEN, 0]


# -- what clients send beside words: the same rules as in a chat


async def heard(make_room: MakeRoom, *stanzas: str) -> Room:
    """What Anna's client sent to the room."""
    room, _ = await opened(make_room)
    room.server.last.send(presence("anna", f"{ANNA}/phone"))
    for stanza in stanzas:
        room.server.last.send(stanza)
    await room.settle()
    return room


def wrote(body: str, inner: str = "", *, id: str = "g1") -> str:
    return message(body, sender=f"{LOBBY}/anna", to=DESK, id=id, type="groupchat", inner=inner)


@pytest.mark.parametrize("what", REFUSED)
async def test_what_no_sms_can_carry_is_refused_in_rooms_too(make_room: MakeRoom, what: str) -> None:
    body, inner, why = REFUSED[what]
    room = await heard(make_room, wrote(body, inner))
    assert room.care.rooms_said == [RoomSaid(LOBBY, ANNA, "anna", "g1", "", refused=why)]


async def test_forwarded_words_are_refused(make_room: MakeRoom) -> None:
    forwarded = "<forwarded xmlns='urn:xmpp:forward:0'><message><body>spoof</body></message></forwarded>"
    room = await heard(make_room, wrote("see this", forwarded))
    assert [one.refused for one in room.care.rooms_said] == [contents.FORWARDED]


async def test_a_quoted_note_is_cut_off(make_room: MakeRoom) -> None:
    quote = "> Ben: // he lied to us\n"
    room = await heard(make_room, wrote(f"{quote}ok understood", reply(f"start='0' end='{len(quote)}'")))
    assert [one.text for one in room.care.rooms_said] == ["ok understood"]


async def test_a_correction_says_what_it_corrects_and_a_file_is_its_link(make_room: MakeRoom) -> None:
    replaces = "<replace xmlns='urn:xmpp:message-correct:0' id='g1'/>"
    room = await heard(
        make_room,
        wrote("teh bill"),
        wrote("the bill", replaces, id="g2"),
        wrote("see", oob(UPLOAD), id="g3"),
        wrote("", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", id="g4"),
    )
    assert room.care.rooms_said == [
        RoomSaid(LOBBY, ANNA, "anna", "g1", "teh bill"),
        RoomSaid(LOBBY, ANNA, "anna", "g2", "the bill", replaces="g1"),
        RoomSaid(LOBBY, ANNA, "anna", "g3", f"see\n{UPLOAD}"),
    ]


# -- who may be in no more, and rooms that do not come up


async def test_who_may_be_in_no_more_is_out_before_more_is_said(make_room: MakeRoom) -> None:
    room, muc = await opened(make_room)
    server = room.server.last
    server.send(presence("anna", f"{ANNA}/phone"))
    await room.until(lambda: room.link.rooms.people(LOBBY))
    assert room.link.rooms.keep(replace(PLAN, members=()))
    assert room.link.rooms.say(LOBBY, "a number")
    query = await muc.asked("admin")
    assert dict(query[0][0].attrib) == {"affiliation": "none", "jid": ANNA}
    await room.until(lambda: server.of("message", to=LOBBY))
    order = [one for one in server.stanzas if one is query or (one.get("to") == LOBBY and one.tag.endswith("message"))]
    assert order[0] is query


@pytest.mark.parametrize(("condition", "dead"), [("gone", True), ("not-allowed", False)])
async def test_why_a_room_does_not_come_up_is_told(make_room: MakeRoom, condition: str, dead: bool) -> None:
    room = await make_room(patience=PATIENT)
    muc = Muc(room)
    room.link.rooms.keep(PLAN)
    await muc.enters()
    room.server.last.send(
        f"<presence type='error' from='{LOBBY}/Desk' to='{DESK}'><error type='cancel'>"
        f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    )
    await muc.enters(2)
    assert room.care.failed == [(LOBBY, f"does not let us in: {condition}", dead)]


async def test_an_invitation_says_where_in_words_too(make_room: MakeRoom) -> None:
    room, _ = await opened(make_room)
    assert room.link.rooms.invite(LOBBY, ANNA, "About Ann")
    await room.until(lambda: room.server.last.of("message", to=ANNA))
    [stanza] = room.server.last.of("message", to=ANNA)
    assert stanza.findtext(f"{NS}body") == f"[desk] you are asked into the room {LOBBY}: About Ann"
    assert stanza.find("{jabber:x:conference}x") is not None
