"""Rooms that are ours (XEP-0045): made, configured, kept, destroyed. Of any other room nothing is heard.

We are in each with one occupant, its owner. Only what a listed agent says there counts, under the real JID that the
room told us: rooms are not anonymous, and for members only.
"""

import asyncio
import logging
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from functools import partial

from gateway.channels.xmpp import room_archive as archive
from gateway.channels.xmpp import room_stanzas as stanzas
from gateway.channels.xmpp.jids import BadJid, Sender, is_customer, read_sender
from gateway.channels.xmpp.owner import DeskOwner
from gateway.channels.xmpp.patience import Patience
from gateway.channels.xmpp.room_hearing import MOST_PAST, Room, RoomHearing
from gateway.channels.xmpp.writing import ping, random_id
from gateway.model.desk import Entry, RoomPlan

log = logging.getLogger("gateway.xmpp")

MOST_ROOMS = 2000
MOST_PEOPLE = 1000  # of one room
_Write = Callable[[str], str]
_OTHER_NICKS = 3
_SLACK_MS = 60_000  # the room's clock is not ours, and a connection is dead for a while before that is noticed
_LISTS = ("member", "admin", "owner")
_IN_STILL = ("service-unavailable", "feature-not-implemented")  # XEP-0410, 3: whoever answered the ping is in
_THERE_IS_NONE = ("item-not-found", "gone")
_THROWN_OUT = ("not-acceptable", *_THERE_IS_NONE, "remote-server-not-found", "remote-server-timeout")


class Rooms:
    """All rooms of a link. Nothing here waits; what agents say is worked off in their lanes."""

    def __init__(self, owner: DeskOwner, patience: Patience, now: Callable[[], int]) -> None:
        self._owner, self._patience, self._now = owner, patience, now
        self._hearing = RoomHearing(owner)
        self._rooms: dict[str, Room] = {}
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
            out = {*known.plan.members, *known.plan.admins}.difference(plan.members, plan.admins)
            known.plan = plan
            if known.ready:
                known.entry = Entry.changed
            if known.inside:
                # First of all: what we say from now on is not for them.
                for agent in sorted(out):
                    self._owner.write(stanzas.affiliate(known.us, plan.jid, random_id(), agent, "none"))
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

    def behind(self, jid: str) -> bool:
        """Whether what was said there before we came in is still being told."""
        room = self._rooms.get(jid)
        return room is not None and room.behind

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

    def _planned(self, plan: RoomPlan, since: int | None = None) -> Room:
        return Room(plan, stanzas.occupant(plan, self._owner.profile.domain), since=since)

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

    def _do(self, room: Room, now: float) -> None:
        room.due = now + self._patience.entry
        if room.ending is not None:
            self._ask(room, "destroy", partial(stanzas.destroy, room.us, room.plan.jid, reason=room.ending))
        elif not room.inside and room.entering:
            self._later(room, "does not let us in: no answer")
        elif not room.inside:
            room.entering = True
            self._owner.write(stanzas.enter(room.us, room.plan.jid, room.nick))
        elif room.asked:
            self._later(room, "does not answer")
        else:
            self._ask(room, "ping", partial(ping, room.us, f"{room.plan.jid}/{room.nick}"))

    def _ask(self, room: Room, what: str, write: _Write) -> None:
        name = random_id()
        room.asked[name] = what
        self._owner.write(write(name))

    def _out(self, room: Room, wait: float) -> None:
        """We are not in: tries again after so many seconds."""
        if room.ready and room.since is not None and not room.behind:
            room.since = self._now() - _SLACK_MS
        room.inside = room.ready = room.entering = False
        room.asked.clear()
        for left in (room.past, room.early):
            left.clear()
        room.people.clear()
        room.due = asyncio.get_running_loop().time() + wait

    def _later(self, room: Room, why: str, condition: str = "") -> None:
        """The try failed: the next one is after a while, each time a longer one."""
        if room.tries == 0:
            log.warning("desk %s: a room %s", self._owner.profile.domain, why)
        if condition == "gone" or not (room.was or room.tries):
            self._owner.events.rooms.failed(room.plan.jid, why, condition == "gone")
        self._owner.counters["rooms_lost"] += 1
        self._out(room, min(self._patience.room_limit, self._patience.look * float(1 << min(room.tries, 20))))
        room.tries += 1

    def _presence(self, room: Room, xml: ET.Element, nick: str) -> None:
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

    def _turned_away(self, room: Room, condition: str) -> None:
        if condition == "conflict" and room.conflicts < _OTHER_NICKS:
            room.conflicts += 1
            self._out(room, 0.0)
            self._soon()
            return
        room.conflicts = 0
        self._later(room, f"does not let us in: {condition}", condition)

    def _entered(self, room: Room, affiliation: str, codes: frozenset[str]) -> None:
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

    def _set_up(self, room: Room) -> None:
        room.asked.clear()
        room.listed.clear()
        room.due = asyncio.get_running_loop().time() + self._patience.entry
        self._ask(room, "configure", partial(stanzas.configure, room.us, plan=room.plan))

    def _answered(self, room: Room, xml: ET.Element) -> None:
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

    def _destroyed(self, room: Room, problem: str) -> None:
        if problem and problem not in _THERE_IS_NONE:
            log.warning("desk %s: a room cannot be destroyed: %s", self._owner.profile.domain, problem)
            if problem in ("remote-server-not-found", "remote-server-timeout", "service-unavailable"):
                return  # the server of rooms is away: once more, later
        del self._rooms[room.plan.jid]
        self._owner.events.rooms.gone(room.plan.jid)

    def _set(self, room: Room, what: str, problem: str, xml: ET.Element) -> None:
        if what == "archive":
            self._read(room, archive.end_of(xml), problem)
            return
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
        if not room.asked and (room.ready or room.entry is not Entry.back):
            self._is_ready(room)
        elif not room.asked:
            self._read_on(room, "")

    def _read_on(self, room: Room, after: str) -> None:
        """Asks for a page of what was said meanwhile, if we want to know."""
        if room.since is None:
            self._is_ready(room)
        else:
            self._ask(room, "archive", partial(archive.ask, room.us, room.plan.jid, since=room.since, after=after))

    def _read(self, room: Room, end: str, problem: str) -> None:
        """A page is read, which ended there."""
        if problem:
            log.warning("desk %s: a room has no archive to be read: %s", self._owner.profile.domain, problem)
            room.entry = Entry.unread
        if end and len(room.past) < MOST_PAST:
            self._read_on(room, end)
        else:
            self._is_ready(room)

    def _affiliate(self, room: Room) -> None:
        for jid, want in stanzas.affiliations_wanted(room.plan, room.us, room.listed).items():
            self._ask(room, "affiliate", partial(stanzas.affiliate, room.us, room.plan.jid, jid=jid, affiliation=want))

    def _is_ready(self, room: Room) -> None:
        room.ready, room.was, room.tries = True, True, 0
        room.due = asyncio.get_running_loop().time() + self._patience.quiet
        self._owner.counters["rooms_entered"] += 1
        self._owner.events.rooms.entered(room.plan.jid, room.entry)
        self._hearing.catch_up(room)

    # what is said

    def _message(self, room: Room, xml: ET.Element, nick: str) -> None:
        kind = xml.get("type", "normal")
        if kind == "error":
            if room.inside and room.ending is None and stanzas.condition(xml) in _THROWN_OUT and not nick:
                self._later(room, "has lost us")
            return
        if not nick:
            if (found := archive.line_of(xml)) is not None and room.asked.get(found[0]) == "archive":
                self._hearing.archived(room, found[1], found[2])
            return
        if room.ready:
            room.due = max(room.due, asyncio.get_running_loop().time() + self._patience.quiet)
        self._hearing.live(room, xml, nick)
