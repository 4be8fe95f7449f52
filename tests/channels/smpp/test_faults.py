"""What carriers do wrong, byte by byte, and what becomes of the parts and texts under way."""

import asyncio
import random
import struct
import sys

import pytest

from gateway.model.channel import Fault
from gateway.model.message import Outcome, ReceiptState
from tests.channels.smpp.conftest import MakeLink, round_trip
from tests.channels.smpp.mutants import mutants
from tests.doubles.raw_smsc import (
    DELIVER_SM_RESP,
    GENERIC_NACK,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    Connection,
    Pdu,
    RawSmsc,
    deliver,
    pdu,
)


async def gone(smsc: RawSmsc, connection: Connection) -> None:
    await connection.until(lambda: connection.closed and smsc.last is not connection)


async def test_pdus_in_one_byte_pieces(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        _, desk = await make_link(smsc.port)
        await desk.up()
        await smsc.last.drip(deliver(1, b"first") + deliver(2, b"second"))
        await desk.until(lambda: len(desk.texts) == 2)
        assert [text.text for text in desk.texts] == ["first", "second"]
        await round_trip(smsc, desk)


async def test_a_read_is_one_batch_and_one_write(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        _, desk = await make_link(smsc.port)
        await desk.up()
        smsc.last.send(b"".join(deliver(n, b"text %d" % n) for n in range(1, 51)))
        await desk.until(lambda: len(desk.texts) == 50)
        assert max(desk.batches) > 10
        await smsc.last.until(lambda: len(smsc.last.of(DELIVER_SM_RESP)) == 50)
        assert [found.sequence for found in smsc.last.of(DELIVER_SM_RESP)] == list(range(1, 51))


@pytest.mark.parametrize("length", [0, 3, 15, 65_537, 2**31, 2**32 - 1])
async def test_impossible_length_ends_the_connection_and_the_next_one_works(make_link: MakeLink, length: int) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port)
        await desk.up()
        smsc.last.send(deliver(1, b"before") + struct.pack(">I", length) + b"\0" * 40)
        first = smsc.last
        await first.until(lambda: first.closed)
        [nack] = first.of(GENERIC_NACK)
        assert nack.status == 2
        assert [text.text for text in desk.texts] == ["before"]
        await smsc.last.until(lambda: len(smsc.connections) == 2)
        await desk.up()
        await round_trip(smsc, desk)
        assert link.counters["bad_pdu"] == 1


async def test_half_a_pdu_has_a_deadline(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, header_deadline=0.1, body_deadline=0.2)
        await desk.up()
        for piece in (b"\0\0", deliver(1, b"never whole")[:30]):
            connection = smsc.last
            connection.send(piece)
            await gone(smsc, connection)
            await desk.up()
        assert link.counters["half_pdu"] == 2
        await round_trip(smsc, desk)


async def test_answers_twice_wrong_and_unasked_are_counted_and_ignored(make_link: MakeLink) -> None:
    def on_pdu(connection: Connection, found: Pdu) -> bool:
        if found.command != SUBMIT_SM:
            return False
        wrong = pdu(SUBMIT_SM_RESP, 0, found.sequence + 5000, b"no\0")
        right = pdu(SUBMIT_SM_RESP, 0, found.sequence, b"yes\0")
        connection.send(wrong + right + right + pdu(0x80000003, 0, 77, b"x\0\0\2\0") + pdu(GENERIC_NACK, 3, 4242))
        return True

    async with RawSmsc(on_pdu) as smsc:
        link, desk = await make_link(smsc.port)
        await desk.up()
        [answer] = await desk.send(desk.part())
        assert (answer.outcome, answer.remote_id) == (Outcome.accepted, "yes")
        await desk.until(lambda: link.counters["nack_received"])
        assert link.counters["unknown_response"] == 4
        assert len(desk.answers) == 1


async def test_no_answer_is_in_doubt_and_a_late_one_settles_it(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        smsc.answer_submits = False
        link, desk = await make_link(smsc.port, response_timeout=0.1, window=1)
        await desk.up()
        [answer] = await desk.send(desk.part())
        assert (answer.outcome, answer.late) == (Outcome.in_doubt, False)
        assert link.room() == 1, "the slot is free again"
        [submit] = smsc.last.of(SUBMIT_SM)
        smsc.last.send(pdu(SUBMIT_SM_RESP, 0, submit.sequence, b"abc\0"))
        await desk.until(lambda: len(desk.answers) == 2)
        late = desk.answers[1]
        assert (late.outcome, late.late, late.remote_id, late.attempt) == (
            Outcome.accepted,
            True,
            "abc",
            answer.attempt,
        )
        assert link.counters["in_doubt"] == link.counters["late"] == 1
        await round_trip(smsc, desk)


@pytest.mark.parametrize("body", [b"", b"no end", b"x" * 70 + b"\0", b"ok\0\x04\x23\x00\x09a"])
async def test_an_answer_with_a_broken_body_still_settles_its_part(make_link: MakeLink, body: bytes) -> None:
    def on_pdu(connection: Connection, found: Pdu) -> bool:
        if found.command != SUBMIT_SM:
            return False
        connection.send(pdu(SUBMIT_SM_RESP, 0, found.sequence, body))
        return True

    async with RawSmsc(on_pdu) as smsc:
        _, desk = await make_link(smsc.port)
        await desk.up()
        [answer] = await desk.send(desk.part())
        assert (answer.outcome, answer.remote_id) == (Outcome.accepted, "")


async def test_a_cut_leaves_written_parts_in_doubt_and_others_unsent(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        smsc.answer_submits = False
        link, desk = await make_link(smsc.port, window=4)
        await desk.up()
        first = [desk.part() for _ in range(2)]
        link.submit(first)
        await smsc.last.until(lambda: len(smsc.last.of(SUBMIT_SM)) == 2)
        never = [desk.part() for _ in range(2)]
        link.submit(never)
        # within one turn of the loop: handed over, not yet written
        keeper = link._keepers[0]
        assert keeper.session is not None
        transport = keeper.session._transport
        assert transport is not None
        transport.abort()
        await desk.until(lambda: len(desk.answers) == 4)
        outcomes = {answer.attempt: answer.outcome for answer in desk.answers}
        assert [outcomes[part.attempt] for part in first] == [Outcome.in_doubt] * 2
        assert [outcomes[part.attempt] for part in never] == [Outcome.unsent] * 2
        await desk.up()
        await round_trip(smsc, desk)


async def test_what_the_kernel_does_not_take_is_unsent(make_link: MakeLink) -> None:
    """A peer that reads nothing: parts behind the kernel's buffer never left us, and are free to go elsewhere."""
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, window=100_000, response_timeout=30)
        await desk.up()
        smsc.may_read.clear()
        sent = 0
        while True:
            keeper = link._keepers[0]
            assert keeper.session is not None
            room = link.room()
            if not room:
                break
            link.submit([desk.part("x" * 160) for _ in range(200)])
            sent += 200
            await asyncio.sleep(0)
        smsc.last.cut()
        await desk.until(lambda: len(desk.answers) == sent)
        unsent = [answer for answer in desk.answers if answer.outcome is Outcome.unsent]
        doubt = [answer for answer in desk.answers if answer.outcome is Outcome.in_doubt]
        assert unsent
        assert doubt
        assert sent - len(unsent) - len(doubt) <= 1, "it may have been reading one already"
        assert max(answer.attempt for answer in doubt) < min(answer.attempt for answer in unsent)


@pytest.mark.parametrize("at", range(1, 40, 3))
async def test_cut_inside_a_pdu(make_link: MakeLink, at: int) -> None:
    """The carrier goes away at octet `at` of its second deliver_sm; the first counts, and the next bind works."""
    async with RawSmsc() as smsc:
        _, desk = await make_link(smsc.port)
        await desk.up()
        connection = smsc.last
        connection.send(deliver(1, b"whole") + deliver(2, b"half")[:at])
        await desk.until(lambda: desk.texts)
        connection.cut()
        await connection.until(lambda: len(smsc.connections) == 2)
        await desk.up()
        assert [text.text for text in desk.texts] == ["whole"]
        await round_trip(smsc, desk)


async def test_commands_we_do_not_know(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port)
        await desk.up()
        alert = pdu(0x102, 0, 3, b"\1\0015551\0\0\0\0")
        smsc.last.send(
            pdu(0x112, 0, 1) + pdu(0x0B, 0, 2, b"x\0y\0") + alert + pdu(0x4, 0, 5, b"") + pdu(0x80000099, 0, 6)
        )
        await smsc.last.until(lambda: len(smsc.last.of(GENERIC_NACK)) == 2)
        assert [(nack.sequence, nack.status) for nack in smsc.last.of(GENERIC_NACK)] == [(1, 3), (5, 2)]
        assert link.counters["outbind"] == link.counters["alert_notification"] == 1
        await round_trip(smsc, desk)


async def test_data_sm_is_a_text_too(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        _, desk = await make_link(smsc.port)
        await desk.up()
        body = b"\0\1\00115557654321\0\0\00170007\0\0\0\0" + struct.pack(">HH", 0x0424, 5) + b"hello"
        smsc.last.send(pdu(0x103, 0, 8, body))
        await smsc.last.until(lambda: smsc.last.of(0x80000103))
        assert [text.text for text in desk.texts] == ["hello"]


async def test_receipt_before_its_response(make_link: MakeLink) -> None:
    def on_pdu(connection: Connection, found: Pdu) -> bool:
        if found.command != SUBMIT_SM:
            return False
        receipt = deliver(1, b"id:4096 sub:001 dlvrd:001 done date:2511221202 stat:DELIVRD err:000 text:", esm=4)
        connection.send(receipt + pdu(SUBMIT_SM_RESP, 0, found.sequence, b"00001000\0"))
        return True

    async with RawSmsc(on_pdu) as smsc:
        _, desk = await make_link(smsc.port)
        await desk.up()
        [answer] = await desk.send(desk.part())
        await desk.until(lambda: desk.receipts)
        assert answer.remote_id in desk.receipts[0].remote_ids
        assert desk.receipts[0].state is ReceiptState.delivered


@pytest.mark.slow
async def test_fifty_thousand_mutants_through_a_live_bind(
    make_link: MakeLink, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mutants keep their length, so that the bind lives; those that would end it by right (unbind) are left out."""
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port)
        await desk.up()
        rng = random.Random(4711)
        sent = 0
        piece = bytearray()
        for mutant in mutants(rng, 50_000):
            body = mutant[4:] if len(mutant) > 16 else mutant[4:].ljust(12, b"\0")
            command = int.from_bytes(body[:4], "big")
            if command in (6, 0x80000006):
                continue
            piece += (len(body) + 4).to_bytes(4, "big") + body
            sent += 1
            if len(piece) > 30_000:
                smsc.last.send(bytes(piece))
                piece.clear()
                await smsc.last.writer.drain()
        smsc.last.send(bytes(piece))
        await round_trip(smsc, desk)
        assert len(smsc.connections) == 1, "one and the same bind"
        counters = link.counters
    with capsys.disabled():
        taken = counters["inbound"] + counters["receipts"]
        sys.stdout.write(
            f"\nlive bind: {sent} mutants, {taken} taken as texts or receipts, {counters['bad_pdu']} bad\n"
        )


async def test_a_nack_is_an_answer_too(make_link: MakeLink) -> None:
    def on_pdu(connection: Connection, found: Pdu) -> bool:
        if found.command != SUBMIT_SM:
            return False
        connection.send(pdu(GENERIC_NACK, 0x58 if b"a\0" in found.body else 0, found.sequence))
        return True

    async with RawSmsc(on_pdu) as smsc:
        _, desk = await make_link(smsc.port)
        await desk.up()
        [answer] = await desk.send(desk.part())
        assert (answer.outcome, answer.fault) == (Outcome.refused, Fault.bad_message)


async def test_answers_behind_held_texts_count_when_the_connection_goes(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        smsc.answer_submits = False
        link, desk = await make_link(smsc.port, acknowledge=False, inbound_limit=100)
        await desk.up()
        link.submit([desk.part()])
        await smsc.last.until(lambda: smsc.last.of(SUBMIT_SM))
        sequence = smsc.last.of(SUBMIT_SM)[0].sequence
        texts = b"".join(deliver(n, b"t") for n in range(1, 151))
        smsc.last.send(texts + pdu(SUBMIT_SM_RESP, 0, sequence, b"id\0"))
        await desk.until(lambda: len(desk.texts) == 100)
        await smsc.last.writer.drain()
        smsc.last.cut()
        session = link._keepers[0].session
        assert session is not None
        session._transport.abort()  # type: ignore[union-attr]
        await desk.until(lambda: desk.answers)
        assert [(answer.outcome, answer.remote_id) for answer in desk.answers] == [(Outcome.accepted, "id")]
        assert len(desk.texts) == 100


async def test_a_peer_that_reads_nothing_is_left(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, window=200_000, response_timeout=0.3)
        await desk.up()
        smsc.may_read.clear()
        while link.room() and not link.counters["write_timeout"]:
            link.submit([desk.part("x" * 160) for _ in range(500)])
            await asyncio.sleep(0)
        await desk.until(lambda: link.counters["write_timeout"])
        await desk.until(lambda: len(desk.answers) >= link.counters["submitted"])
        assert {answer.outcome for answer in desk.answers} >= {Outcome.unsent, Outcome.in_doubt}
        smsc.may_read.set()
        await desk.up()
