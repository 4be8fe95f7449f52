"""The gateway is killed while a room about a conversation is open: an agent talks to the customer from there, a
supervisor whispers, the customer writes. Nothing is lost without a word, nothing goes to the customer twice without a
mark, and nobody gets in who may not read.
"""

import asyncio
import contextlib
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.doubles.agent import AgentClient
from tests.doubles.chat_servers import KINDS, server_or_skip
from tests.doubles.prosody import DOMAIN, ROOMS
from tests.doubles.seats import Seats
from tests.faults.business import OVERAGE
from tests.faults.killing import say
from tests.faults.scene import CLOUDEVENT, Scene, scene
from tests.faults.test_desk_kills import DESK

pytestmark = [pytest.mark.interop, pytest.mark.slow]
SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1_000_000)
KILLS = int(os.environ.get("ROOM_KILLS") or "5")
PACE = 0.5
"""Three people who write as fast as they can."""
ANN = "+15557770001"
POINTS = (
    "before_room_words", "after_room_words", "after_room_shown", "after_lines_sent", "after_decision_commit",
    "mid_transaction",
)  # fmt: skip
MORE = f"""
[[agents]]
jid = "cleo@{DOMAIN}"
name = "Cleo"
queues = ["billing"]

[[queues]]
name = "other"
brand = "acme"
room = "other@{ROOMS}"
"""


class Talk:
    """Ana has Ann, and Ben, a supervisor, is in the room with both."""

    def __init__(self, on: Scene, ana: Seats, ben: Seats, room: str) -> None:
        self.on, self.ana, self.ben, self.room = on, ana, ben, room
        self.going = True
        self.count = 0
        self.words: list[str] = []
        self.written: list[str] = []
        self.acknowledged: set[str] = set()
        on.smsc.on_acknowledged = lambda one: self.acknowledged.add(one[1])

    async def talk(self) -> None:
        """One line after the other, of each."""
        while self.going:
            self.count += 1
            self.words.append(f"ana word {self.count}")
            self.ana.says(self.room, self.words[-1])
            self.ben.whispers(self.room, "ana", f"whisper {self.count}")
            if self.count % 4 == 0:
                self.ben.says(self.room, f"ben word {self.count}")
                self.ben.whispers(self.room, ANN, f"ben whispers {self.count} to the customer")
            self.written.append(f"ann word {self.count}")
            self.on.smsc.text(ANN, self.written[-1])
            await asyncio.sleep(PACE)  # the pace of the load

    async def returns(self, kill: int) -> None:
        """Until the desk is in the room again, or dead."""
        before = self._backs()
        await self.on.until(f"the room, after kill {kill}", lambda: self._backs() > before or _dead(self.on), 30)

    def _backs(self) -> int:
        return sum("back in this room" in text for _, text in self.ana.lines[self.room])

    def taken(self) -> Counter[str]:
        """What the customer's carrier took, and how often."""
        return Counter(one.text for one in self.on.smsc.taken)

    def untold(self) -> list[str]:
        """Words of Ana's that did not go out, and of which neither the room nor the chat with Ann has told her."""
        taken, lines = self.taken(), [text for nick, text in self.ana.lines[self.room] if nick not in ("ana", "ben")]
        lines += [text for _, text in self.ana.agent.inbox]  # while the desk was not in the room
        told = [line for line in lines if "not sent" in line or "the carrier never answered" in line]
        return [word for word in self.words if not taken[word] and not any(f'"{word}"' in line for line in told)]

    def unseen(self) -> list[str]:
        """Words of the customer that we acknowledged, and that somebody in the room has not read."""
        return [word for word in self.written if word in self.acknowledged and not self._seen(word)]

    def _seen(self, word: str) -> bool:
        return all(word in [text for _, text in seat.lines[self.room]] for seat in (self.ana, self.ben))

    def done(self) -> bool:
        """Whether nothing is under way any more."""
        return self.acknowledged.issuperset(self.written) and not self.untold() and not self.unseen()

    def wrong(self) -> list[str]:
        """What must not be."""
        taken = self.taken()
        marked = {row[0] for row in self.on.rows("SELECT text FROM message WHERE possible_duplicate = 1")}
        found = [f"twice without a mark: {text}" for text, times in taken.items() if times > 1 and text not in marked]
        found += [f"{one.text} went to {one.to}" for one in self.on.smsc.taken if one.to != ANN]
        found += [f"never taken from the carrier: {word}" for word in self.written if word not in self.acknowledged]
        found += [f"reached the customer: {text}" for text in taken if text.startswith(("ben", "whisper"))]
        for seat in (self.ana, self.ben):
            found += [f"no repetition: {word}" for word in self.written if len(seat.ids.get(word, ())) > 1]
            found += [f"a whisper for all: {text}" for _, text in seat.lines[self.room] if "whisper " in text[:8]]
        heard = [text for of, text in self.ana.agent.inbox if of == self.room and text.startswith("whisper")]
        if heard != [f"whisper {number}" for number in range(1, self.count + 1)]:
            found.append(f"whispers for Ana: {len(heard)} of {self.count}")
        return found


async def _opened(on: Scene, clients: dict[str, AgentClient]) -> Talk:
    """Ana takes what Ann asks, and asks Ben in."""
    body = {"specversion": "1.0", "type": "plan.overage", "source": "faults", "id": ANN}
    event = {**body, "subject": f"tel:{ANN}", "data": OVERAGE}
    async with on.session.post(f"{on.url}/v1/events", json=event, headers={"Content-Type": CLOUDEVENT}) as got:
        assert got.status == 202
    await on.until("she was told", lambda: len(on.smsc.taken) >= 1)
    on.smsc.text(ANN, "why?")
    state = "SELECT state FROM conversation"
    await on.until("she waits", lambda: on.rows(state) == [("queued",)])
    clients["ana"].says(ANN, "/take")
    await on.until("she is with Ana", lambda: on.rows(state) == [("human",)])
    clients["ana"].says(ANN, "/invite Ben")
    seats = {name: Seats(clients[name]) for name in ("ana", "ben")}
    await on.until("both are invited", lambda: all(seat.invited for seat in seats.values()))
    [room] = seats["ana"].invited
    for seat in seats.values():
        await seat.enters(room)
    await on.until("all three are there", lambda: len(seats["ana"].people[room]) == 3)
    return Talk(on, seats["ana"], seats["ben"], room)


async def _stays_out(client: AgentClient, room: str) -> None:
    with pytest.raises(AssertionError, match="registration-required"):
        async with asyncio.timeout(10):
            await Seats(client).enters(room)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_room_outlives_a_gateway_that_is_killed(tmp_path: Path, kind: str) -> None:
    say(f"room kill test on {kind}: FAULT_SEED={SEED}")
    chance = random.Random(SEED)
    server = server_or_skip(kind, tmp_path, ("ana", "ben", "cleo", "eve"), privileges=False)
    await server.start()
    clients = {name: AgentClient(name, server.c2s) for name in ("ana", "ben", "cleo", "eve")}
    desk = DESK.format(port=server.component).replace('name = "Ben"', 'name = "Ben"\nrole = "supervisor"')
    try:
        for client in clients.values():
            await client.login("dnd")
        async with scene(tmp_path, window=50, doubt_wait=0.5, more=desk + MORE) as on:
            talk = await _opened(on, clients)
            talking = asyncio.create_task(talk.talk())
            unfinished = 0
            for kill in range(KILLS):
                await asyncio.sleep(chance.uniform(0.5, 1.5))  # so long it lives
                unfinished += bool(talk.untold() or talk.unseen())
                on.gateway.kill()
                on.smsc.bound.clear()
                await _stays_out(clients["eve"], talk.room)
                point = POINTS[kill % len(POINTS)]
                on.gateway.start(GATEWAY_FAILPOINT=f"{point}:{chance.randint(1, 5)}")
                await on.until("the bind, or the next death", lambda: on.smsc.bound.is_set() or _dead(on), 30)
                if kill % 2 == 0:
                    await talk.returns(kill)
            talk.going = False
            await talking
            on.gateway.kill()  # the last life has no point at which it ends
            on.smsc.bound.clear()
            on.gateway.start()
            await on.until("the bind", on.smsc.bound.is_set, 30)
            with contextlib.suppress(AssertionError):
                await on.until("all is told and seen", talk.done, 40)
            await _stays_out(clients["cleo"], talk.room)
            wrong = [*talk.wrong(), *(f"not sent, not told: {word}" for word in talk.untold())]
            wrong += [f"not shown: {word}" for word in talk.unseen()]
            late = [text for _, text in talk.ana.lines[talk.room] if "after it was written" in text]
            told = [text for _, text in talk.ana.lines[talk.room] if "ana: not sent" in text]
            twice = sum(times - 1 for text, times in talk.taken().items() if text in talk.words)
            say(f"room kill test on {kind}: {KILLS} kills, {unfinished} with words under way; Ana said "
                f"{len(talk.words)} in the room, {len(late)} of them read back, {len(told)} told as not sent, "
                f"{twice} twice and marked; "
                f"Ann wrote {len(talk.written)}; wrong: {len(wrong)}")  # fmt: skip
            assert not wrong, f"FAULT_SEED={SEED}: {wrong[:10]}\n{on.gateway.tail()}"
            assert late, "nothing was read back, which proves nothing"
    finally:
        for client in clients.values():
            await client.logout()
        await server.stop()


def _dead(on: Scene) -> bool:
    return on.gateway.code() is not None
