"""Who of the agents is there: what their clients say, and what they said to the desk.

Presence is never stored: after a start or a lost connection nobody is known until the server tells, or has had time
to. `/away` is, since an agent who went to lunch is at lunch after a deploy too.
"""

from collections.abc import Callable, Iterable

from gateway.model.desk import Show

SILENT_MS = 5000
"""So long after they were asked about, of whom nothing has come is not there: a server tells of who is at once, but
nothing of an agent who never logged in, or who has not let us see (ejabberd; Prosody without privileges).
"""
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
        self._asked: dict[str, int] = {}
        self._heard: set[str] = set()
        self._changed = changed

    def asked(self, agents: Iterable[str]) -> None:
        """The server was asked how much these are there. Until it was, or is again after `lost`, nothing is made of
        its telling nothing."""
        self._asked.update(dict.fromkeys(agents, self._now()))

    def lost(self) -> None:
        """The connection is gone: nobody tells of anybody."""
        self._asked.clear()

    def heard(self, agent: str) -> bool:
        """A client of the agent's said something: they are there, whether or not we may see them. Whether that is to
        be kept beyond this process (`are_elsewhere`): we asked for long, and may not.
        """
        if self._shows.get(agent, Show.unknown) is not Show.unknown or agent in self._elsewhere:
            return False
        self._heard.add(agent)
        return self._asked_for(SILENT_MS, agent)

    def tell(self, agent: str, show: Show) -> None:
        """An agent's clients say so (the best of all of them)."""
        if show < Show.offline:
            self._elsewhere.discard(agent)
        if show is not Show.unknown:
            self._heard.discard(agent)
        elif agent in self._asked:
            self._asked[agent] = self._now()
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
        """These work over HTTP, or with a client that does not let us see them, until one shows them there: they are
        not `gone`.
        """
        self._elsewhere.update(agents)

    def is_elsewhere(self, agent: str) -> bool:
        """Whether the agent works without a chat client that shows them."""
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
        """What an agent's clients say; of whom nothing comes, `offline`."""
        return Show.offline if self._silent(agent, SILENT_MS) else self._shows.get(agent, Show.unknown)

    def _silent(self, agent: str, ms: int) -> bool:
        """Whether we have asked about the agent for so long, and neither presence nor words have come."""
        known = self._shows.get(agent, Show.unknown) is not Show.unknown
        return not known and agent not in self._elsewhere and agent not in self._heard and self._asked_for(ms, agent)

    def _asked_for(self, ms: int, agent: str) -> bool:
        since = self._asked.get(agent)
        return since is not None and self._now() - since >= ms

    def appears(self, agent: str) -> Show:
        """The same, or away where the agent said so to the desk."""
        show = self.show(agent)
        return Show.away if agent in self._away and show < Show.away else show

    def gone(self, agent: str, grace: int) -> bool:
        """Whether an agent has been offline for so many ms, or nothing has come of them for so long, although we asked.
        Not gone is who has worked over HTTP since they went offline, or wrote without letting us see them.
        """
        if agent in self._elsewhere:
            return False
        left = self._left.get(agent)
        return self._silent(agent, max(grace, SILENT_MS)) or (left is not None and self._now() - left >= grace)

    def presence(self, agent: str) -> str:
        """`appears`, as the API shows it."""
        return self.appears(agent).name

    def rank(self, agent: str) -> int | None:
        """How soon an agent is asked, smaller first; None = not at all."""
        show = self.show(agent)
        return None if agent in self._away or show not in FREE else FREE.index(show)
