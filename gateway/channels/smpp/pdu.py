"""The codec: `decode` and `encode` of every PDU, compiled at import from smpplib's tables (SMPP v3.4 sections 4 and 5).

Both raise `BadPdu` and nothing else. Optional parameters are kept as they came, whether we know them or not, and are as
long as they say; a response may end after its header; a PDU without a table (outbind, submit_multi, those of 5.0) keeps
its body as it is.
"""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from smpplib import command as smpplib_command
from smpplib import command_codes, consts

from gateway.channels.smpp.compiler import HEADER, Decoder, Encoder, Layout, compile_decoder, compile_encoder
from gateway.channels.smpp.wire import (
    HEADER_LENGTH,
    MAX_LENGTH,
    RESPONSE,
    Alert,
    BadPdu,
    Bind,
    BindResp,
    Data,
    Message,
    MessageResp,
    Pdu,
    Query,
    QueryResp,
    Raw,
)

NAMES: Mapping[int, str] = MappingProxyType({code: name for name, code in command_codes.commands.items()})
COMMANDS: Mapping[str, int] = MappingProxyType(dict(command_codes.commands))

GENERIC_NACK = COMMANDS["generic_nack"]
BIND_RECEIVER = COMMANDS["bind_receiver"]
BIND_TRANSMITTER = COMMANDS["bind_transmitter"]
BIND_TRANSCEIVER = COMMANDS["bind_transceiver"]
SUBMIT_SM = COMMANDS["submit_sm"]
SUBMIT_SM_RESP = COMMANDS["submit_sm_resp"]
DELIVER_SM = COMMANDS["deliver_sm"]
DELIVER_SM_RESP = COMMANDS["deliver_sm_resp"]
DATA_SM = COMMANDS["data_sm"]
DATA_SM_RESP = COMMANDS["data_sm_resp"]
UNBIND = COMMANDS["unbind"]
UNBIND_RESP = COMMANDS["unbind_resp"]
ENQUIRE_LINK = COMMANDS["enquire_link"]
ENQUIRE_LINK_RESP = COMMANDS["enquire_link_resp"]
OUTBIND = COMMANDS["outbind"]
ALERT_NOTIFICATION = COMMANDS["alert_notification"]

_TYPES: dict[str, tuple[type[Pdu], Any]] = {
    "bind_transmitter": (Bind, smpplib_command.BindTransmitter),
    "bind_transmitter_resp": (BindResp, smpplib_command.BindTransmitterResp),
    "bind_receiver": (Bind, smpplib_command.BindReceiver),
    "bind_receiver_resp": (BindResp, smpplib_command.BindReceiverResp),
    "bind_transceiver": (Bind, smpplib_command.BindTransceiver),
    "bind_transceiver_resp": (BindResp, smpplib_command.BindTransceiverResp),
    "submit_sm": (Message, smpplib_command.SubmitSM),
    "submit_sm_resp": (MessageResp, smpplib_command.SubmitSMResp),
    "deliver_sm": (Message, smpplib_command.DeliverSM),
    "deliver_sm_resp": (MessageResp, smpplib_command.DeliverSMResp),
    "data_sm": (Data, smpplib_command.DataSM),
    "data_sm_resp": (MessageResp, smpplib_command.DataSMResp),
    "query_sm": (Query, smpplib_command.QuerySM),
    "query_sm_resp": (QueryResp, smpplib_command.QuerySMResp),
    "unbind": (Pdu, smpplib_command.Unbind),
    "unbind_resp": (Pdu, smpplib_command.UnbindResp),
    "enquire_link": (Pdu, smpplib_command.EnquireLink),
    "enquire_link_resp": (Pdu, smpplib_command.EnquireLinkResp),
    "alert_notification": (Alert, smpplib_command.AlertNotification),
    "generic_nack": (Pdu, smpplib_command.GenericNAck),
}
_DECODERS: dict[int, Decoder] = {}
_ENCODERS: dict[int, Encoder] = {}
for _name, (_cls, _table) in _TYPES.items():
    _layout, _code = Layout(_table), COMMANDS[_name]
    _DECODERS[_code] = compile_decoder(_cls, _layout, _name, body_optional=bool(_code & RESPONSE))
    _ENCODERS[_code] = compile_encoder(_cls, _layout, _name)


def decode(data: bytes) -> Pdu:
    """One whole PDU, neither more nor less.

    Raises:
        BadPdu: with the command_status to answer, and the header where it could be read.
    """
    if len(data) < HEADER_LENGTH:
        raise BadPdu(f"{len(data)} octets are no PDU", consts.SMPP_ESME_RINVCMDLEN)
    length, command, status, sequence = HEADER.unpack_from(data)
    if length != len(data) or length > MAX_LENGTH:
        raise BadPdu(
            f"command_length {length} of {len(data)} octets", consts.SMPP_ESME_RINVCMDLEN, command, status, sequence
        )
    decoder = _DECODERS.get(command)
    if decoder is None:
        return Raw(command, status, sequence, (), data[HEADER_LENGTH:])
    return decoder(data, length, command, status, sequence)


def encode(pdu: Pdu) -> bytes:
    """The octets of a PDU.

    Raises:
        BadPdu: a value is too long, too large, or has a NUL or control character; or the PDU as a whole is over 64 KiB.
    """
    encoder = _ENCODERS.get(pdu.command)
    if encoder is not None:
        data = encoder(pdu)
    elif isinstance(pdu, Raw):
        data = HEADER.pack(HEADER_LENGTH + len(pdu.body), pdu.command, pdu.status, pdu.sequence) + pdu.body
    else:
        raise BadPdu(f"no table for command 0x{pdu.command:08x}", consts.SMPP_ESME_RINVCMDID, pdu.command)
    if len(data) > MAX_LENGTH:
        raise BadPdu(f"{len(data)} octets are over {MAX_LENGTH}", consts.SMPP_ESME_RINVCMDLEN, pdu.command)
    return data


def header(command: int, status: int, sequence: int) -> bytes:
    """A PDU that is a header alone: unbind, enquire_link, generic_nack and their like."""
    return HEADER.pack(HEADER_LENGTH, command, status, sequence)


_RESPONSE_WITHOUT_ID = struct.Struct(">IIIIx")


def deliver_resp(command: int, status: int, sequence: int) -> bytes:
    """A deliver_sm_resp or data_sm_resp; its message_id is unused and NUL (SMPP v3.4 4.6.2)."""
    return _RESPONSE_WITHOUT_ID.pack(HEADER_LENGTH + 1, command | RESPONSE, status, sequence)


# Optional parameters: name -> tag, and the octets of those that are numbers. smpplib gives source_addr_subunit two
# octets in submit_sm and one in data_sm; the standard says one (5.3.2.2).
TAGS: Mapping[str, int] = MappingProxyType(dict(consts.OPTIONAL_PARAMS))
_SIZES: dict[str, int] = {}
for _, _table in _TYPES.values():
    for _name in _table.params_order:
        _param = _table.params[_name]
        if _name in TAGS and _param.type is int:
            _SIZES[_name] = min(_param.size, _SIZES.get(_name, 8))

RECEIPTED_MESSAGE_ID = TAGS["receipted_message_id"]
MESSAGE_STATE = TAGS["message_state"]
NETWORK_ERROR_CODE = TAGS["network_error_code"]
USER_MESSAGE_REFERENCE = TAGS["user_message_reference"]
MESSAGE_PAYLOAD = TAGS["message_payload"]
SAR_MSG_REF_NUM = TAGS["sar_msg_ref_num"]
SAR_TOTAL_SEGMENTS = TAGS["sar_total_segments"]
SAR_SEGMENT_SEQNUM = TAGS["sar_segment_seqnum"]


def tlv(name: str, value: int | bytes | str) -> tuple[int, bytes]:
    """An optional parameter by smpplib's name for it, to put in `Pdu.tlvs`; text gets its NUL.

    Raises:
        KeyError: no such parameter.
        BadPdu: the number does not fit, or the text holds a NUL.
    """
    tag = TAGS[name]
    if isinstance(value, int):
        size = _SIZES[name]
        if not 0 <= value < 1 << 8 * size:
            raise BadPdu(f"{name} is {size} octets, {value} does not fit", consts.SMPP_ESME_RINVOPTPARAMVAL)
        return tag, value.to_bytes(size, "big")
    if isinstance(value, str):
        if "\0" in value:
            raise BadPdu(f"{name} holds a NUL", consts.SMPP_ESME_RINVOPTPARAMVAL)
        return tag, value.encode("latin-1", "replace") + b"\0"
    return tag, value


def number(value: bytes) -> int:
    """A TLV's number by its own length, since carriers send message_state in two octets too."""
    return int.from_bytes(value, "big")
