"""A connection that carries PDUs: finds their bounds, holds the peer back, joins what is written into one write a turn.

Knows lengths and nothing else of a PDU; `session.py` says what they mean.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, cast

from gateway.channels.smpp.profile import CarrierProfile
from gateway.channels.smpp.wire import HEADER_LENGTH, MAX_LENGTH

WRITE_LIMIT: Final = 65_536  # octets that the peer has not read, above which we stop reading it
CLOSE_GRACE: Final = 2.0  # seconds that a closing connection has to take its last octets


class FramedConnection:
    """What asyncio wants of the Protocol of one connection, by its methods alone: a compiled class descends from no
    interpreted one (`compiling.records`). A subclass takes PDUs (`take`), is told when a read is over (`read_over`) and
    when a length cannot be (`unframable`), and calls `send`, `hold`, `release` and `close`.

    All that is sent in one turn of the loop leaves in one write; while the kernel takes no more, it waits here, so that
    what has not left us is known when the connection breaks.
    """

    def __init__(self, profile: CarrierProfile, clock: Callable[[], float], counters: Counter[str]) -> None:
        self.profile = profile
        self.counters = counters
        self.reason = ""
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._half_since: float | None = None
        self._heard = clock()
        self._held_since: float | None = None
        self._held_total = 0.0
        self._out: list[bytes] = []
        self._out_octets = 0
        self._flushing = False
        self._aborted = False
        self._blocked_since: float | None = None

    # what a subclass says

    def take(self, octets: bytes) -> None:
        """One whole PDU by its length."""
        raise NotImplementedError

    def read_over(self) -> None:
        """All PDUs of a read were taken."""
        raise NotImplementedError

    def unframable(self) -> None:
        """The next length is impossible, so where a PDU begins is no longer known."""
        raise NotImplementedError

    def flushed(self) -> None:
        """All that was sent so far is with the kernel, or first in line for it."""

    def may_release(self) -> bool:
        """Whether the reason to hold the peer back is gone."""
        raise NotImplementedError

    # reading

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        # We want to hear of it as soon as the kernel does not take everything. high=0 would say so, but TLS then takes
        # an empty buffer for a full one, and on uvloop never says that it is empty again.
        # uvloop's transport is no asyncio.Transport by descent, only by its methods.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._heard = self._now()

    def data_received(self, data: bytes) -> None:
        """Takes what the socket had, whole PDUs or not."""
        self._heard = self._now()
        self._buffer = self._buffer + data if self._buffer else data
        self._consume()

    def _consume(self) -> None:
        data, at, end = self._buffer, 0, len(self._buffer)
        possible = True
        while end - at >= 4 and self._held_since is None:
            length = int.from_bytes(data[at : at + 4], "big")
            possible = HEADER_LENGTH <= length <= MAX_LENGTH
            if not possible or end - at < length:
                break
            self.take(data[at : at + length])
            at += length
        self._buffer = data[at:] if possible else b""
        if not self._buffer or self._held_since is not None:
            self._half_since = None
        elif at or self._half_since is None:
            self._half_since = self._heard
        if not possible:
            self.unframable()
        self.read_over()
        if self._out:
            self._flush()

    def hold(self) -> None:
        """Stops reading; the peer's own window then holds it back."""
        if self._held_since is None and self._transport is not None and not self._transport.is_closing():
            self._held_since = self._clock()
            self.counters["held"] += 1
            self._transport.pause_reading()

    def release(self) -> None:
        """Reads again, if nothing speaks against it any more."""
        if self._held_since is None or self._out_octets > WRITE_LIMIT or not self.may_release():
            return
        self._held_total += self._clock() - self._held_since
        self._held_since = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._loop.call_soon(self._consume)

    def take_rest(self) -> None:
        """Takes what was held back when the connection is gone: answers in it are answers all the same."""
        self._held_since = None
        self._consume()

    # writing

    def eof_received(self) -> None:
        """The peer says no more: the connection ends (an answer of True would keep our half open)."""

    def pause_writing(self) -> None:
        """The kernel's buffer is full; what comes now waits here, and is known not to have left us."""
        self._blocked_since = self._clock()

    def resume_writing(self) -> None:
        """The kernel took it all."""
        self._blocked_since = None
        self._flush()
        self.release()

    def send(self, octets: bytes) -> None:
        """Puts octets in line for the one write at the end of this turn."""
        self._out.append(octets)
        self._out_octets += len(octets)
        if self._out_octets > WRITE_LIMIT and self._blocked_since is not None:
            self.hold()  # it does not read: read no more of it, or its answers would fill our memory
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if not self._out or self._blocked_since is not None or self._transport is None or self._transport.is_closing():
            return
        data = b"".join(self._out) if len(self._out) > 1 else self._out[0]
        self._out.clear()
        self._out_octets = 0
        self.flushed()
        self._transport.write(data)

    def close(self, reason: str) -> None:
        """Ends the connection when what is written has left, two seconds later at most. The first reason stays."""
        self.reason = self.reason or reason
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._flush()
        transport.close()
        self._loop.call_later(CLOSE_GRACE, self._abort)

    def _abort(self) -> None:
        """Ends the connection at once; what the peer has not read is lost. Once, however it was closed before.

        A TLS transport must be closed by us alone and once: CPython 3.11.2 (Debian 12) cannot abort one that was closed
        twice, and fails with AttributeError.
        """
        if self._transport is not None and not self._aborted:
            self._aborted = True
            self._transport.abort()

    # time

    def _now(self) -> float:
        """The clock without the times when we ourselves did not read: nobody is late for that."""
        return self._clock() - self._held_total

    def check_framing(self) -> None:
        """Closes a connection with half a PDU for too long, or that takes nothing of what we write."""
        profile = self.profile
        if self._aborted:
            return  # the loop has yet to tell us that it is gone
        if self._blocked_since is not None and self._clock() - self._blocked_since >= profile.response_timeout:
            self.counters["write_timeout"] += 1
            self.reason = self.reason or f"it read nothing for {profile.response_timeout:g} s"
            self._abort()  # a close would wait for it to read what we wrote
        elif self._half_since is not None and self._held_since is None:
            limit = profile.header_deadline if len(self._buffer) < HEADER_LENGTH else profile.body_deadline
            if self._now() - self._half_since >= limit:
                self.counters["half_pdu"] += 1
                self.close(f"half a PDU for {limit:g} s")
