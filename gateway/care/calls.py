"""Calls to back offices: an outbox, tried with back-off for a day, each answer an input of its customer (section 3)."""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway import failpoints
from gateway.care import inputs
from gateway.care.dispatch import CallEnded
from gateway.care.turn import CUSTOMER_LANE
from gateway.model.ids import Ids, made_at
from gateway.store import conversations, work
from gateway.store.calls import OpenCall, open_calls
from gateway.store.database import Store
from gateway.store.units import Due, Unit

GIVE_UP_MS = 26 * 3_600_000
FIRST_WAIT_MS = 1000
LONGEST_WAIT_MS = 1_800_000
RETRYABLE = frozenset({408, 425, 429})
LONGEST_PROBLEM = 500
log = logging.getLogger("gateway.care.calls")
Again = list[tuple[Due, int]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a back office answered. status: HTTP status, None = no answer. body: of the answer, up to a limit."""

    status: int | None
    body: str
    retry_after: float | None = None


Post = Callable[[str, str, str, str], Awaitable[Reply]]
"""(back office, JSON body, idempotency key, message id) -> Reply: signs and posts; never raises for the network."""


class Calls:
    """The worker of the lane `call`."""

    def __init__(self, store: Store, ids: Ids, now: Callable[[], int], push: Callable[[Due], None], post: Post) -> None:
        self._store, self._ids, self._now, self._push, self._post = store, ids, now, push, post
        self._jitter = random.Random()  # spreads retries, guards nothing
        self.made = 0
        self.failed = 0

    async def run(self, batch: list[Due]) -> Again:
        """Makes the calls side by side; a slow back office holds up its own batch only."""
        known = await self._store.read(open_calls, [due.ref for due in batch])
        return [
            again for again in await asyncio.gather(*(self._one(due, known.get(due.ref)) for due in batch)) if again
        ]

    async def _one(self, due: Due, call: OpenCall | None) -> tuple[Due, int] | None:
        unit = Unit(due.key)
        work.take(unit, due)
        if call is not None:
            self.made += 1
            failpoints.hit("before_call_post")
            reply = await self._post(call.backoffice, call.body, call.idempotency_key, f"call_{call.id}")
            failpoints.hit("after_call_post")
            self._record(unit, due, call, reply)
        [failure] = await self._store.apply([unit])
        failpoints.hit("after_call_commit")
        if failure is None:
            for queued in unit.due:
                self._push(queued)
        elif not work.is_gone(failure):
            # The same key goes out again: the back office answers as before (Idempotency-Key).
            return due, 1000
        return None

    def _record(self, unit: Unit, due: Due, call: OpenCall, reply: Reply) -> None:
        now = self._now()
        tries = due.attempts + 1
        if reply.status is not None and 200 <= reply.status < 300:
            self._end(unit, call, tries, reply.status, now, result=_object(reply.body), problem=None)
        elif reply.status is not None and 400 <= reply.status < 500 and reply.status not in RETRYABLE:
            self._end(unit, call, tries, reply.status, now, result=None, problem=_detail(reply))
        else:
            self.failed += 1
            what = f"HTTP {reply.status}" if reply.status else reply.body or "no answer"
            conversations.try_call(unit, call.id, tries, reply.status, what[:LONGEST_PROBLEM])
            log.warning("back office %s: %s at try %d; tried again", call.backoffice, what[:100], tries)
            if now - made_at(call.id) > GIVE_UP_MS:
                cause = f"back office {call.backoffice} did not answer for a day: {what}"
                work.bury(unit, due, cause)
                self._hand_on(unit, call, "call_dead", now, CallEnded(call.id, *_who(call), None, cause))
                return
            wait = min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(due.attempts, 11))
            wait = int(wait * (0.5 + self._jitter.random() / 2))
            if reply.retry_after is not None:
                wait = max(wait, min(LONGEST_WAIT_MS, int(reply.retry_after * 1000)))
            work.add(unit, Due(due.id, due.lane, due.key, due.kind, now + wait, 0, tries, due.ref))

    def _end(
        self, unit: Unit, call: OpenCall, tries: int, status: int, now: int, *, result: str | None, problem: str | None
    ) -> None:
        state = "done" if problem is None else "refused"
        conversations.end_call(unit, call.id, state, tries, status, result or problem or "", now)
        self._hand_on(unit, call, inputs.CALL_ENDED, now, CallEnded(call.id, *_who(call), result, problem))

    def _hand_on(self, unit: Unit, call: OpenCall, kind: str, now: int, ended: CallEnded) -> None:
        due = Due(self._ids(), CUSTOMER_LANE, call.key, kind, now, 0, 0, call.id, inputs.ended_body(ended))
        due.hot = ended
        work.add(unit, due)


def _who(call: OpenCall) -> tuple[str, int, int | None, int | None]:
    return call.action, call.conversation_id, call.dialogue_id, call.offer_id


def _object(body: str) -> str:
    """The JSON object that a 2xx answered; anything else counts as an empty one."""
    try:
        value = json.loads(body) if body.strip() else {}
    except ValueError:
        return "{}"
    return json.dumps(value) if isinstance(value, dict) else "{}"


def _detail(reply: Reply) -> str:
    """The sentence of an RFC 9457 problem, or of what comes nearest."""
    try:
        problem = json.loads(reply.body)
    except ValueError:
        problem = None
    if isinstance(problem, dict):
        for name in ("detail", "title", "error", "message"):
            if isinstance(problem.get(name), str) and problem[name].strip():
                return str(problem[name]).strip()[:LONGEST_PROBLEM]
    return f"the back office refused (HTTP {reply.status})"
