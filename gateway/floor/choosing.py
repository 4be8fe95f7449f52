"""Which agent is asked next: Fastpath's rules, as a pure choice.

Never one who is not there, does not want to be disturbed, has as many conversations as they can take, has not answered
the last question yet, or lacks a skill that the queue asks for. Of the others: who had the customer last, unless they
show away or xa; who answers this queue before those of its back-up; who speaks the customer's language; shows chat,
online, away, xa; then the fewest conversations; then who has waited longest since their last one. Nobody waits for any
of these.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.care.reserving import ROUND_MS, Reservation
from gateway.floor.attendance import FREE, Attendance
from gateway.model.desk import Show
from gateway.settings.gateway_file import Agent

_AVAILABLE = FREE.index(Show.online)


@dataclass(frozen=True, slots=True)
class Floor:
    """How the agents do. busy: conversations of each. asked: those who have a question open. free_since: ms, when they
    last had fewer conversations than before.
    """

    attendance: Attendance
    busy: Mapping[str, int]
    asked: Collection[str]
    free_since: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """For whom an agent is sought. queues: whose agents may be asked, in that order. its: who has passed. language: the
    customer's. last_agent: who had them last. skills: what the queue that they wait in asks for, which its back-up's
    agents need as well.
    """

    queues: Sequence[str]
    its: Reservation
    language: str
    last_agent: str | None = None
    skills: tuple[str, ...] = ()


class Choosing:
    """The agents who can be asked in one round. They are looked at once, however many customers wait."""

    def __init__(self, agents: Iterable[Agent], floor: Floor) -> None:
        self._asked = set(floor.asked)
        able: list[tuple[tuple[int, int, int], Agent]] = []
        for agent in agents:
            rank = floor.attendance.rank(agent.jid)
            busy = floor.busy.get(agent.jid, 0)
            if rank is not None and agent.jid not in self._asked and busy < agent.capacity:
                able.append(((rank, busy, floor.free_since.get(agent.jid, 0)), agent))
        able.sort(key=lambda one: one[0])
        self._available = {agent.jid: agent for (rank, _, _), agent in able if rank <= _AVAILABLE}
        self._lines: dict[tuple[str, str], deque[Agent]] = {}
        self._skilled: dict[tuple[str, str, tuple[str, ...]], deque[Agent]] = {}
        for _, agent in able:
            tongues = {known.partition("-")[0] for known in agent.languages}
            for queue in agent.queues:
                for tongue in ("", *tongues):
                    self._lines.setdefault((queue, tongue), deque()).append(agent)

    def left(self, queue: str, skills: tuple[str, ...] = ()) -> bool:
        """Whether a queue has an agent with these skills who could still be asked."""
        return bool(self._line(queue, "", skills))

    def choose(self, wanted: Wanted, now: int) -> str | None:
        """The agent to ask, None while there is none. They are not asked again in this round."""
        its = wanted.its
        found = self._first(wanted, its.passed)
        if found is None and its.passed and now >= its.until + ROUND_MS:
            found = self._first(wanted, ())
        if found is not None:
            self._asked.add(found)
        return found

    def _first(self, wanted: Wanted, passed: Collection[str]) -> str | None:
        last = self._available.get(wanted.last_agent or "")
        theirs = last is not None and not set(wanted.queues).isdisjoint(last.queues) and _has(last, wanted.skills)
        if last is not None and theirs and last.jid not in self._asked and last.jid not in passed:
            return str(last.jid)
        tongue = wanted.language.partition("-")[0]
        for queue in wanted.queues:
            for spoken in (tongue, ""):
                for agent in self._line(queue, spoken, wanted.skills):
                    if agent.jid not in self._asked and agent.jid not in passed:
                        return str(agent.jid)
        return None

    def _line(self, queue: str, tongue: str, skills: tuple[str, ...]) -> deque[Agent]:
        """Who speaks a language ("" = any) and has the skills, without those at its head who are asked already."""
        line = self._lines.get((queue, tongue))
        if line is None:
            return _NOBODY
        if skills:
            whole, key = line, (queue, tongue, skills)
            line = self._skilled.get(key)
            if line is None:
                line = self._skilled[key] = deque(agent for agent in whole if _has(agent, skills))
        while line and line[0].jid in self._asked:
            line.popleft()
        return line


def _has(agent: Agent, skills: Collection[str]) -> bool:
    return set(skills) <= set(agent.skills)


_NOBODY: deque[Agent] = deque()
