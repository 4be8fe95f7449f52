"""A link against an SMSC in Rust (smpp34), and against the one Kannel tests itself with (drive_smpp)."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import smpp34

from gateway.model.channel import Fault, LinkState
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
                    event.reject(smpp34.ESME_RINVDSTADR)
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


async def test_kannels_own_smsc(make_link: MakeLink, tmp_path: Path) -> None:
    """drive_smpp floods its ESME with texts and counts the answers."""
    found = shutil.which("drive_smpp", path="/usr/lib/kannel/test")
    if found is None:
        pytest.skip("drive_smpp of kannel-extras is not installed")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        found,
        "-p",
        str(port),
        "-m",
        "200",
        cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        link, desk = await make_link(port)
        await desk.until(lambda: len(desk.texts) >= 200 or link.counters["lost"], 30)
        assert len(desk.texts) >= 200
        assert link.counters["bad_pdu"] == 0
        assert link.status().state in (LinkState.up, LinkState.down)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
