"""Sentences of plays about what clients send and show beside words: corrections, contacts, words sent another way."""

from gateway.care import profiles
from gateway.floor.commands import Commands
from gateway.model.desk import LineKind
from gateway.model.rows import replace
from tests.scenarios.playing import Play, _type, jid, same, sentence


@sentence(r"(Ana|Ben|Cleo) corrects (that|line \d+): (.*)")
async def _corrects(play: Play, agent: str, which: str, text: str) -> None:
    """What was typed last, or as the so manieth line of the play."""
    number = play.typed if which == "that" else int(which.removeprefix("line "))
    await _type(play, agent, play.phone(str(play.last)), text, replaces=f"stanza-{number}")


@sentence(r"The correction of (Ana|Ben|Cleo) comes twice: (.*)")
async def _corrects_twice(play: Play, agent: str, text: str) -> None:
    first = f"stanza-{play.typed}"
    for _ in range(2):
        await _type(play, agent, play.phone(str(play.last)), text, "the-same", first)


@sentence(r"The stanza of (Ana|Ben|Cleo) says again: (.*)")
async def _says_again(play: Play, agent: str, text: str) -> None:
    """The id of the correction that came twice, and other words."""
    await _type(play, agent, play.phone(str(play.last)), text, "the-same", f"stanza-{play.typed - 2}")


@sentence(r"Agents may not correct what they sent")
async def _no_corrections(play: Play) -> None:
    rules = play.stage.playbook.rules
    talks = rules.conversations.model_copy(update={"corrections": "refuse"})
    play.stage.playbook = replace(play.stage.playbook, rules=rules.model_copy(update={"conversations": talks}))
    await play.stage.restart()


@sentence(r"(Ana|Ben|Cleo)'s client shows as her own: (.+)")
async def _shows_own(play: Play, agent: str, expected: str) -> None:
    """What was sent in an agent's name another way."""
    await play.stage.settled()
    unseen = play.unseen(agent)
    assert [line.kind for line in unseen[:1]] == [LineKind.own], f"{agent} has {unseen}"
    assert same(expected, unseen[0].text), f"it shows {unseen[0].text}"
    play.shown[agent] = play.shown.get(agent, 0) + 1


@sentence(r"(Ana|Ben|Cleo)'s open chats: (.+)")
async def _open_chats(play: Play, agent: str, names: str) -> None:
    await play.stage.settled()
    assert play.stage.chat is not None, "there is no chat server in this play"
    wanted = [] if names == "none" else sorted(play.phone(name) for name in names.split(" and "))
    found = sorted(play.stage.chat.contacts.get(jid(agent), {}))
    assert found == wanted, f"they are {found}"


@sentence(r"(Ana|Ben|Cleo) does (\w+)(?: with (.+))? over HTTP")
async def _over_http(play: Play, agent: str, verb: str, told: str = "") -> None:
    """`name=unlimited, note=...`: a verb, in another program than the chat client."""
    values = dict(pair.split("=", 1) for pair in told.split(", ")) if told else {}
    talk = await play.talk()
    commands = Commands(play.stage.store, play.stage.engine)
    play.answer = await play.stage.do(commands.run(int(talk["id"]), jid(agent), verb, values, None))
    await play.stage.settled()


@sentence(r"The business says of (\w+): (.+)")
async def _profile(play: Play, name: str, told: str) -> None:
    """`name Ann, tier gold, language es`: as over `PUT /v1/customers/{ref}`."""
    given = dict(pair.split(" ", 1) for pair in told.split(", "))
    await play.stage.do(play.stage.engine.ask(f"tel:{play.phone(name)}", lambda turn: profiles.put(turn, given)))
    await play.stage.settled()


@sentence(r"(Ana|Ben|Cleo) has (\w+) among her contacts as (.+)")
async def _called(play: Play, agent: str, name: str, shown: str) -> None:
    await play.stage.settled()
    assert play.stage.chat is not None, "there is no chat server in this play"
    found = play.stage.chat.contacts.get(jid(agent), {}).get(play.phone(name))
    assert found == shown, f"as {found}"


@sentence(r"(Ana|Ben|Cleo) sees (\w+): (.+)")
async def _sees(play: Play, agent: str, name: str, expected: str) -> None:
    """The status of a contact, as it was pushed last; it is what a client that asks would see."""
    await play.stage.settled()
    chat = play.stage.chat
    assert chat is not None, "there is no chat server in this play"
    pushed = chat.statuses.get((jid(agent), play.phone(name)), [])
    assert pushed, f"{agent} was told nothing of {name}"
    assert pushed[-1] == expected, f"{pushed}"
    assert play.stage.agents.shows(jid(agent), play.phone(name)) == expected


@sentence(r"(Ana|Ben|Cleo) was told (\d+) times? how (\w+) stands")
async def _pushed(play: Play, agent: str, times: str, name: str) -> None:
    await play.stage.settled()
    assert play.stage.chat is not None, "there is no chat server in this play"
    pushed = play.stage.chat.statuses.get((jid(agent), play.phone(name)), [])
    assert len(pushed) == int(times), f"{pushed}"


@sentence(r"The answer does not say: (.+)")
async def _says_not(play: Play, words: str) -> None:
    assert play.heard.text, "the desk answered nothing"
    assert words not in play.heard.text, f"it answers: {play.heard.text}"
