"""From bot to person and back: the queue, the claim, the agent's words, transfer, hand-back and close.

The verbs here are those of the desk: HTTP uses them now, the XMPP desk next. Each is one decision in the customer's own
lane, so the claim is compare-and-set by construction: the first commit wins, the loser hears who has it.
"""

from collections.abc import Sequence

from gateway.care import closing, outbound, queueing, ratings, reserving, wrapping
from gateway.care.playbook import Playbook
from gateway.care.turn import NotOwner, Refused, Turn
from gateway.model.conversation import Conversation, ConversationState, OwnerKind
from gateway.model.message import Author, Message, MessageClass
from gateway.model.promises import answered, read, rests, written
from gateway.model.rows import replace
from gateway.settings.gateway_file import Agent

_MOST_LISTED = 10


def closed_long_ago() -> NotOwner:
    """The answer to a verb on a conversation that is not open and not the latest closed one."""
    return NotOwner("nobody has this conversation: it was closed long ago", "nobody: it is closed")


def taken(playbook: Playbook, conversation: Conversation, agent: str) -> str:
    """Who has it, as a sentence for an agent (JID, or the name of a key) who may not do what they wanted to."""
    if not conversation.open:
        return f"the conversation is closed ({conversation.disposition}); the customer's next text opens another"
    if conversation.owner_kind is OwnerKind.queue:
        known = playbook.agent(agent)
        if known is None or known.role == "supervisor" or playbook.answers(known, conversation.queue):
            return f"this conversation waits in queue {conversation.owner_id}: take it first"
        return (
            f"this conversation waits in queue {conversation.owner_id}, which {known.name} does not answer:"
            " a supervisor can take it, or add the queue to the agent in gateway.toml"
        )
    has = name_of(playbook, conversation.agent) if conversation.agent is not None else who_has(conversation)
    return f"{has} has this conversation"


def ask_them(playbook: Playbook, conversation: Conversation, agent: str) -> str:
    """What an agent can do where a colleague has it, behind `taken`; "" = nothing more."""
    known = playbook.agent(agent)
    if known is None or not conversation.open or conversation.agent in (None, agent):
        return ""
    return f"; ask {name_of(playbook, str(conversation.agent))} to say .to {known.name}"


def who_has(conversation: Conversation) -> str:
    """The owner, in words."""
    if not conversation.open:
        return "nobody"
    if conversation.owner_kind is OwnerKind.bot:
        return f"the bot ({conversation.owner_id or 'no handler'})"
    return f"{'queue ' if conversation.owner_kind is OwnerKind.queue else ''}{conversation.owner_id}"


def agent_named(playbook: Playbook, name: str) -> str:
    """The JID of a configured agent by name or JID; any name where no agents are configured. Raises Refused."""
    found = playbook.agent(name)
    if found is not None:
        return str(found.jid)
    if playbook.agents:
        known = ", ".join(agent.name for agent in playbook.agents[:10])
        raise Refused(f"no agent {name!r} in gateway.toml; known: {known}", "agent")
    return name


def claim(turn: Turn, conversation: Conversation, agent: str) -> Conversation:
    """The agent takes a waiting conversation; a supervisor may take it from another agent (audited).

    Raises:
        NotOwner: another has it (or it is closed).
        Refused: the agent may not answer this queue.
    """
    playbook = turn.playbook
    jid = agent_named(playbook, agent)
    if conversation.agent == jid and conversation.owner_kind is OwnerKind.agent:
        return wrapping.back(turn, conversation)
    _entitled(playbook, conversation, jid)
    conversation = wrapping.back(turn, conversation)
    taken_from = conversation.agent
    moved = turn.put(replace(conversation, state=ConversationState.human, owner_id=jid, agent=jid, reservation=None))
    turn.note(moved, "claimed", jid, f"taken from {taken_from}" if taken_from else "")
    turn.desk_changed = True
    _tell_claimed(turn, moved, jid, taken_from, reserving.reservation_of(conversation))
    return moved


def _tell_claimed(
    turn: Turn, moved: Conversation, jid: str, taken_from: str | None, asked: reserving.Reservation
) -> None:
    """The claimant gets the card, unless they had it when they were asked; who had it or was asked hears who has it."""
    for other in dict.fromkeys((taken_from, asked.agent)):
        if other is not None and other != jid:
            turn.to_agent("notice", other, moved.id, f"{name_of(turn.playbook, jid)} has this conversation now")
    if asked.agent != jid or not asked.card:
        turn.to_agent("card", jid, moved.id, 0)


def name_of(playbook: Playbook, jid: str) -> str:
    """How colleagues call an agent."""
    found = playbook.agent(jid)
    return str(found.name) if found is not None else jid


def _entitled(playbook: Playbook, conversation: Conversation, jid: str) -> None:
    """Whether an agent may decide about the conversation: its owner, an agent of the queue it waits in, a supervisor.

    Raises:
        NotOwner: another has it (or it is closed).
        Refused: it waits in a queue that the agent does not answer.
    """
    if not conversation.open or conversation.owner_kind is OwnerKind.bot:
        raise NotOwner(taken(playbook, conversation, jid), who_has(conversation))
    known = playbook.agent(jid)
    if known is not None and known.role == "supervisor":
        return
    if conversation.owner_kind is OwnerKind.agent:
        if conversation.agent != jid:
            said = taken(playbook, conversation, jid) + ask_them(playbook, conversation, jid)
            raise NotOwner(said, who_has(conversation))
    elif known is not None and not playbook.answers(known, conversation.queue):
        raise Refused(taken(playbook, conversation, jid))


def actor(turn: Turn, conversation: Conversation, by: str, *, as_agent: bool) -> str:
    """Who transfers, closes or hands back, as the notes name them: an agent's JID, or a key.

    as_agent: `by` is an agent, who is bound by what an agent may do; False: a key that may act on anything.

    Raises:
        NotOwner, Refused: this agent may not, with the reason.
    """
    if not as_agent:
        return by
    jid = agent_named(turn.playbook, by)
    _entitled(turn.playbook, conversation, jid)
    return jid


def _with_former_owner(conversation: Conversation, by: str, text: str) -> str:
    """The text of a note; where another agent had the conversation, it says so."""
    if conversation.agent is None or conversation.agent == by:
        return text
    return f"{text}; it was with {conversation.agent}" if text else f"it was with {conversation.agent}"


def owned(playbook: Playbook, conversation: Conversation, agent: str) -> None:
    """Raises NotOwner unless this agent owns the turn (invariant 3: author == owner)."""
    if conversation.owner_kind is not OwnerKind.agent or conversation.agent != agent or not conversation.open:
        has = who_has(conversation)
        raise NotOwner(f"not sent: {taken(playbook, conversation, agent)}", has)


def agent_says(
    turn: Turn, conversation: Conversation, agent: str, text: str, *, idempotency_key: str | None = None
) -> Message:
    """The agent's words to the customer. Raises NotOwner, Refused."""
    jid = agent_named(turn.playbook, agent)
    owned(turn.playbook, conversation, jid)
    brand = turn.playbook.brands[conversation.brand]
    draft = outbound.Draft(text, MessageClass.conversational, Author("agent", jid), idempotency_key=idempotency_key)
    message = outbound.send(turn, conversation, brand, draft)
    if message.disposition is None:
        wait_for_customer(turn, conversation)
    return message


def wait_for_customer(turn: Turn, conversation: Conversation) -> None:
    """The agent has written: should the customer stay silent, T_idle closes it (`gateway.care.promises`)."""
    conversation = turn.fresh(conversation)
    if conversation.state is ConversationState.wrapup:
        conversation = wrapping.back(turn, conversation)
        turn.note(conversation, "reopened", conversation.agent or "system", "wrote again")
        turn.tell(conversation, "open again, since you wrote; .close OUTCOME closes it")
    turn.put(replace(conversation, state=ConversationState.waiting, promises=answered(conversation.promises)))


def customer_wrote(turn: Turn, conversation: Conversation) -> Conversation:
    """The customer's words reach the owner; a silent customer is silent no more."""
    if conversation.state is ConversationState.waiting:
        return turn.put(replace(conversation, state=ConversationState.human))
    return wrapping.back(turn, conversation, "the customer wrote again")


def transfer(
    turn: Turn, conversation: Conversation, to: str, reason: str, by: str, *, as_agent: bool = True
) -> Conversation:
    """To another queue or agent.

    Raises:
        Refused: there is none of that name, or the agent may not (see `actor`).
        NotOwner: it is closed, the bot's or another's.
    """
    playbook = turn.playbook
    transferable(conversation)
    by = actor(turn, conversation, by, as_agent=as_agent)
    conversation = wrapping.back(turn, conversation)
    if conversation.agent is not None or rests(read(conversation.promises)):
        conversation = _still_owed(turn, conversation)
    asked = reserving.reservation_of(conversation).agent
    turn.desk_changed = True
    queue = playbook.queue(to)
    if queue is not None:
        to = queue
        moved = _to_other_queue(turn, conversation, to, by)
    else:
        moved = _to_colleague(turn, conversation, to)
    whom = name_of(playbook, moved.agent) if moved.agent is not None else to
    said = f"to {whom}" + (f": {reason}" if reason else "")
    for had in dict.fromkeys((conversation.agent, asked)):
        if had is not None and had != moved.agent:
            turn.to_agent("notice", had, moved.id, f"transferred {said}")
    turn.note(moved, "transferred", by, _with_former_owner(conversation, by, said))
    return moved


def transferable(conversation: Conversation) -> None:
    """Raises NotOwner: it is closed, or the bot's."""
    if not conversation.open or conversation.owner_kind is OwnerKind.bot:
        has = who_has(conversation)
        raise NotOwner(f"{has} has this conversation; only what waits or is with an agent can be transferred", has)


def _still_owed(turn: Turn, conversation: Conversation) -> Conversation:
    """Who passes a customer on has not settled it, whatever they said: the customer waits for the next."""
    its = read(conversation.promises)
    if its.owed is not None:
        return conversation
    return turn.put(replace(conversation, promises=written(replace(its, owed=turn.now))))


def _to_other_queue(turn: Turn, conversation: Conversation, to: str, by: str) -> Conversation:
    """It waits there. Who sends it away, or passed before, is asked last."""
    brand = turn.playbook.queues[to].brand
    if brand != conversation.brand:
        raise Refused(f"queue {to} answers for {brand}, this conversation is with {conversation.brand}", "to")
    return queueing.to_other(turn, conversation, to, reserving.passed_with(conversation, turn.now, by))


def _to_colleague(turn: Turn, conversation: Conversation, to: str) -> Conversation:
    """They have it now, and get the card."""
    playbook = turn.playbook
    agent: Agent | None = playbook.agent(to)
    if agent is None and playbook.agents:
        queues = _listed([queue.name for queue in playbook.queues.values() if queue.brand == conversation.brand])
        agents = _listed([one.name for one in playbook.agents if one.jid != conversation.agent])
        raise Refused(f"no queue or agent {to[:40]!r}; queues: {queues}; agents: {agents}", "to")
    jid = str(agent.jid) if agent else to
    if conversation.agent == jid:
        raise Refused(f"{name_of(playbook, jid)} has this conversation already", "to")
    moved = turn.put(replace(conversation, state=ConversationState.human, owner_id=jid, agent=jid, reservation=None))
    turn.to_agent("card", jid, moved.id, 0)
    return moved


def _listed(names: Sequence[str]) -> str:
    """Some names, as a refusal lists them."""
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"{', '.join(names[:_MOST_LISTED])}{more}" if names else "none"


def close_by_agent(
    turn: Turn, conversation: Conversation, by: str, disposition: str, note: str, *, as_agent: bool = True
) -> Conversation:
    """The person is done; where the queue has a wrap-up, the agent's place stays taken for a while.

    Raises:
        NotOwner: it is closed, the bot's or another's.
        Refused: as `actor`; or the queue names how its conversations end, and this is none of them.
    """
    if not conversation.open or conversation.owner_kind is OwnerKind.bot:
        has = who_has(conversation)
        raise NotOwner(taken(turn.playbook, conversation, by), has)
    by = actor(turn, conversation, by, as_agent=as_agent)
    if as_agent and (why := closing.refused(turn, conversation, disposition)) is not None:
        raise Refused(why, "disposition")
    if note:
        turn.note(conversation, "note", by, note)
    turn.note(conversation, "closed", by, _with_former_owner(conversation, by, disposition))
    closing.withdraw_open(turn, conversation, made_by=closing.HANDLERS)
    ratings.plan(turn, conversation, disposition)
    seconds = wrapping.seconds_of(turn, conversation) if by == conversation.agent else 0
    if seconds:
        return wrapping.begin(turn, conversation, disposition, seconds)
    return closing.close(turn, conversation, disposition)


def give_back(turn: Turn, conversation: Conversation, by: str, *, as_agent: bool = True) -> Conversation:
    """Hands the turn to the bot; which handler goes on is for `dialogues` to say. Raises NotOwner, Refused."""
    if not conversation.open or conversation.owner_kind is OwnerKind.bot:
        has = who_has(conversation)
        raise NotOwner(taken(turn.playbook, conversation, by), has)
    by = actor(turn, conversation, by, as_agent=as_agent)
    conversation = wrapping.back(turn, conversation)
    turn.note(conversation, "handed_back", by, _with_former_owner(conversation, by, ""))
    turn.desk_changed = True
    return turn.put(
        replace(conversation, state=ConversationState.bot, owner_id="", agent=None, queue=None, reservation=None)
    )
