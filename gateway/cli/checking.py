"""`careline check`: everything that can be known before it goes wrong at night. Reads, and changes nothing."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from gateway.app import live_problems, playbook_of
from gateway.care.rendering import Catalogue
from gateway.settings import DEFAULTS, ConfigError, Settings, load, nearest
from gateway.store.database import StoreProblem, sqlite_path
from gateway.store.outside import live_dialogues
from gateway.triggers import Handler, HandlerError, Mention, Registry

_OFFER = frozenset({"title", "price", "currency"})
SYSTEM_TEXTS: dict[str, frozenset[str]] = {
    "system.stopped": frozenset(),
    "system.help": frozenset(),
    "system.started": frozenset(),
    "system.not_understood": frozenset(),
    "system.no_agent": frozenset(),
    "system.outside_hours": frozenset({"opens"}),
    "system.still_working": frozenset(),
    "system.offer_fulfilled": frozenset({"title"}),
    "system.offer_failed": _OFFER,
    "system.offer_ended": frozenset({"title"}),
    "system.parked": frozenset(),
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
    registry = Registry()
    try:
        registry.load(settings.handler_modules, settings.handlers.folders)
    except HandlerError as problem:
        found.problems += str(problem).splitlines()
    found.problems += registry.problems()
    for handler in registry:
        _named(handler, settings, found)
    _keywords(settings, registry, found)
    if texts is not None:
        uses = _uses(registry, settings, texts)
        found.problems += map(str, texts.problems(uses))
    live = _live(settings, found) if not found.problems else 0
    found.summary = (
        f"ok: {len(settings.brands)} brands, {len(settings.carriers)} carriers, {len(registry)} handlers, "
        f"{len(settings.offers)} offers, {len(texts.keys) if texts else 0} texts in "
        f"{', '.join(texts.languages) if texts else 'no language'}, {live} live dialogues"
    )
    return found


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


def _keywords(settings: Settings, registry: Registry, found: Findings) -> None:
    file = settings.folder / "keywords.toml"
    types = {handler.type for handler in registry}
    for name in sorted(settings.keywords.handlers - types):
        hint = nearest(name, types) or f" (loaded: {', '.join(sorted(types)) or 'none'})"
        found.problems.append(f"{file}: handler {name!r} is not loaded{hint}")


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
