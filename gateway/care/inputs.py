"""The kinds of input of a customer's lane, and which decision each one calls for."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from gateway.care import (
    dialogues,
    dispatch,
    inbound,
    offers,
    promises,
    queueing,
    ratings,
    reserving,
    sharing,
    watches,
    wrapping,
)
from gateway.care.inbound import Text
from gateway.care.turn import Turn
from gateway.model.conversation import OwnerKind
from gateway.model.event import Event
from gateway.model.message import Message
from gateway.model.rows import record, replace
from gateway.store import work
from gateway.store.units import Due
from gateway.triggers import EventData

TEXT, EVENT, PARKED, CALL_ENDED, FAILED = "mo", "event", "parked", "call_ended", "failed"


@dataclass(slots=True)
class Request:
    """Something asked by a person or program, decided in the customer's own order. `decide` returns the answer.

    future: gets the answer after the commit, or Refused, or a store Failure.
    """

    decide: Callable[[Turn], object]
    future: "asyncio.Future[object]"

    def refuse(self, error: Exception) -> None:
        """Nothing was written; whoever asked hears why."""
        if not self.future.done():
            self.future.set_exception(error)


@record
class Started:
    """An accepted event, with its data parsed already when it comes straight from the API."""

    event: Event
    parsed: EventData | None = None


def decide(turn: Turn, due: Due) -> None:
    """Decides one input. Raises StepFailed, or Refused when a text cannot be sent as it is."""
    match due.kind:
        case "mo":
            inbound.receive(turn, due.id, text_of(due))
        case "event":
            started = due.hot
            assert isinstance(started, Started), "the event of this work is gone"
            dispatch.start(turn, started.event, started.parsed)
        case "parked":
            message = due.hot
            assert isinstance(message, Message), "the parked text is gone"
            inbound.again(turn, message)
        case "call_ended":
            dispatch.call_ended(turn, _ended(due))
        case "call_dead":
            ended = _ended(due)
            _to_person(turn, ended.conversation_id, ended.problem or "")
        case "failed":
            message, told = due.hot, json.loads(due.body or "{}")
            assert isinstance(message, Message), "the failed message is gone"
            dispatch.delivery_failed(turn, message, told.get("reason", ""), opted_out=bool(told.get("opted_out")))
        case _:
            _timer(turn, due)


def _timer(turn: Turn, due: Due) -> None:
    match due.kind:
        case dialogues.STEP:
            dispatch.step_due(turn, due.ref)
        case queueing.QUEUE_WAIT:
            dispatch.queue_due(turn, due.ref, int(due.body or 0))
        case reserving.RESERVED:
            reserving.lapse(turn, due.ref, due.body or "")
        case watches.PROMISE:
            promises.due(turn, due.ref, due.body or "", due.id)
        case ratings.ASK:
            ratings.ask(turn, due.ref, due.body or "")
        case "idle":
            promises.old_idle(turn, due.ref)
        case sharing.WHICH:
            sharing.which_due(turn, due.ref, due.body or "")
        case wrapping.WRAPUP:
            wrapping.due(turn, due.ref, due.body or "")
        case offers.OFFER_EXPIRES:
            dispatch.offer_due(turn, due.ref)
        case offers.STILL_WORKING:
            dispatch.still_working(turn, int(due.body or 0), due.ref)
        case _:
            raise dialogues.StepFailed(f"this program knows no work of kind {due.kind}; a newer one wrote it")


def text_of(due: Due) -> Text:
    """The text of a work row."""
    return due.hot if isinstance(due.hot, Text) else Text(*json.loads(due.body or "[]"))


def _ended(due: Due) -> dispatch.CallEnded:
    if isinstance(due.hot, dispatch.CallEnded):
        return due.hot
    return dispatch.CallEnded(due.ref, *json.loads(due.body or "[]"))


def ended_body(ended: dispatch.CallEnded) -> str:
    """The answer of a back office as the body of a work row."""
    return json.dumps(
        [ended.action, ended.conversation_id, ended.dialogue_id, ended.offer_id, ended.result, ended.problem]
    )


def take(turn: Turn, due: Due) -> None:
    """The input's own row goes with its decision; the count of this delete is the fence."""
    work.take(turn.unit, due)


def bury(turn: Turn, due: Due, cause: str) -> None:
    """The input becomes a dead letter."""
    if due.body is None and isinstance(due.hot, Text):
        due.body = due.hot.body()
    work.take(turn.unit, due)
    work.bury(turn.unit, due, cause)


def quarantine(turn: Turn, due: Due, cause: str) -> None:
    """What becomes of an input whose decision failed.

    A dead letter, and a person where a customer waits (section 5).
    """
    bury(turn, due, cause)
    if due.kind == TEXT:
        inbound.receive_broken(turn, due.id, text_of(due), cause)
    elif due.kind == EVENT:
        dispatch.start_failed(turn, due.ref, cause)
    elif due.kind == PARKED and isinstance(due.hot, Message):
        _to_person(turn, due.hot.conversation_id, cause)
    elif due.kind == dialogues.STEP:
        dialogue = turn.dialogues.get(due.ref)
        if dialogue is not None:
            turn.put_dialogue(replace(dialogue, timer=None, deadline=None))
            _to_person(turn, dialogue.conversation_id, cause)
    elif due.kind == queueing.QUEUE_WAIT:
        queued = turn.conversations.get(due.ref)
        if queued is not None and queued.state == "queued":
            queueing.arm_wait(turn, queued)
    elif due.kind == CALL_ENDED:
        ended = _ended(due)
        offer = turn.offer(ended.offer_id)
        if offer is not None and offer.state == "fulfilling":
            offers.fulfilled(turn, offer, ended.result or "{}") if ended.problem is None else offers.failed(
                turn, offer, ended.problem
            )
        _to_person(turn, ended.conversation_id, cause)


def _to_person(turn: Turn, conversation_id: int | None, cause: str) -> None:
    conversation = turn.conversations.get(conversation_id or 0)
    if conversation is not None and conversation.open and conversation.owner_kind is OwnerKind.bot:
        queueing.to_queue(turn, conversation, None, f"the handler failed: {cause}"[:300])
