"""What XMPP tests share: a server, a link, and a note of all that the link tells care."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from gateway.channels.xmpp import Patience, XmppLink
from gateway.model.chat_server import ChatServer
from gateway.model.desk import (
    Asked,
    Bounced,
    DeskEvents,
    DeskProfile,
    DeskState,
    Entry,
    Heard,
    Line,
    LineKind,
    RoomEvents,
    RoomSaid,
    Said,
    Seen,
    Show,
    Told,
)
from tests.channels.xmpp.fake_server import FakeServer, Watch

DOMAIN = "sms.example.test"
ANNA = "anna@example.test"
BEN = "ben@example.test"
CUSTOMER = "+15551234567"
CONTACT = f"{CUSTOMER}@{DOMAIN}"
QUICK = Patience(first=0.01, limit=0.05, refused=0.05, conflict=0.02, advert=0.01)


class Care:
    """Stands where care will: notes what it is told, and answers as a test wants."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.listed = {ANNA, BEN}
        self.said: list[Said] = []
        self.asked: list[Asked] = []
        self.seen: list[Seen] = []
        self.bounced: list[Bounced] = []
        self.attends: list[tuple[str, Show]] = []
        self.connected: list[int | None] = []
        self.names: dict[tuple[str, str], str] = {(ANNA, CUSTOMER): "Ann <Gold>"}
        self.rooms_said: list[RoomSaid] = []
        self.entered: list[tuple[str, Entry]] = []
        self.gone: list[str] = []
        self.servers: list[ChatServer] = []
        self.failed: list[tuple[str, str, bool]] = []
        self.statuses: dict[str, str] = {CUSTOMER: "Ann, gold"}
        self.verbs: list[tuple[str, str]] = [("take", "Take it"), ("close", "Close it")]
        self.told = Told("done")
        self.hear: Callable[[Said], Awaitable[Heard]] = self._hear

    @property
    def events(self) -> DeskEvents:
        return DeskEvents(
            listed=self.listed.__contains__,
            agents=lambda: sorted(self.listed),
            said=self._said,
            verbs=self._verbs,
            asked=self._asked,
            named=self._named,
            shows=lambda agent, customer: self.statuses.get(customer),
            seen=self._note(self.seen),
            bounced=self._note(self.bounced),
            attends=self._attends,
            connected=self._note(self.connected),
            server=self._note(self.servers),
            rooms=RoomEvents(
                said=self._said_in_room,
                entered=lambda jid, how: self._note(self.entered)((jid, how)),
                gone=self._note(self.gone),
                failed=lambda jid, why, dead: self._note(self.failed)((jid, why, dead)),
            ),
        )

    @property
    def spoken(self) -> int:
        """How much of any kind was taken for an agent's."""
        return len(self.said) + len(self.asked) + len(self.seen) + len(self.bounced) + len(self.attends)

    async def _hear(self, said: Said) -> Heard:
        return Heard()

    async def _said(self, said: Said) -> Heard:
        self.said.append(said)
        self.watch.touch()
        return await self.hear(said)

    async def _named(self, agent: str, customer: str) -> str:
        return self.names.get((agent, customer), "")

    async def _said_in_room(self, said: RoomSaid) -> str:
        self.rooms_said.append(said)
        self.watch.touch()
        return f"heard: {said.text}"

    async def _verbs(self, agent: str, customer: str) -> Sequence[tuple[str, str]]:
        return self.verbs

    async def _asked(self, asked: Asked) -> Told:
        self.asked.append(asked)
        self.watch.touch()
        return self.told

    def _attends(self, agent: str, show: Show) -> None:
        self.attends.append((agent, show))
        self.watch.touch()

    def _note(self, where: list[Any]) -> Callable[[Any], None]:
        def note(what: Any) -> None:
            where.append(what)
            self.watch.touch()

        return note


@dataclass
class Room:
    """A link that is up, with both its sides."""

    server: FakeServer
    care: Care
    link: XmppLink
    watch: Watch
    clock: list[int]  # ms
    _numbers: Any = field(default_factory=lambda: count(1))

    async def until(self, so: Callable[[], object], seconds: float = 10) -> None:
        await self.watch.until(so, seconds)

    async def up(self, state: DeskState = DeskState.up) -> None:
        await self.until(lambda: self.link.status().state is state)

    async def welcomed(self, times: int = 1) -> None:
        """Waits until care was told so often that lines go."""
        await self.until(lambda: len(self.care.connected) >= times)

    async def settle(self) -> None:
        """Waits until the link has handled all that was sent to it: it answers a ping of the server's."""
        asked = f"settle-{next(self._numbers)}"
        self.server.last.send(
            f"<iq type='get' from='example.test' to='{DOMAIN}' id='{asked}'><ping xmlns='urn:xmpp:ping'/></iq>"
        )
        await self.until(lambda: self.server.last.of("iq", id=asked))

    async def both_ways(self) -> None:
        """A message of an agent's gets in, a line gets out."""
        name, before = f"real-{next(self._numbers)}", len(self.care.said)
        self.server.last.send(message("still there?", id=name))
        await self.until(lambda: any(said.id == name for said in self.care.said[before:]))
        assert await self.link.send([line(name, text="yes")])
        assert self.server.last.of("message", id=name)[0].findtext("{jabber:component:accept}body") == "yes"


def line(
    id: str = "l1", kind: LineKind = LineKind.text, agent: str = ANNA, customer: str = CUSTOMER, **more: Any
) -> Line:
    return Line(id, agent, customer, kind, **more)


def message(
    body: str = "hello",
    *,
    sender: str = f"{ANNA}/phone",
    to: str = CONTACT,
    id: str = "m1",
    type: str = "chat",
    inner: str = "",
) -> str:
    """A message as the server brings it; sender and to are put in as they are."""
    kind = f" type='{type}'" if type else ""
    text = f"<body>{body}</body>" if body else ""
    return f'<message{kind} from="{sender}" to="{to}" id="{id}">{text}{inner}</message>'


MakeRoom = Callable[..., Awaitable[Room]]


@pytest.fixture
async def make_room() -> AsyncIterator[MakeRoom]:
    """Makes rooms; `up=False` for one that is not waited for."""
    made: list[Room] = []

    async def make(*, up: bool = True, patience: Patience = QUICK, secret: str = "s3cret", **server: Any) -> Room:
        watch = Watch()
        fake = FakeServer(watch)
        for name, value in server.items():
            setattr(fake, name, value)
        await fake.start()
        care = Care(watch)
        profile = DeskProfile("127.0.0.1", fake.port, DOMAIN, secret, ("example.test", "example.org"))
        clock = [1000]
        link = XmppLink(profile, care.events, lambda: clock[0], patience=patience)
        room = Room(fake, care, link, watch, clock)
        made.append(room)
        await link.start()
        if up:
            await room.welcomed()
        return room

    yield make
    for room in made:
        await room.link.stop(0)
        await room.server.stop()


@pytest.fixture
async def room(make_room: MakeRoom) -> Room:
    """One that is up."""
    return await make_room()
