"""All that can be set of one carrier. `app` fills it from `[[carriers]]`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from gateway.model.channel import Fault
from gateway.model.segments import Alphabet, Mode

BindMode = Literal["transceiver", "transmitter", "receiver", "transmitter+receiver"]
MessageId = Literal["auto", "hex", "decimal", "text"]
Version = Literal["3.3", "3.4", "5.0"]

VERSION_NUMBER: Mapping[str, int] = {"3.3": 0x33, "3.4": 0x34, "5.0": 0x50}
_LIMITS = {"system_id": 15, "password": 8, "system_type": 12, "address_range": 40}  # SMPP v3.4 5.2.1-5.2.7, without NUL


class BadProfile(ValueError):
    """A value of a carrier's settings cannot work; the message says which and why."""


@dataclass(frozen=True, slots=True)
class CarrierProfile:
    """One carrier: where it is, who we are to it, and how its SMPP differs from the book.

    Identity:
        name: what we call it. host, port: its SMSC. system_id, password (8 characters at most by the standard),
        system_type: as the carrier gave them. address_range: for receivers, usually empty. addr_ton, addr_npi: of the
        bind. interface_version: what we say we speak; 3.3 also leaves out optional parameters.
    Shape:
        bind: which sessions make one bind; "transmitter+receiver" is a pair that counts as one. binds: how many.
        window: submits without an answer, per bind. tps: parts a second over all binds, 0 = no limit.
        inbound_limit: texts and receipts per session that wait for their commit before we stop reading the socket.
    Time, seconds:
        bind_timeout: connect plus bind answer. response_timeout: a submit is in doubt after it, and an enquire_link
        unanswered for it ends the session. enquire_interval: silence after which we ask. backoff_first, backoff_limit:
        wait before the next try, doubled each time, with jitter. stable_after: a bind that held so long resets it.
        header_deadline, body_deadline: how long a PDU may stay half read.
    TLS:
        tls: never falls back to plain. tls_verify: only off to try things out. tls_ca_file, tls_cert_file,
        tls_key_file: PEM. tls_server_name: what the certificate must say, if not `host`.
    Texts:
        default_alphabet: what data_coding 0 means there. long_messages: how parts are tied together. packed: inbound
        GSM-7 comes packed. country: calling code for national numbers ("1"). short_code_*, alphanumeric_*,
        international_*: TON and NPI of a sender by its kind (SMPP v3.4 5.2.5, 5.2.6). service_type: usually empty.
        registered_delivery: 1 = receipt of every end. protocol_id, priority: 5.2.13, 5.2.14.
    Ids and errors:
        message_id: how a receipt writes the id that the response gave: "text" as it was; "hex": the response in hex and
        the receipt in decimal; "decimal": the other way round; "auto": every form is offered. errors: command_status ->
        what it means there, over the defaults of `faults.py`.
    """

    name: str
    host: str
    port: int
    system_id: str
    password: str = field(default="", repr=False)
    system_type: str = ""
    address_range: str = ""
    addr_ton: int = 0
    addr_npi: int = 0
    interface_version: Version = "3.4"
    bind: BindMode = "transceiver"
    binds: int = 1
    window: int = 10
    tps: float = 0.0
    inbound_limit: int = 1000
    bind_timeout: float = 15.0
    response_timeout: float = 30.0
    enquire_interval: float = 30.0
    backoff_first: float = 1.0
    backoff_limit: float = 60.0
    stable_after: float = 30.0
    header_deadline: float = 10.0
    body_deadline: float = 30.0
    tls: bool = False
    tls_verify: bool = True
    tls_ca_file: str = ""
    tls_cert_file: str = ""
    tls_key_file: str = ""
    tls_server_name: str = ""
    default_alphabet: Alphabet = "gsm7"
    long_messages: Mode = "udh16"
    packed: bool = False
    country: str = ""
    service_type: str = ""
    short_code_ton: int = 0
    short_code_npi: int = 1
    alphanumeric_ton: int = 5
    alphanumeric_npi: int = 0
    international_ton: int = 1
    international_npi: int = 1
    registered_delivery: int = 1
    protocol_id: int = 0
    priority: int = 0
    message_id: MessageId = "auto"
    errors: Mapping[int, Fault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises BadProfile."""
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            if len(value) > limit or not (value.isascii() and (value.isprintable() or not value)):
                raise BadProfile(f"carrier {self.name}: {name} is at most {limit} printable ASCII characters")
        if not 0 < self.port < 65536:
            raise BadProfile(f"carrier {self.name}: port is 1 to 65535")
        if self.binds < 1 or self.window < 1 or self.tps < 0:
            raise BadProfile(f"carrier {self.name}: binds and window are 1 or more, tps 0 or more")
        if self.country and not re.fullmatch("[1-9][0-9]{0,2}", self.country):
            raise BadProfile(f"carrier {self.name}: country is a calling code such as 1 or 351")
        for name in (
            "bind_timeout",
            "response_timeout",
            "enquire_interval",
            "backoff_first",
            "header_deadline",
            "body_deadline",
        ):
            if getattr(self, name) <= 0:
                raise BadProfile(f"carrier {self.name}: {name} is more than 0 seconds")
        for name, allowed in (
            ("bind", BindMode),
            ("default_alphabet", Alphabet),
            ("long_messages", Mode),
            ("message_id", MessageId),
        ):
            if getattr(self, name) not in get_args(allowed):
                raise BadProfile(f"carrier {self.name}: {name} is one of {', '.join(get_args(allowed))}")
        if self.interface_version not in VERSION_NUMBER:
            raise BadProfile(f"carrier {self.name}: interface_version is one of {', '.join(VERSION_NUMBER)}")

    @property
    def roles(self) -> tuple[str, ...]:
        """The sessions that make up one bind."""
        return tuple(self.bind.split("+"))

    @property
    def inbound_bound(self) -> int:
        """Inbound PDUs of a session that may wait for their commit: `inbound_limit`, two windows and 100 at least."""
        return max(self.inbound_limit, 2 * self.window, 100)


def read_errors(table: Mapping[str, str]) -> dict[int, Fault]:
    """The `errors` of a carrier as written in TOML: `{0x0B = "bad_number", 1025 = "throttled"}`.

    Raises:
        BadProfile: a key is no number, or a value no fault.
    """
    found: dict[int, Fault] = {}
    for key, value in table.items():
        try:
            status = int(key, 0)
        except ValueError:
            raise BadProfile(f"errors: {key} is no command_status such as 0x0B") from None
        if value not in Fault.__members__:
            raise BadProfile(f"errors: {value} is none of {', '.join(Fault)}")
        found[status] = Fault[value]
    return found
