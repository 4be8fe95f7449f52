"""Which conversation with a customer an agent means. Mostly there is one; a customer of two brands may have two, and
nothing goes out in the wrong brand's name: then the agent says which.
"""

from collections.abc import Sequence

from gateway.care import reserving
from gateway.care.refusals import WhichBrand
from gateway.care.turn import Refused, Turn
from gateway.model.conversation import Conversation
from gateway.settings import nearest

_TAKING = frozenset({"take", "decline"})
_HARMLESS = _TAKING | {"card"}
_OWN, _OFFERED, _WAITS, _OPEN, _CLOSED = range(5)


def meant(turn: Turn, agent: str, verb: str = "", brand: str = "") -> Conversation:
    """The conversation that an agent means with a verb ("" = words to the customer): their own, else one offered to
    them, one that waits where they answer, any open one, and at last the latest closed one; what is offered comes first
    where they take or decline.

    Raises:
        WhichBrand: two of them could be meant, and `brand` names none.
        Refused: there is none, or no such brand.
    """
    if brand and brand not in turn.playbook.brands:
        raise Refused(f"there is no brand {brand!r}{nearest(brand, turn.playbook.brands)}", "brand")
    known = turn.playbook.agent(agent)

    def rank(its: Conversation) -> int:
        if its.agent == agent and its.open:
            return _OWN
        if its.open and reserving.reservation_of(its).agent == agent:
            return _OFFERED
        if its.state == "queued" and known is not None and turn.playbook.answers(known, its.queue):
            return _WAITS
        return _OPEN if its.open else _CLOSED

    ranked: dict[int, list[Conversation]] = {}
    for its in turn.conversations.values():
        if not brand or its.brand == brand:
            ranked.setdefault(rank(its), []).append(its)
    order = (_OFFERED, _WAITS, _OWN, _OPEN) if verb in _TAKING else (_OWN, _OFFERED, _WAITS, _OPEN)
    first = next((ranked[one] for one in order if one in ranked), [])
    if not verb and _OWN in ranked:
        # Who answers what is offered claims it: words could mean either.
        first = [*first, *ranked.get(_OFFERED, ())]
    if len(first) > 1:
        raise _which(turn, first, verb)
    closed = max(ranked.get(_CLOSED, ()), key=lambda its: its.id, default=None)
    found = first[0] if first else closed
    if found is None:
        raise Refused("this customer has no conversation yet" if not brand else f"no conversation with {brand}")
    if verb not in _HARMLESS and not brand and rank(found) != _OWN:
        _sure(turn, agent, found, verb)
    return found


def _sure(turn: Turn, agent: str, found: Conversation, verb: str) -> None:
    """What the agent had just now may have ended while they typed: then they mean that one, not the other brand's.
    Raises WhichBrand.
    """
    others = [its for its in turn.conversations.values() if its.brand != found.brand and its.last_agent == agent]
    if others:
        raise _which(turn, [found, *others], verb)


def _which(turn: Turn, found: Sequence[Conversation], verb: str) -> WhichBrand:
    return WhichBrand(tuple((its.brand, turn.playbook.brands[its.brand].display_name) for its in found), verb)
