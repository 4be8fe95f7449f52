"""Loads a configuration folder: files, defaults, environment, secrets; all problems of all files in one go."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from gateway.settings import checks, environment, layout, reading
from gateway.settings.gateway_file import GatewayFile
from gateway.settings.policy import Keyword, KeywordsFile, Offer, OffersFile, Rules
from gateway.settings.problem import ConfigError, Problem, Source
from gateway.settings.shapes import Section, nearest

DEFAULTS = Path(__file__).parent.parent / "defaults"
"""What ships in the wheel: offers.toml, keywords.toml, rules.toml, templates/."""

FILES: Mapping[str, type[Section]] = {
    "gateway.toml": GatewayFile,
    "rules.toml": Rules,
    "keywords.toml": KeywordsFile,
    "offers.toml": OffersFile,
}
_MOST_BYTES_OF_A_SECRET = 10_000


class Settings(GatewayFile):
    """A whole configuration: the keys of gateway.toml, and what the other files say."""

    folder: Path = Field(description="the configuration folder")
    rules: Rules = Field(description="rules.toml over the shipped one")
    keywords: KeywordsFile = Field(description="keywords.toml and the shipped one")
    offers: tuple[Offer, ...] = Field(description="offers.toml and the shipped ones it does not replace")

    @property
    def template_folders(self) -> tuple[Path, ...]:
        """Where texts are: the shipped ones, then the operator's, which win key by key."""
        return (DEFAULTS / "templates", self.folder / "templates")

    @property
    def handler_modules(self) -> tuple[str, ...]:
        """What to import: `handlers.load`, and the modules of handlers that keywords name (`welcome`, `balance`)."""
        named = sorted(name for name in self.keywords.handlers if name.isidentifier())
        return tuple(dict.fromkeys((*self.handlers.load, *named)))

    def default_queue(self, brand: str) -> str | None:
        """Where a brand's conversations go when a handler names no queue: by rules.toml, else the brand's first."""
        own = self.rules.brands.get(brand)
        return own.default_queue if own else next((queue.name for queue in self.queues if queue.brand == brand), None)

    def offer(self, name: str, brand: str) -> Offer | None:
        """The offer of that name that a brand makes."""
        return next((o for o in self.offers if o.name == name and o.brand in (brand, None)), None)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration without problems, and what its operator should know all the same."""

    settings: Settings
    warnings: tuple[Problem, ...]


def load(folder: Path, environ: Mapping[str, str]) -> Loaded:
    """Reads and checks a configuration folder.

    Args:
        folder: holds gateway.toml, and where wanted rules.toml, keywords.toml, offers.toml, templates/.
        environ: environment variables; those that begin with CARELINE_ count.

    Raises:
        ConfigError: with all problems of all files.
    """
    problems: list[Problem] = []
    sources = {name: _source(folder, name, problems) for name in FILES}
    gateway_source = sources["gateway.toml"]
    if gateway_source:
        problems += environment.apply(GatewayFile, gateway_source, environ)
        _secrets(gateway_source, folder, problems)
        _absolute_paths(gateway_source, folder)
    # Not one `and` chain: each file is checked even when another is wrong, so that one run tells everything.
    gateway = reading.validated(GatewayFile, gateway_source, problems) if gateway_source else None
    rules = _rules(sources["rules.toml"], problems)
    keywords = _file(KeywordsFile, sources["keywords.toml"], problems)
    offers = _file(OffersFile, sources["offers.toml"], problems)
    warnings = _unread(folder)
    if gateway and gateway_source:
        found = checks.Findings(gateway, gateway_source)
        checks.check_gateway(found)
        checks.check_languages(found, (DEFAULTS / "templates", folder / "templates"))
        checks.check_policy(found, (sources["offers.toml"], offers), (sources["keywords.toml"], keywords))
        checks.check_rules(found, sources["rules.toml"], rules)
        problems += found.problems
        warnings += found.warnings
    if problems or not (gateway and rules and keywords and offers):
        raise ConfigError(sorted(set(problems)))
    settings = Settings.model_construct(
        **{name: getattr(gateway, name) for name in GatewayFile.model_fields},
        folder=folder.absolute(),
        rules=rules,
        keywords=_merged_keywords(keywords),
        offers=_merged_offers(offers),
    )
    warnings += checks.check_offers_fulfilled(settings.offers, gateway, sources["offers.toml"])
    return Loaded(settings, tuple(sorted(set(warnings))))


def _source(folder: Path, name: str, problems: list[Problem]) -> Source | None:
    """A file of the folder; one that is not there is empty, gateway.toml excepted."""
    path = folder / name
    if path.exists() or path.is_symlink():
        return reading.read(path, problems)
    if name != "gateway.toml":
        return Source(str(path), {})
    problems.append(Problem(str(path), 0, "", "is not there; name the configuration folder by --config DIR"))
    return None


def _file(schema: type[reading.SchemaT], source: Source | None, problems: list[Problem]) -> reading.SchemaT | None:
    return reading.validated(schema, source, problems) if source else None


def shipped(name: str, schema: type[reading.SchemaT]) -> reading.SchemaT:
    """A file of the defaults in the wheel, typed.

    Raises:
        ConfigError: the installation is damaged.
    """
    problems: list[Problem] = []
    source = reading.read(DEFAULTS / name, problems)
    content = reading.validated(schema, source, problems) if source else None
    if content is None:
        raise ConfigError(problems)
    return content


def _secrets(source: Source, folder: Path, problems: list[Problem]) -> None:
    """Puts the content of password_file, secret_file, key_file in the place of password, secret, key."""
    for section, table, path in layout.tables(GatewayFile, source.data):
        for name in layout.secrets(section):
            written, file = table.get(name), table.get(f"{name}_file")
            if not isinstance(file, str):
                continue  # absent, or of a wrong type, which the schema will say
            if (*path, name) in source.overrides:
                continue  # the environment wins over the file
            if written is not None:
                problems.append(source.problem((*path, name), f"stands beside {name}_file; keep one of them"))
                continue
            try:
                table[name] = _secret(folder / file)
            except OSError as error:
                table[name] = "unread"  # one problem for one mistake: not "is missing" as well
                why = f"{str(folder / file)!r} cannot be read: {error.strerror or error}"
                problems.append(source.problem((*path, f"{name}_file"), why))


def _secret(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES_OF_A_SECRET)
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise OSError("it is not text") from None
    if not secret:
        raise OSError("it is empty")
    return secret


def _absolute_paths(source: Source, folder: Path) -> None:
    for section, table, _ in layout.tables(GatewayFile, source.data):
        for key in layout.keys(section).values():
            if not layout.is_path(key):
                continue
            held: Any = table.get(key.name)
            if isinstance(held, str):
                table[key.name] = str((folder / held).absolute())
            elif isinstance(held, list):
                table[key.name] = [str((folder / one).absolute()) if isinstance(one, str) else one for one in held]


def _rules(source: Source | None, problems: list[Problem]) -> Rules | None:
    """The operator's rules over the shipped ones, key by key; lists are replaced whole."""
    own_problems: list[Problem] = []
    base = reading.read(DEFAULTS / "rules.toml", own_problems)
    if base is None:
        raise ConfigError(own_problems)
    if source is None:
        return None
    merged = Source(source.file, _over(base.data, source.data), source.lines)
    return reading.validated(Rules, merged, problems)


def _over(below: dict[str, object], above: dict[str, object]) -> dict[str, object]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _merged_offers(own: OffersFile) -> tuple[Offer, ...]:
    names = {offer.name for offer in own.offers}
    return own.offers + tuple(offer for offer in shipped("offers.toml", OffersFile).offers if offer.name not in names)


def _merged_keywords(own: KeywordsFile) -> KeywordsFile:
    """The operator's keywords first, since the first that fits counts; compliance words of both."""
    base = shipped("keywords.toml", KeywordsFile)
    languages = {*base.compliance, *own.compliance}
    claimed = {claim for keyword in own.keywords for claim in checks.claims(keyword)}
    below = [_without(keyword, claimed) for keyword in base.keywords]
    return KeywordsFile.model_construct(
        default_handler=own.default_handler or base.default_handler,
        brands={**base.brands, **own.brands},
        compliance={language: checks.joined(base, own, language) for language in sorted(languages)},
        keywords=own.keywords + tuple(keyword for keyword in below if keyword.words),
    )


def _without(keyword: Keyword, claimed: set[checks.Claim]) -> Keyword:
    kept = [word for word, claim in zip(keyword.words, checks.claims(keyword), strict=True) if claim not in claimed]
    return keyword.model_copy(update={"words": tuple(kept)})


def _unread(folder: Path) -> list[Problem]:
    """TOML files that nobody reads: most often a misspelt name."""
    strange = sorted(path for path in folder.glob("*.toml") if path.name not in FILES)
    return [Problem(str(path), 0, "", f"is not read{nearest(path.name, FILES)}") for path in strange]
