"""One bind: decodes, answers and keeps count of one connection to an SMSC (SMPP v3.4 section 2).

All PDUs of a read are decoded before the link is told, in one call. Nothing a peer sends raises out of here.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway.channels.smpp import faults, pdu
from gateway.channels.smpp.framing import CLOSE_GRACE, WRITE_LIMIT, FramedConnection
from gateway.channels.smpp.owner import SessionOwner, SessionState
from gateway.channels.smpp.profile import VERSION_NUMBER, CarrierProfile
from gateway.channels.smpp.receipts import read_receipt
from gateway.channels.smpp.sms import SubmitWriter, read_inbound
from gateway.channels.smpp.window import Window
from gateway.channels.smpp.wire import RESPONSE, BadPdu, Bind, BindResp, Data, Message, MessageResp, Pdu
from gateway.model.channel import Fault, InboundPart, Part, PartAnswer, Receipt

log = logging.getLogger("gateway.smpp")

_ROLES: Final = {
    "transceiver": pdu.BIND_TRANSCEIVER,
    "transmitter": pdu.BIND_TRANSMITTER,
    "receiver": pdu.BIND_RECEIVER,
}
_LOG_EVERY: Final = 10.0  # seconds between two lines about bad PDUs of one session


class Token:
    """Stands for one inbound PDU that is to be acknowledged."""

    __slots__ = ("command", "sequence", "session")

    def __init__(self, session: "SmppSession", command: int, sequence: int) -> None:
        self.session = session
        self.command = command
        self.sequence = sequence


class SmppSession(FramedConnection):
    """One connection and its bind.

    role: transceiver, transmitter or receiver. number: unique in the store's life. bound: set to the command_status of
    the bind's answer, None if there was none. closed: set to the reason, in words. taking: texts; False = the carrier
    is asked to deliver them again later, while what was taken is still being acknowledged.
    """

    def __init__(
        self,
        profile: CarrierProfile,
        role: str,
        number: int,
        owner: SessionOwner,
        writer: SubmitWriter,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(profile, clock, owner.counters)
        self.role = role
        self.number = number
        self.state = SessionState.connecting
        self.window = Window(profile.window, owner.counters, profile.errors)
        self.bound: asyncio.Future[int | None] = self._loop.create_future()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self._owner = owner
        self._writer = writer
        self._inbound_bound = profile.inbound_bound  # a text looks at it; the profile reckons it anew each time
        self._inbound: list[InboundPart | Receipt] = []
        self._answers: list[PartAnswer] = []
        self._unacknowledged: dict[Token, None] = {}
        self._postponed: dict[Token, None] = {}  # in order
        self._enquired: float | None = None
        self._bind_sequence = 0
        self._leaving, self.taking = False, True  # leaving: we unbind
        self._ticker: asyncio.TimerHandle | None = None
        self._told_bad = -_LOG_EVERY
        self._handlers: dict[int, Callable[[Pdu, bytes], None]] = {
            pdu.SUBMIT_SM_RESP: self._on_submit_resp,
            pdu.DELIVER_SM: self._on_deliver,
            pdu.DATA_SM: self._on_deliver,
            pdu.ENQUIRE_LINK: self._on_enquire_link,
            pdu.ENQUIRE_LINK_RESP: self._on_nothing,
            pdu.UNBIND: self._on_unbind,
            pdu.UNBIND_RESP: self._on_unbind_resp,
            pdu.GENERIC_NACK: self._on_nack,
            pdu.ALERT_NOTIFICATION: self._on_alert,
            pdu.OUTBIND: self._on_alert,
            _ROLES[role] | RESPONSE: self._on_bind_resp,
        }

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the bind."""
        super().connection_made(transport)
        self.state = SessionState.binding
        profile = self.profile
        self._bind_sequence = self.window.next_sequence()
        self.send(
            pdu.encode(
                Bind(
                    _ROLES[self.role],
                    sequence=self._bind_sequence,
                    system_id=profile.system_id,
                    password=profile.password,
                    system_type=profile.system_type,
                    interface_version=VERSION_NUMBER[profile.interface_version],
                    addr_ton=profile.addr_ton,
                    addr_npi=profile.addr_npi,
                    address_range=profile.address_range,
                )
            )
        )
        self._schedule_tick()

    def connection_lost(self, exc: Exception | None) -> None:
        """Reports what becomes of the parts under way: never handed to the kernel = unsent, else in doubt."""
        bound = self.state in (SessionState.bound, SessionState.unbinding)
        if self._held_since is not None:
            self.state = SessionState.unbinding  # texts are not taken any more: the carrier delivers them again
            self.take_rest()
        self.state = SessionState.closed
        if self._ticker is not None:
            self._ticker.cancel()
        reason = self.reason or (f"the connection broke: {exc}" if exc else "the carrier closed the connection")
        answers, self._answers = self._answers + self.window.lost(), []
        self.counters["lost_unacknowledged"] += self.waiting
        self._unacknowledged.clear()
        self._postponed.clear()
        if bound:
            self.counters["unbound" if self._leaving else "lost"] += 1
        if not self.bound.done():
            self.bound.set_result(None)
        if not self.closed.done():
            self.closed.set_result(reason)
        self._owner.session_lost(answers)

    # for the link

    @property
    def free(self) -> int:
        """Parts it may take now."""
        if self.state is not SessionState.bound or self.role == "receiver" or self._out_octets > WRITE_LIMIT:
            return 0
        return self.window.free

    @property
    def waiting(self) -> int:
        """Inbound PDUs that are not acknowledged yet."""
        return len(self._unacknowledged) + len(self._postponed)

    def submit(self, part: Part) -> None:
        """Puts a part on the wire at the end of this turn.

        Raises:
            BadPart: it fits in no submit_sm; nothing was taken.
        """
        sequence = self.window.next_sequence()
        octets = self._writer.write(part, sequence)
        self.window.add(sequence, part.attempt, self._now() + self.profile.response_timeout)
        self.send(octets)

    def reconfigure(self, profile: CarrierProfile, writer: SubmitWriter) -> None:
        """From now on by this profile; the connection and its bind stay."""
        self.profile = profile
        self._writer = writer
        self._inbound_bound = profile.inbound_bound
        self.window.size = profile.window
        self.window.errors = profile.errors

    def acknowledge(self, token: Token, status: int) -> None:
        """Answers an inbound PDU; one that was answered already, or that came over a dead connection, is ignored."""
        waiting = self._postponed if token in self._postponed else self._unacknowledged
        if waiting.pop(token, 0) == 0:
            return
        self.send(pdu.deliver_resp(token.command, status, token.sequence))
        if self._held_since is not None:
            self.release()

    def postpone(self, token: Token) -> None:
        """It is on disk and is answered later: it counts no more among those that keep us from reading."""
        if token in self._unacknowledged:
            del self._unacknowledged[token]
            self._postponed[token] = None
            self.release()

    def may_release(self) -> bool:
        """Half of the texts that filled the bound are on disk."""
        return len(self._unacknowledged) <= self._inbound_bound // 2

    async def unbind(self, patience: float) -> None:
        """Says good-bye and waits so many seconds for the answer; the connection is gone when it returns."""
        if self.state is SessionState.bound:
            self.state = SessionState.unbinding
            self._leaving, self.reason = True, "we unbound"
            self.send(pdu.header(pdu.UNBIND, 0, self.window.next_sequence()))
            self._flush()
            await asyncio.wait((self.closed,), timeout=patience)
        if self._transport is not None and not self.closed.done():
            self.close("we closed it")
            await asyncio.wait((self.closed,), timeout=CLOSE_GRACE + 1)

    # reading

    def take(self, octets: bytes) -> None:
        """Decodes one PDU and does what it asks for."""
        try:
            found = pdu.decode(octets)
        except BadPdu as bad:
            self._on_bad(bad)
            return
        handler = self._handlers.get(found.command)
        if handler is not None:
            handler(found, octets)
        else:
            self._on_unknown(found)

    def read_over(self) -> None:
        """Tells the link what the read brought."""
        if self._inbound or self._answers:
            inbound, answers = self._inbound, self._answers
            self._inbound, self._answers = [], []
            self._owner.session_read(inbound, answers)

    def unframable(self) -> None:
        """A length that cannot be: where the next PDU begins is unknown, so the connection ends (SMPP v3.4 3.2)."""
        self.counters["bad_pdu"] += 1
        self._nack(faults.INVALID_LENGTH, 0)
        self.close("the carrier sent a PDU of impossible length")

    # one method a PDU

    def _on_submit_resp(self, found: Pdu, octets: bytes) -> None:
        assert isinstance(found, MessageResp)
        self._settle(found.sequence, found.status, found.message_id)

    def _settle(self, sequence: int, status: int, remote_id: str) -> None:
        answer = self.window.settle(sequence, status, remote_id)
        if answer is None:
            return
        if answer.fault is Fault.throttled:
            self._owner.session_throttled(status)
        self._answers.append(answer)

    def _on_deliver(self, found: Pdu, octets: bytes) -> None:
        assert isinstance(found, (Message, Data))
        if self.state is not SessionState.bound or self.role == "transmitter":
            status = faults.TRY_LATER if self.state is SessionState.unbinding else faults.WRONG_BIND_STATE
            self.send(pdu.deliver_resp(found.command, status, found.sequence))
            return
        if not self.taking:
            self.send(pdu.deliver_resp(found.command, faults.TRY_LATER, found.sequence))
            return
        token = Token(self, found.command, found.sequence)
        receipt = read_receipt(found, self.profile, token)
        if receipt is not None:
            self.counters["receipts"] += 1
            self._inbound.append(receipt)
        else:
            self.counters["inbound"] += 1
            self._inbound.append(read_inbound(found, octets, self.profile, token, self.number))
        self._unacknowledged[token] = None
        if len(self._unacknowledged) >= self._inbound_bound:
            self.hold()

    def _on_enquire_link(self, found: Pdu, octets: bytes) -> None:
        self.send(pdu.header(pdu.ENQUIRE_LINK_RESP, 0, found.sequence))

    def _on_nothing(self, found: Pdu, octets: bytes) -> None:
        """An answer whose arrival is all there is to know."""

    def _on_alert(self, found: Pdu, octets: bytes) -> None:
        """alert_notification and outbind have no answer (4.12, 4.1.7); the first says that a phone is back."""
        self.counters[pdu.NAMES[found.command]] += 1

    def _on_unbind(self, found: Pdu, octets: bytes) -> None:
        for token in list(self._postponed):
            self.acknowledge(token, faults.STATUS_OK)  # they are on disk; it need not bring them again
        self.send(pdu.header(pdu.UNBIND_RESP, 0, found.sequence))
        self.state = SessionState.unbinding
        self.close("the carrier unbound")

    def _on_unbind_resp(self, found: Pdu, octets: bytes) -> None:
        if self.state is SessionState.unbinding:
            self.close("we unbound")

    def _on_bind_resp(self, found: Pdu, octets: bytes) -> None:
        self._bind_answered(found.status, found.system_id if isinstance(found, BindResp) else "")

    def _bind_answered(self, status: int, system_id: str) -> None:
        if self.state is not SessionState.binding:
            self.counters["unknown_response"] += 1
            return
        if status != faults.STATUS_OK:
            self.counters["bind_refused"] += 1
            if not self.bound.done():
                self.bound.set_result(status)
            self.close(f"the bind was refused: {faults.describe(status)}")
            return
        self.state = SessionState.bound
        self.counters["bound"] += 1
        if not self.bound.done():
            self.bound.set_result(status)
        self._owner.session_bound()

    def _on_nack(self, found: Pdu, octets: bytes) -> None:
        """generic_nack: one of ours was not understood (4.3.1)."""
        self.counters["nack_received"] += 1
        status = found.status or faults.INVALID_COMMAND
        if self.state is SessionState.binding and found.sequence == self._bind_sequence:
            self._bind_answered(status, "")
        elif self.state is SessionState.bound:
            self._settle(found.sequence, status, "")

    def _on_unknown(self, found: Pdu) -> None:
        """A command that is not of 3.4, or that no SMSC should send to an ESME."""
        if found.command & RESPONSE:
            self.counters["unknown_response"] += 1
            return
        self.counters["unknown_pdu"] += 1
        self._nack(faults.INVALID_COMMAND, found.sequence)

    def _on_bad(self, bad: BadPdu) -> None:
        """A PDU whose frame is right and whose body is not: answered, counted, and life goes on.

        An answer's body says no more than an id: its header still settles the part. A text is refused by its own
        response, so that the carrier knows which one; anything else by generic_nack (4.3).
        """
        self.counters["bad_pdu"] += 1
        command, status, sequence = bad.command or 0, bad.status or 0, bad.sequence or 0
        now = self._now()
        if now - self._told_bad >= _LOG_EVERY:
            self._told_bad = now
            name = pdu.NAMES.get(command, f"0x{command:08x}")
            log.warning("carrier %s: bad %s: %s (%d so far)", self.profile.name, name, bad, self.counters["bad_pdu"])
        if command == pdu.SUBMIT_SM_RESP:
            self._settle(sequence, status, "")
        elif command == _ROLES[self.role] | RESPONSE:
            self._bind_answered(status, "")
        elif command in (pdu.DELIVER_SM, pdu.DATA_SM):
            self.send(pdu.deliver_resp(command, bad.command_status, sequence))
        elif not command & RESPONSE:
            self._nack(bad.command_status, sequence)

    # writing

    def flushed(self) -> None:
        """The parts in line are with the kernel; from here on a lost connection leaves them in doubt."""
        self.window.flushed()

    def resume_writing(self) -> None:
        """The kernel takes again."""
        super().resume_writing()
        self._owner.session_ready()

    def _nack(self, status: int, sequence: int) -> None:
        self.counters["nack_sent"] += 1
        self.send(pdu.header(pdu.GENERIC_NACK, status, sequence))

    # time

    def _schedule_tick(self) -> None:
        profile = self.profile
        shortest = min(
            profile.response_timeout, profile.enquire_interval, profile.header_deadline, profile.body_deadline
        )
        self._ticker = self._loop.call_later(min(1.0, shortest / 4), self._tick)

    def _tick(self) -> None:
        if self.state is SessionState.closed:
            return
        self._schedule_tick()
        self.check_deadlines()

    def check_deadlines(self) -> None:
        """Looks at all deadlines of the session; a timer calls it, a test may."""
        self.check_framing()
        if self._held_since is not None:
            return  # answers may wait in the socket that we do not read
        now = self._now()
        self._answers += self.window.expired(now)
        self.read_over()
        if self.state is SessionState.bound:
            self._check_alive(now)

    def _check_alive(self, now: float) -> None:
        if self._enquired is None:
            if now - self._heard >= self.profile.enquire_interval:
                self._enquired = now
                self.counters["enquire_sent"] += 1
                self.send(pdu.header(pdu.ENQUIRE_LINK, 0, self.window.next_sequence()))
        elif self._heard > self._enquired:
            self._enquired = None
        elif now - self._enquired >= self.profile.response_timeout:
            self.counters["enquire_timeout"] += 1
            self.close("no answer to enquire_link")
