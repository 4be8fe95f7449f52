"""What the carrier sends to gateways: receipts and texts from phones, a window of them at a time, again if need be."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection

from gateway.simulator import wire
from gateway.simulator.faults import Faults
from gateway.simulator.record import Record
from gateway.simulator.session import ANYBODY, Delivery, Session

WINDOW = 200
"""deliver_sm without an answer, a bind."""
WAITING = 100_000
"""Receipts and texts that wait for a bind, a system id; the oldest goes first."""
ATTEMPTS = 10
ANSWER_SECONDS = 30.0
RETRY_SECONDS = 1.0


class Outbox:
    """Queues by system id (`ANYBODY` for texts), drained into the binds that can receive."""

    def __init__(self, faults: Faults, record: Record, sessions: Collection[Session]) -> None:
        self._faults, self._record, self._sessions = faults, record, sessions
        self._waiting: dict[str, deque[Delivery]] = {}
        self._turn = 0
        self._retries: dict[Delivery, asyncio.TimerHandle] = {}

    @property
    def waiting(self) -> int:
        """How many wait for a bind or for room in a window."""
        return sum(map(len, self._waiting.values())) + len(self._retries)

    def has_receiver(self, system_id: str = ANYBODY) -> bool:
        """Whether a bind that receives is there."""
        return any(s.receives and system_id in (ANYBODY, s.system_id) for s in self._sessions)

    def put(self, delivery: Delivery, *, at_once: bool = False) -> None:
        """Send when a bind and its window allow; `at_once` asks for this very moment, past the window."""
        if at_once and (session := self._pick(delivery.system_id, window=2**31)) is not None:
            self._send(session, delivery)
            return
        queue = self._waiting.setdefault(delivery.system_id, deque())
        queue.append(delivery)
        self._pump(delivery.system_id)
        if len(queue) > WAITING:
            self._give_up(queue.popleft(), "too many wait")
        if queue and not self._faults.redeliver and not self.has_receiver(delivery.system_id):
            self._give_up(queue.pop(), "nobody is bound")

    def pump_all(self) -> None:
        """Somebody bound: send what waited."""
        for system_id in list(self._waiting):
            self._pump(system_id)

    def answered(self, session: Session, pdu: wire.Pdu) -> Delivery | None:
        """A deliver_sm_resp or generic_nack came. Returns what it answers, None when nothing."""
        delivery = session.sent.pop(pdu.sequence, None)
        if delivery is not None:
            again = pdu.status in wire.FOR_NOW and self._may_retry(delivery)
            if delivery.on_result is not None:
                delivery.on_result(pdu.status, again)
            if again:
                loop = asyncio.get_running_loop()
                self._retries[delivery] = loop.call_later(RETRY_SECONDS, self._retry, delivery)
        self._pump(session.system_id)
        self._pump(ANYBODY)
        return delivery

    def lost(self, session: Session) -> None:
        """A connection ended: what it left unanswered goes to another bind, or waits for the next."""
        unanswered = list(session.sent.values())
        session.sent.clear()
        for delivery in reversed(unanswered):
            self._unanswered(delivery)
        self.pump_all()

    def sweep(self, now: float) -> None:
        """Take back what got no answer in `ANSWER_SECONDS`; `now` is the loop's clock."""
        for session in list(self._sessions):
            late = []
            for sequence, delivery in session.sent.items():
                if delivery.deadline > now:
                    break
                late.append(sequence)
            for sequence in late:
                self._unanswered(session.sent.pop(sequence))
        self.pump_all()

    def close(self) -> None:
        """Cancel what is scheduled."""
        for handle in self._retries.values():
            handle.cancel()
        self._retries.clear()
        self._waiting.clear()

    def _may_retry(self, delivery: Delivery) -> bool:
        return self._faults.redeliver and delivery.attempts < ATTEMPTS

    def _unanswered(self, delivery: Delivery) -> None:
        if not self._may_retry(delivery):
            self._give_up(delivery, "no answer")
            return
        self._waiting.setdefault(delivery.system_id, deque()).appendleft(delivery)
        if delivery.on_result is not None:
            delivery.on_result(None, True)

    def _retry(self, delivery: Delivery) -> None:
        del self._retries[delivery]
        self.put(delivery)

    def _give_up(self, delivery: Delivery, why: str) -> None:
        self._record.note("given_up", {"what": delivery.what, "why": why, **(delivery.about or {})})
        if delivery.on_result is not None:
            delivery.on_result(None, False)

    def _pump(self, system_id: str) -> None:
        queue = self._waiting.get(system_id)
        while queue:
            session = self._pick(system_id, WINDOW)
            if session is None:
                return
            self._send(session, queue.popleft())
        if queue is not None:
            del self._waiting[system_id]

    def _pick(self, system_id: str, window: int) -> Session | None:
        able = [s for s in self._sessions if s.receives and system_id in (ANYBODY, s.system_id)]
        if not self._faults.spread:
            able = able[:1]
        able = [s for s in able if len(s.sent) < window]
        if not able:
            return None
        self._turn += 1
        return able[self._turn % len(able)]

    def _send(self, session: Session, delivery: Delivery) -> None:
        sequence = session.next_sequence()
        delivery.attempts += 1
        delivery.deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
        octets = wire.build("deliver_sm", sequence, **delivery.fields)
        session.sent[sequence] = delivery
        self._record.note(
            "sent",
            {"what": delivery.what, "sequence": sequence, "session": session.number, "attempt": delivery.attempts}
            | (delivery.about or {}),
        )
        session.write(octets)
