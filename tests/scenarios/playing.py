"""Performs plays: plain text that a care manager can read, line by line, on the stage of tests/doubles/stage.py.

A line is one sentence; each form of sentence is one function below, with its pattern. A text that somebody receives and
that the play does not mention is an error: silence is part of the play.
"""

import inspect
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.care.desk import Sending, Unknown
from gateway.care.turn import Refused
from gateway.floor.attendance import SILENT_MS
from gateway.model.channel import Encoding, Fault, InboundPart
from gateway.model.desk import Bounced, Heard, Line, LineKind, Said, Show
from gateway.model.message import MessageClass, Outcome, ReceiptState
from gateway.model.segments import count, split
from gateway.store.units import Failure
from tests.doubles import carrier as moods
from tests.doubles.stage import OURS, Stage

AGENTS = ("Ana", "Ben", "Cleo")
SAMPLES: dict[str, dict[str, object]] = {
    "plan.overage": {"plan": "Basic 300", "minutes_over": 120, "charge": "50.00", "currency": "USD"},
    "flight.delayed": {
        "flight": "AA12",
        "booking": "ABC123",
        "departure": "2026-11-24T10:00:00-05:00",
        "new_departure": "2026-11-24T18:40:00-05:00",
        "gate": "B7",
        "reason": "weather",
    },
    "appointment.due": {"what": "dentist", "at": "2026-11-25T15:00:00-05:00", "where": "12 Main St"},
}
Perform = Callable[..., Awaitable[None]]
_SENTENCES: list[tuple[re.Pattern[str], Perform]] = []


class Boo(AssertionError):
    """The play went otherwise; says where."""


def sentence(pattern: str) -> Callable[[Perform], Perform]:
    """Registers a form of sentence; its groups are the arguments of the function."""

    def register(function: Perform) -> Perform:
        _SENTENCES.append((re.compile(pattern), function))
        return function

    return register


class Play:
    """A play under way. read: how many texts of each phone the play has mentioned."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.phones: dict[str, str] = {}
        self.read: dict[str, int] = {}
        self.last_text: dict[str, InboundPart] = {}
        self.last: str | None = None
        self.shown: dict[str, int] = {}
        self.heard: Heard = Heard()
        self.typed = 0
        self.rooms_read: dict[str, int] = {}
        self.answer = ""

    def phone(self, name: str) -> str:
        """The number of a customer of the play; given at the first mention."""
        if name not in self.phones:
            self.phones[name] = f"+1555123{len(self.phones) + 1:04d}"
        self.last = name
        return self.phones[name]

    def unread(self, name: str) -> list[str]:
        """Texts that came and were not mentioned."""
        return self.stage.carrier.texts(self.phone(name))[self.read.get(name, 0) :]

    def unseen(self, agent: str) -> list[Line]:
        """Lines in an agent's client that were not mentioned."""
        chat = self.stage.chat
        assert chat is not None, "agents are not on XMPP in this play: its name must begin with chat_"
        return chat.lines.get(jid(agent), [])[self.shown.get(agent, 0) :]

    async def talk(self, name: str | None = None) -> dict[str, Any]:
        """The newest conversation of a customer, by default of the one mentioned last."""
        name = name or self.last
        assert name is not None, "nobody was mentioned yet"
        return await self.stage.conversation(self.phone(name))


def jid(agent: str) -> str:
    """An agent's account."""
    return f"{agent.lower()}@example.test"


async def perform(path: Path, stage: Stage) -> None:
    """Performs a play. Raises Boo with file, line and sentence."""
    play = Play(stage)
    number, line = 0, ""
    try:
        for number, raw in enumerate(_lines(path), 1):  # noqa: B007  # an error says where it happened
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            await _say(play, line)
            if broken := await stage.laws():
                raise Boo("; ".join(broken))
        line = "(end of the play)"
        for name in play.phones:
            if left := play.unread(name):
                raise Boo(f"{name} also received {left}, which the play does not mention")
        for agent in AGENTS if stage.chat is not None else ():
            if lines := play.unseen(agent):
                raise Boo(f"{agent} also reads {lines[0].kind} {lines[0].text!r}, which the play does not mention")
        if stage.office.waiting:
            raise Boo(f"billing was called with {stage.office.waiting[0].action}, which the play leaves without answer")
    except Exception as error:
        raise Boo(f"{path.name}:{number}: {line}\n  {type(error).__name__}: {error}") from error


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


async def _say(play: Play, line: str) -> None:
    for pattern, function in _SENTENCES:
        if (found := pattern.fullmatch(line)) is not None:
            arguments = [value for value in found.groups() if value is not None]
            wanted = len(inspect.signature(function).parameters) - 1
            await function(play, *arguments[:wanted])
            return
    raise Boo("no such sentence; see tests/scenarios/playing.py")


def same(expected: str, text: str) -> bool:
    """Whether a text is as the play says; `...` stands for anything."""
    return re.fullmatch(".*".join(re.escape(piece) for piece in expected.split("...")), text, re.DOTALL) is not None


# -- business systems


@sentence(r"Event ([a-z.]+) for ([A-Z]\w+)(?: with (.+))?")
async def _event(play: Play, type_: str, name: str, more: str = "") -> None:
    await _fire(play, type_, name, more)
    await play.stage.settled()


@sentence(r"At once, event ([a-z.]+) for ([A-Z]\w+)(?: with (.+))?")
async def _event_at_once(play: Play, type_: str, name: str, more: str = "") -> None:
    await _fire(play, type_, name, more)


async def _fire(play: Play, type_: str, name: str, more: str) -> None:
    data = dict(SAMPLES.get(type_, {}))
    options: dict[str, Any] = {}
    for pair in filter(None, more.split(", ")):
        key, _, value = pair.partition("=")
        if key == "key":
            options["key"] = value
        elif key == "expires":
            options["expires_at"] = play.stage.now + int(float(value.removesuffix("h")) * 3_600_000)
        else:
            data[key] = int(value) if key == "minutes_over" else value
    await play.stage.event(type_, play.phone(name), data, **options)


@sentence(r"The event of (\w+) is (\w+)")
async def _event_state(play: Play, name: str, state: str) -> None:
    rows = await play.stage.rows(
        "SELECT state FROM event WHERE key = ? ORDER BY id DESC LIMIT 1", f"tel:{play.phone(name)}"
    )
    assert [row["state"] for row in rows] == [state], f"it is {rows}"


@sentence(r"A program sends (\w+) \((\w+)\): (.+)")
async def _program(play: Play, name: str, cls: str, text: str) -> None:
    sending = Sending(play.phone(name), text, None, {}, MessageClass[cls], None, None, "billing-system")
    await play.stage.do(play.stage.desk.send(sending))


# -- the customer


@sentence(r"(\w+) receives nothing")
async def _nothing(play: Play, name: str) -> None:
    await play.stage.settled()
    assert not play.unread(name), f"{name} received {play.unread(name)}"


@sentence(r"(\w+) receives(?: in (\d+) parts)?: (.+)")
async def _receives(play: Play, name: str, told: str, text: str = "") -> None:
    await play.stage.settled()
    expected, parts = text or told, int(told) if text else 1
    unread = play.unread(name)
    assert unread, f"{name} received nothing"
    assert same(expected, unread[0]), f"{name} received: {unread[0]}"
    assert count(unread[0]).parts == parts, f"it takes {count(unread[0]).parts} parts: {unread[0]}"
    play.read[name] = play.read.get(name, 0) + 1


@sentence(r"(\w+) writes in (\d+) parts, shuffled: (.+)")
async def _writes_long(play: Play, name: str, parts: str, text: str) -> None:
    pieces = split(text, Encoding.gsm7, "udh16")
    assert len(pieces) == int(parts), f"the text has {len(pieces)} parts"
    order = [*range(1, len(pieces), 2), *range(0, len(pieces), 2)]
    for at in order:
        phone = play.phone(name)
        play.stage.carrier.write(phone, OURS, pieces[at], reference=77, part=at + 1, parts=len(pieces))
        await play.stage.settled()


@sentence(r"(\w+) writes part (\d+) of (\d+): (.+)")
async def _writes_part(play: Play, name: str, part: str, parts: str, text: str) -> None:
    play.stage.carrier.write(play.phone(name), OURS, text, reference=78, part=int(part), parts=int(parts))
    await play.stage.settled()


@sentence(r"(Ana|Ben|Cleo) writes: (.+)")
async def _agent_writes(play: Play, agent: str, text: str) -> None:
    talk = await play.talk()
    await play.stage.do(play.stage.desk.say(talk["id"], agent, text))
    await play.stage.settled()


@sentence(r"(\w+) writes: (.+)")
async def _writes(play: Play, name: str, text: str) -> None:
    play.last_text[name] = play.stage.writes(play.phone(name), text)
    await play.stage.settled()


@sentence(r"(\w+) writes at once: (.+)")
async def _writes_at_once(play: Play, name: str, text: str) -> None:
    play.last_text[name] = play.stage.writes(play.phone(name), text)


@sentence(r"The carrier hands over (\w+)'s last text again")
async def _again(play: Play, name: str) -> None:
    play.stage.carrier.again(play.last_text[name])
    await play.stage.settled()


@sentence(r"(\w+)'s words are kept: (.+)")
async def _kept(play: Play, name: str, text: str) -> None:
    rows = await play.stage.rows(
        "SELECT text FROM message WHERE theirs = ? AND direction = 'mo' ORDER BY id", play.phone(name)
    )
    assert text in [row["text"] for row in rows], f"kept are {[row['text'] for row in rows]}"


# -- the back office


@sentence(r"Billing is called with ([\w.]+)(?: and (answers|refuses):? (.+))?")
async def _called(play: Play, action: str, verb: str = "", what: str = "ok") -> None:
    await play.stage.settled()
    waiting = play.stage.office.waiting
    assert waiting, "billing was not called"
    assert waiting[0].action == action, f"billing was called with {waiting[0].action}"
    if verb:
        await _answer(play, verb, what)


@sentence(r"Billing (answers|refuses):? (.+)")
async def _answer(play: Play, verb: str, what: str) -> None:
    [visit, *_] = play.stage.office.waiting
    if verb == "refuses":
        play.stage.office.answer(visit, 422, {"title": "no", "detail": what})
    elif what == "with an error":
        play.stage.office.answer(visit, 500, {})
    else:
        play.stage.office.answer(visit, 200, {"ok": True} if what == "ok" else json.loads(what))
    await play.stage.settled()


@sentence(r"Billing is not called")
async def _not_called(play: Play) -> None:
    assert not play.stage.office.waiting, f"billing was called with {play.stage.office.waiting[0].action}"


@sentence(r"Billing was called once for each offer that was accepted")
async def _one_key(play: Play) -> None:
    offers = [visit for visit in play.stage.office.visits if visit.action == "offer.accepted"]
    for visit in offers:
        offer = visit.body["offer"]
        assert isinstance(offer, dict)
        assert visit.key == offer["id"], f"key {visit.key} for offer {offer['id']}"
    accepted = await play.stage.rows("SELECT id FROM offer WHERE accepted_at IS NOT NULL AND backoffice IS NOT NULL")
    assert sorted({visit.key for visit in offers}) == sorted(str(row["id"]) for row in accepted)


# -- time


@sentence(r"([\d.]+) (hours?|minutes?|seconds?) pass")
async def _time(play: Play, amount: str, unit: str) -> None:
    await play.stage.advance(**{unit.rstrip("s") + "s": float(amount)})


@sentence(r"Careline is restarted")
async def _restart(play: Play) -> None:
    await play.stage.restart()
    await play.stage.settled()


# -- agents


@sentence(r"(Ana|Ben|Cleo) (claims|closes|hands back)(?: (\w+))?(?:: (\w+))?")
async def _verb(play: Play, agent: str, verb: str, *rest: str) -> None:
    await _do(play, agent, verb, rest)


async def _do(play: Play, agent: str, verb: str, rest: tuple[str, ...]) -> None:
    desk, code = play.stage.desk, rest[-1] if rest else ""
    talk = await play.talk(rest[0] if rest and rest[0] in play.phones else None)
    if verb == "claims":
        await play.stage.do(desk.claim(talk["id"], agent))
    elif verb == "closes":
        await play.stage.do(desk.close(talk["id"], agent, code or "resolved", ""))
    else:
        await play.stage.do(desk.hand_back(talk["id"], agent, "" if code in play.phones else code))


@sentence(r"(Ana|Ben|Cleo) transfers to (\w+)(?:: (.+))?")
async def _transfer(play: Play, agent: str, to: str, reason: str = "") -> None:
    await play.stage.do(play.stage.desk.transfer((await play.talk())["id"], to, reason, agent))


@sentence(r"(Ana|Ben|Cleo) cannot (claim|close|hand back|write)(?: \((.+)\))?")
async def _cannot(play: Play, agent: str, verb: str, why: str = "") -> None:
    verbs = {"claim": "claims", "close": "closes", "hand back": "hands back"}
    trying = _agent_writes(play, agent, "Hello") if verb == "write" else _do(play, agent, verbs[verb], ())
    with pytest.raises((Refused, Unknown, Failure)) as refusal:
        await trying
    assert why in str(refusal.value), f"refused with: {refusal.value}"


@sentence(r"The desk is told: (.+)")
async def _told(play: Play, words: str) -> None:
    talk = await play.talk()
    notes = await play.stage.rows("SELECT kind, author, text FROM note WHERE conversation_id = ?", talk["id"])
    assert any(words in f"{note['kind']} {note['text']}" for note in notes), f"the desk knows {notes}"


# -- agents in their chat client


@sentence(r"(Ana|Ben|Cleo) is (free to chat|there|away|long away|busy|gone)")
async def _attends(play: Play, agent: str, how: str) -> None:
    shows = {
        "free to chat": Show.chat,
        "there": Show.online,
        "away": Show.away,
        "long away": Show.xa,
        "busy": Show.dnd,
        "gone": Show.offline,
    }
    play.stage.attendance.tell(jid(agent), shows[how])
    await play.stage.settled()


@sentence(r"(Ana|Ben|Cleo) reads nothing")
async def _reads_nothing(play: Play, agent: str) -> None:
    await play.stage.settled()
    assert not play.unseen(agent), f"{agent} reads {play.unseen(agent)}"


@sentence(r"(Ana|Ben|Cleo) reads(?: of (\w+))?: (.+)")
async def _reads(play: Play, agent: str, of: str, expected: str = "") -> None:
    await play.stage.settled()
    name, expected = (of, expected) if expected else (play.last, of)
    unseen = play.unseen(agent)
    assert unseen, f"{agent} reads nothing"
    line = unseen[0]
    assert line.kind in (LineKind.text, LineKind.notice), f"{agent} has a {line.kind} first"
    assert same(expected, line.text), f"{agent} reads: {line.text}"
    assert line.customer == (play.phone(name) if name else ""), f"it is of {line.customer or 'the desk'}"
    play.shown[agent] = play.shown.get(agent, 0) + 1


@sentence(r"(Ana|Ben|Cleo)'s words are (ticked|marked failed(?:: .+)?)")
async def _ticked(play: Play, agent: str, what: str) -> None:
    await play.stage.settled()
    unseen = play.unseen(agent)
    kind = LineKind.delivered if what == "ticked" else LineKind.failed
    assert [line.kind for line in unseen[:1]] == [kind], f"{agent} has {unseen}"
    assert what.partition(": ")[2] in unseen[0].text, f"it says {unseen[0].text}"
    play.shown[agent] = play.shown.get(agent, 0) + 1


@sentence(r"(Ana|Ben|Cleo) types(?: to (\w+))?: (.*)")
async def _types(play: Play, agent: str, to: str, text: str = "") -> None:
    name, text = (to, text) if text else (str(play.last), to)
    await _type(play, agent, play.phone(name), text)


@sentence(r"(Ana|Ben|Cleo) asks the desk: (.*)")
async def _asks_desk(play: Play, agent: str, text: str) -> None:
    await _type(play, agent, "", text)


async def _type(
    play: Play, agent: str, customer: str, text: str, stanza: str | None = None, replaces: str = ""
) -> None:
    play.typed += 1
    said = Said(jid(agent), customer, stanza or f"stanza-{play.typed}", text, replaces)
    if play.stage.attendance.heard(said.agent):  # as app/desk.py
        play.stage.attendance.are_elsewhere([said.agent])
    play.heard = await play.stage.do(play.stage.agents.said(said))
    play.stage.talks.touched((customer,))
    await play.stage.settled()


@sentence(r"The stanza of (Ana|Ben|Cleo) comes twice: (.*)")
async def _types_twice(play: Play, agent: str, text: str) -> None:
    for _ in range(2):
        await _type(play, agent, play.phone(str(play.last)), text, "the-same")


@sentence(r"The desk answers nothing")
async def _answers_nothing(play: Play) -> None:
    assert play.heard == Heard(), f"it answers {play.heard}"


@sentence(r"The desk answers: (.+)")
async def _answers(play: Play, expected: str) -> None:
    assert same(expected, play.heard.text.removeprefix("[desk] ")), f"it answers: {play.heard.text}"


@sentence(r"The words are refused: (.+)")
async def _words_refused(play: Play, expected: str) -> None:
    assert same(expected, play.heard.refused), f"refused: {play.heard.refused!r}"


@sentence(r"The words had arrived")
async def _had_arrived(play: Play) -> None:
    assert play.heard == Heard(delivered=True), f"it answers {play.heard}"


@sentence(r"The desk only ticks it")
async def _only_ticks(play: Play) -> None:
    assert play.heard == Heard(delivered=True, ours=True), f"it answers {play.heard}"


@sentence(r"The chat server is asked who is there, and has had time to tell")
async def _asked(play: Play) -> None:
    """As after each connect."""
    play.stage.attendance.asked([jid(agent) for agent in AGENTS])
    await play.stage.advance(seconds=SILENT_MS / 1000)


@sentence(r"The chat server goes (away|up)")
async def _chat_server(play: Play, where: str) -> None:
    chat = play.stage.chat
    assert chat is not None, "there is no chat server in this play"
    chat.up = where == "up"
    if not chat.up:
        for agent in AGENTS:
            play.stage.attendance.tell(jid(agent), Show.unknown)
        play.stage.attendance.lost()
    await play.stage.settled()


@sentence(r"The server cannot deliver (Ana|Ben|Cleo)'s last line")
async def _bounces(play: Play, agent: str) -> None:
    chat = play.stage.chat
    assert chat is not None, "there is no chat server in this play"
    play.stage.echoes.bounced(Bounced(jid(agent), chat.lines[jid(agent)][-1].id, "service-unavailable"))
    await play.stage.settled()


# -- what is so


@sentence(r"The conversation waits in (\w+)(?: because (.+))?")
async def _queued(play: Play, queue: str, why: str = "") -> None:
    talk = await play.talk()
    assert (talk["state"], talk["queue"]) == ("queued", queue), f"it is {talk['state']} in {talk['queue']}"
    assert why in (talk["why"] or ""), f"because: {talk['why']}"


@sentence(r"The conversation is with (?:the )?(\w+)")
async def _with(play: Play, who: str) -> None:
    talk = await play.talk()
    if who == "bot":
        assert talk["state"] == "bot", f"it is {talk['state']}"
    else:
        assert talk["state"] in ("human", "waiting"), f"it is {talk['state']}"
        assert str(talk["agent"]).startswith(who.lower()), f"it is with {talk['agent']}"


@sentence(r"The conversation is closed: (\w+)")
async def _closed(play: Play, disposition: str) -> None:
    talk = await play.talk()
    assert (talk["state"], talk["disposition"]) == ("closed", disposition), f"{talk['state']} {talk['disposition']}"


@sentence(r"(\w+) has (\d+) conversations?")
async def _how_many(play: Play, name: str, number: str) -> None:
    rows = await play.stage.rows("SELECT state FROM conversation WHERE key = ?", f"tel:{play.phone(name)}")
    assert len(rows) == int(number), f"{len(rows)}: {rows}"


@sentence(r"(\w+) has no conversation")
async def _none(play: Play, name: str) -> None:
    rows = await play.stage.rows("SELECT state FROM conversation WHERE key = ?", f"tel:{play.phone(name)}")
    assert not rows, f"{rows}"


@sentence(r"The offer (\w+) is (\w+)")
async def _offer(play: Play, name: str, state: str) -> None:
    rows = await play.stage.rows("SELECT state FROM offer WHERE name = ? ORDER BY id DESC LIMIT 1", name)
    assert [row["state"] for row in rows] == [state], f"it is {rows}"


@sentence(r"The last text to (\w+) (?:is|was) (\w+)(?: because (.+))?")
async def _disposition(play: Play, name: str, state: str, why: str = "") -> None:
    text = [text for text in await play.stage.sent_texts() if text.theirs == play.phone(name)][-1]
    assert state in (text.disposition, text.state), f"{text.state} {text.disposition} {text.reason}"
    assert why in f"{text.reason} {text.gates}", f"because: {text.reason} {text.gates}"


@sentence(r"There (?:is|are) (\d+) dead letters?")
async def _dead(play: Play, number: str) -> None:
    rows = await play.stage.rows("SELECT kind, cause FROM dead_letter WHERE state = 'dead'")
    assert len(rows) == int(number), f"{rows}"


# -- the carrier


@sentence(r"The carrier (throttles|is too busy for|loses|loses the answer to) the next text")
async def _mood(play: Play, what: str) -> None:
    mood = {
        "throttles": moods.THROTTLE,
        "is too busy for": moods.BUSY,
        "loses": moods.LOSE_UNTAKEN,
        "loses the answer to": moods.LOSE,
    }[what]
    play.stage.carrier.moods.append(mood)


@sentence(r"The carrier will refuse the next text: (\w+)")
async def _refuse(play: Play, fault: str) -> None:
    play.stage.carrier.moods.append(fault)


@sentence(r"The carrier keeps the next text unanswered")
async def _hold(play: Play) -> None:
    play.stage.carrier.moods.append(moods.HOLD)


@sentence(r"The carrier answers at last(?:: (\w+))?")
async def _release(play: Play, how: str = "") -> None:
    if how == "throttled":
        play.stage.carrier.taken.pop()
        play.stage.carrier.answer_held(outcome=Outcome.retry, fault=Fault.throttled, status=0x58)
    else:
        play.stage.carrier.answer_held()
    await play.stage.settled()


@sentence(r"The carrier goes (up|down)")
async def _link(play: Play, state: str) -> None:
    play.stage.carrier.up = state == "up"
    await play.stage.settled()


@sentence(r"The carrier reports (\w+)(?: for (\w+)'s last text)?")
async def _report(play: Play, state: str, name: str = "") -> None:
    phone = play.phone(name or str(play.last))
    [*_, last] = [taken for taken in play.stage.carrier.taken if taken.part.to == phone]
    play.stage.report(last, ReceiptState(state))
    await play.stage.settled()
