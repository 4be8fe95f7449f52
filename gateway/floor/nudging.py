"""Reminders for many: a row of the lane `desk` says what is the matter, here it becomes lines for those who are there.

A queue's agents are reminded once for all that waits, not once for each customer; nobody's words are in it.
"""

import json
from collections.abc import Callable, Sequence

from gateway.care import opening
from gateway.care.engine import Engine
from gateway.care.promises import TO_QUEUE, duration
from gateway.floor import cards
from gateway.floor.attendance import Attendance
from gateway.model.desk import Line, LineKind, Show
from gateway.settings.gateway_file import Agent
from gateway.store.database import Store
from gateway.store.listings import loads
from gateway.store.units import Due

MOST_ALARMS = 5
ALARMS_MS = 60_000
"""Of one queue, so many alarms in a minute name their customer; what is more is one line: a flood of alarms is none."""


class Nudging:
    """Makes the lines. now: wall clock, ms."""

    def __init__(self, store: Store, engine: Engine, attendance: Attendance, now: Callable[[], int]) -> None:
        self._store, self._engine, self._attendance, self._now = store, engine, attendance, now
        self._reminded: dict[str, tuple[int, int]] = {}  # of each queue, when its agents were last (ms), by which row
        self._alarms: dict[str, tuple[int, list[int]]] = {}  # of each queue, since when (ms), and the rows

    async def lines(self, due: Due) -> list[Line]:
        """The lines of a row of kind `nudge`; none where nobody is to be told any more."""
        _, whom, queue, text, owner = json.loads(due.body or "[]")
        if whom == TO_QUEUE:
            return await self._remind(due, str(queue))
        told = [agent for agent in self._supervisors(queue) if agent != owner]
        there = [agent for agent in told if self._there(agent)]
        place, customer = self._place(due, str(queue)), cards.number(due.key)
        if place > MOST_ALARMS:
            return []
        if place == MOST_ALARMS:
            customer, text = "", f"many more in {queue} at this moment: .queue lists what waits"
        # What concerns a supervisor is kept for one who is not there: nobody else will see to it.
        return [_line(due, agent, customer, text) for agent in there or told]

    def _place(self, due: Due, queue: str) -> int:
        """The how manyth alarm of this minute it is, from 0; the same row again is the same."""
        since, rows = self._alarms.get(queue, (0, []))
        if due.id not in rows and self._now() - since >= ALARMS_MS:
            since, rows = self._now(), []
            self._alarms[queue] = (since, rows)
        if due.id not in rows:
            if len(rows) > MOST_ALARMS:
                return len(rows)
            rows.append(due.id)
        return rows.index(due.id)

    async def _remind(self, due: Due, queue: str) -> list[Line]:
        rules = self._engine.playbook.rules.conversations
        at, row = self._reminded.get(queue, (0, 0))
        if row != due.id and self._now() - at < int(rules.nudge * 1000):
            return []  # they were told of all that waits a moment ago
        count, since = (await self._store.read(loads)).waiting.get(queue, (0, 0))
        if not count:
            return []
        self._reminded[queue] = (self._now(), due.id)
        longest = duration((self._now() - since) / 1000)
        verb = "waits" if count == 1 else "wait"
        text = f"{count} {verb} in {queue}, the longest for {longest}: .queue lists them, .take in their chat takes one"
        theirs = self._answered_by(queue)
        book = self._engine.playbook
        able = [one for one in book.agents if not theirs.isdisjoint(one.queues) and book.skilled(one, queue)]
        agents = [str(one.jid) for one in able]
        return [_line(due, agent, "", text) for agent in agents if self._there(agent)]

    def _answered_by(self, name: str) -> set[str]:
        """The queue, and its back-up while it has no agents of its own: those who can take what waits."""
        book = self._engine.playbook
        queue = book.queues.get(name)
        if queue is None or queue.backup is None or opening.works(book, queue, self._now()):
            return {name}
        return {name, queue.backup}

    def _there(self, agent: str) -> bool:
        """Free or not, but nobody who does not want to be disturbed."""
        return self._attendance.show(agent) < Show.dnd and not self._attendance.is_away(agent)

    def _supervisors(self, queue: str | None) -> Sequence[str]:
        """Those of the queue; all of them where it has none."""
        every: list[Agent] = [one for one in self._engine.playbook.agents if one.role == "supervisor"]
        own = [one for one in every if queue in one.queues]
        return [str(one.jid) for one in own or every]


def _line(due: Due, agent: str, customer: str, text: str) -> Line:
    # One row, many agents: each has a stanza of its own.
    return Line(f"{due.id}-{agent}", agent, customer, LineKind.notice, cards.ours(text))
