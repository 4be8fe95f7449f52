"""A connection ends once: whoever closes it, in whatever order, and whatever the transport makes of a second time."""

import asyncio
from collections import Counter

import pytest

from gateway.channels.smpp import CarrierProfile
from gateway.channels.smpp.framing import FramedConnection


class DebianTls(asyncio.Transport):
    """The TLS transport of CPython 3.11.2: closed twice, it cannot be aborted any more."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (1, 0)

    def is_closing(self) -> bool:
        return bool(self.calls)

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        if self.calls.count("close") > 1:
            raise AttributeError("'NoneType' object has no attribute '_abort'")
        self.calls.append("abort")


class Connection(FramedConnection):
    """A connection on a clock of the test's own."""

    def __init__(self) -> None:
        self.time = 0.0
        profile = CarrierProfile("c", "h", 1, "u", response_timeout=10)
        super().__init__(profile, lambda: self.time, Counter())
        self.transport = DebianTls()
        self.connection_made(self.transport)

    def blocked(self, seconds: float) -> None:
        """The peer reads nothing for so long."""
        self.pause_writing()
        self.time += seconds
        self.check_framing()


@pytest.mark.interpreted
async def test_who_reads_nothing_is_cut_off_once() -> None:
    connection = Connection()
    connection.blocked(9)
    assert connection.transport.calls == []
    connection.time += 1
    connection.check_framing()
    connection.check_framing()
    connection.close("we closed it")
    assert connection.transport.calls == ["abort"]
    assert connection.counters["write_timeout"] == 1
    assert connection.reason == "it read nothing for 10 s"


@pytest.mark.interpreted
async def test_who_reads_nothing_while_it_is_closed_is_cut_off_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.channels.smpp.framing.CLOSE_GRACE", 0.0)
    connection = Connection()
    connection.close("we unbound")
    connection.close("we closed it")
    connection.blocked(10)
    connection.check_framing()
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(0.0, over.set)  # after the grace, which was asked for before
    await over.wait()
    assert connection.transport.calls == ["close", "abort"]
    assert connection.reason == "we unbound"
