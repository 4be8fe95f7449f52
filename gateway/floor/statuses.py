"""How a customer stands, as the status line of their contact: `with Ana`, `waits in billing since 14:02 EST`.

Only who has it and since when; nobody's words are in it, so all agents may see it.
"""

from gateway.care import escalation
from gateway.care.playbook import Playbook
from gateway.floor import times
from gateway.model.conversation import Conversation, ConversationState
from gateway.model.promises import read, rests, waits_since
from gateway.store.states import CustomerState


def status(state: CustomerState | None, book: Playbook, agent: str) -> str:
    """agent: who looks; their own conversation comes first, then one that is open, then the latest closed one."""
    talks = list(state.conversations.values()) if state is not None else []
    if not talks:
        return ""
    return _status(max(talks, key=lambda its: (its.agent == agent, its.open, its.changed_at)), book)


def _status(its: Conversation, book: Playbook) -> str:
    if its.state is ConversationState.queued:
        if rests(read(its.promises)):
            return f"answered; in {its.queue}"
        since = waits_since(its.promises, its.changed_at)
        return f"waits in {its.queue} since {times.clock(since, times.zone_of(book, its.brand))}"
    if not its.open:
        return "opted out" if its.disposition == "opted_out" else f"closed: {its.disposition}"
    has = escalation.name_of(book, its.agent) if its.agent else escalation.who_has(its)
    if its.state is ConversationState.wrapup:
        return f"closed: {its.disposition}; {has} wraps up"
    return f"with {has}"
