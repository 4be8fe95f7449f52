"""The server's rooms on the stage: who is in, and what was said there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.model.desk import Entry, RoomEvents, RoomPlan


@dataclass
class FakeRooms:
    """As `gateway.model.desk.Rooms`. up: whether we are let in. plans: what shall be. lines: what we said in each;
    titles: their subjects. invited: (room, agent). ended: why a room was destroyed, and is dead for ever,
    as on Prosody. seats: who is in. problem: why none comes up. made: those that came up, the last one last. slow: it
    takes a while until a room is no more.
    """

    up: bool = True
    plans: dict[str, RoomPlan] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    invited: list[tuple[str, str]] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    seats: dict[str, dict[str, str]] = field(default_factory=dict)
    events: RoomEvents = field(default_factory=RoomEvents)
    there: set[str] = field(default_factory=set)
    problem: str = ""
    made: list[str] = field(default_factory=list)
    slow: bool = False
    under_way: list[str] = field(default_factory=list)

    def keep(self, plan: RoomPlan, since: int | None = None) -> bool:
        known = self.plans.get(plan.jid)
        self.plans[plan.jid] = plan
        if self.up and (plan.jid in self.ended or self.problem):
            del self.plans[plan.jid]
            dead = plan.jid in self.ended
            self.events.failed(plan.jid, "does not let us in: gone" if dead else self.problem, dead)
        elif self.up and known != plan:
            if plan.jid not in self.made:
                self.made.append(plan.jid)
            how = Entry.changed if known is not None else Entry.back if plan.jid in self.there else Entry.made
            self.there.add(plan.jid)
            self.events.entered(plan.jid, how)
        return True

    def forget(self, jid: str) -> None:
        self.plans.pop(jid, None)

    def end(self, plan: RoomPlan, reason: str) -> None:
        if self.up:
            self.plans.pop(plan.jid, None)
            self.there.discard(plan.jid)
            self.seats.pop(plan.jid, None)
            self.ended[plan.jid] = reason
            if self.slow:
                self.under_way.append(plan.jid)
            else:
                self.events.gone(plan.jid)

    def inside(self, jid: str) -> bool:
        return self.up and jid in self.plans

    def behind(self, jid: str) -> bool:
        return False

    def people(self, jid: str) -> Mapping[str, str]:
        return self.seats.get(jid, {})

    def say(self, jid: str, text: str, *, id: str = "", at: int | None = None) -> bool:
        if not self.inside(jid):
            return False
        self.lines.setdefault(jid, []).append(text)
        return True

    def title(self, jid: str, text: str) -> bool:
        if self.inside(jid):
            self.titles[jid] = text
        return self.inside(jid)

    def invite(self, jid: str, agent: str, reason: str) -> bool:
        if self.inside(jid):
            self.invited.append((jid, agent))
        return self.inside(jid)
