"""SMPP PDUs over stock smpplib: own framing with bounds, its parser made strict, its builder made safe.

What smpplib 2.2.4 does and is worked around: sequence numbers are ignored as keywords, a missing NUL or a truncated
body is accepted in silence, a TLV that is known but not in that PDU's table is a `KeyError`, and an integer TLV's
declared length is ignored. The mandatory fields are smpplib's; TLVs are read here (SMPP 3.4 section 5.3).
"""

from __future__ import annotations

import copy
import struct
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import smpplib.command_codes
import smpplib.consts
import smpplib.exceptions
import smpplib.smpp

MIN_PDU, MAX_PDU = 16, 65_536

ROK = 0x00
RINVMSGLEN, RINVCMDLEN, RINVCMDID, RINVBNDSTS, RALYBND = 0x01, 0x02, 0x03, 0x04, 0x05
RSYSERR, RINVSRCADR, RINVDSTADR, RINVMSGID = 0x08, 0x0A, 0x0B, 0x0C
RBINDFAIL, RINVPASWD, RINVSYSID, RMSGQFUL = 0x0D, 0x0E, 0x0F, 0x14
RTHROTTLED, RX_T_APPN, RQUERYFAIL = 0x58, 0x64, 0x67
FOR_NOW = frozenset({RSYSERR, RMSGQFUL, RTHROTTLED, RX_T_APPN})
"""Statuses of a deliver_sm_resp after which a carrier tries again later."""

SAR_REF, SAR_TOTAL, SAR_SEQ = 0x020C, 0x020E, 0x020F
MESSAGE_PAYLOAD, USER_MESSAGE_REFERENCE = 0x0424, 0x0204
_LAST_FIELD = {
    "bind_transmitter": "address_range",
    "bind_receiver": "address_range",
    "bind_transceiver": "address_range",
    "submit_sm": "sm_default_msg_id",
    "data_sm": "data_coding",
    "query_sm": "source_addr",
}
_TEXT_FIELDS = frozenset({"short_message", "message_payload", "network_error_code"})


class BadPdu(Exception):
    """A PDU that cannot be read. `status` is for the generic_nack, `fatal` says that the stream is out of step."""

    def __init__(self, why: str, status: int = RINVCMDLEN, *, sequence: int = 0, fatal: bool = False) -> None:
        super().__init__(why)
        self.status, self.sequence, self.fatal = status, sequence, fatal


@dataclass
class Pdu:
    """A PDU that was taken: header, mandatory fields (text as `str`, short_message as `bytes`) and TLVs by tag."""

    command: str
    status: int
    sequence: int
    fields: dict[str, Any] = field(default_factory=dict)
    tlvs: dict[int, bytes] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """A mandatory integer; 0 when the body ended before it."""
        value = self.fields.get(name)
        return value if isinstance(value, int) else 0

    def text(self, name: str) -> str:
        """A mandatory C-octet string; empty when the body ended before it."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def integer_tlv(self, tag: int) -> int | None:
        """A TLV as an unsigned integer of whatever length it came with."""
        value = self.tlvs.get(tag)
        return int.from_bytes(value, "big") if value else None


class Framer:
    """Cuts a byte stream into PDUs, keeping what is not whole yet (at most one PDU's length)."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Whole PDUs, in order. Raises a fatal `BadPdu` for a length outside 16..65,536; PDUs before it are kept in
        `BadPdu.args[1]`."""
        kept = self._kept
        kept += data
        whole: list[bytes] = []
        start = 0
        while len(kept) - start >= 4:
            length = int.from_bytes(kept[start : start + 4], "big")
            if not MIN_PDU <= length <= MAX_PDU:
                bad = BadPdu(f"command_length {length}", fatal=True)
                bad.args = (str(bad), whole)
                raise bad
            if len(kept) - start < length:
                break
            whole.append(bytes(kept[start : start + length]))
            start += length
        del kept[:start]
        return whole


def parse(data: bytes) -> Pdu:
    """Read one whole PDU with smpplib. Raises `BadPdu`, never anything else."""
    sequence = int.from_bytes(data[12:16], "big")
    code = int.from_bytes(data[4:8], "big")
    try:
        name = smpplib.command_codes.get_command_name(code)
        pdu = _blank(name)
    except smpplib.exceptions.UnknownCommandError:
        raise BadPdu(f"command_id 0x{code:08x}", RINVCMDID, sequence=sequence) from None
    rest = bytearray()
    vars(pdu).update(
        parse_optional_params=rest.extend,
        _parse_string=partial(_parse_string, pdu),
        _parse_ostring=partial(_parse_ostring, pdu),
    )
    try:
        pdu.parse(data)
        fields = {name: _plain(name, getattr(pdu, name, None)) for name in pdu.params_order}
        result = Pdu(name, pdu.status, sequence, fields, read_tlvs(bytes(rest)))
    except BadPdu as bad:
        bad.sequence = sequence
        raise
    except Exception as error:  # noqa: BLE001 - whatever smpplib raises on a mutant: struct.error, KeyError, IndexError ...
        raise BadPdu(f"{name}: {type(error).__name__}: {error}", sequence=sequence) from None
    if result.fields.get(_LAST_FIELD.get(name, ""), "") is None:
        raise BadPdu(f"{name}: truncated", sequence=sequence)
    return result


_BLANKS: dict[str, Any] = {}


def _blank(name: str) -> Any:
    """A new PDU of smpplib; its `factory` is slow, so what that made once is copied. Raises `UnknownCommandError`."""
    if name not in _BLANKS:
        _BLANKS[name] = smpplib.smpp.make_pdu(name, sequence=0)
    return copy.copy(_BLANKS[name])


def _parse_string(pdu: Any, name: str, data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b"\0", at)
    if end < 0 or end - at >= pdu.params[name].max:
        raise BadPdu(f"{pdu.command}: {name} has no end or is too long")
    setattr(pdu, name, data[at:end])
    return data, end + 1


def _parse_ostring(pdu: Any, name: str, data: bytes, at: int) -> tuple[bytes, int]:
    length = int(getattr(pdu, pdu.params[name].len_field))
    if length > 254 or at + length > len(data):
        raise BadPdu(f"{pdu.command}: {name} of {length} octets", RINVMSGLEN)
    setattr(pdu, name, data[at : at + length])
    return data, at + length


def _plain(name: str, value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) and name not in _TEXT_FIELDS else value


def read_tlvs(data: bytes) -> dict[int, bytes]:
    """TLVs by tag, the last of equal tags; unknown ones too. Raises `BadPdu` when one is cut off."""
    tlvs: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise BadPdu("TLV header cut off")
        tag, length = struct.unpack_from(">HH", data, at)
        if at + 4 + length > len(data):
            raise BadPdu(f"TLV 0x{tag:04x} cut off")
        tlvs[tag] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return tlvs


def build(command: str, sequence: int, status: int = ROK, **fields: Any) -> bytes:
    """Bytes of a PDU by smpplib's `generate()`. A response with an error status has no body (SMPP 3.4 section 4)."""
    pdu = _blank(command)
    vars(pdu).update(fields)
    pdu.sequence, pdu.status = sequence, status
    if status and command.endswith("_resp"):
        pdu.params_order = ()
    return bytes(pdu.generate())


def header(command: str, sequence: int, status: int = ROK) -> bytes:
    """A PDU without body: enquire_link_resp, unbind, unbind_resp, generic_nack and such."""
    return struct.pack(">LLLL", 16, smpplib.command_codes.get_command_code(command), status, sequence)


def status_name(status: int) -> str:
    """`ESME_RTHROTTLED` for 0x58; hex for a vendor's own."""
    return _STATUS_NAMES.get(status, f"0x{status:08X}")


_STATUS_NAMES: dict[int, str] = {
    value: name.removeprefix("SMPP_")
    for name, value in vars(smpplib.consts).items()
    if name.startswith("SMPP_ESME_") and isinstance(value, int)
}
