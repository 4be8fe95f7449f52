"""The composition root: builds store, engine, lanes, channels and web from the settings; starts and stops them.

`channels` and `care` never meet: here their callbacks are wired.
"""

import asyncio
import gc
import logging
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.app.desk import UP_SECONDS, AgentDesk
from gateway.app.reading import CannotStart, live_problems, playbook_of, profile_of
from gateway.care import offers
from gateway.care.calls import Calls, Reply
from gateway.care.delivery import Delivery
from gateway.care.desk import Desk
from gateway.care.doubts import DOUBT_LANE, Doubts
from gateway.care.engine import Engine
from gateway.care.figures import Figures
from gateway.care.intake import JOIN_LANE, Intake
from gateway.care.pacing import Pacing
from gateway.care.playbook import Playbook
from gateway.care.redeliveries import REDELIVERY_MS
from gateway.care.taking import Taking
from gateway.care.tracking import RECEIPT_LANE, Tracking, TrackingFigures
from gateway.care.turn import CUSTOMER_LANE, DESK_LANE
from gateway.channels.callout import Callout, Peer
from gateway.channels.smpp import SmppLink
from gateway.cores import OneCore
from gateway.floor.assigning import Assigning
from gateway.floor.attendance import Attendance
from gateway.floor.commands import Commands
from gateway.jobs.background import Background, Crowd
from gateway.jobs.clock import Clock
from gateway.jobs.filing import Filing
from gateway.jobs.indexing import Indexing
from gateway.jobs.lane import Lane
from gateway.model.channel import ChannelEvents, InboundPart, PartAnswer, Receipt
from gateway.model.desk import DeskState, Show
from gateway.model.ids import Ids, wall_ms
from gateway.model.rows import replace, values_of
from gateway.settings import Carrier, Settings
from gateway.store import upkeep, work
from gateway.store.canned import replies
from gateway.store.database import Store, sqlite_path
from gateway.store.units import Due
from gateway.telemetry import metrics
from gateway.web.server import WebServer
from gateway.web.services import Services

DRAIN_SECONDS = 10.0
log = logging.getLogger("gateway")


@dataclass(slots=True)
class CarrierParts:
    """All that belongs to one carrier."""

    link: SmppLink
    delivery: Delivery
    lane: Lane


class Gateway:
    """A running gateway. `start` and `stop`; `port` is the HTTP port it got."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.playbook = playbook_of(settings)
        self.cores = OneCore(time.monotonic)
        self.store = Store(sqlite_path(settings.store.url), self.cores.free)
        self.ids = Ids(wall_ms)
        self._lanes: dict[str, Lane] = {}
        self._carriers: dict[str, CarrierParts] = {}
        self._queued = 0
        self._standing: dict[str, frozenset[int]] = {}
        self._started = False
        self._callout = Callout(
            {office.name: Peer(office.url, office.secret.get_secret_value()) for office in settings.backoffice}, wall_ms
        )
        self.engine = Engine(self.store, self.playbook, self.ids, wall_ms, self.push)
        self.desk = Desk(self.engine, self.store)
        self.taking = Taking(self.store, wall_ms, self.push)
        on_desk = settings.xmpp is not None
        self.tracking = Tracking(self.store, self.ids, wall_ms, self.push, self.engine.seen, desk=on_desk)
        self.intake = Intake(self.store, self.tracking, self.engine, self.ids, wall_ms, self.push)
        self.doubts = Doubts(self.store, self.playbook, self.ids, wall_ms, self.push)
        self.calls = Calls(self.store, self.ids, wall_ms, self.push, self._post)
        xmpp = settings.xmpp
        self.chat = AgentDesk(xmpp, self.store, self.engine, self.ids, wall_ms, self.push) if xmpp is not None else None
        self.engine.presence = self.chat.attendance if self.chat is not None else None
        # Without a chat server nobody can be asked, but somebody must know how the queues stand.
        self._looking = Assigning(self.store, self.engine, Attendance(wall_ms), wall_ms) if xmpp is None else None
        self.clock = Clock()
        self._figures = Figures(metrics)
        self.web: WebServer | None = None
        self.services: Services | None = None

    @property
    def port(self) -> int:
        """The HTTP port that is listened on."""
        assert self.web is not None
        return self.web.port

    def push(self, due: Due) -> None:
        """Hands work that was just committed to its lane."""
        lane = self._lanes.get(due.lane)
        if lane is not None:
            lane.push(due)

    # -- life

    async def start(self) -> None:
        """Opens the store, settles what the last run left in doubt, then takes work, binds and listens.

        Raises:
            StoreProblem, CannotStart, OSError (the port is taken).
        """
        await self.store.open()
        try:
            self.ids.start_after(await self.store.read(work.newest_id))
            await self._check_handlers()
            self.playbook.canned.update(await self.store.read(replies))
            waits = {carrier.name: carrier.doubt_wait for carrier in self.settings.carriers}
            doubtful = await self.doubts.recover(waits)
            if doubtful:
                log.warning("%d submits of the last run are in doubt; each waits for evidence", doubtful)
            self._build_lanes()
            orderly = await self.store.read(upkeep.ended_orderly)
            await self.store.apply([upkeep.mark_end(orderly=False)])
            await self.intake.start(orderly=orderly)
            self.services = self._services()
            self.web = WebServer(self.services)
            await self.web.start(self.settings.http.host, self.settings.http.port)
        except BaseException:
            await self.stop(0.0)
            raise
        for name, lane in self._lanes.items():
            if name != DESK_LANE:
                lane.start()
        for carrier in self._carriers.values():
            await carrier.link.start()
        if self.chat is not None:
            await self.chat.start()
        if self._looking is not None:
            self._looking.start()
        self._started = True
        self._chores()
        if self.settings.process.one_core:
            self.cores.start(threading.get_native_id(), self.store.writer.native_id)
            self.clock.every(5, "cores", self._look_at_cores)
        # The writer's thread asks for the interpreter after each statement; 5 ms a time would be most of a commit.
        sys.setswitchinterval(0.0005)
        # What is alive now lives for ever: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)

    async def stop(self, drain: float = DRAIN_SECONDS) -> None:
        """Stops taking, finishes what is in flight, unbinds, closes."""
        self.clock.stop()
        self.intake.acknowledging.stop()
        if self.web is not None:
            await self.web.stop(drain)
        if self.chat is not None:
            await self.chat.stop(drain if self._started else 0.0)
        if self._looking is not None:
            await self._looking.stop()
        for carrier in self._carriers.values():
            await carrier.lane.stop(drain)
        await asyncio.gather(*(carrier.link.stop(drain) for carrier in self._carriers.values()))
        await self.intake.stop()
        for lane in self._lanes.values():
            await lane.stop(drain)
        await self._callout.close()
        if self._started:
            links = [carrier.link for carrier in self._carriers.values()]
            orderly = not any(link.left_unanswered(REDELIVERY_MS / 1000) for link in links)
            await self.store.apply([upkeep.mark_end(orderly=orderly)])
        await self.store.close()
        self.cores.stop()

    async def _check_handlers(self) -> None:
        """Refuses when live conversations wait in a step that the loaded code lacks (design section 5)."""
        lines = live_problems(self.playbook, await self.store.read(upkeep.live_steps))
        if lines:
            raise CannotStart("\n".join(lines))

    def _build_lanes(self) -> None:
        def lane(name: str, **options: object) -> None:
            self._lanes[name] = Lane(name, self.store, runs[name], wall_ms, **options)  # type: ignore[arg-type]

        runs = {
            CUSTOMER_LANE: self.engine.run,
            offers.CALL_LANE: self.calls.run,
            DOUBT_LANE: self.doubts.run,
            RECEIPT_LANE: self.tracking.run,
            JOIN_LANE: self.intake.run,
        }
        # Small batches: a decision takes a fraction of a millisecond, and the loop must answer carriers in between.
        lane(CUSTOMER_LANE, prios=2, most=48, batches=4, yields=self.taking.pressure)
        self.engine.attach(self._lanes[CUSTOMER_LANE])
        lane(offers.CALL_LANE, most=4, batches=16)
        lane(DOUBT_LANE, batches=1)
        lane(RECEIPT_LANE, batches=1)
        lane(JOIN_LANE, batches=1)
        if self.chat is not None:
            self._lanes[DESK_LANE] = self.chat.lane
        for carrier in self.settings.carriers:
            self._carriers[carrier.name] = self._carrier(carrier)

    def _carrier(self, carrier: Carrier) -> CarrierParts:
        lanes = self._lanes
        name = f"send:{carrier.name}"

        def ready(_: str) -> None:
            standing = link.sessions()
            if standing != self._standing.get(carrier.name):
                self._standing[carrier.name] = standing
                self.intake.links_changed(frozenset().union(*self._standing.values()))
            lanes[name].poke()

        def brought(batch: Sequence[InboundPart | Receipt]) -> None:
            self.intake.inbound(link, batch)

        def answered(answers: Sequence[PartAnswer]) -> None:
            delivery.answered(answers)
            self.intake.acknowledging.eased(link)

        link = SmppLink(profile_of(carrier), ChannelEvents(inbound=brought, answers=answered, ready=ready))
        delivery = Delivery(
            self.store,
            self.playbook,
            self.ids,
            wall_ms,
            link,
            self.push,
            seen=self.engine.seen,
            doubt_wait=carrier.doubt_wait,
            window=carrier.window * carrier.binds,
        )
        # Two windows are what the link can take; the rest of the room saves reading back what was just written.
        memory = max(5000, 2 * carrier.window * carrier.binds)
        lane = Lane(
            name,
            self.store,
            delivery.run,
            wall_ms,
            prios=3,
            batches=4,
            memory=memory,
            room=delivery.room,
            blocked=delivery.blocked,
            paused=Pacing(carrier.name, lambda: self.playbook).paused,
        )
        delivery.attach(lane)
        self.engine.deliveries[name] = delivery
        lanes[name] = lane
        return CarrierParts(link, delivery, lane)

    def take_playbook(self, playbook: Playbook) -> None:
        """From now on decisions follow this playbook (texts, rules, keywords, offers, senders, queues, agents)."""
        playbook = replace(playbook, canned=self.playbook.canned, standings=self.playbook.standings)
        joined = {agent.jid for agent in playbook.agents} - {agent.jid for agent in self.playbook.agents}
        self.playbook = self.engine.playbook = self.doubts.playbook = playbook
        if self.chat is not None:
            self.chat.agents_joined(sorted(joined))
        for parts in self._carriers.values():
            parts.delivery.playbook = playbook
        if self.services is not None:
            self.services.playbook = playbook

    # -- what others ask

    async def _post(self, peer: str, body: str, key: str, message_id: str) -> Reply:
        answered = await self._callout.post(peer, body, key, message_id)
        return Reply(answered.status, answered.body, answered.retry_after)

    def _services(self) -> Services:
        return Services(
            store=self.store,
            engine=self.engine,
            taking=self.taking,
            desk=self.desk,
            commands=Commands(self.store, self.engine, self._show),
            playbook=self.playbook,
            ids=self.ids,
            now=wall_ms,
            push=self.push,
            settings=self.settings,
            carriers=lambda: [parts.link.status() for parts in self._carriers.values()],
            ready=self._ready,
            queued=lambda: self._queued,
            presence=self.chat.attendance.presence if self.chat is not None else lambda _: "unknown",
            receipts=lambda carrier: values_of(self.tracking.by_carrier.get(carrier, TrackingFigures())),
        )

    def _show(self, agent: str) -> Show:
        return self.chat.attendance.appears(agent) if self.chat is not None else Show.unknown

    def _ready(self) -> tuple[bool, list[str]]:
        """Whether work is taken, and what does not work as it should."""
        broken = self.store.working()
        reasons = [broken] if broken else []
        if self.store.full:
            reasons.append("the disk is full; new work is refused")
        for name, parts in self._carriers.items():
            status = parts.link.status()
            if status.state != "up":
                reasons.append(f"carrier {name} is {status.state}" + (f": {status.reason}" if status.reason else ""))
        if self.chat is not None and (desk := self.chat.status()).state is not DeskState.up:
            reasons.append(f"the XMPP server is {desk.state}" + (f": {desk.reason}" if desk.reason else ""))
        return broken is None, reasons

    # -- chores

    def _chores(self) -> None:
        self.clock.every(1, "count what is queued", self._count)
        background = Background(self.store, self.taking.burst)
        self.clock.every(1, "index words", Indexing(self.store, self.ids.settle, background, wall_ms).tick)
        crowd = Crowd(lambda: self.store.writer.figures.units)
        self.clock.every(1, "file messages", Filing(self.store, self.ids.settle, background, crowd).tick)
        self.clock.every(1, "figures", self._collect)
        self.clock.every(60, "sweep", self._sweep)
        if self.chat is not None:
            self.clock.every(UP_SECONDS, "desk is up", self.chat.note_up)
        self.clock.start()

    async def _look_at_cores(self) -> None:
        self.cores.look()

    async def _count(self) -> None:
        self._queued = await self.store.read(work.count_waiting)

    async def _collect(self) -> None:
        for name, parts in self._carriers.items():
            self._figures.delivery(name, parts.delivery.figures, parts.link.counters)
        self._figures.receipts(self.tracking.by_carrier)
        self._figures.intake(self.intake.figures, self.engine.dead)
        self._figures.store(self.store.writer.figures)
        if self.chat is not None:
            status = self.chat.status()
            up = status.state is DeskState.up
            self._figures.desk(up=up, counters=status.counters, waiting=self.chat.assigning.waiting())

    async def _sweep(self) -> None:
        await self.store.apply([await self.store.read(upkeep.sweep, wall_ms())])
