"""The gateway is killed while agents and customers chat: nothing that anybody was told had arrived is lost, and nothing
goes to a customer twice without a mark. Where nobody can know, the agent is told so.

The agents do what the desk tells them: what bounced, and after an outage what shows no tick, they send again.

DESK_KILLS says how many kills on either server; the long one is `DESK_KILLS=24 pytest tests/faults/test_desk_kills.py
-s`. FAULT_SEED plays the same ones again.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.care.doubts import NOBODY_KNOWS
from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import server_or_skip
from tests.doubles.prosody import COMPONENT, DOMAIN, SECRET
from tests.faults.business import OVERAGE
from tests.faults.killing import say
from tests.faults.scene import CLOUDEVENT, Scene, scene

pytestmark = [pytest.mark.interop, pytest.mark.slow]
SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1_000_000)
KILLS = {"prosody": 8, "ejabberd": 2}
"""Where the environment says nothing."""
PACE = 0.02
MOST_OPEN, MOST_AGAIN = 300, 40
"""Bubbles without a tick after which agents wait; what one agent sends again at a time: the desk takes 50."""
AGENTS = ("ana", "ben")
CUSTOMERS = tuple(f"+1555777{number:04d}" for number in range(8))
POINTS = ("before_lines_sent", "after_lines_sent", "before_decision_commit", "after_decision_commit", "mid_transaction")
DESK = f"""
[xmpp]
host = "127.0.0.1"
port = {{port}}
domain = "{COMPONENT}"
secret = "{SECRET}"
agent_domains = ["{DOMAIN}"]

[[agents]]
jid = "ana@{DOMAIN}"
name = "Ana"
queues = ["billing"]
capacity = 100

[[agents]]
jid = "ben@{DOMAIN}"
name = "Ben"
queues = ["billing"]
capacity = 100
"""


class Floor:
    """Two agents with four customers each, who all write."""

    def __init__(self, on: Scene, clients: dict[str, AgentClient]) -> None:
        self.on, self.clients = on, clients
        self.owner = {phone: AGENTS[at % len(AGENTS)] for at, phone in enumerate(CUSTOMERS)}
        self.said: dict[str, dict[str, tuple[str, str]]] = {name: {} for name in AGENTS}
        self.written: dict[str, list[str]] = {phone: [] for phone in CUSTOMERS}
        self.acknowledged: set[tuple[str, str]] = set()
        self.going = True
        self.count = 0
        self.repeated: Counter[str] = Counter()
        on.smsc.on_acknowledged = self.acknowledged.add

    async def begin(self) -> None:
        """Each customer asks for a person, and has one."""
        for phone in CUSTOMERS:
            body = {"specversion": "1.0", "type": "plan.overage", "source": "faults", "id": phone}
            event = {**body, "subject": f"tel:{phone}", "data": OVERAGE}
            headers = {"Content-Type": CLOUDEVENT}
            async with self.on.session.post(f"{self.on.url}/v1/events", json=event, headers=headers) as got:
                assert got.status == 202
        await self.on.until("all were told", lambda: len(self.on.smsc.taken) >= len(CUSTOMERS))
        for phone in CUSTOMERS:
            self.on.smsc.text(phone, "why?")
        waiting = "SELECT count(*) FROM conversation WHERE state = 'queued'"
        await self.on.until("all wait", lambda: self.on.rows(waiting)[0] == (len(CUSTOMERS),))
        for phone, name in self.owner.items():
            self.clients[name].says(phone, "/take")
        mine = "SELECT count(*) FROM conversation WHERE state = 'human'"
        await self.on.until("all are with agents", lambda: self.on.rows(mine)[0] == (len(CUSTOMERS),))

    async def chat(self) -> None:
        """One word of an agent and one of a customer after the other."""
        while self.going:
            if self.open() > MOST_OPEN:
                await asyncio.sleep(PACE)  # nobody talks on for minutes to a desk that is down
                continue
            self.count += 1
            phone = CUSTOMERS[self.count % len(CUSTOMERS)]
            name = self.owner[phone]
            text = f"agent word {self.count}"
            self.said[name][self.clients[name].says(phone, text)] = (phone, text)
            word = f"customer word {self.count}"
            self.written[phone].append(word)
            self.on.smsc.text(phone, word)
            await asyncio.sleep(PACE)  # the pace of the load

    def open(self) -> int:
        """Words of agents that show no tick."""
        return sum(len(self.said[name].keys() - self.settled(client)) for name, client in self.clients.items())

    def settled(self, client: AgentClient) -> set[str]:
        """Bubbles that are ticked, or of which the desk says that nobody can know."""
        unknown = {stanza for stanza, why in client.failures if why == NOBODY_KNOWS}
        return client.ticked | unknown

    def again(self) -> None:
        """What shows no tick is sent again, as the desk asks, under its own id."""
        for name, client in self.clients.items():
            settled = self.settled(client)
            left = [stanza for stanza in self.said[name] if stanza not in settled]
            for stanza in sorted(left, key=lambda stanza: self.repeated[stanza])[:MOST_AGAIN]:
                self.repeated[stanza] += 1
                phone, text = self.said[name][stanza]
                client.says(phone, text, stanza=stanza)

    def unread(self) -> list[str]:
        """Words of customers that were acknowledged, and no agent has read."""
        read = {(phone, text) for client in self.clients.values() for phone, text in client.inbox}
        return [text for phone, text in self.acknowledged if (phone, text) not in read and text.startswith("customer")]


def _judge(floor: Floor) -> list[str]:
    """What is wrong."""
    taken = Counter((one.to, one.text) for one in floor.on.smsc.taken)
    for_whom = {text: phone for said in floor.said.values() for phone, text in said.values()}
    wrong = [f"{text} went to {to}" for to, text in taken if for_whom.get(text, to) != to]
    marked = {
        (row[0], row[1])
        for row in floor.on.rows("SELECT theirs, text FROM message WHERE possible_duplicate = 1 AND direction = 'mt'")
    }
    for name in AGENTS:
        client = floor.clients[name]
        told = floor.settled(client)
        for stanza, (phone, text) in floor.said[name].items():
            if not taken[phone, text] and stanza not in told:
                wrong.append(f"lost: {text} of {name}")
            elif not taken[phone, text] and stanza in client.ticked:
                wrong.append(f"ticked, and never sent: {text} of {name}")
            elif taken[phone, text] > 1 and (phone, text) not in marked:
                wrong.append(f"twice without a mark: {text} of {name}")
    for phone, name in floor.owner.items():
        words = [text for of, text in floor.clients[name].inbox if of == phone and text.startswith("customer")]
        if list(dict.fromkeys(words)) != floor.written[phone]:
            wrong.append(f"{name} has not read in order what {phone} wrote")
        ids: dict[str, set[str]] = {}
        for (of, text), stanza in zip(floor.clients[name].inbox, floor.clients[name].ids, strict=True):
            if of == phone and text.startswith("customer"):
                ids.setdefault(text, set()).add(stanza)
        wrong += [f"{name} sees {text} twice" for text, known in ids.items() if len(known) > 1]
        other = floor.clients[AGENTS[1 - AGENTS.index(name)]]
        if any(of == phone and text.startswith("customer") for of, text in other.inbox):
            wrong.append(f"words of {phone} went to the wrong agent")
    return wrong


async def _settled(on: Scene, what: str, floor: Floor, open_: Callable[[], int]) -> None:
    """Until nothing is open; agents repeat themselves now and then."""
    for _ in range(40):
        if not open_():
            return
        floor.again()
        try:
            await on.until(what, lambda: not open_(), 1.5)
        except AssertionError:
            continue
    raise AssertionError(f"FAULT_SEED={SEED}: {what}: {open_()} are open: {_judge(floor)[:10]}\n{on.gateway.tail()}")


async def _kill(floor: Floor, kills: int) -> int:
    """Kills the gateway so often; how often with words of agents under way."""
    on, chance, unfinished = floor.on, random.Random(SEED), 0
    for kill in range(kills):
        # So long it lives: mostly less than it takes to tick a bubble, after which agents would soon fall silent.
        await asyncio.sleep(chance.uniform(2.5, 4.0) if kill % 3 == 1 else chance.uniform(0.4, 1.2))
        unfinished += floor.open() > 0
        on.gateway.kill()
        on.smsc.bound.clear()
        point = POINTS[kill % len(POINTS)]
        environment = {"GATEWAY_FAILPOINT": f"{point}:{chance.randint(1, 20)}"} if kill % 2 else {}
        on.gateway.start(**environment)
        await on.until("the bind, or the next death", lambda: on.smsc.bound.is_set() or _dead(on), 30)
    return unfinished


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "usual"), KILLS.items(), ids=KILLS)
async def test_agents_and_customers_chat_while_the_gateway_is_killed(tmp_path: Path, kind: str, usual: int) -> None:
    kills = int(os.environ.get("DESK_KILLS") or usual)
    say(f"desk kill test on {kind}: FAULT_SEED={SEED}")
    server = server_or_skip(kind, tmp_path, AGENTS, privileges=False)
    await server.start()
    clients = {name: AgentClient(name, server.c2s) for name in AGENTS}
    try:
        for client in clients.values():
            await client.login("dnd")
        async with scene(tmp_path, window=50, doubt_wait=0.5, more=DESK.format(port=server.component)) as on:
            floor = Floor(on, clients)
            await floor.begin()
            chatting = asyncio.create_task(floor.chat())
            unfinished = await _kill(floor, kills)
            floor.going = False
            await chatting
            on.gateway.kill()  # the last life has no point at which it ends
            on.smsc.bound.clear()
            on.gateway.start()
            await on.until("the bind", on.smsc.bound.is_set, 30)
            begun = time.monotonic()
            await _settled(on, "each word of an agent is ticked", floor, floor.open)
            await _settled(on, "each word of a customer is read", floor, lambda: len(floor.unread()))
            took = time.monotonic() - begun
            wrong = _judge(floor)
            said = sum(map(len, floor.said.values()))
            twice = sum(count - 1 for count in Counter((one.to, one.text) for one in on.smsc.taken).values())
            say(f"desk kill test: {kills} kills, {unfinished} with words under way; agents said {said}, "
                f"customers {floor.count}; settled in {took:.0f} s; {twice} twice and marked; "
                f"wrong: {len(wrong)}")  # fmt: skip
            assert not wrong, f"FAULT_SEED={SEED}: {wrong[:10]}"
            assert unfinished >= kills // 2
    finally:
        for client in clients.values():
            await client.logout()
        await server.stop()


def _dead(on: Scene) -> bool:
    return on.gateway.code() is not None
