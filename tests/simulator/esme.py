"""A small ESME made of `struct` alone: it shares no line with the simulator, nor with smpplib."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

GENERIC_NACK, BIND_RX, BIND_TX, QUERY, SUBMIT, DELIVER, UNBIND, BIND_TRX, ENQUIRE = (
    0x80000000,
    1,
    2,
    3,
    4,
    5,
    6,
    9,
    0x15,
)
RESP = 0x80000000


@dataclass
class Frame:
    """A PDU as it came: header and body."""

    command: int
    status: int
    sequence: int
    body: bytes

    @property
    def message_id(self) -> str:
        return self.body.split(b"\0", 1)[0].decode()

    def short_message(self) -> dict[str, Any]:
        """Fields of a deliver_sm."""
        at = 0
        fields: dict[str, Any] = {}

        def string() -> str:
            nonlocal at
            end = self.body.index(b"\0", at)
            found = self.body[at:end].decode()
            at = end + 1
            return found

        def byte() -> int:
            nonlocal at
            at += 1
            return self.body[at - 1]

        fields["service_type"] = string()
        fields["source_ton"], fields["source_npi"], fields["source"] = byte(), byte(), string()
        fields["dest_ton"], fields["dest_npi"], fields["dest"] = byte(), byte(), string()
        fields["esm_class"], _, _, _, _ = byte(), byte(), byte(), string(), string()
        fields["registered"], _, fields["data_coding"], _ = byte(), byte(), byte(), byte()
        length = byte()
        fields["octets"] = self.body[at : at + length]
        at += length
        tlvs = {}
        while at < len(self.body):
            tag, size = struct.unpack_from(">HH", self.body, at)
            tlvs[tag] = self.body[at + 4 : at + 4 + size]
            at += 4 + size
        return fields | {"tlvs": tlvs}


def c_string(text: str) -> bytes:
    return text.encode("latin-1") + b"\0"


def submit_body(
    to: str = "15551234567",
    octets: bytes = b"hello",
    sender: str = "70007",
    *,
    esm_class: int = 0,
    data_coding: int = 0,
    registered: int = 1,
    tlvs: tuple[tuple[int, bytes], ...] = (),
) -> bytes:
    """Body of a submit_sm."""
    return (
        b"\0\0\0" + c_string(sender) + b"\1\1" + c_string(to) + bytes([esm_class, 0, 0]) + b"\0\0"
        + bytes([registered, 0, data_coding, 0, len(octets)]) + octets
        + b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in tlvs)
    )  # fmt: skip


@dataclass
class Esme:
    """A connection. `answer` is the command_status of deliver_sm_resp, None for no answer at all."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answer: int | None = 0
    frames: asyncio.Queue[Frame] = field(default_factory=asyncio.Queue)
    delivered: list[dict[str, Any]] = field(default_factory=list)
    sequence: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, command: int, body: bytes = b"", status: int = 0, sequence: int | None = None) -> int:
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        self.writer.write(struct.pack(">LLLL", 16 + len(body), command, status, sequence) + body)
        return sequence

    async def bind(self, command: int = BIND_TRX, password: str = "p", system_id: str = "u") -> Frame:
        self.send(command, c_string(system_id) + c_string(password) + c_string("") + b"\x34\0\0\0")
        return await self.next()

    async def submit(self, *args: Any, **more: Any) -> Frame:
        self.send(SUBMIT, submit_body(*args, **more))
        return await self.next()

    async def next(self, within: float = 5.0) -> Frame:
        """The next PDU that is not a text to us."""
        async with asyncio.timeout(within):
            return await self.frames.get()

    async def read(self) -> None:
        """Take PDUs until the connection ends; texts are answered."""
        try:
            while True:
                length, *rest = struct.unpack(">LLLL", await self.reader.readexactly(16))
                frame = Frame(rest[0], rest[1], rest[2], await self.reader.readexactly(length - 16))
                if frame.command == DELIVER:
                    self.delivered.append(frame.short_message() | {"sequence": frame.sequence})
                    await self.frames.put(frame)
                    if self.answer is not None:
                        self.send(DELIVER | RESP, b"\0", self.answer, frame.sequence)
                else:
                    await self.frames.put(frame)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()


@contextlib.asynccontextmanager
async def connected(port: int, *, answer: int | None = 0) -> AsyncIterator[Esme]:
    """A connection to the simulator that is not bound yet."""
    esme = Esme(*await asyncio.open_connection("127.0.0.1", port), answer)
    task = asyncio.create_task(esme.read())
    try:
        yield esme
    finally:
        task.cancel()
        esme.writer.close()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with contextlib.suppress(ConnectionError):
            await esme.writer.wait_closed()


@contextlib.asynccontextmanager
async def bound(
    port: int, command: int = BIND_TRX, *, answer: int | None = 0, system_id: str = "u"
) -> AsyncIterator[Esme]:
    """A bound connection."""
    async with connected(port, answer=answer) as esme:
        assert (await esme.bind(command, system_id=system_id)).status == 0
        yield esme
