"""Who had which conversation when, from what the database noted: never two at once, and only who had it spoke in it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

NOTES = """
SELECT conversation_id, id, kind, author, text
FROM note
WHERE kind IN ('claimed', 'started', 'transferred', 'requeued', 'reopened', 'handed_back', 'closed')
UNION ALL
SELECT conversation_id, id, 'said', author_id, text
FROM message
WHERE conversation_id IS NOT NULL AND direction = 'mt' AND author_kind = 'agent'
ORDER BY 2
"""
"""What changes an owner, and what agents said, in the order in which it was decided: ids only grow."""

Noted = tuple[int, int, str, str, str]
"""Conversation, id, kind, who, text."""


@dataclass
class Ownership:
    """spans: of each conversation who had it, and from which id on. wrong: what must never be."""

    spans: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def owners(self, conversation: int) -> set[str]:
        """All who ever had it."""
        return {owner for _, owner in self.spans.get(conversation, ()) if owner}

    def since(self, conversation: int, at: int) -> set[str]:
        """Who had it then, and who had it later."""
        spans = self.spans.get(conversation, [])
        then = [owner for begun, owner in spans if begun <= at][-1:]
        return {owner for owner in (*then, *(owner for begun, owner in spans if begun > at)) if owner}


def ownership(noted: Iterable[Noted], agents: Mapping[str, str], supervisors: Collection[str] = ()) -> Ownership:
    """Goes through it in order. agents: JIDs by the names that `transferred` tells. supervisors: JIDs of those who may
    take it from who has it.
    """
    found = Ownership()
    now: dict[int, str] = {}
    for talk, at, kind, who, text in noted:
        has = now.get(talk, "")
        if kind == "said":
            if who != has:
                found.wrong.append(f"{who} said {text!r} in {talk}, which {has or 'nobody'} had")
            continue
        now[talk] = _CHANGES.get(kind, _free)(who, text, agents)
        if kind in ("claimed", "started") and has and (who not in supervisors or text != f"taken from {has}"):
            found.wrong.append(f"{who} {kind} {talk}, which {has} had")
        found.spans.setdefault(talk, []).append((at, now[talk]))
    return found


def _taken(who: str, _text: str, _agents: Mapping[str, str]) -> str:
    return who


def _passed(_who: str, text: str, agents: Mapping[str, str]) -> str:
    """To a colleague, else to a queue."""
    return agents.get(text.removeprefix("to ").partition(":")[0].partition(" (")[0], "")


def _free(_who: str, _text: str, _agents: Mapping[str, str]) -> str:
    return ""


_CHANGES: Mapping[str, Callable[[str, str, Mapping[str, str]], str]] = {
    "claimed": _taken,
    "started": _taken,
    "transferred": _passed,
}
