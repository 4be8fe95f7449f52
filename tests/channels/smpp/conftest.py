"""What SMPP tests share: a link with a note of all it reports, and the SMSC of npm `smpp` as a process."""

import asyncio
import json
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.channels.smpp import CarrierProfile, SmppLink
from gateway.model.channel import ChannelEvents, Encoding, InboundPart, LinkState, Part, PartAnswer, Receipt
from gateway.model.message import Outcome
from tests.doubles.raw_smsc import DELIVER_SM_RESP, RawSmsc, deliver

PEERS = Path(__file__).parents[2] / "peers"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Desk:
    """Stands where care will: notes what a link reports, commits by acknowledging, and waits for things to be so."""

    def __init__(self, *, acknowledge: bool = True) -> None:
        self.inbound: list[InboundPart | Receipt] = []
        self.answers: list[PartAnswer] = []
        self.batches: list[int] = []
        self.readies = 0
        self.link: SmppLink | None = None
        self._acknowledge = acknowledge
        self._pulse = asyncio.Event()
        self._attempt = 0

    @property
    def events(self) -> ChannelEvents:
        return ChannelEvents(self._on_inbound, self._on_answers, self._on_ready)

    @property
    def texts(self) -> list[InboundPart]:
        return [item for item in self.inbound if isinstance(item, InboundPart)]

    @property
    def receipts(self) -> list[Receipt]:
        return [item for item in self.inbound if isinstance(item, Receipt)]

    def _on_inbound(self, batch: Sequence[InboundPart | Receipt]) -> None:
        self.inbound += batch
        self.batches.append(len(batch))
        if self._acknowledge and self.link is not None:
            self.link.acknowledge([item.token for item in batch], accepted=True)
        self._pulse.set()

    def _on_answers(self, batch: Sequence[PartAnswer]) -> None:
        self.answers += batch
        self._pulse.set()

    def _on_ready(self, name: str) -> None:
        self.readies += 1
        self._pulse.set()

    async def until(self, so: Callable[[], object], seconds: float = 10) -> None:
        """Waits until it is so; looks again whenever the link reports, and every 20 ms for what nobody reports."""
        async with asyncio.timeout(seconds):
            while not so():
                self._pulse.clear()
                try:
                    await asyncio.wait_for(self._pulse.wait(), 0.02)
                except TimeoutError:
                    continue

    async def up(self, state: LinkState = LinkState.up) -> None:
        """Waits for the link to be in that state."""
        link = self.link
        assert link is not None
        await self.until(lambda: link.status().state is state)

    def part(self, text: str = "hello", to: str = "+15551234567", **more: Any) -> Part:
        """A part with an attempt key of its own."""
        self._attempt += 1
        encoding = more.pop("encoding", Encoding.gsm7)
        return Part((1, self._attempt, 1), more.pop("sender", "70007"), to, text, encoding, **more)

    async def send(self, *parts: Part) -> list[PartAnswer]:
        """Hands parts over as room allows, and waits for the answers to all of them."""
        link = self.link
        assert link is not None
        left = list(parts)
        wanted = {part.attempt for part in parts}
        while left:
            await self.until(link.room)
            room = link.room()
            link.submit(left[:room])
            del left[:room]
        await self.until(lambda: wanted <= {answer.attempt for answer in self.answers})
        return [answer for answer in self.answers if answer.attempt in wanted]


MakeLink = Callable[..., Awaitable[tuple[SmppLink, Desk]]]


@pytest.fixture
async def make_link() -> AsyncIterator[MakeLink]:
    """Makes and starts links, with short times; stops them at the end."""
    made: list[SmppLink] = []

    async def make(
        port: int, *, acknowledge: bool = True, clock: Callable[[], float] | None = None, **more: Any
    ) -> tuple[SmppLink, Desk]:
        known: dict[str, Any] = {"host": "127.0.0.1", "backoff_first": 0.02, "backoff_limit": 0.1, "country": "1"}
        profile = CarrierProfile(name="sim", port=port, system_id="careline", password="secret", **(known | more))
        desk = Desk(acknowledge=acknowledge)
        link = SmppLink(profile, desk.events, **({"clock": clock} if clock else {}))
        desk.link = link
        made.append(link)
        await link.start()
        return link, desk

    yield make
    for link in made:
        await link.stop(0)


class NpmSmsc:
    """The SMSC of npm `smpp` (tests/peers/smsc.js) and its control port."""

    def __init__(self, port: int, control: int) -> None:
        self.port = port
        self._control = f"http://127.0.0.1:{control}"

    async def ask(self, path: str, body: object = None) -> Any:
        """A call of the control port: GET, or POST with a JSON body."""
        return await asyncio.to_thread(self._ask, path, body)

    def _ask(self, path: str, body: object) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._control + path, data=data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    async def log(self, kind: str) -> list[dict[str, Any]]:
        """The PDUs of that kind that it took."""
        return [row for row in await self.ask("/log") if row["kind"] == kind]


@pytest.fixture
async def npm_smsc() -> AsyncIterator[NpmSmsc]:
    """A running npm SMSC, with receipts off; skipped by name where Node or the package is missing."""
    node = shutil.which("node")
    if node is None or not (PEERS / "node_modules" / "smpp").exists():
        pytest.skip("npm smpp is not installed (node, tests/peers/node_modules/smpp)")
    smsc = NpmSmsc(free_port(), control := free_port())
    process = await asyncio.create_subprocess_exec(
        node, str(PEERS / "smsc.js"), str(smsc.port), str(control), "dlr=never", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            await process.stdout.readline()
            while True:
                try:
                    await smsc.ask("/state")
                except urllib.error.URLError:
                    await asyncio.sleep(0.02)
                else:
                    break
        yield smsc
    finally:
        process.kill()
        await process.communicate()


async def round_trip(smsc: RawSmsc, desk: Desk) -> None:
    """A text in and a text out on the newest bind."""
    before = len(desk.texts)
    smsc.last.send(deliver(9001, b"still there?"))
    await desk.until(lambda: any(text.text == "still there?" for text in desk.texts[before:]), 60)
    await smsc.last.until(lambda: any(a.sequence == 9001 and a.status == 0 for a in smsc.last.of(DELIVER_SM_RESP)))
    smsc.answer_submits = True
    [answer] = await desk.send(desk.part("yes"))
    assert answer.outcome is Outcome.accepted
