"""A link against somebody else's SMSC: npm `smpp`."""

import asyncio
from datetime import datetime

import pytest

from gateway.model.channel import Encoding, Fault, LinkState
from gateway.model.message import Outcome, ReceiptState
from gateway.model.segments import split
from tests.channels.smpp.conftest import MakeLink, NpmSmsc

pytestmark = pytest.mark.interop


async def test_text_out_receipt_back(npm_smsc: NpmSmsc, make_link: MakeLink) -> None:
    link, desk = await make_link(npm_smsc.port)
    await desk.up()
    await npm_smsc.ask("/set", {"dlr": "on"})
    [answer] = await desk.send(desk.part("Your flight {AA12} costs 5€", validity=3600, user_reference=4711))
    assert (answer.outcome, answer.status, answer.fault, answer.late) == (Outcome.accepted, 0, None, False)
    await desk.until(lambda: desk.receipts)
    [receipt] = desk.receipts
    assert answer.remote_id in receipt.remote_ids
    assert (receipt.state, receipt.error, receipt.sender, receipt.to) == (
        ReceiptState.delivered,
        "000",
        "+15551234567",
        "70007",
    )
    [row] = await npm_smsc.log("submit_sm")
    assert (row["from"], row["to"]) == ("70007", "15551234567")
    assert (row["source_ton"], row["source_npi"], row["dest_ton"], row["dest_npi"]) == (0, 1, 1, 1)
    assert (row["registered_delivery"], row["user_message_reference"]) == (1, 4711)
    asked, taken = (datetime.fromisoformat(row[key]) for key in ("validity_period", "at"))
    assert abs((asked - taken).total_seconds() - 3600) < 60, "npm turns the relative time into a date"
    await link.stop(1)
    assert link.status().state is LinkState.down
    assert len(await npm_smsc.log("unbind")) == 1


@pytest.mark.parametrize(
    ("sent", "coding"),
    [({"text": "Ja, gern"}, 1), ({"hex": "d83dde00041f", "data_coding": 8}, 8), ({"hex": "e4f6", "data_coding": 3}, 3)],
)
async def test_text_in_is_answered_after_the_commit(
    npm_smsc: NpmSmsc, make_link: MakeLink, sent: dict[str, object], coding: int
) -> None:
    _, desk = await make_link(npm_smsc.port)
    await desk.up()
    answer = await npm_smsc.ask("/mo", {"from": "15557654321", "to": "70007"} | sent)
    assert answer["status"] == 0
    [text] = desk.texts
    assert (text.sender, text.to, text.readable, text.data_coding) == ("+15557654321", "70007", True, coding)
    assert text.text == {1: "Ja, gern", 8: "😀П", 3: "äö"}[coding]


async def test_a_refused_commit_is_a_temporary_error(npm_smsc: NpmSmsc, make_link: MakeLink) -> None:
    link, desk = await make_link(npm_smsc.port, acknowledge=False)
    await desk.up()

    async def refuse() -> None:
        await desk.until(lambda: desk.inbound)
        link.acknowledge([desk.inbound[0].token], accepted=False)

    refusing = asyncio.create_task(refuse())
    answer = await npm_smsc.ask("/mo", {"from": "15557654321", "to": "70007", "text": "hi"})
    await refusing
    assert answer["status"] == 0x64


@pytest.mark.parametrize(
    ("mode", "encoding", "text"),
    [
        ("udh16", Encoding.gsm7, "a" * 151 + "€" + "b" * 200),
        ("udh8", Encoding.ucs2, "😀" * 80),
        ("sar", Encoding.gsm7, "c" * 300),
        ("payload", Encoding.gsm7, "d" * 500),
    ],
)
async def test_long_texts_arrive_whole(
    npm_smsc: NpmSmsc, make_link: MakeLink, mode: str, encoding: Encoding, text: str
) -> None:
    _, desk = await make_link(npm_smsc.port, long_messages=mode)
    await desk.up()
    cut = split(text, encoding, mode)  # type: ignore[arg-type]
    parts = [
        desk.part(t, encoding=encoding, part=n, parts=len(cut), reference=0x1234) for n, t in enumerate(cut, start=1)
    ]
    answers = await desk.send(*parts)
    assert {answer.outcome for answer in answers} == {Outcome.accepted}
    rows = await npm_smsc.log("submit_sm")
    if mode == "udh16":
        assert [row["udh"] for row in rows] == [f"080412340{len(cut)}0{n}" for n in range(1, len(cut) + 1)]
    if encoding is Encoding.ucs2 or mode in ("sar", "payload"):
        assert "".join(row["text"] for row in rows) == text


async def test_status_becomes_a_fault(npm_smsc: NpmSmsc, make_link: MakeLink) -> None:
    link, desk = await make_link(npm_smsc.port, errors={0x0A: Fault.opted_out})
    await desk.up()
    seen = []
    for status in (0x0B, 0x0A, 0x08, 0x401):
        await npm_smsc.ask("/set", {"status": status})
        [answer] = await desk.send(desk.part())
        seen.append((answer.outcome, answer.fault, answer.status))
    assert seen == [
        (Outcome.refused, Fault.bad_number, 0x0B),
        (Outcome.refused, Fault.opted_out, 0x0A),
        (Outcome.retry, Fault.temporary, 0x08),
        (Outcome.refused, Fault.unknown, 0x401),
    ]
    assert link.status().counters["status_0x0b"] == 1
