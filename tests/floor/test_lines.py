"""What an agent types is words, a note, a verb, or nothing; what is for the desk never becomes words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.floor.lines import Typed, typed

VERBS = {"close", "take"}
QUOTE = "it quotes a line of the desk or a note: they are not for customers; leave it out"
NO_NAME = "say / and the name of a command, as in /help; a space before it makes it words"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Hello Ann ", Typed("", "Hello Ann")),
        ("  hello", Typed("", "hello")),
        (" /etc is a folder", Typed("", "/etc is a folder")),
        ("two\nlines", Typed("", "two\nlines")),
        ("half // half", Typed("", "half // half")),
        ("> // he lied\nok", Typed(refused=QUOTE)),
        ("> Ben: // he lied\nok", Typed(refused=QUOTE)),
        ("ok\n>// he lied", Typed(refused=QUOTE)),
        ("> > \uff0f\uff0fhe lied\nok", Typed(refused=QUOTE)),
        ("> /note he lied\nok", Typed(refused=QUOTE)),
        ("> [desk] Ana: hello\nok", Typed(refused=QUOTE)),
        ("> see https://example.test/a//b [desk]\nyes", Typed("", "> see https://example.test/a//b [desk]\nyes")),
        ("> why?\nhalf // half", Typed("", "> why?\nhalf // half")),
        ("// she is annoyed", Typed("note", "she is annoyed")),
        ("//she is", Typed("note", "she is")),
        ("\n// note", Typed("note", "note")),
        ("  // note", Typed("note", "note")),
        ("//", Typed(refused="say // TEXT: a note that never leaves the desk")),
        ("/close resolved she is happy", Typed("close", "resolved she is happy")),
        ("\n/CLOSE\nresolved\nshe is happy", Typed("close", "resolved\nshe is happy")),
        ("/", Typed(refused=NO_NAME)),
        ("/ close", Typed(refused=NO_NAME)),
        ("/ take care, he is angry", Typed(refused=NO_NAME)),
        ("/ he is angry", Typed("note", "he is angry")),
        ("/as zed Your flight is booked", Typed("", "Your flight is booked", "zed")),
        ("/as zed /close resolved", Typed("close", "resolved", "zed")),
        ("/as zed // note", Typed("note", "note", "zed")),
        ("\u200b// angry", Typed("note", "angry")),
        ("\ufeff//angry", Typed("note", "angry")),
        ("\uff0f\uff0f angry", Typed("note", "angry")),
        ("\u200e/close resolved", Typed("close", "resolved")),
        ("/AS zed /As acme hello", Typed(refused="say /as BRAND and then the text, or the command")),
        ("/as zed", Typed(refused="say /as BRAND and then the text, or the command")),
        ("/as", Typed(refused="say /as BRAND and then the text, or the command")),
        (".close resolved she is happy", Typed("close", "resolved she is happy")),
        ("\n.Take", Typed("take")),
        (".clsoe resolved", Typed("clsoe", "resolved")),
        (".note she is annoyed", Typed("note", "she is annoyed")),
        (" .close is no file", Typed("", ".close is no file")),
        (".", Typed("", ".")),
        (". and then", Typed("", ". and then")),
        ("...so it is", Typed("", "...so it is")),
        (".50 a minute", Typed("", ".50 a minute")),
        (".été", Typed("", ".été")),
        ("./close", Typed("", "./close")),
        (".as zed .close resolved", Typed("close", "resolved", "zed")),
        (".as zed hello", Typed("", "hello", "zed")),
        (".as zed .as acme hello", Typed(refused="say /as BRAND and then the text, or the command")),
        ("/as zed /as acme hello", Typed(refused="say /as BRAND and then the text, or the command")),
    ],
)
def test_each_kind(text: str, read: Typed) -> None:
    assert typed(text, VERBS) == read


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t "])
def test_blank_is_nothing(text: str) -> None:
    assert typed(text, VERBS) is None


@pytest.mark.parametrize(
    "text",
    [
        "Hello\n// note",
        "Hello\n // note",
        "Hello\n\u200b// note",
        "Hello\n/close resolved",
        "Hello\n/close\tresolved",
        "a\nb\n/take",
        "Hello\n.take",
        "/as acme Hello\n/as zed Your flight is booked",
    ],
)
def test_what_is_for_the_desk_is_sent_alone(text: str) -> None:
    line = typed(text, VERBS)
    assert line is not None
    assert "sent alone" in line.refused


@given(st.text(alphabet=st.sampled_from("/. \n\tacloseтzdé"), max_size=40))
def test_no_note_and_no_verb_ever_becomes_words(text: str) -> None:
    line = typed(text, VERBS)
    if line is not None and not line.verb and not line.refused:
        assert line.rest == line.rest.strip()
        assert not line.rest.startswith("//")
        assert not any(each.startswith("//") for each in line.rest.splitlines())
        # What begins like a command is words only after a blank, or behind /as.
        said = line.rest.startswith("/") or (
            line.rest[:1] == "." and line.rest[1:2].isascii() and line.rest[1:2].isalpha()
        )
        assert not said or text.lstrip("\r\n")[0].isspace() or "/as" in text or ".as" in text


def test_a_long_chain_of_brands_is_refused() -> None:
    line = typed("/AS x " * 3000, VERBS)
    assert line is not None
    assert line.refused


def test_a_blank_before_a_command_on_a_later_line_makes_it_words() -> None:
    assert typed("Say\n /close resolved", VERBS) == Typed("", "Say\n /close resolved")
