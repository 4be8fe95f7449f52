"""One SMPP connection of a gateway (ESME) to the simulated carrier: bytes in, PDUs out, and back. No decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from gateway.simulator import wire

BIND_SECONDS = 30.0
"""A connection that has not bound by then is closed, as carriers do."""


ANYBODY = ""
"""The system id of a delivery that any bind may get."""


@dataclass(eq=False)
class Delivery:
    """A deliver_sm to be sent. `on_result` hears each attempt's end: a status, or None when there was no answer, and
    whether it will be tried again."""

    what: str
    fields: dict[str, Any]
    system_id: str = ANYBODY
    about: dict[str, Any] | None = None
    on_result: Callable[[int | None, bool], None] | None = None
    attempts: int = 0
    deadline: float = 0.0


class Session(asyncio.Protocol):
    """A connection. `mode` is the bind command that was accepted, or empty; `sent` our requests without an answer."""

    def __init__(
        self,
        number: int,
        on_pdu: Callable[[Session, wire.Pdu], None],
        on_bad: Callable[[Session, wire.BadPdu], None],
        on_closed: Callable[[Session], None],
    ) -> None:
        self.number = number
        self.mode = ""
        self.system_id = ""
        self.peer = ""
        self.sent: dict[int, Delivery] = {}
        self.closed = False
        self._on_pdu, self._on_bad, self._on_closed = on_pdu, on_bad, on_closed
        self._framer = wire.Framer()
        self._sequence = 0
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def receives(self) -> bool:
        """Whether receipts and texts may go here."""
        return not self.closed and self.mode in ("bind_receiver", "bind_transceiver")

    @property
    def submits(self) -> bool:
        """Whether it may submit."""
        return self.mode in ("bind_transmitter", "bind_transceiver")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a gateway connected."""
        self._transport = cast(asyncio.Transport, transport)
        host, port = (transport.get_extra_info("peername") or ("?", 0))[:2]
        self.peer = f"{host}:{port}"
        self._deadline = asyncio.get_running_loop().call_later(BIND_SECONDS, self._not_bound)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came. A PDU that cannot be read is answered with generic_nack; only a broken length closes."""
        bad: wire.BadPdu | None = None
        try:
            whole = self._framer.feed(data)
        except wire.BadPdu as broken:
            bad, whole = broken, broken.args[1]
        for octets in whole:
            if self.closed:
                return
            try:
                pdu = wire.parse(octets)
            except wire.BadPdu as unreadable:
                self._on_bad(self, unreadable)
                self.write(wire.header("generic_nack", unreadable.sequence, unreadable.status))
            else:
                self._on_pdu(self, pdu)
        if bad is not None and not self.closed:
            self._on_bad(self, bad)
            self.write(wire.header("generic_nack", bad.sequence, bad.status))
            self.close()

    def pause_writing(self) -> None:
        """asyncio: the gateway does not read its answers, so we take no more from it."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """asyncio: it reads again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: gone."""
        self.closed = True
        if self._deadline is not None:
            self._deadline.cancel()
        self._on_closed(self)

    def next_sequence(self) -> int:
        """1 to 0x7FFFFFFF, then from 1 again (SMPP 3.4 section 5.1.4)."""
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return self._sequence

    def write(self, octets: bytes) -> None:
        """Send; nothing happens on a closed connection."""
        if self._transport is not None and not self.closed:
            self._transport.write(octets)

    def close(self) -> None:
        """Close after what was written has left."""
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection: what was not sent is lost."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def as_dict(self) -> dict[str, object]:
        """For `GET /state`."""
        return {"session": self.number, "system_id": self.system_id, "bind": self.mode, "unanswered": len(self.sent)}

    def _not_bound(self) -> None:
        if not self.mode:
            self.close()
