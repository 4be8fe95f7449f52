"""A care floor on a real server: many agents, more customers, and everything that people do at the same time.

Agents answer, decline, do not look, take what is offered to others, lose their connection and come back; they pass
customers on to a queue or a colleague, hand them back to the bot, send canned replies and correct themselves. Whatever
they do: one owner at a time, each customer's words reach their owner, each word of an agent reaches them once or
bounces, nobody's words reach the wrong person, and every conversation ends.

FLOOR_AGENTS and FLOOR_CUSTOMERS make it as large as one likes, on either server. The large one:
`FLOOR_AGENTS=160 FLOOR_CUSTOMERS=800 pytest tests/faults/test_care_floor.py -s`. FAULT_SEED: the same people again.
"""

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import server_or_skip
from tests.doubles.laws import broken_laws
from tests.doubles.prosody import COMPONENT, DOMAIN, SECRET
from tests.faults.business import OVERAGE
from tests.faults.killing import say
from tests.faults.ownership import NOTES, ownership
from tests.faults.scene import Scene, scene
from tests.faults.smsc import Taken

pytestmark = [pytest.mark.interop, pytest.mark.slow]
SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1_000_000)
SIZES = {"prosody": (40, 200), "ejabberd": (12, 60)}
"""Agents and customers, where the environment says nothing."""
DECLINES, SLEEPS, VANISHES, STEALS = 0.10, 0.05, 0.04, 0.10
"""What agents do about a card, where they do not just answer."""
TO_QUEUE, TO_COLLEAGUE, TO_BOT, CANNED, CORRECTS = 0.10, 0.10, 0.10, 0.15, 0.10
"""What they do about a customer's words."""
TURNS = 2
QUEUES = ("billing", "second")
ASKED = "Is there anything else?"
CORRECTION = "Correction: "
OFFERED, OVER = ".take or just answer within", ("time is up", "has this conversation", "transferred to", "the bot has")
NOT_TAKEN = ("is not there now", "has this conversation already")
HANDLERS = ("plan_overage", "bench_echo", "care_question")
RULES = '[conversations]\ngrace = "2s"\n'
DESK = f"""
[xmpp]
host = "127.0.0.1"
port = {{port}}
domain = "{COMPONENT}"
secret = "{SECRET}"
agent_domains = ["{DOMAIN}"]

[[queues]]
name = "second"
brand = "acme"
offer_timeout = 2
"""
AGENT = """
[[agents]]
jid = "{name}@example.test"
name = "{name}"
queues = {queues}
capacity = 3
"""
REPLY = {"texts": {"en": "{{ agent }} to {{ phone }} {{ number }}"},
         "fields": [{"name": name, "type": "text", "required": True} for name in ("phone", "number")]}  # fmt: skip


def name_of(number: int) -> str:
    return f"agent{number:03d}"


Came = tuple[str, str, str]
"""A line that an agent was sent: its id, the customer's number, the text."""
Spoken = tuple[str, str, str]
"""What an agent wrote: the customer's number, the text, the stanza that it corrects ("" = none)."""


def _since(client: AgentClient, at: int) -> list[Came]:
    """What came after so many."""
    return [(stanza, *one) for stanza, one in zip(client.ids[at:], client.inbox[at:], strict=True)]


def phone_of(number: int) -> str:
    return f"+1555{number:07d}"


class Floor:
    """All agents and customers. reserved, claimed: seconds from the wait to the card, from an answer to its text.
    words: what agents wrote to customers, by agent and stanza. bounced: stanzas that were refused. offered: by agent,
    whom they are asked to take. read_early: agent, number and words that came while they were asked. shown: how often
    a client showed a line: once for each id.
    """

    def __init__(self, on: Scene, port: int, chance: random.Random, names: Sequence[str]) -> None:
        self.on, self._port, self._chance, self._names = on, port, chance, names
        self.agents: dict[str, AgentClient] = {}
        self.inboxes: dict[str, set[tuple[str, str]]] = {name: set() for name in names}
        self.known: dict[str, set[str]] = {name: set() for name in names}
        self.waiting: dict[str, float] = {}
        self.answered: dict[tuple[str, str], float] = {}
        self.reserved: list[float] = []
        self.claimed: list[float] = []
        self.did: Counter[str] = Counter()
        self.turns: Counter[str] = Counter()
        self.whys: Counter[str] = Counter()
        self.asked_first: set[str] = set()
        self.lines = self.words_count = 0
        self.said: dict[str, dict[str, Spoken]] = {name: {} for name in self.inboxes}
        self.words: dict[tuple[str, str], tuple[str, str]] = {}
        self.bounced: set[tuple[str, str]] = set()
        self.offered: dict[str, set[str]] = {name: set() for name in names}
        self.vanished: set[str] = set()
        self.shown: Counter[tuple[str, str, str]] = Counter()
        self.read_early: set[tuple[str, str, str]] = set()
        self.acknowledged: set[tuple[str, str]] = set()
        self.strays: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        on.smsc.on_taken = self._taken
        on.smsc.on_acknowledged = self.acknowledged.add

    async def login(self, name: str, unread: Sequence[Came] = ()) -> None:
        """unread: what the last session had received, and nobody had looked at yet."""
        before, client = self.agents.get(name), AgentClient(name, self._port)
        self.agents[name] = client
        await client.login()
        ticked = before.ticked if before is not None else set()
        if before is not None:
            self.bounced |= {(name, stanza) for stanza in before.failed}
        for stanza, (phone, text, corrects) in self.said[name].items():
            if stanza not in ticked:
                client.says(phone, text, stanza=stanza, corrects=corrects)
                if (phone, text) in self.answered:  # the seconds without a connection are not ours
                    self.answered[phone, text] = time.monotonic()
        self.said[name] = {stanza: said for stanza, said in self.said[name].items() if stanza not in ticked}
        self._spawn(self._work(name, client, unread))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(client.logout() for client in self.agents.values()))

    def reached(self, phone: str, text: str, agents: set[str]) -> bool:
        """Whether one of them has read it: as it came, or on the card of who took over."""
        return any(
            of == phone and (line == text or f"customer: {text}" in line)
            for name in agents
            for of, line in self.inboxes[name]
        )

    # -- an agent

    async def _work(self, name: str, client: AgentClient, unread: Sequence[Came]) -> None:
        lines, at = list(unread), 0
        known = self.known[name]

        def more() -> bool:
            return len(client.inbox) > at

        while True:
            if not lines:
                await client.until(more, "something is read", 3600)
            lines += _since(client, at)
            at = len(client.inbox)
            stanza, phone, text = lines.pop(0)
            self.inboxes[name].add((phone, text))
            if stanza in known:
                continue  # what comes again under its id a client shows once
            known.add(stanza)
            self.shown[name, phone, text] += 1
            if not await self._react(name, client, phone, text):
                self._spawn(self._back(name, [*lines, *_since(client, at)]))
                return

    async def _react(self, name: str, client: AgentClient, phone: str, text: str) -> bool:
        """What the agent does about a line; False when they are gone."""
        if OFFERED in text:
            self.offered[name].add(phone)
            return await self._asked(name, client, phone)
        if not text.startswith("[desk]"):
            if phone in self.offered[name]:
                self.read_early.add((name, phone, text))
            self._answer(name, client, phone, int(text.split()[1]) if text.startswith("reply ") else 0)
        elif "the customer will read" in text:
            self._line(client, name, phone, ".send")
        elif "What you write here goes to the customer" in text or any(why in text for why in NOT_TAKEN):
            self._say(client, name, phone)  # taken by `/take`, brought over from who is gone, passed on; or to nobody
        elif any(why in text for why in OVER):
            self.offered[name].discard(phone)
        return True

    def _answer(self, name: str, client: AgentClient, phone: str, turn: int) -> None:
        """A customer wrote to an agent."""
        if turn >= TURNS:
            self._line(client, name, phone, "/close resolved")
            return
        whom = self._chance.choice([other for other in self._names if other != name])
        does = {"passed on to a queue": (TO_QUEUE, f".to {self._chance.choice(QUEUES)} knows it"),
                "passed on to a colleague": (TO_COLLEAGUE, f".to {whom} knows it"),
                "handed back": (TO_BOT, "/bot")}  # fmt: skip
        what = self._chance.random()
        for done, (share, line) in does.items():
            if 0 <= what < share:
                self.did[done] += 1
                self._line(client, name, phone, line)
                return
            what -= share
        if what < CANNED:
            self.did["canned"] += 1
            self.words_count += 1
            self._line(client, name, phone, f".c answer phone={phone} number=c{self.words_count}")
            return
        stanza = self._say(client, name, phone)
        if what > 1 - TO_QUEUE - TO_COLLEAGUE - TO_BOT - CORRECTS:
            self.did["corrected"] += 1
            self._say(client, name, phone, corrects=stanza)

    async def _asked(self, name: str, client: AgentClient, phone: str) -> bool:
        if (since := self.waiting.pop(phone, None)) is not None:
            self.reserved.append(time.monotonic() - since)
        what = self._chance.random()
        if what < DECLINES:
            self.did["declined"] += 1
            self._line(client, name, phone, "/decline")
        elif what < DECLINES + SLEEPS:
            self.did["did not look"] += 1
        elif what < DECLINES + SLEEPS + VANISHES:
            self.did["vanished"] += 1
            self._say(client, name, phone)  # the claim may be the last thing that gets through
            await client.drop()
            self.vanished.add(name)
            return False
        else:
            if what > 1 - STEALS:
                self.did["raced"] += 1
                other = self._chance.choice(self._names)
                thief = self.agents.get(other)
                if thief is not None and thief.client.is_connected():
                    self._say(thief, other, phone)
            self._say(client, name, phone)
        return True

    async def _back(self, name: str, unread: Sequence[Came]) -> None:
        await asyncio.sleep(self._chance.uniform(0.5, 5))  # so long they are away
        await self.login(name, unread)

    def _say(self, client: AgentClient, name: str, phone: str, *, corrects: str = "") -> str:
        self.words_count += 1
        text = f"{name} to {phone} {self.words_count}"
        self.answered[phone, text] = time.monotonic()
        stanza = self._line(client, name, phone, text, corrects)
        self.words[name, stanza] = (phone, f"{CORRECTION}{text}" if corrects else text)
        return stanza

    def _line(self, client: AgentClient, name: str, phone: str, text: str, corrects: str = "") -> str:
        """What a session said last and shows no tick, the next one says again, under the same id."""
        self.lines += 1
        stanza = client.says(phone, text, stanza=f"line-{self.lines}", corrects=corrects)
        self.said[name][stanza] = (phone, text, corrects)
        return stanza

    # -- a customer

    def _taken(self, taken: Taken) -> None:
        if taken.text == ASKED:
            if taken.to in self.asked_first:  # an agent has handed back
                self.whys[taken.to] += 1
                self.on.smsc.text(taken.to, f"why? {self.whys[taken.to]}")
            self.asked_first.add(taken.to)
            return
        corrected = taken.text.startswith(CORRECTION)
        text = taken.text.removeprefix(CORRECTION)
        if not text.startswith("agent"):
            return
        _, _, phone, _ = text.split()
        if phone != taken.to:
            self.strays.append(taken.text)
        if corrected:
            return
        if (since := self.answered.get((phone, text))) is not None:
            self.claimed.append(time.monotonic() - since)
        self.turns[phone] += 1
        self.on.smsc.text(phone, f"reply {self.turns[phone]}")


async def _fire(on: Scene, number: int) -> None:
    event = {
        "specversion": "1.0",
        "type": "care.question" if number % 2 else "plan.overage",
        "source": "floor",
        "id": str(number),
        "subject": f"tel:{phone_of(number)}",
        "data": {"text": ASKED} if number % 2 else OVERAGE,
    }
    async with on.session.post(
        f"{on.url}/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json"}
    ) as got:
        assert got.status == 202


def _p99(times: list[float]) -> str:
    ordered = sorted(times)
    return f"p50 {ordered[len(ordered) // 2] * 1000:.0f} ms, p99 {ordered[int(len(ordered) * 0.99)] * 1000:.0f} ms"


def _local(jid: str) -> str:
    return jid.partition("@")[0]


def _spoken(floor: Floor) -> list[str]:
    """What is wrong with the words of agents: each is with its customer, or was refused."""
    taken = Counter((one.to, one.text) for one in floor.on.smsc.taken if "agent" in one.text)
    bounced = floor.bounced | {(name, stanza) for name, client in floor.agents.items() for stanza in client.failed}
    return [f"lost: {said[1]}" for its, said in floor.words.items() if not taken[said] and its not in bounced]


def _sent(floor: Floor) -> list[str]:
    """What is wrong with all texts to phones, those of the bot too: each row is one text, and one more where marked."""
    taken = Counter((one.to, one.text) for one in floor.on.smsc.taken)
    [(open_,)] = floor.on.rows("SELECT count(*) FROM message WHERE direction = 'mt' AND state <> 'final'")
    return [f"of {open_} texts nobody knows what became of them"][:open_] + [
        f"{taken[phone, text]} times instead of {rows} (and {marked} marked): {text} to {phone}"
        for phone, text, rows, marked in floor.on.rows(
            "SELECT theirs, text, count(*), sum(possible_duplicate) FROM message WHERE direction = 'mt' "
            "AND parts = 1 AND disposition = 'delivered' GROUP BY 1, 2"
        )
        if not rows <= taken[phone, text] <= rows + marked
    ]


def _shown(floor: Floor) -> list[str]:
    """What timelines say was shown to an agent whose connection held all the time, and was not."""
    told = floor.on.rows(
        "SELECT m.theirs, m.text, e.code FROM message_event e JOIN message m ON m.id = e.message_id "
        "WHERE m.direction = 'mo' AND e.kind = 'agent' AND e.reason LIKE 'shown to %'"
    )
    return [
        f"{_local(agent)} was shown {text} of {phone}, and has not read it"
        for phone, text, agent in told
        if _local(agent) not in floor.vanished and (phone, text) not in floor.inboxes[_local(agent)]
    ]


def _judge(floor: Floor) -> list[str]:
    """What is wrong."""
    on, wrong = floor.on, [*floor.strays, *_spoken(floor), *_sent(floor), *_shown(floor)]
    left = on.rows("SELECT state, count(*) FROM conversation WHERE state <> 'closed' GROUP BY 1")
    wrong += [f"{count} conversations are {state}" for state, count in left]
    its = ownership(on.rows(NOTES), {name: f"{name}@{DOMAIN}" for name in floor.inboxes})
    wrong += its.wrong
    later: dict[tuple[str, str], set[str]] = {}
    for conversation, an_id, phone, text in on.rows(
        "SELECT conversation_id, id, theirs, text FROM message WHERE direction = 'mo' AND conversation_id IS NOT NULL"
    ):
        later.setdefault((phone, text), set()).update(map(_local, its.since(conversation, an_id)))
    for phone, text in floor.acknowledged:  # the carrier forgets what we took: from then on it is ours to lose
        theirs = later.get((phone, text), set())
        if not floor.reached(phone, text, theirs):
            wrong.append(f"{phone}: {text} was acknowledged, and reached none of {theirs}")
    wrong += [
        f"{name} sees {text} of {phone} {count} times"
        for (name, phone, text), count in floor.shown.items()
        if count > 1 and text.startswith(("reply", "why?"))
    ]
    for name, inbox in floor.inboxes.items():
        for phone, text in inbox:
            theirs = later.get((phone, text), set())
            if (
                text.startswith(("reply", "why?"))
                and name not in theirs
                and (name, phone, text) not in floor.read_early
            ):
                wrong.append(f"{name} read {text} of {phone}, who was not theirs then or later")
    with closing(apsw.Connection(str(on.database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        wrong += broken_laws(connection)
    return wrong


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("kind", "size"), SIZES.items(), ids=SIZES)
async def test_a_floor_of_agents(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    names = [name_of(number) for number in range(int(os.environ.get("FLOOR_AGENTS") or size[0]))]
    customers = int(os.environ.get("FLOOR_CUSTOMERS") or size[1])
    say(f"care floor on {kind}: FAULT_SEED={SEED}, {len(names)} agents, {customers} customers")
    server = server_or_skip(kind, tmp_path, tuple(names))
    await server.start()
    more = DESK.format(port=server.component) + "".join(
        AGENT.format(name=name, queues=list(QUEUES[: 1 + at % 2])) for at, name in enumerate(names)
    )
    try:
        async with scene(tmp_path, window=50, more=more, rules=RULES, handlers=HANDLERS) as on:
            toml = on.gateway.config / "gateway.toml"
            toml.write_text(
                toml.read_text().replace('name = "billing"\nbrand', 'name = "billing"\noffer_timeout = 2\nbrand', 1)
            )
            keywords = on.gateway.config / "keywords.toml"
            keywords.write_text(keywords.read_text().replace("bench_echo", "care_stranger"))
            on.gateway.kill()
            on.smsc.bound.clear()
            on.gateway.start()
            await on.until("the bind", on.smsc.bound.is_set, 30)
            floor = Floor(on, server.c2s, random.Random(SEED), names)
            try:
                await _play(floor, customers)
            finally:
                await floor.close()
    finally:
        await server.stop()


async def _play(floor: Floor, customers: int) -> None:
    """A day."""
    on = floor.on
    for name in floor.inboxes:
        await floor.login(name)
    async with on.session.put(f"{on.url}/v1/canned/answer", json=REPLY) as got:
        assert got.status == 200, await got.text()
    for number in range(customers):
        await _fire(on, number)
    await on.until("all were told", lambda: len(on.smsc.taken) >= customers, 60)
    begun = time.monotonic()
    for number in range(customers):
        floor.waiting[phone_of(number)] = time.monotonic()
        on.smsc.text(phone_of(number), "why?")
    # Who is late with an answer may have opened one more: that has to end as well.
    counted = "SELECT count(*) >= ?, coalesce(sum(state <> 'closed'), 0) FROM conversation"
    patience = max(150, customers / 2)
    try:
        await on.until("every conversation has ended", lambda: on.rows(counted, customers)[0] == (1, 0), patience)
    except AssertionError as error:
        raise AssertionError(f"FAULT_SEED={SEED}: {_judge(floor)[:10]}\n{error}") from None
    took = time.monotonic() - begun
    await on.until("all is read", lambda: on.rows("SELECT count(*) FROM work WHERE lane = 'desk'")[0] == (0,))
    wrong: list[str] = []

    def right() -> bool:
        wrong[:] = _judge(floor)
        return not wrong

    with contextlib.suppress(
        AssertionError
    ):  # of who was just gone, what they missed comes a while after they are back
        await on.until("all is as it should be", right, 30)
    say(f"care floor: {took:.0f} s; {dict(floor.did)}; reservation {_p99(floor.reserved)}; "
        f"claim {_p99(floor.claimed)}; wrong: {len(wrong)}")  # fmt: skip
    assert not wrong, f"FAULT_SEED={SEED}: {wrong[:10]}"
