"""The server's rooms on the stage: who is in, and what was said there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.model.desk import Entry, RoomEvents, RoomPlan


@dataclass
class FakeRooms:
    """As `gateway.model.desk.Rooms`. up: whether we are let in. plans: what shall be. lines: what we said in each, once
    for each stanza; titles: their subjects. invited: (room, agent). ended: why a room was destroyed. seats: who is in.
    """

    up: bool = True
    plans: dict[str, RoomPlan] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    titles: dict[str, str] = field(default_factory=dict)
    invited: list[tuple[str, str]] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    seats: dict[str, dict[str, str]] = field(default_factory=dict)
    events: RoomEvents = field(default_factory=RoomEvents)
    there: set[str] = field(default_factory=set)

    def keep(self, plan: RoomPlan, since: int | None = None) -> bool:
        known = self.plans.get(plan.jid)
        self.plans[plan.jid] = plan
        if self.up and known != plan:
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
        if not id or id not in self.ids:
            self.lines.setdefault(jid, []).append(text)
        self.ids.add(id)
        return True

    def title(self, jid: str, text: str) -> bool:
        if self.inside(jid):
            self.titles[jid] = text
        return self.inside(jid)

    def invite(self, jid: str, agent: str, reason: str) -> bool:
        if self.inside(jid):
            self.invited.append((jid, agent))
        return self.inside(jid)
