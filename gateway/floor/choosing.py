"""Which agent is asked next: Fastpath's rules, as a pure choice.

Never one who is not there, does not want to be disturbed, has as many conversations as they can take, or has not
answered the last question yet. Of the others: who speaks the customer's language; shows chat, online, away, xa; then
the fewest conversations; then who has waited longest since their last one.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gateway.care.reserving import ROUND_MS, Reservation
from gateway.floor.attendance import Attendance
from gateway.settings.gateway_file import Agent


@dataclass(frozen=True, slots=True)
class Floor:
    """How the agents do. busy: conversations of each. asked: those who have a question open. free_since: ms, when they
    last had fewer conversations than before.
    """

    attendance: Attendance
    busy: Mapping[str, int]
    asked: AbstractSet[str]
    free_since: Mapping[str, int]


def choose(agents: Sequence[Agent], queue: str, its: Reservation, floor: Floor, now: int, language: str) -> str | None:
    """The agent to ask for a conversation of a queue, None while there is none. language: the customer's."""
    able = [agent for agent in agents if queue in agent.queues and _able(agent, floor)]
    fresh = [agent for agent in able if agent.jid not in its.passed]
    if not fresh and its.passed and now >= its.until + ROUND_MS:
        fresh = able
    if not fresh:
        return None
    return str(min(fresh, key=lambda agent: _order(agent, floor, language)).jid)


def _able(agent: Agent, floor: Floor) -> bool:
    return (
        floor.attendance.rank(agent.jid) is not None
        and agent.jid not in floor.asked
        and floor.busy.get(agent.jid, 0) < agent.capacity
    )


def _order(agent: Agent, floor: Floor, language: str) -> tuple[bool, int, int, int]:
    rank = floor.attendance.rank(agent.jid) or 0
    foreign = all(known.partition("-")[0] != language.partition("-")[0] for known in agent.languages)
    return foreign, rank, floor.busy.get(agent.jid, 0), floor.free_since.get(agent.jid, 0)
