"""What SMPP costs here: microseconds a PDU, and a whole bind against a peer in the same process. Asserts nothing.

    .venv/bin/python -m tests.bench.bench_smpp

Wall times depend on the neighbours; the ratio to stock smpplib, measured in the same run, depends on them less.
"""

import asyncio
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from smpplib import client as smpplib_client
from smpplib import pdu as smpplib_pdu
from smpplib import smpp

from gateway.channels.smpp import CarrierProfile, SmppLink, pdu, texts
from gateway.channels.smpp.numbers import read_address
from gateway.channels.smpp.receipts import read_receipt, remote_ids
from gateway.channels.smpp.sms import SubmitWriter, read_inbound
from gateway.channels.smpp.wire import Message, MessageResp
from gateway.model.channel import ChannelEvents, Encoding, InboundPart, LinkState, Part, PartAnswer, Receipt
from gateway.model.message import Outcome

TEXT = (
    b"Your plan is 120 minutes over. Reply YES for Unlimited at 20.00 USD a month, NO to keep it, AGENT for help. Acme."
)
RECEIPT = b"id:0000001000 sub:001 dlvrd:001 submit date:2511221201 done date:2511221202 stat:DELIVRD err:000 text:"


def clock(name: str, call: Callable[..., object], *values: Any, times: int = 20_000) -> float:
    """Prints and returns the best of five: microseconds a call."""
    best = 1e9
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(times):
            call(*values)
        best = min(best, time.perf_counter() - start)
    print(f"  {name:<44} {best / times * 1e6:8.2f} us")
    return best / times * 1e6


def codec() -> None:
    """Encode and decode, beside stock smpplib."""
    sequence = smpplib_client.SimpleSequenceGenerator()
    smpplib_pdu.default_client.next_sequence = staticmethod(sequence.next_sequence)
    who: dict[str, Any] = {
        "source_addr_ton": 1,
        "source_addr_npi": 1,
        "source_addr": "15557654321",
        "destination_addr": "70007",
    }
    tlvs = (
        pdu.tlv("receipted_message_id", "0000001000"),
        pdu.tlv("message_state", 2),
        pdu.tlv("network_error_code", b"\3\0\0"),
    )
    deliver = pdu.encode(Message(pdu.DELIVER_SM, 0, 7, short_message=TEXT, **who))
    receipt = pdu.encode(Message(pdu.DELIVER_SM, 0, 7, tlvs, esm_class=4, short_message=RECEIPT, **who))
    submit = Message(pdu.SUBMIT_SM, 0, 7, source_addr="70007", destination_addr="15557654321", short_message=TEXT)
    response = pdu.encode(MessageResp(pdu.SUBMIT_SM_RESP, 0, 7, (), "00001000"))
    theirs = smpp.make_pdu(
        "submit_sm", source_addr="70007", destination_addr="15557654321", short_message=TEXT, service_type=""
    )
    theirs.schedule_delivery_time = theirs.validity_period = ""
    print("codec")
    pairs = (
        ("decode deliver_sm", pdu.decode, smpp.parse_pdu, deliver),
        ("decode deliver_sm, receipt with 3 TLVs", pdu.decode, smpp.parse_pdu, receipt),
        ("decode submit_sm_resp", pdu.decode, smpp.parse_pdu, response),
    )
    for name, ours, stock, data in pairs:
        quick = clock(name, ours, data)
        slow = clock("  the same by smpplib", stock, data, times=2000)
        print(f"    {slow / quick:.1f} times")
    quick = clock("encode submit_sm", pdu.encode, submit)
    slow = clock("  the same by smpplib", theirs.generate, times=2000)
    print(f"    {slow / quick:.1f} times")
    clock("deliver_sm_resp", pdu.deliver_resp, pdu.DELIVER_SM, 0, 7)
    words(deliver, receipt)


def words(deliver: bytes, receipt: bytes) -> None:
    """From PDU to the house's words and back."""
    profile = CarrierProfile("sim", "127.0.0.1", 2775, "careline", "secret", country="1")
    part = Part((1, 1, 1), "70007", "+15557654321", TEXT.decode(), Encoding.gsm7, validity=3600, user_reference=7)
    unicode = Part((1, 1, 1), "70007", "+15557654321", "Привет, " * 8, Encoding.ucs2)
    writer = SubmitWriter(profile)
    print("words")
    clock("Part -> submit_sm", writer.write, part, 9)
    clock("Part -> submit_sm, UCS-2", writer.write, unicode, 9)
    text, report = pdu.decode(deliver), pdu.decode(receipt)
    assert isinstance(text, Message)
    assert isinstance(report, Message)
    clock("deliver_sm -> is it a receipt? no", read_receipt, text, profile, None)
    clock("deliver_sm -> InboundPart", read_inbound, text, deliver, profile, None, 1)
    clock("deliver_sm -> Receipt", read_receipt, report, profile, None)
    clock("  remote_ids", remote_ids, "0000001000")
    clock("  read_text", texts.read_text, TEXT, 0, "gsm7")
    clock("  read_address", read_address, "15557654321", 1, "1")
    clock("  PartAnswer()", PartAnswer, (1, 1, 1), Outcome.accepted, 0, "x", None, False)
    clock("  InboundPart()", InboundPart, None, "a", "b", "c", "d", b"", 0, 1, 2, "x", 0, 1, 1, True)


class Echo(asyncio.Protocol):
    """The cheapest peer there can be: answers, and on demand floods with deliver_sm in a window."""

    def __init__(self) -> None:
        self.buffer = b""
        self.flood = 0
        self.sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """One write a read."""
        data = self.buffer + data
        out, at = [], 0
        while len(data) - at >= 16:
            length, command, _, sequence = struct.unpack_from(">IIII", data, at)
            if len(data) - at < length:
                break
            at += length
            if command == 4:
                out.append(struct.pack(">IIII", 25, 0x80000004, 0, sequence) + b"%08x\0" % (sequence & 0xFFFFFFFF))
            elif command == 9:
                out.append(struct.pack(">IIII", 17, 0x80000009, 0, sequence) + b"\0")
            elif command == 6:
                out.append(struct.pack(">IIII", 16, 0x80000006, 0, sequence))
            elif command == 0x80000005 and self.sent < self.flood:
                self.sent += 1
                out.append(self.deliver(self.sent))
        self.buffer = data[at:]
        if out:
            self.transport.write(b"".join(out))

    def begin(self, total: int, window: int) -> None:
        """Floods."""
        self.flood, self.sent = total, window
        self.transport.write(b"".join(self.deliver(number) for number in range(window)))

    @staticmethod
    def deliver(sequence: int) -> bytes:
        """A text."""
        body = b"\0\1\00115557654321\0\0\00170007\0\0\0\0\0\0\0\0\0\0" + bytes((len(TEXT),)) + TEXT
        return struct.pack(">IIII", 16 + len(body), 5, 0, sequence) + body


async def bind(total: int, window: int) -> None:
    """Whole binds in one process: the peer's share of the CPU is in the figures too."""
    loop = asyncio.get_running_loop()
    peers: list[Echo] = []

    def peer() -> Echo:
        peers.append(Echo())
        return peers[-1]

    server = await loop.create_server(peer, "127.0.0.1", 0)
    profile = CarrierProfile(
        "sim", "127.0.0.1", server.sockets[0].getsockname()[1], "u", "p", window=window, country="1"
    )
    seen: Counter[str] = Counter()
    wake = asyncio.Event()
    reply = False

    def inbound(batch: Sequence[InboundPart | Receipt]) -> None:
        link.acknowledge([item.token for item in batch], accepted=True)
        seen["inbound"] += len(batch)
        if reply:
            link.submit(
                [
                    Part((1, 2, 3), item.to, item.sender, item.text, Encoding.gsm7)
                    for item in batch
                    if isinstance(item, InboundPart)
                ]
            )
        wake.set()

    def answers(batch: Sequence[PartAnswer]) -> None:
        seen["answers"] += len(batch)
        wake.set()

    link = SmppLink(profile, ChannelEvents(inbound, answers, lambda name: wake.set()))
    await link.start()
    while link.status().state is not LinkState.up:
        wake.clear()
        await wake.wait()
    part = Part((1, 1, 1), "70007", "+15557654321", TEXT.decode(), Encoding.gsm7)

    async def measure(name: str, until: Callable[[], bool]) -> None:
        start, cpu = time.perf_counter(), time.process_time()
        while not until():
            wake.clear()
            if name.startswith("submit"):
                room = min(link.room(), total - link.counters["submitted"])
                if room:
                    link.submit([part] * room)
            await wake.wait()
        wall, used = time.perf_counter() - start, time.process_time() - cpu
        print(f"  {name:<44} {used / total * 1e6:8.2f} us CPU, {total / wall:9,.0f} a second")

    print(f"a bind, window {window}, {total} messages, peer's CPU included")
    await measure("submit_sm and its answer", lambda: seen["answers"] >= total)
    peers[0].begin(total, window)
    await measure("deliver_sm and its answer", lambda: seen["inbound"] >= total)
    seen.clear()
    reply = True
    peers[0].begin(total, window)
    await measure("text in, answered, text out, its answer", lambda: seen["answers"] >= total)
    await link.stop(1)
    server.close()


if __name__ == "__main__":
    codec()
    asyncio.run(bind(50_000, 100))
