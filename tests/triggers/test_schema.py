"""Event data: what is taken, what is refused, and the sentences that say so."""

import enum
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.triggers import BadData, EventData, Handler, Incoming
from tests.triggers.plays import DATA, Order, shop

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _errors(data: object) -> list[tuple[str, str]]:
    with pytest.raises(BadData) as caught:
        shop().parse(data)
    return caught.value.errors


def test_good_data_is_kept_as_written() -> None:
    event = shop().parse({**DATA, "due": "2026-11-23T18:40:00-05:00"})
    assert event.amount == "50.00"
    assert event.due == datetime(2026, 11, 23, 18, 40, tzinfo=timezone(timedelta(hours=-5)))
    assert event.fields() == {**DATA, "due": "2026-11-23T18:40:00-05:00"}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("pieces", "5", "must be a whole number"),
        ("pieces", True, "must be a whole number"),
        ("pieces", 5.0, "must be a whole number"),
        ("pieces", -1, "must be 0 or more"),
        ("pieces", 10**30, "must be"),
        ("pieces", None, "must be a whole number"),
        ("amount", 50.0, "must be a decimal number in a string"),
        ("amount", "NaN", "must be a decimal number in a string"),
        ("amount", "Infinity", "must be a decimal number in a string"),
        ("amount", "1e3", "must be a decimal number in a string"),
        ("amount", "1,000.00", "must be a decimal number in a string"),
        ("amount", "50.00\n", "must be a decimal number in a string"),
        ("amount", "٥٠", "must be a decimal number in a string"),
        ("currency", "usd", "must be an ISO 4217 code"),
        ("currency", "XYZ", "must be an ISO 4217 code"),
        ("currency", 840, "must be an ISO 4217 code"),
        ("item", "", "must have at least 1"),
        ("item", " \u00a0", "or is blank"),
        ("item", "x" * 101, "must have at most 100"),
        ("item", "a\x00b", "control characters"),
        ("item", "a\nb", "control characters"),
        ("item", "a\u202eb", "control characters"),
        ("item", "half \ud83d", "whole characters"),
        ("item", 5, "must be a string"),
        ("due", "2026-11-23", "must be a time with its offset"),
        ("due", "2026-11-23T18:40:00", "must be a time with its offset"),
        ("due", "2026-02-30T18:40:00Z", "must be a time with its offset"),
        ("due", "2026-11-23T18:40:00+99:00", "must be a time with its offset"),
        ("due", "0001-01-01T00:00:00Z", "must be a time with its offset"),
        ("due", 1_800_000_000, "must be a time with its offset"),
    ],
)
def test_bad_fields(field: str, value: object, sentence: str) -> None:
    [(pointer, told)] = _errors({**DATA, field: value})
    assert pointer == f"/{field}"
    assert sentence in told


def test_values_are_never_quoted() -> None:
    [(_, told)] = _errors({**DATA, "currency": "4111-1111"})
    assert "4111" not in told


@pytest.mark.parametrize("data", [None, [], "x", 5, [DATA]])
def test_what_is_no_object(data: object) -> None:
    assert _errors(data) == [("", "must be a JSON object")]


def test_unknown_fields_and_all_errors_at_once() -> None:
    errors = dict(_errors({"item": "x", "amount": "1", "currency": "USD", "peices": 2, "a/b~c": 1}))
    assert errors == {
        "/pieces": "is required",
        "/peices": "is not a field of order.late; did you mean pieces?",
        "/a~1b~0c": "is not a field of order.late; its fields are item, amount, currency, pieces, due",
    }


def test_good_data_in_its_other_forms() -> None:
    for due in ("2026-11-23T18:40:00Z", "2026-11-23t18:40:00.123456789z", "2026-11-23 18:40:00+00:00"):
        event = shop().parse({**DATA, "due": due})
        assert event.due is not None
        assert event.due.astimezone(UTC).replace(microsecond=0) == datetime(2026, 11, 23, 18, 40, tzinfo=UTC)
    assert shop().parse({**DATA, "amount": "-5"}).amount == "-5"


def test_an_operators_schema_may_use_what_json_writes_as_strings() -> None:
    class Colour(enum.StrEnum):
        red = "red"

    class Inner(EventData):
        n: int

    class Rich(EventData):
        at: datetime
        ref: UUID
        colour: Colour
        inner: Inner
        sizes: tuple[int, ...] = ()

    rich = Handler("rich.one", schema=Rich)
    good: dict[str, Any] = {
        "at": "2026-11-23T18:40:00Z",
        "ref": "12345678-1234-5678-1234-567812345678",
        "colour": "red",
        "inner": {"n": 1},
        "sizes": [1, 2],
    }
    assert rich.parse(good).colour is Colour.red
    with pytest.raises(BadData) as caught:
        rich.parse({**good, "colour": "blue", "inner": {"n": "1", "m": 2}, "sizes": [1, "2"]})
    assert dict(caught.value.errors) == {
        "/colour": "must be one of 'red'",
        "/inner/n": "must be a whole number",
        "/inner/m": "is not a field of rich.one",
        "/sizes/1": "must be a whole number",
    }


def test_deep_nonsense_is_refused_and_does_not_raise_otherwise() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert dict(_errors({**DATA, "item": deep}))["/item"] == "must be a string"


def test_incoming_text_is_cleaned() -> None:
    assert Handler("hello", schema=Incoming).parse({"text": "a\x00b\nc"}).text == "a b c"
    assert Handler("hello", schema=Incoming).parse({}).text == ""


@given(st.dictionaries(st.sampled_from([*DATA, "due", "more"]), JSON) | JSON)
def test_any_json_is_parsed_or_refused_with_sentences(data: object) -> None:
    errors: list[tuple[str, str]] | None = None
    try:
        shop().parse(data)
    except BadData as problem:
        errors = problem.errors
    if errors is not None:
        assert errors
        assert all(pointer == "" or pointer.startswith("/") for pointer, _ in errors)
        assert all(sentence for _, sentence in errors)


@given(JSON, st.sampled_from(["item", "amount", "currency", "pieces"]))
def test_the_published_schema_agrees(value: object, field: str) -> None:
    data = {**DATA, field: value}
    if isinstance(value, float) and value.is_integer():
        return  # 5.0 is an integer to JSON Schema, and to nobody who counts pieces
    said = Draft202012Validator(shop().json_schema()).is_valid(data)
    try:
        shop().parse(data)
    except BadData:
        assert not said
    else:
        assert said


def test_fields_of_the_schema_are_published() -> None:
    published = Order.model_json_schema()
    assert published["additionalProperties"] is False
    assert published["required"] == ["item", "amount", "currency", "pieces"]
