"""Conversations: one episode between a customer and a brand, whose turn it is, and what each dialogue waits for."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from gateway.model.rows import record


class ConversationState(StrEnum):
    """bot: a handler owns the turn.

    waiting: the agent asked and the customer is silent. wrapup: closed for the customer.
    """

    bot = "bot"
    queued = "queued"
    human = "human"
    waiting = "waiting"
    wrapup = "wrapup"
    closed = "closed"


class OwnerKind(StrEnum):
    """Exactly one of these owns an open conversation."""

    bot = "bot"
    queue = "queue"
    agent = "agent"


# Which state follows which (design section 4). Reopening is closed -> bot or queued.
_NEXT = {
    ConversationState.bot: {ConversationState.queued, ConversationState.human, ConversationState.closed},
    ConversationState.queued: {ConversationState.human, ConversationState.bot, ConversationState.closed},
    ConversationState.human: {
        ConversationState.waiting,
        ConversationState.queued,
        ConversationState.bot,
        ConversationState.wrapup,
        ConversationState.closed,
    },
    ConversationState.waiting: {
        ConversationState.human,
        ConversationState.queued,
        ConversationState.bot,
        ConversationState.wrapup,
        ConversationState.closed,
    },
    ConversationState.wrapup: {ConversationState.closed, ConversationState.queued, ConversationState.human},
    ConversationState.closed: {ConversationState.bot, ConversationState.queued},
}

OWNER_OF = {
    ConversationState.bot: OwnerKind.bot,
    ConversationState.queued: OwnerKind.queue,
    ConversationState.human: OwnerKind.agent,
    ConversationState.waiting: OwnerKind.agent,
    ConversationState.wrapup: OwnerKind.agent,
    ConversationState.closed: OwnerKind.bot,
}


def may_become(state: ConversationState, wanted: ConversationState) -> bool:
    """Whether the state machine has this arrow (staying is always allowed)."""
    return wanted is state or wanted in _NEXT[state]


class DialogueState(StrEnum):
    """floor: may ask. calling: has the floor and waits for a back office. pending: waits for the floor. done: ended."""

    floor = "floor"
    calling = "calling"
    pending = "pending"
    done = "done"


HAS_FLOOR = frozenset({DialogueState.floor, DialogueState.calling})


@record
class Dialogue:
    """One run of a handler inside a conversation.

    data: JSON of what started it. step: where it waits ("" before the first wait, and while a call is under way).
    deadline: ms, when the step times out, None = never. pending: a step that waits for the floor: {"step",
    "timeout", "offer"}. parked: ids of texts that came while a call was under way. misses: replies that this step
    did not understand. rank: class of its event, decides who gets the floor next. timer: due time of its row in
    `work`; a timer that fires early goes back to sleep, so that a conversation which goes on moves no rows.
    """

    id: int
    conversation_id: int
    event_id: int | None
    handler: str
    version: int
    state: DialogueState
    step: str = ""
    slots: Mapping[str, object] = field(default_factory=dict)
    deadline: int | None = None
    offer_id: int | None = None
    call_id: int | None = None
    pending: Mapping[str, object] | None = None
    parked: tuple[int, ...] = ()
    misses: int = 0
    rank: int = 0
    timer: int | None = None
    data: str = "{}"


@record
class Conversation:
    """One episode in the thread of a customer and a brand.

    epoch: raised by each change of owner; timers and effects of an older epoch do nothing. owner_id: handler
    type, queue or agent. sender: our address that the customer last used or was last texted from. channel: `sms`.
    rejoin: the dialogue that resumes when an agent hands back. reservation: who is asked to take it
    (`gateway.care.reserving`). preview: what its agent looks at before it is sent (`gateway.care.previewing`).
    promises: what the customer is owed (`gateway.model.promises`). previous: the conversation that this one follows
    within a week. queued_at: when the customer began to wait for a person; it stays when an agent is lost or passes
    them on. priority: its own points. last_agent: who has them, or had them last. prompt: of a closed one,
    what was asked and still stands (`gateway.care.late_replies`). Times are ms since 1970 UTC.
    """

    id: int
    customer_id: int
    key: str
    brand: str
    state: ConversationState
    owner_id: str
    epoch: int
    sender: str
    opened_at: int
    changed_at: int
    queue: str | None = None
    agent: str | None = None
    channel: str = "sms"
    disposition: str | None = None
    closed_at: int | None = None
    why: str | None = None
    told_waiting: bool = False
    last_in: int | None = None
    last_out: int | None = None
    rejoin: int | None = None
    reservation: str | None = None
    preview: str | None = None
    promises: str | None = None
    previous: int | None = None
    queued_at: int | None = None
    priority: int = 0
    last_agent: str | None = None
    prompt: str | None = None

    @property
    def owner_kind(self) -> OwnerKind:
        """Who owns the turn: follows from the state, so the two can never disagree."""
        return OWNER_OF[self.state]

    @property
    def open(self) -> bool:
        """Whether the episode goes on."""
        return self.state is not ConversationState.closed
