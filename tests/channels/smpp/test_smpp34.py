"""A link against an SMSC in Rust (smpp34)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import smpp34

from gateway.model.channel import Fault
from gateway.model.message import Outcome, ReceiptState
from tests.channels.smpp.conftest import MakeLink, free_port

pytestmark = pytest.mark.interop


@asynccontextmanager
async def rust_smsc() -> AsyncIterator[tuple[int, smpp34.Server]]:
    port = free_port()
    server = smpp34.Server(host="127.0.0.1", port=port, system_id="s34")
    await server.start()
    try:
        yield port, server
    finally:
        await server.stop()


async def test_full_circle_with_rust(make_link: MakeLink) -> None:
    async with rust_smsc() as (port, server):
        link, desk = await make_link(port, window=20)
        esme = await asyncio.wait_for(server.next(), 10)
        assert isinstance(esme, smpp34.Esme)
        assert esme.system_id == "careline"
        await desk.up()

        async def serve(count: int) -> None:
            for number in range(count):
                event = await server.next()
                assert isinstance(event, smpp34.SubmitSmEvent)
                if number % 10 == 9:
                    event.reject(0x0B)
                    continue
                event.accept(f"ID{number}")
                tlvs = [
                    smpp34.Tlv(0x1E, f"ID{number}".encode() + b"\0"),
                    smpp34.Tlv(0x427, b"\2"),
                    smpp34.Tlv(0x1400, b"dlt"),
                ]
                await esme.deliver_sm(
                    event.source_addr,
                    b"",
                    source_addr=event.destination_addr,
                    source_addr_ton=1,
                    esm_class=4,
                    tlvs=tlvs,
                )

        serving = asyncio.create_task(serve(200))
        answers = await desk.send(*(desk.part(f"text {n}", to=f"+1555000{n:04d}") for n in range(200)))
        await serving
        await desk.until(lambda: len(desk.receipts) == 180)
        assert sum(answer.outcome is Outcome.accepted for answer in answers) == 180
        assert {answer.fault for answer in answers if answer.outcome is Outcome.refused} == {Fault.bad_number}
        ids = {answer.remote_id for answer in answers if answer.remote_id}
        assert {receipt.remote_ids[0] for receipt in desk.receipts} == ids
        assert {receipt.state for receipt in desk.receipts} == {ReceiptState.delivered}
        answer = await esme.deliver_sm(
            "70007", "Так".encode("utf-16-be"), source_addr="15557654321", source_addr_ton=1, data_coding=8
        )
        assert answer.is_success
        assert desk.texts[-1].text == "Так"
        await link.stop(1)
        gone = await asyncio.wait_for(server.next(), 10)
        assert isinstance(gone, smpp34.Unbound)
