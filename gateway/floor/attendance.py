"""Who of the agents is there: what their clients say, and what they said to the desk.

Presence is never stored: after a start or a lost connection nobody is known until the server tells. `/away` is, since
an agent who went to lunch is at lunch after a deploy too.
"""

from collections.abc import Callable, Iterable

from gateway.model.desk import Show

FREE = (Show.chat, Show.online, Show.away, Show.xa)
"""In the order in which they are asked: nobody who does not want to be disturbed (`dnd`)."""


class Attendance:
    """Agents by bare JID. now: wall clock, ms. changed: hears of each change."""

    def __init__(self, now: Callable[[], int], changed: Callable[[], None] = lambda: None) -> None:
        self._now = now
        self._shows: dict[str, Show] = {}
        self._left: dict[str, int] = {}
        self._away: set[str] = set()
        self._elsewhere: set[str] = set()
        self._changed = changed

    def tell(self, agent: str, show: Show) -> None:
        """An agent's clients say so (the best of all of them)."""
        if show < Show.offline:
            self._elsewhere.discard(agent)
        if self._shows.get(agent, Show.unknown) is not show:
            self._shows[agent] = show
            if show is Show.offline:
                self._left[agent] = self._now()
            else:
                self._left.pop(agent, None)
            self._changed()

    def without_client(self, agent: str) -> bool:
        """Whether an agent has no client that shows them there: what they do comes over HTTP, and their presence says
        nothing of them.
        """
        return self.show(agent) >= Show.offline

    def has_left(self, agent: str) -> bool:
        """Whether the agent is offline, and does not work over HTTP either."""
        return self.show(agent) is Show.offline and agent not in self._elsewhere

    def are_elsewhere(self, agents: Iterable[str]) -> None:
        """These work over HTTP, without a chat client, until one shows them there: they are not `gone`."""
        self._elsewhere.update(agents)

    def is_elsewhere(self, agent: str) -> bool:
        """Whether the agent works without a chat client."""
        return agent in self._elsewhere

    def go_away(self, agents: Iterable[str]) -> None:
        """These said that they are not to be asked, whatever their clients show."""
        self._away.update(agents)
        self._changed()

    def come_back(self, agent: str) -> None:
        """The agent takes conversations again."""
        self._away.discard(agent)
        self._changed()

    def is_away(self, agent: str) -> bool:
        """Whether the agent said so."""
        return agent in self._away

    def show(self, agent: str) -> Show:
        """What an agent's clients say."""
        return self._shows.get(agent, Show.unknown)

    def appears(self, agent: str) -> Show:
        """The same, or away where the agent said so to the desk."""
        show = self.show(agent)
        return Show.away if agent in self._away and show < Show.away else show

    def gone(self, agent: str, grace: int) -> bool:
        """Whether an agent has been offline for so many ms. Not gone is of whom nobody has told anything, and who has
        worked over HTTP since they went offline.
        """
        left = self._left.get(agent)
        return agent not in self._elsewhere and left is not None and self._now() - left >= grace

    def presence(self, agent: str) -> str:
        """`appears`, as the API shows it."""
        return self.appears(agent).name

    def rank(self, agent: str) -> int | None:
        """How soon an agent is asked, smaller first; None = not at all."""
        show = self.show(agent)
        return None if agent in self._away or show not in FREE else FREE.index(show)
