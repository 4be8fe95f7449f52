"""A colleague is asked into a chat room about a conversation, or a supervisor listens.

Decisions in the customer's own order. The room is a row; `gateway.floor.talk_rooms` makes it so.
"""

from collections.abc import Callable

from gateway.care import escalation
from gateway.care.playbook import Playbook
from gateway.care.turn import NotOwner, Refused, Turn
from gateway.model.conversation import Conversation, OwnerKind
from gateway.model.desk import Show
from gateway.settings.gateway_file import Agent
from gateway.store import rooms

MONITORING_TOLD = "told"


def host_of(playbook: Playbook, brand: str) -> str | None:
    """The server of chat rooms: that of a lobby, the brand's own first; None where no queue has one."""
    found = [queue for queue in playbook.queues.values() if queue.room is not None]
    found.sort(key=lambda queue: queue.brand != brand)
    return found[0].room.partition("@")[2] if found and found[0].room is not None else None


def guests(turn: Turn, conversation: Conversation, agent: str, show: Callable[[str], Show]) -> list[tuple[str, str]]:
    """Who can be asked in, as (JID, how they are called): supervisors, then colleagues of the brand, each those who are
    there first.
    """
    known = [one for one in turn.playbook.agents if one.jid != agent and _may_come(turn.playbook, conversation, one)]
    known.sort(key=lambda one: (one.role != "supervisor", show(one.jid), one.name))
    return [(str(one.jid), f"{one.name}{_what(one)}, {show(one.jid).name}") for one in known]


def _what(agent: Agent) -> str:
    return " (supervisor)" if agent.role == "supervisor" else ""


def _may_come(playbook: Playbook, conversation: Conversation, agent: Agent) -> bool:
    brands = {playbook.queues[name].brand for name in agent.queues if name in playbook.queues}
    return agent.role == "supervisor" or conversation.brand in brands


def may_invite(turn: Turn, conversation: Conversation, agent: str) -> None:
    """Who has it. Raises NotOwner."""
    if not conversation.open or conversation.agent != agent or conversation.owner_kind is not OwnerKind.agent:
        has = escalation.who_has(conversation)
        raise NotOwner(f"{escalation.taken(turn.playbook, conversation, agent)}; only who has it can invite", has)


def invite(turn: Turn, conversation: Conversation, agent: str, whom: str, show: Callable[[str], Show]) -> str:
    """A room with both and the customer, where `may_invite`. Raises Refused."""
    guest = turn.playbook.agent(whom)
    if guest is None or guest.jid == agent or not _may_come(turn.playbook, conversation, guest):
        raise Refused(f"{whom[:80]!r} cannot be asked in; .invite lists who can", "who")
    if show(guest.jid) is Show.offline:
        raise Refused(f"{guest.name} is not there now; .invite lists who is", "who")
    _open(turn, conversation, {agent: False, guest.jid: False})
    name = escalation.name_of(turn.playbook, agent)
    turn.note(conversation, "invited", agent, f"{guest.jid} into a room")
    turn.to_agent("notice", guest.jid, conversation.id, f"{name} asks you into the room about this customer")
    return f"you and {guest.name} are asked into the room: what you write there goes to the customer, too"


def monitor(turn: Turn, conversation: Conversation, agent: str) -> str:
    """A room in which a supervisor reads along. Raises NotOwner, Refused."""
    known = turn.playbook.agent(agent)
    if known is None or known.role != "supervisor":
        raise Refused("only supervisors can listen; ask who has the conversation to .invite you")
    if not conversation.open or conversation.agent is None or conversation.owner_kind is not OwnerKind.agent:
        raise NotOwner(escalation.taken(turn.playbook, conversation, agent), escalation.who_has(conversation))
    if conversation.agent == agent:
        raise Refused("you have this conversation yourself")
    _open(turn, conversation, {agent: True})
    turn.note(conversation, "monitored", agent, "listens to this conversation")
    if turn.playbook.rules.conversations.monitoring == MONITORING_TOLD:
        turn.tell(conversation, f"{known.name} listens to this conversation")
    return "you are asked into the room; .take in it takes the conversation over, .leave ends it"


def _open(turn: Turn, conversation: Conversation, seats: dict[str, bool]) -> None:
    """Its JID is told by who makes it, when it is there: that it can be is not known yet."""
    host = host_of(turn.playbook, conversation.brand)
    if host is None:
        raise Refused(
            'there is no server of rooms: give a queue in gateway.toml its lobby, such as room = "q@rooms..."'
        )
    rooms.add(turn.unit, conversation.id, turn.key, f"c-{turn.ids()}@{host}", seats)
    turn.desk_changed = True
