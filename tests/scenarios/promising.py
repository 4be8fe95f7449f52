"""Sentences of plays about promises, the ladder, ratings and languages; the others are in playing.py."""

from typing import Any

import pytest

from gateway.care.languages import guessing
from gateway.care.playbook import Playbook
from gateway.care.turn import Refused
from gateway.model import promises
from gateway.model.rows import replace
from gateway.store.units import Statement, Unit
from tests.scenarios.playing import SAMPLES, Play, same, sentence


def demanding(book: Playbook) -> Playbook:
    """Every queue promises all, asks how it went, and the ladder is on."""
    own = {"first_response": 120.0, "next_response": 300.0, "resolve": 14_400.0, "csat": True}
    ladder = {"nudge": 60.0, "alarm": 300.0, "unanswered": 300.0}
    conversations = book.rules.conversations.model_copy(update=ladder)
    return replace(
        book,
        queues={name: queue.model_copy(update=own) for name, queue in book.queues.items()},
        rules=book.rules.model_copy(update={"conversations": conversations}),
    )


def _rules(play: Play, **changed: Any) -> None:
    book = play.stage.playbook
    its = book.rules.conversations.model_copy(update=changed)
    _use(play, rules=book.rules.model_copy(update={"conversations": its}))


def _use(play: Play, **changed: Any) -> None:
    """As after a reload of the configuration."""
    play.stage.playbook = replace(play.stage.playbook, **changed)
    play.stage.engine.playbook = play.stage.playbook


@sentence(r"The rule (\w+) is (\d+)(?: (seconds|minutes|days))?")
async def _rule(play: Play, name: str, number: str, unit: str = "seconds") -> None:
    assert name in type(play.stage.playbook.rules.conversations).model_fields, f"no rule {name}"
    _rules(play, **{name: int(number) * {"seconds": 1, "minutes": 60, "days": 86_400}[unit]})


@sentence(r"Queue (\w+) promises (\w+) within (\d+) (seconds|minutes|hours)")
async def _promises(play: Play, queue: str, kind: str, number: str, unit: str) -> None:
    seconds = int(number) * {"seconds": 1, "minutes": 60, "hours": 3600}[unit]
    assert kind in promises.SLA, f"nobody can promise {kind}"
    _queue(play, queue, **{kind: float(seconds)})


@sentence(r"Queue (\w+) asks customers how it went")
async def _asks(play: Play, queue: str) -> None:
    _queue(play, queue, csat=True)


@sentence(r"Queue (\w+) is open (.+)")
async def _opens(play: Play, queue: str, hours: str) -> None:
    _queue(play, queue, hours=hours)


def _queue(play: Play, name: str, **changed: Any) -> None:
    queues = dict(play.stage.playbook.queues)
    queues[name] = queues[name].model_copy(update=changed)
    _use(play, queues=queues)


@sentence(r"The promise of (\w+) is (running|warned|paused|kept|late)")
async def _promise(play: Play, kind: str, state: str) -> None:
    watches = promises.read((await play.talk())["promises"]).watches
    assert kind in watches, f"nothing is promised of it: {sorted(watches)}"
    assert watches[kind].state == state, f"it is {watches[kind].state}"


@sentence(r"Nothing is promised any more")
async def _none_promised(play: Play) -> None:
    watches = promises.read((await play.talk())["promises"]).watches
    running = sorted(kind for kind, watch in watches.items() if watch.row)
    timers = await play.stage.rows("SELECT body FROM work WHERE kind = 'promise'")
    assert not running, f"still running: {running}"
    assert not timers, f"timers are left: {timers}"


@sentence(r"(\w+)'s rating is (\d)")
async def _rating(play: Play, name: str, score: str) -> None:
    rows = await _ratings(play, name)
    assert [row["score"] for row in rows] == [int(score)], f"ratings: {rows}"


@sentence(r"(\w+) has rated nothing")
async def _no_rating(play: Play, name: str) -> None:
    assert not await _ratings(play, name)


async def _ratings(play: Play, name: str) -> list[dict[str, Any]]:
    return await play.stage.rows(
        "SELECT score FROM rating JOIN conversation ON conversation.id = conversation_id WHERE key = ?",
        f"tel:{play.phone(name)}",
    )


@sentence(r"The conversation follows one that was closed: (\w+)")
async def _follows(play: Play, disposition: str) -> None:
    talk = await play.talk()
    rows = await play.stage.rows("SELECT disposition FROM conversation WHERE id = ?", talk["previous"])
    assert [row["disposition"] for row in rows] == [disposition], f"it follows {rows}"


@sentence(r"The conversation follows no other")
async def _follows_none(play: Play) -> None:
    assert (await play.talk())["previous"] is None


@sentence(r"The thread of (\w+) shows: (.+)")
async def _thread(play: Play, name: str, text: str) -> None:
    talk = await play.talk(name)
    rows = await play.stage.rows("SELECT text FROM message WHERE conversation_id = ? ORDER BY id", talk["id"])
    assert text in [row["text"] for row in rows], f"it shows {[row['text'] for row in rows]}"


@sentence(r"(Ana|Ben|Cleo) is reminded: (.+)")
async def _reminded(play: Play, agent: str, expected: str) -> None:
    """By the desk itself, not in the chat with a customer."""
    await play.stage.settled()
    unseen = play.unseen(agent)
    assert unseen, f"{agent} reads nothing"
    assert unseen[0].customer == "", f"it is of {unseen[0].customer}: {unseen[0].text}"
    assert same(expected, unseen[0].text), f"{agent} reads: {unseen[0].text}"
    play.shown[agent] = play.shown.get(agent, 0) + 1


@sentence(r"(\w+)'s language is (\w+)")
async def _language(play: Play, name: str, language: str) -> None:
    """As the business's own records say."""
    key = f"tel:{play.phone(name)}"
    unit = Unit(key)
    unit.add(Statement("language", "UPDATE customer SET language = ? WHERE key = ?"), (language, key))
    await play.stage.store.write(unit)
    play.stage.engine.states.drop(key)


@sentence(r"What sells stands back while (\d+) customers wait for a person")
async def _stands_back(play: Play, most: str) -> None:
    _rules(play, bulk_pauses_at=int(most))


@sentence(r"Careline guesses languages, and has texts in (.+)")
async def _guesses(play: Play, spoken: str) -> None:
    _use(play, guessing=guessing(spoken.split(" and ")))


@sentence(r"(\w+)'s language is not known")
async def _unknown(play: Play, name: str) -> None:
    rows = await play.stage.rows("SELECT language, guessed FROM customer WHERE key = ?", f"tel:{play.phone(name)}")
    assert all(row["language"] is None and row["guessed"] is None for row in rows), f"{rows}"


@sentence(r"(Ana|Ben|Cleo) speaks (.+)")
async def _speaks(play: Play, agent: str, languages: str) -> None:
    spoken = tuple(languages.split(" and "))
    agents = play.stage.playbook.agents
    changed = [one.model_copy(update={"languages": spoken}) if one.name == agent else one for one in agents]
    _use(play, agents=tuple(changed))


@sentence(r"(Ana|Ben|Cleo) has all (?:she|he) can take")
async def _full(play: Play, agent: str) -> None:
    """Asked for nothing, but there."""
    agents = play.stage.playbook.agents
    _use(play, agents=tuple(one.model_copy(update={"capacity": 0}) if one.name == agent else one for one in agents))


@sentence(r"The flights of (\d+) customers are delayed, with (\w+)'s the last")
async def _storm(play: Play, number: str, name: str) -> None:
    others = [f"+1555777{at:04d}" for at in range(int(number) - 1)]
    for phone in [*others, play.phone(name)]:
        await play.stage.event("flight.delayed", phone, dict(SAMPLES["flight.delayed"]))


@sentence(r"(\w+) has the answer before all others have their notice")
async def _first(play: Play, name: str) -> None:
    await play.stage.settled()
    order = [taken.part.to for taken in play.stage.carrier.taken]
    answer = max(at for at, phone in enumerate(order) if phone == play.phone(name))
    later = set(order[answer + 1 :])
    assert len(later) > len(set(order)) / 2, f"only {len(later)} of {len(set(order))} came later"


@sentence(r"All (\d+) have their notice, once")
async def _all(play: Play, number: str) -> None:
    await play.stage.settled()
    told = [taken.part.to for taken in play.stage.carrier.taken if "AA12" in play.stage.carrier.texts(taken.part.to)[0]]
    assert len(set(told)) == int(number)
    assert all(len(play.stage.carrier.texts(phone)) == 1 for phone in set(told) - set(play.phones.values()))


@sentence(r"(\w+)'s phone answers by itself (\d+) times: (.+)")
async def _robot(play: Play, name: str, times: str, text: str) -> None:
    """Whatever comes, the phone answers; what it receives the play mentions as one."""
    for _ in range(int(times)):
        play.stage.writes(play.phone(name), text)
        await play.stage.advance(seconds=5)


@sentence(r"(\w+) has received the same text (\d+) times")
async def _same_times(play: Play, name: str, times: str) -> None:
    unread = play.unread(name)
    assert len(unread) == int(times), f"{len(unread)}: {unread}"
    assert len(set(unread)) == 1, f"{set(unread)}"
    play.read[name] = play.read.get(name, 0) + len(unread)


@sentence(r"Queue (\w+) is backed up by (\w+) after (\d+) seconds")
async def _backed_up(play: Play, queue: str, backup: str, seconds: str) -> None:
    _queue(play, queue, backup=backup, backup_after=float(seconds))


@sentence(r"Queue (\w+) asks for the skill (\w+)")
async def _asks_for(play: Play, queue: str, skill: str) -> None:
    _queue(play, queue, skills=(skill,))


@sentence(r"(Ana|Ben|Cleo) has the skill (\w+)")
async def _has(play: Play, agent: str, skill: str) -> None:
    agents = play.stage.playbook.agents
    _use(
        play, agents=tuple(one.model_copy(update={"skills": (skill,)}) if one.name == agent else one for one in agents)
    )


@sentence(r"Queue (\w+) is taken out of the configuration")
async def _taken_out(play: Play, queue: str) -> None:
    book = play.stage.playbook
    agents = tuple(
        one.model_copy(update={"queues": tuple(name for name in one.queues if name != queue)}) for one in book.agents
    )
    _use(play, queues={name: one for name, one in book.queues.items() if name != queue}, agents=agents)
    play.stage.assigning.poke()
    await play.stage.settled()


@sentence(r"(Ana|Ben|Cleo) answers (\w+) alone")
async def _answers(play: Play, agent: str, queue: str) -> None:
    agents = play.stage.playbook.agents
    _use(
        play, agents=tuple(one.model_copy(update={"queues": (queue,)}) if one.name == agent else one for one in agents)
    )


@sentence(r"(Ana|Ben|Cleo) is no agent any more")
async def _taken_off(play: Play, agent: str) -> None:
    """Taken out of gateway.toml; then the configuration is read again."""
    _use(play, agents=tuple(one for one in play.stage.playbook.agents if one.name != agent))
    play.stage.assigning.poke()


@sentence(r"Nothing is promised of (\w+)")
async def _no_promise(play: Play, kind: str) -> None:
    watches = promises.read((await play.talk())["promises"]).watches
    assert kind not in watches, f"it is {watches[kind].state}"


@sentence(r"(Ana|Ben|Cleo) cannot transfer to (\w+) \((.+)\)")
async def _cannot_transfer(play: Play, agent: str, to: str, why: str) -> None:
    talk = await play.talk()
    with pytest.raises(Refused) as refusal:
        await play.stage.do(play.stage.desk.transfer(talk["id"], to, "", agent))
    assert why in str(refusal.value), f"refused with: {refusal.value}"
