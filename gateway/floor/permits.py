"""Who may do what to a conversation now, said before anything is asked: nobody fills in a form that is refused then.

Each takes the turn, the conversation and the agent (bare JID), and raises NotOwner or Refused, with what to do next.
"""

from gateway.care import escalation, handing_back
from gateway.care.turn import NotOwner, Refused, Turn
from gateway.model.conversation import Conversation, OwnerKind


def anybody(turn: Turn, conversation: Conversation, agent: str) -> None:
    """The verb says for itself who may."""


def own(turn: Turn, conversation: Conversation, agent: str) -> None:
    """Who has it."""
    escalation.owned(turn.playbook, conversation, agent)


def transfer(turn: Turn, conversation: Conversation, agent: str) -> None:
    """Who has it, or may take it; a supervisor any that is open."""
    escalation.transferable(conversation)
    escalation.actor(turn, conversation, agent, as_agent=True)


def close(turn: Turn, conversation: Conversation, agent: str) -> None:
    """Who has it. What waits has nobody read, but a supervisor may clear a queue."""
    escalation.actor(turn, conversation, agent, as_agent=True)
    end(turn, conversation, agent)


def hand_back(turn: Turn, conversation: Conversation, agent: str) -> None:
    """Who has it, or may take it; where no handler goes on, as `close`."""
    escalation.actor(turn, conversation, agent, as_agent=True)
    if not handing_back.resumes(turn, conversation):
        end(turn, conversation, agent)


def end(turn: Turn, conversation: Conversation, agent: str) -> None:
    """Not what waits: a line may have been typed before the customer wrote again."""
    known = turn.playbook.agent(agent)
    supervises = known is not None and known.role == "supervisor"
    if conversation.owner_kind is OwnerKind.queue and conversation.open and not supervises:
        raise Refused(f"not closed: it waits in queue {conversation.queue} and nobody has it; .take it first")


def opt_out(turn: Turn, conversation: Conversation, agent: str) -> None:
    """The customer may say it at any time, also to who had them before."""
    known = turn.playbook.agent(agent)
    if conversation.open and conversation.owner_kind is not OwnerKind.bot:
        escalation.actor(turn, conversation, agent, as_agent=True)
        return
    brands = {turn.playbook.queues[name].brand for name in known.queues} if known is not None else set()
    if known is None or (known.role != "supervisor" and conversation.brand not in brands):
        raise NotOwner(escalation.taken(turn.playbook, conversation, agent), escalation.who_has(conversation))
