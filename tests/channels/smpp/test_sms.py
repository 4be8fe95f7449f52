"""Parts to submit_sm, deliver_sm to texts: alphabets, headers, addresses, and whatever octets a phone may send."""

import random
from typing import Any

import pytest

from gateway.channels.smpp import CarrierProfile, pdu
from gateway.channels.smpp.numbers import read_address
from gateway.channels.smpp.sms import BadPart, SubmitWriter, read_inbound, relative_time
from gateway.channels.smpp.texts import read_text
from gateway.channels.smpp.udh import read_header, write_header
from gateway.channels.smpp.wire import Data, Message
from gateway.model import gsm7
from gateway.model.channel import Encoding, Fault, InboundPart, Part
from gateway.model.segments import join


def profile(**more: Any) -> CarrierProfile:
    known: dict[str, Any] = {"name": "c", "host": "h", "port": 1, "system_id": "u", "country": "1"}
    return CarrierProfile(**(known | more))


def inbound(octets: bytes, coding: int = 0, esm: int = 0, tlvs: Any = (), **more: Any) -> InboundPart:
    message = Message(
        pdu.DELIVER_SM, 0, 7, tlvs, source_addr="15557654321", source_addr_ton=1, destination_addr="70007",
        esm_class=esm, data_coding=coding, short_message=octets,
    )  # fmt: skip
    return read_inbound(message, pdu.encode(message), profile(**more), None, 42)


@pytest.mark.parametrize(
    ("octets", "coding", "text"),
    [
        (b"\x00\x02\x1be\x1b(", 0, "@$€{"),
        (b"abc", 0, "abc"),
        ("äöü".encode("latin-1"), 3, "äöü"),
        ("Привет 😀".encode("utf-16-be"), 8, "Привет 😀"),
        ("Привет 😀".encode("utf-16-be"), 0x18, "Привет 😀"),
        ("hello there".encode("utf-16-be"), 0, "hello there"),
        ("Привет мир".encode("utf-16-be"), 0, "Привет мир"),
        ("你好，世界。我要改签".encode("utf-16-be"), 0, "你好，世界。我要改签"),
        (b"\xff\xfeh\x00i\x00", 8, "hi"),
        ("привет".encode("iso8859_5"), 6, "привет"),
        ("שלום".encode("iso8859_8"), 7, "שלום"),
        ("naïve".encode(), 0, "naïve"),
        (b"plain", 0xF0, "plain"),
        (b"plain", 0xF1, "plain"),
        (b"text in binary", 4, "text in binary"),
        (b"NUL at end\x00", 3, "NUL at end"),
    ],
)
def test_alphabets(octets: bytes, coding: int, text: str) -> None:
    read = inbound(octets, coding)
    assert (read.text, read.readable, read.raw) == (text, True, octets)


@pytest.mark.parametrize(
    ("octets", "coding", "text"),
    [
        (b"\x00h\x00i\x00", 8, "hi\ufffd"),
        (b"\xd8\x3d\x00a", 8, "\ufffda"),
        (b"\x80\xfe\x01", 4, "\ufffdþ\ufffd"),
        (b"\xe4x", 0, "äx"),
    ],
)
def test_octets_that_fit_no_alphabet(octets: bytes, coding: int, text: str) -> None:
    read = inbound(octets, coding)
    assert (read.text, read.readable) == (text, False)
    assert read.raw == octets


def test_gsm7_that_looks_a_little_like_ucs2_is_gsm7() -> None:
    for text in ("@", "@a", "hi @all", "  two", "è è", "e = mc2", "1234", "è vero", "¡Sí!"):
        assert inbound(gsm7.encode(text.replace("í", "i"))).text == text.replace("í", "i")


def test_default_alphabet_of_the_carrier() -> None:
    assert inbound(b"\xe4\x40", default_alphabet="latin1").text == "ä@"
    assert inbound(b"[x]", default_alphabet="ascii").text == "[x]"
    packed = bytes.fromhex("e8329bfd06")
    assert inbound(packed, packed=True).text == "hello"


def test_parts_by_header_and_by_parameters() -> None:
    def place(read: InboundPart) -> tuple[str, int, int, int]:
        return read.text, read.reference, read.part, read.parts

    assert place(inbound(b"\x05\x00\x03\x2a\x02\x01part", esm=0x40)) == ("part", 0x2A, 1, 2)
    assert place(inbound(b"\x06\x08\x04\x12\x34\x03\x02part", esm=0x40)) == ("part", 0x1234, 2, 3)
    assert place(inbound(b"\x0b\x05\x04\x15\x81\x00\x00\x00\x03\x07\x02\x02part", esm=0x40)) == ("part", 7, 2, 2)
    sar = ((0x20C, b"\x12\x34"), (0x20E, b"\x03"), (0x20F, b"\x02"))
    assert place(inbound(b"part", tlvs=sar)) == ("part", 0x1234, 2, 3)
    assert place(inbound(b"", tlvs=((0x424, b"\x05\x00\x03\x2a\x02\x01pay"),), esm=0x40)) == ("pay", 0x2A, 1, 2)


@pytest.mark.parametrize("numbers", [(0, 1), (2, 0), (2, 3), (1, 1), (0, 0)])
def test_parts_that_cannot_be_are_whole_texts(numbers: tuple[int, int]) -> None:
    total, number = numbers
    read = inbound(bytes((5, 0, 3, 9, total, number)) + b"hi", esm=0x40)
    assert (read.text, read.reference, read.part, read.parts) == ("hi", 0, 1, 1)
    read = inbound(b"hi", tlvs=((0x20C, b"\0\1"), (0x20E, bytes((total,))), (0x20F, bytes((number,)))))
    assert (read.reference, read.part, read.parts) == (0, 1, 1)


@pytest.mark.parametrize("octets", [b"\xffabc", b"\x05\x00\x09abc", b"\x03\x00", b"\x05\x00\x03\x01", b"abc"])
def test_broken_header_leaves_the_text_as_it_is(octets: bytes) -> None:
    read = inbound(octets, esm=0x40, coding=3)
    assert (
        (read.text, read.parts, read.raw) == (octets.decode("latin-1"), 1, octets)
        if b"\0" not in octets
        else read.raw == octets
    )


def test_a_character_cut_in_two_is_whole_again() -> None:
    octets = "hi 😀!".encode("utf-16-be")
    first = inbound(b"\x05\x00\x03\x2a\x02\x01" + octets[:8], 8, 0x40)
    second = inbound(b"\x05\x00\x03\x2a\x02\x02" + octets[8:], 8, 0x40)
    (first.text + second.text).encode()  # what a database needs
    assert join([first.text, second.text]) == "hi 😀!"
    assert join([first.text]) == "hi \ufffd"


def test_national_shift_tables() -> None:
    turkish = bytes((3, 0x24, 1, 1)) + b"\x1bs\x1bi\x1bG"
    assert inbound(turkish, esm=0x40).text == "şıĞ"
    locking = bytes((3, 0x25, 1, 3)) + bytes((0x0C, 0x7B, 0x12))
    assert inbound(locking, esm=0x40).text == "ôãª"


@pytest.mark.parametrize(
    ("address", "ton", "country", "read"),
    [
        ("15557654321", 1, "1", "+15557654321"),
        ("+15557654321", 1, "1", "+15557654321"),
        ("0015557654321", 1, "1", "+15557654321"),
        ("5557654321", 2, "1", "+15557654321"),
        ("15557654321", 2, "1", "+15557654321"),
        ("0171234567", 2, "49", "+49171234567"),
        ("171234567", 2, "49", "+49171234567"),
        ("171234567", 2, "", "171234567"),
        ("5557654321", 0, "1", "+15557654321"),
        ("4915112345678", 0, "49", "+4915112345678"),
        ("015112345678", 0, "49", "+4915112345678"),
        ("12345678", 0, "", "+12345678"),
        ("1234567", 0, "1", "1234567"),
        ("70007", 0, "1", "70007"),
        ("70007", 1, "1", "70007"),
        ("70007", 3, "1", "70007"),
        ("70007", 2, "1", "70007"),
        ("ACME", 5, "1", "ACME"),
        ("ACME", 0, "1", "ACME"),
        ("ACME 2", 5, "1", "ACME 2"),
        ("", 1, "1", ""),
        ("+", 0, "1", "+"),
        ("00000000", 0, "1", "00000000"),
        ("1" * 20, 1, "1", "1" * 20),
        ("١٢٣٤٥٦٧٨٩", 1, "1", "١٢٣٤٥٦٧٨٩"),
    ],
)
def test_addresses(address: str, ton: int, country: str, read: str) -> None:
    assert read_address(address, ton, country) == read


def test_a_short_code_of_ours_may_have_eight_digits() -> None:
    message = Message(pdu.DELIVER_SM, 0, 7, source_addr="12345678", destination_addr="12345678")
    read = read_inbound(message, pdu.encode(message), profile(), None, 1)
    assert (read.sender, read.to) == ("+12345678", "12345678")


def written(part: Part, **more: Any) -> Message:
    found = pdu.decode(SubmitWriter(profile(**more)).write(part, 9))
    assert isinstance(found, Message)
    return found


def part(text: str, encoding: Encoding = Encoding.gsm7, **more: Any) -> Part:
    return Part((1, 1, 1), more.pop("sender", "70007"), more.pop("to", "+15557654321"), text, encoding, **more)


def test_submit_fields() -> None:
    made = written(part("@{é", validity=90, user_reference=0x1FFFF))
    assert (made.short_message, made.data_coding, made.esm_class, made.registered_delivery) == (
        b"\x00\x1b(\x05",
        0,
        0,
        1,
    )
    assert (made.dest_addr_ton, made.dest_addr_npi, made.destination_addr) == (1, 1, "15557654321")
    assert made.validity_period == "000000000130000R"
    assert made.tlvs == ((0x204, b"\xff\xff"),)
    assert written(part("é"), default_alphabet="latin1").short_message == b"\xe9"
    assert written(part("x", Encoding.latin1)).data_coding == 3
    made = written(part("Й😀", Encoding.ucs2))
    assert (made.data_coding, made.short_message) == (8, "Й😀".encode("utf-16-be"))
    named = written(part("x", sender="ACME"), short_code_ton=3)
    assert (named.source_addr_ton, named.source_addr_npi, named.source_addr) == (5, 0, "ACME")
    assert written(part("x"), short_code_ton=3, short_code_npi=0).source_addr_ton == 3
    assert written(part("x", user_reference=1), interface_version="3.3").tlvs == ()


def test_ways_to_tie_parts() -> None:
    second = part("text", part=2, parts=3, reference=0x1234)
    assert written(second).short_message == b"\x06\x08\x04\x12\x34\x03\x02text"
    assert written(second).esm_class == 0x40
    assert written(second, long_messages="udh8").short_message == b"\x05\x00\x03\x34\x03\x02text"
    sar = written(second, long_messages="sar")
    assert (sar.short_message, sar.esm_class) == (b"text", 0)
    assert sar.tlvs == ((0x20C, b"\x12\x34"), (0x20E, b"\3"), (0x20F, b"\2"))
    assert written(second, long_messages="sar", interface_version="3.3").short_message[:3] == b"\x05\x00\x03"
    assert written(part("short"), long_messages="payload", interface_version="3.3").esm_class == 0
    whole = written(part("x" * 500), long_messages="payload")
    assert (whole.short_message, whole.tlvs) == (b"", ((0x424, b"x" * 500),))
    assert written(part("short"), long_messages="payload").short_message == b"short"


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (part("☃"), Fault.bad_message),
        (part("x" * 255), Fault.bad_message),
        (part("x", part=3, parts=2), Fault.bad_message),
        (part("x", part=1, parts=300), Fault.bad_message),
        (part("x", to=""), Fault.bad_number),
        (part("x", to="+" + "1" * 30), Fault.bad_number),
        (part("x", to="1\x002"), Fault.bad_number),
        (part("x", sender=""), Fault.bad_sender),
        (part("x", sender="A\tB"), Fault.bad_sender),
        (part("x", sender="A" * 30), Fault.bad_sender),
    ],
)
def test_parts_that_cannot_be_written(bad: Part, fault: Fault) -> None:
    with pytest.raises(BadPart) as caught:
        SubmitWriter(profile()).write(bad, 1)
    assert caught.value.fault is fault


def test_relative_times() -> None:
    assert relative_time(0) == relative_time(-5) == "000000000001000R"
    assert relative_time(86400 * 2 + 3600 * 3 + 60 * 4 + 5) == "000002030405000R"
    assert relative_time(86400 * 31) == "000101000000000R"
    assert relative_time(10**9) == relative_time(365 * 86400)
    assert len(relative_time(10**9)) == 16


def test_headers_both_ways() -> None:
    for wide in (True, False):
        header = read_header(write_header(0x1234, 2, 3, wide=wide) + b"x")
        assert header is not None
        assert (header.reference, header.part, header.parts) == (0x1234 if wide else 0x34, 2, 3)


def test_nothing_raises_and_every_text_can_be_stored() -> None:
    rng = random.Random(7)
    seeds = [
        b"\x05\x00\x03\x2a\x02\x01part",
        "Привет 😀".encode("utf-16-be"),
        b"hello",
        b"\x1b",
        b"\x03\x24\x01\x01\x1bs",
    ]
    for turn in range(20_000):
        octets = bytearray(rng.choice(seeds) if turn % 2 else rng.randbytes(rng.randint(0, 30)))
        for _ in range(rng.randint(0, 3)):
            if octets:
                octets[rng.randrange(len(octets))] = rng.randrange(256)
        coding, esm = rng.randrange(256), rng.choice((0, 0x40, 0x43, 0xC0))
        alphabet = rng.choice(("gsm7", "latin1", "ascii"))
        read = inbound(bytes(octets), coding, esm, default_alphabet=alphabet, packed=turn % 5 == 0)
        read.text.encode()
        assert "\0" not in read.text
        assert 1 <= read.part <= read.parts <= 255
    assert read_text(b"", 8, "gsm7") == ("", True)


def test_data_sm() -> None:
    message = Data(pdu.DATA_SM, 0, 3, ((0x424, b"hello"),), source_addr="15557654321", source_addr_ton=1)
    assert read_inbound(message, pdu.encode(message), profile(), None, 1).text == "hello"


def test_digest_is_of_the_body_alone() -> None:
    one = Message(pdu.DELIVER_SM, 0, 1, short_message=b"x")
    two = Message(pdu.DELIVER_SM, 0, 2, short_message=b"x")
    three = Message(pdu.DELIVER_SM, 0, 2, short_message=b"y")
    digests = [read_inbound(m, pdu.encode(m), profile(), None, 1).digest for m in (one, two, three)]
    assert digests[0] == digests[1] != digests[2]
