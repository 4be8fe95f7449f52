"""Canned replies: whether one is sound, which fit a conversation, and the words of one with its fields filled in.

Their texts are those of the catalogue, without its filters for numbers: a field is shown as its kind says.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

from babel.numbers import is_currency

from gateway.care import wording
from gateway.care.playbook import Playbook
from gateway.care.rendering import BadText, Compiler, Text, fill, tag_of
from gateway.care.turn import Refused, Turn
from gateway.model.brand import Brand
from gateway.model.canned import CannedField, CannedReply, FieldKind
from gateway.model.conversation import Conversation
from gateway.model.rows import replace
from gateway.settings import nearest

KNOWN = ("customer", "agent", "brand", "help")
"""Fields that every reply has: the customer's name ("" where it is not known), the agent's, the brand's, and where the
brand is reached."""
MOST_REPLIES, MOST_FIELDS, MOST_LANGUAGES, MOST_CHOICES = 1000, 10, 10, 20
LONGEST_TEXT, LONGEST_VALUE, LONGEST_LABEL, LONGEST_TITLE = 1600, 300, 60, 100
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,29}")
_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
_MONEY = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CONTROLS = re.compile("[\u0000-\u001f\u007f-\u009f\u2028\u2029]")
_SAMPLES = {FieldKind.text: "word", FieldKind.number: "1", FieldKind.date: "2026-01-31", FieldKind.money: "1.00"}


class BadReply(ValueError):
    """The reply cannot be kept like this. errors: (where, what), where as a path such as `texts/en`."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{where} {what}" for where, what in errors))
        self.errors = errors


def check(reply: CannedReply, playbook: Playbook) -> CannedReply:
    """The reply as it is kept, its languages written as `es-MX`. Raises BadReply with all that is wrong."""
    errors: list[tuple[str, str]] = []
    if not NAME.fullmatch(reply.name):
        errors.append(("name", "must be lower-case letters, digits, _ and -, at most 40"))
    if reply.brand not in playbook.brands:
        errors.append(("brand", f"must be one of {', '.join(playbook.brands)}"))
    queue = playbook.queues.get(reply.queue or "")
    if reply.queue is not None and (queue is None or queue.brand != reply.brand):
        own = [name for name, one in playbook.queues.items() if one.brand == reply.brand]
        errors.append(("queue", f"is no queue of the brand; there are {', '.join(own) or 'none'}"))
    if _CONTROLS.search(reply.title) or len(reply.title) > LONGEST_TITLE:
        errors.append(("title", f"must be one line of at most {LONGEST_TITLE} characters"))
    errors += _field_errors(reply.fields)
    texts = {tag_of(language) or "": text for language, text in reply.texts.items()}
    if "" in texts or len(texts) < len(reply.texts):
        errors.append(("texts", "must have each language once, as a tag such as en, es or es-MX"))
    if not 1 <= len(reply.texts) <= MOST_LANGUAGES:
        errors.append(("texts", f"must have 1 to {MOST_LANGUAGES} languages"))
    if not errors:
        reply = replace(reply, texts=texts)
        errors += _text_errors(reply)
    if errors:
        raise BadReply(errors)
    return reply


def _field_errors(fields: tuple[CannedField, ...]) -> list[tuple[str, str]]:
    errors = []
    if len(fields) > MOST_FIELDS:
        return [("fields", f"must be at most {MOST_FIELDS}")]
    for at, one in enumerate(fields):
        where = f"fields/{at}"
        if not _FIELD.fullmatch(one.name):
            errors.append((f"{where}/name", "must be lower-case letters, digits and _, at most 30"))
        if one.name in KNOWN or one.name in [other.name for other in fields[:at]]:
            errors.append((f"{where}/name", "is given by itself, or stands there twice; take another name"))
        if _CONTROLS.search(one.label) or len(one.label) > LONGEST_LABEL:
            errors.append((f"{where}/label", f"must be one line of at most {LONGEST_LABEL} characters"))
        if (one.kind is FieldKind.choice) != bool(one.choices):
            errors.append((f"{where}/choices", f"must have 1 to {MOST_CHOICES} items for a choice, none else"))
        elif len(one.choices) > MOST_CHOICES or len({one.casefold() for one in one.choices}) < len(one.choices):
            errors.append((f"{where}/choices", f"must be at most {MOST_CHOICES}, each another"))
        elif any(not c.strip() or _CONTROLS.search(c) or len(c) > LONGEST_LABEL for c in one.choices):
            errors.append((f"{where}/choices", f"must be lines of 1 to {LONGEST_LABEL} characters"))
        if one.kind is FieldKind.money and not is_currency(one.currency):
            errors.append((f"{where}/currency", "must be a currency of ISO 4217 such as USD"))
        if one.kind is not FieldKind.money and one.currency:
            errors.append((f"{where}/currency", "is for money only"))
    return errors


def _text_errors(reply: CannedReply) -> list[tuple[str, str]]:
    """Each text is rendered for trial: with all fields, and with those only that must be there."""
    errors: list[tuple[str, str]] = []
    used: set[str] = set()
    given = {one.name for one in reply.fields}
    for language, source in reply.texts.items():
        where = f"texts/{language}"
        try:
            if len(source) > LONGEST_TEXT:
                raise BadText(f"has more than {LONGEST_TEXT} characters")
            text = _compiled(source, language)
            used |= text.fields
            for name in sorted(text.fields - given - set(KNOWN)):
                hint = nearest(name, [*given, *KNOWN])
                raise BadText(f"uses {name!r}, which is no field of it{hint}")
            _try(reply, text, language)
        except BadText as error:
            errors.append((where, str(error)))
    if not errors:
        idle = [at for at, one in enumerate(reply.fields) if one.name not in used]
        errors += [(f"fields/{at}", "is used by no text") for at in idle]
    return errors


def _try(reply: CannedReply, text: Text, language: str) -> None:
    samples = {one.name: _SAMPLES.get(one.kind) or one.choices[0] for one in reply.fields}
    least = {one.name: samples[one.name] for one in reply.fields if one.required}
    for values, name in ((samples, "Ann"), (least, "")):
        own = {"customer": name, "agent": "Ana", "brand": "Acme", "help": "https://acme.example"}
        fill(text, {**own, **_shown(reply, values, language)}, timezone="UTC")


# -- using one


def fits(reply: CannedReply, conversation: Conversation) -> bool:
    """Whether it is for such conversations."""
    return reply.brand == conversation.brand and reply.queue in (None, conversation.queue)


def fitting(playbook: Playbook, conversation: Conversation) -> list[CannedReply]:
    """Those that fit, by name."""
    return sorted((one for one in playbook.canned.values() if fits(one, conversation)), key=lambda one: one.name)


def named(playbook: Playbook, conversation: Conversation, name: str) -> CannedReply:
    """The one of that name. Raises Refused where it does not fit."""
    found = playbook.canned.get(name.lower())
    if found is None or not fits(found, conversation):
        there = [one.name for one in fitting(playbook, conversation)]
        hint = nearest(name, there)
        raise Refused(f"there is no canned reply {name[:40]!r} here{hint}; .c lists those that fit", "name")
    return found


def missing(reply: CannedReply, given: Mapping[str, str]) -> list[CannedField]:
    """Fields that must still be filled in."""
    return [one for one in reply.fields if one.required and not given.get(one.name, "").strip()]


def usage(field: CannedField) -> str:
    """What a field takes, in words."""
    takes = {
        FieldKind.text: "text",
        FieldKind.number: "a number such as 1200 or 12.5",
        FieldKind.date: "a date such as 2026-01-31",
        FieldKind.money: f"an amount in {field.currency} such as 20.00",
        FieldKind.choice: f"one of {', '.join(field.choices)}",
    }[field.kind]
    return f"{field.label}, {takes}" if field.label else takes


def words(turn: Turn, conversation: Conversation, agent: str, reply: CannedReply, given: Mapping[str, str]) -> str:
    """The reply as the customer will read it. given: fields as they were written. Raises Refused."""
    brand = turn.playbook.brands[conversation.brand]
    known = turn.playbook.agent(agent)
    customer = turn.known.name if turn.known is not None else None
    own = {"customer": customer or "", "agent": str(known.name) if known is not None else agent}
    return written(reply, brand, turn.language(brand.name), own, given)


def written(reply: CannedReply, brand: Brand, language: str, own: Mapping[str, str], given: Mapping[str, str]) -> str:
    """The words in the nearest language that the reply has: language, brand's, any. own: `customer` and `agent`.

    Raises Refused, with the field that is at fault.
    """
    for name in given:
        if name not in {one.name for one in reply.fields}:
            hint = nearest(name[:40], [one.name for one in reply.fields])
            raise Refused(f"{reply.name} has no field {name[:40]!r}{hint}", f"values/{name[:40]}")
    for one in missing(reply, given):
        raise Refused(f"{one.name} is missing: {usage(one)}", f"values/{one.name}")
    tag = _chosen(reply, language, brand.default_language)
    fields = {**own, "brand": brand.display_name, "help": brand.help_contact, **_shown(reply, given, tag)}
    try:
        return fill(_compiled(reply.texts[tag], tag), fields, timezone=brand.timezone).strip()
    except BadText as error:
        raise Refused(f"the canned reply {reply.name} cannot be said like this: {error}") from error


def _chosen(reply: CannedReply, *wanted: str) -> str:
    """The language of the reply that is said."""
    for language in wanted:
        tag = tag_of(language) or ""
        for near in (tag, tag.partition("-")[0]):
            if near in reply.texts:
                return near
    return min(reply.texts)


def _shown(reply: CannedReply, given: Mapping[str, str], language: str) -> dict[str, str]:
    """Each field as the text shows it. Raises Refused."""
    return {one.name: _value(one, given.get(one.name, "").strip(), language) for one in reply.fields}


def _value(field: CannedField, value: str, language: str) -> str:
    shown: str | None = value
    if not value:
        return ""
    if _CONTROLS.search(value) or len(value) > LONGEST_VALUE:
        shown = None
    elif field.kind is FieldKind.number:
        shown = wording.number(Decimal(value), language) if _NUMBER.fullmatch(value) else None
    elif field.kind is FieldKind.money:
        shown = wording.money(Decimal(value), field.currency, language) if _MONEY.fullmatch(value) else None
    elif field.kind is FieldKind.date:
        at = _date(value)
        shown = wording.day(datetime(at.year, at.month, at.day, 12, tzinfo=UTC), "UTC", language) if at else None
    elif field.kind is FieldKind.choice:
        shown = next((one for one in field.choices if one.casefold() == value.casefold()), None)
    if shown is None:
        raise Refused(f"{field.name} must be {usage(field)}, one line, at most {LONGEST_VALUE} characters",
                      f"values/{field.name}")  # fmt: skip
    return shown


def _date(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if _DATE.fullmatch(value) else None
    except ValueError:
        return None


@lru_cache(100)
def _compiler(language: str) -> Compiler:
    return Compiler(language)


@lru_cache(2 * MOST_REPLIES)
def _compiled(source: str, language: str) -> Text:
    return _compiler(language).compiled(source, "canned", 0)
