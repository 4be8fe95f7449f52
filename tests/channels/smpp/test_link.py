"""One carrier as one link: its binds, its rate, its refusals, and what operators do to it."""

import asyncio
from dataclasses import replace

import pytest

from gateway.channels.smpp import SmppLink
from gateway.model.channel import Fault, LinkState
from gateway.model.message import Outcome
from tests.channels.smpp.conftest import Desk, MakeLink, round_trip
from tests.doubles.raw_smsc import (
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    UNBIND,
    UNBIND_RESP,
    Connection,
    Pdu,
    RawSmsc,
    deliver,
    pdu,
)


async def more_texts(desk: Desk, known: int) -> None:
    await desk.until(lambda: len(desk.texts) > known)


async def failed_twice(link: SmppLink, desk: Desk) -> None:
    await desk.until(lambda: link.counters["connect_failed"] >= 2, 30)


async def test_throttling_pauses_the_link_and_halves_the_rate(make_link: MakeLink) -> None:
    refuse = [True]

    def on_pdu(connection: Connection, found: Pdu) -> bool:
        if found.command != SUBMIT_SM or not refuse[0]:
            return False
        connection.send(pdu(SUBMIT_SM_RESP, 0x58, found.sequence))
        return True

    now = [100.0]
    async with RawSmsc(on_pdu) as smsc:
        link, desk = await make_link(smsc.port, tps=100, clock=lambda: now[0])
        await desk.up()
        answers = await desk.send(*(desk.part() for _ in range(10)))
        assert {(answer.outcome, answer.fault) for answer in answers} == {(Outcome.retry, Fault.throttled)}
        assert link.status().tps == 50, "once for a whole window"
        assert link.room() == 0
        refuse[0] = False
        now[0] += 1.1
        assert link.room() > 0
        [answer] = await desk.send(desk.part())
        assert answer.outcome is Outcome.accepted
        now[0] += 60
        link.room()
        assert link.status().tps == 100, "and back"
        assert link.counters["throttled"] == 10
        assert link.counters["slowed"] == 1


async def test_rate_counts_parts_over_all_binds(make_link: MakeLink) -> None:
    now = [0.0]
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, tps=20, binds=2, window=100, clock=lambda: now[0])
        await desk.up()
        taken = 0
        for _ in range(40):
            now[0] += 0.05
            room = link.room()
            link.submit([desk.part() for _ in range(room)])
            taken += room
        assert 38 <= taken <= 42, "2 s at 20 a second"
        await desk.until(lambda: len(desk.answers) == taken)


@pytest.mark.parametrize("status", [0x0D, 0x0E, 0x0F])
async def test_a_wrong_password_is_tried_three_times(
    make_link: MakeLink, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with RawSmsc() as smsc:
        smsc.bind_status = status
        link, desk = await make_link(smsc.port)
        await desk.up(LinkState.refused)
        assert smsc.attempts == 3
        assert [record.levelname for record in caplog.records if "ALARM" in record.message] == ["ERROR"]
        assert "secret" not in caplog.text
        smsc.bind_status = 0
        await link.start()
        await desk.up()
        await round_trip(smsc, desk)


async def test_a_busy_carrier_is_tried_on_and_on(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        smsc.bind_status = 8
        _, desk = await make_link(smsc.port)
        await desk.until(lambda: smsc.attempts >= 5)
        smsc.bind_status = 0
        await desk.up()


async def test_enquire_link_both_ways(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, enquire_interval=0.05)
        await desk.up()
        assert smsc.last.taken[0].command == 9, "nothing before the bind"
        await smsc.last.until(lambda: len(smsc.last.of(ENQUIRE_LINK)) >= 2)
        smsc.last.send(pdu(ENQUIRE_LINK, 0, 555))
        await smsc.last.until(lambda: smsc.last.of(ENQUIRE_LINK_RESP))
        assert smsc.last.of(ENQUIRE_LINK_RESP)[0].sequence == 555
        assert len(smsc.connections) == 1
        assert link.status().state is LinkState.up


async def test_a_peer_that_fell_silent_is_left(make_link: MakeLink) -> None:
    async with RawSmsc(lambda connection, found: found.command == ENQUIRE_LINK) as smsc:
        link, desk = await make_link(smsc.port, enquire_interval=0.05, response_timeout=0.1)
        await desk.up()
        await smsc.last.until(lambda: len(smsc.connections) >= 2)
        assert link.counters["enquire_timeout"] >= 1


async def test_unbind_is_answered_and_the_bind_comes_back(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        _, desk = await make_link(smsc.port)
        await desk.up()
        first = smsc.last
        first.send(deliver(1, b"last words") + pdu(6, 0, 321))
        await first.until(lambda: first.closed)
        assert [answer.sequence for answer in first.of(UNBIND_RESP)] == [321]
        assert [text.text for text in desk.texts] == ["last words"]
        await first.until(lambda: len(smsc.connections) == 2)
        await desk.up()
        await round_trip(smsc, desk)


async def test_the_peer_is_held_back_while_the_store_is_slow(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, acknowledge=False, inbound_limit=100)
        await desk.up()
        smsc.last.send(b"".join(deliver(n, b"text %d" % n) for n in range(1, 1001)))
        await desk.until(lambda: len(desk.texts) == 100)
        await asyncio.sleep(0.05)
        assert len(desk.texts) == 100
        for _ in range(30):
            link.acknowledge([item.token for item in desk.inbound], accepted=True)
            if len(desk.texts) == 1000:
                break
            await more_texts(desk, len(desk.texts))
        assert [text.text for text in desk.texts] == [f"text {n}" for n in range(1, 1001)]
        link.acknowledge([item.token for item in desk.inbound], accepted=True)
        await smsc.last.until(lambda: len(smsc.last.of(DELIVER_SM_RESP)) == 1000)
        assert link.counters["held"] >= 9


async def test_what_is_on_disk_and_acknowledged_later_stops_no_reading(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, acknowledge=False, inbound_limit=100)
        await desk.up()
        smsc.last.send(b"".join(deliver(n, b"text %d" % n) for n in range(1, 301)))
        await desk.until(lambda: len(desk.texts) == 100)
        while len(desk.texts) < 300:
            link.postpone([item.token for item in desk.inbound] * 2)
            await more_texts(desk, len(desk.texts))
        link.postpone([item.token for item in desk.inbound])
        assert link.status().binds[0]["unacknowledged"] == 300
        await desk.send(desk.part())
        assert not smsc.last.of(DELIVER_SM_RESP), "our submit is answered while theirs wait"
        link.acknowledge([item.token for item in desk.inbound] * 2, accepted=True)
        await smsc.last.until(lambda: len(smsc.last.of(DELIVER_SM_RESP)) == 300)
        assert [answer.sequence for answer in smsc.last.of(DELIVER_SM_RESP)] == list(range(1, 301))
        assert link.status().binds[0]["unacknowledged"] == 0


async def test_a_stop_waits_for_what_is_acknowledged_later(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, acknowledge=False)
        await desk.up()
        smsc.last.send(deliver(7, b"first"))
        await desk.until(lambda: desk.texts)
        link.postpone([desk.texts[0].token])
        stopping = asyncio.create_task(link.stop(5))
        await asyncio.sleep(0)
        link.acknowledge([desk.texts[0].token], accepted=True)
        await stopping
        commands = [found.command for found in smsc.last.taken]
        assert commands.index(DELIVER_SM_RESP) < commands.index(UNBIND)


async def test_dead_tokens_are_ignored(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, acknowledge=False)
        await desk.up()
        smsc.last.send(deliver(1, b"hi"))
        await desk.until(lambda: desk.texts)
        token = desk.texts[0].token
        link.postpone([object(), token])
        smsc.last.cut()
        await smsc.last.until(lambda: len(smsc.connections) == 2)
        await desk.up()
        link.postpone([token])
        link.acknowledge([token, token, object(), None], accepted=True)
        await round_trip_manual(smsc, link, desk)


async def round_trip_manual(smsc: RawSmsc, link: SmppLink, desk: Desk) -> None:
    smsc.last.send(deliver(2, b"again"))
    await desk.until(lambda: len(desk.texts) == 2)
    link.acknowledge([desk.texts[1].token] * 2, accepted=True)
    await smsc.last.until(lambda: smsc.last.of(DELIVER_SM_RESP))
    assert [answer.sequence for answer in smsc.last.of(DELIVER_SM_RESP)] == [2]


async def test_host_that_does_not_exist(make_link: MakeLink) -> None:
    for host in ("nowhere.invalid", "a..b", "x" * 300, "127.0.0.1"):
        link, desk = await make_link(1, host=host)
        await failed_twice(link, desk)
        assert link.status().state is LinkState.down
        assert link.status().reason
        await link.stop(0)


async def test_pair_is_one_link(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, bind="transmitter+receiver", window=3)
        await desk.up()
        roles = {connection.taken[0].command: connection for connection in smsc.connections}
        assert set(roles) == {1, 2}
        assert link.room() == 3, "only the transmitter sends"
        await desk.send(desk.part())
        assert len(roles[2].of(SUBMIT_SM)) == 1
        roles[1].send(deliver(1, b"hi"))
        await desk.until(lambda: desk.texts)
        roles[1].cut()
        await desk.up(LinkState.degraded)
        assert link.room() == 3
        await desk.up()


async def test_drain_waits_for_answers(make_link: MakeLink) -> None:
    held: list[bytes] = []

    def on_pdu(connection: Connection, found: Pdu) -> bool:
        if found.command != SUBMIT_SM:
            return False
        held.append(pdu(SUBMIT_SM_RESP, 0, found.sequence, b"id\0"))
        return True

    async with RawSmsc(on_pdu) as smsc:
        link, desk = await make_link(smsc.port)
        await desk.up()
        link.submit([desk.part(), desk.part()])
        await smsc.last.until(lambda: len(held) == 2)
        smsc.last.send(held[0])
        stopping = asyncio.create_task(link.stop(0.3))
        await desk.until(lambda: len(desk.answers) == 1)
        assert link.room() == 0
        await stopping
        assert [answer.outcome for answer in desk.answers] == [Outcome.accepted, Outcome.in_doubt]
        assert link.status().in_flight == 0


async def test_a_stop_acknowledges_what_was_taken_before_it_unbinds(make_link: MakeLink) -> None:
    """Else the carrier would deliver a text again that is on disk already."""
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, acknowledge=False)
        await desk.up()
        smsc.last.send(deliver(7, b"first"))
        await desk.until(lambda: len(desk.texts) == 1)
        stopping = asyncio.create_task(link.stop(5))
        await asyncio.sleep(0)
        smsc.last.send(deliver(8, b"too late"))
        await smsc.last.until(lambda: any(found.command == DELIVER_SM_RESP for found in smsc.last.taken))
        link.acknowledge([text.token for text in desk.texts], accepted=True)
        await stopping
        seen = [(found.command, found.status, found.sequence) for found in smsc.last.taken]
        later, taken = (DELIVER_SM_RESP, 0x64, 8), (DELIVER_SM_RESP, 0, 7)
        assert [one for one in seen if one[0] == DELIVER_SM_RESP] == [later, taken]
        assert seen.index(taken) < [command for command, _, _ in seen].index(UNBIND)
        assert [text.text for text in desk.texts] == ["first"]


async def test_more_than_room_is_unsent_and_nonsense_refused(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, window=1)
        await desk.up()
        bad = [desk.part("snow ☃"), desk.part(to="+1\x00"), desk.part(sender="A\nB"), desk.part("x" * 300)]
        good = [desk.part(), desk.part()]
        link.submit([*bad, *good])
        await desk.until(lambda: len(desk.answers) == 6)
        by_attempt = {answer.attempt: answer for answer in desk.answers}
        assert [by_attempt[part.attempt].fault for part in bad] == [
            Fault.bad_message,
            Fault.bad_number,
            Fault.bad_sender,
            Fault.bad_message,
        ]
        assert [by_attempt[part.attempt].outcome for part in good] == [Outcome.accepted, Outcome.unsent]


async def test_reload_keeps_the_bind(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, window=2)
        await desk.up()
        assert link.reload(replace(link.profile, window=7, tps=50, errors={0x0B: Fault.opted_out}))
        assert link.status().tps == 50
        assert link.room() >= 1
        assert not link.reload(replace(link.profile, host="elsewhere"))
        await round_trip(smsc, desk)
        assert smsc.attempts == 1


async def test_a_carrier_that_unbinds_gets_the_acknowledgements_that_were_held(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, acknowledge=False)
        await desk.up()
        peer = smsc.last
        for sequence in (7, 8):
            peer.send(deliver(sequence, b"hello"))
        await desk.until(lambda: len(desk.texts) == 2)
        link.postpone([text.token for text in desk.texts])
        peer.send(pdu(UNBIND, 0, 99))
        await peer.until(lambda: peer.of(UNBIND_RESP))
        answered = [one.sequence for one in peer.taken if one.command in (DELIVER_SM_RESP, UNBIND_RESP)]
        assert answered == [7, 8, 99]
        assert not link.left_unanswered(600)


async def test_a_connection_lost_with_texts_unanswered_is_remembered(make_link: MakeLink) -> None:
    async with RawSmsc() as smsc:
        link, desk = await make_link(smsc.port, acknowledge=False)
        await desk.up()
        smsc.last.send(deliver(7, b"hello"))
        await desk.until(lambda: desk.texts)
        link.postpone([desk.texts[0].token])
        assert not link.left_unanswered(600)
        smsc.last.cut()
        await desk.until(lambda: link.counters["lost"])
        assert link.left_unanswered(600)
        assert not link.left_unanswered(0)
