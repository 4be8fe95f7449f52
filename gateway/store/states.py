"""What the engine must know of a customer to decide: its shape, its rows, and where the busy ones are kept."""

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any

import apsw
import orjson

from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState
from gateway.model.customer import Customer, Permission
from gateway.model.offer import Offer, OfferState
from gateway.model.rows import record, replace
from gateway.store.statements import columns_of
from gateway.store.tables import ConversationRow, DialogueRow, OfferRow

KEPT = 30_000
"""Some 4 kB each. Who is not among them is read again: half a millisecond of processor time, alone in the middle of a
quiet second, a tenth of that in a crowd."""
CONVERSATION_COLUMNS = columns_of(ConversationRow)
# Without the times of the conversation that its row holds for it (`touched`).
DIALOGUE_COLUMNS = tuple(name for name in columns_of(DialogueRow) if name not in ("last_in", "last_out"))
OFFER_COLUMNS = columns_of(OfferRow)

_TOUCHES = (
    "SELECT conversation_id, max(last_in), max(last_out) FROM dialogue "
    "WHERE conversation_id IN (SELECT value FROM json_each(?)) GROUP BY conversation_id"
)


@record
class CustomerState:
    """A customer as the store has them. Nobody changes it: a decision makes a new one, kept only when it was committed.

    customer: None = never seen. consent: by brand. conversations: open ones, and the latest closed one of each brand.
    dialogues: of the open ones, not done. offers: active ones, and those that ended within 7 days. promotional:
    times (ms) of promotional texts of the last 7 days. said: the answer that went last, how often in a row, and since
    when (ms); not on disk, since it matters for minutes only.
    """

    key: str
    customer: Customer | None = None
    consent: dict[str, Permission] = field(default_factory=dict)
    conversations: dict[int, Conversation] = field(default_factory=dict)
    dialogues: dict[int, Dialogue] = field(default_factory=dict)
    offers: dict[int, Offer] = field(default_factory=dict)
    promotional: tuple[int, ...] = ()
    said: tuple[str, int, int] | None = None


class StateCache:
    """The states of the customers who were busy last. Whoever loses a commit drops what they read."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._states: OrderedDict[str, CustomerState] = OrderedDict()

    def get(self, key: str) -> CustomerState | None:
        """The state, if it is known."""
        state = self._states.get(key)
        if state is not None:
            self._states.move_to_end(key)
        return state

    def knows(self, key: str) -> bool:
        """Whether the state is known."""
        return key in self._states

    def put(self, state: CustomerState) -> None:
        """Keeps what was committed."""
        self._states[state.key] = state
        self._states.move_to_end(state.key)
        if len(self._states) > self._kept:
            self._states.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forgets; the next decision reads again."""
        self._states.pop(key, None)

    def clear(self) -> None:
        """Forgets everybody (a commit failed as a whole)."""
        self._states.clear()


def touched(connection: apsw.Connection, conversations: Iterable[Conversation]) -> dict[int, Conversation]:
    """The same, by id, with the latest `last_in` and `last_out` of their own rows and those of their dialogues
    (`gateway.store.conversations.set_talk`).
    """
    found = {conversation.id: conversation for conversation in conversations}
    for an_id, last_in, last_out in connection.execute(_TOUCHES, (orjson.dumps(list(found)).decode(),)):
        own = found[an_id]
        found[an_id] = replace(own, last_in=later(own.last_in, last_in), last_out=later(own.last_out, last_out))
    return found


def later(one: int | None, other: int | None) -> int | None:
    """The later of two times (ms), each of which may be missing."""
    return max(one or 0, other or 0) or None


def conversation_of(row: Sequence[Any]) -> Conversation:
    """A row of the table, in order of `CONVERSATION_COLUMNS`; see `touched`."""
    an_id, customer_id, key, brand, state, owner_id, epoch, sender, opened_at, changed_at, *more = row
    queue, agent, channel, disposition, closed_at, why, told_waiting, last_in, last_out, *last = more
    rejoin, reservation, preview, promises, previous, queued_at, priority, last_agent, prompt = last
    return Conversation(
        an_id,
        customer_id,
        key,
        brand,
        ConversationState(state),
        owner_id,
        epoch,
        sender,
        opened_at,
        changed_at,
        queue,
        agent,
        channel,
        disposition,
        closed_at,
        why,
        bool(told_waiting),
        last_in,
        last_out,
        rejoin,
        reservation,
        preview,
        promises,
        previous,
        queued_at,
        priority,
        last_agent,
        prompt,
    )


def dialogue_of(row: Sequence[Any]) -> Dialogue:
    """A row of the table, in order of `DIALOGUE_COLUMNS`."""
    an_id, conversation_id, event_id, handler, version, state, step, slots, deadline, *more = row
    offer_id, call_id, pending, parked, misses, rank, timer, data = more
    return Dialogue(
        an_id,
        conversation_id,
        event_id,
        handler,
        version,
        DialogueState(state),
        step,
        {} if slots == "{}" else json.loads(slots),
        deadline,
        offer_id,
        call_id,
        None if pending is None else json.loads(pending),
        () if parked == "[]" else tuple(json.loads(parked)),
        misses,
        rank,
        timer,
        data,
    )


def offer_of(row: Sequence[Any]) -> Offer:
    """A row of the table, in order of `OFFER_COLUMNS`."""
    values: dict[str, Any] = dict(zip(OFFER_COLUMNS, row, strict=True))
    values["state"] = OfferState(str(values["state"]))
    values["promotional"] = bool(values["promotional"])
    values["asked"] = bool(values["asked"])
    return Offer(**values)
