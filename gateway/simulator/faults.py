"""The one list of fault switches of the simulated carrier.

Each field of `Faults` is a switch. The command line, `POST /set` and the phone page are all built from these fields, so
that a switch added here appears in all three. The names of the first ones are those of the npm peer
(`tests/peers/smsc.js`), whose control port ours can stand in for.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import Any

Value = str | int | float | bool

RECEIPT_STATES = ("DELIVRD", "UNDELIV", "EXPIRED", "REJECTD", "DELETED", "UNKNOWN", "ACCEPTD", "ENROUTE")
_DAY_MS = 86_400_000


def _switch(
    default: Value,
    label: str,
    text: str,
    *,
    group: str,
    choices: tuple[str, ...] = (),
    limits: tuple[float, float] = (0, _DAY_MS),
    pattern: str = "",
) -> Any:
    metadata = {"label": label, "help": text, "group": group, "choices": choices, "limits": limits, "pattern": pattern}
    return field(default=default, metadata=metadata)


@dataclass
class Faults:
    """What the carrier does wrong, and how. The defaults are a carrier that behaves.

    Times are milliseconds, rates are message parts a second, percentages are 0 to 100.
    """

    # receipts
    dlr: str = _switch(
        "on",
        "Receipts",
        "delivery receipt after the answer, before it, dlr_late_ms after it, twice, or never",
        group="receipts",
        choices=("on", "early", "late", "twice", "never"),
    )
    dlr_ms: int = _switch(20, "Receipt delay", "delay of a receipt, ms", group="receipts")
    dlr_late_ms: int = _switch(
        10_000, "Delay of late receipts", "delay of a receipt when dlr=late, ms", group="receipts"
    )
    stat: str = _switch(
        "DELIVRD", "State they report", "state that receipts report", group="receipts", choices=RECEIPT_STATES
    )
    err: str = _switch(
        "000", "Error code in receipts", "err field of receipts", group="receipts", pattern=r"[0-9A-Za-z]{1,5}"
    )
    dlr_form: str = _switch(
        "both",
        "Form of receipts",
        "where a receipt says it: text and TLVs, text alone, TLVs alone",
        group="receipts",
        choices=("both", "text", "tlv"),
    )
    dlr_enroute: bool = _switch(False, "ENROUTE first", "an ENROUTE receipt before the final one", group="receipts")
    id: str = _switch(
        "hex",
        "Message ids",
        "message id: hex; decimal; resp-hex (hex in the answer, decimal in the receipt); zeros (leading zeros in the"
        " answer only); case (upper in the answer, lower in the receipt); text",
        group="receipts",
        choices=("hex", "decimal", "resp-hex", "zeros", "case", "text"),
    )
    # answers to submit_sm
    resp: str = _switch(
        "ok",
        "Answers",
        "answer to submit_sm: at once, after resp_ms, twice, never, or lost (never, and the text is gone too)",
        group="answers",
        choices=("ok", "late", "never", "twice", "lost"),
    )
    resp_ms: int = _switch(2_000, "Delay of late answers", "delay of an answer when resp=late, ms", group="answers")
    rate: float = _switch(
        0.0, "Throttle at", "parts a second before ESME_RTHROTTLED; 0 = no limit", group="answers", limits=(0, 1e6)
    )
    queue_full: bool = _switch(False, "Queue full", "refuse with ESME_RMSGQFUL", group="answers")
    status: int = _switch(
        0,
        "Refuse with status",
        "command_status of submit_sm_resp, e.g. 8 or 0x0B; 0 = accept",
        group="answers",
        limits=(0, 0xFFFFFFFF),
    )
    status_percent: float = _switch(
        100.0, "Share refused", "share of submits that get that status, %", group="answers", limits=(0, 100)
    )
    query: str = _switch(
        "ok", "Answers to query_sm", "answer to query_sm", group="answers", choices=("ok", "fail", "never")
    )
    strict: bool = _switch(
        True,
        "Refuse parts that are too long",
        "refuse what no phone takes: over 140 octets (160 characters) in one part",
        group="answers",
    )
    # numbers that fail
    fail_digits: str = _switch(
        "",
        "Endings that fail",
        "numbers with these endings always fail, e.g. 99,000",
        group="numbers",
        pattern=r"[0-9, ]{0,200}",
    )
    fail_percent: float = _switch(
        0.0, "Share of numbers that fail", "share of numbers that always fail, %", group="numbers", limits=(0, 100)
    )
    fail_stat: str = _switch(
        "UNDELIV",
        "State for failing numbers",
        "state in the receipts of failing numbers",
        group="numbers",
        choices=RECEIPT_STATES,
    )
    fail_status: int = _switch(
        0,
        "Status for failing numbers",
        "command_status for failing numbers (11 = bad number); 0 = accept, then fail by receipt",
        group="numbers",
        limits=(0, 0xFFFFFFFF),
    )
    seed: int = _switch(1, "Seed", "seed of all that is random", group="numbers", limits=(0, 2**31))
    # the link
    bind: str = _switch(
        "ok",
        "Binds",
        "answer to a bind: ok, bad password, unknown system id, failed, never",
        group="link",
        choices=("ok", "password", "system_id", "fail", "never"),
    )
    enquire: str = _switch(
        "ok", "Answers to enquire_link", "answer to enquire_link", group="link", choices=("ok", "never")
    )
    drop_after: int = _switch(
        0,
        "Drop after submits",
        "cut the connection at that many submits from now, once; 0 = never",
        group="link",
        limits=(0, 1e9),
    )
    spread: bool = _switch(
        True,
        "Spread over all binds",
        "receipts and texts go over all binds in turn; off = the first only",
        group="link",
    )
    redeliver: bool = _switch(
        True,
        "Deliver again",
        "what was not acknowledged, or refused for now, is sent again and waits for the next bind",
        group="link",
    )
    # texts from phones
    mo_long: str = _switch(
        "udh8",
        "Form of long texts",
        "form of long texts from phones",
        group="phones",
        choices=("udh8", "udh16", "sar", "payload"),
    )
    mo_shuffle: bool = _switch(False, "Shuffle parts", "parts of long texts arrive in a wrong order", group="phones")
    mo_twice: bool = _switch(False, "Everything twice", "each text, or part of one, arrives twice", group="phones")
    mo_number: str = _switch(
        "plain", "Form of numbers", "form of phone numbers: 1555..., +1555..., or without country", group="phones",
        choices=("plain", "plus", "national"),
    )  # fmt: skip
    alphabet: str = _switch(
        "gsm7",
        "Default alphabet",
        "alphabet of data_coding 0, both ways",
        group="phones",
        choices=("gsm7", "gsm7-packed", "latin1", "ascii"),
    )

    def put(self, changes: dict[str, Any]) -> None:
        """Set switches by name. Strings are read as on a command line. Raises `ValueError`, and then nothing is set."""
        read = {name: parse_value(name, value) for name, value in changes.items()}
        for name, value in read.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Value]:
        """All switches, as `GET /state` shows them."""
        return dataclasses.asdict(self)

    def failing_endings(self) -> tuple[str, ...]:
        """The endings of `fail_digits`, without empty ones."""
        return tuple(part for part in self.fail_digits.replace(",", " ").split() if part)


@dataclass(frozen=True)
class Switch:
    """Description of one switch, for a command line or a page."""

    name: str
    type: type
    default: Value
    label: str
    help: str
    group: str
    choices: tuple[str, ...]
    limits: tuple[float, float]
    pattern: str

    @property
    def flag(self) -> str:
        """The name on a command line."""
        return "--" + self.name.replace("_", "-")

    def as_dict(self) -> dict[str, Any]:
        """For the page."""
        shown = ("name", "default", "label", "help", "group", "choices")
        return {key: getattr(self, key) for key in shown} | {
            "type": self.type.__name__, "minimum": self.limits[0], "maximum": self.limits[1],
        }  # fmt: skip


FAULTS: tuple[Switch, ...] = tuple(
    Switch(name=f.name, type=type(value), default=value, **f.metadata)
    for f, value in ((f, getattr(Faults, f.name)) for f in dataclasses.fields(Faults))
)
_BY_NAME = {switch.name: switch for switch in FAULTS}
_WORDS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def parse_value(name: str, value: Any) -> Value:
    """The value of a switch from a flag, a form or JSON. Raises `ValueError` with a sentence that a person can read."""
    switch = _BY_NAME.get(name)
    if switch is None:
        raise ValueError(f"unknown switch {name}")
    if switch.type is bool:
        word = str(value).lower()
        if word not in _WORDS:
            raise ValueError(f"{name} is on or off, not {value!r}")
        return _WORDS[word]
    if switch.type is str:
        return _parse_text(switch, value)
    return _parse_number(switch, value)


def _parse_text(switch: Switch, value: Any) -> str:
    text = str(value)
    if switch.choices and text not in switch.choices:
        raise ValueError(f"{switch.name} is one of {', '.join(switch.choices)}, not {value!r}")
    if switch.pattern and not re.fullmatch(switch.pattern, text):
        raise ValueError(f"{switch.name} has a wrong form: {value!r}")
    return text


def _parse_number(switch: Switch, value: Any) -> int | float:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value) if switch.type is float else int(value, 0) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{switch.name} is a number, not {value!r}") from None
    low, high = switch.limits
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"{switch.name} is from {low:g} to {high:g}, not {value!r}")
    return number
