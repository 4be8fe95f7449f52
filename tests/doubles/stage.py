"""A stage for the engine: the real store, engine, lanes, intake, delivery, tracking, calls and desk, with a carrier, a
back office and a wall clock of the test's own. Nothing sleeps: `settled` runs what is due until nothing is.
"""

import asyncio
import atexit
import contextlib
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from gateway.app.desk import DEAD_MS
from gateway.care import offers
from gateway.care.calls import Calls
from gateway.care.canned import check
from gateway.care.delivery import Delivery
from gateway.care.desk import Desk
from gateway.care.doubts import DOUBT_LANE, Doubts
from gateway.care.engine import Engine
from gateway.care.intake import JOIN_LANE, Intake
from gateway.care.pacing import Pacing
from gateway.care.playbook import Playbook, brands_of, senders_of
from gateway.care.rendering import Catalogue
from gateway.care.taking import Taken, Taking
from gateway.care.tracking import RECEIPT_LANE, Tracking
from gateway.care.turn import CUSTOMER_LANE, DESK_LANE
from gateway.floor.agents import Agents
from gateway.floor.assigning import Assigning
from gateway.floor.attendance import Attendance
from gateway.floor.echoes import Echoes
from gateway.floor.lobbies import Lobbies
from gateway.floor.nudging import Nudging
from gateway.floor.relaying import Relaying
from gateway.floor.talk_rooms import TalkRooms
from gateway.jobs.lane import Again, Lane
from gateway.model.canned import CannedReply
from gateway.model.channel import ChannelEvents, InboundPart, PartAnswer
from gateway.model.desk import Entry, Line, RoomEvents
from gateway.model.event import Event
from gateway.model.ids import Ids
from gateway.model.message import Message, ReceiptState
from gateway.model.rows import replace
from gateway.settings import Settings, load
from gateway.store import messages, work
from gateway.store.canned import put, replies
from gateway.store.database import Store
from gateway.store.migrate import bring_up_to_date
from gateway.store.units import Due, Unit
from gateway.store.waiting import unread
from gateway.store.writer import Call, Result
from gateway.triggers.registry import Registry
from tests.doubles.carrier import FakeCarrier
from tests.doubles.carrier import Taken as TakenPart
from tests.doubles.chat import FakeChat
from tests.doubles.laws import broken_laws
from tests.doubles.office import FakeOffice

P = ParamSpec("P")
T = TypeVar("T")
HOUSE = Path(__file__).with_name("house")
MONDAY_10 = 1_795_446_000_000  # 2026-11-23T15:00:00Z: Monday, 10:00 in New York
OURS = "70007"
_MOST_ROUNDS = 2000


class Unsettled(AssertionError):
    """The house does not come to rest."""


@lru_cache(1)
def house() -> tuple[Settings, Playbook]:
    """The settings and the playbook of the stage, read once."""
    settings = load(HOUSE, {}).settings
    registry = Registry()
    registry.load(settings.handler_modules, settings.handlers.folders)
    return settings, Playbook(
        brands=brands_of(settings.brands),
        senders=senders_of(settings.senders),
        queues={queue.name: queue for queue in settings.queues},
        agents=settings.agents,
        backoffices={office.name: office for office in settings.backoffice},
        offers={offer.name: offer for offer in settings.offers},
        keywords=settings.keywords,
        rules=settings.rules,
        handlers={handler.type: handler for handler in registry},
        texts=Catalogue.load(settings.template_folders, settings.brands[0].default_language),
        public_url=settings.http.public_url,
        alphabets={carrier.name: carrier.default_alphabet for carrier in settings.carriers},
        long_messages={carrier.name: carrier.long_messages for carrier in settings.carriers},
    )


@lru_cache(1)
def _template() -> Path:
    """An empty database of the newest schema, made once by the migrations."""
    folder = Path(tempfile.mkdtemp(prefix="careline-schema-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    bring_up_to_date(folder / "template.db")
    return folder / "template.db"


def fresh_database(path: Path) -> None:
    """Puts an empty database of the newest schema there."""
    shutil.copyfile(_template(), path)


class WatchedStore(Store):
    """The store, which knows when somebody waits for it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.waited_for = 0
        self.writes = 0
        self._quiet = asyncio.Event()

    def submit(self, units: Sequence[Unit], done: Callable[[list[Result]], None], *, patient: bool = False) -> None:
        """Counted until whoever asked was told. Nobody is patient here: nothing happens by time alone."""
        self.waited_for += 1
        self.writes += 1

        def told(results: list[Result]) -> None:
            try:
                done(results)
            finally:
                self._less()

        super().submit(units, told)

    async def apply(self, units: Sequence[Unit], *, patient: bool = False) -> list[Result]:
        """Counted until the one who waits goes on."""
        self.waited_for += 1
        try:
            return await super().apply(units, patient=patient)
        finally:
            self._less()

    async def read(
        self, question: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Counted until the one who waits goes on."""
        self.waited_for += 1
        try:
            return await super().read(question, *args, **kwargs)
        finally:
            self._less()

    def _less(self) -> None:
        self.waited_for -= 1
        if self.waited_for == 0:
            self._quiet.set()

    async def quiet(self) -> None:
        """Waits until nobody waits for the store."""
        while self.waited_for:
            self._quiet.clear()
            await self._quiet.wait()
        # A write of nothing: whoever was told before this has gone on by the time it is answered.
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self.writer.submit(Call([Unit("barrier")], future.set_result))
        await future


class Stage:
    """The house in one process. `now` is its clock (ms); `carrier` and `office` are the outside world. at_once: as in
    app.py; without it each input is a row of work first and each text waits in its lane, as when there is much to do.
    chat: agents are on XMPP (`FakeChat`), not on HTTP alone.
    """

    def __init__(
        self,
        path: Path,
        *,
        playbook: Playbook | None = None,
        now: int = MONDAY_10,
        at_once: bool = True,
        chat: bool = False,
    ) -> None:
        self.path = path
        self.settings, usual = house()
        self.playbook = replace(playbook or usual, desk=True) if chat else playbook or usual
        self.chat = FakeChat() if chat else None
        self._rounds: asyncio.Task[int] | None = None
        self.now = now
        self.at_once = at_once
        self.carrier = FakeCarrier()
        self.office = FakeOffice()
        self.started = 0
        self.faults: list[Exception] = []
        self._events = 0
        self.lanes: dict[str, Lane] = {}

    # -- life

    async def open(self) -> None:
        """Starts the house on its database, as `Gateway.start` does."""
        # Stages share the playbook and make the same ids; a new process would have nothing parsed.
        self.playbook.parsed.clear()
        self.playbook.canned.clear()
        self.store = WatchedStore(self.path)
        await self.store.open()
        self.playbook.canned.update(await self.store.read(replies))
        self.ids = Ids(self.clock, newest=await self.store.read(work.newest_id))
        self.lanes = {}
        self.engine = Engine(self.store, self.playbook, self.ids, self.clock, self.push)
        self.desk = Desk(self.engine, self.store)
        self.tracking = Tracking(self.store, self.ids, self.clock, self.push, self.engine.seen, desk=self.playbook.desk)
        self.intake = Intake(self.store, self.tracking, self.engine, self.ids, self.clock, self.push)
        self.doubts = Doubts(self.store, self.playbook, self.ids, self.clock, self.push)
        self.calls = Calls(self.store, self.ids, self.clock, self.push, self.office.post)
        self.delivery = Delivery(
            self.store,
            self.playbook,
            self.ids,
            self.clock,
            self.carrier,
            self.push,
            seen=self.engine.seen,
            doubt_wait=60.0,
            window=self.carrier.window,
        )
        self.carrier.events = ChannelEvents(
            inbound=lambda batch: self.intake.inbound(self.carrier, batch),
            answers=self._answered,
            ready=lambda _: None,
        )
        await self.doubts.recover({self.carrier.name: 60.0})
        self._lane(CUSTOMER_LANE, self.engine.run, prios=2)
        self._lane(offers.CALL_LANE, self.calls.run, most=4, batches=16)
        self._lane(DOUBT_LANE, self.doubts.run, batches=1)
        self._lane(RECEIPT_LANE, self.tracking.run, batches=1)
        self._lane(JOIN_LANE, self.intake.run, batches=1)
        send = f"send:{self.carrier.name}"
        pacing = Pacing(self.carrier.name, lambda: self.playbook)
        limits = {"room": self.delivery.room, "blocked": self.delivery.blocked, "paused": pacing.paused}
        self._lane(send, self.delivery.run, prios=3, batches=4, memory=200, **limits)
        self.delivery.attach(self.lanes[send])
        if self.chat is not None:
            await self._open_chat(self.chat)
        if self.at_once:
            self.engine.attach(self.lanes[CUSTOMER_LANE])
            self.engine.deliveries[send] = self.delivery
        # As after a crash: the acknowledgements of the last run may not have arrived.
        await self.intake.start(orderly=False)
        self.intake.links_changed(frozenset({self.carrier.session}))

    async def _open_chat(self, chat: FakeChat) -> None:
        """As app/desk.py; nobody is there until the play says so."""
        self.attendance = Attendance(self.clock)
        self.assigning = Assigning(self.store, self.engine, self.attendance, self.clock)
        self.agents = Agents(self.store, self.engine, self.attendance)
        chat.shows = self.agents.shows
        self.echoes = Echoes(self.store, self.engine, self.ids, self.clock)
        nudging = Nudging(self.store, self.engine, self.attendance, self.clock)
        chat.rooms.plans.clear()  # the connection is a new one
        self.lobbies = Lobbies(self.store, self.engine, chat.rooms, self.clock)
        self.talks = TalkRooms(self.store, self.engine, self.agents, chat.rooms, self.ids, self.clock)

        async def send(lines: Sequence[Line]) -> bool:
            sent = await chat.send(lines)
            self.talks.touched(line.customer for line in lines)
            return sent

        def entered(jid: str, how: Entry) -> None:
            self.lobbies.entered(jid)
            self.talks.entered(jid, how)

        chat.rooms.events = RoomEvents(self.talks.said, entered, self.talks.gone, self.talks.failed)
        self.relaying = Relaying(
            self.store, self.engine, self.ids, self.clock, send, self.echoes, nudging, in_room=self.talks.told
        )
        self._lane(DESK_LANE, self.relaying.run, most=200, together=50, room=chat.room)
        self.engine.presence = self.attendance
        await self.agents.start()
        self.echoes.recall(*await self.store.read(unread, self.now - DEAD_MS))

    async def look_at_rooms(self) -> None:
        """As they look by themselves in app/desk.py."""
        await self.settled()
        for _ in range(3):
            await self.do(self.lobbies.look())
            await self.do(self.talks.look())

    async def close(self) -> None:
        """Stops; calls under way are cut."""
        if self._rounds is not None:
            self._rounds.cancel()
            await asyncio.gather(self._rounds, return_exceptions=True)
            self._rounds = None
        if self.chat is not None:
            await self.assigning.stop()
        for visit in self.office.waiting:
            visit.answer.cancel()
        for lane in self.lanes.values():
            for task in list(lane._tasks):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await lane.stop(1.0)
        await self.intake.stop()
        await self.store.close()

    async def restart(self) -> None:
        """Stops the house and starts it again on the same database; what was in memory is gone."""
        await self.close()
        self.carrier.session += 1
        await self.open()

    def clock(self) -> int:
        """The wall clock, ms."""
        return self.now

    def push(self, due: Due) -> None:
        """As in app.py."""
        lane = self.lanes.get(due.lane)
        if lane is not None:
            lane.push(due)

    def _answered(self, answers: Sequence[PartAnswer]) -> None:
        """As in app.py."""
        self.delivery.answered(answers)
        self.intake.acknowledging.eased(self.carrier)

    def _lane(self, name: str, run: Callable[[list[Due]], Awaitable[Again]], **options: Any) -> None:
        async def counted(batch: list[Due]) -> Again:
            self.started += 1
            try:
                return await run(batch)
            except Exception as fault:
                self.faults.append(fault)
                raise

        self.lanes[name] = Lane(name, self.store, counted, self.clock, **options)

    # -- time

    async def settled(self) -> None:
        """Runs what is due, reports what the carrier has to report, until nothing moves any more."""
        asked = 0
        for _ in range(_MOST_ROUNDS):
            before = (self.started, self.store.writes)
            asked = self._ask_agents(asked)
            moved = self.carrier.flush()
            moved |= self.intake.acknowledging.look()
            for lane in self.lanes.values():
                await lane._refill()
                lane._release_held()
                lane._dispatch()
            await self.store.quiet()
            await self.store.quiet()
            if self.faults:
                raise AssertionError("a worker of a lane failed") from self.faults[0]
            busy = bool(self.intake._receipts or self.intake._sets or self.store.waited_for)
            busy |= self._rounds is not None or asked == 1
            busy |= self.chat is not None and self.echoes._giving_up is not None
            if not moved and not busy and before == (self.started, self.store.writes):
                return
        raise Unsettled("something is done again and again")

    def _ask_agents(self, asked: int) -> int:
        """One round of asking agents after the other, until one asks nobody. asked: 0 = no round yet, 1 = the last one
        asked somebody, 2 = there is nobody to ask.
        """
        if self.chat is None:
            return 2
        if self._rounds is None:
            if asked == 2:
                return 2
            self._rounds = asyncio.get_running_loop().create_task(self.assigning.round())
        elif self._rounds.done():
            asked = 1 if self._rounds.result() else 2
            self._rounds = None
        return asked

    async def advance(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Moves the clock, from one due item to the next, so that each runs at its own time."""
        await self.settled()
        end = self.now + int((hours * 3600 + minutes * 60 + seconds) * 1000)
        while True:
            due = await self.store.read(_next_due, self.now, end)
            held = [lane._held[0][0] for lane in self.lanes.values() if lane._held]
            times = [at for at in (due, *held) if at is not None and self.now < at <= end]
            if not times:
                break
            self.now = min(times)
            await self.settled()
        self.now = end
        await self.settled()

    async def do(self, asked: Coroutine[Any, Any, T]) -> T:
        """Runs what somebody asks for (a verb of the desk, say) while the house works."""
        task = asyncio.get_running_loop().create_task(asked)
        for _ in range(50):
            await self.settled()
            if task.done():
                return task.result()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        raise Unsettled("nobody answers")

    # -- the world

    async def keeps(self, reply: CannedReply) -> None:
        """Care staff keep a canned reply."""
        reply = check(reply, self.playbook)
        await self.store.write(put(reply))
        self.playbook.canned[reply.name] = reply

    async def event(
        self,
        type_: str,
        to: str,
        data: dict[str, object],
        *,
        key: str | None = None,
        expires_at: int | None = None,
        sender: str | None = None,
        brand: str = "acme",
    ) -> Taken:
        """A business system fires an event; returns after the commit, before anything is decided."""
        self._events += 1
        body = json.dumps(data)
        parsed = self.playbook.handlers[type_].parse(data)
        subject = f"tel:{to}"
        event = Event(
            self.ids(),
            "test",
            key or f"event-{self._events}",
            type_,
            subject,
            subject,
            brand,
            sender,
            body,
            f"{type_}{subject}{body}",
            expires_at,
        )
        return await Taking(self.store, lambda: self.now, self.push).one((event, parsed))

    def writes(self, sender: str, text: str, *, to: str = OURS) -> InboundPart:
        """A phone sends a text; it is taken at the next `settled`."""
        return self.carrier.write(sender, to, text)

    def report(self, taken: TakenPart, state: ReceiptState, error: str = "000") -> None:
        """The carrier reports what became of a part."""
        self.carrier.report(taken, state, error)

    # -- questions

    async def sent_texts(self) -> list[Message]:
        """All texts to phones, oldest first, as the API shows where they stand."""
        ids = [row["id"] for row in await self.rows("SELECT id FROM message WHERE direction = 'mt' ORDER BY id")]
        found = await self.store.read(messages.messages_by_id, ids)
        return await self.store.read(messages.standing, [found[an_id] for an_id in ids])

    async def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of a query, by column."""

        def ask(connection: apsw.Connection) -> list[dict[str, Any]]:
            found = []
            for row in (cursor := connection.execute(sql, values)):
                names = [column[0] for column in cursor.get_description()]
                found.append(dict(zip(names, row, strict=True)))
            return found

        return await self.store.read(ask)

    async def conversation(self, to: str) -> dict[str, Any]:
        """The newest conversation of a customer."""
        rows = await self.rows("SELECT * FROM conversation WHERE key = ? ORDER BY id DESC LIMIT 1", f"tel:{to}")
        assert rows, f"{to} has no conversation"
        return rows[0]

    async def laws(self) -> list[str]:
        """The invariants that are broken now."""
        return await self.store.read(broken_laws)


def _next_due(connection: apsw.Connection, after: int, up_to: int) -> int | None:
    found = connection.execute("SELECT min(due) FROM work WHERE due > ? AND due <= ?", (after, up_to)).get
    return int(found) if found is not None else None
