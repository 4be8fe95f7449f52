"""The PDUs of SMPP v3.4 as plain slotted types, and the one exception that reading or writing them raises.

A type stands for a layout, not for a command: submit_sm and deliver_sm have the same mandatory fields and are both a
`Message`; `command` tells them apart. C-octet strings are `str` (Latin-1, so that every octet survives), octet strings
`bytes`. Optional parameters stay raw, as (tag, value) pairs in the order of the wire.
"""

from dataclasses import dataclass
from typing import Final

Tlvs = tuple[tuple[int, bytes], ...]

HEADER_LENGTH: Final = 16
MAX_LENGTH: Final = 65_536  # no PDU of 3.4 is longer: message_payload holds 64 Ki at most, and nobody sends that
RESPONSE: Final = 0x8000_0000
MAX_SEQUENCE: Final = 0x7FFF_FFFF


class BadPdu(ValueError):
    """Bytes that are no PDU, or values that fit in none.

    command_status: what to answer (SMPP v3.4 5.1.3). command, sequence, status: the header, None where unreadable.
    """

    def __init__(
        self,
        reason: str,
        command_status: int,
        command: int | None = None,
        status: int | None = None,
        sequence: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.command_status = command_status
        self.command = command
        self.status = status
        self.sequence = sequence


@dataclass(slots=True)
class Pdu:
    """The header, and for PDUs without a mandatory body (unbind, enquire_link, generic_nack ...) all there is."""

    command: int = 0
    status: int = 0
    sequence: int = 0
    tlvs: Tlvs = ()

    def tlv(self, tag: int) -> bytes | None:
        """The value of an optional parameter, None if it is absent; the first one where it is repeated."""
        for found, value in self.tlvs:
            if found == tag:
                return value
        return None


@dataclass(slots=True)
class Bind(Pdu):
    """bind_transmitter, bind_receiver, bind_transceiver (4.1.1, 4.1.3, 4.1.5)."""

    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


@dataclass(slots=True)
class BindResp(Pdu):
    """bind_*_resp (4.1.2, 4.1.4, 4.1.6)."""

    system_id: str = ""


@dataclass(slots=True)
class Message(Pdu):
    """submit_sm and deliver_sm (4.4.1, 4.6.1). sm_length is the length of short_message."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


@dataclass(slots=True)
class MessageResp(Pdu):
    """submit_sm_resp, deliver_sm_resp, data_sm_resp (4.4.2, 4.6.2, 4.7.2). The body may be absent."""

    message_id: str = ""


@dataclass(slots=True)
class Data(Pdu):
    """data_sm (4.7.1): its text is the message_payload parameter."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0


@dataclass(slots=True)
class Query(Pdu):
    """query_sm (4.8.1)."""

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""


@dataclass(slots=True)
class QueryResp(Pdu):
    """query_sm_resp (4.8.2)."""

    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


@dataclass(slots=True)
class Alert(Pdu):
    """alert_notification (4.12.1); it has no response."""

    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: str = ""


@dataclass(slots=True)
class Raw(Pdu):
    """A PDU without a table in smpplib (outbind, submit_multi, cancel_sm, replace_sm, those of 5.0)."""

    body: bytes = b""
