"""Taking texts from the gateway: reading a submit_sm, judging it by the faults, answering, sending receipts."""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from gateway.simulator import alphabets, receipts, wire
from gateway.simulator.faults import Faults
from gateway.simulator.outbox import Outbox
from gateway.simulator.phones import PhoneMessage, Phones, normalise
from gateway.simulator.record import Record
from gateway.simulator.session import Delivery, Session

QUERYABLE = 100_000
"""Messages that query_sm still knows."""
UDH_PRESENT = 0x40


@dataclass(frozen=True)
class Part:
    """One submit_sm as the phone's network sees it. `join` is (kind, reference, total, number) of a long text."""

    pdu: wire.Pdu
    sender: str
    to: str
    octets: bytes
    header: bytes
    text: str
    join: tuple[str, int, int, int] | None

    def row(self) -> dict[str, Any]:
        """The fields of the record, as the npm peer names them (`udh` without its length octet)."""
        pdu = self.pdu
        return {
            "from": self.sender, "to": self.to, "text": self.text, "data_coding": pdu.number("data_coding"),
            "esm_class": pdu.number("esm_class"), "registered_delivery": pdu.number("registered_delivery"),
            "sequence": pdu.sequence, "validity_period": pdu.text("validity_period"),
            "udh": self.header[1:].hex() or None,
            "user_message_reference": pdu.integer_tlv(wire.USER_MESSAGE_REFERENCE),
            "source_ton": pdu.number("source_addr_ton"), "source_npi": pdu.number("source_addr_npi"),
            "dest_ton": pdu.number("dest_addr_ton"), "dest_npi": pdu.number("dest_addr_npi"),
            "hex": self.octets.hex(), "tlvs": {f"{tag:04x}": value.hex() for tag, value in pdu.tlvs.items()},
            "schedule_delivery_time": pdu.text("schedule_delivery_time"),
            "priority_flag": pdu.number("priority_flag"), "protocol_id": pdu.number("protocol_id"),
        }  # fmt: skip

    def too_long(self, alphabet: str) -> bool:
        """Whether one short message cannot carry it: over 140 octets with its header (GSM 03.40)."""
        size = len(self.octets)
        if alphabets.kind_of(self.pdu.number("data_coding")) == alphabets.GSM7 and alphabet != "gsm7-packed":
            size = (size * 7 + 7) // 8
        return size + len(self.header) > 140


def read(pdu: wire.Pdu, alphabet: str) -> Part:
    """A `Part` of a submit_sm or data_sm. Raises `wire.BadPdu` when its user data header is broken."""
    payload = pdu.tlvs.get(wire.MESSAGE_PAYLOAD)
    octets = payload if payload is not None else (pdu.fields.get("short_message") or b"")
    header = b""
    if pdu.number("esm_class") & UDH_PRESENT:
        if not octets or octets[0] + 1 > len(octets):
            raise wire.BadPdu("user data header is cut off", wire.RINVMSGLEN, sequence=pdu.sequence)
        header, octets = octets[: octets[0] + 1], octets[octets[0] + 1 :]
    coding = pdu.number("data_coding")
    shown = alphabets.decode(octets, coding, alphabet, len(header))
    join = _join_of(header) or _sar(pdu)
    return Part(pdu, pdu.text("source_addr"), pdu.text("destination_addr"), octets, header, shown, join)


def _join_of(header: bytes) -> tuple[str, int, int, int] | None:
    """Concatenation from a user data header (3GPP 23.040 9.2.3.24.1 and .8)."""
    at = 1
    while at + 2 <= len(header):
        kind, data = header[at], header[at + 2 : at + 2 + header[at + 1]]
        if (kind, len(data)) in ((0x00, 3), (0x08, 4)):
            found = (f"udh{kind}", int.from_bytes(data[:-2], "big"), data[-2], data[-1])
            return found if 1 <= found[3] <= found[2] else None
        at += 2 + header[at + 1]
    return None


def _sar(pdu: wire.Pdu) -> tuple[str, int, int, int] | None:
    reference, total, number = (pdu.integer_tlv(tag) for tag in (wire.SAR_REF, wire.SAR_TOTAL, wire.SAR_SEQ))
    if reference is None or total is None or number is None or not 1 <= number <= total <= 255:
        return None
    return ("sar", reference, total, number)


@dataclass
class _Known:
    """What query_sm can be told of."""

    state: str
    sender: str
    done: datetime | None = None


class Submits:
    """Judges, answers and remembers submits of all sessions. `later` runs a callback after milliseconds."""

    def __init__(
        self,
        faults: Faults,
        record: Record,
        phones: Phones,
        outbox: Outbox,
        later: Callable[[float, Callable[[], None]], None],
        first_id: int | None = None,
    ) -> None:
        self._faults, self._record, self._phones, self._outbox = faults, record, phones, outbox
        self._later = later
        # Ids of two runs must not be the same: the gateway's database outlives the simulator.
        self._next_id = first_id if first_id is not None else int((time.time() - 1_767_225_600) * 1000)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._second, self._in_second = 0, 0
        self.count = 0
        self.reset()

    def reset(self) -> None:
        """The faults were changed: random choices and the count to the next drop start anew."""
        self._random = random.Random(self._faults.seed)
        self._until_drop = self._faults.drop_after

    def take(self, session: Session, pdu: wire.Pdu) -> None:
        """A submit_sm or data_sm of a bound session."""
        try:
            part = read(pdu, self._faults.alphabet)
        except wire.BadPdu as bad:
            self._record.note("bad_pdu", {"error": str(bad), "sequence": pdu.sequence, "session": session.number})
            session.write(wire.build(pdu.command + "_resp", pdu.sequence, bad.status))
            return
        self.count += 1
        row = part.row() | {"session": session.number, "system_id": session.system_id}
        if pdu.command != "submit_sm":
            row["command"] = pdu.command
        if self._until_drop:
            self._until_drop -= 1
            if not self._until_drop:
                self._record.note("submit_sm", {**row, "dropped": True})
                session.abort()
                return
        kind, status = self._verdict(part)
        if kind:
            self._record.note(kind, {**row, "status": status})
            self._answer(session, partial(wire.build, pdu.command + "_resp", pdu.sequence, status))
        else:
            self._accept(session, part, row)

    def query(self, session: Session, pdu: wire.Pdu) -> None:
        """A query_sm: state of a message by the id that the answer or the receipt gave."""
        message_id, mode = pdu.text("message_id"), self._faults.query
        self._record.note(
            "query_sm", {"message_id": message_id, "sequence": pdu.sequence, "session": session.number, "answer": mode}
        )
        known = self._known.get(message_id)
        if mode == "never":
            return
        if known is None or mode == "fail":
            session.write(
                wire.build("query_sm_resp", pdu.sequence, wire.RQUERYFAIL if mode == "fail" else wire.RINVMSGID)
            )
            return
        final_date = f"{known.done:%y%m%d%H%M%S}000+" if known.done else ""
        session.write(
            wire.build(
                "query_sm_resp", pdu.sequence, message_id=message_id, final_date=final_date,
                message_state=receipts.STATES[known.state], error_code=0,
            )
        )  # fmt: skip

    def fails(self, number: str) -> bool:
        """Whether this number is one that fails: by its ending, or by the share that does (same for a seed)."""
        plain, faults = normalise(number), self._faults
        if plain.endswith(faults.failing_endings()):
            return True
        return random.Random(f"{faults.seed}:{plain}").random() * 100 < faults.fail_percent

    def _verdict(self, part: Part) -> tuple[str, int]:
        """Kind of row and status of a refusal; ("", 0) to accept."""
        faults = self._faults
        if faults.rate and not self._within_rate(faults.rate):
            return "throttled", wire.RTHROTTLED
        if faults.queue_full:
            return "refused", wire.RMSGQFUL
        if faults.status and self._random.random() * 100 < faults.status_percent:
            return "refused", faults.status
        if not part.to:
            return "refused", wire.RINVDSTADR
        if not part.sender:
            return "refused", wire.RINVSRCADR
        if faults.strict and wire.MESSAGE_PAYLOAD not in part.pdu.tlvs and part.too_long(faults.alphabet):
            return "refused", wire.RINVMSGLEN
        if faults.fail_status and self.fails(part.to):
            return "refused", faults.fail_status
        return "", wire.ROK

    def _within_rate(self, rate: float) -> bool:
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        return self._in_second <= rate

    def _answer(self, session: Session, response: Callable[[], bytes]) -> None:
        """Answer as `resp` says."""
        how = self._faults.resp
        if how == "late":
            self._later(self._faults.resp_ms, lambda: session.write(response()))
        elif how not in ("never", "lost"):
            session.write(response() * (2 if how == "twice" else 1))

    def _accept(self, session: Session, part: Part, row: dict[str, Any]) -> None:
        number, faults, pdu = self._next_id, self._faults, part.pdu
        self._next_id += 1
        said, in_receipt = receipts.ids(number, faults.id)
        if faults.resp == "lost":
            self._record.note("lost", row)
            return
        self._record.note("submit_sm", {**row, "id": said, "receipt_id": in_receipt}, accepted_for=normalise(part.to))
        state = faults.fail_stat if self.fails(part.to) else faults.stat
        asked = pdu.number("registered_delivery")
        bubble, index = self._phones.received(
            part.to, part.sender, part.text, alphabet=alphabets.kind_of(pdu.number("data_coding")),
            wants_receipt=bool(asked & 3) and faults.dlr != "never", join=part.join,
            flash=(pdu.number("data_coding") & 0xF3) in (0x10, 0xF0),
        )  # fmt: skip
        known = _Known("ENROUTE", part.sender)
        for message_id in {said, in_receipt}:
            self._known[message_id] = known
        while len(self._known) > QUERYABLE:
            self._known.popitem(last=False)
        send = partial(self._send_receipt, session, part, said, in_receipt, known, bubble, index, datetime.now(UTC))
        if faults.dlr == "early":
            send(state, at_once=True)
        self._answer(session, partial(wire.build, pdu.command + "_resp", pdu.sequence, message_id=said))
        self._schedule(send, state, bool(faults.dlr_enroute or asked & 0x10))

    def _schedule(self, send: Callable[[str], None], state: str, enroute: bool) -> None:
        """Receipts after the answer; query_sm learns the state even when no receipt leaves."""
        faults = self._faults
        delay = faults.dlr_late_ms if faults.dlr == "late" else faults.dlr_ms
        if enroute:
            self._later(delay / 2, partial(send, "ENROUTE"))
        if faults.dlr != "early":
            self._later(delay, partial(send, state))
            if faults.dlr == "twice":
                self._later(delay, partial(send, state))

    def _send_receipt(
        self, session: Session, part: Part, said: str, receipt_id: str, known: _Known, bubble: PhoneMessage, index: int,
        submitted: datetime, state: str, *, at_once: bool = False,
    ) -> None:  # fmt: skip
        known.state = state
        known.done = datetime.now(UTC) if state in receipts.FINAL else None
        asked = part.pdu.number("registered_delivery") & 3
        if self._faults.dlr == "never" or not asked:
            return
        if state in receipts.FINAL and not receipts.wanted(asked, state):
            return
        pdu = part.pdu
        source = {
            "source_addr": part.to, "destination_addr": part.sender,
            "source_addr_ton": pdu.number("dest_addr_ton"), "source_addr_npi": pdu.number("dest_addr_npi"),
            "dest_addr_ton": pdu.number("source_addr_ton"), "dest_addr_npi": pdu.number("source_addr_npi"),
        }  # fmt: skip
        fields = receipts.receipt(
            self._faults, receipt_id=receipt_id, state=state, submitted=submitted, text=part.text, source=source
        )
        about = {"id": said, "receipt_id": receipt_id, "stat": state, "to": part.to}
        self._outbox.put(Delivery("receipt", fields, session.system_id, about), at_once=at_once)
        self._phones.receipt(bubble, index, state)
