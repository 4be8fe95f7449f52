"""The life of a link: up, lost, refused, replaced; and what becomes of lines."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from gateway.channels.xmpp import Patience
from gateway.channels.xmpp.barrier import UNCONFIRMED
from gateway.channels.xmpp.patience import Backoff
from gateway.model.desk import Bounced, DeskState, Heard, LineKind, Said
from tests.channels.xmpp.conftest import ANNA, BEN, CONTACT, CUSTOMER, MakeRoom, Room, line, message
from tests.channels.xmpp.fake_server import NS

PATIENT = Patience(first=0.01, limit=0.05, refused=60, conflict=60, advert=0.01)


def ids(room: Room) -> list[str | None]:
    return [stanza.get("id") for stanza in room.server.last.of("message")]


async def test_lines_go_in_order_and_are_confirmed(room: Room) -> None:
    lines = [line(f"l{number}", text=str(number)) for number in range(250)]
    assert await room.link.send(lines)
    assert ids(room) == [one.id for one in lines]
    status = room.link.status()
    assert (status.state, status.unconfirmed, status.counters["out"]) == (DeskState.up, 0, 250)
    assert await room.link.send([])


async def test_any_answer_of_the_server_is_the_proof(room: Room) -> None:
    room.server.answer = "<iq type='error' from={sender} to={to} id={id}><error type='cancel'/></iq>"
    assert await room.link.send([line()])


async def test_only_the_server_proves(room: Room) -> None:
    room.server.pongs = False
    sending = asyncio.create_task(room.link.send([line()]))
    await room.until(lambda: room.server.last.pings)
    about = room.server.last.pings[0].get("id")
    room.server.last.send(f"<iq type='result' from='{ANNA}/phone' to='sms.example.test' id='{about}'/>")
    room.server.last.send("<iq type='result' from='example.test' to='sms.example.test' id='other'/>")
    await asyncio.wait((sending,), timeout=0.05)
    assert not sending.done()
    room.server.last.pong()
    assert await sending


async def test_sends_share_barriers(room: Room) -> None:
    room.server.pongs = False
    first = asyncio.create_task(room.link.send([line("a")]))
    await room.until(lambda: room.server.last.pings)
    others = [asyncio.create_task(room.link.send([line(f"b{number}")])) for number in range(20)]
    await room.until(lambda: len(ids(room)) == 21)
    assert len(room.server.last.pings) == 1
    assert room.link.status().unconfirmed == 21
    room.server.last.pong()
    assert await first
    await room.until(lambda: room.server.last.pings)
    assert not any(task.done() for task in others)
    room.server.last.pong()
    assert all(await asyncio.gather(*others))


async def test_a_cancelled_sender_harms_no_other(room: Room) -> None:
    room.server.pongs = False
    first, second = (asyncio.create_task(room.link.send([line(name)])) for name in "ab")
    await room.until(lambda: len(ids(room)) == 2)
    first.cancel()
    await asyncio.wait((first,))
    room.server.pongs = True
    room.server.last.pong()
    assert await second


async def quick(room: Room) -> int:
    """The server has answered so quickly that it gets all at once that may be unconfirmed; how many lines that took."""
    session = room.link._session
    assert session is not None
    before = len(ids(room))
    while not session.barrier.takes(UNCONFIRMED):
        assert await room.link.send([line("quick")])
    return len(ids(room)) - before


async def test_never_more_than_500_unconfirmed(room: Room) -> None:
    before = await quick(room)
    room.server.pongs = False
    sending = asyncio.create_task(room.link.send([line(f"l{number}") for number in range(1200)]))
    await room.until(lambda: len(ids(room)) == before + 500)
    await asyncio.wait((sending,), timeout=0.05)
    assert len(ids(room)) - before == 500 == room.link.status().unconfirmed
    room.server.pongs = True
    room.server.last.pong()
    assert await sending
    assert ids(room)[before:] == [f"l{number}" for number in range(1200)]


async def test_lost_with_lines_unconfirmed(room: Room) -> None:
    before = await quick(room)
    room.server.pongs = False
    small = asyncio.create_task(room.link.send([line("a")]))
    large = asyncio.create_task(room.link.send([line(f"l{number}") for number in range(700)]))
    await room.until(lambda: len(ids(room)) >= before + 401)
    first = room.server.last
    first.kill()
    assert not await small
    assert not await large
    room.server.pongs = True
    await room.until(lambda: len(room.care.connected) == 2)
    assert room.care.connected == [None, 1000]
    assert await room.link.send([line("a")])
    assert room.server.last is not first
    assert [stanza.find("{urn:xmpp:sid:0}origin-id").get("id") for stanza in room.server.last.of("message")] == ["a"]  # type: ignore[union-attr]
    assert room.link.status().counters["reconnects"] == 1


async def test_an_unanswered_ping_ends_the_stream(make_room: MakeRoom) -> None:
    room = await make_room(patience=Patience(first=0.01, limit=0.05, answer=0.05, advert=0.01))
    room.server.pongs = False
    assert not await room.link.send([line()])
    room.server.pongs = True
    await room.welcomed(2)
    assert await room.link.send([line()])


async def test_silence_is_looked_into(make_room: MakeRoom) -> None:
    room = await make_room(patience=Patience(first=0.01, limit=0.05, answer=0.05, idle=0.02, advert=0.01))
    room.server.pongs = False
    await room.welcomed(2)
    assert room.link.status().counters["reconnects"] >= 1


async def test_after_silence_away_begins_with_the_last_sign_of_life(make_room: MakeRoom) -> None:
    """A partition: nothing tells us that the server is gone until it has not answered for so long."""
    room = await make_room(patience=Patience(first=0.01, limit=0.05, answer=0.05, idle=0.02, advert=0.01))
    room.server.pongs = False
    await room.settle()
    room.clock[0] = 40_000
    await room.welcomed(2)
    assert room.care.connected == [None, 1000]


async def test_not_connected(make_room: MakeRoom) -> None:
    room = await make_room(up=False, silent=True)
    assert not await room.link.send([line()])
    assert room.link.status().state is DeskState.down


async def test_comes_up_when_the_server_does(make_room: MakeRoom) -> None:
    room = await make_room()
    await room.server.stop()
    await room.until(lambda: "127.0.0.1" in room.link.status().reason)
    assert room.link.status().state is DeskState.down
    await room.server.start()
    await room.welcomed(2)
    await room.both_ways()


async def test_a_handshake_without_an_answer(make_room: MakeRoom) -> None:
    room = await make_room(up=False, silent=True, patience=Patience(first=0.01, limit=0.02, session=0.5))
    await room.until(lambda: len(room.server.sessions) >= 2)
    assert "no answer" in room.link.status().reason
    room.server.silent = False
    await room.up()


async def test_wrong_secret(make_room: MakeRoom) -> None:
    room = await make_room(up=False, secret="wrong", patience=PATIENT)
    await room.up(DeskState.refused)
    assert "secret" in room.link.status().reason
    assert len(room.server.sessions) == 1
    assert "wrong" not in repr(room.link.profile)


async def test_a_secret_that_was_set_right(make_room: MakeRoom) -> None:
    room = await make_room(up=False, secret="new")
    await room.up(DeskState.refused)
    await room.until(lambda: len(room.server.sessions) >= 3)
    assert room.link.status().state is DeskState.refused
    room.server.secret = "new"
    await room.up()


async def test_another_is_connected(make_room: MakeRoom) -> None:
    room = await make_room(up=False, refusal="conflict")
    await room.until(lambda: len(room.server.sessions) >= 2)
    assert "another" in room.link.status().reason
    assert room.link.status().state is DeskState.down
    room.server.refusal = ""
    await room.up()


async def test_conflict_at_the_handshake_waits_longer(make_room: MakeRoom) -> None:
    room = await make_room(up=False, refusal="conflict", patience=PATIENT)
    await room.until(lambda: "another" in room.link.status().reason)
    await asyncio.sleep(0)
    assert len(room.server.sessions) == 1


async def test_replaced_for_good(room: Room) -> None:
    room.server.pongs = False
    sending = asyncio.create_task(room.link.send([line()]))
    await room.until(lambda: room.server.last.pings)
    room.server.last.error("conflict")
    assert not await sending
    await room.up(DeskState.replaced)
    task = room.link._task
    assert task is not None
    await asyncio.wait((task,), timeout=5)
    assert task.done()
    assert len(room.server.sessions) == 1
    await room.link.stop(1)
    assert room.link.status().state is DeskState.replaced


async def test_other_stream_errors_are_got_over(room: Room) -> None:
    for times, condition in enumerate(("system-shutdown", "see-other-host", "no-such-thing"), start=2):
        room.server.last.error(condition)
        await room.welcomed(times)
    await room.both_ways()


async def test_stop_waits_for_the_answer(room: Room) -> None:
    room.server.pongs = False
    sending = asyncio.create_task(room.link.send([line()]))
    await room.until(lambda: room.server.last.pings)
    stopping = asyncio.create_task(room.link.stop(5))
    await asyncio.sleep(0)
    assert not await room.link.send([line("late")])
    room.server.pongs = True
    room.server.last.pong()
    assert await sending
    await stopping
    await room.until(lambda: room.server.last.ended)
    assert room.server.last.footer
    assert {stanza.get("to") for stanza in room.server.last.of("presence", type="unavailable")} == {ANNA, BEN}
    assert room.link.status().state is DeskState.down


async def test_stop_does_not_wait_for_ever(room: Room) -> None:
    room.server.pongs = False
    sending = asyncio.create_task(room.link.send([line()]))
    await room.until(lambda: room.server.last.pings)
    await room.link.stop(0.01)
    assert not await sending


async def test_stop_while_connecting_and_start_again(make_room: MakeRoom) -> None:
    room = await make_room(up=False, silent=True)
    await room.until(lambda: room.server.sessions)
    await room.link.stop(1)
    room.server.silent = False
    await room.link.start()
    await room.up()


async def test_a_line_for_nobody_holds_up_no_other(room: Room) -> None:
    bad = [
        line("x1", agent="anna"),
        line("x2", agent="eve@elsewhere.test"),
        line("x3", customer="bob"),
        line("x4", agent=""),
    ]
    assert await room.link.send([bad[0], line("good"), *bad[1:]])
    assert ids(room) == ["good"]
    await room.until(lambda: len(room.care.bounced) == 4)
    assert {bounced.about for bounced in room.care.bounced} == {"x1", "x2", "x3", "x4"}
    assert isinstance(room.care.bounced[0], Bounced)


async def test_a_failure_goes_to_each_device(room: Room) -> None:
    assert await room.link.send([line("f1", LineKind.failed, about="m9", text="no such number")])
    [told] = room.server.last.of("message")
    assert told.findtext(f"{NS}body") == "Not delivered: no such number"
    for device in ("phone", "desk"):
        room.server.last.send(f"<presence from='{ANNA}/{device}' to='sms.example.test'/>")
    await room.settle()
    assert await room.link.send([line("f2", LineKind.failed, about="m9", text="no such number")])
    errors = room.server.last.of("message", type="error", id="m9")
    assert {stanza.get("to") for stanza in errors} == {f"{ANNA}/phone", f"{ANNA}/desk"}


async def test_a_server_that_does_not_read(make_room: MakeRoom) -> None:
    room = await make_room()
    await quick(room)
    session = room.server.last
    room.server.pongs = False
    session._writer.transport.pause_reading()  # type: ignore[attr-defined]
    sending = asyncio.create_task(room.link.send([line(f"l{n}", text="x" * 30_000) for n in range(400)]))
    stream = room.link._stream
    assert stream is not None
    await room.until(lambda: stream.paused)
    assert room.link.status().unconfirmed < 400
    session._writer.transport.resume_reading()  # type: ignore[attr-defined]
    room.server.pongs = True
    assert await sending


async def test_privileges(make_room: MakeRoom) -> None:
    advert = (
        "<message from='{0}' to='sms.example.test'><privilege xmlns='urn:xmpp:privilege:{1}'>"
        "<perm access='roster' type='both'/><perm access='presence' type='managed_entity'/></privilege></message>"
    )
    room = await make_room(opening=advert.format("example.test", 2), patience=Patience(advert=5))
    assert room.link.status().privileges == ("presence:managed_entity", "roster:both")
    assert await room.link.send([line()])
    assert not room.server.last.of("presence", type="subscribe")
    assert {stanza.get("to") for stanza in room.server.last.of("presence", type="probe")} == {ANNA, BEN}
    liars = ("evil.test", f"{ANNA}/phone", ANNA, "example.test.evil.test", "sms.example.test")
    older = ("example.test", 1)  # ejabberd's: it does not tell of agents whose connection breaks
    for sender, number in (*((liar, 2) for liar in liars), older):
        room = await make_room(opening=advert.format(sender, number))
        assert await room.link.send([line()])
        assert room.link.status().privileges == ()
        assert {stanza.get("to") for stanza in room.server.last.of("presence", type="subscribe")} == {ANNA, BEN}


async def test_what_comes_with_the_handshake_is_answered(make_room: MakeRoom) -> None:
    room = await make_room(opening=message("", inner="<body>early</body>"))
    await room.until(lambda: room.care.said)
    assert room.care.said[0].text == "early"


async def test_an_agent_without_a_jid_holds_up_no_other(make_room: MakeRoom) -> None:
    room = await make_room()
    room.care.listed.add("not a jid")
    room.server.last.kill()
    await room.welcomed(2)
    assert {stanza.get("to") for stanza in room.server.last.of("presence", type="subscribe")} == {ANNA, BEN}


async def test_a_new_agent_is_asked(room: Room) -> None:
    room.link.ask(["carol@example.test", "not a jid"])
    await room.until(lambda: room.server.last.of("presence", type="subscribe", to="carol@example.test"))


async def test_care_that_fails_ends_nothing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Any:
        raise KeyError("hello")

    events = replace(room.link.events, seen=fail, bounced=fail, attends=fail, connected=fail, shows=fail, agents=fail)
    monkeypatch.setattr(room.link, "events", events)
    for stanza in (
        message("", inner="<received xmlns='urn:xmpp:receipts' id='l1'/>"),
        message("", type="error", inner="<error/>"),
        f"<presence from='{ANNA}/phone' to='sms.example.test'/>",
        f"<presence from='{ANNA}' to='{CONTACT}' type='subscribe'/>",
    ):
        room.server.last.send(stanza)
    await room.settle()
    assert room.link.status().counters["failed"] == 4
    assert await room.link.send([line("x", agent="nobody")])
    room.server.last.kill()
    await room.until(lambda: len(room.server.sessions) == 2)
    await room.until(lambda: room.link.status().counters["failed"] >= 8)  # bounced, attends, agents, connected
    await room.both_ways()


async def test_logs_tell_no_words_numbers_or_secrets(make_room: MakeRoom, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    room = await make_room()

    async def hear(said: Said) -> Heard:
        raise KeyError(said.text)

    room.care.hear = hear
    room.server.last.send(message("hush-hush"))
    await room.until(lambda: room.care.said)
    assert await room.link.send([line(text="hush-hush"), line("x", customer="+1555hush-hush")])
    room.server.last.send("<message><body>hush-hush</wrong>")
    await room.welcomed(2)
    assert "KeyError at conftest.py" in caplog.text or "KeyError at test_link.py" in caplog.text
    for secret in ("hush-hush", CUSTOMER, "s3cret", ANNA):
        assert secret not in "\n".join(record.getMessage() for record in caplog.records if record.name != "asyncio")


def test_backoff() -> None:
    backoff = Backoff(Patience(), chance=lambda: 1.0)
    assert [backoff.next() for _ in range(7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    backoff.reset()
    assert backoff.next() == 0.1
    assert Backoff(Patience(), chance=lambda: 0.0).next() == 0.05


async def test_nobody_listens(make_room: MakeRoom) -> None:
    room = await make_room(up=False)
    await room.link.stop(0)
    await room.server.stop()
    await room.link.start()
    await room.until(lambda: room.link.status().counters.get("connects", 0) >= 4)
    assert str(room.server.port) in room.link.status().reason
    assert room.link.status().state is DeskState.down
