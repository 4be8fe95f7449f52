"""Rooms that are ours (XEP-0045): made, configured, kept, destroyed. Of any other room nothing is heard.

We are in each with one occupant, its owner. Only what a listed agent says there counts, under the real JID that the
room told us: rooms are not anonymous, and for members only.
"""

import asyncio
import logging
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from gateway.channels.xmpp import room_stanzas as stanzas
from gateway.channels.xmpp.jids import BadJid, Sender, is_customer, read_sender
from gateway.channels.xmpp.owner import DeskOwner
from gateway.channels.xmpp.patience import Patience
from gateway.channels.xmpp.writing import ping, random_id
from gateway.model.desk import Entry, RoomPlan, RoomSaid

log = logging.getLogger("gateway.xmpp")

MOST_ROOMS = 2000
MOST_PEOPLE = 1000  # of one room
_LONGEST_BODY = 10_000  # characters
_LONGEST_ID = 256
_Write = Callable[[str], str]
_OTHER_NICKS = 3
_MOST_EARLY = 200  # lines that come before a room is ready
_MOST_HEARD = 200
_SLACK_MS = 60_000  # the room's clock is not ours, and a connection is dead for a while before that is noticed
_LISTS = ("member", "admin", "owner")
_IN_STILL = ("service-unavailable", "feature-not-implemented")  # XEP-0410, 3: whoever answered the ping is in
_THERE_IS_NONE = ("item-not-found", "gone")
_THROWN_OUT = ("not-acceptable", *_THERE_IS_NONE, "remote-server-not-found", "remote-server-timeout")


@dataclass(slots=True)
class _Room:
    """us: our full JID. asked: queries under way, by id: what for. listed: affiliations as the room has them. people:
    real bare JIDs by nick. inside: our occupant is there. ready: it is as planned. entry: how we came in. due:
    when something is done about it (loop time). ending: why it shall be destroyed. since: ms, from when on we want to
    know what was said, None = from now on. past: what comes was said before we came in. early: what came before it was
    ready. heard: the latest lines, as (author, id): what was heard is no news when the room repeats it.
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
    past: bool = False
    early: list[RoomSaid] = field(default_factory=list)
    heard: dict[tuple[str, str], None] = field(default_factory=dict)

    @property
    def nick(self) -> str:
        return self.plan.nick + "_" * self.conflicts


class Rooms:
    """All rooms of a link. Nothing here waits; what agents say is worked off in their lanes."""

    def __init__(self, owner: DeskOwner, patience: Patience, now: Callable[[], int]) -> None:
        self._owner, self._patience, self._now = owner, patience, now
        self._rooms: dict[str, _Room] = {}
        self._up = False
        self._timer: asyncio.TimerHandle | None = None

    # for care

    def keep(self, plan: RoomPlan, since: int | None = None) -> bool:
        """This room shall be, and be so; enters it when it can. since: as in `gateway.model.desk.Rooms`. False where
        that cannot be: no JID of a room, or too many of them."""
        if not self._may_be(plan):
            self._owner.counters["rooms_refused"] += 1
            return False
        known = self._rooms.get(plan.jid)
        if known is None or known.ending is not None:
            self._rooms[plan.jid] = self._planned(plan, since)
        elif known.plan != plan:
            known.plan = plan
            if known.ready:
                known.entry = Entry.changed
            if known.inside:
                self._set_up(known)
        self._soon()
        return True

    def forget(self, jid: str) -> None:
        """We leave a room, which stays."""
        room = self._rooms.pop(jid, None)
        if room is not None and room.inside:
            self._owner.write(stanzas.leave(room.us, jid, room.nick))

    def end(self, plan: RoomPlan, reason: str) -> None:
        """Destroys a room; `RoomEvents.gone` tells when it is no more."""
        room = self._rooms.setdefault(plan.jid, self._planned(plan))
        if room.ending is None:
            room.ending, room.due = reason, 0.0
        self._soon()

    def inside(self, jid: str) -> bool:
        """Whether what is said there is heard by those in it."""
        room = self._rooms.get(jid)
        return room is not None and room.ready and room.ending is None

    def people(self, jid: str) -> Mapping[str, str]:
        """Who is there: real bare JIDs by nick, without us."""
        room = self._rooms.get(jid)
        return {nick: jid for nick, jid in room.people.items() if nick != room.nick} if room is not None else {}

    def say(self, jid: str, text: str, *, id: str = "", at: int | None = None) -> bool:
        """To all. id: of the stanza, "" = a new one. at: ms, when it was said, where that is not now. False where we
        are not in."""
        if not self.inside(jid):
            return False
        self._owner.counters["rooms_out"] += 1
        return self._owner.write(stanzas.say(self._rooms[jid].us, jid, text, id=id, at=at))

    def title(self, jid: str, text: str) -> bool:
        """Sets the subject. False where we are not in."""
        return self.inside(jid) and self._owner.write(stanzas.subject(self._rooms[jid].us, jid, text))

    def invite(self, jid: str, agent: str, reason: str) -> bool:
        """Asks an agent to come in (XEP-0249). False where we are not in."""
        return self.inside(jid) and self._owner.write(stanzas.invite(self._rooms[jid].us, agent, jid, reason))

    # for the link

    def opened(self) -> None:
        """Stanzas go."""
        self._up = True
        self._look()

    def closed(self) -> None:
        """They go no more; who is in a room is not known any more."""
        self._up = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for room in self._rooms.values():
            self._out(room, 0.0)
            room.tries = 0

    def knows(self, jid: str) -> bool:
        """Whether a bare JID is one of our rooms."""
        return jid in self._rooms

    def read(self, kind: str, xml: ET.Element, sender: Sender) -> None:
        """A message, a presence, or the answer to a query, of a room of ours."""
        room = self._rooms[sender.bare]
        if xml.get("to") != room.us:
            self._owner.counters["ignored"] += 1
        elif kind == "presence":
            self._presence(room, xml, sender.resource)
        elif kind == "message":
            self._message(room, xml, sender.resource)
        else:
            self._answered(room, xml)

    # entering

    def _may_be(self, plan: RoomPlan) -> bool:
        profile = self._owner.profile
        try:
            its = read_sender(plan.jid)
        except BadJid:
            return False
        if not its.local or its.resource or its.domain in (profile.domain, *profile.agent_domains):
            return False
        return is_customer(plan.customer) and (plan.jid in self._rooms or len(self._rooms) < MOST_ROOMS)

    def _planned(self, plan: RoomPlan, since: int | None = None) -> _Room:
        return _Room(plan, stanzas.occupant(plan, self._owner.profile.domain), since=since)

    def _soon(self) -> None:
        if self._up and self._timer is not None:
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(0, self._look)

    def _look(self) -> None:
        """Does what is due, and looks again in a while."""
        if not self._up:
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._patience.look, self._look)
        try:
            for room in list(self._rooms.values()):
                if room.due <= loop.time():
                    self._do(room, loop.time())
        except Exception as problem:  # noqa: BLE001  a fault of ours ends no link
            self._owner.failed("a room was not looked after", problem)

    def _do(self, room: _Room, now: float) -> None:
        room.due = now + self._patience.entry
        if room.ending is not None:
            self._ask(room, "destroy", partial(stanzas.destroy, room.us, room.plan.jid, reason=room.ending))
        elif not room.inside and room.entering:
            self._later(room, "does not let us in: no answer")
        elif not room.inside:
            room.entering = room.past = True
            self._owner.write(stanzas.enter(room.us, room.plan.jid, room.nick, room.since))
        elif room.asked:
            self._later(room, "does not answer")
        else:
            self._ask(room, "ping", partial(ping, room.us, f"{room.plan.jid}/{room.nick}"))

    def _ask(self, room: _Room, what: str, write: _Write) -> None:
        name = random_id()
        room.asked[name] = what
        self._owner.write(write(name))

    def _out(self, room: _Room, wait: float) -> None:
        """We are not in: tries again after so many seconds."""
        if room.ready and room.since is not None:
            room.since = self._now() - _SLACK_MS
        room.inside = room.ready = room.entering = False
        room.asked.clear()
        room.early.clear()
        room.people.clear()
        room.due = asyncio.get_running_loop().time() + wait

    def _later(self, room: _Room, why: str) -> None:
        """The try failed: the next one is after a while, each time a longer one."""
        if room.tries == 0:
            log.warning("desk %s: a room %s", self._owner.profile.domain, why)
        self._owner.counters["rooms_lost"] += 1
        self._out(room, min(self._patience.room_limit, self._patience.look * float(1 << min(room.tries, 20))))
        room.tries += 1

    def _presence(self, room: _Room, xml: ET.Element, nick: str) -> None:
        kind, codes, (affiliation, real) = xml.get("type"), stanzas.codes(xml), stanzas.item(xml)
        if kind == "error":
            if room.entering:
                self._turned_away(room, stanzas.condition(xml))
        elif kind == "unavailable":
            room.people.pop(nick, None)
            if nick == room.nick and room.ending is None:
                self._later(room, f"has thrown us out ({', '.join(sorted(codes)) or 'no code'})")
        elif kind is None and nick:
            if real and len(room.people) < MOST_PEOPLE:
                room.people[nick] = real
            if nick == room.nick and real in ("", room.us.partition("/")[0]):
                self._entered(room, affiliation, codes)

    def _turned_away(self, room: _Room, condition: str) -> None:
        if condition == "conflict" and room.conflicts < _OTHER_NICKS:
            room.conflicts += 1
            self._out(room, 0.0)
            self._soon()
            return
        room.conflicts = 0
        self._later(room, f"does not let us in: {condition}")

    def _entered(self, room: _Room, affiliation: str, codes: frozenset[str]) -> None:
        if room.inside or not room.entering or room.ending is not None:
            return
        room.entering = False
        if affiliation != "owner":
            # Somebody else made it: what its owner says about who is who is theirs.
            self._owner.write(stanzas.leave(room.us, room.plan.jid, room.nick))
            self._later(room, "is not ours: destroy it, or make the desk its owner")
            return
        room.inside, room.entry = True, Entry.made if "201" in codes else Entry.back
        self._set_up(room)

    # making it as planned

    def _set_up(self, room: _Room) -> None:
        room.asked.clear()
        room.listed.clear()
        room.due = asyncio.get_running_loop().time() + self._patience.entry
        self._ask(room, "configure", partial(stanzas.configure, room.us, plan=room.plan))

    def _answered(self, room: _Room, xml: ET.Element) -> None:
        what = room.asked.pop(xml.get("id", ""), "")
        problem = stanzas.condition(xml) if xml.get("type") == "error" else ""
        if not what:
            return
        if what == "ping":
            if problem and problem not in _IN_STILL:
                self._later(room, f"has lost us: {problem}")
            else:
                room.due = asyncio.get_running_loop().time() + self._patience.quiet
        elif what == "destroy":
            self._destroyed(room, problem)
        elif room.ending is None:
            self._set(room, what, problem, xml)

    def _destroyed(self, room: _Room, problem: str) -> None:
        if problem and problem not in _THERE_IS_NONE:
            log.warning("desk %s: a room cannot be destroyed: %s", self._owner.profile.domain, problem)
            if problem in ("remote-server-not-found", "remote-server-timeout", "service-unavailable"):
                return  # the server of rooms is away: once more, later
        del self._rooms[room.plan.jid]
        self._owner.events.rooms.gone(room.plan.jid)

    def _set(self, room: _Room, what: str, problem: str, xml: ET.Element) -> None:
        if problem and what != "affiliate":
            self._later(room, f"cannot be made as planned ({what}: {problem})")
            return
        if problem:
            log.warning("desk %s: somebody cannot be let into a room: %s", self._owner.profile.domain, problem)
        jid = room.plan.jid
        if what == "configure":
            for name in _LISTS:
                self._ask(room, name, partial(stanzas.listed_as, room.us, jid, affiliation=name))
        elif what in _LISTS:
            room.listed.update(stanzas.affiliations(xml))
            if not room.asked:
                self._affiliate(room)
        if not room.asked:
            self._is_ready(room)

    def _affiliate(self, room: _Room) -> None:
        for jid, want in stanzas.affiliations_wanted(room.plan, room.us, room.listed).items():
            self._ask(room, "affiliate", partial(stanzas.affiliate, room.us, room.plan.jid, jid=jid, affiliation=want))

    def _is_ready(self, room: _Room) -> None:
        room.ready, room.past, room.tries = True, False, 0
        room.due = asyncio.get_running_loop().time() + self._patience.quiet
        self._owner.counters["rooms_entered"] += 1
        self._owner.events.rooms.entered(room.plan.jid, room.entry)
        early, room.early = room.early, []
        for said in early:
            self._hear(room, said)

    # what is said

    def _message(self, room: _Room, xml: ET.Element, nick: str) -> None:
        kind = xml.get("type", "normal")
        if kind == "error":
            if room.inside and room.ending is None and stanzas.condition(xml) in _THROWN_OUT and not nick:
                self._later(room, "has lost us")
            return
        if room.ready:
            room.due = max(room.due, asyncio.get_running_loop().time() + self._patience.quiet)
        if stanzas.is_subject(xml):
            room.past = False  # 7.2.15: what was said before is over
            return
        body = stanzas.body_of(xml)
        if not body or not nick or nick == room.nick or room.ending is not None or not room.inside:
            return
        real, at = room.people.get(nick, ""), stanzas.said_at(xml, room.plan.jid)
        past = room.past and kind == "groupchat" and at is not None
        if past and real != stanzas.author_of(xml):
            real = ""  # whoever has this nick now need not be who had it
        if not self._owner.events.listed(real):
            self._owner.counters["refused_strangers"] += 1
            return
        name = xml.get("id", "") if len(xml.get("id", "")) <= _LONGEST_ID else ""
        if past and (real, name) in room.heard:
            return
        said = RoomSaid(room.plan.jid, real, nick, name, body, whispered=kind != "groupchat", at=at)
        if room.ready:
            self._hear(room, said)
        elif len(room.early) < _MOST_EARLY:
            room.early.append(said)

    def _hear(self, room: _Room, said: RoomSaid) -> None:
        if said.id:
            room.heard[said.agent, said.id] = None
        if len(room.heard) > _MOST_HEARD:
            del room.heard[next(iter(room.heard))]
        if len(said.text) > _LONGEST_BODY:
            self._reply(said, f"not sent: {_LONGEST_BODY:,} characters at most")
            return

        async def hear() -> None:
            try:
                answer = await self._owner.events.rooms.said(said)
            except Exception as problem:  # noqa: BLE001  the agent hears of it, whatever it is
                self._owner.failed("what was said in a room was not taken", problem)
                answer = "not sent: something is wrong here. Try again."
            if answer:
                self._reply(said, answer)

        self._owner.counters["rooms_said"] += 1
        if not self._owner.lanes.put(said.agent, hear):
            self._owner.counters["flooded"] += 1
            self._reply(said, "not sent: too many at a time. Send it again in a moment.")

    def _reply(self, said: RoomSaid, text: str) -> None:
        """Where it was said. Never an error: a room throws out who sends one."""
        room = self._rooms.get(said.room)
        if room is not None and room.ready:
            to = f"{said.room}/{said.nick}" if said.whispered else said.room
            self._owner.write(stanzas.say(room.us, to, text, whisper=said.whispered))
