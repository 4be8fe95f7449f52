"""The chat server is killed while much is on its way to agents: nothing is lost, what comes twice has the same id.

BURST says how many lines are on their way, on either server. The large one on both:
`BURST=20000 pytest tests/faults/test_desk_faults.py -s`. Of 20,000 the server is killed after 1.5 s, of fewer sooner.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.app.desk import AgentDesk
from gateway.care.engine import Engine
from gateway.care.turn import CUSTOMER_LANE, for_agent
from gateway.jobs.lane import Lane
from gateway.model.desk import DeskState
from gateway.model.ids import Ids, wall_ms
from gateway.settings.gateway_file import Xmpp
from gateway.store import work
from gateway.store.database import Store
from gateway.store.units import Due, Unit
from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import ChatServer, server_or_skip
from tests.doubles.prosody import COMPONENT, DOMAIN, SECRET
from tests.doubles.stage import fresh_database, house
from tests.faults.killing import say

pytestmark = pytest.mark.interop
AGENTS = ("ana", "ben")
LINES = {"prosody": 20_000, "ejabberd": 5_000}
"""Where the environment says nothing."""
CUSTOMERS = 400
KILL_AFTER = 1.5 / 20_000  # seconds a line
PADDING = "." * 700


def _phone_of(number: int) -> str:
    return f"+1555{number % CUSTOMERS:07d}"


def _agent_of(number: int) -> str:
    return AGENTS[number % CUSTOMERS % len(AGENTS)]


class House:
    """Store, engine and desk, as app/gateway.py builds them."""

    def __init__(self, store: Store, port: int) -> None:
        self.store = store
        self.ids = Ids(wall_ms)
        self.lanes: dict[str, Lane] = {}
        self.engine = Engine(store, house()[1], self.ids, wall_ms, self.push)
        xmpp = Xmpp(host="127.0.0.1", port=port, domain=COMPONENT, secret=SecretStr(SECRET), agent_domains=(DOMAIN,))
        self.desk = AgentDesk(xmpp, store, self.engine, self.ids, wall_ms, self.push)
        self.lanes["desk"] = self.desk.lane
        self.lanes[CUSTOMER_LANE] = Lane(CUSTOMER_LANE, store, self.engine.run, wall_ms, prios=2)

    def push(self, due: Due) -> None:
        if (lane := self.lanes.get(due.lane)) is not None:
            lane.push(due)

    async def start(self) -> None:
        self.lanes[CUSTOMER_LANE].start()
        await self.desk.start()

    async def stop(self) -> None:
        await self.desk.stop(2.0)
        await self.lanes[CUSTOMER_LANE].stop(1.0)

    async def lines(self, count: int) -> None:
        """So many notices for two agents, in the chats of many customers."""
        units = []
        for number in range(count):
            key = f"tel:{_phone_of(number)}"
            unit = Unit(key)
            agent = f"{_agent_of(number)}@{DOMAIN}"
            work.add(unit, for_agent(self.ids(), key, "notice", agent, 0, wall_ms(), f"number {number} {PADDING}"))
            units.append(unit)
        for at in range(0, count, 500):
            assert not any(await self.store.apply(units[at : at + 500]))
            for unit in units[at : at + 500]:
                self.push(unit.due[0])

    async def left(self) -> int:
        """Rows that wait."""
        return await self.store.read(work.count_due, "desk")


@pytest.fixture
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ChatServer]:
    server = server_or_skip(request.param, tmp_path, AGENTS, privileges=False, archive=False)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def its(tmp_path: Path, server: ChatServer) -> AsyncIterator[House]:
    fresh_database(tmp_path / "house.db")
    store = Store(tmp_path / "house.db")
    await store.open()
    its = House(store, server.component)
    await its.start()
    yield its
    await its.stop()
    await store.close()


async def _until(so: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    nobody = asyncio.Event()
    async with asyncio.timeout(seconds):
        while not await so():
            try:
                await asyncio.wait_for(nobody.wait(), 0.05)
            except TimeoutError:
                continue


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("server", "usual"), LINES.items(), ids=LINES, indirect=["server"])
async def test_a_burst_and_a_killed_server_lose_nothing(
    its: House, server: ChatServer, usual: int, record_property: Callable[[str, object], None]
) -> None:
    """One agent's client is slow: what the server took in for it is in the server's memory when that is killed."""
    count = int(os.environ.get("BURST") or usual)
    clients = [AgentClient(name, server.c2s) for name in AGENTS]
    for client in clients:
        await client.login()
    clients[0].pause()
    await its.lines(count)
    began = asyncio.get_running_loop().time()

    async def a_while() -> bool:
        late = asyncio.get_running_loop().time() - began >= KILL_AFTER * count
        return late and await its.left() < count

    await _until(a_while)
    left = await its.left()
    await server.kill()
    clients[0].resume()
    assert 0 < left < count, f"{left} of {count} were left at the kill, which proves nothing"
    for client in clients:
        await client.drop()
    await server.start()
    again = [AgentClient(name, server.c2s) for name in AGENTS]
    for client in again:
        await client.login()

    async def all_sent() -> bool:
        return its.desk.status().state is DeskState.up and await its.left() == 0

    await _until(all_sent, 120)
    everybody = [*clients, *again]

    def all_there() -> bool:
        return len({text for client in everybody for _, text in client.inbox}) == count

    for client in again:
        await client.until(all_there, "each line is there", 60)
    # Each of its own agent, in the chat of its own customer.
    whose = {(client.name, phone, int(text.split()[2])) for client in everybody for phone, text in client.inbox}
    assert whose == {(_agent_of(number), _phone_of(number), number) for number in range(count)}
    ids: dict[str, set[str]] = {}
    for client in everybody:
        for (_, text), stanza in zip(client.inbox, client.ids, strict=True):
            ids.setdefault(text, set()).add(stanza)
    assert all(len(known) == 1 for known in ids.values()), "a line that came twice had two ids"
    twice = sum(len(client.inbox) for client in everybody) - count
    told = f"{count} lines, {left} left at the kill, {twice} came twice under the same id, 0 lost"
    record_property("lines", told)
    say(f"burst on {type(server).__name__}: {told}")
    for client in again:
        await client.logout()
