"""A verb that an agent runs, as a line of chat or as a form: what is still to be asked, and its doing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from gateway.care.refusals import WhichBrand
from gateway.care.turn import Refused, Turn
from gateway.floor.forms import asked_again, missing
from gateway.floor.meaning import meant
from gateway.floor.verbs import Scene, Verb, show_sent
from gateway.model.desk import Form, Input, Show, Told, line_key
from gateway.model.rows import record, replace

_DOES = {
    "take": "it takes the conversation for you, and .to NAME passes one of yours on",
    "decline": "it passes on what is offered to you",
    "done": "it ends your time to wrap up",
    "monitor": "it lets a supervisor listen",
}
"""What is behind a verb that takes no more words, for those who took it for another."""
BRAND = "brand"
"""The field of a form that says which conversation is meant, where there are two."""


@record
class Run:
    """brand: which conversation is meant, "" = the only one. rest: arguments of a line, each word the next of the
    inputs. line, key: the line as it was typed and the key of its stanza, "" = it was no line, or had no id. values: of
    a form, None = it was not shown yet. tags, here, busy: as of `Scene`.
    """

    agent: str
    customer: str
    verb: Verb
    brand: str = ""
    rest: str = ""
    line: str = ""
    key: str = ""
    values: Mapping[str, str] | None = None
    tags: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    here: str = "here"
    busy: Mapping[str, int] = field(default_factory=dict)

    def decide(self, turn: Turn, show: Callable[[str], Show]) -> Told:
        """Does it, or says what is missing. show: how much a colleague is there. Raises Refused, NotOwner."""
        try:
            conversation = meant(turn, self.agent, self.verb.name, self.brand)
        except WhichBrand as two:
            if self.line:
                raise
            return asked_again(Form(self.verb.title, inputs=(Input(BRAND, "Brand", True, two.brands),)), self.values)
        self.verb.may(turn, conversation, self.agent)
        if self.verb.steps is not None:
            scene = Scene(turn, conversation, self.agent, dict(self.values or {}), show, self.tags)
            return self._with_brand(self.verb.steps(scene, self.rest if self.line else None))
        scene = Scene(turn, conversation, self.agent, {}, show, self.tags)
        inputs = self.verb.inputs(scene)
        if self.rest and not inputs:
            raise Refused(alone(self.verb.name))
        given = placed(inputs, self.rest) if self.rest else dict(self.values or {})
        required = any(one.required for one in inputs)
        unasked = bool(inputs) and self.values is None and not self.line and not (self.brand and not required)
        if unasked or missing(inputs, given):
            return self._with_brand(asked_again(Form(self.verb.title, inputs=tuple(inputs)), self.values))
        noticed = self.verb.noticed and bool(self.line) and conversation.agent == self.agent
        line = line_key(self.key) if self.key else None
        scene = Scene(turn, conversation, self.agent, given, show, self.tags, None, line, self.here, self.busy)
        text = self.verb.do(scene)
        if self.verb.sends and not self.line:
            show_sent(turn, conversation, self.agent, text)
        return Told(text.partition("\n")[2] if noticed else text)

    def _with_brand(self, told: Told) -> Told:
        """A form brings back which conversation is meant."""
        if told.form is None or not self.brand:
            return told
        which = Input(BRAND, "Brand", True, ((self.brand, self.brand),), self.brand)
        return replace(told, form=replace(told.form, inputs=(which, *told.form.inputs)))


def placed(inputs: Sequence[Input], rest: str) -> dict[str, str]:
    """The words of a line as the values of inputs, in order; the last one has all that is left. Where one of a list is
    wanted, it may be said by its value or its label, which may be several words.

    Raises Refused: there are words behind the last one of a list, and nobody knows what they are for.
    """
    given: dict[str, str] = {}
    for at, one in enumerate(inputs):
        chosen = _chosen(one, rest)
        if chosen is not None:
            given[one.name], rest = chosen
        elif at == len(inputs) - 1:
            given[one.name], rest = rest, ""
        else:
            first = rest.split(maxsplit=1)
            given[one.name], rest = first[0] if first else "", first[1] if len(first) > 1 else ""
    if rest:
        raise Refused(f"not done: {rest[:40]!r} is too much; a note is .note TEXT")
    return given


def alone(name: str) -> str:
    """Why a line with more words is not done. A note may look so: some clients send `//take ...` as `/take ...`."""
    does = _DOES.get(name, "")
    return f"not done: .{name} is said alone{f'; {does}' if does else ''}; a note is .note TEXT"


def _chosen(one: Input, rest: str) -> tuple[str, str] | None:
    """The longest choice that the line begins with, and what is left."""
    folded = rest.casefold()
    for said, value in sorted(((s, v) for v, label in one.choices for s in (v, label) if s), key=_longest):
        after = rest[len(said) :]
        if folded.startswith(said.casefold()) and (not after or after[0].isspace()):
            return value, after.strip()
    return None


def _longest(said: tuple[str, str]) -> int:
    return -len(said[0])
