"""What an agent types is words, a note, a verb, or nothing; what is for the desk never becomes words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.floor.lines import Typed, doubtful, in_slashes, slashed, typed

VERBS = {"close", "take"}
NO_NAME = "say the name of a command right behind it, as in .help; a note is .note TEXT"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Hello Ann ", Typed("", "Hello Ann")),
        ("  hello", Typed("", "hello")),
        (" /etc is a folder", Typed("", "/etc is a folder")),
        ("two\nlines", Typed("", "two\nlines")),
        ("half // half", Typed("", "half // half")),
        ("// she is annoyed", Typed("note", "she is annoyed")),
        ("//she is", Typed("note", "she is")),
        ("\n// note", Typed("note", "note")),
        ("  // note", Typed("note", "note")),
        ("//", Typed(refused="say .note TEXT, or // TEXT: a note that never leaves the desk")),
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
        ("/AS zed /As acme hello", Typed(refused="say .as BRAND and then the text, or the command")),
        ("/as zed", Typed(refused="say .as BRAND and then the text, or the command")),
        ("/as", Typed(refused="say .as BRAND and then the text, or the command")),
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
        (".as zed .as acme hello", Typed(refused="say .as BRAND and then the text, or the command")),
        ("/as zed /as acme hello", Typed(refused="say .as BRAND and then the text, or the command")),
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


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("/start she is angry", ".start she is angry"),
        ("/START she\nis angry", ".START she\nis angry"),
        ("\u200e\uff0foptout she said so", ".optout she said so"),
        ("/as zed she is angry", ".as zed she is angry"),
        ("/as zed /optout she said so", ".as zed /optout she said so"),
        ("/optout", ""),
        ("/close resolved she is happy", ""),
        ("/as zed /close resolved", ""),
        ("// start with the refund", ""),
        (".start Hello", ""),
        (".as zed Hello", ""),
        (".optout she said so", ""),
        (" /start is a word", ""),
        ("Hello", ""),
    ],
)
def test_what_a_client_may_have_left_of_a_note_does_nothing_that_cannot_be_undone(text: str, sure: str) -> None:
    line = typed(text, VERBS)
    assert line is not None
    why, its = doubtful(text, line)
    assert its == sure
    assert bool(why) == bool(sure)
    if sure:
        again = typed(sure, VERBS)
        assert again == line, "the line that does it for sure means the same"
        assert doubtful(sure, again) == ("", "")


def test_who_types_slashes_is_answered_with_slashes() -> None:
    assert slashed("\n/take")
    assert not slashed(".take")
    assert not slashed("hello /take")
    said = "say .close OUTCOME; .take (or .close) it... see www.take.example, 3.take, .taken"
    assert in_slashes(said, VERBS) == "say /close OUTCOME; /take (or /close) it... see www.take.example, 3.take, .taken"
