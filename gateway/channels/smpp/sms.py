"""Texts: a `Part` to a submit_sm, a deliver_sm or data_sm to an `InboundPart` (SMPP v3.4 4.4.1, 4.6.1)."""

from hashlib import blake2b
from typing import Final

from gateway.channels.smpp import pdu
from gateway.channels.smpp.fields import cstring, pack_header, write_tlvs
from gateway.channels.smpp.numbers import OWN_LEAST, read_address, write_recipient, write_sender
from gateway.channels.smpp.profile import CarrierProfile
from gateway.channels.smpp.texts import read_text, write_text
from gateway.channels.smpp.udh import read_header, write_header
from gateway.channels.smpp.wire import HEADER_LENGTH, BadPdu, Data, Message, Tlvs
from gateway.model import gsm7
from gateway.model.channel import Encoding, Fault, InboundPart, Part

UDHI: Final = 0x40  # esm_class: a user data header is in front of the text (5.2.12)
MAX_SHORT_MESSAGE: Final = 254
_CACHED: Final = 4096  # senders and option blocks kept; a carrier has a handful
# a message_payload is used where the text is more than one short message
_ONE_MESSAGE: Final = {Encoding.gsm7: 160, Encoding.latin1: 140, Encoding.ucs2: 140}
_OCTET: Final = [bytes((number,)) for number in range(256)]
_YEAR: Final = 365 * 86400
_REFERENCE: Final = write_tlvs(((pdu.USER_MESSAGE_REFERENCE, b"\0\0"),))[:-2]  # what stands before the number


class BadPart(ValueError):
    """A part that no submit_sm can carry; nothing was sent. fault: which of its words is wrong."""

    def __init__(self, reason: str, fault: Fault) -> None:
        super().__init__(reason)
        self.fault = fault


def relative_time(seconds: int) -> str:
    """A validity_period in SMPP's relative form, YYMMDDhhmmss000R (7.1.1.2), at most a year; 0 and less become 1 s.

    Months are 30 days to whoever reads it, so whole months are only used past 30 days.
    """
    days, rest = divmod(min(max(seconds, 1), _YEAR), 86400)
    months, days = divmod(days, 30)
    years, months = divmod(months, 12)
    return f"{years:02d}{months:02d}{days:02d}{rest // 3600:02d}{rest // 60 % 60:02d}{rest % 60:02d}000R"


class SubmitWriter:
    """Writes the submit_sm of one carrier; what rarely changes is kept as octets.

    What it writes equals `pdu.encode` of the same fields (a test says so).
    """

    def __init__(self, profile: CarrierProfile) -> None:
        self._profile = profile
        self._service = cstring(profile.service_type, 6, "service_type")
        self._international = bytes((profile.international_ton, profile.international_npi))
        self._senders: dict[str, bytes] = {}
        self._options: dict[tuple[int, int | None, int], bytes] = {}
        self._tlvs = profile.interface_version != "3.3"

    def write(self, part: Part, sequence: int) -> bytes:
        """The octets of the submit_sm.

        Raises:
            BadPart: a word of it does not fit.
        """
        profile = self._profile
        try:
            octets, coding = write_text(part.text, part.encoding, profile.default_alphabet)
        except UnicodeEncodeError as error:
            raise BadPart(f"{part.encoding} has no {part.text[error.start]!r}", Fault.bad_message) from None
        esm = 0
        tlvs = b""
        if part.parts > 1 or profile.long_messages == "payload":
            esm, octets, tied = self._tie(part, octets)
            tlvs = write_tlvs(tied)
        if len(octets) > MAX_SHORT_MESSAGE:
            raise BadPart(f"{len(octets)} octets do not fit one part", Fault.bad_message)
        if part.user_reference is not None and self._tlvs:
            tlvs += _REFERENCE + (part.user_reference & 0xFFFF).to_bytes(2, "big")
        sender = self._senders.get(part.sender) or self._sender(part.sender)
        key = (esm, part.validity, coding)
        options = self._options.get(key) or self._option_block(key)
        body = b"".join((sender, self._recipient(part.to), options, _OCTET[len(octets)], octets, tlvs))
        return pack_header(HEADER_LENGTH + len(body), pdu.SUBMIT_SM, 0, sequence) + body

    def _tie(self, part: Part, octets: bytes) -> tuple[int, bytes, Tlvs]:
        """esm_class, short_message and parameters of a part of a long message, by the carrier's way of tying them."""
        way = self._profile.long_messages if self._tlvs else "udh8"
        if way == "payload" and part.parts == 1:
            if len(octets) <= _ONE_MESSAGE[part.encoding]:
                return 0, octets, ()
            if len(octets) > 64_000:
                raise BadPart(f"{len(octets)} octets do not fit a message_payload", Fault.bad_message)
            return 0, b"", ((pdu.MESSAGE_PAYLOAD, octets),)
        if part.parts == 1:
            return 0, octets, ()
        if not 1 <= part.part <= part.parts <= 255:
            raise BadPart(f"part {part.part} of {part.parts}", Fault.bad_message)
        if way == "sar":
            return (
                0,
                octets,
                (
                    (pdu.SAR_MSG_REF_NUM, (part.reference & 0xFFFF).to_bytes(2, "big")),
                    (pdu.SAR_TOTAL_SEGMENTS, bytes((part.parts,))),
                    (pdu.SAR_SEGMENT_SEQNUM, bytes((part.part,))),
                ),
            )
        return UDHI, write_header(part.reference, part.part, part.parts, wide=way != "udh8") + octets, ()

    def _recipient(self, to: str) -> bytes:
        digits = to[1:]
        if to[:1] == "+" and len(digits) <= 20 and digits.isdigit() and digits.isascii():
            return self._international + digits.encode() + b"\0"
        ton, npi, address = write_recipient(to, self._profile)
        if not address:
            raise BadPart("no recipient", Fault.bad_number)
        try:
            return bytes((ton, npi)) + cstring(address, 21, "destination_addr")
        except BadPdu as bad:
            raise BadPart(str(bad), Fault.bad_number) from None

    def _sender(self, sender: str) -> bytes:
        ton, npi, address = write_sender(sender, self._profile)
        if not address:
            raise BadPart("no sender", Fault.bad_sender)
        try:
            octets = self._service + bytes((ton, npi)) + cstring(address, 21, "source_addr")
        except BadPdu as bad:
            raise BadPart(str(bad), Fault.bad_sender) from None
        if len(self._senders) >= _CACHED:
            self._senders.clear()
        self._senders[sender] = octets
        return octets

    def _option_block(self, key: tuple[int, int | None, int]) -> bytes:
        """esm_class to sm_default_msg_id: everything between the recipient and the text."""
        esm, validity, coding = key
        profile = self._profile
        expiry = cstring(relative_time(validity), 17, "validity_period") if validity is not None else b"\0"
        octets = (
            bytes((esm, profile.protocol_id, profile.priority))
            + b"\0"
            + expiry
            + bytes((profile.registered_delivery, 0, coding, 0))
        )
        if len(self._options) >= _CACHED:
            self._options.clear()
        self._options[key] = octets
        return octets


def user_data(message: Message | Data) -> bytes:
    """The octets of the text with its header: short_message, or message_payload where that is empty (5.3.2.32)."""
    short = message.short_message if isinstance(message, Message) else b""
    if short or not message.tlvs:
        return short
    return message.tlv(pdu.MESSAGE_PAYLOAD) or b""


def read_inbound(
    message: Message | Data, octets: bytes, profile: CarrierProfile, token: object, session: int
) -> InboundPart:
    """The text of a deliver_sm or data_sm. Never raises; what makes no sense is kept as it came.

    octets: the whole PDU. session: see `InboundPart`.
    """
    raw = user_data(message)
    text_octets, reference, part, parts, locking, single = raw, 0, 1, 1, 0, 0
    fill = 0
    if message.esm_class & UDHI:
        header = read_header(raw)
        if header is not None:
            text_octets = raw[header.length :]
            reference, part, parts = header.reference, header.part, header.parts
            locking, single = header.locking, header.single
            fill = -header.length * 8 % 7
    elif message.tlvs:
        reference, part, parts = _sar(message)
    if profile.packed and message.data_coding == 0:
        text_octets = gsm7.unpack(text_octets, fill)
    text, readable = read_text(
        text_octets, message.data_coding, profile.default_alphabet, partial=parts > 1, locking=locking, single=single
    )
    return InboundPart(
        token=token,
        carrier=profile.name,
        sender=read_address(message.source_addr, message.source_addr_ton, profile.country),
        to=read_address(message.destination_addr, message.dest_addr_ton, profile.country, least=OWN_LEAST),
        text=text,
        raw=raw,
        data_coding=message.data_coding,
        session=session,
        sequence=message.sequence,
        digest=blake2b(octets[HEADER_LENGTH:], digest_size=16).hexdigest(),
        reference=reference,
        part=part,
        parts=parts,
        readable=readable,
    )


def _sar(message: Message | Data) -> tuple[int, int, int]:
    """reference, part, parts by the sar_* parameters (5.3.2.22-24); 0, 1, 1 where they are absent or make no sense."""
    reference = message.tlv(pdu.SAR_MSG_REF_NUM)
    if reference is None:
        return 0, 1, 1
    parts = pdu.number(message.tlv(pdu.SAR_TOTAL_SEGMENTS) or b"")
    part = pdu.number(message.tlv(pdu.SAR_SEGMENT_SEQNUM) or b"")
    if not (1 <= part <= parts <= 255 and parts > 1):
        return 0, 1, 1
    return pdu.number(reference) & 0xFFFF, part, parts
