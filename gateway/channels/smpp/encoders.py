"""Encoders of PDUs, one for each type of `wire.py`.

Written by `make codec` (compiling/codec.py) from smpplib's tables; a change made here is lost.
They write the body alone. They raise BadPdu for what SMPP cannot carry, struct.error for a number too
large; `pdu.encode` says the rest.
"""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.channels.smpp.fields import cstring, write_tlvs
from gateway.channels.smpp.wire import Alert, BadPdu, Bind, BindResp, Data, Message, MessageResp, Pdu, Query, QueryResp

Encoder = Callable[[Any], bytes]

_pack2: Final = struct.Struct(">BB").pack
_pack3: Final = struct.Struct(">BBB").pack
_pack5: Final = struct.Struct(">BBBBB").pack


def encode_bind(pdu: Bind) -> bytes:
    """bind_receiver, bind_transceiver, bind_transmitter."""
    return b"".join(
        (
            cstring(pdu.system_id, 16, "system_id") if pdu.system_id else b"\0",
            cstring(pdu.password, 9, "password") if pdu.password else b"\0",
            cstring(pdu.system_type, 13, "system_type") if pdu.system_type else b"\0",
            _pack3(pdu.interface_version, pdu.addr_ton, pdu.addr_npi),
            cstring(pdu.address_range, 41, "address_range") if pdu.address_range else b"\0",
            write_tlvs(pdu.tlvs) if pdu.tlvs else b"",
        )
    )


def encode_bind_resp(pdu: BindResp) -> bytes:
    """bind_receiver_resp, bind_transceiver_resp, bind_transmitter_resp."""
    return b"".join(
        (
            cstring(pdu.system_id, 16, "system_id") if pdu.system_id else b"\0",
            write_tlvs(pdu.tlvs) if pdu.tlvs else b"",
        )
    )


def encode_message(pdu: Message) -> bytes:
    """deliver_sm, submit_sm."""
    if len(pdu.short_message) > 254:
        raise BadPdu("short_message takes at most 254 octets", 0x01)  # ESME_RINVMSGLEN
    return b"".join(
        (
            cstring(pdu.service_type, 6, "service_type") if pdu.service_type else b"\0",
            _pack2(pdu.source_addr_ton, pdu.source_addr_npi),
            cstring(pdu.source_addr, 21, "source_addr") if pdu.source_addr else b"\0",
            _pack2(pdu.dest_addr_ton, pdu.dest_addr_npi),
            cstring(pdu.destination_addr, 21, "destination_addr") if pdu.destination_addr else b"\0",
            _pack3(pdu.esm_class, pdu.protocol_id, pdu.priority_flag),
            cstring(pdu.schedule_delivery_time, 17, "schedule_delivery_time") if pdu.schedule_delivery_time else b"\0",
            cstring(pdu.validity_period, 17, "validity_period") if pdu.validity_period else b"\0",
            _pack5(
                pdu.registered_delivery,
                pdu.replace_if_present_flag,
                pdu.data_coding,
                pdu.sm_default_msg_id,
                len(pdu.short_message),
            ),
            pdu.short_message,
            write_tlvs(pdu.tlvs) if pdu.tlvs else b"",
        )
    )


def encode_message_resp(pdu: MessageResp) -> bytes:
    """data_sm_resp, deliver_sm_resp, submit_sm_resp."""
    return b"".join(
        (
            cstring(pdu.message_id, 65, "message_id") if pdu.message_id else b"\0",
            write_tlvs(pdu.tlvs) if pdu.tlvs else b"",
        )
    )


def encode_data(pdu: Data) -> bytes:
    """data_sm."""
    return b"".join(
        (
            cstring(pdu.service_type, 6, "service_type") if pdu.service_type else b"\0",
            _pack2(pdu.source_addr_ton, pdu.source_addr_npi),
            cstring(pdu.source_addr, 21, "source_addr") if pdu.source_addr else b"\0",
            _pack2(pdu.dest_addr_ton, pdu.dest_addr_npi),
            cstring(pdu.destination_addr, 21, "destination_addr") if pdu.destination_addr else b"\0",
            _pack3(pdu.esm_class, pdu.registered_delivery, pdu.data_coding),
            write_tlvs(pdu.tlvs) if pdu.tlvs else b"",
        )
    )


def encode_query(pdu: Query) -> bytes:
    """query_sm."""
    return b"".join(
        (
            cstring(pdu.message_id, 65, "message_id") if pdu.message_id else b"\0",
            _pack2(pdu.source_addr_ton, pdu.source_addr_npi),
            cstring(pdu.source_addr, 21, "source_addr") if pdu.source_addr else b"\0",
            write_tlvs(pdu.tlvs) if pdu.tlvs else b"",
        )
    )


def encode_query_resp(pdu: QueryResp) -> bytes:
    """query_sm_resp."""
    return b"".join(
        (
            cstring(pdu.message_id, 65, "message_id") if pdu.message_id else b"\0",
            cstring(pdu.final_date, 17, "final_date") if pdu.final_date else b"\0",
            _pack2(pdu.message_state, pdu.error_code),
            write_tlvs(pdu.tlvs) if pdu.tlvs else b"",
        )
    )


def encode_pdu(pdu: Pdu) -> bytes:
    """enquire_link, enquire_link_resp, generic_nack, unbind, unbind_resp."""
    return write_tlvs(pdu.tlvs) if pdu.tlvs else b""


def encode_alert(pdu: Alert) -> bytes:
    """alert_notification."""
    return b"".join(
        (
            _pack2(pdu.source_addr_ton, pdu.source_addr_npi),
            cstring(pdu.source_addr, 21, "source_addr") if pdu.source_addr else b"\0",
            _pack2(pdu.esme_addr_ton, pdu.esme_addr_npi),
            cstring(pdu.esme_addr, 21, "esme_addr") if pdu.esme_addr else b"\0",
            write_tlvs(pdu.tlvs) if pdu.tlvs else b"",
        )
    )


ENCODERS: Final[Mapping[int, Encoder]] = MappingProxyType(
    {
        0x0000_0002: encode_bind,  # bind_transmitter
        0x0000_0001: encode_bind,  # bind_receiver
        0x0000_0009: encode_bind,  # bind_transceiver
        0x8000_0002: encode_bind_resp,  # bind_transmitter_resp
        0x8000_0001: encode_bind_resp,  # bind_receiver_resp
        0x8000_0009: encode_bind_resp,  # bind_transceiver_resp
        0x0000_0004: encode_message,  # submit_sm
        0x0000_0005: encode_message,  # deliver_sm
        0x8000_0004: encode_message_resp,  # submit_sm_resp
        0x8000_0005: encode_message_resp,  # deliver_sm_resp
        0x8000_0103: encode_message_resp,  # data_sm_resp
        0x0000_0103: encode_data,  # data_sm
        0x0000_0003: encode_query,  # query_sm
        0x8000_0003: encode_query_resp,  # query_sm_resp
        0x0000_0006: encode_pdu,  # unbind
        0x8000_0006: encode_pdu,  # unbind_resp
        0x0000_0015: encode_pdu,  # enquire_link
        0x8000_0015: encode_pdu,  # enquire_link_resp
        0x8000_0000: encode_pdu,  # generic_nack
        0x0000_0102: encode_alert,  # alert_notification
    }
)

# octets of those optional parameters that are numbers
TLV_SIZES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "sc_interface_version": 1,
        "user_message_reference": 2,
        "source_port": 2,
        "source_addr_subunit": 1,
        "destination_port": 2,
        "dest_addr_subunit": 1,
        "sar_msg_ref_num": 2,
        "sar_total_segments": 1,
        "sar_segment_seqnum": 1,
        "more_messages_to_send": 1,
        "payload_type": 1,
        "privacy_indicator": 1,
        "callback_num_pres_ind": 1,
        "user_response_code": 1,
        "display_time": 1,
        "sms_signal": 2,
        "ms_validity": 1,
        "ms_msg_wait_facilities": 1,
        "number_of_messages": 1,
        "language_indicator": 1,
        "its_reply_type": 1,
        "its_session_info": 2,
        "ussd_service_op": 1,
        "message_state": 1,
        "source_network_type": 1,
        "dest_network_type": 1,
        "source_bearer_type": 1,
        "source_telematics_id": 2,
        "dest_bearer_type": 1,
        "dest_telematics_id": 2,
        "qos_time_to_live": 4,
        "dpf_result": 1,
        "ms_availability_status": 1,
    }
)
