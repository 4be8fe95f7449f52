"""What comes back of the lines that agents were sent: their client has it, or the server could not deliver it."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.care import queueing, reserving
from gateway.care.engine import Engine
from gateway.care.turn import DESK_KEY, Refused, Turn, for_agent
from gateway.floor.unread import Unread
from gateway.model.address import parse_address
from gateway.model.desk import Bounced, Line, LineKind, Seen
from gateway.model.ids import Ids
from gateway.store import messages
from gateway.store.database import Store
from gateway.store.units import Due, Failure, Unit
from gateway.store.waiting import READ, RECEIVED, Shown

MOST_REMEMBERED = 20_000
MOST_UNDER_WAY = 1000
DOUBTFUL_MS = 30_000
PATIENCE_MS = 4_000
NEW_MS = 60_000
"""Who has acknowledged nothing for so long has clients that never do."""
log = logging.getLogger("gateway.floor.echoes")


@dataclass(frozen=True, slots=True)
class Sent:
    """A line, its row, and when the server had it (ms)."""

    line: Line
    due: Due
    at: int


class Echoes:
    """Only lines of which this process knows that it sent them count: nobody can invent a receipt."""

    def __init__(self, store: Store, engine: Engine, ids: Ids, now: Callable[[], int]) -> None:
        self._store, self._engine, self._ids, self._now = store, engine, ids, now
        self._sent: OrderedDict[str, Sent] = OrderedDict()  # by the line's id, those without a receipt
        self._unread = Unread()
        self._acknowledge: set[str] = set()  # agents whose clients send receipts
        self._first: dict[str, int] = {}  # ms, by agent: their first line of this process
        self._tasks: set[asyncio.Task[None]] = set()
        self._given_up: dict[tuple[str, str], str] = {}  # by customer's key and agent, why
        self._giving_up: asyncio.Task[None] | None = None

    def remember(self, due: Due, lines: Sequence[Line]) -> None:
        """The lines of a row are about to be sent."""
        now = self._now()
        for line in lines:
            if line.kind in (LineKind.text, LineKind.notice):
                self._sent[line.id] = Sent(line, due, now)
                self._first.setdefault(line.agent, now)
                self._unread.add(line)
        while len(self._sent) > MOST_REMEMBERED:
            self._sent.popitem(last=False)

    def recall(self, shown: Sequence[Shown], acknowledge: Iterable[str]) -> None:
        """After a start: customers' words that the last life of the program sent, and no client acknowledged, of agents
        whose clients do.
        """
        self._acknowledge.update(acknowledge)
        for one in (its for its in shown if its.agent in self._acknowledge):
            line = Line(f"m{one.message_id}", one.agent, parse_address(one.key).value, LineKind.text)
            due = for_agent(one.message_id, one.key, "relay", one.agent, one.message_id, one.at)
            self._sent.setdefault(line.id, Sent(line, due, one.at))
            self._unread.add(line)

    def forget(self, lines: Sequence[Line]) -> None:
        """They were not sent: their rows go again."""
        for line in lines:
            self._sent.pop(line.id, None)
        self._unread.forget(lines)

    def may_be_lost(self, since: int) -> list[Sent]:
        """Lines that the server took in shortly before we lost it (ms), and that no client has received: where it died,
        they may have died with it. In the order they were sent.
        """
        return [one for one in self._sent.values() if one.at >= since - DOUBTFUL_MS]

    def unread(self, agent: str) -> list[Sent]:
        """Lines that an agent's clients should have acknowledged and have not, in the order they were sent: they may
        have gone into a connection that was dead already. None of an agent whose clients never acknowledge; of one who
        is new nobody knows yet.
        """
        now = self._now()
        if agent not in self._acknowledge and now - self._first.get(agent, now) > NEW_MS:
            return []
        before = now - PATIENCE_MS
        return [one for one in self._sent.values() if one.line.agent == agent and one.at <= before]

    def renew(self, lines: Sequence[Line]) -> None:
        """These were sent once more just now: should we lose the server again, they are in doubt again."""
        now = self._now()
        for line in lines:
            if (one := self._sent.get(line.id)) is not None:
                self._sent[line.id] = Sent(line, one.due, now)

    def seen(self, seen: Seen) -> None:
        """A client has a line, or the agent has read it, which also says that a client has it. A customer's words have
        each in their timeline, once for all devices of the agent.
        """
        read = self._unread.read(seen.agent, seen.about) if seen.displayed else []
        notes = [(int(name.removeprefix("m")), f"{READ} {seen.agent}") for name in read]
        one = self._sent.get(seen.about)
        if one is not None and one.line.agent == seen.agent:
            del self._sent[seen.about]
            self._acknowledge.add(seen.agent)
            if one.line.kind is LineKind.text:
                notes.insert(0, (int(seen.about.removeprefix("m")), f"{RECEIVED} {seen.agent}"))
        if notes:
            self._spawn(self._note(notes, seen.agent))

    async def _note(self, notes: Sequence[tuple[int, str]], agent: str) -> None:
        """Messages, each with what their timelines say."""
        unit = Unit("desk")
        for message_id, reason in notes:
            messages.add_event(unit, self._ids(), message_id, "agent", code=agent, reason=reason, route="xmpp")
        try:
            await self._store.write(unit)
        except Failure as failure:
            log.warning("that a client has a line could not be written: %s", failure)

    def bounced(self, bounced: Bounced) -> None:
        """The server cannot reach this agent: what is offered to them goes to others, what they have waits again."""
        one = self._sent.get(bounced.about)
        # A server that cannot deliver says so in its own name.
        if one is None or bounced.agent not in (one.line.agent, one.line.agent.partition("@")[2]):
            return
        del self._sent[bounced.about]
        if not one.due.key.startswith(DESK_KEY):
            log.warning("a line for an agent came back: %s", bounced.reason[:200])
            self._given_up[one.due.key, one.line.agent] = bounced.reason
            if self._giving_up is None:
                self._giving_up = asyncio.get_running_loop().create_task(self._give_all_up())

    async def _give_all_up(self) -> None:
        """One after the other, however many come back at once: none may stay with who cannot be told."""
        while self._given_up:
            (key, agent), reason = self._given_up.popitem()
            try:
                await self._engine.ask(key, partial(unreachable, agent=agent, reason=reason))
            except (Refused, Failure) as error:
                log.warning("what an agent cannot be told stays with them: %s", error)
        self._giving_up = None

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        if len(self._tasks) >= MOST_UNDER_WAY:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Waits for what is being written."""
        last = (self._giving_up,) if self._giving_up is not None else ()
        await asyncio.gather(*self._tasks, *last, return_exceptions=True)


def unreachable(turn: Turn, agent: str, reason: str) -> None:
    """An agent cannot be reached: their conversations with this customer go to others."""
    for conversation in list(turn.conversations.values()):
        if not conversation.open:
            continue
        if conversation.agent == agent:
            queueing.requeue(turn, conversation, f"{agent} cannot be reached: {reason}"[:300])
        elif reserving.reservation_of(conversation).agent == agent:
            reserving.pass_on(turn, conversation)
