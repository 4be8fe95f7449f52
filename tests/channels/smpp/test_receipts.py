"""Receipts as carriers write them, and texts that only look like one."""

import random
from typing import Any

import pytest

from gateway.channels.smpp import CarrierProfile, pdu
from gateway.channels.smpp.receipts import canonical, read_receipt, remote_ids, scan, state_of
from gateway.channels.smpp.wire import Data, Message
from gateway.model.channel import Receipt
from gateway.model.message import ReceiptState

BOOK = "id:0001ABCD sub:001 dlvrd:001 submit date:2511221201 done date:2511221202 stat:DELIVRD err:000 text:Your plan"


def read(text: str | bytes = b"", esm: int = 4, tlvs: Any = (), coding: int = 0, **more: Any) -> Receipt | None:
    octets = text.encode("latin-1") if isinstance(text, str) else text
    message = Message(
        pdu.DELIVER_SM, 0, 7, tlvs, source_addr="15557654321", source_addr_ton=1, destination_addr="70007",
        esm_class=esm, data_coding=coding, short_message=octets,
    )  # fmt: skip
    profile: dict[str, Any] = {"name": "c", "host": "h", "port": 1, "system_id": "u", "country": "1"}
    return read_receipt(message, CarrierProfile(**(profile | more)), None)


def sure(*args: Any, **more: Any) -> Receipt:
    found = read(*args, **more)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOOK, ("0001ABCD", "DELIVRD", "000", "2511221202")),
        (BOOK.lower(), ("0001abcd", "DELIVRD", "000", "2511221202")),
        ("id:7 stat:UNDELIV err:012", ("7", "UNDELIV", "012", "")),
        ("stat:EXPIRED err:e5a id:7 done date:251122120230", ("7", "EXPIRED", "e5a", "251122120230")),
        (
            "id:7 submit date:251122120100 done date:251122120230 stat:DELIVERED err:0",
            ("7", "DELIVRD", "0", "251122120230"),
        ),
        ("id: 7 sub: 001 stat: REJECTD", ("7", "REJECTD", "", "")),
        ("id:7 sub:001 dlvrd:000 submit date:2511221201 done date: stat:ACCEPTD err:", ("7", "ACCEPTD", "", "")),
        ("ID:7 STAT:ENROUTE ERR:0", ("7", "ENROUTE", "0", "")),
        ("id:7 stat:WHATEVER", ("7", "UNKNOWN", "", "")),
        ("id:7 stat:FAILED text:id:8 stat:DELIVRD", ("7", "UNDELIV", "", "")),
        ("text:hello id:7 stat:DELIVRD", ("7", "DELIVRD", "", "")),
        (
            "id:6f1c8a2e-0000-4a4a-8888-000000000001 stat:DELIVRD",
            ("6f1c8a2e-0000-4a4a-8888-000000000001", "DELIVRD", "", ""),
        ),
    ],
)
def test_texts(text: str, told: tuple[str, str, str, str]) -> None:
    found = sure(text)
    assert (found.remote_ids[0], found.state.value, found.error, found.done_at) == told


def test_receipt_in_ucs2() -> None:
    assert sure(BOOK.encode("utf-16-be"), coding=8).remote_ids[0] == "0001ABCD"
    assert sure(BOOK.encode("utf-16-be"), coding=0).state is ReceiptState.delivered


def test_parameters_come_first() -> None:
    tlvs = (
        pdu.tlv("receipted_message_id", "ffee"),
        pdu.tlv("message_state", 5),
        pdu.tlv("network_error_code", b"\x03\x00\x2a"),
    )
    found = sure(BOOK, tlvs=tlvs)
    assert (found.remote_ids[0], found.state, found.error) == ("ffee", ReceiptState.undeliverable, "042")
    assert sure(b"", tlvs=tlvs).remote_ids[0] == "ffee"
    assert sure(b"", esm=0, tlvs=tlvs).state is ReceiptState.undeliverable, "some carriers leave esm_class at 0"
    no_end = ((0x1E, b"ffee"), (0x427, b"\0\2"))
    assert (sure(b"", tlvs=no_end).remote_ids[0], sure(b"", tlvs=no_end).state) == ("ffee", ReceiptState.delivered)
    assert sure(BOOK, tlvs=((0x427, b"\x63"),)).state is ReceiptState.unknown
    assert sure(BOOK, tlvs=(pdu.tlv("user_message_reference", 4711),)).user_reference == 4711
    assert sure(BOOK, tlvs=((0x1E, b"\0"),)).remote_ids[0] == "0001ABCD"


def test_esm_class_alone() -> None:
    assert sure(b"").state is ReceiptState.unknown
    assert sure(b"").remote_ids == ()
    assert sure(b"", esm=0x20).state is ReceiptState.enroute
    assert sure(BOOK, esm=0x24).state is ReceiptState.delivered


@pytest.mark.parametrize("esm", [0, 1, 3, 0x40, 0x80])
def test_a_customer_who_types_a_receipt_is_a_customer(esm: int) -> None:
    assert read(BOOK, esm) is None
    assert read("id:123 stat:DELIVRD", esm) is None
    assert read(BOOK, esm, tlvs=(pdu.tlv("user_message_reference", 1),)) is None


def test_a_reply_that_names_what_it_answers_is_a_text() -> None:
    assert read("YES", 0, tlvs=(pdu.tlv("receipted_message_id", "abc"),)) is None
    assert read("YES", 0x10, tlvs=(pdu.tlv("receipted_message_id", "abc"),)) is None


def test_acknowledgements_of_phones() -> None:
    assert read("I have read it", 0x08) is None
    assert sure(BOOK, 0x08).state is ReceiptState.delivered


@pytest.mark.parametrize(
    ("answered", "written"),
    [
        ("00001000", "4096"), ("0000ABCD", "43981"), ("0000abcd", "000043981"), ("4096", "1000"), ("abcd", "0000ABCD"),
        ("0000ABCD", "abcd"), ("7", "0000000007"), ("0", "000"), ("id-17", "ID-17"), ("9" * 30, "9" * 30),
        ("ffffffffffffffff", "18446744073709551615"),
    ],
)  # fmt: skip
def test_ids_match_by_their_canonical_form(answered: str, written: str) -> None:
    assert canonical(answered) in {canonical(form) for form in remote_ids(written)}


def test_ids_as_the_profile_says() -> None:
    assert remote_ids("4096", "text") == ("4096",)
    assert remote_ids("4096", "hex")[0] == "1000"
    assert remote_ids("1000", "decimal")[0] == "4096"
    assert remote_ids("0010", "text") == ("0010", "10")
    assert remote_ids("zz", "auto") == ("zz",)


def test_states() -> None:
    for state in ReceiptState:
        assert state_of(state.value) is state
        assert state_of(state.value.lower()) is state


def test_scanner_takes_the_first_of_each() -> None:
    assert scan("id:1 id:2 stat:DELIVRD stat:EXPIRED") == {"id": "1", "stat": "DELIVRD"}
    assert scan("nothing here") == {}


def test_nothing_raises() -> None:
    rng = random.Random(11)
    letters = [*BOOK, "\x00", "é", ":", " ", "١"]
    for turn in range(20_000):
        text = list(BOOK)
        for _ in range(rng.randint(0, 12)):
            at = rng.randrange(len(text)) if text else 0
            match rng.randrange(3):
                case 0:
                    text[at : at + 1] = rng.choice(letters)
                case 1:
                    del text[at : at + rng.randint(1, 20)]
                case _:
                    text[at:at] = rng.choices(letters, k=3)
        octets = "".join(text)[:254].encode("latin-1", "replace")[:254]
        tlvs = tuple(
            (rng.choice((0x1E, 0x427, 0x423, 0x204, 0x424)), rng.randbytes(rng.randint(0, 5))) for _ in range(turn % 4)
        )
        found = read(octets, rng.randrange(256), tlvs, rng.choice((0, 3, 8, 4)))
        if found is not None:
            assert all(found.remote_ids)
            assert len(found.remote_ids) <= 6
            found.text.encode()
    message = Data(pdu.DATA_SM, 0, 1, ((0x424, BOOK.encode()),), esm_class=4)
    profile = CarrierProfile("c", "h", 1, "u")
    receipt = read_receipt(message, profile, None)
    assert receipt is not None
    assert receipt.remote_ids[0] == "0001ABCD"
