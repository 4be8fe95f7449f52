"""Texts to agents: what they name can be said, and said in every client."""

import ast
import re
from pathlib import Path

import pytest

import gateway
from gateway.floor.helping import DESK_VERBS, MENTIONED, READING, help_at_the_desk, help_here
from gateway.floor.repertoire import VERBS

ROOT = Path(gateway.__file__).parent
NARROW = 69
"""Characters in a line of profanity's chat in a terminal of 80 columns."""
NAMED = "|".join(sorted(MENTIONED))


@pytest.mark.parametrize("supervisor", [False, True])
def test_the_help_names_all_that_can_be_said(supervisor: bool) -> None:
    told = help_here(supervisor=supervisor, brands=2)
    wanted = {*VERBS, *READING, *DESK_VERBS, "as"} - {"help", "start"} - (set() if supervisor else {"monitor"})
    assert {name for name in MENTIONED if re.search(rf"(^|\s)\.{name}\b", told)} == wanted
    assert set(DESK_VERBS) == {name for name in MENTIONED if f".{name}" in help_at_the_desk()}


def test_the_help_has_short_lines() -> None:
    lines = [*help_here(supervisor=True, brands=2).splitlines(), *help_at_the_desk().splitlines()]
    assert not [line for line in lines if len(line) > NARROW]


def test_the_help_of_one_brand_says_nothing_of_others() -> None:
    assert ".as" not in help_here(supervisor=True, brands=1)


@pytest.mark.parametrize("room", ["care", "floor"])
def test_what_the_desk_says_of_itself_has_dots(room: str) -> None:
    """A slash stays in many a client; who types one is answered with slashes (`in_slashes`)."""
    found = []
    for path in sorted((ROOT / room).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value[:-1]:
                found += [f"{path.name}:{node.lineno}: {node.value}"] if _slash(node.value) else []
    assert not found, f"write .take, not /take: {found}"


def _slash(text: str) -> bool:
    """Docstrings, which begin with a capital letter or are of code, name lines of the contract."""
    return re.search(rf"(^|[\s(])/({NAMED})\b(?!/)", text) is not None and "`" not in text
