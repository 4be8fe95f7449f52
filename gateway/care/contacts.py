"""Who must see what a decision did to a conversation, in their contact list: who has it, and who had it."""

from collections.abc import Iterator

from gateway.model.conversation import Conversation, ConversationState


def changed(before: Conversation | None, now: Conversation) -> Iterator[tuple[str, str]]:
    """Rows for agents, (kind, agent). contact: the customer is, or is no more, one of those whom the agent talks with.
    stands: the contact's status is another; each who had it last sees that too.

    Texts that come and go change nothing here, so that it is a few for each conversation.
    """
    had, has = before.agent if before is not None else None, now.agent
    moved = [agent for agent in (had, has) if agent is not None and had != has]
    for one in moved:
        yield "contact", one
    if before is None or _standing(before) != _standing(now):
        last = before.last_agent if before is not None else None
        for agent in dict.fromkeys((has, last, now.last_agent)):
            if agent is not None and agent not in moved:
                yield "stands", agent


def _standing(its: Conversation) -> tuple[object, ...]:
    """What the status line is made of (`gateway.floor.statuses`)."""
    state = ConversationState.human if its.state is ConversationState.waiting else its.state
    return state, its.agent, its.queue if its.agent is None else None, its.disposition
