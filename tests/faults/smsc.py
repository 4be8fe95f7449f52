"""A carrier for the kill test: takes texts, writes each down before it answers, and hands over again what was not
acknowledged when the bind broke. Its parser is stock smpplib, and what it knows of SMPP is its own.

Its words are the truth by which the gateway is judged.
"""

import asyncio
import json
import random
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from smpplib import client as smpplib_client
from smpplib import pdu as smpplib_pdu
from smpplib import smpp

SUBMIT, SUBMIT_RESP, DELIVER, DELIVER_RESP = 4, 0x80000004, 5, 0x80000005
ENQUIRE, UNBIND, RESPONSE = 0x15, 6, 0x80000000
BINDS = (1, 2, 9)
USER_MESSAGE_REFERENCE = 0x0204
WINDOW = 40
_GSM = str.maketrans({"\x00": "@", "\x02": "$", "\x11": "_"})  # where GSM-7 differs, as far as our texts go
# smpplib numbers even the PDUs that it only parses, and asks a client for the numbers.
smpplib_pdu.default_client.next_sequence = staticmethod(smpplib_client.SimpleSequenceGenerator().next_sequence)


@dataclass(frozen=True, slots=True)
class Taken:
    """One submit that the carrier took. place: in order of arrival over all binds."""

    place: int
    to: str
    text: str
    life: int


@dataclass(slots=True)
class Moods:
    """How often an answer to a submit goes another way. The rest are answered within 20 ms, with a receipt later.

    refuse: texts that are refused once, and with which command_status. echo: receipts repeat the
    user_message_reference of their text.
    """

    lost: float = 0.015
    late: float = 0.005
    early_receipt: float = 0.08
    no_receipt: float = 0.3
    silent: bool = False
    late_after: float = 2.2
    echo: bool = False
    refuse: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Item:
    """Something that the carrier wants to hand over: a text or a receipt."""

    body: bytes
    label: tuple[str, str] | None = None


def _deliver_body(sender: str, to: str, text: bytes, esm: int = 0) -> bytes:
    return b"".join(
        (
            b"\0\1\1",
            sender.encode(),
            b"\0\0\1",
            to.encode(),
            b"\0",
            bytes((esm, 0, 0)),
            b"\0\0",
            bytes((0, 0, 0, 0, len(text))),
            text,
        )
    )


@dataclass(eq=False, slots=True)
class _Bind:
    """One connection."""

    transport: asyncio.Transport
    bound: bool = False
    sequence: int = 0
    open: dict[int, _Item] = field(default_factory=dict)


class Smsc:
    """The carrier. on_taken: called for each submit, after it was written down."""

    def __init__(self, log: Path, seed: int, sender: str) -> None:
        self.moods = Moods()
        self.port = 0
        self.life = 0
        self.taken: list[Taken] = []
        self.put_off: list[str] = []
        self.refused_texts = 0
        self.acknowledged: set[tuple[str, str]] = set()
        self.on_taken: Callable[[Taken], None] = lambda taken: None
        self.on_acknowledged: Callable[[tuple[str, str]], None] = lambda label: None
        self.bound = asyncio.Event()
        self._chance = random.Random(seed)
        self._sender = sender
        self._log: TextIO = log.open("a")
        self._texts: deque[_Item] = deque()
        self._receipts: deque[_Item] = deque()
        self._bind: _Bind | None = None
        self._server: asyncio.Server | None = None
        self._next_id = 0x1000
        self._later: set[asyncio.TimerHandle] = set()

    async def start(self) -> None:
        """Listens; after `down` on the same port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Ends all binds and the port; what is unacknowledged stays in line, and `start` brings it back."""
        if self._server is not None:
            self._server.close()
        if self._bind is not None:
            self._bind.transport.abort()
        if self._server is not None:
            await self._server.wait_closed()

    async def stop(self) -> None:
        """Ends for good."""
        await self.down()
        for handle in self._later:
            handle.cancel()
        self._log.close()

    @property
    def waiting(self) -> int:
        """Texts and receipts that are not acknowledged."""
        return len(self._texts) + len(self._receipts) + (len(self._bind.open) if self._bind else 0)

    @property
    def texts_waiting(self) -> int:
        """Texts that are not handed over yet."""
        return len(self._texts)

    def text(self, phone: str, text: str) -> None:
        """A customer writes."""
        body = _deliver_body(phone.lstrip("+"), self._sender, text.encode("latin-1"))
        self._texts.append(_Item(body, (phone, text)))
        self._pump()

    # -- the wire

    def connected(self, transport: asyncio.Transport) -> _Bind:
        """A connection came."""
        return _Bind(transport)

    def lost(self, bind: _Bind) -> None:
        """A connection is gone: what it did not acknowledge is handed over again, first things first."""
        for _, item in sorted(bind.open.items(), reverse=True):
            (self._receipts if item.label is None else self._texts).appendleft(item)
        bind.open.clear()
        if self._bind is bind:
            self._bind = None
            self.bound.clear()

    def pdu(self, bind: _Bind, octets: bytes) -> None:
        """One PDU."""
        _, command, status, sequence = struct.unpack_from(">IIII", octets)
        if command in BINDS:
            self._send(bind, command | RESPONSE, 0, sequence, b"smsc\0")
            bind.bound = True
            self._bind = bind
            self.bound.set()
            self._pump()
        elif command == SUBMIT:
            self._submit(bind, octets, sequence)
        elif command == DELIVER_RESP:
            self._answered(bind, status, sequence)
        elif command in (ENQUIRE, UNBIND):
            self._send(bind, command | RESPONSE, 0, sequence)

    def _answered(self, bind: _Bind, status: int, sequence: int) -> None:
        item = bind.open.pop(sequence, None)
        if item is None:
            return
        if status:
            # "Not now": it goes to the end of the line, after a moment.
            self.refused_texts += 1
            self._after(0.2, lambda: self._again(item))
        elif item.label is not None:
            self.acknowledged.add(item.label)
            self._write("acknowledged", {"from": item.label[0], "text": item.label[1]})
            self.on_acknowledged(item.label)
        self._pump()

    def _again(self, item: _Item) -> None:
        (self._receipts if item.label is None else self._texts).append(item)
        self._pump()

    def _submit(self, bind: _Bind, octets: bytes, sequence: int) -> None:
        parsed: Any = smpp.parse_pdu(octets, allow_unknown_opt_params=True)
        to = "+" + parsed.destination_addr.decode()
        text = (parsed.short_message or b"").decode("latin-1").translate(_GSM)
        if (status := self.moods.refuse.pop(text, 0)) != 0:
            self._write("refused", {"to": to, "text": text, "status": status})
            self.put_off.append(text)
            self._send(bind, SUBMIT_RESP, status, sequence)
            return
        taken = Taken(len(self.taken), to, text, self.life)
        self._next_id += 1
        remote = f"{self._next_id:08X}"
        self._write("took", {"to": to, "text": text, "id": remote, "life": self.life})
        self.taken.append(taken)
        self.on_taken(taken)
        if self.moods.silent:
            return
        mood, chance = self.moods, self._chance
        draw = chance.random()
        answer_in, receipt_in = chance.uniform(0, 0.02), chance.uniform(0.03, 0.12)
        reference = int(parsed.user_message_reference) if mood.echo else None
        if draw < mood.lost:
            self._receipt(taken, remote, receipt_in, reference)
            return
        draw -= mood.lost
        if draw < mood.late:
            answer_in = mood.late_after
        elif draw < mood.late + mood.early_receipt:
            receipt_in = 0.0
        self._after(answer_in, lambda: self._send(bind, SUBMIT_RESP, 0, sequence, remote.encode() + b"\0"))
        if chance.random() >= mood.no_receipt:
            self._receipt(taken, remote, receipt_in, reference)

    def _receipt(self, taken: Taken, remote: str, delay: float, reference: int | None) -> None:
        text = (
            f"id:{remote} sub:001 dlvrd:001 submit date:2611220000 done date:2611220000 stat:DELIVRD err:000 text:"
        ).encode()
        body = _deliver_body(taken.to[1:], self._sender, text, esm=4)
        if reference is not None:
            body += struct.pack(">HHH", USER_MESSAGE_REFERENCE, 2, reference)

        def put() -> None:
            self._receipts.append(_Item(body))
            self._pump()

        if delay:
            self._after(delay, put)
        else:
            put()

    def _pump(self) -> None:
        bind = self._bind
        while bind is not None and (self._texts or self._receipts) and len(bind.open) < WINDOW:
            bind.sequence += 1
            first, second = (self._texts, self._receipts) if bind.sequence % 2 else (self._receipts, self._texts)
            item = (first or second).popleft()
            bind.open[bind.sequence] = item
            self._send(bind, DELIVER, 0, bind.sequence, item.body)

    def _send(self, bind: _Bind, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        if not bind.transport.is_closing():
            bind.transport.write(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)

    def _after(self, delay: float, call: Callable[[], None]) -> None:
        def now() -> None:
            self._later.discard(handle)
            call()

        handle = asyncio.get_running_loop().call_later(delay, now)
        self._later.add(handle)

    def _write(self, kind: str, fields: dict[str, object]) -> None:
        self._log.write(json.dumps({"kind": kind, **fields}) + "\n")


class _Connection(asyncio.Protocol):
    """Finds the PDUs in what comes."""

    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc
        self._bind: _Bind | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._bind = self._smsc.connected(transport)

    def data_received(self, data: bytes) -> None:
        assert self._bind is not None
        self._buffer += data
        while len(self._buffer) >= 16:
            length = int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < length:
                return
            octets, self._buffer = self._buffer[:length], self._buffer[length:]
            self._smsc.pdu(self._bind, octets)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._bind is not None:
            self._smsc.lost(self._bind)
