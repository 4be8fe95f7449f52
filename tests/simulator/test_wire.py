"""Framing and parsing: what is whole is read, what is not is said, nothing else happens."""

import random
import struct

import pytest
import smpplib.consts
import smpplib.smpp

from gateway.simulator import wire
from tests.simulator.esme import submit_body


def pdu(command: int, body: bytes = b"", sequence: int = 1) -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command, 0, sequence) + body


def test_bytes_come_as_they_like() -> None:
    stream = pdu(4, submit_body(), 1) + pdu(0x15, sequence=2) + pdu(4, submit_body(octets=b"x" * 254), 3)
    for size in (1, 3, 16, 17, 100, len(stream)):
        framer = wire.Framer()
        whole = [one for at in range(0, len(stream), size) for one in framer.feed(stream[at : at + size])]
        assert b"".join(whole) == stream
        assert [wire.parse(one).sequence for one in whole] == [1, 2, 3]


@pytest.mark.parametrize("length", [0, 2, 15, 65_537, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_out_of_bounds_is_fatal_and_keeps_what_came_before(length: int) -> None:
    with pytest.raises(wire.BadPdu) as bad:
        wire.Framer().feed(pdu(0x15) + struct.pack(">L", length))
    assert bad.value.fatal
    assert bad.value.args[1] == [pdu(0x15)]


def test_fields_and_tlvs() -> None:
    taken = wire.parse(pdu(4, submit_body("123", b"hi", tlvs=((0x0204, b"\0\7"), (0x7FFF, b"")), registered=17), 99))
    assert (taken.command, taken.sequence) == ("submit_sm", 99)
    assert (taken.text("destination_addr"), taken.fields["short_message"]) == ("123", b"hi")
    assert (taken.number("registered_delivery"), taken.integer_tlv(0x0204)) == (17, 7)
    assert taken.tlvs[0x7FFF] == b""


def test_mutants_raise_bad_pdu_and_nothing_else() -> None:
    chance = random.Random(20261122)
    seeds = [
        pdu(4, submit_body(tlvs=((0x0424, b"x" * 30), (0x1E, b"abc\0")))),
        pdu(9, b"u\0p\0\0\x34\0\0\0"),
        pdu(0x80000005, b"\0"),
        pdu(3, b"id\0\1\1x\0"),
        pdu(0x103, b"\0\0\0a\0\0\0b\0\0\1\0"),
    ]
    accepted = 0
    for _ in range(20_000):
        mutant = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            mutant[chance.randrange(4, len(mutant))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        mutant = mutant[: chance.randint(16, len(mutant))]
        try:
            wire.parse(bytes(mutant))
            accepted += 1
        except wire.BadPdu:
            continue
    assert 0 < accepted < 20_000


def test_built_pdus_are_those_of_smpplib() -> None:
    octets = wire.build(
        "deliver_sm", 7, source_addr="15551234567", destination_addr="70007", source_addr_ton=1, source_addr_npi=1,
        esm_class=4, short_message=b"id:1", receipted_message_id="1", message_state=2, network_error_code=b"\3\0\0",
    )  # fmt: skip
    read = smpplib.smpp.make_pdu("deliver_sm", sequence=0)
    read.parse(octets)
    assert (read.sequence, read.source_addr, read.short_message) == (7, b"15551234567", b"id:1")
    assert (read.receipted_message_id, read.message_state) == (b"1", 2)
    assert wire.build("submit_sm_resp", 5, 0x58) == struct.pack(">LLLL", 16, 0x80000004, 0x58, 5)
    assert wire.header("generic_nack", 5, 3) == struct.pack(">LLLL", 16, 0x80000000, 3, 5)


def test_names_of_statuses() -> None:
    assert wire.status_name(smpplib.consts.SMPP_ESME_RTHROTTLED) == "ESME_RTHROTTLED"
    assert wire.status_name(0x400) == "0x00000400"
