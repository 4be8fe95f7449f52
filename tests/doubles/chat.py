"""The agents' side of the desk on the stage: what each agent's client shows, and a server that can be away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.model.desk import Line, LineKind
from tests.doubles.rooms import FakeRooms


@dataclass
class FakeChat:
    """Takes lines as the real channel does: a line that comes twice shows once, by its id. contacts: the open chats of
    each agent, number -> name. rooms: the server's. statuses: what was pushed, of each agent and number, in order.
    shows: as of `DeskEvents`.
    """

    up: bool = True
    lines: dict[str, list[Line]] = field(default_factory=dict)
    repeated: int = 0
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    rooms: FakeRooms = field(default_factory=FakeRooms)
    statuses: dict[tuple[str, str], list[str | None]] = field(default_factory=dict)
    shows: Callable[[str, str], str | None] = lambda _agent, _customer: None

    async def send(self, lines: Sequence[Line]) -> bool:
        """As `XmppLink.send`."""
        if not self.up:
            return False
        for line in lines:
            if line.kind in (LineKind.opened, LineKind.ended, LineKind.stands):
                status = self.shows(line.agent, line.customer)
                self.statuses.setdefault((line.agent, line.customer), []).append(status)
                its = self.contacts.setdefault(line.agent, {})
                if line.kind is not LineKind.stands:
                    its.pop(line.customer, None)
                if line.kind is LineKind.opened:
                    its[line.customer] = line.text
                continue
            shown = self.lines.setdefault(line.agent, [])
            if any(one.id == line.id for one in shown):
                self.repeated += 1
            else:
                shown.append(line)
        return True

    def room(self) -> int:
        """As `AgentDesk` tells its lane."""
        return 500 if self.up else 0
