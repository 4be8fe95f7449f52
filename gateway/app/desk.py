"""The desk's parts: the component, what goes to agents, what comes from them, and who is asked next."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime

from gateway.app.reading import desk_profile_of
from gateway.care.engine import Engine
from gateway.care.turn import DESK_KEY, DESK_LANE, for_agent
from gateway.channels.xmpp import XmppLink
from gateway.floor.agents import Agents
from gateway.floor.assigning import Assigning
from gateway.floor.attendance import Attendance
from gateway.floor.echoes import Echoes, Sent
from gateway.floor.lobbies import Lobbies
from gateway.floor.nudging import Nudging
from gateway.floor.relaying import MOST_UNCONFIRMED, Relaying
from gateway.floor.talk_rooms import TalkRooms
from gateway.jobs.lane import Lane
from gateway.model.chat_server import ChatServer
from gateway.model.desk import (
    Asked,
    DeskEvents,
    DeskState,
    DeskStatus,
    Entry,
    Heard,
    Line,
    RoomEvents,
    RoomSaid,
    Said,
    Seen,
    Show,
    Told,
)
from gateway.model.ids import Ids
from gateway.settings.gateway_file import Xmpp
from gateway.store import waiting, work
from gateway.store.access import READ_FAULT
from gateway.store.chat_servers import note_server
from gateway.store.database import Store
from gateway.store.units import Due, Failure, Unit

UP_SECONDS = 5
"""How often it is noted that agents can reach us."""
OUTAGE_MS = 1000
UNREAD_SECONDS = 5
SETTLING_MS = 2000
DEAD_MS = 900_000
"""So long before we were up last an agent's connection may have been dead without its server's knowing."""
TOGETHER = 50
"""Lines of one customer that share a proof: a server that is slow to give it holds up no conversation."""
log = logging.getLogger("gateway.desk")


class AgentDesk:
    """Everything of one component. push: hands committed work to its lane."""

    def __init__(
        self, xmpp: Xmpp, store: Store, engine: Engine, ids: Ids, now: Callable[[], int], push: Callable[[Due], None]
    ) -> None:
        self._store, self._ids, self._now, self._push = store, ids, now, push
        self.attendance = Attendance(now, self._poke)
        self.assigning = Assigning(store, engine, self.attendance, now)
        self.agents = Agents(store, engine, self.attendance)
        self.echoes = Echoes(store, engine, ids, now)
        self._last_up: int | None = None
        self._connected_at = 0
        self._tasks: set[asyncio.Task[None]] = set()
        events = DeskEvents(
            listed=self.agents.listed,
            agents=self.agents.names,
            said=self._said,
            verbs=self.agents.verbs,
            asked=self._asked,
            named=self.agents.named,
            shows=self.agents.shows,
            seen=self._seen,
            bounced=self.echoes.bounced,
            attends=self._attends,
            connected=self._connected,
            lost=self.attendance.lost,
            server=self._is_on,
            rooms=RoomEvents(self._said_in_room, self._entered, self._gone, self._failed),
        )
        self.link = XmppLink(desk_profile_of(xmpp), events, now)
        self.lobbies = Lobbies(store, engine, self.link.rooms, now)
        self.talks = TalkRooms(store, engine, self.agents, self.link.rooms, ids, now)
        nudging = Nudging(store, engine, self.attendance, now)
        settling, told = self._settling, self.talks.told
        self.relaying = Relaying(store, engine, ids, now, self._send, self.echoes, nudging, settling, told)
        self.lane = Lane(
            DESK_LANE, store, self.relaying.run, now, most=200, together=TOGETHER, batches=2, room=self._room
        )
        engine.desk_changed = self._poke

    def _poke(self) -> None:
        self.assigning.poke()
        self.lobbies.looking.poke()
        self.talks.looking.poke()

    async def _said(self, said: Said) -> Heard:
        self._hears(said.agent)
        heard = await self.agents.said(said)
        self.talks.touched((said.customer,))
        return heard

    async def _send(self, lines: Sequence[Line]) -> bool:
        sent = await self.link.send(lines)
        self.talks.touched(line.customer for line in lines)
        return sent

    async def _asked(self, asked: Asked) -> Told:
        self._hears(asked.agent)
        return await self.agents.asked(asked)

    def _seen(self, seen: Seen) -> None:
        self._hears(seen.agent)
        self.echoes.seen(seen)

    def _hears(self, agent: str) -> None:
        """A client of an agent's said something."""
        if self.attendance.heard(agent):
            self.attendance.are_elsewhere([agent])
            self._spawn(self._note_elsewhere(agent, elsewhere=True))

    async def _said_in_room(self, said: RoomSaid) -> str:
        if said.at is None:
            self._hears(said.agent)
        return await (self.lobbies if self.lobbies.has(said.room) else self.talks).said(said)

    def _entered(self, room: str, how: Entry) -> None:
        self.lobbies.entered(room)
        self.talks.entered(room, how)

    def _gone(self, room: str) -> None:
        self.talks.gone(room)

    def _failed(self, room: str, why: str, dead: bool) -> None:
        self.talks.failed(room, why, dead)

    def _room(self) -> int:
        """How many lines may be on their way: none while nobody would take them."""
        return MOST_UNCONFIRMED if self.link.status().state is DeskState.up else 0

    def agents_joined(self, agents: Sequence[str]) -> None:
        """A reload brought them: how much are they there? Who is an agent no more leaves the rooms."""
        self.lobbies.looking.poke()
        self.talks.looking.poke()
        if agents and self.link.status().state is DeskState.up:
            self.link.ask(agents)
            self.attendance.asked(agents)

    def _settling(self) -> bool:
        return self._now() - self._connected_at < SETTLING_MS

    def status(self) -> DeskStatus:
        """For operators."""
        return self.link.status()

    # -- life

    async def start(self) -> None:
        """Begins to connect, to send what lies on disk, and to ask agents."""
        await self.agents.start()
        self._last_up = await self._store.read(waiting.last_up)
        since = (self._last_up or self._now()) - DEAD_MS
        self.echoes.recall(*await self._store.read(waiting.unread, since))
        self.lane.start()
        self.assigning.start()
        self.lobbies.looking.start()
        self.talks.looking.start()
        await self.link.start()

    async def stop(self, drain: float) -> None:
        """Takes nothing from agents any more, lets what was sent be confirmed, and closes."""
        await self.assigning.stop()
        await self.lobbies.looking.stop()
        await self.talks.looking.stop()
        await self.note_up()
        await self.lane.stop(drain)
        await self.link.stop(drain)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.echoes.stop()

    async def note_up(self) -> None:
        """Agents can reach us now: after the next start they hear since when they could not."""
        if self.link.status().state is DeskState.up:
            await self._store.apply([waiting.note_up(self._now())])

    def _is_on(self, server: ChatServer) -> None:
        self._spawn(self._note_server(server))

    async def _note_server(self, server: ChatServer) -> None:
        """`careline doctor` reads it."""
        try:
            await self._store.write(note_server(server, self._now()))
        except Failure as error:
            log.warning("what the XMPP server is cannot be written: %s", error)

    def _attends(self, agent: str, show: Show) -> None:
        came = self.attendance.show(agent) >= Show.offline > show
        elsewhere = self.attendance.is_elsewhere(agent)
        self.attendance.tell(agent, show)
        if elsewhere and not self.attendance.is_elsewhere(agent):
            self._spawn(self._note_elsewhere(agent, elsewhere=False))
        if came:
            asyncio.get_running_loop().call_later(UNREAD_SECONDS, self._repeat, agent)

    async def _note_elsewhere(self, agent: str, *, elsewhere: bool) -> None:
        """Whether presence says if the agent is there. It is kept, since a restart must not take from them what they
        have."""
        unit = Unit(f"{DESK_KEY}{agent}")
        waiting.set_elsewhere(unit, agent, elsewhere=elsewhere)
        try:
            await self._store.write(unit)
        except Failure as error:
            log.warning("whether an agent's presence can be seen is forgotten at the next start: %s", error)

    def _repeat(self, agent: str) -> None:
        """An agent is back: what their last connection swallowed is sent again. What the server kept for them came at
        the log-in and is acknowledged by now.
        """
        if sent := self.echoes.unread(agent):
            self._spawn(self._again(sent))

    # -- after an outage

    def _connected(self, since: int | None) -> None:
        self._connected_at = self._now()
        self.attendance.asked(self.agents.names())
        self.lane.poke()
        self.assigning.poke()
        if since is not None and (sent := self.echoes.may_be_lost(since)):
            self._spawn(self._again(sent))
        since = since if since is not None else self._last_up
        if since is not None and self._now() - since >= OUTAGE_MS:
            self._spawn(self._tell_outage(since))
        self._spawn(self._note_up())

    async def _note_up(self) -> None:
        try:
            await self.note_up()
        except Failure as error:
            log.warning("that agents can reach us cannot be written: %s", error)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _again(self, sent: Sequence[Sent]) -> None:
        """Under the same ids: a client that has them already knows them by that."""
        try:
            lines = await self.relaying.again(sent)
        except READ_FAULT as error:
            log.warning("what agents may not have received cannot be read: %s", error)
            return
        true = {(line.agent, line.id) for line in lines}
        self.echoes.forget([one.line for one in sent if (one.line.agent, one.line.id) not in true])
        for at in range(0, len(lines), MOST_UNCONFIRMED):
            taken = await self.link.send(lines[at : at + MOST_UNCONFIRMED])
            self.echoes.renew(lines[at : at + MOST_UNCONFIRMED])
            if not taken:
                self.echoes.renew(lines[at:])
                return  # lost again: the next connection does it again

    async def _tell_outage(self, since: int) -> None:
        """What agents wrote meanwhile bounced, or vanished (anchors: no server delivers it again)."""
        now = self._now()
        text = (
            f"the gateway was away from {_clock(since)} to {_clock(now)} UTC: what you wrote then, or had no answer "
            "to, may not have arrived; .card in the chat with a customer shows what has, send again what is missing"
        )
        try:
            agents = await self._store.read(waiting.concerned)
            units = [self._notice(agent, text) for agent in agents if self.agents.listed(agent)]
            results = await self._store.apply(units)
        except (Failure, READ_FAULT) as error:
            log.warning("agents cannot be told that the gateway was away: %s", error)
            return
        for unit, failure in zip(units, results, strict=True):
            for due in unit.due if failure is None else ():
                self._push(due)

    def _notice(self, agent: str, text: str) -> Unit:
        unit = Unit(f"{DESK_KEY}{agent}")
        work.add(unit, for_agent(self._ids(), unit.key, "notice", agent, 0, self._now(), text))
        return unit


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")
