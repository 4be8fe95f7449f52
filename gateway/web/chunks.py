"""A chunk of a batch of events: each stands or falls alone. Compiled, since a batch holds thousands."""

from collections.abc import Mapping, Sequence

from gateway.care.taking import Accepted, Taken
from gateway.model.ids import Ids
from gateway.web import bodies, cloudevents
from gateway.web.problems import Problem


class Chunk:
    """Some items of a batch, looked at. public_url: where problems are explained.

    firsts: what is to be taken, by place; copies: the same for what an earlier item of the chunk is the first of, to be
    taken after it, so that what stands on disk then says what they are.
    """

    def __init__(self, items: Sequence[object], public_url: str) -> None:
        self._items, self._public_url = items, public_url
        self._told: dict[int, dict[str, object]] = {}
        self.firsts: dict[int, Accepted] = {}
        self.copies: dict[int, Accepted] = {}

    def check(self, book: cloudevents.Book, ids: Ids, externals: Mapping[str, str | None]) -> None:
        """Looks at each item. externals: customer key by external id."""
        seen: set[tuple[str, str]] = set()
        for place, item in enumerate(self._items):
            try:
                if isinstance(item, bodies.Spoilt):
                    raise bodies.spoilt(item.errors)
                accepted = cloudevents.accept(item, book, ids, externals)
            except Problem as problem:
                self._told[place] = self._refused(item, problem)
                continue
            event = accepted[0]
            identity = (event.source, event.event_key)
            if identity in seen:
                self.copies[place] = accepted
            else:
                seen.add(identity)
                self.firsts[place] = accepted

    def tell(self, group: Mapping[int, Accepted], taken: Sequence[Taken]) -> None:
        """What became of `firsts` or `copies`, in their order."""
        for (place, (event, _)), one in zip(group.items(), taken, strict=True):
            if one.clash:
                self._told[place] = {"id": event.event_key, "problem": clash().members(self._public_url)}
            else:
                self._told[place] = {"id": event.event_key, "event": str(one.event_id), "duplicate": one.duplicate}

    def answers(self) -> list[dict[str, object]]:
        """What is told of each item, in their order, once all were taken or refused."""
        return [self._told[place] for place in range(len(self._items))]

    def _refused(self, item: object, problem: Problem) -> dict[str, object]:
        whole = item.item if isinstance(item, bodies.Spoilt) else item
        key = whole.get("id") if isinstance(whole, dict) else None
        known = isinstance(key, str) and len(key) <= cloudevents.LONGEST_ID and key.isprintable()
        return {"id": key if known else None, "problem": problem.members(self._public_url)}


def externals_of(items: Sequence[object]) -> list[str]:
    """The external ids that items name their customers by; only those that can be one."""
    wanted = {name for item in items if (name := cloudevents.external_of(item)) is not None}
    return [name for name in wanted if 0 < len(name) <= cloudevents.LONGEST_SUBJECT and name.isprintable()]


def clash() -> Problem:
    """The key is known with another type, subject or data."""
    said = "source and id were used before, for an event of another type, subject or data"
    return Problem("event-clash", said, [("/id", said)])
