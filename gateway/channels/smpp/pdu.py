"""The codec: `decode` and `encode` of every PDU, written from smpplib's tables (SMPP v3.4 sections 4 and 5).

Both raise `BadPdu` and nothing else. Optional parameters are kept as they came, whether we know them or not, and are as
long as they say; a response may end after its header; a PDU without a table (outbind, submit_multi, those of 5.0) keeps
its body as it is.
"""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from smpplib import command_codes, consts

from gateway.channels.smpp.decoders import DECODERS, decode_message, decode_message_resp
from gateway.channels.smpp.encoders import ENCODERS, TLV_SIZES
from gateway.channels.smpp.fields import pack_header, unpack_header
from gateway.channels.smpp.wire import HEADER_LENGTH, MAX_LENGTH, RESPONSE, BadPdu, Pdu, Raw

NAMES: Final[Mapping[int, str]] = MappingProxyType({code: name for name, code in command_codes.commands.items()})
COMMANDS: Final[Mapping[str, int]] = MappingProxyType(dict(command_codes.commands))

GENERIC_NACK: Final = COMMANDS["generic_nack"]
BIND_RECEIVER: Final = COMMANDS["bind_receiver"]
BIND_TRANSMITTER: Final = COMMANDS["bind_transmitter"]
BIND_TRANSCEIVER: Final = COMMANDS["bind_transceiver"]
SUBMIT_SM: Final = COMMANDS["submit_sm"]
SUBMIT_SM_RESP: Final = COMMANDS["submit_sm_resp"]
DELIVER_SM: Final = COMMANDS["deliver_sm"]
DELIVER_SM_RESP: Final = COMMANDS["deliver_sm_resp"]
DATA_SM: Final = COMMANDS["data_sm"]
DATA_SM_RESP: Final = COMMANDS["data_sm_resp"]
UNBIND: Final = COMMANDS["unbind"]
UNBIND_RESP: Final = COMMANDS["unbind_resp"]
ENQUIRE_LINK: Final = COMMANDS["enquire_link"]
ENQUIRE_LINK_RESP: Final = COMMANDS["enquire_link_resp"]
OUTBIND: Final = COMMANDS["outbind"]
ALERT_NOTIFICATION: Final = COMMANDS["alert_notification"]


def decode(data: bytes) -> Pdu:
    """One whole PDU, neither more nor less.

    Raises:
        BadPdu: with the command_status to answer, and the header where it could be read.
    """
    if len(data) < HEADER_LENGTH:
        raise BadPdu(f"{len(data)} octets are no PDU", consts.SMPP_ESME_RINVCMDLEN)
    length, command, status, sequence = unpack_header(data)
    if length != len(data) or length > MAX_LENGTH:
        raise BadPdu(
            f"command_length {length} of {len(data)} octets", consts.SMPP_ESME_RINVCMDLEN, command, status, sequence
        )
    try:
        # nearly all that comes is one of two; called by their names, compiled functions are called as C
        if command == DELIVER_SM:
            return decode_message(data, length, command, status, sequence)
        if command == SUBMIT_SM_RESP:
            return decode_message_resp(data, length, command, status, sequence)
        decoder = DECODERS.get(command)
        if decoder is None:
            return Raw(command, status, sequence, (), data[HEADER_LENGTH:])
        return decoder(data, length, command, status, sequence)
    except IndexError:
        raise BadPdu("the body is cut off", consts.SMPP_ESME_RINVCMDLEN, command, status, sequence) from None
    except BadPdu as bad:
        bad.command, bad.status, bad.sequence = command, status, sequence
        raise


def encode(pdu: Pdu) -> bytes:
    """The octets of a PDU.

    Raises:
        BadPdu: a value is too long, too large, or has a NUL or control character; or the PDU as a whole is over 64 KiB.
    """
    encoder = ENCODERS.get(pdu.command)
    if encoder is not None:
        try:
            body = encoder(pdu)
            data = pack_header(HEADER_LENGTH + len(body), pdu.command, pdu.status, pdu.sequence) + body
        except struct.error as error:
            raise BadPdu(f"a number does not fit its field: {error}", consts.SMPP_ESME_RINVPARLEN) from None
    elif isinstance(pdu, Raw):
        data = pack_header(HEADER_LENGTH + len(pdu.body), pdu.command, pdu.status, pdu.sequence) + pdu.body
    else:
        raise BadPdu(f"no table for command 0x{pdu.command:08x}", consts.SMPP_ESME_RINVCMDID, pdu.command)
    if len(data) > MAX_LENGTH:
        raise BadPdu(f"{len(data)} octets are over {MAX_LENGTH}", consts.SMPP_ESME_RINVCMDLEN, pdu.command)
    return data


def header(command: int, status: int, sequence: int) -> bytes:
    """A PDU that is a header alone: unbind, enquire_link, generic_nack and their like."""
    return pack_header(HEADER_LENGTH, command, status, sequence)


_pack_response: Final[Callable[[int, int, int, int], bytes]] = struct.Struct(">IIIIx").pack
_TAKEN: Final = _pack_response(HEADER_LENGTH + 1, DELIVER_SM_RESP, consts.SMPP_ESME_ROK, 0)[:-5]


def deliver_resp(command: int, status: int, sequence: int) -> bytes:
    """A deliver_sm_resp or data_sm_resp; its message_id is unused and NUL (SMPP v3.4 4.6.2)."""
    if status == 0 and command == DELIVER_SM:
        return _TAKEN + sequence.to_bytes(4, "big") + b"\0"
    return _pack_response(HEADER_LENGTH + 1, command | RESPONSE, status, sequence)


# optional parameters: name -> tag
TAGS: Final[Mapping[str, int]] = MappingProxyType(dict(consts.OPTIONAL_PARAMS))

RECEIPTED_MESSAGE_ID: Final = TAGS["receipted_message_id"]
MESSAGE_STATE: Final = TAGS["message_state"]
NETWORK_ERROR_CODE: Final = TAGS["network_error_code"]
USER_MESSAGE_REFERENCE: Final = TAGS["user_message_reference"]
MESSAGE_PAYLOAD: Final = TAGS["message_payload"]
SAR_MSG_REF_NUM: Final = TAGS["sar_msg_ref_num"]
SAR_TOTAL_SEGMENTS: Final = TAGS["sar_total_segments"]
SAR_SEGMENT_SEQNUM: Final = TAGS["sar_segment_seqnum"]


def tlv(name: str, value: int | bytes | str) -> tuple[int, bytes]:
    """An optional parameter by smpplib's name for it, to put in `Pdu.tlvs`; text gets its NUL.

    Raises:
        KeyError: no such parameter.
        BadPdu: the number does not fit, or the text holds a NUL.
    """
    tag = TAGS[name]
    if isinstance(value, int):
        size = TLV_SIZES[name]
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
