"""The desk's link: one component of an XMPP server (XEP-0114), connected anew whenever it is lost, until it is told to
stop or another takes its place.
"""

import asyncio
import logging
import socket
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.channels.xmpp.barrier import LEAST, Barrier
from gateway.channels.xmpp.jids import BadJid, is_agent, is_customer
from gateway.channels.xmpp.lanes import Lanes
from gateway.channels.xmpp.owner import where
from gateway.channels.xmpp.patience import Backoff, Patience
from gateway.channels.xmpp.presence import Attendance
from gateway.channels.xmpp.queries import Queries
from gateway.channels.xmpp.reading import Reader
from gateway.channels.xmpp.rooms import Rooms
from gateway.channels.xmpp.rosters import CONTACTS, Rosters
from gateway.channels.xmpp.software import Software
from gateway.channels.xmpp.stream import ComponentStream
from gateway.channels.xmpp.writing import ping, random_id, render
from gateway.model.desk import Bounced, DeskEvents, DeskProfile, DeskState, DeskStatus, Line

log = logging.getLogger("gateway.xmpp")

_CHUNK = LEAST  # lines written in one turn of the loop, and agents asked for their presence
_MANAGED = "presence:managed_entity"  # XEP-0356: the server shows us all presences unasked
_ROSTERS, _SPEAK = "roster:both", "message:outgoing"


@dataclass(slots=True)
class _Session:
    """What stands between an accepted handshake and the loss of the stream."""

    stream: ComponentStream
    barrier: Barrier
    advert: asyncio.Future[None]
    told: bool = False  # care knows of it
    silent_since: int | None = None  # ms: we waited in vain for an answer, and heard nothing since then


class XmppLink:
    """Carries words between agents and care. Everything runs on the event loop it was started on.

    Args:
        profile: how the server is reached.
        events: what is told to care. Only `said`, `verbs` and `asked` may take time.
        now: ms since the epoch.
        patience: how long it waits; for tests.
    """

    def __init__(
        self, profile: DeskProfile, events: DeskEvents, now: Callable[[], int], *, patience: Patience | None = None
    ) -> None:
        self.profile = profile
        self.events = events
        self.counters: Counter[str] = Counter()
        self.lanes = Lanes()
        self._now = now
        self._patience = patience or Patience()
        self._backoff = Backoff(self._patience)
        self._attendance = Attendance(self, self._patience.probe)
        self.rooms = Rooms(self, self._patience, now)
        self._reader = Reader(self, self._attendance, Queries(self), self.rooms)
        self._stream: ComponentStream | None = None
        self._session: _Session | None = None
        self._state = DeskState.down
        self._reason = "not started"
        self._since: int | None = None
        self._heard = 0
        self._privileges: tuple[str, ...] = ()
        self._rosters = Rosters(self, self._patience.roster)
        self._software = Software(self, self._patience.answer)
        self._ping_id = ""
        self._stopping = False
        self._room = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    # for app.py and care

    async def start(self) -> None:
        """Begins to connect, and returns at once. Called again after another took our place, it tries again."""
        if self._task is None or self._task.done():
            self._stopping = False
            self._backoff.reset()
            self._task = asyncio.get_running_loop().create_task(self._run(), name="xmpp link")

    async def stop(self, drain: float) -> None:
        """Takes no more lines, waits up to `drain` seconds for what agents wrote to be answered and for what was
        written to be confirmed, tells the agents that the desk goes away, and ends the stream."""
        self._stopping = True
        self._room.set()
        session = self._session
        try:
            async with asyncio.timeout(drain):
                await self.lanes.quiet()
                if session is not None and session.barrier.unconfirmed:
                    await asyncio.wait((session.barrier.wrote(0),))
        except TimeoutError:
            log.warning("desk %s: %d lines are not confirmed", self.profile.domain, self.status().unconfirmed)
        await self.lanes.stop()
        if session is not None and self._session is session:
            self._guarded(lambda: self._attendance.leave(self.events.agents()))
            session.stream.finish("we stop")
            await asyncio.wait((session.stream.lost,), timeout=self._patience.leaving)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        if self._stream is not None and self._stream.transport is not None:  # it was about to connect
            await asyncio.wait((self._stream.lost,), timeout=self._patience.leaving)
        if self._state is not DeskState.replaced:
            self._state, self._reason = DeskState.down, "stopped"

    async def send(self, lines: Sequence[Line]) -> bool:
        """Writes lines in order, and waits for the server's word that it has read them (XEP-0199).

        Returns:
            Whether it has; after False each of the lines may or may not have arrived: send them again, with the same
            ids. A line that names no agent of ours, or no customer, is not written; `events.bounced` tells of it.
        """
        session = self._session
        if session is None or self._stopping:
            return False
        confirmed: set[asyncio.Future[bool]] = set()
        contacts = [line for line in lines if line.kind in CONTACTS and self._addressed(line)]
        spoken = [line for line in lines if line.kind not in CONTACTS] if contacts else lines
        for at in range(0, len(spoken), _CHUNK):
            chunk = spoken[at : at + _CHUNK]
            async with self._turn:
                if not await self._has_room(session, len(chunk)):
                    return False
                session.stream.write("".join(map(self._render, chunk)))
                confirmed.add(session.barrier.wrote(len(chunk)))
        if contacts:
            confirmed.add(await self._show(session, contacts))
        if confirmed:
            await asyncio.wait(confirmed)
        return all(future.result() for future in confirmed)

    def ask(self, agents: Sequence[str]) -> None:
        """Asks how much those are there who became agents after the session began."""
        known = [agent for agent in agents if is_agent(agent, self.profile.agent_domains)]
        self._attendance.ask(known, managed=_MANAGED in self._privileges)

    def status(self) -> DeskStatus:
        """For operators."""
        unconfirmed = self._session.barrier.unconfirmed if self._session is not None else 0
        return DeskStatus(self._state, self._reason, unconfirmed, self._privileges, dict(self.counters))

    # DeskOwner

    def write(self, stanza: str) -> bool:
        """Writes XML; False, and nothing is written, while there is no session."""
        if self._session is None:
            return False
        self._session.stream.write(stanza)
        return True

    def answered(self, sender: str, id: str, xml: ET.Element) -> None:
        """A query of ours has an answer."""
        if self._rosters.answered(sender, id, xml) or self._software.answered(sender, id, xml):
            return
        if self._session is not None and id and id == self._ping_id and sender == self._server:
            self._ping_id = ""
            self._session.barrier.answered()
            self._room.set()

    def privileged(self, privileges: tuple[str, ...]) -> None:
        """The server told what we may do."""
        self._privileges = privileges
        self._attendance.managed = _MANAGED in privileges
        if self._session is not None and not self._session.advert.done():
            self._session.advert.set_result(None)

    def failed(self, what: str, problem: Exception) -> None:
        """Care raised something; the link goes on."""
        self.counters["failed"] += 1
        log.error("desk %s: %s: %s", self.profile.domain, what, where(problem))

    # StreamOwner

    def opened(self, stream: ComponentStream) -> None:
        """The handshake was accepted: what comes next may be answered."""
        barrier = Barrier(self._ping, self._silent, self._patience.answer, lambda: self._heard)
        self._session = _Session(stream, barrier, stream.loop.create_future())
        self._heard = self._now()

    def stanza(self, xml: ET.Element, *, oversized: bool = False) -> None:
        """One came; what anybody can make too long or too deep is refused, and nothing else."""
        self._heard = self._now()
        (self._reader.refuse_oversized if oversized else self._reader.read)(xml)

    def poisoned(self, error: Exception) -> None:
        """A stanza was set aside. What a stranger can cause is logged now and then only."""
        if not isinstance(error, BadJid):
            self.failed("a stanza was not handled", error)
            return
        self.counters["poison"] += 1
        if self.counters["poison"] % 1000 == 1:
            log.warning("desk %s: %d stanzas were set aside: %s", self.profile.domain, self.counters["poison"], error)

    def writable(self) -> None:
        """The server takes again."""
        self._room.set()

    # inside

    @property
    def _server(self) -> str:
        """Who answers our pings: the server itself."""
        return self.profile.agent_domains[0] if self.profile.agent_domains else self.profile.domain

    async def _has_room(self, session: _Session, lines: int) -> bool:
        """Waits for room; False where the session ended before there was any."""
        while self._session is session and not self._stopping:
            if session.barrier.takes(lines) and not session.stream.paused:
                return True
            self._room.clear()
            await self._room.wait()
        return False

    async def _show(self, session: _Session, contacts: Sequence[Line]) -> "asyncio.Future[bool]":
        """Moves contacts in rosters, where we may, and tells how they stand now."""
        seen = await self._rosters.change(contacts) if _ROSTERS in self._privileges else contacts
        for agent, customer in dict.fromkeys((line.agent, line.customer) for line in seen):
            if self._session is session:
                self._attendance.show(agent, agent, customer)
        return session.barrier.wrote(len(contacts))

    def _addressed(self, line: Line) -> bool:
        return is_agent(line.agent, self.profile.agent_domains) and is_customer(line.customer)

    def _render(self, line: Line) -> str:
        if not self._addressed(line):
            self.counters["unaddressed"] += 1
            bounced = Bounced(line.agent, line.id, "not the JID of an agent, or not a customer's number")
            asyncio.get_running_loop().call_soon(self._guarded, lambda: self.events.bounced(bounced))
            return ""
        self.counters["out"] += 1
        attendance = self._attendance
        resources, last = attendance.resources(line.agent), attendance.last_device(line.agent)
        return render(line, self.profile.domain, resources, last, speak=_SPEAK in self._privileges)

    async def _run(self) -> None:
        while not self._stopping:
            delay = await self._once()
            if delay is None or self._stopping:
                return
            await asyncio.sleep(delay)

    async def _once(self) -> float | None:
        """One life of a stream; how long to wait before the next, None = there is none."""
        streams: list[ComponentStream] = []
        try:
            async with asyncio.timeout(self._patience.session):
                stream = await self._connect(streams)
                await asyncio.wait((stream.opened, stream.lost), return_when=asyncio.FIRST_COMPLETED)
            if not stream.opened.done():
                return self._turned_away(stream)
            return await self._live(stream)
        except TimeoutError:
            return self._failed(f"no answer within {self._patience.session:g} s")
        except socket.gaierror:
            return self._failed("the name cannot be resolved")
        except OSError as error:
            return self._failed((error.strerror or "the connection broke").lower())
        except Exception as problem:  # noqa: BLE001  whatever it is, the desk is tried again
            self.failed("a stream failed", problem)
            return self._failed(f"something is wrong ({type(problem).__name__})")
        finally:
            if self._session is not None:
                self._down(self._session)
            for stream in streams:
                stream.drop("it came to nothing")

    async def _connect(self, streams: list[ComponentStream]) -> ComponentStream:
        def make() -> ComponentStream:
            self._stream = ComponentStream(self.profile, self)
            streams.append(self._stream)
            return self._stream

        self.counters["connects"] += 1
        await asyncio.get_running_loop().create_connection(make, self.profile.host, self.profile.port)
        return streams[-1]

    def _failed(self, why: str) -> float:
        reason = f"{self.profile.host}:{self.profile.port}: {why}"
        level = logging.DEBUG if reason == self._reason else logging.WARNING  # a server that is away is told once
        log.log(level, "desk %s does not come up: %s", self.profile.domain, reason)
        if self._state is not DeskState.refused:
            self._state = DeskState.down
        self._reason = reason
        return self._backoff.next()

    def _turned_away(self, stream: ComponentStream) -> float:
        """The server ended the stream before the handshake was accepted."""
        if stream.condition == "not-authorized":
            if self._state is not DeskState.refused:
                log.error(
                    "ALARM desk %s: the server refuses the secret: make it the same in config/ and in the server's"
                    " component, then restart; it is tried again every %g s",
                    self.profile.domain,
                    self._patience.refused,
                )
            self._state, self._reason = DeskState.refused, "the server refuses the secret"
            return self._patience.refused
        self._state = DeskState.down
        if stream.condition == "conflict":
            self._failed(f"another is connected as {self.profile.domain}")
            return self._patience.conflict
        return self._failed(stream.lost.result() if stream.lost.done() else "the stream ended")

    async def _live(self, stream: ComponentStream) -> float | None:
        """From the accepted handshake to the loss."""
        session = self._session
        assert session is not None
        if self._since is not None:
            self.counters["reconnects"] += 1
        self._state, self._reason = DeskState.up, ""
        log.info("desk %s is up", self.profile.domain)
        began = stream.loop.time()
        try:
            await self._welcome(session)
            while not stream.lost.done():
                await asyncio.wait((stream.lost,), timeout=self._patience.idle)
                if not stream.lost.done() and not session.barrier.waiting:
                    session.barrier.wrote(0)
        finally:
            self._down(session)
        reason = stream.lost.result()
        if stream.condition == "conflict":
            self._state, self._reason = DeskState.replaced, "another gateway is connected in our place"
            log.error("ALARM desk %s: another gateway took our place: this one stays away", self.profile.domain)
            return None
        self._reason = reason
        log.log(logging.INFO if self._stopping else logging.WARNING, "desk %s is down: %s", self.profile.domain, reason)
        if stream.loop.time() - began >= self._patience.stable:
            self._backoff.reset()
        return self._backoff.next()

    async def _welcome(self, session: _Session) -> None:
        """Learns what the server grants, asks who is there, and tells care that lines go."""
        waits: tuple[asyncio.Future[Any], ...] = (session.advert, session.stream.lost)
        await asyncio.wait(waits, timeout=self._patience.advert, return_when=asyncio.FIRST_COMPLETED)
        agents: list[str] = []
        self._guarded(lambda: agents.extend(self.events.agents()))
        for at in range(0, len(agents), _CHUNK):
            if not await self._has_room(session, 0):
                return
            self.ask(agents[at : at + _CHUNK])
        if self._session is session and not session.stream.lost.done():
            session.told = True
            self._software.ask(self._server)
            self._guarded(self.rooms.opened)
            self._guarded(lambda: self.events.connected(self._since))
            if _MANAGED in self._privileges:
                session.barrier.wrote(0).add_done_callback(lambda taken: self._all_told(session, agents, taken))

    def _all_told(self, session: _Session, agents: Sequence[str], taken: "asyncio.Future[bool]") -> None:
        """The ping behind the probes is answered: of whom the server has told nothing, there is nothing to tell."""
        if self._session is session and not taken.cancelled() and taken.result():
            self._guarded(lambda: self._attendance.absent(agents))

    def _down(self, session: _Session) -> None:
        if session.told or self._since is None:
            self._since = session.silent_since or self._now()
        self._session, self._state, self._privileges = None, DeskState.down, ()
        session.barrier.break_()
        self._room.set()
        self._rosters.lost()
        self._software.lost()
        self._guarded(self._attendance.forget)
        self._guarded(self.rooms.closed)
        self._guarded(self.events.lost)

    def _silent(self) -> None:
        """Agents may have been cut off since the last sign of life."""
        if self._session is not None:
            self._session.silent_since = self._heard
            self._session.stream.drop("the server does not answer")

    def _ping(self) -> None:
        self._ping_id = random_id()
        self.write(ping(self.profile.domain, self._server, self._ping_id))

    def _guarded(self, call: Callable[[], None]) -> None:
        """A callback that fails must not end the link."""
        try:
            call()
        except Exception as problem:  # noqa: BLE001  whatever it is
            self.failed("care failed", problem)
