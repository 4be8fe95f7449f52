"""What pages are told as it happens: Server-Sent Events, gathered for a moment so that a flood stays a trickle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from gateway.simulator.phones import PhoneMessage, Phones, normalise
from gateway.simulator.record import Row

GATHER_SECONDS = 0.05
PAGES, MESSAGES, ROWS = 50, 500, 200
"""Bounds: pages that listen, changed bubbles and record rows a page can have waiting."""
KEEPALIVE_SECONDS = 15.0


class Listener:
    """One page. `phone` narrows it to one phone's bubbles; `rows` asks for the record too."""

    def __init__(self, phone: str = "", rows: bool = False) -> None:
        self.phone, self.rows = normalise(phone), rows
        self._messages: dict[int, PhoneMessage] = {}
        self._rows: list[str] = []
        self._missed = 0
        self._stale: set[str] = set()
        self._wake = asyncio.Event()
        self._ended = False

    def message(self, message: PhoneMessage) -> None:
        """A bubble is new or changed. Too many at once: the page is told to read the phones anew."""
        if len(self._messages) < MESSAGES:
            self._messages[message.id] = message
        else:
            self._stale.add("reload")
        self._wake.set()

    def row(self, row: Row) -> None:
        """A row of the record; the first `ROWS` of a moment are told, the others counted."""
        if len(self._rows) < ROWS:
            self._rows.append(row.line)
        else:
            self._missed += 1
        self._wake.set()

    def stale(self, what: str) -> None:
        """`state` or `phones` changed."""
        self._stale.add(what)
        self._wake.set()

    def end(self) -> None:
        """The simulator stops."""
        self._ended = True
        self._wake.set()

    async def events(self, current: Callable[[str], Any]) -> AsyncIterator[bytes]:
        """Server-Sent Events until `end`. `current` gives the value of what is stale."""
        while not self._ended:
            try:
                async with asyncio.timeout(KEEPALIVE_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            stale, self._stale = sorted(self._stale), set()
            messages, self._messages = self._messages, {}
            rows, self._rows, missed, self._missed = self._rows, [], self._missed, 0
            for what in stale:
                yield event(what, current(what))
            if messages:
                yield event("messages", [message.as_dict() for message in messages.values()])
            if rows:
                yield f'event: rows\ndata: {{"missed":{missed},"rows":[{",".join(rows)}]}}\n\n'.encode()


def event(name: str, value: Any) -> bytes:
    """One Server-Sent Event with JSON data."""
    return f"event: {name}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


class Live:
    """All pages that listen."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones
        self._listeners: set[Listener] = set()

    def add(self, listener: Listener) -> None:
        """A page came. Raises `OverflowError` at `PAGES`."""
        if len(self._listeners) >= PAGES:
            raise OverflowError(f"at most {PAGES} pages")
        self._listeners.add(listener)

    def remove(self, listener: Listener) -> None:
        """It left."""
        self._listeners.discard(listener)

    def message(self, message: PhoneMessage) -> None:
        """A bubble changed: told to pages that show its phone."""
        for listener in self._listeners:
            if listener.phone == normalise(message.phone) or (
                not listener.phone and self._phones.is_pinned(message.phone)
            ):
                listener.message(message)

    def row(self, row: Row) -> None:
        """A row was written."""
        for listener in self._listeners:
            if listener.rows:
                listener.row(row)

    def stale(self, what: str) -> None:
        """`state` or `phones` changed."""
        for listener in self._listeners:
            listener.stale(what)

    def end(self) -> None:
        """The simulator stops: all pages' streams end."""
        for listener in self._listeners:
            listener.end()
