"""The catalogue of texts: `templates/<lang>/<file>.toml`, the operator's over the shipped ones, rendered late.

`overage.notice` in `plan.toml` is the key `plan.overage.notice`. Texts are Jinja2, cut down to what a text of 160
characters needs: fields, `if`, comparisons and filters. No loops, calls, arithmetic: none can hang or blow up.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from babel import Locale, UnknownLocaleError
from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.care import wording
from gateway.settings import reading
from gateway.settings.problem import ConfigError, Problem
from gateway.settings.shapes import nearest

LONGEST = 2000
"""Characters of a text, as written and as rendered."""

ALWAYS = frozenset({"brand", "help", "ask", "offer"})
"""Fields that every text has beside those that its handler gives."""

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.List,
    nodes.Tuple,
)
_MOST_FOUND = 10_000
_FILTERS = frozenset({*wording.FILTERS, "upper", "lower", "capitalize", "title", "trim", "default", "length"})
_TESTS = frozenset({"defined", "undefined", "none", "eq", "ne", "lt", "le", "gt", "ge", "in", "string", "number"})
_TAGS: dict[type[nodes.Node], str] = {
    nodes.For: "{% for %}",
    nodes.Call: "calls",
    nodes.Assign: "{% set %}",
    nodes.Macro: "{% macro %}",
}
# What a template can raise besides Jinja's own errors: wrong fields in comparisons and filters.
_FAULTS = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)
_UNCOMPILABLE = (TemplateError, SyntaxError, RecursionError, MemoryError, ValueError, OverflowError)


class MissingText(LookupError):
    """No language of the chain has the key; the message says where to write it."""


class BadText(ValueError):
    """The text cannot be rendered with these fields; the message says which text, why and what to do."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text of one language.

    fields: those that it uses. template: None where it has no markup, and is said as it is. pieces: of a text that only
    puts fields between its words, as most do, words and names of fields by turns: a tenth of a template's work.
    """

    source: str
    file: str
    line: int
    fields: frozenset[str] = frozenset()
    template: Template | None = None
    pieces: tuple[str, ...] | None = None


class Catalogue:
    """All texts in all languages."""

    def __init__(
        self, texts: Mapping[str, Mapping[str, Text]], default_language: str = "en", folder: Path = Path("templates")
    ) -> None:
        # folder: where an operator writes texts that are missing.
        self._texts = texts
        self._folder = folder
        self._default = default_language
        self._chains: dict[str, tuple[str, ...]] = {}
        self._found: dict[tuple[str, str], Text] = {}

    @staticmethod
    def load(folders: Sequence[Path], default_language: str = "en") -> "Catalogue":
        """Reads and compiles all texts. Of the same key in several folders the last folder's counts.

        Raises:
            ConfigError: with all problems of all files.
        """
        problems: list[Problem] = []
        texts: dict[str, dict[str, Text]] = {}
        compilers: dict[str, Compiler] = {}
        for file in (file for folder in folders for file in sorted(folder.glob("*/*.toml"))):
            language = tag_of(file.parent.name)
            if language is None:
                problems.append(Problem(str(file.parent), 0, "", "is no language tag such as en, es or es-MX"))
                continue
            compiler = compilers.setdefault(language, Compiler(language))
            texts.setdefault(language, {}).update(_texts_of(file, compiler, problems))
        if problems:
            raise ConfigError(sorted(set(problems)))
        return Catalogue(texts, tag_of(default_language) or default_language, folders[-1])

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have texts."""
        return tuple(sorted(self._texts))

    @property
    def keys(self) -> frozenset[str]:
        """Keys of all languages."""
        return frozenset(key for texts in self._texts.values() for key in texts)

    def text(self, key: str, language: str) -> Text:
        """The text of the language, or of the nearest that has it: es-MX, es, the default language.

        Raises:
            MissingText: none of them has it.
        """
        known = self._found.get((key, language))
        if known is not None:
            return known
        for tag in self._chain(language):
            found = self._texts.get(tag, {}).get(key)
            if found is not None:
                if len(self._found) < _MOST_FOUND:  # the customers' languages are input from outside
                    self._found[key, language] = found
                return found
        file, _, rest = key.partition(".")
        there = [tag for tag in self.languages if key in self._texts[tag]]
        hint = f" (it is there in {', '.join(there)})" if there else nearest(key, self.keys)
        raise MissingText(
            f"no text {key!r} in {' or '.join(self._chain(language))}{hint}; "
            f"write {rest or 'it'} in templates/{self._default}/{file}.toml"
        )

    def render(self, key: str, language: str, fields: Mapping[str, object], *, timezone: str) -> str:
        """The text with its fields, times in the zone.

        Raises:
            MissingText: no language has the key.
            BadText: a field is missing or of the wrong kind, or the result is too long.
        """
        text = self.text(key, language)
        try:
            return fill(text, fields, timezone=timezone)
        except BadText as error:
            raise BadText(f"text {key!r} in {language!r} ({text.file}:{text.line}): {error}") from None

    def problems(self, uses: Mapping[str, Collection[str]]) -> list[Problem]:
        """What `careline check` says: each key in all languages, with no field that is not given.

        Args:
            uses: key -> fields that the handler (or keyword, or the gateway itself) gives.
        """
        problems = [problem for key, given in uses.items() for problem in self._misused(key, given)]
        for texts in self._texts.values():
            for key, text in texts.items():
                # A key that nobody uses is the operator's own business, unless it looks like a slip of the pen.
                if key not in uses and key not in self._texts.get(self._default, {}) and (hint := nearest(key, uses)):
                    problems.append(Problem(text.file, text.line, key, f"no text of this key is ever said{hint}"))
        return sorted(set(problems))

    def _misused(self, key: str, given: Collection[str]) -> Iterator[Problem]:
        for language in self.languages or (self._default,):
            own = [tag for tag in self._chain(language) if tag.partition("-")[0] == language.partition("-")[0]]
            text = next((self._texts[tag][key] for tag in own if key in self._texts.get(tag, {})), None)
            if text is None:
                file, _, rest = key.partition(".")
                near = nearest(key, self._texts.get(language, {}))
                yield Problem(
                    str(self._folder / own[-1] / f"{file}.toml"), 0, rest or key, f"this text is missing{near}"
                )
                continue
            known = ALWAYS.union(given)
            for field in sorted(text.fields - known):
                hint = nearest(field, known) or f" (given: {', '.join(sorted(known))})"
                yield Problem(text.file, text.line, key, f"field {field!r} is not given to this text{hint}")

    def _chain(self, language: str) -> tuple[str, ...]:
        chain = self._chains.get(language)
        if chain is None:
            tag = tag_of(language) or self._default
            chain = tuple(dict.fromkeys((tag, tag.partition("-")[0], self._default)))
            if len(self._chains) < 1000:  # the customers' languages are input from outside
                self._chains[language] = chain
        return chain


def _pieces(tree: nodes.Template) -> tuple[str, ...] | None:
    """Words, a field, words, a field, words ... of a text that is nothing else."""
    found: list[str] = [""]
    for part in tree.body:
        for piece in part.nodes if isinstance(part, nodes.Output) else (part,):
            if isinstance(piece, nodes.TemplateData):
                found[-1] += piece.data
            elif isinstance(piece, nodes.Name):
                found += (piece.name, "")
            else:
                return None
    return tuple(found)


def _joined(pieces: tuple[str, ...], fields: Mapping[str, object]) -> str | None:
    """The text of `pieces`; None where a field is not given, which the template says better."""
    said = list(pieces)
    for place in range(1, len(pieces), 2):
        name = pieces[place]
        if name not in fields:
            return None
        value = fields[name]
        said[place] = value if type(value) is str and len(value) <= LONGEST else str(_shown(value))
    return "".join(said)


def fill(text: Text, fields: Mapping[str, object], *, timezone: str) -> str:
    """The text with its fields, times in the zone. Raises BadText: a field is missing, of the wrong kind, or ..."""
    if text.template is None:
        return text.source
    try:
        said = _joined(text.pieces, fields) if text.pieces is not None else None
        if said is None:
            said = text.template.render({**fields, wording.TIMEZONE: timezone})
    except UndefinedError as error:
        given = ", ".join(sorted(fields)) or "none"
        raise BadText(f"{error}; fields given: {given}; correct the text or the handler") from None
    except _FAULTS as fault:
        raise BadText(f"{_said(fault)}; correct the text or the field") from None
    if not said.strip():
        raise BadText("is empty with these fields; correct its {% if %}")
    if len(said) > LONGEST:
        raise BadText(f"is {len(said)} characters long, at most {LONGEST} go; shorten it")
    return said


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def tag_of(language: str) -> str | None:
    """`es_mx` -> `es-MX`; None for what is no language."""
    try:
        locale = Locale.parse(language.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError, TypeError):
        return None
    return "-".join(part for part in (locale.language, locale.script, locale.territory) if part)


def _texts_of(file: Path, compiler: "Compiler", problems: list[Problem]) -> dict[str, Text]:
    source = reading.read(file, problems)
    if source is None:
        return {}
    found = {}
    for path, value in _flat(source.data):
        line, key = source.lines.get(path, 0), ".".join((file.stem, *path))
        try:
            found[key] = compiler.compiled(value, str(file), line)
        except BadText as error:
            problems.append(Problem(str(file), line, ".".join(path), str(error)))
    return found


def _flat(table: Mapping[str, object], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*above, name))
        else:
            yield (*above, name), value


class Compiler:
    """Compiles the texts of one language, of the catalogue and of care staff."""

    def __init__(self, language: str) -> None:
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_shown, cache_size=0)
        environment.globals.clear()  # range, lipsum, cycler ...: nothing that a text needs
        environment.filters = {name: environment.filters[name] for name in _FILTERS.difference(wording.FILTERS)}
        environment.filters.update(wording.filters(language))
        environment.tests = {name: environment.tests[name] for name in _TESTS}
        self._environment = environment

    def compiled(self, source: object, file: str, line: int) -> Text:
        """One text, ready to be rendered. Raises BadText."""
        if not isinstance(source, str):
            raise BadText("must be text, in quotes")
        if len(source) > LONGEST:
            raise BadText(f"is {len(source)} characters long, at most {LONGEST} go")
        if not source.strip():
            raise BadText("is empty")
        if "{" not in source:
            return Text(source, file, line)
        try:
            tree = self._environment.parse(source)
            _refuse_what_is_more(tree.find_all(nodes.Node))
            fields = frozenset(meta.find_undeclared_variables(tree))
            return Text(source, file, line, fields, self._environment.from_string(source), _pieces(tree))
        except BadText:
            raise
        except _UNCOMPILABLE as error:
            raise BadText(f"is no text: {_said(error)}") from None


def _refuse_what_is_more(parts: Iterable[nodes.Node]) -> None:
    for part in parts:
        if not isinstance(part, _ALLOWED):
            what = _TAGS.get(type(part), type(part).__name__.lower())
            raise BadText(f"uses {what}; texts may use fields, {{% if %}}, comparisons and filters only")
        if isinstance(part, nodes.Filter) and part.name not in _FILTERS:
            raise BadText(
                f"uses the filter {part.name!r}{nearest(part.name, _FILTERS)}; known: {', '.join(sorted(_FILTERS))}"
            )
        if isinstance(part, nodes.Test) and part.name not in _TESTS:
            raise BadText(
                f"uses the test {part.name!r}{nearest(part.name, _TESTS)}; known: {', '.join(sorted(_TESTS))}"
            )
        if isinstance(part, nodes.Getitem) and not isinstance(part.arg, nodes.Const):
            raise BadText("may use only a name or number in [ ]")
        name = part.name if isinstance(part, nodes.Name) else part.attr if isinstance(part, nodes.Getattr) else ""
        if name.startswith("_"):
            raise BadText(f"uses {name!r}; names that begin with _ are not given")


def _shown(value: object) -> object:
    """What `{{ }}` may put into a text; None and True would be read by customers."""
    if value is None or isinstance(value, bool):
        raise BadText(f"{value} would be shown; put it behind {{% if %}}")
    if isinstance(value, str) and len(value) > LONGEST:
        raise BadText(f"a field is {len(value)} characters long, at most {LONGEST} go")
    if isinstance(value, Mapping | list | tuple):
        raise BadText("a whole list or table would be shown; name the field in it")
    return value
