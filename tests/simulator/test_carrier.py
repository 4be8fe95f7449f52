"""Submits, answers, receipts and faults, against an ESME that shares no line with the simulator."""

import asyncio
import json
import struct
from pathlib import Path

import pytest

from gateway.simulator import Faults, SimulatedCarrier
from tests.simulator.esme import (
    BIND_RX,
    BIND_TRX,
    BIND_TX,
    DELIVER,
    ENQUIRE,
    GENERIC_NACK,
    QUERY,
    RESP,
    SUBMIT,
    UNBIND,
    bound,
    c_string,
    connected,
    submit_body,
)


async def test_a_text_is_taken_answered_recorded_and_receipted(tmp_path: Path) -> None:
    log = tmp_path / "carrier.jsonl"
    async with SimulatedCarrier(log=log, first_id=0xABC, http_port=None) as carrier, bound(carrier.port) as esme:
        answer = await esme.submit("15551234567", b"\x00 is at", registered=1)
        assert (answer.command, answer.status, answer.message_id) == (SUBMIT | RESP, 0, "00000ABC")
        written = [json.loads(line) for line in log.read_text().splitlines()]
        assert [row["kind"] for row in written] == ["bind_transceiver", "submit_sm"]
        row = written[-1]
        assert row["id"] == "00000ABC"
        assert (row["from"], row["to"], row["text"]) == ("70007", "15551234567", "@ is at")
        assert (row["source_ton"], row["dest_npi"], row["registered_delivery"], row["udh"]) == (0, 1, 1, None)
        receipt = (await esme.next()).short_message()
        assert receipt["esm_class"] == 4
        assert (receipt["source"], receipt["dest"], receipt["source_ton"]) == ("15551234567", "70007", 1)
        assert receipt["octets"].startswith(b"id:00000ABC sub:001 dlvrd:001 submit date:")
        assert b" stat:DELIVRD err:000 text:" in receipt["octets"]
        assert receipt["tlvs"][0x001E] == b"00000ABC\0"
        assert receipt["tlvs"][0x0427] == b"\2"
        await carrier.wait_rows("deliver_sm_resp")
        assert [message["state"] for message in carrier.phones.messages("+15551234567")] == ["DELIVRD"]


async def test_no_receipt_that_was_not_asked_for() -> None:
    async with SimulatedCarrier(faults=Faults(dlr_ms=0), http_port=None) as carrier, bound(carrier.port) as esme:
        for registered in (0, 2, 1):
            await esme.submit(registered=registered)
            if registered == 1:
                assert (await esme.next()).command == DELIVER
        await carrier.wait_rows("deliver_sm_resp")
        carrier.set(stat="UNDELIV")
        assert (await esme.submit(registered=2)).status == 0
        assert b"stat:UNDELIV" in (await esme.next()).body
        assert carrier.record.counts["sent"] == 2


async def test_receipt_before_the_answer() -> None:
    async with SimulatedCarrier(faults=Faults(dlr="early"), http_port=None) as carrier, bound(carrier.port) as esme:
        first = await esme.submit()
        second = await esme.next()
        assert (first.command, second.command) == (DELIVER, SUBMIT | RESP)
        assert second.message_id.encode() in first.body


async def test_receipts_twice_and_enroute_first() -> None:
    faults = Faults(dlr="twice", dlr_enroute=True, dlr_ms=4)
    async with SimulatedCarrier(faults=faults, http_port=None) as carrier, bound(carrier.port) as esme:
        await esme.submit()
        states = [(await esme.next()).short_message() for _ in range(3)]
        assert [state["esm_class"] for state in states] == [0x20, 4, 4]
        assert [state["tlvs"][0x0427][0] for state in states] == [1, 2, 2]


@pytest.mark.parametrize(
    ("form", "said", "receipted"),
    [
        ("hex", "0000BEEF", "0000BEEF"),
        ("decimal", "48879", "48879"),
        ("resp-hex", "0000BEEF", "48879"),
        ("zeros", "00000000000000048879", "48879"),
        ("case", "0000BEEF", "0000beef"),
        ("text", "sim-beef.a", "sim-beef.a"),
    ],
)
async def test_forms_of_ids(form: str, said: str, receipted: str) -> None:
    carrier = SimulatedCarrier(faults=Faults(id=form, dlr_form="text"), first_id=0xBEEF, http_port=None)
    async with carrier, bound(carrier.port) as esme:
        assert (await esme.submit()).message_id == said
        receipt = (await esme.next()).short_message()
        assert receipt["octets"].startswith(f"id:{receipted} ".encode())
        assert receipt["tlvs"] == {}
        carrier.set(dlr_form="tlv")
        await esme.submit()
        receipt = (await esme.next()).short_message()
        assert receipt["octets"] == b""
        assert receipt["tlvs"][0x001E]


async def test_answers_late_twice_never_and_lost() -> None:
    faults = Faults(dlr="never", resp="late", resp_ms=1)
    async with SimulatedCarrier(faults=faults, http_port=None) as carrier, bound(carrier.port) as esme:
        assert (await esme.submit()).status == 0
        carrier.set(resp="twice")
        first, second = await esme.submit(), await esme.next()
        assert first == second
        carrier.set(resp="never")
        esme.send(SUBMIT, submit_body())
        await carrier.wait_mt("15551234567", 3)
        carrier.set(resp="lost")
        esme.send(SUBMIT, submit_body())
        await carrier.wait_rows("lost")
        assert len(carrier.mt()) == 3
        esme.send(ENQUIRE)
        assert (await esme.next()).command == ENQUIRE | RESP  # so nothing else was on its way


async def test_refusals() -> None:
    async with SimulatedCarrier(faults=Faults(rate=2), http_port=None) as carrier, bound(carrier.port) as esme:
        statuses = [(await esme.submit(registered=0)).status for _ in range(8)]
        assert statuses.count(0x58) >= 4
        assert carrier.record.counts["throttled"] == statuses.count(0x58)
        carrier.set(rate=0, queue_full=True)
        assert (await esme.submit()).status == 0x14
        carrier.set(queue_full=False, status="0x0B")
        refused = await esme.submit()
        assert (refused.status, refused.body) == (0x0B, b"")
        carrier.set(status=0)
        assert (await esme.submit("")).status == 0x0B
        assert (await esme.submit(octets=b"x" * 161)).status == 0x01
        assert (await esme.submit(octets=b"x" * 160, registered=0)).status == 0
        carrier.set(strict=False)
        assert (await esme.submit(octets=b"x" * 254, registered=0)).status == 0
        assert {row["status"] for row in carrier.rows("refused")} == {0x14, 0x0B, 0x01}


async def test_numbers_that_fail() -> None:
    faults = Faults(fail_digits="99, 000", dlr_ms=0, fail_stat="EXPIRED")
    async with SimulatedCarrier(faults=faults, http_port=None) as carrier, bound(carrier.port) as esme:
        for number, state in (("15551230099", b"EXPIRED"), ("15551230098", b"DELIVRD"), ("15551230000", b"EXPIRED")):
            await esme.submit(number)
            assert b"stat:" + state in (await esme.next()).body
        carrier.set(fail_status=11)
        assert (await esme.submit("15551230099")).status == 11
        carrier.set(fail_digits="", fail_percent=30, seed=7)
        numbers = [f"1555{n:07}" for n in range(400)]
        failing = [number for number in numbers if carrier.smsc.submits.fails(number)]
        assert 80 < len(failing) < 160
        assert failing == [number for number in numbers if carrier.smsc.submits.fails("+" + number)]


async def test_drop_at_a_submit_and_now() -> None:
    async with SimulatedCarrier(faults=Faults(drop_after=2, dlr="never"), http_port=None) as carrier:
        async with bound(carrier.port) as esme:
            assert (await esme.submit()).status == 0
            esme.send(SUBMIT, submit_body())
            await asyncio.wait_for(esme.closed.wait(), 5)
        assert carrier.rows("submit_sm")[-1]["dropped"] is True
        assert len(carrier.mt()) == 1
        async with bound(carrier.port) as esme:  # once only
            for _ in range(4):
                assert (await esme.submit()).status == 0
            assert carrier.drop() == 1
            await asyncio.wait_for(esme.closed.wait(), 5)


async def test_binds() -> None:
    async with SimulatedCarrier(system_id="careline", password="secret", http_port=None) as carrier:
        async with connected(carrier.port) as esme:
            assert (await esme.submit()).status == 0x04
            assert (await esme.bind(password="wrong", system_id="careline")).status == 0x0E
            assert (await esme.bind(password="secret", system_id="other")).status == 0x0F
            carrier.set(bind="fail")
            assert (await esme.bind(password="secret", system_id="careline")).status == 0x0D
            carrier.set(bind="ok")
            good = await esme.bind(BIND_RX, password="secret", system_id="careline")
            assert (good.command, good.status, good.body) == (
                BIND_RX | RESP, 0, b"careline-sim\0" + struct.pack(">HHB", 0x0210, 1, 0x34),
            )  # fmt: skip
            assert (await esme.bind(BIND_TRX, password="secret", system_id="careline")).status == 0x05
            assert (await esme.submit()).status == 0x04
            esme.send(UNBIND)
            assert (await esme.next()).command == UNBIND | RESP
            await asyncio.wait_for(esme.closed.wait(), 5)
        assert "secret" not in json.dumps(carrier.rows())


async def test_link_silence_and_unbind_by_the_carrier() -> None:
    carrier = SimulatedCarrier(faults=Faults(enquire="never"), http_port=None)
    async with carrier, bound(carrier.port) as esme:
        esme.send(ENQUIRE)
        await carrier.wait_rows("enquire_link")
        carrier.set(enquire="ok")
        esme.send(ENQUIRE, sequence=77)
        assert (await esme.next()).sequence == 77
        stopping = asyncio.create_task(carrier.stop())
        assert (await esme.next()).command == UNBIND
        await stopping
        await asyncio.wait_for(esme.closed.wait(), 5)


async def test_poison_is_answered_and_the_link_goes_on() -> None:
    async with SimulatedCarrier(http_port=None) as carrier, bound(carrier.port) as esme:
        whole = submit_body(octets=b"hello")
        for body, command, status in (
            (whole[:-2], SUBMIT, 0x01),
            (whole[:9], SUBMIT, 0x02),
            (b"no end", SUBMIT, 0x02),
            (whole + b"\x14", SUBMIT, 0x02),
            (b"", 0x7777, 0x03),
            (b"", 0x08, 0x03),
        ):
            sent = esme.send(command, body)
            nack = await esme.next()
            assert (nack.command, nack.status, nack.sequence) == (GENERIC_NACK, status, sent)
        assert carrier.record.counts["bad_pdu"] == 6
        strange = ((0x1401, b"DLT"), (0x0303, b"x"), (0x0204, b"\0\0\0\7"))
        assert (await esme.submit(tlvs=strange)).status == 0
        row = carrier.mt()[0]
        assert row["tlvs"]["1401"] == b"DLT".hex()
        assert row["user_message_reference"] == 7
        broken = await esme.submit(octets=b"\x09ab", esm_class=0x40)
        assert broken.status == 0x01
        esme.writer.write(struct.pack(">LLLL", 2, SUBMIT, 0, 9))
        frames = [await esme.next()]
        while frames[-1].command != GENERIC_NACK:
            frames.append(await esme.next())
        await asyncio.wait_for(esme.closed.wait(), 5)


async def test_query() -> None:
    carrier = SimulatedCarrier(faults=Faults(id="resp-hex", stat="REJECTD", dlr_ms=0), http_port=None)
    async with carrier, bound(carrier.port) as esme:
        said = (await esme.submit()).message_id
        await esme.next()
        for message_id in (said, str(int(said, 16))):
            esme.send(QUERY, c_string(message_id) + b"\0\0" + c_string("70007"))
            answer = await esme.next()
            assert answer.status == 0
            assert answer.body.endswith(bytes([8, 0]))
        esme.send(QUERY, c_string("nobody") + b"\0\0\0")
        assert (await esme.next()).status == 0x0C


async def test_receipts_wait_for_the_next_bind_and_go_to_a_sibling() -> None:
    async with SimulatedCarrier(http_port=None) as carrier:
        async with bound(carrier.port, BIND_TX) as sender:
            await sender.submit()
            await carrier.wait_until(lambda: carrier.smsc.outbox.waiting == 1)
        async with (
            bound(carrier.port, BIND_RX, system_id="other") as stranger,
            bound(carrier.port, BIND_RX) as receiver,
        ):
            assert b"stat:DELIVRD" in (await receiver.next()).body
            assert stranger.frames.empty()


async def test_what_was_not_acknowledged_comes_again() -> None:
    async with SimulatedCarrier(faults=Faults(dlr_ms=0), http_port=None) as carrier:
        async with bound(carrier.port, answer=None) as esme:
            await esme.submit()
            lost = await esme.next()
        async with bound(carrier.port, answer=0x14) as esme:
            again = await esme.next()
            assert again.body == lost.body
            esme.answer = 0
            assert (await esme.next()).body == lost.body  # refused for now: a second later
        assert [row["attempt"] for row in carrier.rows("sent")] == [1, 2, 3]


async def test_long_texts_are_joined_for_the_phone() -> None:
    async with SimulatedCarrier(http_port=None) as carrier, bound(carrier.port) as esme:
        for number in (2, 1, 3):
            await esme.submit(
                octets=bytes([5, 0, 3, 9, 3, number]) + f"part{number} ".encode(), esm_class=0x40, registered=0
            )
        wide = bytes([6, 8, 4, 1, 2, 2])
        for number, word in ((1, "zażółć "), (2, "gęślą")):
            octets = wide + bytes([number]) + word.encode("utf-16-be")
            await esme.submit(octets=octets, esm_class=0x40, data_coding=8, registered=0)
        for number in (1, 2):
            sar = ((0x020C, b"\1\2"), (0x020E, b"\2"), (0x020F, bytes([number])))
            await esme.submit(octets=b"sar%d " % number, tlvs=sar, registered=0)
        await esme.submit(octets=b"", tlvs=((0x0424, b"x" * 500),), registered=0)
        await esme.submit(octets=bytes([5, 0, 3, 10, 2, 2]) + b"end", esm_class=0x40, registered=0)
        shown = [(m["text"], m["have"], m["total"]) for m in carrier.phones.messages("15551234567")]
        assert shown == [
            ("part1 part2 part3 ", 3, 3),
            ("zażółć gęślą", 2, 2),
            ("sar1 sar2 ", 2, 2),
            ("x" * 500, 1, 1),
            (" … end", 1, 2),
        ]
        assert len(carrier.mt("+15551234567")) == 9


async def test_ports_taken_are_said() -> None:
    async with SimulatedCarrier() as carrier:
        with pytest.raises(OSError, match="address already in use"):
            await SimulatedCarrier(carrier.port).start()
        with pytest.raises(OSError, match="address already in use"):
            await SimulatedCarrier(0, carrier.http_port).start()
