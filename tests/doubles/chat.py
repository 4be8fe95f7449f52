"""The agents' side of the desk on the stage: what each agent's client shows, and a server that can be away."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.model.desk import Line


@dataclass
class FakeChat:
    """Takes lines as the real channel does: a line that comes twice shows once, by its id."""

    up: bool = True
    lines: dict[str, list[Line]] = field(default_factory=dict)
    repeated: int = 0

    async def send(self, lines: Sequence[Line]) -> bool:
        """As `XmppLink.send`."""
        if not self.up:
            return False
        for line in lines:
            shown = self.lines.setdefault(line.agent, [])
            if any(one.id == line.id for one in shown):
                self.repeated += 1
            else:
                shown.append(line)
        return True

    def room(self) -> int:
        """As `AgentDesk` tells its lane."""
        return 500 if self.up else 0
