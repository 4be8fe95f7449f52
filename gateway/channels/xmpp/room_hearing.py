"""What agents say in a room of ours, as it comes and as its archive has it, and what they are answered there."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from functools import partial

from gateway.channels.xmpp import room_archive as archive
from gateway.channels.xmpp import room_stanzas as stanzas
from gateway.channels.xmpp.contents import LONGEST_ID, read_content
from gateway.channels.xmpp.owner import DeskOwner
from gateway.model.desk import Entry, RoomPlan, RoomSaid

MOST_PAST = 2000  # lines that are read back
_MOST_HEARD = 200
_LONGEST_BODY = 10_000  # characters


@dataclass(slots=True)
class Room:
    """us: our full JID. asked: queries under way, by id: what for. listed: affiliations as the room has them. people:
    real bare JIDs by nick. inside: our occupant is there. ready: it is as planned. entry: how we came in. due:
    when something is done about it (loop time). ending: why it shall be destroyed. since: ms, from when on we want to
    know what was said, None = from now on. behind: it is being told. past: what was, as far as it is read. early: what
    came before it was ready. heard: the latest lines, as (author, id): what was heard is no news when it comes again.
    was: it was ready once.
    """

    plan: RoomPlan
    us: str
    asked: dict[str, str] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    entering: bool = False
    inside: bool = False
    ready: bool = False
    entry: Entry = Entry.back
    tries: int = 0
    conflicts: int = 0
    due: float = 0.0
    ending: str | None = None
    since: int | None = None
    behind: bool = False
    past: list[RoomSaid] = field(default_factory=list)
    early: list[RoomSaid] = field(default_factory=list)
    heard: dict[tuple[str, str], None] = field(default_factory=dict)
    was: bool = False

    @property
    def nick(self) -> str:
        return self.plan.nick + "_" * self.conflicts


class RoomHearing:
    """Of all rooms of a link. Nothing here waits; what agents say is worked off in their lanes."""

    def __init__(self, owner: DeskOwner) -> None:
        self._owner = owner

    def live(self, room: Room, xml: ET.Element, nick: str) -> None:
        """A message of an occupant."""
        said = self._said(room, xml, nick, room.people.get(nick, ""), stanzas.said_at(xml))
        if said is None:
            return
        if not room.ready:
            if len(room.early) < MOST_PAST:
                room.early.append(said)
            return
        self._is_news(room, said)
        if not self._owner.lanes.put(said.agent, partial(self._hear, room, said)):
            self._owner.counters["flooded"] += 1
            self._reply(room, said, "not sent: too many at a time. Send it again in a moment.")

    def archived(self, room: Room, message: ET.Element, at: int) -> None:
        """A message that the archive has, of a time in ms."""
        nick, author = message.get("from", "").removeprefix(f"{room.plan.jid}/"), archive.author_of(message)
        if message.get("type") != "groupchat" or room.people.get(nick, author) != author:
            return  # whoever has this nick now is not who had it
        said = self._said(room, message, nick, author, at)
        if said is not None:
            room.past.append(said)

    def catch_up(self, room: Room) -> None:
        """The room is ready: what was said before that is heard now, one after the other, whoever said it, since a
        command changes what the next may do."""
        came, room.past, room.early = [*room.past, *room.early], [], []
        missed = [said for said in came if self._is_news(room, said)]

        async def hear() -> None:
            for said in missed:
                await self._hear(room, said)
            room.behind = False

        room.behind = bool(missed)
        if missed and not self._owner.lanes.put(room.plan.jid, hear):
            self._owner.counters["flooded"] += 1

    def _said(self, room: Room, xml: ET.Element, nick: str, real: str, at: int | None) -> RoomSaid | None:
        """What a listed agent says; None = it is nothing of the kind."""
        if nick == room.nick or room.ending is not None or not room.inside:
            return None
        content = read_content(xml, self._owner.profile.file_links)
        if not content.text and not content.refused:
            return None
        if not self._owner.events.listed(real):
            self._owner.counters["refused_strangers"] += 1
            return None
        name = xml.get("id", "") if len(xml.get("id", "")) <= LONGEST_ID else ""
        whispered, text = xml.get("type") != "groupchat", content.text
        return RoomSaid(room.plan.jid, real, nick, name, text, whispered, at, content.replaces, content.refused)

    def _is_news(self, room: Room, said: RoomSaid) -> bool:
        """Whether it was not heard yet; now it is."""
        if not said.id:
            return True
        known = (said.agent, said.id) in room.heard
        room.heard[said.agent, said.id] = None
        if len(room.heard) > _MOST_HEARD:
            del room.heard[next(iter(room.heard))]
        return not known

    async def _hear(self, room: Room, said: RoomSaid) -> None:
        self._owner.counters["rooms_said"] += 1
        answer = f"not sent: {_LONGEST_BODY:,} characters at most"
        if len(said.text) <= _LONGEST_BODY:
            try:
                answer = await self._owner.events.rooms.said(said)
            except Exception as problem:  # noqa: BLE001  the agent hears of it, whatever it is
                self._owner.failed("what was said in a room was not taken", problem)
                answer = "not sent: something is wrong here. Try again."
        if answer:
            self._reply(room, said, answer)

    def _reply(self, room: Room, said: RoomSaid, text: str) -> None:
        """Where it was said. Never an error: a room throws out who sends one."""
        if room.ready:
            to = f"{said.room}/{said.nick}" if said.whispered else said.room
            self._owner.write(stanzas.say(room.us, to, text, whisper=said.whispered))
