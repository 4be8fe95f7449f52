"""Texts typed on phones: encoded, split, sent to the gateway as deliver_sm, and what the gateway answered."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gateway.simulator import alphabets, wire
from gateway.simulator.faults import Faults
from gateway.simulator.outbox import Outbox
from gateway.simulator.phones import PhoneMessage, Phones, display
from gateway.simulator.record import Record
from gateway.simulator.session import Delivery

TEXT_CHARACTERS = 2_000
PHONE = re.compile(r"\+[0-9]{7,15}|[0-9]{3,15}")
SENDER = re.compile(r"\+[0-9]{7,15}|[0-9]{3,15}|[A-Za-z0-9 .&_-]{1,11}")
INTERNATIONAL, NATIONAL, ALPHANUMERIC = (1, 1), (2, 1), (5, 0)


class NobodyBound(Exception):
    """No bind that receives: the text was not taken."""


class NoAnswer(Exception):
    """The gateway did not answer a part. `again` says that the carrier keeps trying."""

    def __init__(self, again: bool) -> None:
        super().__init__("no answer" + (", the carrier tries again" if again else ""))
        self.again = again


@dataclass
class TextRequest:
    """A text from a phone. Either `text`, or `octets` that go out as they are, in one PDU.

    `udh` is a whole user data header with its length octet; numbers are as a person writes them (`+15551234567`).
    """

    sender: str
    to: str
    text: str | None = None
    octets: bytes | None = None
    data_coding: int | None = None
    esm_class: int = 0
    udh: bytes = b""
    tlvs: dict[str, int] = field(default_factory=dict)

    def check(self) -> None:
        """Raises `ValueError` with a sentence when something is missing or over its limit."""
        if not PHONE.fullmatch(self.sender):
            raise ValueError("from: + and 7 to 15 digits, or a short number")
        if not SENDER.fullmatch(self.to):
            raise ValueError("to: a phone number, a short code, or up to 11 letters and digits")
        if (self.text is None) == (self.octets is None):
            raise ValueError("give text or hex, one of them")
        if self.text is not None and len(self.text) > TEXT_CHARACTERS:
            raise ValueError(f"text: at most {TEXT_CHARACTERS} characters")
        if self.octets is not None and len(self.octets) + len(self.udh) > 254:
            raise ValueError("hex: at most 254 octets with its header")
        if not 0 <= self.esm_class <= 255 or not 0 <= (self.data_coding or 0) <= 255:
            raise ValueError("esm_class, data_coding: 0 to 255")


@dataclass(frozen=True)
class TextResult:
    """What the gateway answered: the first status that is not 0, milliseconds to the last answer, statuses by part."""

    status: int
    ms: int
    parts: int
    statuses: tuple[int, ...]
    redelivering: bool

    def as_dict(self) -> dict[str, Any]:
        """For `POST /mo`."""
        return {
            "status": self.status, "ms": self.ms, "parts": self.parts, "statuses": list(self.statuses),
            "redelivering": self.redelivering, "status_name": wire.status_name(self.status),
        }  # fmt: skip


class _Sending:
    """The parts of one text under way: their first answers for the caller, their latest for the bubble."""

    def __init__(self, phones: Phones, bubble: PhoneMessage) -> None:
        self.first: list[asyncio.Future[tuple[int | None, bool]]] = []
        self._latest: dict[int, int | None] = {}
        self._phones, self._bubble = phones, bubble

    def expect(self) -> Callable[[int | None, bool], None]:
        """One more part; returns what is to hear its answers."""
        self.first.append(asyncio.get_running_loop().create_future())
        return partial(self._heard, len(self.first) - 1)

    def _heard(self, index: int, status: int | None, again: bool) -> None:
        if not self.first[index].done():
            self.first[index].set_result((status, again))
        self._latest[index] = status
        if len(self._latest) < len(self.first):
            return
        worst = next((s for s in self._latest.values() if s != wire.ROK), wire.ROK)
        note = "" if worst == wire.ROK else "no answer" if worst is None else wire.status_name(worst)
        self._phones.answered(self._bubble, -1 if worst is None else worst, note + (", trying again" if again else ""))


class Texts:
    """Sends texts of all phones. References of long texts count per phone, so that two phones' collide as in life."""

    def __init__(self, faults: Faults, record: Record, phones: Phones, outbox: Outbox) -> None:
        self._faults, self._record, self._phones, self._outbox = faults, record, phones, outbox
        self._references: dict[str, int] = {}
        self.reset()

    def reset(self) -> None:
        """The faults were changed: random choices start anew."""
        self._random = random.Random(self._faults.seed)

    async def send(self, request: TextRequest, within: float = 60.0) -> TextResult:
        """Send and wait for each part's first answer, `within` seconds at most.

        Raises `ValueError` for a request over its limits, `NobodyBound`, `NoAnswer`, `TimeoutError`.
        """
        request.check()
        parts = self._parts(request)
        shown = request.text
        coding = parts[0]["data_coding"]
        if shown is None:
            shown = alphabets.decode(request.octets or b"", coding, self._faults.alphabet, len(request.udh))
        bubble = self._phones.sent(
            request.sender, request.to, shown, alphabet=alphabets.kind_of(coding), total=len(parts)
        )
        if not self._outbox.has_receiver():
            self._phones.answered(bubble, -1, "no gateway is bound")
            raise NobodyBound
        sending = _Sending(self._phones, bubble)
        begun = asyncio.get_running_loop().time()
        for number, fields in self._order(list(enumerate(parts, 1))):
            about = {"from": request.sender, "to": request.to, "part": number, "parts": len(parts)}
            self._outbox.put(Delivery("mo", fields, about=about, on_result=sending.expect()))
        try:
            async with asyncio.timeout(within):
                heard = await asyncio.gather(*sending.first)
        except TimeoutError:
            self._phones.answered(bubble, -1, "no answer yet")
            raise
        return self._result(heard, len(parts), round((asyncio.get_running_loop().time() - begun) * 1000))

    def _result(self, heard: list[tuple[int | None, bool]], parts: int, ms: int) -> TextResult:
        again = any(retry for _, retry in heard)
        if any(status is None for status, _ in heard):
            self._record.note("mo_unanswered", {"ms": ms, "redelivering": again})
            raise NoAnswer(again)
        statuses = tuple(status or 0 for status, _ in heard)
        worst = next((status for status in statuses if status), 0)
        self._record.note("mo_answered", {"status": worst, "ms": ms})
        return TextResult(worst, ms, parts, statuses, again)

    def _order(self, parts: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
        if self._faults.mo_shuffle and len(parts) > 1:
            while parts[0][0] == 1:  # any order in which the first part is not the first
                self._random.shuffle(parts)
        return [part for part in parts for _ in range(2 if self._faults.mo_twice else 1)]

    def _parts(self, request: TextRequest) -> list[dict[str, Any]]:
        address = self._addresses(request)
        if request.octets is not None:
            esm_class = request.esm_class | (0x40 if request.udh else 0)
            body = request.udh + request.octets
            return [
                address | {"esm_class": esm_class, "data_coding": request.data_coding or 0, "short_message": body}
                | request.tlvs
            ]  # fmt: skip
        form = self._faults.mo_long
        wide = 2 if form == "udh16" else 1
        encoded = alphabets.split(request.text or "", self._faults.alphabet, request.data_coding, wide)
        plain = address | {"esm_class": request.esm_class, "data_coding": encoded.data_coding}
        total = len(encoded.parts)
        if total == 1 or form == "payload":
            body = self._packed(b"".join(encoded.parts), encoded.data_coding, 0)
            return [plain | {"short_message" if total == 1 else "message_payload": body}]
        reference = self._reference(request.sender)
        made = []
        for number, octets in enumerate(encoded.parts, 1):
            if form == "sar":
                sar = {"sar_msg_ref_num": reference, "sar_total_segments": total, "sar_segment_seqnum": number}
                made.append(plain | sar | {"short_message": self._packed(octets, encoded.data_coding, 0)})
                continue
            header = bytes([0x08, 4]) + reference.to_bytes(2, "big") if wide == 2 else bytes([0, 3, reference & 0xFF])
            header = bytes([len(header) + 2]) + header + bytes([total, number])
            body = header + self._packed(octets, encoded.data_coding, len(header))
            made.append(plain | {"esm_class": request.esm_class | 0x40, "short_message": body})
        return made

    def _packed(self, octets: bytes, data_coding: int, header: int) -> bytes:
        if self._faults.alphabet == "gsm7-packed" and alphabets.kind_of(data_coding) == alphabets.GSM7:
            return alphabets.pack(octets, alphabets.fill_bits(header))
        return octets

    def _reference(self, sender: str) -> int:
        if len(self._references) > 10_000:
            self._references.clear()
        self._references[sender] = self._references.get(sender, 0) % 0xFFFF + 1
        return self._references[sender]

    def _addresses(self, request: TextRequest) -> dict[str, Any]:
        shown = display(request.sender)
        number, (ton, npi) = shown.removeprefix("+"), INTERNATIONAL if shown[0] == "+" else (0, 1)
        if self._faults.mo_number == "plus":
            number = shown
        elif self._faults.mo_number == "national" and len(number) == 11 and number[0] == "1":
            number, (ton, npi) = number[1:], NATIONAL
        to = request.to.removeprefix("+")
        to_ton, to_npi = INTERNATIONAL if request.to[0] == "+" else (0, 1) if to.isdigit() else ALPHANUMERIC
        return {
            "source_addr": number, "source_addr_ton": ton, "source_addr_npi": npi,
            "destination_addr": to, "dest_addr_ton": to_ton, "dest_addr_npi": to_npi,
        }  # fmt: skip
