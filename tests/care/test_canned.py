"""Canned replies: which are sound, and what their fields become in the customer's language."""

import json
from collections.abc import Iterator

import pytest

from gateway.care.canned import BadReply, check, written
from gateway.care.turn import Refused
from gateway.demo.opening import REPLIES
from gateway.model.canned import CannedField, CannedReply, FieldKind
from gateway.model.rows import replace
from gateway.model.segments import count
from tests.doubles.stage import house

OWN = {"customer": "Ann", "agent": "Ana"}
AMOUNT = CannedField("amount", FieldKind.money, currency="USD")
DAY = CannedField("day", FieldKind.date)
COUNT = CannedField("count", FieldKind.number, required=False)
HOW = CannedField("how", FieldKind.choice, choices=("card", "Bank account"))


def reply(*fields: CannedField, queue: str | None = None, **texts: str) -> CannedReply:
    return CannedReply("refund", "acme", texts or {"en": "Hello"}, queue=queue, fields=fields)


def say(its: CannedReply, language: str = "en", **values: str) -> str:
    book = house()[1]
    return written(check(its, book), book.brands["acme"], language, OWN, values)


@pytest.mark.parametrize(
    ("field", "value", "language", "shown"),
    [
        (AMOUNT, "20", "en", "$20.00"),
        (AMOUNT, "1234.5", "es", "1.234,50 US$"),
        (DAY, "2026-12-01", "en", "Tue, Dec 1"),
        (DAY, "2026-12-01", "es", "mar, 1 dic"),
        (COUNT, "1200.5", "en", "1,200.5"),
        (COUNT, "-3", "es", "-3"),
        (HOW, "bank ACCOUNT", "en", "Bank account"),
        (CannedField("note", FieldKind.text), " {{ brand }} & co ", "en", "{{ brand }} & co"),
    ],
)
def test_a_field_is_shown_as_its_kind_says(field: CannedField, value: str, language: str, shown: str) -> None:
    source = f"[{{{{ {field.name} }}}}]"
    assert say(reply(field, en=source, es=source), language, **{field.name: value}) == f"[{shown}]"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (AMOUNT, "1,000"),
        (AMOUNT, "-1"),
        (AMOUNT, "1.001"),
        (AMOUNT, "\u0661"),
        (AMOUNT, "9" * 400),
        (DAY, "tomorrow"),
        (DAY, "2026-02-30"),
        (DAY, "20260201"),
        (COUNT, "NaN"),
        (COUNT, "1e9"),
        (HOW, "cash"),
        (CannedField("note", FieldKind.text), "two\nlines"),
        (CannedField("note", FieldKind.text), "x" * 301),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(field: CannedField, value: str) -> None:
    with pytest.raises(Refused) as refused:
        say(reply(field, en=f"[{{{{ {field.name} }}}}]"), **{field.name: value})
    assert refused.value.field == f"values/{field.name}"
    assert value not in str(refused.value)


def test_what_is_missing_or_unknown_is_named() -> None:
    its = reply(AMOUNT, en="{{ amount }}")
    with pytest.raises(Refused, match="amount is missing: an amount in USD"):
        say(its)
    with pytest.raises(Refused, match=r"has no field 'amont' .did you mean 'amount'"):
        say(its, amont="1")


@pytest.mark.parametrize(
    ("language", "said"),
    [("es-MX", "mx"), ("es", "es"), ("es-AR", "es"), ("fr", "en"), ("xx!", "en")],
)
def test_the_nearest_language_is_said(language: str, said: str) -> None:
    assert say(reply(en="en", es="es", es_MX="mx"), language) == said


def test_any_language_is_better_than_none() -> None:
    assert say(reply(fr="bonjour", it="buongiorno"), "de") == "bonjour"


def test_what_is_known_is_filled_in() -> None:
    said = say(reply(en="Hi {{ customer }}, {{ agent }} of {{ brand }}. {{ help }}"))
    assert said == "Hi Ann, Ana of Acme Mobile. https://acme.example/help"


def wrong() -> Iterator[tuple[CannedReply, str, str]]:
    """(reply, where, what)."""
    good = reply()
    yield replace(good, name="Refund!"), "name", "lower-case"
    yield replace(good, brand="nobody"), "brand", "acme"
    yield replace(good, queue="nowhere"), "queue", "billing"
    yield replace(good, title="a\nb"), "title", "one line"
    yield replace(good, texts={}), "texts", "1 to 10"
    yield replace(good, texts={"english": "Hello"}), "texts", "language"
    yield replace(good, texts={"es-MX": "a", "es_MX": "b"}), "texts", "once"
    yield reply(en="x" * 1601), "texts/en", "1600"
    yield reply(en="{{ amount }}"), "texts/en", "'amount', which is no field"
    yield reply(en="{% for x in brand %}x{% endfor %}"), "texts/en", "for"
    yield reply(en="{{ brand"), "texts/en", "no text"
    yield reply(en="{{ brand.__class__ }}"), "texts/en", "_"
    yield reply(en="{{ cycler() }}"), "texts/en", "calls"
    yield reply(en="{% if customer %}Hi{% endif %}"), "texts/en", "is empty"
    yield reply(AMOUNT, en="{{ amount | money('USD') }}"), "texts/en", "the field is no number"
    yield reply(AMOUNT, en="Hello"), "fields/0", "used by no text"
    yield reply(AMOUNT, AMOUNT, en="{{ amount }}"), "fields/1/name", "twice"
    yield reply(CannedField("customer", FieldKind.text), en="{{ customer }}"), "fields/0/name", "by itself"
    yield reply(CannedField("A", FieldKind.text), en="{{ A }}"), "fields/0/name", "lower-case"
    yield reply(replace(AMOUNT, currency="XYZ"), en="{{ amount }}"), "fields/0/currency", "ISO 4217"
    yield reply(replace(DAY, currency="USD"), en="{{ day }}"), "fields/0/currency", "money only"
    yield reply(replace(HOW, choices=()), en="{{ how }}"), "fields/0/choices", "1 to 20"
    yield reply(replace(HOW, choices=("a", "A")), en="{{ how }}"), "fields/0/choices", "each another"
    yield reply(replace(HOW, choices=("a\n",)), en="{{ how }}"), "fields/0/choices", "lines"
    yield reply(replace(DAY, choices=("a",)), en="{{ day }}"), "fields/0/choices", "none else"
    yield reply(replace(DAY, label="x" * 61), en="{{ day }}"), "fields/0/label", "one line"
    yield reply(*[replace(DAY, name=f"f{n}") for n in range(11)]), "fields", "at most 10"


@pytest.mark.parametrize(("its", "where", "what"), list(wrong()))
def test_what_is_wrong_is_named(its: CannedReply, where: str, what: str) -> None:
    with pytest.raises(BadReply) as bad:
        check(its, house()[1])
    assert [(place, what in said) for place, said in bad.value.errors] == [(where, True)]


def test_those_of_the_demo_are_sound_and_one_part() -> None:
    for its in json.loads(REPLIES.read_text("utf-8")):
        fields = tuple(
            CannedField(
                one["name"],
                FieldKind(one["type"]),
                one["label"],
                True,
                tuple(one.get("choices", ())),
                one.get("currency", ""),
            )
            for one in its.get("fields", ())
        )
        made = CannedReply(its["name"], "acme", its["texts"], its["title"], None, fields)
        values = {"amount": "1200.00", "to": "card", "by": "2026-12-30"} if fields else {}
        for language in ("en", "es"):
            said = say(made, language, **values)
            assert count(said).parts == 1, said
