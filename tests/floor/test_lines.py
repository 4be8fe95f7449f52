"""What an agent types is words, a note, a verb, or nothing; what is for the desk never becomes words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.floor.lines import Typed, doubtful, in_slashes, slashed, typed, unfit

VERBS = {"close", "take"}
A_GAP = "is it the command .close? Then without a blank behind the dot; a space before it makes it words"


def quoting(mark: str) -> str:
    return f"a quoted line begins with {mark}, which no customer may read; write it anew without that line"


NO_NAME = "say the name of a command right behind it, as in .help; a note is .note TEXT"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Hello Ann ", Typed("", "Hello Ann")),
        ("  hello", Typed("", "hello")),
        (" /etc is a folder", Typed("", "/etc is a folder")),
        ("two\nlines", Typed("", "two\nlines")),
        ("half // half", Typed("", "half // half")),
        ("> // he lied\nok", Typed(refused=quoting("//"))),
        ("> Ben: // he lied\nok", Typed(refused=quoting("//"))),
        ("ok\n>// he lied", Typed(refused=quoting("//"))),
        ("> > \uff0f\uff0fhe lied\nok", Typed(refused=quoting("//"))),
        ("> /note he lied\nok", Typed(refused=quoting("/note"))),
        ("> [desk] Ana: hello\nok", Typed(refused=quoting("[desk]"))),
        ("> see https://example.test/a//b [desk]\nyes", Typed("", "> see https://example.test/a//b [desk]\nyes")),
        ("> why?\nhalf // half", Typed("", "> why?\nhalf // half")),
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
        # A keyboard puts a blank behind a full stop, or writes a wide one; a note is one all the same.
        (". note internal", Typed("note", "internal")),
        (". Note, internal", Typed("note", "internal")),
        ("  .note internal", Typed("note", "internal")),
        (" . note internal", Typed("note", "internal")),
        ("\uff0enote internal", Typed("note", "internal")),
        ("\uff0e\uff4e\uff4f\uff54\uff45 internal", Typed("note", "internal")),
        ("\u3002note internal", Typed("note", "internal")),
        ("\u00b7 note internal", Typed("note", "internal")),
        (".\u200bnote internal", Typed("note", "internal")),
        ("/\u200b/internal", Typed("note", "internal")),
        (" \u200b//internal", Typed("note", "internal")),
        ("\u3164//internal", Typed("note", "internal")),
        ("\u29f8\u29f8 internal", Typed("note", "internal")),
        ("\u2028//internal", Typed("note", "internal")),
        ("  \n.take", Typed("take")),
        (". close resolved", Typed(refused=A_GAP)),
        (" . close resolved", Typed("", ". close resolved")),
        (" / take care", Typed("", "/ take care")),
        (". and close", Typed("", ". and close")),
        ("\u00b7 milk", Typed("", "\u00b7 milk")),
        ("\u00b7milk", Typed("", "\u00b7milk")),
        ("\u3002milk", Typed("", "\u3002milk")),
        (". closed on Sunday", Typed("", ". closed on Sunday")),
        ("> I like it\nme too", Typed("", "> I like it\nme too")),
        ("> .net it is", Typed("", "> .net it is")),
        ("Say\n. and then", Typed("", "Say\n. and then")),
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
        "Hello\n . note x",
        "Hello\n .note x",
        "Hello\u2028//note",
        "Hello\n\uff0etake",
        "Hello\n. take",
    ],
)
def test_what_is_for_the_desk_is_sent_alone(text: str) -> None:
    line = typed(text, VERBS)
    assert line is not None
    assert "sent alone" in line.refused


@given(st.text(alphabet=st.sampled_from("/. \n\tacloseтzdé>\u200b"), max_size=40))
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
        shown = text.replace("\u200b", "").lstrip("\r\n")
        first = next(each for each in shown.splitlines() if each.strip())
        assert not said or first[0].isspace() or "/as" in shown or ".as" in shown


UNSEEN = "\u200b\u200e\u2060\ufeff\u00ad\u3164\u2800\ufe0f"
BLANKS = " \t\u00a0\u3000"
SLASHES = st.sampled_from("/\uff0f\u2044\u2215\u29f8")
DOTS = st.sampled_from(".\uff0e\u2024\ufe52\u3002\uff61")
BEFORE = st.text(alphabet=st.sampled_from(f"{UNSEEN}{BLANKS}>\u00bb"), max_size=6)
MARKS = st.one_of(SLASHES, DOTS)
BETWEEN = st.text(alphabet=st.sampled_from(UNSEEN), max_size=2)
GAP = st.text(alphabet=st.sampled_from(UNSEEN + BLANKS), max_size=3)
EARLIER = st.sampled_from(["", "Hello\n", "Hello\u2028", "Hello\r\n", " \n", "\u200b\n"])


def _never_words(text: str) -> None:
    line = typed(text, VERBS)
    assert line is not None
    assert line.verb or line.refused, f"{text!r} is said to the customer"


@given(EARLIER, BEFORE, SLASHES, BETWEEN, SLASHES, BETWEEN)
def test_two_slashes_are_never_said(earlier: str, before: str, one: str, between: str, other: str, behind: str) -> None:
    _never_words(f"{earlier}{before}{one}{between}{other}{behind}secret")


@given(EARLIER, BEFORE, MARKS, GAP)
def test_a_note_is_never_said(earlier: str, before: str, mark: str, gap: str) -> None:
    _never_words(f"{earlier}{before}{mark}{gap}note secret")


@given(EARLIER, BEFORE, MARKS, GAP, st.sampled_from(["close", "TAKE", "as"]), st.sampled_from(["", " resolved"]))
def test_a_command_is_said_only_behind_the_documented_space(
    earlier: str, before: str, mark: str, gap: str, name: str, rest: str
) -> None:
    seen = "".join(char for char in before if char not in UNSEEN)
    if not seen[:1].isspace():
        _never_words(f"{earlier}{before}{mark}{gap}{name}{rest}")


@given(EARLIER, BEFORE, st.sampled_from(["[desk]", "[DESK]", "\uff3bdesk\uff3d"]))
def test_what_the_desk_said_is_never_said_on(earlier: str, before: str, mark: str) -> None:
    _never_words(f"{earlier}{before}{mark} Why: he does not pay\nyes of course")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("> [desk] Why: he does not pay\nyes", "a quoted line begins with [desk], which no customer may read; "),
        ("yes\n>> [desk] he", "a quoted line begins with [desk], which no customer may read; "),
        ("[desk] Why: he does not pay", "a line begins with [desk], which no customer may read; "),
        ("> // angry\nyes", "a quoted line begins with //, which no customer may read; "),
        ("> .note angry\nyes", "a quoted line begins with .note, which no customer may read; "),
        ("> /close resolved\nyes", "a quoted line begins with /close, which no customer may read; "),
    ],
)
def test_what_no_customer_may_read_is_refused(text: str, why: str) -> None:
    assert typed(text, VERBS) == Typed(refused=f"{why}write it anew without that line")


@pytest.mark.parametrize(
    ("text", "fit"),
    [("Hello", True), ("", True), ("/etc", True), ("// angry", False), ("Hi\n. note x", False), (".as zed x", False)],
)
def test_what_is_given_with_a_command_is_no_note(text: str, fit: bool) -> None:
    assert (unfit(text, VERBS) == "") == fit


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
