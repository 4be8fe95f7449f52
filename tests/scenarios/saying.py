"""Sentences of plays about what care staff keep and how agents work with it: canned replies, tags, forms."""

from gateway.model.canned import CannedField, CannedReply, FieldKind
from gateway.model.desk import Asked, Told
from gateway.store.units import Statement, Unit
from tests.scenarios.playing import AGENTS, Play, jid, same, sentence

_LIVES = Statement("lives", "UPDATE customer SET timezone = ? WHERE key = ?")
_CALLED = Statement("called", "UPDATE customer SET name = ?, language = ? WHERE key = ?")
_forms: dict[int, tuple[str, Told]] = {}
_WHO = "|".join(AGENTS)


@sentence(r"Staff keep the reply (\w+) in (\w\w)(?: with (.+?))?: (.+)")
async def _keep(play: Play, name: str, language: str, told: str, text: str = "") -> None:
    """`with amount money USD, day date, note text optional, how choice card/bank`."""
    before = play.stage.playbook.canned.get(name)
    fields = tuple(map(_field, told.split(", "))) if text else before.fields if before is not None else ()
    texts = {**(before.texts if before is not None else {}), language: text or told}
    await play.stage.keeps(CannedReply(name, "acme", texts, fields=fields))


def _field(told: str) -> CannedField:
    name, kind, *more = told.split(" ")
    detail = " ".join(word for word in more if word != "optional")
    choices = tuple(detail.split("/")) if kind == "choice" else ()
    currency = detail if kind == "money" else ""
    return CannedField(name, FieldKind(kind), "", "optional" not in more, choices, currency)


@sentence(r"(\w+) is known as (\w+), who reads (\w+)")
async def _known(play: Play, name: str, called: str, language: str) -> None:
    key = f"tel:{play.phone(name)}"
    unit = Unit(key)
    unit.add(_CALLED, (called, language, key))
    await play.stage.store.write(unit)
    play.stage.engine.states.drop(key)


@sentence(r"(\w+) lives in (\w+/\w+)")
async def _lives(play: Play, name: str, zone: str) -> None:
    """Who has written before."""
    key = f"tel:{play.phone(name)}"
    unit = Unit(key)
    unit.add(_LIVES, (zone, key))
    await play.stage.store.write(unit)
    play.stage.engine.states.drop(key)


@sentence(r"The desk offers to answer (.+)")
async def _offers(play: Play, expected: str) -> None:
    assert ", ".join(value for value, _ in play.heard.choices) == expected, f"it offers {play.heard.choices}"


@sentence(rf"({_WHO}) opens the form (\w+)")
async def _opens(play: Play, agent: str, verb: str) -> None:
    await _fill(play, agent, verb, None)


@sentence(rf"({_WHO}) opens the desk's form (\w+)")
async def _opens_desk(play: Play, agent: str, verb: str) -> None:
    await _fill(play, agent, f"!{verb}", None)


@sentence(rf"({_WHO}) fills in (.+)")
async def _fills(play: Play, agent: str, told: str) -> None:
    """`amount 20.00; note all of it`: the form that was answered last; what was hidden goes back as it came."""
    verb, last = _forms[id(play)]
    assert last.form is not None, f"there is no form: {last.text}"
    values = {one.name: one.value for one in last.form.inputs}
    for pair in told.split("; "):
        name, _, value = pair.partition(" ")
        assert name in values, f"the form has {list(values)}"
        values[name] = value
    await _fill(play, agent, verb, values)


async def _fill(play: Play, agent: str, verb: str, values: dict[str, str] | None) -> None:
    customer = "" if verb.startswith("!") else play.phone(str(play.last))
    asked = Asked(jid(agent), customer, verb.removeprefix("!"), values)
    _forms[id(play)] = (verb, await play.stage.do(play.stage.agents.asked(asked)))
    await play.stage.settled()


@sentence(r"The form asks for (.+?)(?: and says: (.+))?")
async def _asks(play: Play, names: str, text: str = "") -> None:
    _, told = _forms[id(play)]
    assert told.form is not None, f"there is no form: {told.text}"
    shown = [one.name for one in told.form.inputs if not one.hidden]
    assert ", ".join(shown) == names, f"it asks for {shown}"
    assert not text or same(text, told.form.text or told.text), f"it says {told.form.text or told.text}"


@sentence(r"The form is done: (.+)")
async def _done(play: Play, expected: str) -> None:
    _, told = _forms[id(play)]
    assert told.form is None, f"it asks for {told.form}"
    assert same(expected, told.text), f"it says {told.text}"


@sentence(r"The conversation is being wrapped up: (\w+)")
async def _wrapup(play: Play, disposition: str) -> None:
    talk = await play.talk()
    assert (talk["state"], talk["disposition"]) == ("wrapup", disposition), f"{talk['state']} {talk['disposition']}"


@sentence(r"A rep resends the last text to (\w+)")
async def _resends(play: Play, name: str) -> None:
    text = [text for text in await play.stage.sent_texts() if text.theirs == play.phone(name)][-1]
    await play.stage.do(play.stage.desk.resend(text.id, "Rita"))


@sentence(r"1 minute passes")
async def _minute(play: Play) -> None:
    await play.stage.advance(minutes=1)


@sentence(r"(\w+) was never met")
async def _never_met(play: Play, name: str) -> None:
    rows = await play.stage.rows("SELECT id FROM message WHERE direction = 'mo' AND theirs = ?", play.phone(name))
    assert not rows, f"{name} has written before"
