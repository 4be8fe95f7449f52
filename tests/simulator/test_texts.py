"""Texts from phones to the gateway."""

import asyncio
from typing import Any

import pytest

from gateway.simulator import Faults, NoAnswer, NobodyBound, SimulatedCarrier, TextRequest
from gateway.simulator.alphabets import decode_gsm7, unpack
from tests.simulator.esme import BIND_RX, bound

LONG = "The plan costs 20 € a month [all in] and starts today. " * 6


def texts(delivered: list[dict[str, Any]]) -> list[bytes]:
    return [fields["octets"] for fields in delivered]


async def test_a_text_is_answered() -> None:
    async with SimulatedCarrier(http_port=None) as carrier, bound(carrier.port) as esme:
        result = await carrier.mo("+15551234567", "70007", "Yes {€}")
        assert (result.status, result.parts, result.statuses) == (0, 1, (0,))
        got = esme.delivered[0]
        assert (got["source"], got["source_ton"], got["source_npi"], got["dest"]) == ("15551234567", 1, 1, "70007")
        assert got["octets"] == b"Yes \x1b\x28\x1be\x1b\x29"
        assert (got["data_coding"], got["esm_class"]) == (0, 0)
        assert carrier.rows("mo_answered")[0]["status"] == 0
        await carrier.mo("+15551234567", "70007", "ok 👍")
        assert esme.delivered[1]["data_coding"] == 8
        assert esme.delivered[1]["octets"].decode("utf-16-be") == "ok 👍"


@pytest.mark.parametrize(("form", "number", "ton"), [("plus", "+15551234567", 1), ("national", "5551234567", 2)])
async def test_forms_of_numbers(form: str, number: str, ton: int) -> None:
    async with SimulatedCarrier(faults=Faults(mo_number=form), http_port=None) as carrier, bound(carrier.port) as esme:
        await carrier.mo("+15551234567", "70007", "hi")
        assert (esme.delivered[0]["source"], esme.delivered[0]["source_ton"]) == (number, ton)


@pytest.mark.parametrize(("form", "header"), [("udh8", 6), ("udh16", 7)])
async def test_long_texts_in_headers(form: str, header: int) -> None:
    async with SimulatedCarrier(faults=Faults(mo_long=form), http_port=None) as carrier, bound(carrier.port) as esme:
        result = await carrier.mo("+15551234567", "70007", LONG)
        parts = texts(esme.delivered)
        assert result.parts == len(parts) == 3
        assert {fields["esm_class"] for fields in esme.delivered} == {0x40}
        assert [part[header - 1] for part in parts] == [1, 2, 3]
        assert {part[1 : header - 1] for part in parts} == {parts[0][1 : header - 1]}
        assert all(len(part) - header <= (153 if header == 6 else 152) for part in parts)
        assert "".join(decode_gsm7(part[header:]) for part in parts) == LONG


async def test_long_texts_in_tlvs() -> None:
    async with SimulatedCarrier(faults=Faults(mo_long="sar"), http_port=None) as carrier, bound(carrier.port) as esme:
        await carrier.mo("+15551234567", "70007", LONG)
        assert [fields["tlvs"][0x020F][0] for fields in esme.delivered] == [1, 2, 3]
        assert {fields["tlvs"][0x020E][0] for fields in esme.delivered} == {3}
        assert "".join(decode_gsm7(part) for part in texts(esme.delivered)) == LONG
        carrier.set(mo_long="payload")
        await carrier.mo("+15551234567", "70007", LONG)
        assert decode_gsm7(esme.delivered[3]["tlvs"][0x0424]) == LONG
        assert esme.delivered[3]["octets"] == b""


async def test_packed_alphabet() -> None:
    faults = Faults(alphabet="gsm7-packed")
    async with SimulatedCarrier(faults=faults, http_port=None) as carrier, bound(carrier.port) as esme:
        await carrier.mo("+15551234567", "70007", "hello")
        assert esme.delivered[0]["octets"] == bytes.fromhex("e8329bfd06")
        await carrier.mo("+15551234567", "70007", "x" * 200)
        first = esme.delivered[1]["octets"]
        assert len(first) == 140
        assert unpack(first[6:], 1) == b"x" * 153


async def test_parts_shuffled_and_twice_over_all_binds() -> None:
    faults = Faults(mo_shuffle=True, mo_twice=True)
    async with (
        SimulatedCarrier(faults=faults, http_port=None) as carrier,
        bound(carrier.port) as one,
        bound(carrier.port, BIND_RX) as other,
    ):
        result = await carrier.mo("+15551234567", "70007", LONG)
        assert len(result.statuses) == 6
        assert one.delivered
        assert other.delivered
        order = [row["part"] for row in carrier.rows("sent")]
        assert sorted(order) == [1, 1, 2, 2, 3, 3]
        assert order[0] != 1
        shown = carrier.phones.messages("+15551234567")
        assert [(bubble["text"], bubble["total"], bubble["state"]) for bubble in shown] == [(LONG, 3, "taken")]
        carrier.set(spread=False)
        before = len(other.delivered)
        await carrier.mo("+15551234567", "70007", LONG)
        assert len(other.delivered) == before


async def test_nobody_bound() -> None:
    async with SimulatedCarrier(http_port=None) as carrier:
        with pytest.raises(NobodyBound):
            await carrier.mo("+15551234567", "70007", "hi")
        bubble = carrier.phones.messages("+15551234567")[0]
        assert (bubble["state"], bubble["note"]) == ("failed", "no gateway is bound")
        assert carrier.smsc.outbox.waiting == 0


async def test_a_gateway_that_dies_before_its_answer_gets_the_text_again() -> None:
    async with SimulatedCarrier(http_port=None) as carrier:
        async with bound(carrier.port, answer=None) as esme:
            sending = asyncio.create_task(carrier.mo("+15551234567", "70007", "remember me"))
            await esme.next()
        with pytest.raises(NoAnswer) as silence:
            await sending
        assert silence.value.again
        async with bound(carrier.port) as esme:
            assert b"remember me" in (await esme.next()).body
            await carrier.wait_until(lambda: carrier.phones.messages("+15551234567")[0]["state"] == "taken")


async def test_refusals_are_told() -> None:
    async with SimulatedCarrier(http_port=None) as carrier, bound(carrier.port, answer=0x65) as esme:
        result = await carrier.mo("+15551234567", "70007", "hi")
        assert (result.status, result.redelivering) == (0x65, False)
        esme.answer = 0x64
        result = await carrier.mo("+15551234567", "70007", "hi")
        assert (result.status, result.redelivering) == (0x64, True)
        assert carrier.phones.messages("15551234567")[1]["note"] == "ESME_RX_T_APPN, trying again"
        carrier.set(redeliver=False)
        assert not (await carrier.mo("+15551234567", "70007", "hi")).redelivering


@pytest.mark.parametrize(
    "request_",
    [
        TextRequest("+1555", "70007", "x"),
        TextRequest("+15551234567", "", "x"),
        TextRequest("+15551234567", "a name that is long", "x"),
        TextRequest("+15551234567\n", "70007", "x"),
        TextRequest("+15551234567", "70007", "x" * 2001),
        TextRequest("+15551234567", "70007"),
        TextRequest("+15551234567", "70007", "x", octets=b"x"),
        TextRequest("+15551234567", "70007", octets=b"x" * 255),
        TextRequest("+15551234567", "70007", "ż", data_coding=0),
        TextRequest("+15551234567", "70007", "x", data_coding=4),
        TextRequest("+15551234567", "70007", "x", esm_class=256),
    ],
)
async def test_limits(request_: TextRequest) -> None:
    async with SimulatedCarrier(http_port=None) as carrier:
        with pytest.raises(ValueError, match=r"\w"):
            await carrier.smsc.texts.send(request_)
