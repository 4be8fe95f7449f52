"""An SMSC that is nothing but bytes: for faults that no real SMSC would show us on demand.

It has its own few lines of SMPP (`struct`, no library, nothing of ours) and does what a test tells it to, PDU by PDU.
"""

import asyncio
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

BINDS = (1, 2, 9)
SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK, GENERIC_NACK = 4, 5, 6, 0x15, 0x80000000
SUBMIT_SM_RESP, DELIVER_SM_RESP, UNBIND_RESP, ENQUIRE_LINK_RESP = 0x80000004, 0x80000005, 0x80000006, 0x80000015


def pdu(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """Header and body."""
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def deliver(
    sequence: int, text: bytes, *, sender: bytes = b"15557654321", esm: int = 0, coding: int = 0, tlvs: bytes = b""
) -> bytes:
    """A deliver_sm to 70007."""
    body = (
        b"\0\1\1"
        + sender
        + b"\0\0\1"
        + b"70007\0"
        + bytes((esm, 0, 0))
        + b"\0\0"
        + bytes((0, 0, coding, 0, len(text)))
        + text
        + tlvs
    )
    return pdu(DELIVER_SM, 0, sequence, body)


@dataclass
class Pdu:
    """One PDU that came."""

    command: int
    status: int
    sequence: int
    body: bytes


@dataclass(eq=False)
class Connection:
    """One ESME that connected. taken: all its PDUs."""

    smsc: "RawSmsc"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    taken: list[Pdu] = field(default_factory=list)
    closed: bool = False

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        if not self.writer.is_closing():
            self.writer.write(data)

    async def drip(self, data: bytes) -> None:
        """Bytes one at a time, each in a segment of its own."""
        for index in range(len(data)):
            self.writer.write(data[index : index + 1])
            await self.writer.drain()
            await asyncio.sleep(0)

    def cut(self) -> None:
        """Ends the connection at once."""
        # A TLS transport that was closed twice cannot be aborted in CPython 3.11.2, which Debian 12 has.
        if not self.writer.transport.is_closing():
            self.writer.transport.abort()

    async def gone(self) -> None:
        """Waits until it is closed."""
        await self.until(lambda: self.closed, 5)

    def of(self, command: int) -> list[Pdu]:
        """The PDUs of that command that came."""
        return [taken for taken in self.taken if taken.command == command]

    async def until(self, so: Callable[[], object], seconds: float = 10) -> None:
        """Waits until it is so; looks at every PDU, and every 20 ms."""
        async with asyncio.timeout(seconds):
            while not so():
                self.smsc.pulse.clear()
                try:
                    await asyncio.wait_for(self.smsc.pulse.wait(), 0.02)
                except TimeoutError:
                    continue


class RawSmsc:
    """Answers binds, enquire_link and unbind; what else it does is `on_pdu`.

    bind_status: what binds are answered with. on_pdu(connection, pdu): called for each PDU before the usual answer;
    returns True where it has done all there is to do. may_read: cleared = it takes no bytes at all.
    """

    def __init__(
        self,
        on_pdu: Callable[[Connection, Pdu], bool | None] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.port = port
        self.bind_status = 0
        self.answer_submits = True
        self.connections: list[Connection] = []
        self.pulse = asyncio.Event()
        self.attempts = 0
        self.may_read = asyncio.Event()
        self.may_read.set()
        self._on_pdu = on_pdu
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._ids = 0

    @property
    def last(self) -> Connection:
        """The newest connection."""
        return self.connections[-1]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self.connections:
            connection.cut()
        self.may_read.set()
        await self._server.wait_closed()
        for connection in self.connections:
            await connection.gone()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        self.connections.append(connection)
        try:
            while True:
                await self.may_read.wait()
                head = await reader.readexactly(16)
                length, command, status, sequence = struct.unpack(">IIII", head)
                found = Pdu(command, status, sequence, await reader.readexactly(length - 16))
                connection.taken.append(found)
                if not (self._on_pdu and self._on_pdu(connection, found)):
                    self._usual(connection, found)
                self.pulse.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            connection.closed = True
            self.pulse.set()
            writer.close()

    def _usual(self, connection: Connection, found: Pdu) -> None:
        command, sequence = found.command, found.sequence
        if command in BINDS:
            self.attempts += 1
            connection.send(
                pdu(command | 0x80000000, self.bind_status, sequence, b"raw\0" if not self.bind_status else b"")
            )
        elif command == SUBMIT_SM and self.answer_submits:
            self._ids += 1
            connection.send(pdu(SUBMIT_SM_RESP, 0, sequence, f"{self._ids:08x}".encode() + b"\0"))
        elif command == ENQUIRE_LINK:
            connection.send(pdu(ENQUIRE_LINK_RESP, 0, sequence))
        elif command == UNBIND:
            connection.send(pdu(UNBIND_RESP, 0, sequence))
            connection.writer.close()
