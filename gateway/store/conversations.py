"""Writing conversations, dialogues, offers and links. Each update is checked against what was read."""

import json
from collections.abc import Iterable, Mapping, Sequence

import orjson

from gateway.model.conversation import Conversation, Dialogue
from gateway.model.offer import ACTIVE, Offer
from gateway.store.statements import columns_of, insert, insert_of, row_of, update
from gateway.store.tables import CallRow, ConversationRow, DialogueRow, LinkRow, NoteRow, OfferRow
from gateway.store.units import Row, Statement, Unit

_FIXED = ("id", "customer_id", "key", "brand", "opened_at")
_CHANGING = tuple(name for name in columns_of(ConversationRow) if name not in _FIXED)
_conversation_row = row_of(ConversationRow)
_ADD_CONVERSATION = insert(ConversationRow)
# The epoch that was read is the fence: a decision on a conversation that changed hands meanwhile is undone.
_SET_CONVERSATION = update(ConversationRow, _CHANGING, ("id", "epoch"))
# That somebody wrote. Without the state: two indexes hold it, and are written with it.
_TOUCH = update(ConversationRow, ("sender", "last_in", "last_out"), ("id", "epoch"))
_AT = [columns_of(ConversationRow).index(name) for name in _CHANGING]

_DIALOGUE_CHANGING = (
    "state",
    "step",
    "slots",
    "deadline",
    "offer_id",
    "call_id",
    "pending",
    "parked",
    "misses",
    "timer",
    "rank",
)
_DIALOGUE_FIXED = ("id", "conversation_id", "event_id", "handler", "version", "data")
_ADD_DIALOGUE = insert_of(DialogueRow, (*_DIALOGUE_FIXED, *_DIALOGUE_CHANGING))
# Without the state, as above: an index holds who has the floor.
_MOVE_DIALOGUE = update(DialogueRow, ("step", "deadline", "misses", "timer"), ("id",))
_REMEMBER = update(DialogueRow, ("step", "slots", "deadline", "misses", "timer"), ("id",))
# What most turns change.
_TALK = Statement(
    "update dialogue of a conversation",
    "UPDATE dialogue SET step=?,slots=?,deadline=?,misses=?,timer=?,last_in=?,last_out=? WHERE id=? "
    "AND EXISTS(SELECT 1 FROM conversation AS c WHERE c.id=conversation_id AND c.epoch=?)",
)
_SET_DIALOGUE = update(DialogueRow, _DIALOGUE_CHANGING, ("id",))

_ADD_OFFER = insert(OfferRow)
_offer_row = row_of(OfferRow)
_OFFER_CHANGING = (
    "state",
    "message_id",
    "accepted_at",
    "accepted_via",
    "accepted_by",
    "accepted_words",
    "ended_at",
    "result",
    "asked",
)
_SET_OFFER = update(OfferRow, _OFFER_CHANGING, ("id", "state"))

_ADD_NOTE = insert(NoteRow)
_ADD_LINK = insert(LinkRow)
_ADD_CALL = insert(CallRow)
_call_row = row_of(CallRow)
_TRY_CALL = update(CallRow, ("attempts", "status", "result"), ("id", "state"))
_END_CALL = update(CallRow, ("state", "attempts", "status", "result", "ended_at"), ("id", "state"))


def add_conversation(unit: Unit, conversation: Conversation) -> None:
    """A new episode. Rejected when the customer has an open one with this brand."""
    unit.add(_ADD_CONVERSATION, _conversation_row(conversation))


def set_conversation(unit: Unit, conversation: Conversation, read: Conversation) -> None:
    """Writes what changed, if the conversation still is at the epoch that was read."""
    c = conversation
    if _only_touched(c, read):
        unit.add(_TOUCH, (c.sender, c.last_in, c.last_out, c.id, read.epoch))
        return
    row = _conversation_row(c)
    unit.add(_SET_CONVERSATION, (*[row[at] for at in _AT], c.id, read.epoch))


def only_moved(c: Conversation, d: Dialogue, *, read: Conversation, read_dialogue: Dialogue) -> bool:
    """Whether `set_talk` can write both: nothing changed but when somebody wrote, and where the dialogue waits."""
    return _only_touched(c, read) and c.sender == read.sender and _only_waits(d, read_dialogue)


def set_talk(unit: Unit, conversation: Conversation, dialogue: Dialogue) -> None:
    """What most turns change, in the row of the dialogue alone: a row less, in a page of its own. Fenced as
    `set_conversation` is.
    """
    c, d = conversation, dialogue
    slots = _json(d.slots) if d.slots else "{}"
    unit.add(_TALK, (d.step, slots, d.deadline, d.misses, d.timer, c.last_in, c.last_out, d.id, c.epoch))


def _only_touched(c: Conversation, read: Conversation) -> bool:
    """Somebody wrote, and nothing else changed."""
    return (
        c.state is read.state
        and c.epoch == read.epoch
        and c.queue == read.queue
        and c.agent == read.agent
        and c.channel == read.channel
        and c.disposition == read.disposition
        and c.closed_at == read.closed_at
        and c.why == read.why
        and c.told_waiting == read.told_waiting
        and c.rejoin == read.rejoin
        and c.reservation == read.reservation
        and c.preview == read.preview
        and c.promises == read.promises
        and c.previous == read.previous
        and c.queued_at == read.queued_at
        and c.priority == read.priority
        and c.last_agent == read.last_agent
        and c.prompt == read.prompt
    )


def add_dialogue(unit: Unit, dialogue: Dialogue) -> None:
    """A new run of a handler. Rejected when it claims the floor while another has it."""
    d = dialogue
    unit.add(
        _ADD_DIALOGUE, (d.id, d.conversation_id, d.event_id, d.handler, d.version, d.data, *_dialogue_changes(dialogue))
    )


def set_dialogue(unit: Unit, dialogue: Dialogue, read: Dialogue) -> None:
    """Writes where it waits and what it remembers."""
    d = dialogue
    if not _only_waits(d, read):
        unit.add(_SET_DIALOGUE, (*_dialogue_changes(d), d.id))
    elif d.slots != read.slots:
        unit.add(_REMEMBER, (d.step, _json(d.slots), d.deadline, d.misses, d.timer, d.id))
    else:
        unit.add(_MOVE_DIALOGUE, (d.step, d.deadline, d.misses, d.timer, d.id))


def _only_waits(d: Dialogue, read: Dialogue) -> bool:
    """It waits in another step, or again, and nothing else changed but what it remembers."""
    return (
        d.state is read.state
        and d.offer_id == read.offer_id
        and d.call_id == read.call_id
        and d.pending == read.pending
        and d.parked == read.parked
        and d.rank == read.rank
    )


def _json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return json.dumps(value)  # whole numbers of more than 64 bits


def _dialogue_changes(dialogue: Dialogue) -> Row:
    return (
        str(dialogue.state),
        dialogue.step,
        _json(dialogue.slots) if dialogue.slots else "{}",
        dialogue.deadline,
        dialogue.offer_id,
        dialogue.call_id,
        _json(dialogue.pending) if dialogue.pending is not None else None,
        _json(dialogue.parked) if dialogue.parked else "[]",
        dialogue.misses,
        dialogue.timer,
        dialogue.rank,
    )


def add_offer(unit: Unit, offer: Offer) -> None:
    """A new offer. Rejected when the customer has an active one of the family."""
    unit.add(_ADD_OFFER, _offer_row(offer))


def set_offer(unit: Unit, offer: Offer, read_state: str) -> None:
    """Writes a step of its life, if it still is in the state that was read."""
    values = [getattr(offer, name) for name in _OFFER_CHANGING]
    unit.add(_SET_OFFER, (*values, offer.id, read_state))


def put_offers(unit: Unit, offers: Iterable[Offer], read: Mapping[int, Offer]) -> None:
    """Writes those that changed since they were read; ended ones first, since a family has one active place."""
    changed = [offer for offer in offers if read.get(offer.id) is not offer]
    for offer in sorted(changed, key=lambda changed: changed.state in ACTIVE):
        had = read.get(offer.id)
        if had is None:
            add_offer(unit, offer)
        else:
            set_offer(unit, offer, had.state)


def add_note(unit: Unit, note_id: int, conversation_id: int, kind: str, author: str, text: str) -> None:
    """A line only the desk sees."""
    unit.add(_ADD_NOTE, (note_id, conversation_id, kind, author, text))


def add_link(unit: Unit, row: Sequence[object]) -> None:
    """A link's token: token, conversation, dialogue, message, expiry in ms."""
    unit.add(_ADD_LINK, row)


def add_call(unit: Unit, row: CallRow) -> None:
    """A call to a back office, to be made after the commit."""
    unit.add(_ADD_CALL, _call_row(row))


def try_call(unit: Unit, call_id: int, attempts: int, status: int | None, problem: str) -> None:
    """Records a try that is to be repeated."""
    unit.add(_TRY_CALL, (attempts, status, problem, call_id, "open"))


def end_call(unit: Unit, call_id: int, state: str, attempts: int, status: int | None, result: str, at: int) -> None:
    """Records the answer; exactly once."""
    unit.add(_END_CALL, (state, attempts, status, result, at, call_id, "open"))
