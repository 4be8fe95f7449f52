"""An agent writes first: to a number without a conversation, or whose last one is closed (contract section 5)."""

from collections.abc import Sequence

from gateway.care import escalation
from gateway.care.playbook import Playbook
from gateway.care.turn import NotOwner, Refused, Turn
from gateway.model.conversation import ConversationState
from gateway.model.message import Message
from gateway.model.rows import replace
from gateway.settings import nearest


def brands_of(book: Playbook, agent: str) -> Sequence[str]:
    """The brands that an agent may write for: those of their queues; all, of a supervisor who answers none."""
    known = book.agent(agent)
    queues = known.queues if known is not None else ()
    own = dict.fromkeys(book.queues[name].brand for name in queues if name in book.queues)
    every = known.role == "supervisor" if known is not None else not book.agents
    return tuple(own or (book.brands if every else ()))


def brand_for(turn: Turn, agent: str, wanted: str = "") -> str:
    """The brand in whose name an agent writes first. wanted: "" = the one that the agent has, or that of the customer's
    last conversation. Raises Refused.
    """
    may = brands_of(turn.playbook, agent)
    if wanted and wanted not in may:
        hint = nearest(wanted, may) or f"; there are {', '.join(may) or 'none'}"
        raise Refused(f"you do not write for a brand {wanted[:40]!r}{hint}", "brand")
    if wanted:
        return wanted
    if not may:
        raise Refused("you answer no queue of any brand, so there is none to write for", "brand")
    if len(may) == 1:
        return may[0]
    last = max((its for its in turn.conversations.values() if its.brand in may), key=lambda its: its.id, default=None)
    if last is None:
        raise Refused(f"you write for {', '.join(may)}: say which, as in .start {may[0]} TEXT", "brand")
    return last.brand


def start(turn: Turn, agent: str, text: str, brand: str = "", *, key: str | None = None, card: bool = False) -> Message:
    """Opens a conversation that this agent has, and says the words, through all gates. key: with which it is said once.
    card: the agent, who did not write in the chat with the customer, gets one there.

    Raises:
        NotOwner: there is an open one, which another has.
        Refused: agents may not, or these words may not go; nothing is opened.
    """
    if not turn.playbook.rules.conversations.agents_may_start:
        raise Refused("not sent: agents do not write first here ([conversations] agents_may_start in rules.toml)")
    jid = escalation.agent_named(turn.playbook, agent)
    name = brand_for(turn, jid, brand)
    current = turn.conversation(name)
    if current is not None and current.agent == jid:
        raise NotOwner("not sent: you have this conversation already; just write", escalation.who_has(current))
    if current is not None:
        raise NotOwner(f"not sent: {escalation.taken(turn.playbook, current, jid)}", escalation.who_has(current))
    fresh = turn.opened(turn.playbook.brands[name], turn.playbook.sender_of(name) or "")
    queue = _queue_of(turn, jid, name)
    human = ConversationState.human
    its = turn.put(replace(fresh, state=human, owner_id=jid, agent=jid, queue=queue, why="an agent wrote first"))
    turn.note(its, "started", jid, "wrote first")
    message = escalation.agent_says(turn, its, jid, text, idempotency_key=key)
    if message.disposition is not None:
        raise Refused(f"not sent: {message.reason}")
    if card:
        turn.to_agent("card", jid, its.id, 0)
    turn.desk_changed = True
    return message


def _queue_of(turn: Turn, jid: str, brand: str) -> str | None:
    """The queue that such a conversation belongs to: the agent's own of the brand, else the brand's."""
    known = turn.playbook.agent(jid)
    queues = turn.playbook.queues
    own = (
        name for name in (known.queues if known is not None else ()) if name in queues and queues[name].brand == brand
    )
    return next(own, None) or turn.playbook.default_queue(brand)
