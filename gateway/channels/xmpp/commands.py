"""Ad-hoc commands (XEP-0050) with data forms (XEP-0004). Nothing is kept between the steps of one: the form that comes
back says all, under the id of a session that is for this command, contact and agent alone.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.channels.xmpp.sessions import Sessions
from gateway.channels.xmpp.writing import attributes, escape
from gateway.model.desk import Form, Input, Told
from gateway.model.rows import replace

NS_COMMANDS = "http://jabber.org/protocol/commands"
NS_DATA = "jabber:x:data"
PREFIX = "careline#"
NOTHING = "(none)"
"""Chosen, it is no value: an empty one kills profanity 0.13."""

_NODE = re.compile(r"careline#[a-z][a-z0-9_-]{0,63}", re.ASCII)
_FIELDS = 50
_LONGEST_VALUE = 10_000  # characters
_LONGEST_SESSION = 256
_LONGEST_TITLE = 100
_FIRST = ("execute", "complete", "next")
_COMPLETE = "<actions execute='complete'><complete/></actions>"
_NEXT = "<actions execute='next'><next/><complete/></actions>"
"""XEP-0050, 3.4: `complete` as well, since a command may ask nothing else, and some clients know no `next`."""


class BadCommand(ValueError):
    """It cannot be run; the message says why, `condition` is the error to answer with. specific: what XEP-0050, 4.4
    calls it, "" = nothing.
    """

    def __init__(self, text: str, condition: tuple[str, str], specific: str = "") -> None:
        super().__init__(text)
        self.condition, self.specific = condition, specific

    @property
    def details(self) -> str:
        """The element that says so."""
        return f"<{self.specific} xmlns='{NS_COMMANDS}'/>" if self.specific else ""


@dataclass(frozen=True, slots=True)
class Command:
    """What an agent runs. values: of the form, None = it was not shown yet."""

    node: str
    session: str
    values: Mapping[str, str] | None
    cancelled: bool = False

    @property
    def verb(self) -> str:
        """Its name among ours."""
        return self.node.removeprefix(PREFIX)

    def cancel(self) -> str:
        """The answer to a cancellation (XEP-0050, 2.4.4)."""
        return self.render("canceled", "")

    def render(self, status: str, inner: str) -> str:
        """A command element with that inside."""
        tag = attributes(node=self.node, sessionid=self.session, status=status)
        return f"<command xmlns='{NS_COMMANDS}'{tag}>{inner}</command>"


def is_node(node: str) -> bool:
    """Whether it can be the node of a verb."""
    return _NODE.fullmatch(node) is not None


def read_command(element: ET.Element, sessions: Sessions) -> Command:
    """What a command element asks for. sessions: of who asks, with whom they ask.

    Raises:
        BadCommand: it is none of ours, its form is too large, or its session is that of another command.
    """
    node, action = element.get("node", ""), element.get("action", "execute")
    if not is_node(node):
        raise BadCommand("There is no such command.", ("cancel", "item-not-found"))
    session = element.get("sessionid", "")
    form = element.find(f"{{{NS_DATA}}}x")
    cancelled = action == "cancel" or (form is not None and form.get("type") == "cancel")
    if not cancelled and action not in _FIRST:
        raise BadCommand("There is no such step.", ("modify", "bad-request"), "malformed-action")
    # Without a session it begins one; a form that is filled in at once says by its node what it is for.
    begins = not session and (action == "execute" or form is not None)
    if not begins and not (len(session) <= _LONGEST_SESSION and sessions.knows(node, session)):
        why = "This form was not shown here for this command, so nothing was done: open the command again."
        raise BadCommand(why, ("modify", "bad-request"), "bad-sessionid")
    if form is not None and not cancelled:
        values: Mapping[str, str] | None = _values(form)
    else:
        values = None if action == "execute" else {}
    return Command(node, session or sessions.begun(node), values, cancelled)


def render_told(command: Command, told: Told) -> str:
    """What came of a command, as a command element."""
    if told.form is not None:
        note = _note("error" if told.refused else "info", told.text)
        return command.render(
            "executing", (_NEXT if told.form.more else _COMPLETE) + _form(_with_note(told.form, told)) + note
        )
    return command.render("completed", _note("error" if told.refused else "info", told.text))


def _with_note(form: Form, told: Told) -> Form:
    """profanity shows no note beside a form but its instructions, poezio its title alone: there it stands as well."""
    if not told.text:
        return form
    title = " ".join(f"{form.title}: {told.text}".split())[:_LONGEST_TITLE]
    return replace(form, title=title, text="\n".join(filter(None, (told.text, form.text))))


def _note(kind: str, text: str) -> str:
    return f"<note type='{kind}'>{escape(text)}</note>" if text else ""


def _form(form: Form) -> str:
    inner = f"<title>{escape(form.title)}</title>" if form.title else ""
    inner += f"<instructions>{escape(form.text)}</instructions>" if form.text else ""
    return f"<x xmlns='{NS_DATA}' type='form'>{inner}{''.join(map(_field, form.inputs))}</x>"


def _field(field: Input) -> str:
    kind = "list-single" if field.choices else "text-multi" if field.lines else "text-single"
    kind = "hidden" if field.hidden else kind
    inner = "<required/>" if field.required else ""
    if field.value:
        values = field.value.split("\n") if kind == "text-multi" else [field.value]
        inner += "".join(f"<value>{escape(value)}</value>" for value in values)
    choices = field.choices
    if field.required and not field.value and all(value for value, _ in choices) and choices:
        # Some clients choose the first by themselves (poezio, Converse): nothing is done that nobody chose.
        choices = (("", "choose one"), *choices)
    inner += "".join(
        f"<option{attributes(label=label)}><value>{escape(value or NOTHING)}</value></option>"
        for value, label in choices
    )
    return f"<field{attributes(var=field.name, type=kind, label=field.label)}>{inner}</field>"


def _values(form: ET.Element) -> dict[str, str]:
    fields = form.findall(f"{{{NS_DATA}}}field")
    if len(fields) > _FIELDS:
        raise BadCommand(f"The form has more than {_FIELDS} fields.", ("modify", "policy-violation"))
    values: dict[str, str] = {}
    for field in fields:
        name = field.get("var", "")
        value = "\n".join(found.text or "" for found in field.findall(f"{{{NS_DATA}}}value"))
        if len(value) > _LONGEST_VALUE or len(name) > _LONGEST_VALUE:
            raise BadCommand(f"A field has more than {_LONGEST_VALUE:,} characters.", ("modify", "policy-violation"))
        if name:
            values[name] = "" if value == NOTHING else value
    return values
