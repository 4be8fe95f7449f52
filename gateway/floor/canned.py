"""Canned replies for agents: `/c` lists them, `/c NAME` asks for what is missing and shows the words, `/send` sends.

As a form: pick one, fill it in, look at it, send. What is shown is kept with the conversation (`care/previewing.py`).
"""

import re
from collections.abc import Mapping, Sequence

from gateway.care import canned, escalation, previewing
from gateway.care.turn import NotOwner, Refused
from gateway.floor.forms import asked_again
from gateway.floor.verbs import Scene, Verb, may_read, show_sent
from gateway.model.canned import CannedField, CannedReply, FieldKind
from gateway.model.desk import Form, Input, Told

TITLE = "Canned reply"
TO_SEND = ((".send", "Send"), (".cancel", "Do not send"))
_NAME, _PREVIEW, _DO = "canned.reply", "canned.preview", "canned.do"
"""Fields of the form that are ours: no field of a reply has a dot in its name."""
_MOST_LISTED = 100


def pick(scene: Scene, rest: str | None) -> Told:
    """One step of a canned reply. rest: what a line says after `/c`; None = a form, whose values are the scene's."""
    may_read(scene.turn, scene.conversation, scene.agent)
    return _form(scene) if rest is None else _line(scene, rest)


def _line(scene: Scene, rest: str) -> Told:
    parts = rest.split(maxsplit=1)
    if not parts:
        return Told(_listed(scene), refused=True)
    try:
        its = _by_line(scene, parts[0], parts[1] if len(parts) > 1 else "")
    except NotOwner:
        raise
    except Refused as error:
        return Told(f"{error}{previewing.supersede(scene.turn, scene.conversation, scene.agent)}", refused=True)
    return Told(f"{_look(scene, its)}\n.send sends it, .cancel drops it", choices=TO_SEND)


def _by_line(scene: Scene, name: str, rest: str) -> previewing.Preview:
    reply = canned.named(scene.turn.playbook, scene.conversation, name)
    given = _given(reply, rest)
    if lacking := canned.missing(reply, given):
        wanted = " ".join(_wanted(one) for one in reply.fields)
        lines = [f"{one.name}: {canned.usage(one)}" for one in lacking]
        raise Refused("\n".join([f"say .c {reply.name} {wanted}", *lines]))
    return _previewed(scene, reply, given)


def _listed(scene: Scene) -> str:
    fitting = canned.fitting(scene.turn.playbook, scene.conversation)
    if not fitting:
        return "there are no canned replies for this conversation"
    lines = ["say .c NAME [field=value ...]", *map(_summary, fitting[:_MOST_LISTED])]
    return "\n".join([*lines, f"and {len(fitting) - _MOST_LISTED} more"] if len(fitting) > _MOST_LISTED else lines)


def _summary(reply: CannedReply) -> str:
    wanted = f" {' '.join(_wanted(one) for one in reply.fields)}" if reply.fields else ""
    return f"{reply.name}{wanted}: {reply.title or reply.name}"


def _wanted(field: CannedField) -> str:
    shown = f"{field.name}={'|'.join(field.choices) if field.choices else field.kind.upper()}"
    return shown if field.required else f"[{shown}]"


def _given(reply: CannedReply, rest: str) -> dict[str, str]:
    """`amount=20 reason=the blue one`: a value goes on until the next field of the reply. Raises Refused."""
    rest = rest.strip()
    if not rest:
        return {}
    named = "|".join(re.escape(one.name) for one in reply.fields) or "(?!)"
    pieces = re.split(rf"(?:^|\s+)({named})\s*=", rest)
    if pieces[0].strip():
        known = ", ".join(one.name for one in reply.fields)
        told = f"its fields are {known}" if known else "it has no fields"
        raise Refused(f"{pieces[0].split()[0][:40]!r} is none of {reply.name}: {told}; write field=value")
    given: dict[str, str] = {}
    for name, value in zip(pieces[1::2], pieces[2::2], strict=True):
        if name in given:
            raise Refused(f"{name} stands there twice")
        given[name] = _unquoted(value.strip())
    return given


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _previewed(scene: Scene, reply: CannedReply, given: Mapping[str, str]) -> previewing.Preview:
    escalation.owned(scene.turn.playbook, scene.conversation, scene.agent)
    words = canned.words(scene.turn, scene.conversation, scene.agent, reply, given)
    return previewing.preview(scene.turn, scene.conversation, scene.agent, words)


def _look(scene: Scene, its: previewing.Preview) -> str:
    quoted = "\n".join(f"> {line}" for line in its.text.splitlines())
    return f"the customer will read ({previewing.cost_of(scene.turn, scene.conversation, its.text)}):\n{quoted}"


# -- as a form


def _form(scene: Scene) -> Told:
    values = scene.values
    if not values.get(_NAME):
        fitting = canned.fitting(scene.turn.playbook, scene.conversation)
        if not fitting:
            return Told("there are no canned replies for this conversation", refused=True)
        choices = tuple((one.name, one.title or one.name) for one in fitting)
        return asked_again(Form(TITLE, inputs=(Input(_NAME, "Reply", True, choices),)), values or None)
    reply = canned.named(scene.turn.playbook, scene.conversation, values[_NAME])
    if values.get(_PREVIEW):
        return _decided(scene, values)
    given = {one.name: values[one.name] for one in reply.fields if one.name in values}
    if reply.fields and (not given or canned.missing(reply, given)):
        return asked_again(_to_fill(reply, given), given or None)
    try:
        its = _previewed(scene, reply, given)
    except Refused as error:
        if not error.field.startswith("values/"):
            raise
        return Told(str(error), _to_fill(reply, given), refused=True)
    do = Input(_DO, "And now", True, (("send", "Send it"), ("cancel", "Do not send it")), "send")
    kept = (_hidden(_NAME, reply.name), _hidden(_PREVIEW, str(its.id)))
    return Told(form=Form(TITLE, _look(scene, its), (*kept, do)))


def _to_fill(reply: CannedReply, given: Mapping[str, str]) -> Form:
    inputs = tuple(_input(one, given.get(one.name, "")) for one in reply.fields)
    return Form(reply.title or reply.name, inputs=(_hidden(_NAME, reply.name), *inputs))


def _input(field: CannedField, value: str) -> Input:
    choices = tuple((one, one) for one in field.choices) if field.kind is FieldKind.choice else ()
    label = (field.label or field.name) if choices else f"{field.label or field.name} ({_takes(field)})"
    return Input(field.name, label, field.required, choices, value)


def _takes(field: CannedField) -> str:
    return field.currency or str(field.kind)


def _hidden(name: str, value: str) -> Input:
    return Input(name, "", value=value, hidden=True)


def _decided(scene: Scene, values: Mapping[str, str]) -> Told:
    an_id = values[_PREVIEW]
    if values.get(_DO) != "send":
        previewing.drop(scene.turn, scene.conversation, scene.agent)
        return Told("dropped: it was not sent")
    text = _sent(scene, int(an_id) if an_id.isascii() and an_id.isdigit() and len(an_id) <= 19 else 0)
    show_sent(scene.turn, scene.conversation, scene.agent, text)
    return Told(text)


# -- what is previewed


def send(scene: Scene) -> str:
    """Sends what was previewed last, once."""
    return _sent(scene, None)


def _sent(scene: Scene, an_id: int | None) -> str:
    message = previewing.send(scene.turn, scene.conversation, scene.agent, an_id, key=scene.key or scene.line)
    if message.disposition is not None:
        raise Refused(f"not sent: {message.reason}")
    scene.sent(message)
    return f"sent: {message.text}" + (f" ({message.reason})" if message.reason else "")


def cancel(scene: Scene) -> str:
    """Drops what is previewed."""
    previewing.drop(scene.turn, scene.conversation, scene.agent)
    return "dropped: it was not sent"


CANNED: Sequence[Verb] = (
    Verb(
        "c",
        TITLE,
        "NAME [field=value ...]",
        steps=pick,
        help="Canned reply; then .send or .cancel",
    ),
    Verb("send", "Send the canned reply that you saw", "", send, told_with="c", sends=True),
    Verb("cancel", "Do not send the canned reply", "", cancel, told_with="c"),
)
