"""What lists and single answers show of a message, a conversation and an offer: the same object everywhere."""

import json

from gateway.model import promises
from gateway.model.message import Direction, Disposition, Message, MessageState
from gateway.store.listings import CallLine, ConversationView, NoteLine, OfferView
from gateway.web.answers import ident, instant


def message_object(message: Message) -> dict[str, object]:
    """A message, without its timeline."""
    inbound = message.direction is Direction.mo
    state = MessageState.final if inbound else message.state
    told = state == MessageState.final or message.disposition is Disposition.in_doubt
    return {
        "id": str(message.id),
        "channel": message.channel,
        "direction": message.direction,
        "from": message.theirs if inbound else message.ours,
        "to": message.ours if inbound else message.theirs,
        "text": message.text,
        "class": message.cls.name,
        "state": state,
        "disposition": message.disposition if told else None,
        "possible_duplicate": message.possible_duplicate,
        "segments": message.parts,
        "conversation": ident(message.conversation_id),
        "event": ident(message.event_id),
        "customer": message.key,
        "brand": message.brand,
        "author": {"kind": message.author_kind, "id": message.author_id},
        "offer": ident(message.offer_id),
        "resends": ident(None if message.author_kind == "agent" else message.parent_id),
        "corrects": ident(message.parent_id if message.author_kind == "agent" else None),
        "encoding": message.encoding,
        "carrier": message.carrier,
        "error": message.error,
        "reason": message.reason,
        "at": instant(message.id >> 20),
        "expires_at": instant(message.expires_at),
    }


def conversation_object(view: ConversationView) -> dict[str, object]:
    """A conversation, without its notes."""
    its, run = view.conversation, view.dialogue
    return {
        "id": str(its.id),
        "customer": its.key,
        "brand": its.brand,
        "state": its.state,
        "owner": {"kind": its.owner_kind, "id": its.owner_id},
        "queue": its.queue,
        "agent": its.agent,
        "handler": run.handler if run else None,
        "step": (run.step or None) if run and run.state != "done" else None,
        "slots": dict(run.slots) if run else {},
        "channel": its.channel,
        "disposition": its.disposition,
        "tags": list(view.tags),
        "offers": [str(an_id) for an_id in view.offers],
        "messages": [str(an_id) for an_id in view.messages],
        "event": ident(view.event_id),
        "why": its.why,
        "queued_at": instant(its.queued_at),
        "priority": its.priority,
        "sender": its.sender,
        "opened_at": instant(its.opened_at),
        "changed_at": instant(its.changed_at),
        "closed_at": instant(its.closed_at),
        "last_in": instant(its.last_in),
        "last_out": instant(its.last_out),
        "waits_until": instant(run.deadline) if run else None,
        "previous": ident(its.previous),
        "promises": {
            kind: _promise(watch) for kind, watch in promises.read(its.promises).watches.items() if kind in promises.SLA
        },
        "unanswered": _unanswered(promises.read(its.promises)),
        "rests": its.state == "queued" and promises.rests(promises.read(its.promises)),
        "rating": view.rating,
    }


def _unanswered(its: promises.Promises) -> dict[str, object] | None:
    """Since when the customer waits for an answer, and what comes of it for who has it."""
    if its.owed is None:
        return None
    watch = its.watches.get(promises.UNANSWERED)
    reminded = watch is not None and watch.stage > 0
    at = instant(watch.at) if watch is not None and watch.row else None
    return {
        "since": instant(its.owed),
        "reminded": reminded,
        "reminder_at": None if reminded else at,
        "back_to_queue_at": at if reminded else None,
    }


def _promise(watch: promises.Watch) -> dict[str, object]:
    if watch.left is not None:
        return {"state": watch.state, "due": None, "left_seconds": watch.left // 1000}
    return {"state": watch.state, "due": instant(watch.due), "left_seconds": None}


def note_object(note: NoteLine) -> dict[str, object]:
    """A line that only the desk sees."""
    return {
        "id": str(note.id),
        "at": instant(note.id >> 20),
        "kind": note.kind,
        "author": note.author,
        "text": note.text,
    }


def offer_object(view: OfferView) -> dict[str, object]:
    """An offer: what was shown, what became of it, who accepted, and how it was fulfilled."""
    its = view.offer
    return {
        "id": str(its.id),
        "name": its.name,
        "family": its.family,
        "brand": its.brand,
        "customer": its.key,
        "conversation": str(its.conversation_id),
        "event": ident(its.event_id),
        "message": ident(its.message_id),
        "title": its.title,
        "price": its.price,
        "currency": its.currency,
        "period": its.period,
        "class": "promotional" if its.promotional else "service",
        "state": its.state,
        "made_by": its.made_by,
        "made_at": instant(its.id >> 20),
        "words": its.words,
        "expires_at": instant(its.expires_at),
        "accepted_at": instant(its.accepted_at),
        "accepted_via": its.accepted_via,
        "accepted_by": its.accepted_by,
        "accepted_words": its.accepted_words,
        "ended_at": instant(its.ended_at),
        "result": _result(its.result) if its.state == "fulfilled" else None,
        "problem": its.result if its.state == "failed" else None,
        "fulfilment": [_call_object(call) for call in view.calls],
    }


def _call_object(call: CallLine) -> dict[str, object]:
    done = call.state == "done"
    return {
        "id": str(call.id),
        "backoffice": call.backoffice,
        "action": call.action,
        "state": call.state,
        "attempts": call.attempts,
        "status": call.status,
        "result": _result(call.result) if done else None,
        "problem": call.result if not done else None,
        "at": instant(call.id >> 20),
        "ended_at": instant(call.ended_at),
    }


def _result(text: str | None) -> object:
    """The JSON object that a back office answered."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
