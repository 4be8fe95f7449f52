"""Valid PDUs of every kind, and what becomes of them when octets go wrong. Seeded, so that a failure comes again."""

import random
import struct
from collections.abc import Iterator

from gateway.channels.smpp import pdu
from gateway.channels.smpp.wire import Alert, Bind, BindResp, Data, Message, MessageResp, Pdu, Query, QueryResp, Raw

_RECEIPT = (
    b"id:0001ABCD sub:001 dlvrd:001 submit date:2511221201 done date:2511221202 stat:DELIVRD err:000 text:Your plan"
)
_TLVS = (
    pdu.tlv("receipted_message_id", "0001ABCD"),
    pdu.tlv("message_state", 2),
    pdu.tlv("network_error_code", b"\x03\x00\x01"),
    (0x1400, b"vendor"),
)
_WHO = {"source_addr_ton": 1, "source_addr_npi": 1, "source_addr": "15557654321"}
_WHOM = {"dest_addr_npi": 1, "destination_addr": "70007"}


def _message(name: str, **more: object) -> Message:
    return Message(pdu.COMMANDS[name], 0, 7, **(_WHO | _WHOM | more))  # type: ignore[arg-type]


def valid() -> list[Pdu]:
    """At least one PDU of each command of SMPP v3.4."""
    code = pdu.COMMANDS
    found: list[Pdu] = [
        _message("submit_sm", registered_delivery=1, short_message=b"hello", validity_period="000000010000000R"),
        _message("submit_sm", esm_class=0x40, data_coding=8, short_message=b"\x06\x08\x04\x12\x34\x02\x01\x00h\x00i"),
        _message("submit_sm", tlvs=(pdu.tlv("message_payload", b"x" * 300), pdu.tlv("user_message_reference", 7))),
        _message("deliver_sm", short_message=b"STOP"),
        _message("deliver_sm", esm_class=0x40, short_message=b"\x05\x00\x03\x2a\x02\x01part one"),
        _message("deliver_sm", data_coding=8, short_message="Привет 😀".encode("utf-16-be")),
        _message("deliver_sm", esm_class=4, short_message=_RECEIPT),
        _message("deliver_sm", esm_class=4, short_message=_RECEIPT, tlvs=_TLVS),
        _message(
            "deliver_sm", tlvs=(pdu.tlv("sar_msg_ref_num", 9), (0x20E, b"\2"), (0x20F, b"\1"), (0x424, b"payload"))
        ),
        Query(code["query_sm"], 0, 8, message_id="abc", source_addr="70007"),
        QueryResp(code["query_sm_resp"], 0, 8, message_id="abc", final_date="251122120200000+", message_state=2),
        Data(code["data_sm"], 0, 9, (pdu.tlv("message_payload", b"data"),), **(_WHO | _WHOM)),  # type: ignore[arg-type]
        Alert(
            code["alert_notification"],
            0,
            10,
            (pdu.tlv("ms_availability_status", 0),),
            source_addr="15551",
            esme_addr="7",
        ),
        Raw(code["outbind"], 0, 11, (), b"smsc\0secret\0"),
        Raw(code["cancel_sm"], 0, 12, (), b"\0id\0\0\0\0\0\0\0"),
        Raw(code["replace_sm"], 0, 13, (), b"id\0\0\0\0\0\0\1\0\2hi"),
        Raw(code["submit_multi"], 0, 14, (), b"\0\0\0\0\1\1\1\01555\0\0\0\0\0\0\0\0\0\0\2hi"),
        Raw(code["submit_multi_resp"], 0, 14, (), b"id\0\0"),
        Raw(0x112, 0, 15, (), b"broadcast"),
    ]
    for name in ("bind_transmitter", "bind_receiver", "bind_transceiver"):
        found.append(Bind(code[name], 0, 1, (), "careline", "secret", "care"))
        found.append(BindResp(code[f"{name}_resp"], 0, 1, ((0x210, b"\x34"),), "smsc"))
    found += [
        MessageResp(code[name], 0, 7, (), "0001ABCD") for name in ("submit_sm_resp", "deliver_sm_resp", "data_sm_resp")
    ]
    heads = (
        "unbind",
        "unbind_resp",
        "enquire_link",
        "enquire_link_resp",
        "generic_nack",
        "cancel_sm_resp",
        "replace_sm_resp",
    )
    found += [(Raw if "_sm_" in name else Pdu)(code[name], 0, 16) for name in heads]
    return found


def mutants(rng: random.Random, count: int) -> Iterator[bytes]:
    """So many PDUs with one to four faults each: bits, octets, cuts, insertions, lengths, splices, edge values."""
    seeds = [pdu.encode(found) for found in valid()]
    for _ in range(count):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            _spoil(rng, data, seeds)
        if rng.random() < 0.8 and len(data) >= 4:  # most with a true length, or the header would hide the rest
            data[:4] = struct.pack(">I", len(data))
        yield bytes(data)


def _spoil(rng: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    kind = rng.randrange(7)
    at = rng.randrange(len(data)) if data else 0
    if kind == 0 and data:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and data:
        data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        data[at:at] = rng.randbytes(rng.randint(1, 8))
    elif kind == 4:
        del data[at : at + rng.randint(1, 8)]
    elif kind == 5:
        other = rng.choice(seeds)
        data[at:] = other[rng.randrange(len(other)) :]
    elif data:
        data[at : at + 2] = struct.pack(">H", rng.choice((0, 1, 255, 256, 0x7FFF, 0xFFFF)))
