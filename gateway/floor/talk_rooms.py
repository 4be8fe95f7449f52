"""Chat rooms about conversations: who has it, who was asked in, and the customer's contact.

The chat with the customer's contact stays the truth: what is said there is shown in the room, and what the owner says
in the room is a text like any other. That there is a room is a row, so that it is taken up again, or cleaned, after a
stop.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from gateway import failpoints
from gateway.care import escalation
from gateway.care.dispatch import named
from gateway.care.engine import Engine
from gateway.care.turn import Refused, Turn
from gateway.floor import cards, times, verbs
from gateway.floor.agents import NOW, Agents
from gateway.floor.beginnings import AS
from gateway.floor.corrections import corrected
from gateway.floor.helping import LEAVE, MENTIONED, NAMES
from gateway.floor.lines import Typed, doubtful, in_slashes, slashed, typed
from gateway.floor.looking import Looking
from gateway.floor.room_plans import Open, over, planned, seated, supervises
from gateway.model.desk import Entry, Rooms, RoomSaid, Said, room_key_of
from gateway.model.ids import Ids
from gateway.model.message import Direction, Disposition, Message
from gateway.store import rooms as rows
from gateway.store import stanzas
from gateway.store.access import READ_FAULT
from gateway.store.database import Store
from gateway.store.rooms import RoomState
from gateway.store.units import Failure, Rejected, Unit
from gateway.store.views import message_of_key

SEEDED = 20
MOST_AT_ONCE = 50
SPACING_SECONDS, QUIET_SECONDS = 0.1, 5.0
LATE_MS = 10_000
"""A message may be on disk later than one with a larger id: so far back it is looked for again."""
SLACK_MS, LONGEST_MS = 60_000, 3_600_000
"""How long before the newest message that was shown in a room what was written there is read back, and how far where
none was: what was heard is known by its stanza.
"""
STAMP_MS = 1000
"""A room tells the second in which something was written."""
READ_BACK_MS = 120_000
"""Words that waited longer are not sent by themselves: who reads them expects them no more."""
_BACK = {
    Entry.back: "back in this room: what was written here meanwhile is read now, and each line answered; "
    "a line without an answer did not go to the customer",
    Entry.unread: "back in this room: what was written here meanwhile has not gone to the customer; write it again",
}
NOT_THERE = "the room about this customer does not come up"
_KNOWN = frozenset({*NAMES, LEAVE})
_SENT = (None, Disposition.delivered, Disposition.in_doubt, Disposition.unknown)
log = logging.getLogger("gateway.floor.talk_rooms")


class TalkRooms:
    """All of them. rooms: where they are. now: ms. looking: what keeps them as they shall be."""

    def __init__(
        self, store: Store, engine: Engine, agents: Agents, rooms: Rooms, ids: Ids, now: Callable[[], int]
    ) -> None:
        self._store, self._engine, self._agents, self._rooms, self._now = store, engine, agents, rooms, now
        self._ids = ids
        self._failed: dict[str, tuple[str, bool]] = {}
        self._moved: set[int] = set()
        self._states: dict[str, RoomState] = {}
        self._open: dict[str, Open] = {}
        self._ending: set[str] = set()
        self._gone: set[str] = set()
        self.looking = Looking("rooms about conversations", self.look, SPACING_SECONDS, QUIET_SECONDS)

    # -- what the channel tells

    def entered(self, jid: str, how: Entry) -> None:
        """We are in. What was written there meanwhile comes next (`said`)."""
        if (room := self._open.get(jid)) is None:
            return
        room.entry, room.entered, room.told = how, self._now(), False
        state = self._states.get(jid)
        if state is not None:
            self._moved.discard(state.conversation_id)
            if how in _BACK:
                self._tell(state, _BACK[how])
        self.looking.poke()

    def told(self, agent: str, about: Message, text: str) -> bool:
        """What became of words that an agent wrote in a room; whether they are there to read it."""
        for state in self._states.values():
            if state.conversation_id == about.conversation_id and self._rooms.inside(state.jid):
                self._rooms.say(state.jid, text, id=f"f{about.id}")
                return agent in self._rooms.people(state.jid).values()
        return False

    def gone(self, jid: str) -> None:
        """It is no more, as we asked."""
        self._gone.add(jid)
        self.looking.poke()

    def failed(self, jid: str, why: str, dead: bool) -> None:
        """It does not come up; dead: it never will under this JID."""
        self._failed[jid] = (f"{why}; it is tried again", dead)
        self.looking.poke()

    def touched(self, customers: Iterable[str]) -> None:
        """Something was said to or by these."""
        for customer in set(customers) if self._open else ():
            for room in self._open.values():
                if room.plan.customer == customer:
                    room.touched = True
                    self.looking.poke()

    # -- as they shall be

    async def look(self) -> None:
        """Makes, shows and ends what there is to."""
        for jid in list(self._gone):
            if (state := self._states.get(jid)) is not None:
                await self._store.write(rows.gone(state, self._fresh(jid)))
            self._gone.discard(jid)
            self._ending.discard(jid)
            self._open.pop(jid, None)
        for jid, (problem, dead) in list(self._failed.items()):
            await self._not_there(jid, problem, dead)
            self._failed.pop(jid, None)
        self._states = {one.jid: one for one in await self._store.read(rows.rooms)}
        for jid, state in self._states.items():
            if jid in self._ending:
                continue  # who was asked in meanwhile is asked into another
            why = over(state, self._engine.playbook)
            if why is None:
                await self._keep(state)
            else:
                await self._end(state, why)

    async def _end(self, state: RoomState, why: str) -> None:
        if state.ending is None:
            unit = Unit("room")
            rows.end(unit, state.conversation_id, why)
            await self._store.write(unit)
        self._ending.add(state.jid)
        self._open.pop(state.jid, None)
        self._rooms.end(planned(state, self._engine.playbook), why)

    def _fresh(self, jid: str) -> str:
        return f"c-{self._ids()}@{jid.partition('@')[2]}"

    async def _not_there(self, jid: str, why: str, dead: bool) -> None:
        """Another room takes the place of one that is dead; else those who were asked in hear, once, why it does not
        come up.
        """
        state, room = self._states.get(jid), self._open.get(jid)
        if state is None or room is None:
            return
        if dead and state.conversation_id not in self._moved:
            await self._store.write(rows.gone(state, self._fresh(jid)))
            self._moved.add(state.conversation_id)
            self._rooms.forget(jid)
            del self._open[jid]
        elif not room.told:
            room.told = True

            def decide(turn: Turn) -> None:
                for agent in (*room.plan.admins, *room.plan.members):
                    turn.to_agent("notice", agent, state.conversation_id, f"{NOT_THERE}: it {why}")

            await self._engine.ask(state.key, decide)

    async def _keep(self, state: RoomState) -> None:
        plan = planned(state, self._engine.playbook)
        room = self._open.get(state.jid)
        if room is None or room.plan != plan:
            room = self._open.setdefault(state.jid, Open(plan))
            room.plan = plan
            heard = state.shown >> 20 or self._now() - LONGEST_MS
            if not self._rooms.keep(plan, heard - SLACK_MS):
                self._failed[state.jid] = ("is at no place for a room, or there are too many", False)
        if not self._rooms.inside(state.jid):
            return
        late = self._now() - room.looked >= QUIET_SECONDS * 1000
        if room.entry is not None or room.touched or late or room.owner != state.agent:
            await self._show(state, room)

    async def _show(self, state: RoomState, room: Open) -> None:
        how, room.entry, room.touched, room.looked = room.entry, None, False, self._now()
        fresh = how is Entry.made or not (state.shown or room.newest)
        if room.shown is None:
            room.shown, room.before, room.newest = set(), state.shown, state.shown
        after = 0 if fresh else max(room.before, room.newest - (LATE_MS << 20))
        known, most = (frozenset(), -SEEDED) if fresh else (frozenset(room.shown), MOST_AT_ONCE)
        found = await self._store.read(rows.messages_after, state.conversation_id, after, known, most)
        room.touched |= len(found) == most  # there is more
        for message in found:
            if fresh or not self._said_here(state, message):
                self._say(state, message, at=fresh)
        room.newest = max([room.newest, *(message.id for message in found)])
        shown = {*room.shown, *(message.id for message in found)}
        room.shown = {an_id for an_id in shown if an_id > room.newest - (LATE_MS << 20)}
        self._name_owner(state, room)
        for agent in (*room.plan.admins, *room.plan.members):
            if agent not in room.asked and agent not in self._rooms.people(state.jid).values():
                self._rooms.invite(state.jid, agent, room.plan.title)
            room.asked.add(agent)
        failpoints.hit("after_room_shown")
        # Up to there all that was written in the room is heard, too: from there it is read back.
        if room.newest > state.shown and not self._rooms.behind(state.jid):
            await self._store.write(rows.set_shown(state.conversation_id, room.newest))

    def _name_owner(self, state: RoomState, room: Open) -> None:
        owner = state.agent or ""
        if owner == room.owner:
            return
        name = self._name(owner)
        if room.owner:
            self._tell(state, f"{name} has this conversation now")
        subject = f"{room.plan.customer} is with {name}: what {name} writes here goes to the customer. Others whisper"
        if self._rooms.title(state.jid, f"{subject}, supervisors may .take it; .leave ends the room"):
            room.owner = owner

    def _said_here(self, state: RoomState, message: Message) -> bool:
        return (message.idempotency_key or "").startswith(room_key_of(state.conversation_id))

    def _say(self, state: RoomState, message: Message, *, at: bool) -> None:
        """at: with the time, since it was said before."""
        when = message.id >> 20
        if message.direction is Direction.mt and message.disposition not in _SENT:
            return
        book = self._engine.playbook
        text = cards.quoted(message.text)
        if at:
            moment = times.clock(when, times.zone_of(book, message.brand))
            text = cards.ours(f"{moment} {cards.spoken(message, book)}")
        elif message.direction is Direction.mt:
            text = cards.ours(cards.spoken(message, book))
        self._rooms.say(state.jid, text, id=f"m{message.id}", at=when if at else None)

    def _tell(self, state: RoomState, text: str) -> None:
        self._rooms.say(state.jid, cards.ours(text))

    def _name(self, agent: str) -> str:
        return escalation.name_of(self._engine.playbook, agent)

    # -- what is said there

    async def said(self, said: RoomSaid) -> str:
        """An agent wrote in a room; what the room (or who whispered to the customer's contact) is told."""
        state = self._states.get(said.room)
        if state is None or said.room in self._ending:
            return ""
        if all(one.jid != said.agent for one in seated(state, self._engine.playbook)):
            return cards.ours("not sent: you were not asked into this room") if said.at is None else ""
        if said.whispered:
            return cards.ours("not sent: no whisper reaches the customer; write to the room, or whisper to a colleague")
        line = Typed(refused=said.refused) if said.refused else typed(said.text, _KNOWN)
        if line is None:
            return ""
        answer = await self._answer(state, said, line)
        # Where a slash is in doubt, only the line with a dot does it.
        return in_slashes(answer, MENTIONED) if slashed(said.text) and not doubtful(said.text, line)[0] else answer

    async def _answer(self, state: RoomState, said: RoomSaid, line: Typed) -> str:
        try:
            answer = await (self._heard(state, said, line) if said.at is None else self._late(state, said, line))
        except (Failure, READ_FAULT):
            answer = f"not sent: {NOW}"
        return cards.ours(f"{said.nick}: {answer}") if answer else ""

    async def _heard(self, state: RoomState, said: RoomSaid, line: Typed) -> str:
        """What is answered; "" = it is on its way to the customer, or there is nothing to say. Raises Failure."""
        try:
            if line.refused:
                answer = said.refused or f"not sent: {line.refused}"
            elif doubt := doubtful(said.text, line)[0]:
                answer = doubt
            elif line.verb == LEAVE and not said.replaces:
                answer = await self._leave(state, said.agent)
            elif line.verb and not said.replaces:
                answer = await self._verb(state, said)
            elif line.brand not in ("", state.brand):
                answer = f"not sent: this room is about the conversation with {state.brand}"
            else:
                answer = await self._words(state, said, line)
        except Refused as error:
            answer = self._refusal(state, said.agent, str(error))
        if answer:
            await self._note(state, said, answer)
        return answer

    async def _late(self, state: RoomState, said: RoomSaid, line: Typed) -> str:
        """A line of which we hear later. What was heard already is not done again; what is too old, or was written
        before the conversation changed hands, is not done, and told. Raises Failure.
        """
        at, now, room = said.at or 0, self._now(), self._open.get(said.room)
        key = room_key_of(state.conversation_id, said.agent, said.id)
        known = await self._store.read(rows.was_heard, key, self._stanza_key(state, said))
        if known and said.id:
            return ""
        # After we came in it changes hands by what is read here, too, line by line.
        until = room.entered if room is not None and at < room.entered else now
        why = ""
        if said.refused:
            pass  # now as then
        elif not said.id or now - at > READ_BACK_MS:
            written = times.clock(at, times.zone_of(self._engine.playbook, state.brand))
            why = f"it was written at {written} and comes too late"
        elif await self._store.read(rows.changed_hands, state.conversation_id, at + STAMP_MS, until):
            why = "the conversation has changed hands since it was written"
        if why:
            answer = f"not sent: {why}: {named(said.text)}; write it again if it still holds"
            await self._note(state, said, answer)
            return answer
        answer = await self._heard(state, said, line)
        if answer or line.verb:
            return answer
        return f"sent now, {max(0, now - at) // 1000} s after it was written: {named(said.text)}"

    async def _note(self, state: RoomState, said: RoomSaid, answer: str) -> None:
        """That a line was answered: a room repeats it to who comes back. Raises Failure."""
        if said.id:
            unit = Unit("room")
            stanzas.note(unit, self._stanza_key(state, said), self._now(), self._line(state, said), answer)
            await self._store.write(unit)

    def _stanza_key(self, state: RoomState, said: RoomSaid) -> str:
        return stanzas.key_of(said.agent, cards.number(state.key), _stanza(state, said.id))

    def _line(self, state: RoomState, said: RoomSaid) -> str:
        """As it is said to the customer's contact."""
        line = typed(said.text, _KNOWN)
        told = line is not None and line.brand
        if told or not state.brand or len(self._engine.playbook.brands) == 1:
            return said.text
        return f"{'/' if slashed(said.text) else '.'}{AS} {state.brand} {said.text.strip()}"

    def _refusal(self, state: RoomState, agent: str, why: str) -> str:
        text = why if why.startswith("not sent") else f"not sent: {why}"
        if state.agent is None or state.agent == agent:
            return text
        take = ", or .take" if supervises(self._engine.playbook, agent) else ""
        return f"{text}; whisper to {self._name(state.agent)} with a private message{take}"

    async def _leave(self, state: RoomState, agent: str) -> str:
        unit = Unit("room")
        rows.end(unit, state.conversation_id, f"{self._name(agent)} ended the room; the conversation goes on as before")
        await self._store.write(unit)
        self.looking.poke()
        return ""

    async def _verb(self, state: RoomState, said: RoomSaid) -> str:
        """As if it was said to the customer's contact."""
        to, stanza = cards.number(state.key), _stanza(state, said.id) if said.id else ""
        heard = await self._agents.said(Said(said.agent, to, stanza, self._line(state, said)))
        self.looking.poke()
        return heard.text.removeprefix(f"{cards.DESK} ")

    async def _words(self, state: RoomState, said: RoomSaid, line: Typed) -> str:
        """To the customer, once for each stanza, if they are the owner's."""
        words, keyed = line.rest, partial(room_key_of, state.conversation_id, said.agent)
        key = keyed(said.id) if said.id else None
        as_said = Said(said.agent, cards.number(state.key), said.id, said.text, said.replaces)
        correction = await corrected(self._store, as_said, line, keyed, _stanza(state, said.replaces))

        def decide(turn: Turn) -> str:
            its = turn.conversations.get(state.conversation_id)
            if its is None:
                raise Refused("the conversation was closed long ago")
            escalation.owned(turn.playbook, its, said.agent)
            if correction is not None:
                refused, did = correction.decide(turn), "corrected it"
            else:
                refused, did = verbs.say(turn, its, said.agent, words, key), "said"
            if not refused:
                turn.to_agent("notice", said.agent, its.id, f"you {did} in the room: {words}")
            return refused

        known = await self._store.read(message_of_key, key) if key is not None else None
        if known is not None:
            same = known.text == words
            if correction is not None:
                same = bool(await self._engine.ask(known.key, lambda turn: correction.made(turn, known)))
            return "" if same else "not sent: your client has used the id of this message before"
        failpoints.hit("before_room_words")
        try:
            answer = str(await self._engine.ask(state.key, decide))
            failpoints.hit("after_room_words")
            return answer
        except Rejected:
            return ""  # the same stanza was faster


def _stanza(state: RoomState, an_id: str) -> str:
    """A stanza of a room among those of the chat with the customer."""
    return f"room:{state.conversation_id}:{an_id}"
