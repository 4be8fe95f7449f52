"""Decoders of PDUs, one for each type of `wire.py`.

Written by `make codec` (compiling/codec.py) from smpplib's tables; a change made here is lost.
They raise BadPdu without a header, and IndexError where the body is cut off; `pdu.decode` says the rest.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from gateway.channels.smpp.fields import read_string, read_tlvs
from gateway.channels.smpp.wire import Alert, BadPdu, Bind, BindResp, Data, Message, MessageResp, Pdu, Query, QueryResp

Decoder = Callable[[bytes, int, int, int, int], Pdu]


def decode_bind(data: bytes, length: int, command: int, status: int, sequence: int) -> Bind:
    """bind_receiver, bind_transceiver, bind_transmitter."""
    text = data.decode("latin-1")
    system_id, at = read_string(text, 16, 16, "system_id") if data[16] else ("", 17)
    password, at = read_string(text, at, 9, "password") if data[at] else ("", at + 1)
    system_type, at = read_string(text, at, 13, "system_type") if data[at] else ("", at + 1)
    interface_version = data[at]
    addr_ton = data[at + 1]
    addr_npi = data[at + 2]
    address_range, at = read_string(text, at + 3, 41, "address_range") if data[at + 3] else ("", at + 4)
    tlvs = read_tlvs(data, at, length) if length > at else ()
    return Bind(
        command,
        status,
        sequence,
        tlvs,
        system_id,
        password,
        system_type,
        interface_version,
        addr_ton,
        addr_npi,
        address_range,
    )


def decode_bind_resp(data: bytes, length: int, command: int, status: int, sequence: int) -> BindResp:
    """bind_receiver_resp, bind_transceiver_resp, bind_transmitter_resp."""
    if length == 16:
        return BindResp(command, status, sequence)
    text = data.decode("latin-1")
    system_id, at = read_string(text, 16, 16, "system_id") if data[16] else ("", 17)
    tlvs = read_tlvs(data, at, length) if length > at else ()
    return BindResp(command, status, sequence, tlvs, system_id)


def decode_message(data: bytes, length: int, command: int, status: int, sequence: int) -> Message:
    """deliver_sm, submit_sm."""
    text = data.decode("latin-1")
    service_type, at = read_string(text, 16, 6, "service_type") if data[16] else ("", 17)
    source_addr_ton = data[at]
    source_addr_npi = data[at + 1]
    source_addr, at = read_string(text, at + 2, 21, "source_addr") if data[at + 2] else ("", at + 3)
    dest_addr_ton = data[at]
    dest_addr_npi = data[at + 1]
    destination_addr, at = read_string(text, at + 2, 21, "destination_addr") if data[at + 2] else ("", at + 3)
    esm_class = data[at]
    protocol_id = data[at + 1]
    priority_flag = data[at + 2]
    schedule_delivery_time, at = (
        read_string(text, at + 3, 17, "schedule_delivery_time") if data[at + 3] else ("", at + 4)
    )
    validity_period, at = read_string(text, at, 17, "validity_period") if data[at] else ("", at + 1)
    registered_delivery = data[at]
    replace_if_present_flag = data[at + 1]
    data_coding = data[at + 2]
    sm_default_msg_id = data[at + 3]
    sm_length = data[at + 4]
    stop = at + 5 + sm_length
    if sm_length > 254 or stop > length:
        raise BadPdu("sm_length is wrong", 0x01)  # ESME_RINVMSGLEN
    short_message = data[at + 5 : stop]
    tlvs = read_tlvs(data, stop, length) if length > stop else ()
    return Message(
        command,
        status,
        sequence,
        tlvs,
        service_type,
        source_addr_ton,
        source_addr_npi,
        source_addr,
        dest_addr_ton,
        dest_addr_npi,
        destination_addr,
        esm_class,
        protocol_id,
        priority_flag,
        schedule_delivery_time,
        validity_period,
        registered_delivery,
        replace_if_present_flag,
        data_coding,
        sm_default_msg_id,
        short_message,
    )


def decode_message_resp(data: bytes, length: int, command: int, status: int, sequence: int) -> MessageResp:
    """data_sm_resp, deliver_sm_resp, submit_sm_resp."""
    if length == 16:
        return MessageResp(command, status, sequence)
    text = data.decode("latin-1")
    message_id, at = read_string(text, 16, 65, "message_id") if data[16] else ("", 17)
    tlvs = read_tlvs(data, at, length) if length > at else ()
    return MessageResp(command, status, sequence, tlvs, message_id)


def decode_data(data: bytes, length: int, command: int, status: int, sequence: int) -> Data:
    """data_sm."""
    text = data.decode("latin-1")
    service_type, at = read_string(text, 16, 6, "service_type") if data[16] else ("", 17)
    source_addr_ton = data[at]
    source_addr_npi = data[at + 1]
    source_addr, at = read_string(text, at + 2, 21, "source_addr") if data[at + 2] else ("", at + 3)
    dest_addr_ton = data[at]
    dest_addr_npi = data[at + 1]
    destination_addr, at = read_string(text, at + 2, 21, "destination_addr") if data[at + 2] else ("", at + 3)
    esm_class = data[at]
    registered_delivery = data[at + 1]
    data_coding = data[at + 2]
    tlvs = read_tlvs(data, at + 3, length) if length > at + 3 else ()
    return Data(
        command,
        status,
        sequence,
        tlvs,
        service_type,
        source_addr_ton,
        source_addr_npi,
        source_addr,
        dest_addr_ton,
        dest_addr_npi,
        destination_addr,
        esm_class,
        registered_delivery,
        data_coding,
    )


def decode_query(data: bytes, length: int, command: int, status: int, sequence: int) -> Query:
    """query_sm."""
    text = data.decode("latin-1")
    message_id, at = read_string(text, 16, 65, "message_id") if data[16] else ("", 17)
    source_addr_ton = data[at]
    source_addr_npi = data[at + 1]
    source_addr, at = read_string(text, at + 2, 21, "source_addr") if data[at + 2] else ("", at + 3)
    tlvs = read_tlvs(data, at, length) if length > at else ()
    return Query(command, status, sequence, tlvs, message_id, source_addr_ton, source_addr_npi, source_addr)


def decode_query_resp(data: bytes, length: int, command: int, status: int, sequence: int) -> QueryResp:
    """query_sm_resp."""
    if length == 16:
        return QueryResp(command, status, sequence)
    text = data.decode("latin-1")
    message_id, at = read_string(text, 16, 65, "message_id") if data[16] else ("", 17)
    final_date, at = read_string(text, at, 17, "final_date") if data[at] else ("", at + 1)
    message_state = data[at]
    error_code = data[at + 1]
    tlvs = read_tlvs(data, at + 2, length) if length > at + 2 else ()
    return QueryResp(command, status, sequence, tlvs, message_id, final_date, message_state, error_code)


def decode_pdu(data: bytes, length: int, command: int, status: int, sequence: int) -> Pdu:
    """enquire_link, enquire_link_resp, generic_nack, unbind, unbind_resp."""
    tlvs = read_tlvs(data, 16, length) if length > 16 else ()
    return Pdu(command, status, sequence, tlvs)


def decode_alert(data: bytes, length: int, command: int, status: int, sequence: int) -> Alert:
    """alert_notification."""
    text = data.decode("latin-1")
    source_addr_ton = data[16]
    source_addr_npi = data[17]
    source_addr, at = read_string(text, 18, 21, "source_addr") if data[18] else ("", 19)
    esme_addr_ton = data[at]
    esme_addr_npi = data[at + 1]
    esme_addr, at = read_string(text, at + 2, 21, "esme_addr") if data[at + 2] else ("", at + 3)
    tlvs = read_tlvs(data, at, length) if length > at else ()
    return Alert(
        command,
        status,
        sequence,
        tlvs,
        source_addr_ton,
        source_addr_npi,
        source_addr,
        esme_addr_ton,
        esme_addr_npi,
        esme_addr,
    )


DECODERS: Final[Mapping[int, Decoder]] = MappingProxyType(
    {
        0x0000_0002: decode_bind,  # bind_transmitter
        0x0000_0001: decode_bind,  # bind_receiver
        0x0000_0009: decode_bind,  # bind_transceiver
        0x8000_0002: decode_bind_resp,  # bind_transmitter_resp
        0x8000_0001: decode_bind_resp,  # bind_receiver_resp
        0x8000_0009: decode_bind_resp,  # bind_transceiver_resp
        0x0000_0004: decode_message,  # submit_sm
        0x0000_0005: decode_message,  # deliver_sm
        0x8000_0004: decode_message_resp,  # submit_sm_resp
        0x8000_0005: decode_message_resp,  # deliver_sm_resp
        0x8000_0103: decode_message_resp,  # data_sm_resp
        0x0000_0103: decode_data,  # data_sm
        0x0000_0003: decode_query,  # query_sm
        0x8000_0003: decode_query_resp,  # query_sm_resp
        0x0000_0006: decode_pdu,  # unbind
        0x8000_0006: decode_pdu,  # unbind_resp
        0x0000_0015: decode_pdu,  # enquire_link
        0x8000_0015: decode_pdu,  # enquire_link_resp
        0x8000_0000: decode_pdu,  # generic_nack
        0x0000_0102: decode_alert,  # alert_notification
    }
)
