"""What each phone shows: conversations with senders, long texts joined, receipts as ticks. Memory only, bounded."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PHONES, MESSAGES, STRANGER_MESSAGES, JOINS, PINNED = 1_000, 1_000, 100, 50, 100
"""Bounds: phones; messages of a pinned phone, of another; long texts a phone waits for; phones that are pinned."""

USUAL_PEER = "70007"
"""Whom a phone offers to text until a first sender that can be answered has texted a phone."""

_BAD = ("UNDELIV", "REJECTD", "EXPIRED", "DELETED", "UNKNOWN")


def normalise(number: str) -> str:
    """Phone numbers compare as digits without `+`; other addresses as they are."""
    number = number.strip()
    return number[1:] if number[:1] == "+" else number


def display(number: str) -> str:
    """`+15551234567` for 7 to 15 digits, else as it is (short codes, names)."""
    plain = normalise(number)
    return "+" + plain if plain.isdigit() and 7 <= len(plain) <= 15 else number


@dataclass(slots=True)
class PhoneMessage:
    """A bubble. `direction` is `mt` (to the phone) or `mo`; `states` has the last receipt state of each part that
    was sent a receipt; `status` is an MO's deliver_sm_resp: None while it is on its way, -1 when nobody took it."""

    id: int
    phone: str
    peer: str
    direction: str
    at: float
    alphabet: str
    total: int = 1
    parts: dict[int, str] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    wants_receipt: bool = False
    flash: bool = False
    status: int | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the page: times are milliseconds since 1970."""
        return {
            "id": self.id, "phone": self.phone, "peer": self.peer, "direction": self.direction,
            "at": round(self.at * 1000), "alphabet": self.alphabet, "total": self.total,
            "have": len(self.parts) if self.direction == "mt" else self.total,
            "text": self.text(),
            "state": self.state(), "receipts": len(self.states), "flash": self.flash, "status": self.status,
            "note": self.note,
        }  # fmt: skip

    def text(self) -> str:
        """What the bubble says; a part that is still missing shows as an ellipsis."""
        if self.direction == "mo":
            return self.parts.get(1, "")
        return "".join(self.parts.get(n, " … ") for n in range(1, self.total + 1))

    def state(self) -> str:
        """One word for the bubble: the worst receipt; `accepted` without one; `none` when none was asked for."""
        if self.direction == "mo":
            return "sending" if self.status is None else "taken" if self.status == 0 else "failed"
        for bad in _BAD:
            if bad in self.states.values():
                return bad
        if self.total == len(self.states) and set(self.states.values()) == {"DELIVRD"}:
            return "DELIVRD"
        pending = next((state for state in self.states.values() if state != "DELIVRD"), "accepted")
        return pending if self.wants_receipt else "none"


@dataclass
class _Phone:
    number: str
    name: str = ""
    pinned: bool = False
    unseen: int = 0
    messages: deque[PhoneMessage] = field(default_factory=lambda: deque(maxlen=STRANGER_MESSAGES))
    joins: OrderedDict[tuple[Any, ...], PhoneMessage] = field(default_factory=OrderedDict)


class Phones:
    """All phones. Pinned ones are shown on the page and stay; of the others the longest silent goes first.

    `on_message` is called with each new or changed message, `on_list` when the list of phones changed.
    """

    def __init__(self, pinned: dict[str, str] | None = None, auto_pin: int = 4) -> None:
        self._phones: OrderedDict[str, _Phone] = OrderedDict()
        self._next = int(time.time() * 1000)  # greater than any of an earlier run that a page may still remember
        self._auto_pin = auto_pin
        self._pins = 0
        self._usual = ""
        self.on_message: Callable[[PhoneMessage], None] | None = None
        self.on_list: Callable[[], None] | None = None
        for number, name in (pinned or {}).items():
            self.pin(number, name)

    def pin(self, number: str, name: str = "") -> None:
        """Show a phone on the page, or rename it. Raises `ValueError` at the bound."""
        phone = self._phone(number)
        if not phone.pinned and self._pins >= PINNED:
            raise ValueError(f"at most {PINNED} phones")
        self._pin(phone)
        phone.name = name
        self._listed()

    def unpin(self, number: str) -> bool:
        """Take a phone off the page and forget its messages; whether it was there."""
        gone = self._phones.pop(normalise(number), None)
        self._pins -= gone is not None and gone.pinned
        self._listed()
        return gone is not None

    def is_pinned(self, number: str) -> bool:
        """Whether the page shows this phone."""
        phone = self._phones.get(normalise(number))
        return phone is not None and phone.pinned

    def received(self, to: str, sender: str, text: str, *, alphabet: str, wants_receipt: bool, flash: bool = False,
                 join: tuple[str, int, int, int] | None = None) -> tuple[PhoneMessage, int]:  # fmt: skip
        """A part arrived at a phone. `join` is (kind, reference, total, number). Returns bubble and part number."""
        phone = self._phone(to)
        if not self._usual and normalise(sender).isdigit():
            self._usual = display(sender)
        if not phone.pinned and self._pins < self._auto_pin:
            self._pin(phone)
            self._listed()
        kind, reference, total, number = join or ("", 0, 1, 1)
        key = (sender, kind, reference, total)
        message = phone.joins.get(key) if join else None
        if message is None or number in message.parts:
            message = self._new(phone, sender, "mt", alphabet, total)
            message.wants_receipt, message.flash = wants_receipt, flash
            if total > 1:
                phone.joins[key] = message
                while len(phone.joins) > JOINS:
                    phone.joins.popitem(last=False)
        message.parts[number] = text
        message.alphabet = "UCS-2" if "UCS-2" in (alphabet, message.alphabet) else alphabet
        if len(message.parts) >= total:
            phone.joins.pop(key, None)
        self._changed(message)
        return message, number

    def sent(self, number: str, to: str, text: str, *, alphabet: str, total: int) -> PhoneMessage:
        """Somebody typed a text on a phone."""
        message = self._new(self._phone(number), to, "mo", alphabet, total)
        message.parts[1] = text  # whole: its parts exist only on the wire
        self._changed(message)
        return message

    def answered(self, message: PhoneMessage, status: int, note: str = "") -> None:
        """The gateway took (0), refused, or did not take (-1) a text of a phone."""
        message.status, message.note = status, note
        self._changed(message)

    def receipt(self, message: PhoneMessage, part: int, state: str) -> None:
        """A receipt left for a part."""
        message.states[part] = state
        self._changed(message)

    def messages(self, number: str, limit: int = MESSAGES) -> list[dict[str, Any]]:
        """The newest bubbles of one phone, oldest first."""
        phone = self._phones.get(normalise(number))
        return [message.as_dict() for message in list(phone.messages)[-limit:]] if phone else []

    def listing(self) -> dict[str, Any]:
        """Pinned phones in the order they were added, the last 50 others, and whom a phone offers to text."""
        others = [p for p in self._phones.values() if not p.pinned]
        return {
            "pinned": [{"number": p.number, "name": p.name} for p in self._phones.values() if p.pinned],
            "peer": self._usual or USUAL_PEER,
            "others": [{"number": p.number, "messages": len(p.messages)} for p in reversed(others[-50:])],
        }

    def _pin(self, phone: _Phone) -> None:
        if not phone.pinned:
            phone.pinned = True
            phone.messages = deque(phone.messages, maxlen=MESSAGES)
            self._pins += 1

    def _phone(self, number: str) -> _Phone:
        key = normalise(number)
        phone = self._phones.get(key)
        if phone is None:
            phone = self._phones[key] = _Phone(display(number))
            if len(self._phones) > PHONES:
                self._phones.pop(next(k for k, p in self._phones.items() if not p.pinned and p is not phone))
            self._listed()
        elif not phone.pinned:
            self._phones.move_to_end(key)
        return phone

    def _new(self, phone: _Phone, peer: str, direction: str, alphabet: str, total: int) -> PhoneMessage:
        self._next += 1
        message = PhoneMessage(self._next, phone.number, display(peer), direction, time.time(), alphabet, total)
        phone.messages.append(message)
        return message

    def _changed(self, message: PhoneMessage) -> None:
        if self.on_message is not None:
            self.on_message(message)

    def _listed(self) -> None:
        if self.on_list is not None:
            self.on_list()
