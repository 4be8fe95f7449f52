"""`careline check`: everything that can be known before it goes wrong at night. Reads, and changes nothing."""

import re
from collections.abc import Collection, Sized
from dataclasses import dataclass, field
from pathlib import Path

from gateway.app import live_problems, playbook_of
from gateway.care.rendering import Catalogue
from gateway.settings import DEFAULTS, ConfigError, GatewayFile, Settings, environment, load, nearest, reading
from gateway.settings.positions import Path as KeyPath
from gateway.settings.problem import Source
from gateway.store.database import StoreProblem, sqlite_path
from gateway.store.outside import live_dialogues
from gateway.triggers import Handler, HandlerError, Mention, Registry

_NO_MODULE = re.compile(r"handlers\.load: (?P<said>(?:no module )?'?(?P<name>[^\s;']+).*)")
_OFFER = frozenset({"title", "price", "currency"})
SYSTEM_TEXTS: dict[str, frozenset[str]] = {
    "system.stopped": frozenset(),
    "system.help": frozenset(),
    "system.started": frozenset(),
    "system.not_understood": frozenset(),
    "system.no_agent": frozenset({"place", "minutes"}),
    "system.outside_hours": frozenset({"opens"}),
    "system.takes_longer": frozenset({"place", "minutes"}),
    "system.still_working": frozenset(),
    "system.offer_fulfilled": frozenset({"title"}),
    "system.offer_failed": _OFFER,
    "system.offer_ended": frozenset({"title"}),
    "system.parked": frozenset(),
    "system.correction": frozenset({"text"}),
    "system.csat": frozenset(),
    "system.csat_thanks": frozenset(),
    "system.agent_offer": _OFFER | {"period"},
}
"""What the gateway says by itself, and the fields that it gives (gateway/care)."""


@dataclass(slots=True)
class Findings:
    """What was found; each line is `file:line: key: problem`. summary: what was looked at."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    summary: str = "ok"


def examine(folder: Path, environ: dict[str, str]) -> Findings:
    """Looks at all there is, so that one run tells everything."""
    found = Findings()
    settings = _settings(folder, environ, found)
    if settings is None:
        _texts([DEFAULTS / "templates", folder / "templates"], "en", found)  # wrong texts show in the same run
        return found
    texts = _texts(settings.template_folders, settings.brands[0].default_language, found)
    registry, places = Registry(), _Places(folder, environ)
    try:
        registry.load(settings.handler_modules, settings.handlers.folders)
    except HandlerError as problem:
        found.problems += [places.of_module(line) for line in str(problem).splitlines()]
    found.problems += registry.problems()
    for handler in registry:
        _named(handler, settings, found)
    _keywords(settings, registry, places, found)
    if texts is not None:
        uses = _uses(registry, settings, texts)
        found.problems += map(str, texts.problems(uses))
    live = _live(settings, found) if not found.problems else 0
    counted: dict[str, Sized] = {
        "brand": settings.brands,
        "carrier": settings.carriers,
        "handler": registry,
        "offer": settings.offers,
    }
    found.summary = (
        f"ok: {', '.join(_count(len(things), name) for name, things in counted.items())}, "
        f"{_count(len(texts.keys) if texts else 0, 'text')} in "
        f"{', '.join(texts.languages) if texts else 'no language'}, {_count(live, 'live dialogue')}"
    )
    return found


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


class _Places:
    """Where gateway.toml and keywords.toml name a handler, for what only its import can tell."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._gateway = reading.read(folder / "gateway.toml", [])
        if self._gateway is not None:
            environment.apply(GatewayFile, self._gateway, environ)
        file = folder / "keywords.toml"
        self._keywords = reading.read(file, []) if file.exists() else None

    def of_module(self, told: str) -> str:
        """A line of the registry, with its place where a module is not there."""
        wrong = _NO_MODULE.match(told)
        if wrong is None:
            return told
        source = self._gateway
        loaded = self._value(source, ("handlers", "load"))
        if source is not None and isinstance(loaded, list) and wrong["name"] in loaded:
            return str(source.problem(("handlers", "load", loaded.index(wrong["name"])), wrong["said"]))
        return self.of_keyword(wrong["name"], wrong["said"]) or told

    def of_keyword(self, handler: str, said: str) -> str:
        """The line of keywords.toml that names a handler, and what is wrong there; "" where none does."""
        source = self._keywords
        if source is None:
            return ""
        paths: list[KeyPath] = [("default_handler",)]
        for table, key in (("brands", "default_handler"), ("keywords", "handler")):
            entries = source.data.get(table)
            if isinstance(entries, dict):
                paths += [(table, name, key) for name in entries]
            elif isinstance(entries, list):
                paths += [(table, place, key) for place in range(len(entries))]
        found = next((path for path in paths if self._value(source, path) == handler), None)
        return str(source.problem(found, said)) if found is not None else ""

    @staticmethod
    def _value(source: Source | None, path: KeyPath) -> object:
        node: object = source.data if source is not None else None
        for step in path:
            if isinstance(node, dict):
                node = node.get(str(step))
            else:
                node = node[step] if isinstance(node, list) and isinstance(step, int) else None
        return node


def _settings(folder: Path, environ: dict[str, str], found: Findings) -> Settings | None:
    try:
        loaded = load(folder, environ)
    except ConfigError as problem:
        found.problems += map(str, problem.problems)
        return None
    found.warnings += map(str, loaded.warnings)
    return loaded.settings


def _texts(folders: Collection[Path], language: str, found: Findings) -> Catalogue | None:
    try:
        return Catalogue.load(list(folders), language)
    except ConfigError as problem:
        found.problems += map(str, problem.problems)
        return None


def _named(handler: Handler, settings: Settings, found: Findings) -> None:
    """Offers, queues and back offices that a handler's steps name."""
    offers = {offer.name for offer in settings.offers}
    queues = {queue.name for queue in settings.queues}
    offices = {office.name for office in settings.backoffice}
    for mention in dict.fromkeys(handler.mentions()):
        place = f"{mention.where}: {handler.type}"
        if mention.kind == "offer" and mention.name and mention.name not in offers:
            found.problems.append(f"{place}: no offer {mention.name!r} in offers.toml{nearest(mention.name, offers)}")
        elif mention.kind == "escalate" and mention.name and mention.name not in queues:
            _missing(found, f"{place}: no [[queues]] {mention.name!r}", mention.name, queues,
                     "conversations go to the brand's default queue")  # fmt: skip
        elif mention.kind == "call" and mention.backoffice and mention.backoffice not in offices:
            _missing(found, f"{place}: no [[backoffice]] {mention.backoffice!r}", mention.backoffice, offices,
                     "the call fails, and a person takes over")  # fmt: skip


def _missing(found: Findings, told: str, name: str, known: Collection[str], instead: str) -> None:
    """A slip of the pen is a problem; what this installation simply does not have is a warning."""
    if hint := nearest(name, known):
        found.problems.append(told + hint)
    else:
        found.warnings.append(f"{told}: {instead}")


def _keywords(settings: Settings, registry: Registry, places: _Places, found: Findings) -> None:
    types = {handler.type for handler in registry}
    for name in sorted(settings.keywords.handlers - types):
        hint = nearest(name, types) or f" (loaded: {', '.join(sorted(types)) or 'none'})"
        said = f"handler {name!r} is not loaded{hint}"
        found.problems.append(places.of_keyword(name, said) or f"{settings.folder / 'keywords.toml'}: {said}")


def _uses(registry: Registry, settings: Settings, texts: Catalogue) -> dict[str, set[str]]:
    """Each text that is said somewhere, with the fields that all who say it give."""
    uses = {key: set(fields) for key, fields in SYSTEM_TEXTS.items()}
    for handler in registry:
        for mention in handler.mentions():
            if mention.kind == "say" and mention.name:
                given = set(mention.fields) | (_own_fields(mention, texts) if mention.open else set())
                uses.setdefault(mention.name, given).intersection_update(given)
    for keyword in settings.keywords.keywords:
        if keyword.say is not None:
            uses.setdefault(keyword.say, set()).clear()
    return uses


def _own_fields(mention: Mention, texts: Catalogue) -> set[str]:
    """`say(..., **result)` may give anything: what the text wants can only be known when it runs."""
    fields: set[str] = set()
    for language in texts.languages:
        try:
            fields |= texts.text(mention.name, language).fields
        except LookupError:
            continue  # missing: said by Catalogue.problems
    return fields


def _live(settings: Settings, found: Findings) -> int:
    """Conversations that wait where the code has no step, when the database exists. The number of live dialogues."""
    try:
        live = live_dialogues(sqlite_path(settings.store.url))
    except StoreProblem as problem:
        found.warnings.append(f"{problem}; live conversations were not looked at")
        return 0
    found.problems += live_problems(playbook_of(settings), live)
    return sum(live.values())
