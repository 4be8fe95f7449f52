"""Sentences about chat rooms: the lobby of a queue, and the room of a conversation."""

from gateway.model.desk import RoomSaid
from gateway.model.rows import replace
from tests.doubles.rooms import FakeRooms
from tests.scenarios.playing import Play, jid, same, sentence

REACTED = "not sent: an SMS carries no reactions; write it in words"
LOBBY = "billing@rooms.example.test"


def _rooms(play: Play) -> FakeRooms:
    assert play.stage.chat is not None, "agents are not on XMPP in this play: its name must begin with chat_"
    return play.stage.chat.rooms


async def _room(play: Play, where: str) -> str:
    await play.stage.look_at_rooms()
    if where == "lobby":
        return LOBBY
    rooms = [room for room in _rooms(play).made if room != LOBBY]
    return rooms[-1] if rooms else ""


def _unread(play: Play, room: str) -> list[str]:
    return _rooms(play).lines.get(room, [])[play.rooms_read.get(room, 0) :]


@sentence(r"The (lobby|room) shows: (.+)")
async def _shows(play: Play, where: str, expected: str) -> None:
    room = await _room(play, where)
    unread = _unread(play, room)
    assert unread, f"nothing more is shown; it showed {_rooms(play).lines.get(room)}"
    shown = unread[0]
    for name, phone in play.phones.items():
        shown = shown.replace(phone, name)
    assert same(expected, shown), f"it shows: {shown}"
    play.rooms_read[room] = play.rooms_read.get(room, 0) + 1


@sentence(r"The (lobby|room) shows nothing more")
async def _shows_nothing(play: Play, where: str) -> None:
    room = await _room(play, where)
    assert not _unread(play, room), f"it shows {_unread(play, room)}"


@sentence(r"The subject of the (lobby|room) is: (.+)")
async def _subject(play: Play, where: str, expected: str) -> None:
    room = await _room(play, where)
    title = _rooms(play).titles.get(room, "")
    for name, phone in play.phones.items():
        title = title.replace(phone, name)
    assert same(expected, title), f"it is: {title}"


@sentence(r"(Ana|Ben|Cleo) is asked into the room")
async def _asked(play: Play, agent: str) -> None:
    room = await _room(play, "room")
    assert (room, jid(agent)) in _rooms(play).invited, f"asked were {_rooms(play).invited}"


@sentence(r"(Ana|Ben|Cleo) may be in the room(?:, (Ana|Ben|Cleo) may not)?")
async def _may(play: Play, agent: str, other: str = "") -> None:
    plan = _rooms(play).plans[await _room(play, "room")]
    inside = (*plan.members, *plan.admins)
    assert jid(agent) in inside, f"it is for {inside}"
    assert not other or jid(other) not in inside, f"it is for {inside}"


@sentence(r"(Ana|Ben|Cleo) (says|whispers to the customer) in the (lobby|room): (.+)")
async def _says(play: Play, agent: str, how: str, where: str, text: str) -> None:
    await _say(play, agent, where, text, whispered=how != "says")


@sentence(r"(Ana|Ben|Cleo)'s stanza comes twice to the room: (.+)")
async def _says_twice(play: Play, agent: str, text: str) -> None:
    await _say(play, agent, "room", text)
    play.typed -= 1
    await _say(play, agent, "room", text)


async def _say(play: Play, agent: str, where: str, text: str, *, whispered: bool = False) -> None:
    room = await _room(play, where)
    for name, phone in play.phones.items():
        text = text.replace(f"the number of {name}", phone)
    play.typed += 1
    await _hear(play, where, RoomSaid(room, jid(agent), agent, f"room-{play.typed}", text, whispered=whispered))


@sentence(r"(Ana|Ben|Cleo) corrects it in the room: (.+)")
async def _corrects(play: Play, agent: str, text: str) -> None:
    """What was typed last."""
    room, last = await _room(play, "room"), play.typed
    play.typed += 1
    name = f"room-{play.typed}"
    await _hear(play, "room", RoomSaid(room, jid(agent), agent, name, text, replaces=f"room-{last}"))


@sentence(r"(Ana|Ben|Cleo)'s client sends an emoji to what was said in the (lobby|room)")
async def _reacts(play: Play, agent: str, where: str) -> None:
    play.typed += 1
    said = RoomSaid(await _room(play, where), jid(agent), agent, f"room-{play.typed}", "", refused=REACTED)
    await _hear(play, where, said)


@sentence(r"Nothing that (Ana|Ben|Cleo) has read holds: (.+)")
async def _never_read(play: Play, agent: str, text: str) -> None:
    chat = play.stage.chat
    assert chat is not None
    lines = [line.text for line in chat.lines[jid(agent)]]
    assert lines, f"{agent} has read nothing at all"
    assert not [line for line in lines if text in line]


@sentence(r"The server of rooms is (broken|whole)")
async def _broken(play: Play, how: str) -> None:
    _rooms(play).problem = "does not let us in: not-allowed" if how == "broken" else ""


@sentence(r"The room is destroyed by somebody else")
async def _destroyed(play: Play) -> None:
    room = await _room(play, "room")
    rooms = _rooms(play)
    rooms.plans.pop(room)
    rooms.ended[room] = "by somebody else"
    rooms.events.failed(room, "does not let us in: gone", True)
    await play.stage.look_at_rooms()


@sentence(r"There is no room, and it is tried again")
async def _tried(play: Play) -> None:
    await play.stage.look_at_rooms()
    assert set(_rooms(play).plans) == {LOBBY}
    assert len(await play.stage.rows("SELECT * FROM room")) == 1
    _rooms(play).events.failed(str((await play.stage.rows("SELECT jid FROM room"))[0]["jid"]), "does not answer", False)
    await play.stage.look_at_rooms()


@sentence(r"The server of rooms is (slow|quick) to end one")
async def _slow(play: Play, how: str) -> None:
    rooms = _rooms(play)
    rooms.slow = how == "slow"
    while not rooms.slow and rooms.under_way:
        rooms.events.gone(rooms.under_way.pop())


@sentence(r"(?:The room repeats|\w+'s phone sends late) what (Ana|Ben|Cleo) wrote (\d+) (second|minute)s? ago: (.+)")
async def _late(play: Play, agent: str, count: str, unit: str, text: str) -> None:
    room = await _room(play, "room")
    play.typed += 1
    at = play.stage.now - int(count) * (60_000 if unit == "minute" else 1000)
    await _hear(play, "room", RoomSaid(room, jid(agent), agent, f"room-{play.typed}", text, at=at))


@sentence(r"The room repeats what (Ana|Ben|Cleo) said in it last: (.+)")
async def _again(play: Play, agent: str, text: str) -> None:
    room = await _room(play, "room")
    await _hear(play, "room", RoomSaid(room, jid(agent), agent, f"room-{play.typed}", text, at=play.stage.now - 1000))


async def _hear(play: Play, where: str, said: RoomSaid) -> None:
    said_there = play.stage.lobbies.said if where == "lobby" else play.stage.talks.said
    play.answer = (await play.stage.do(said_there(said))).removeprefix("[desk] ").removeprefix(f"{said.nick}: ")
    await play.stage.look_at_rooms()


@sentence(r"The (?:lobby|room) answers: (.+)")
async def _answers(play: Play, expected: str) -> None:
    assert same(expected, play.answer), f"it answers: {play.answer!r}"


@sentence(r"The (?:lobby|room) answers nothing")
async def _no_answer(play: Play) -> None:
    assert not play.answer, f"it answers: {play.answer}"


@sentence(r"There is no room")
async def _none(play: Play) -> None:
    room = await _room(play, "room")
    assert room not in _rooms(play).plans, "there is"
    assert not await play.stage.rows("SELECT * FROM room"), "its row is there"


@sentence(r"The room is ended: (.+)")
async def _ended(play: Play, why: str) -> None:
    room = await _room(play, "room")
    assert same(why, _rooms(play).ended.get(room, "")), f"ended: {_rooms(play).ended}"
    assert not await play.stage.rows("SELECT * FROM room"), "its row is there"


@sentence(r"(Ana|Ben|Cleo) is in the room( no more)?")
async def _in(play: Play, agent: str, gone: str | None = None) -> None:
    seats = _rooms(play).seats.setdefault(await _room(play, "room"), {})
    seats.pop(agent, None)
    if gone is None:
        seats[agent] = jid(agent)


@sentence(r"(Ana|Ben|Cleo) is a supervisor( no more)?")
async def _supervisor(play: Play, agent: str, no_more: str | None = None) -> None:
    """The configuration is read again: who is none is an agent still."""
    role = "agent" if no_more else "supervisor"
    agents = play.stage.playbook.agents
    changed = tuple(one.model_copy(update={"role": role}) if one.name == agent else one for one in agents)
    play.stage.playbook = replace(play.stage.playbook, agents=changed)
    play.stage.engine.playbook = play.stage.playbook


@sentence(r"Monitoring is silent")
async def _silent(play: Play) -> None:
    book = play.stage.playbook
    talks = book.rules.conversations.model_copy(update={"monitoring": "silent"})
    play.stage.playbook = replace(book, rules=book.rules.model_copy(update={"conversations": talks}))
    play.stage.engine.playbook = play.stage.playbook


@sentence(r"The room has shown no link of the customer's own")
async def _no_link(play: Play) -> None:
    shown = _rooms(play).lines[await _room(play, "room")]
    links = [line for line in shown if "/c/" in line]
    assert links, f"no link was sent: {shown}"
    assert all("/c/..." in line for line in links), f"it has: {links}"
