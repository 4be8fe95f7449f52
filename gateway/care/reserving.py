"""Reservations: a conversation that waits is offered to one agent at a time, with a deadline (contract section 5).

A reservation is part of the conversation's row, and its deadline a timer: a restart forgets neither. It takes nothing
away from the others: whoever claims first has it.
"""

import json

from gateway.care.turn import Turn
from gateway.model.conversation import Conversation, ConversationState
from gateway.model.rows import record, replace

RESERVED = "reserved"
ROUND_MS = 60_000
"""After all agents of a round have passed, this long until they are asked again."""
MOST_PASSED = 200


@record
class Reservation:
    """Who is asked to take a conversation. agent: bare JID, None = nobody just now. until: ms, the deadline; of nobody
    the time when the last one passed. passed: who did in this round. card: id of the row that tells the agent (0 = none
    told yet); what the customer writes after it, the agent has not seen.
    """

    agent: str | None = None
    until: int = 0
    passed: tuple[str, ...] = ()
    card: int = 0


NOBODY = Reservation()


def reservation_of(conversation: Conversation) -> Reservation:
    """The reservation of a conversation."""
    return read(conversation.reservation)


def read(text: str | None) -> Reservation:
    """A reservation as it lies in the row of its conversation."""
    if text is None:
        return NOBODY
    agent, until, passed, card = json.loads(text)
    return Reservation(agent, until, tuple(passed), card)


def _written(its: Reservation) -> str:
    return json.dumps([its.agent, its.until, list(its.passed[-MOST_PASSED:]), its.card])


def _put(turn: Turn, conversation: Conversation, its: Reservation) -> Conversation:
    return turn.put(replace(turn.fresh(conversation), reservation=_written(its)))


def passed_with(conversation: Conversation, now: int, by: str) -> str:
    """The reservation of a conversation that is sent to a queue: whoever was asked, and who sends it (an agent, or
    anybody), has passed, as those before them.
    """
    its = reservation_of(conversation)
    asked = (its.agent,) if its.agent is not None else ()
    return _written(Reservation(None, now, tuple(dict.fromkeys((*its.passed, *asked, by)))))


def concerned(conversation: Conversation) -> tuple[str, ...]:
    """The agents who have it or are asked to take it."""
    both = (conversation.agent, reservation_of(conversation).agent)
    return tuple(dict.fromkeys(agent for agent in both if agent is not None))


def in_whose_name(turn: Turn, conversation: Conversation, agent: str) -> str:
    """The brand's name, to stand before the customer's words, where this agent has another open conversation with the
    same customer; "" where there is none to mix it up with.
    """
    others = (its for its in turn.conversations.values() if its.open and its.id != conversation.id)
    mixed = any(agent in concerned(its) for its in others)
    return str(turn.playbook.brands[conversation.brand].display_name) if mixed else ""


def reserve(turn: Turn, conversation_id: int, epoch: int, agent: str) -> bool:
    """Asks an agent, if the conversation still waits and nobody is asked; whether that was so."""
    conversation = turn.conversations.get(conversation_id)
    if conversation is None or conversation.epoch != epoch or conversation.state is not ConversationState.queued:
        return False
    its = reservation_of(conversation)
    queue = turn.playbook.queues.get(conversation.queue or "")
    if its.agent is not None or queue is None:
        return False
    passed = () if agent in its.passed else its.passed  # a new round
    until = turn.now + int(queue.offer_timeout * 1000)
    card = turn.to_agent("card", agent, conversation.id, int(queue.offer_timeout))
    _put(turn, conversation, Reservation(agent, until, passed, card))
    turn.timer(RESERVED, until, conversation.id, f"{epoch} {card}")
    return True


def lapse(turn: Turn, conversation_id: int, body: str) -> None:
    """The deadline: the agent has not answered. An older reservation's timer does nothing."""
    conversation = turn.conversations.get(conversation_id)
    epoch, _, card = body.partition(" ")
    if conversation is None or str(conversation.epoch) != epoch or conversation.state is not ConversationState.queued:
        return
    its = reservation_of(conversation)
    if its.agent is not None and str(its.card) == card:
        turn.to_agent("notice", its.agent, conversation.id, "time is up: it is offered to others; .take still takes it")
        pass_on(turn, conversation)


def left(turn: Turn, conversation_id: int, its: Reservation) -> bool:
    """The agent who was asked has logged out; whether they still were the one."""
    conversation = turn.conversations.get(conversation_id)
    if conversation is None or not conversation.open or reservation_of(conversation) != its:
        return False
    pass_on(turn, conversation)
    return True


def pass_on(turn: Turn, conversation: Conversation) -> Conversation:
    """The agent who was asked does not take it: the next one is asked."""
    its = reservation_of(conversation)
    turn.desk_changed = True
    passed = (*its.passed, its.agent) if its.agent is not None else its.passed
    return _put(turn, conversation, Reservation(None, turn.now, passed, 0))
