"""Reading JSON: fast where it is sound, with care where it is not, and both agree."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web import bodies

NAMES = st.sampled_from(["a", "b", 'q"', "c:", "d\\", "é", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6) | st.just('x":'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : "), (",\n", "\t:")]))
def test_what_is_sound_is_read_as_it_is(value: Any, indent: int | None, separators: tuple[str, str]) -> None:
    body = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False).encode()
    document = bodies.parse(body)
    if document is None:  # not sure: escaped quotes, or names apart from their colons
        document = bodies.parse_with_care(body)
    assert document.value == value
    assert document.sound or bodies.flaws(document.value) == []


@given(st.lists(st.tuples(NAMES, st.integers(0, 9)), min_size=2, max_size=6), st.sampled_from(['": ', '" : ', '"\n:']))
def test_a_name_twice_is_always_seen(pairs: list[tuple[str, int]], colon: str) -> None:
    inner = ",".join(f'"{json.dumps(name)[1:-1]}{colon}{value}' for name, value in pairs)
    body = f'[{{"x":{{{inner}}}}}]'.encode()
    document = bodies.parse(body) or bodies.parse_with_care(body)
    twice = len({name for name, _ in pairs}) < len(pairs)
    found = [] if document.sound else bodies.flaws(document.value)
    assert bool(found) == twice
    assert all("twice" in said for _, said in found)


@pytest.mark.parametrize("depth", [1, 31, 32])
def test_depth_that_is_taken(depth: int) -> None:
    body = b'{"a":' * depth + b"1" + b"}" * depth
    document = bodies.parse(body)
    assert document is not None
    assert document.sound


@pytest.mark.parametrize("depth", [33, 1000, 100_000])
def test_depth_that_is_not(depth: int) -> None:
    body = b'{"a":' * depth + b"1" + b"}" * depth
    try:
        document = bodies.parse(body) or bodies.parse_with_care(body)
    except bodies.Problem as problem:
        assert problem.kind.name == "not-json"
    else:
        assert not document.sound
        [(pointer, said)] = bodies.flaws(document.value)
        assert pointer.count("/a") == 32
        assert "32 levels" in said


def test_a_batch_may_be_one_level_deeper() -> None:
    item = b'{"a":' * 32 + b"1" + b"}" * 32
    document = bodies.parse(b"[" + item + b"]")
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
    try:
        document = bodies.parse(body) or bodies.parse_with_care(body)
    except bodies.Problem as problem:
        assert problem.kind.status == 400
        assert orjson.dumps(problem.members("http://care.example"))
    else:
        for pointer, said in bodies.flaws(document.value):
            assert orjson.dumps([pointer, said])


def test_a_pointer_hides_a_number() -> None:
    assert "15551234567" not in bodies.step("", "+15551234567")
    assert bodies.step("/a", "b/c~d") == "/a/b~1c~0d"
