"""The simulator against clients that others wrote: smpplib's own, npm's smpp, and as a process of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import aiohttp
import pytest
import smpplib.client
import smpplib.exceptions
import smpplib.gsm

from gateway.simulator import Faults, SimulatedCarrier

MODULES = Path(__file__).parents[1] / "peers" / "node_modules"
NODE = shutil.which("node")


def stock_client(port: int, received: list[bytes], done: threading.Event) -> None:
    """What a program on stock smpplib does: bind, send two texts, listen until told to end."""
    client = smpplib.client.Client("127.0.0.1", port, timeout=0.2, allow_unknown_opt_params=True)
    client.set_message_received_handler(lambda pdu: received.append(pdu.short_message))
    client.set_message_sent_handler(lambda pdu: None)
    client.connect()
    client.bind_transceiver(system_id="stock", password="p")
    for text in ("Hello", "long text " * 40):
        parts, coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            client.send_message(
                source_addr="70007", dest_addr_ton=1, dest_addr_npi=1, destination_addr="15551234567",
                short_message=part, data_coding=coding, esm_class=esm_class, registered_delivery=True,
            )  # fmt: skip
    while not done.is_set():
        with contextlib.suppress(TimeoutError):
            client.read_once(auto_send_enquire_link=False)
    client.unbind()
    client.disconnect()


async def test_stock_smpplib() -> None:
    received: list[bytes] = []
    done = threading.Event()
    async with SimulatedCarrier(faults=Faults(dlr_ms=0), http_port=None) as carrier:
        client = asyncio.create_task(asyncio.to_thread(stock_client, carrier.port, received, done))
        try:
            await carrier.wait_rows("deliver_sm_resp", 4)
            assert (await carrier.mo("+15551234567", "70007", "ok")).status == 0
        finally:
            done.set()
            await client
        shown = [(bubble["text"], bubble["state"]) for bubble in carrier.phones.messages("15551234567")]
        assert shown == [("Hello", "DELIVRD"), ("long text " * 40, "DELIVRD"), ("ok", "taken")]
        assert received[-1] == b"ok"
        assert carrier.record.counts["unbind"] == 1


NPM = """
const smpp = require('smpp');
const session = smpp.connect({url: 'smpp://127.0.0.1:' + process.argv[1]}, () => {
  session.bind_transceiver({system_id: 'npm', password: 'p'}, bound => {
    console.log(JSON.stringify({bound: bound.command_status}));
    const udh = Buffer.from('0500037b0201', 'hex');
    session.submit_sm({source_addr: '70007', destination_addr: '15551234567', registered_delivery: 1,
      short_message: 'zażółć'}, answer => console.log(JSON.stringify({id: answer.message_id})));
    session.submit_sm({source_addr: '70007', destination_addr: '15551234567', esm_class: 0x40,
      short_message: {udh, message: Buffer.from('first ')}}, () => {});
    session.submit_sm({source_addr: '70007', destination_addr: '15551234567', registered_delivery: 1,
      message_payload: 'by payload'}, () => {});
  });
});
session.on('deliver_sm', pdu => {
  console.log(JSON.stringify({esm: pdu.esm_class, text: pdu.short_message.message, udh: pdu.short_message.udh || null,
    receipted: pdu.receipted_message_id, state: pdu.message_state}));
  session.send(pdu.response());
});
session.on('unbind', pdu => { session.send(pdu.response()); session.close(); });
session.on('close', () => process.exit(0));
session.on('error', problem => { console.log(JSON.stringify({problem: String(problem)})); process.exit(1); });
"""


@pytest.mark.interop
@pytest.mark.skipif(NODE is None or not (MODULES / "smpp").exists(), reason="npm smpp is not installed")
async def test_npm_smpp() -> None:
    async with SimulatedCarrier(faults=Faults(id="decimal"), first_id=5000, http_port=None) as carrier:
        assert NODE is not None
        environment = {**os.environ, "NODE_PATH": str(MODULES)}
        node = await asyncio.create_subprocess_exec(
            NODE, "-e", NPM, str(carrier.port), stdout=asyncio.subprocess.PIPE, env=environment
        )
        await carrier.wait_rows("deliver_sm_resp", 2)
        assert (await carrier.mo("+15551234567", "70007", "long MO € " * 20)).statuses == (0, 0)
        await carrier.stop()  # unbinds: the client answers and leaves
        out, _ = await asyncio.wait_for(node.communicate(), 10)
        said = [json.loads(line) for line in out.splitlines()]
        assert said[0] == {"bound": 0}
        assert {"id": "5000"} in said
        receipts = [line for line in said if line.get("esm") == 4]
        assert [line["receipted"] for line in receipts] == ["5000", "5002"]
        assert [line["state"] for line in receipts] == [2, 2]
        long = [line for line in said if line.get("esm") == 0x40]
        assert "".join(line["text"] for line in long) == "long MO € " * 20
        rows = carrier.mt()
        assert [row["text"] for row in rows] == ["zażółć", "first ", "by payload"]
        assert rows[1]["udh"] == "00037b0201"  # as the npm peer logs it: without its length octet


async def test_as_a_process(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    arguments = (
        "--port",
        "0",
        "--http-port",
        "0",
        "--json",
        "--log",
        str(log),
        "--dlr",
        "never",
        "--rate",
        "5",
        "--mo-twice",
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "gateway.simulator", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    ports = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{ports['http_port']}/state") as response:
        faults = (await response.json())["set"]
    assert (faults["dlr"], faults["rate"], faults["mo_twice"]) == ("never", 5.0, True)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert log.exists()


async def test_wrong_flags_are_explained() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "gateway.simulator", "--dlr", "perhaps", stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert b"dlr is one of on, early, late, twice, never" in said
