"""How a queue stands: who is next, and how fast agents take them. In memory only; after a start it is learned anew."""

from gateway.model.rows import record

MOST_CLAIMS = 20
"""So many of the latest claims say how fast a queue moves."""
FEWEST_CLAIMS = 5
LATELY_MS = 3_600_000
LONGEST_MINUTES = 60
_MINUTE_MS = 60_000


@record
class Standing:
    """A queue at the last look. waiting: ids of its conversations, next first. claims: ms, when agents took the latest
    ones, oldest first.
    """

    waiting: tuple[int, ...] = ()
    claims: tuple[int, ...] = ()

    def place(self, conversation_id: int) -> int:
        """1 = the next; 0 = not known."""
        return self.waiting.index(conversation_id) + 1 if conversation_id in self.waiting else 0

    def minutes(self, place: int, now: int) -> int:
        """About how many minutes until the conversation in a place is taken, at the pace of the last hour; 0 = not
        known: too few claims for an estimate, or it would be too long for one.

        A queue that has come to a stop counts as slower with each minute that nobody takes anything.
        """
        lately = [at for at in self.claims if now - LATELY_MS <= at <= now]
        if place < 1 or len(lately) < FEWEST_CLAIMS:
            return 0
        # The first claim only begins the time in which the others fell; the one to come has lasted until now at least.
        gap = max((lately[-1] - lately[0]) / (len(lately) - 1), (now - lately[0]) / len(lately))
        minutes = -int(-place * gap // _MINUTE_MS)
        if minutes > LONGEST_MINUTES:
            return 0
        return max(1, minutes if minutes <= 10 else -(-minutes // 5) * 5)
