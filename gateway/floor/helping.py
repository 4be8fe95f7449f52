"""What can be said here: the answer to `.help`, and to a line that lacks something. All of it is made of the verbs."""

from collections.abc import Mapping

from gateway.floor.beginnings import AS
from gateway.floor.repertoire import VERBS
from gateway.floor.runs import BRAND
from gateway.floor.starting import START, TITLE
from gateway.model.desk import Form, Input, Told

READING: Mapping[str, str] = {"card": "Who it is and what was said", "help": "What can be done here"}
DESK_VERBS: Mapping[str, str] = {
    "available": "Take conversations",
    "away": "Take no conversations",
    "queue": "What waits",
    START: TITLE,
    "help": "What can be done here",
}
LEAVE = "leave"
NAMES = frozenset({*VERBS, *READING, *DESK_VERBS})
"""All commands of a chat."""
MENTIONED = NAMES | {AS, LEAVE}
"""All that the desk's own words may name."""

MOST_TAPS = 8
_ORDER = ("take", "decline", "card", "offer", "c", "note", "to", "bot", "close", "done")
"""What is needed most; the others behind it."""
_ALONE = "A command that lacks something says what: .offer, .close"
_ELSEWHERE = (
    "All else is said in the chat with a customer: .help there.",
    "As a form it is in this contact's menu, too, and asks who is meant.",
)
_SLASH = "A / does what the dot does, where your client lets it through"


def help_here(*, supervisor: bool, brands: int) -> str:
    """In the chat with a customer. brands: how many there are."""
    lines = {verb.name: f".{f'{verb.name} {verb.usage}'.strip()}: {verb.help or verb.title}" for verb in VERBS.values()}
    lines["card"] = f".card: {READING['card']}"
    left_out = {name for name, verb in VERBS.items() if verb.told_with or (verb.supervisors and not supervisor)}
    order = dict.fromkeys((*_ORDER, *lines))
    its = [lines[name] for name in order if name not in left_out]
    if brands > 1:
        its.append(f".{AS} BRAND LINE: Which is meant, where they talk with two brands")
    desk = ".queue: What waits; .away, .available: Take none, take some again"
    return "\n".join(["What you write here goes to the customer. For the desk:", *its, desk, _ALONE, _SLASH])


def help_at_the_desk(head: str = "This is the desk. Say:") -> str:
    """In the chat with the desk itself."""
    usage = {START: " NUMBER TEXT"}
    own = [f".{name}{usage.get(name, '')}: {title}" for name, title in DESK_VERBS.items()]
    return "\n".join([head, *own, *_ELSEWHERE, _SLASH])


def elsewhere_said(name: str) -> str:
    """Why a line does nothing at the desk. name: of its command."""
    if name in VERBS or name in READING:
        return f"not done: say .{name} in the chat with the customer; here it is a command with a form, which asks who"
    return f"there is no .{name[:40]} here; .help lists all"


def wanted(name: str, brand: str, form: Form) -> Told:
    """What a line must still say; with one tap, where it is one of few. brand: that it named."""
    asked = [one for one in form.inputs if one.required and one.name != BRAND]
    known = [(value, label) for one in asked for value, label in one.choices if value]
    none = [label for one in asked for value, label in one.choices if not value]
    if none and not known:
        return Told(none[0], refused=True)
    start = f".{AS} {brand} .{name}" if brand else f".{name}"
    taps = tuple((f"{start} {value}", label) for value, label in known) if len(known) <= MOST_TAPS else ()
    if not VERBS[name].usage and len(known) == 1:
        return Told(f"{known[0][1]}: {taps[0][0]} does it all the same", refused=True, choices=taps)
    lines = [f"say {start} {VERBS[name].usage}", *(line for one in asked for line in _choices(one))]
    return Told("\n".join(lines), refused=True, choices=taps if len(asked) == 1 else ())


def _choices(one: Input) -> list[str]:
    if one.choices and all(_same(value, label) for value, label in one.choices):
        return [f"one of {', '.join(value for value, _ in one.choices)}"]
    return [_choice(value, label) for value, label in one.choices]


def _choice(value: str, label: str) -> str:
    """A label may be said as well as its value: where it tells more than that, it is enough."""
    return label if "@" in value or label.endswith(f" {value}") else f"{value}: {label}"


def _same(value: str, label: str) -> bool:
    return value.replace("_", " ") == label
