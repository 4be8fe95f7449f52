"""What an agent may offer a customer just now, and why the same offer is not made twice at once."""

from collections.abc import Sequence

from gateway.care import offers
from gateway.care.turn import Refused, Turn
from gateway.model.conversation import Conversation
from gateway.model.ids import TIME_SHIFT
from gateway.settings import nearest
from gateway.settings.policy import Offer as Terms

AT_ONCE_MS = 30_000
"""For so long the same offer is a second click, or was said again since its answer was lost."""
_MOST_NAMED = 10


def eligible(turn: Turn, conversation: Conversation) -> Sequence[Terms]:
    """The offers that the customer may have now."""
    return [
        terms
        for terms in turn.playbook.offers.values()
        if offers.terms_of(turn, terms.name, conversation.brand) is not None
        and offers.why_not(turn, conversation, terms) is None
    ]


def wanted(turn: Turn, conversation: Conversation, agent: str, name: str) -> Terms:
    """The terms of the offer that an agent (bare JID) wants to make. Raises Refused: it cannot be made now."""
    terms = offers.terms_of(turn, name, conversation.brand)
    if terms is None:
        known = [one.name for one in eligible(turn, conversation)][:_MOST_NAMED]
        can = f"the customer may have {', '.join(known)}" if known else "no offer can be made just now"
        raise Refused(f"no offer {name[:40]!r}{nearest(name[:40], known)}; {can}", "name")
    refused = offers.why_not(turn, conversation, terms)
    if refused is not None:
        raise Refused(f"the customer cannot be offered {terms.name} now: {refused}", "name")
    _not_at_once(turn, conversation, agent, terms)
    return terms


def _not_at_once(turn: Turn, conversation: Conversation, agent: str, terms: Terms) -> None:
    """The customer has it before them and has said nothing to it: they would get the same text twice. Where another was
    offered after it, a bare YES means neither, and asking again is meant. Raises Refused.
    """
    last = max(offers.made_by_agents(turn, conversation.brand), key=lambda offer: offer.id, default=None)
    if last is None or last.name != terms.name or last.made_by != f"{offers.AGENTS}{agent}":
        return
    at = last.id >> TIME_SHIFT
    left = at + AT_ONCE_MS - turn.now
    if left > 0 and at > (conversation.last_in or 0):
        since, wait = max(0, turn.now - at) // 1000, -(-left // 1000)
        raise Refused(
            f"{terms.name} was offered {since} s ago and is open; say it again in {wait} s to ask once more", "name"
        )
