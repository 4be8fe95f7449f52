"""`careline simulate`: a handler's conversation with no server: what it decides, and texts as customers see them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.care.rendering import BadText, Catalogue, MissingText
from gateway.cli.firing import WrongEvent, read_json
from gateway.cli.terminal import WRONG_USE, show_json, show_rich, tell
from gateway.model.segments import TooLong, count
from gateway.model.words import Compliance, compliance, normalise
from gateway.settings import Brand, ConfigError, Settings, load
from gateway.triggers import (
    SILENCE,
    AcceptOffer,
    BadData,
    Call,
    Close,
    DeclineOffer,
    Effect,
    Escalate,
    Handler,
    HandlerError,
    Link,
    NoStep,
    Registry,
    Remember,
    Reply,
    Say,
    Silence,
    StepError,
    Timeout,
    Turn,
    Wait,
    play,
)

if TYPE_CHECKING:
    from rich.table import Table

_CLOSED = "closed"
_TOKEN = "0123456789abcdef"  # noqa: S105  stands for the secret of a link; as long as a real one


class NotPlayed(Exception):
    """The play did not begin; the message says why and what to do."""

    def __init__(self, problem: str, status: int = WRONG_USE) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a play needs."""

    settings: Settings
    brand: Brand
    handler: Handler
    texts: Catalogue
    language: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Said:
    """A text as the customer would read it."""

    text: str
    parts: int
    characters: int
    encoding: str
    forced_by: str


@dataclass(slots=True)
class Step:
    """One turn of the play for showing. broken: why the play ended here."""

    moment: str
    customer: str = ""
    effects: list[str] = field(default_factory=list)
    texts: list[Said] = field(default_factory=list)
    state: str = ""
    note: str = ""
    broken: str = ""


def stage(config: Path, environ: dict[str, str], type_: str, data: str, language: str | None) -> Scene:
    """Loads what the play needs. Raises NotPlayed."""
    try:
        settings = load(config, environ).settings
        registry = Registry()
        registry.load(settings.handler_modules, settings.handlers.folders)
        brand = settings.brands[0]
        texts = Catalogue.load(settings.template_folders, brand.default_language)
        given = read_json(data)
    except (ConfigError, HandlerError, WrongEvent) as problem:
        raise NotPlayed(str(problem)) from problem
    handler = registry.get(type_)
    if handler is None:
        raise NotPlayed(f"no handler for {type_}{registry.suggest(type_)}")
    if not isinstance(given, dict):
        raise NotPlayed("--data is no JSON object")
    return Scene(settings, brand, handler, texts, language or brand.default_language, given)


def play_out(scene: Scene, replies: Sequence[str], *, silence: bool, results: Sequence[str]) -> list[Step]:
    """Plays to the end. A step that fails ends the play and is told in its turn. Raises NotPlayed for wrong data."""
    laws = [_law(scene, reply) for reply in replies]
    end = laws.index("stop") if "stop" in laws else len(replies)
    answers: list[str | Silence] = [reply for reply, law in zip(replies[:end], laws, strict=False) if law is None]
    if silence and end == len(replies):
        answers.append(SILENCE)
    chapters = _chapters(scene, answers, results)
    steps, left = chapters.pop(0), [repr(reply) for reply in replies[end + 1 :]]
    for reply, law in zip(replies[: end + 1], laws, strict=False):
        if steps[-1].broken:
            break
        if law is not None:
            steps.append(_overruled(scene, reply, law, steps[-1].state))
        elif chapters:
            steps += chapters.pop(0)
        else:
            left.append(repr(reply))
    if steps[-1].broken:
        return steps
    if silence and chapters:
        steps += chapters.pop(0)
    elif silence:
        left.append("silence")
    if left:
        steps[-1].note = f"{steps[-1].note}; not played: {', '.join(left)}".removeprefix("; ")
    return steps


def _chapters(scene: Scene, answers: Sequence[str | Silence], results: Sequence[str]) -> list[list[Step]]:
    """The start, and then each answer with what followed from it. Raises NotPlayed for wrong data."""
    chapters: list[list[Step]] = [[]]
    misses = scene.settings.rules.conversations.misses
    turns = play(scene.handler, scene.data, answers, language=scene.language, results=_results(results), misses=misses)
    try:
        for turn in turns:
            if isinstance(turn.moment, Reply | Timeout):
                chapters.append([])
            chapters[-1].append(_step(scene, turn))
            if chapters[-1][-1].broken:
                break
    except BadData as problem:
        raise NotPlayed(f"--data: {problem}") from problem
    except (StepError, NoStep) as problem:
        chapters[-1].append(Step("failed", broken=str(problem)))
    return chapters


def _law(scene: Scene, reply: str) -> Compliance | None:
    """Whether a reply is STOP, HELP or START: the gateway takes those above all handlers."""
    kinds: tuple[Compliance, ...] = ("start", "help", "stop")
    words = scene.settings.keywords.compliance_words
    return compliance(reply, extra={normalise(word): kind for kind in kinds for word in words(kind)})


_ABOVE: Mapping[Compliance, tuple[str, str]] = {
    "stop": ("system.stopped", "no more texts of this brand but emergencies, until START"),
    "help": ("system.help", "the handler does not see it"),
    "start": ("system.started", "texts are allowed again, confirmed once; the handler does not see it"),
}


def _overruled(scene: Scene, reply: str, law: Compliance, state: str) -> Step:
    """What the gateway does by itself with a word that the law gives a meaning."""
    key, effect = _ABOVE[law]
    step = Step(f"{law.upper()}, above all handlers", customer=reply, effects=[effect], state=state)
    if law == "stop" and state != _CLOSED:
        step.effects.append("close as opted_out")
        step.state = _CLOSED
    try:
        step.texts.append(_said(scene, Say(key, {})))
    except (BadText, MissingText, TooLong) as problem:
        step.broken = str(problem)
    return step


def _results(written: Sequence[str]) -> dict[str, Mapping[str, object]]:
    found: dict[str, Mapping[str, object]] = {}
    for one in written:
        action, equals, answer = one.partition("=")
        try:
            value = json.loads(answer)
        except ValueError:
            value = None
        if not equals or not isinstance(value, dict):
            raise NotPlayed(f'--result {one}: write it as rebook=\'{{"flight": "AA34"}}\'; a fulfilment is offer=...')
        found[action] = value
    return found


def _step(scene: Scene, turn: Turn) -> Step:
    step = Step(str(turn.moment), state=turn.state + (f" in {turn.step}" if turn.step else ""), note=turn.note)
    if isinstance(turn.moment, Reply):
        step.customer = turn.moment.text
    for effect in turn.effects:
        step.effects.append(_words(effect))
        if isinstance(effect, Say):
            try:
                step.texts.append(_said(scene, effect))
            except (BadText, MissingText, TooLong, StepError) as problem:
                step.broken = str(problem)
    return step


def _said(scene: Scene, effect: Say) -> Said:
    terms = scene.settings.offer(effect.offer, scene.brand.name) if effect.offer else None
    if effect.offer and terms is None:
        raise StepError(f"no offer {effect.offer!r} in offers.toml", scene.handler.type, effect.key, "")
    offer = {name: getattr(terms, name) for name in ("title", "price", "currency", "period")} if terms else None
    link = f"{scene.settings.http.public_url.rstrip('/')}/c/{_TOKEN}"
    fields: dict[str, object] = {
        "brand": scene.brand.display_name, "help": scene.brand.help_contact, "ask": True, "offer": offer,
        **{name: link if isinstance(value, Link) else value for name, value in effect.fields.items()},
    }  # fmt: skip
    text = scene.texts.render(effect.key, scene.language, fields, timezone=scene.brand.timezone)
    segments = count(text)
    return Said(text, segments.parts, segments.length, segments.encoding.value, segments.forcing or "")


def _words(effect: Effect) -> str:
    match effect:
        case Say(key, _, offer):
            return f"say {key}" + (f", offers {offer}" if offer else "")
        case Wait(step, timeout):
            return f"wait in {step}" + (f", at most {timeout / 3600:g} h" if timeout else "")
        case Close(disposition):
            return f"close as {disposition}"
        case Escalate(queue, why):
            return f"hand over to a person: queue {queue or 'of the brand'}" + (f", because {why!r}" if why else "")
        case AcceptOffer():
            return "accept the offer: the back office is called once"
        case DeclineOffer():
            return "decline the offer"
        case Call(backoffice, action, arguments):
            return f"ask {backoffice} to {action} {json.dumps(dict(arguments), ensure_ascii=False, default=str)}"
        case Remember(name, value):
            return f"remember {name} = {value!r}"


def show(scene: Scene, steps: Sequence[Step], *, as_json: bool) -> None:
    """The play, for people or programs."""
    if as_json:
        show_json({"type": scene.handler.type, "language": scene.language, "turns": [_plain(step) for step in steps]})
        return
    show_rich(*(_turn(scene, step) for step in steps))
    for step in steps:
        if step.broken:
            tell(step.broken)


def _plain(step: Step) -> dict[str, Any]:
    return {
        "moment": step.moment,
        "customer": step.customer or None,
        "texts": [
            {"text": said.text, "segments": said.parts, "units": said.characters, "encoding": said.encoding}
            for said in step.texts
        ],
        "effects": step.effects,
        "state": step.state,
        "note": step.note or None,
        "problem": step.broken or None,
    }


def _turn(scene: Scene, step: Step) -> "Table":
    """One turn: who said what, what it costs, what the handler decided, and where that leaves the conversation."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim", justify="right", min_width=max(9, len(scene.brand.display_name)))
    table.add_column(overflow="fold")
    table.add_row("", Text(step.moment, style="bold cyan"))
    if step.customer:
        table.add_row("customer", Text(step.customer, style="bold green"))
    for said in step.texts:
        cost = f"{said.parts} segment{'' if said.parts == 1 else 's'}, {said.characters} characters, {said.encoding}"
        cost += f" because of {said.forced_by!r}" if said.forced_by else ""
        table.add_row(scene.brand.display_name, Text(said.text, style="bold"))
        table.add_row("", Text(cost, style="dim" if said.parts == 1 else "yellow"))
    for effect in step.effects:
        table.add_row("effect", Text(effect))
    if step.note:
        table.add_row("note", Text(step.note, style="yellow"))
    table.add_row("now", Text(step.state or "failed", style="dim"))
    table.add_row("", "")
    return table
