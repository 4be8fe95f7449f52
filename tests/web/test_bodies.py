"""Reading JSON: fast where it is sound, with care where it is not, and both agree."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web import bodies, documents
from gateway.web.problems import Problem

NAMES = st.sampled_from(["a", "b", 'q"', "c:", "d\\", "é", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6) | st.just('x":'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : "), (",\n", "\t:")]))
def test_what_is_sound_is_read_as_it_is(value: Any, indent: int | None, separators: tuple[str, str]) -> None:
    body = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False).encode()
    document = documents.parse(body)
    if document is None:  # not sure: escaped quotes, or names apart from their colons
        document = bodies.parse_with_care(body)
    assert document.value == value
    assert document.sound or bodies.flaws(document.value) == []


@given(st.lists(st.tuples(NAMES, st.integers(0, 9)), min_size=2, max_size=6), st.sampled_from(['": ', '" : ', '"\n:']))
def test_a_name_twice_is_always_seen(pairs: list[tuple[str, int]], colon: str) -> None:
    inner = ",".join(f'"{json.dumps(name)[1:-1]}{colon}{value}' for name, value in pairs)
    body = f'[{{"x":{{{inner}}}}}]'.encode()
    document = documents.parse(body) or bodies.parse_with_care(body)
    twice = len({name for name, _ in pairs}) < len(pairs)
    found = [] if document.sound else bodies.flaws(document.value)
    assert bool(found) == twice
    assert all("twice" in said for _, said in found)


@pytest.mark.parametrize("depth", [1, 31, 32])
def test_depth_that_is_taken(depth: int) -> None:
    body = b'{"a":' * depth + b"1" + b"}" * depth
    document = documents.parse(body)
    assert document is not None
    assert document.sound


def test_depth_that_is_not() -> None:
    body = b'{"a":' * 33 + b"1" + b"}" * 33
    document = documents.parse(body) or bodies.parse_with_care(body)
    assert not document.sound
    [(pointer, said)] = bodies.flaws(document.value)
    assert pointer.count("/a") == 32
    assert "32 levels" in said


def test_depth_that_is_far_too_much() -> None:
    body = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    assert documents.parse(body) is None
    with pytest.raises(Problem) as refused:
        bodies.parse_with_care(body)
    assert refused.value.kind.name == "not-json"


def test_a_batch_may_be_one_level_deeper() -> None:
    item = b'{"a":' * 32 + b"1" + b"}" * 32
    document = documents.parse(b"[" + item + b"]")
    assert document is not None
    assert document.sound


def test_numbers_are_read_the_same_both_ways() -> None:
    for digits in ("0", "-0", "1", "18446744073709551615", "18446744073709551616", "1.5e3", "-9223372036854775809"):
        careful = bodies.parse_with_care(digits.encode()).value
        assert careful == orjson.loads(digits)
        assert type(careful) is type(orjson.loads(digits))


def test_many_names_twice_take_no_longer() -> None:
    body = b"{" + b",".join(b'"n%d":1' % (number // 2) for number in range(100_000)) + b"}"
    document = bodies.parse_with_care(body)
    assert len(bodies.flaws(document.value)) == bodies.MOST_FLAWS


@given(st.binary(max_size=40))
def test_no_bytes_escape(body: bytes) -> None:
    told: list[Any] = []
    try:
        document = documents.parse(body) or bodies.parse_with_care(body)
        told = [*bodies.flaws(document.value)]
    except Problem as problem:
        told = [problem.kind.status, problem.members("http://care.example")]
    assert not told or told[0] == 400 or len(told[0]) == 2
    assert orjson.dumps(told)


def test_a_pointer_hides_a_number() -> None:
    assert "15551234567" not in bodies.step("", "+15551234567")
    assert bodies.step("/a", "b/c~d") == "/a/b~1c~0d"


def test_each_item_of_a_list_has_its_own_flaws() -> None:
    document = bodies.understand(b'[{"a":1},{"a":NaN},{"a":1,"a":2},{"b":"\\ud800"},"\xff"]')
    assert document.sound
    assert isinstance(document.value, list)
    first, *rest = document.value
    assert first == {"a": 1}
    assert [item.errors[0][0] for item in rest] == ["/a", "/a", "/b", ""]


async def test_a_large_body_is_read_beside_the_loop() -> None:
    items = [{"a": 'x":', "n": number} for number in range(20_000)]
    document = await bodies.load(json.dumps(items).encode())
    assert document.value == items
