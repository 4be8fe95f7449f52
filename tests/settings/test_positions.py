"""The line finder against tomllib, on documents made up by hypothesis."""

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.positions import Path, key_lines

BARE = st.text("abcXYZ019_-", min_size=1, max_size=4)
QUOTED = st.sampled_from(['"a b"', '"a.b"', "'q\"q'", '"\\u0041\\t"', '"]"', "'#'", '"="', "''", '"é"'])
KEY = st.one_of(BARE, QUOTED)
PLAIN = ["1", "-0.5", "true", "1979-05-27T07:32:00Z", '"#[x]"', "'\"'", '"\\"]"', '""', "''", "0x0B", "inf"]
LINES = ['"""\n[a]\nb = 1\n"""', "'''\n'' ]\n'''", '"""\\"""\\\n  x"""', '"""a""\n"""']
QUOTES = ['""""q""""', "''''x''''"]
SCALAR = st.sampled_from([*PLAIN, *LINES, *QUOTES])
GAP = st.sampled_from(["", " ", "\t"])
BREAK = st.sampled_from(["", "\n", ' # ] } "\n', "\n\n  "])


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    """A value, on one line or several."""
    if depth == 0 or draw(st.sampled_from([True, True, False])):
        return draw(SCALAR)
    if draw(st.booleans()):
        items = draw(st.lists(values(depth - 1), max_size=3))
        inner = ",".join(draw(BREAK) + item + draw(BREAK) for item in items)
        comma = draw(st.sampled_from(["", ","])) if items else ""
        return f"[{inner}{comma}{draw(BREAK)}]"
    names = draw(st.lists(KEY, unique=True, max_size=3))
    return "{" + ",".join(f" {name}{draw(GAP)}={draw(GAP)}{draw(values(depth - 1))} " for name in names) + "}"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Tables, arrays of tables, dotted keys and comments; not always valid."""
    lines = []
    for _ in range(draw(st.integers(0, 8))):
        dotted = draw(st.sampled_from([".", " . "])).join(draw(st.lists(KEY, min_size=1, max_size=3)))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            lines.append(f"[{draw(GAP)}{dotted}{draw(GAP)}] # [no] = 1")
        elif kind == 1:
            lines.append(f"[[{dotted}]]")
        elif kind == 2:
            lines.append("# comment = 1")
        else:
            lines.append(f"{draw(GAP)}{dotted}{draw(GAP)}={draw(GAP)}{draw(values())}{draw(GAP)}# x")
    return "\n".join(lines)


def paths_of(node: Any, path: Path = ()) -> set[Path]:
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return {path}.union(*(paths_of(child, (*path, step)) for step, child in below))


@settings(max_examples=400, deadline=None)
@given(documents())
def test_the_finder_knows_the_keys_that_tomllib_knows(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    assert set(lines) == paths_of(data)
    last = text.count("\n") + 1
    assert all(1 <= line <= last for line in lines.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(BREAK, values()), max_size=8))
def test_each_key_is_found_on_its_own_line(entries: list[tuple[str, str]]) -> None:
    """Whatever stands before a key, its line is the one it was written on."""
    text, wanted = "", {}
    for index, (gap, value) in enumerate(entries):
        text += gap if gap.endswith("\n") or not gap else f"{gap}\n"
        wanted[(f"key{index}",)] = text.count("\n") + 1
        text += f"key{index} = {value}\n"
    tomllib.loads(text)
    lines = key_lines(text)
    assert {path: lines[path] for path in wanted} == wanted


def test_arrays_of_tables_and_what_is_below_them() -> None:
    text = '[[a]]\nx = 1\n[[a]]\n[a.b]\ny = { z = [\n 1, 2 ] }\n[[a.c]]\n"q r" = 1\n[d.e]\n[d]\nf.g = 1\n'
    lines = key_lines(text)
    assert lines["a", 0] == 1
    assert lines["a", 0, "x"] == 2
    assert lines["a", 1] == 3
    assert lines["a", 1, "b", "y", "z"] == 5
    assert lines["a", 1, "b", "y", "z", 1] == 6
    assert lines["a", 1, "c", 0, "q r"] == 8
    assert lines["d",] == 10  # its own header, not the one that implied it
    assert lines["d", "e"] == 9
    assert lines["d", "f", "g"] == 11
