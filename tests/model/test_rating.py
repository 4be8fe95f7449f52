"""What counts as a rating: a number that is the whole answer, or stands apart before words; never one of something."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.rating import rating_of


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("4", 4),
        ("4!", 4),
        (" 4. ", 4),
        ("4 thanks", 4),
        ("thanks, 5!", 5),
        ("four", 4),
        ("4/5", 4),
        ("5 out of 5", 5),
        ("3 of 5", 3),
        ("5 \u2b50", 5),
        ("\u2b50\u2b50\u2b50", 3),
    ],
)
def test_a_rating(text: str, score: int) -> None:
    assert rating_of(text) == (score, "")


def test_in_the_customers_language() -> None:
    assert rating_of("cinco, gracias", "es") == (5, "")
    assert rating_of("4 de 5", "es") == (4, "")


@pytest.mark.parametrize(
    ("text", "score", "words"),
    [
        ("1. it is still broken", 1, "it is still broken"),
        ("2, slow", 2, "slow"),
        ("5 - Ana was great!", 5, "Ana was great!"),
        ("2 - too slow", 2, "too slow"),
        ("2- too slow", 2, "too slow"),
        ("3 \u2013 it went", 3, "it went"),
        ("4: fine", 4, "fine"),
        ("5!!! the best", 5, "the best"),
        ("1\nnobody called me", 1, "nobody called me"),
    ],
)
def test_a_rating_and_words(text: str, score: int, words: str) -> None:
    assert rating_of(text) == (score, words)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "6",
        "10",
        "45",
        "4.5",
        "1-5",
        "4?",
        "4 or 5",
        "2 days ago I asked",
        "3 of my bills are wrong",
        "3 bills were wrong",
        "1 it is still broken",
        "2-day delivery never came",
        "1, 2 and 3 were wrong",
        "5 ? no",
        "4? why do you ask",
        "1 more thing",
        "5pm",
        "1st time",
        "5% off",
        "2:30 is fine",
        "why?",
        "thanks",
        "I would say 4 I think",
        "\u2b50" * 6,
    ],
)
def test_no_rating(text: str) -> None:
    assert rating_of(text) is None


@given(st.text(max_size=200), st.sampled_from(["en", "es", "fr", "de", "pt", "it", "xx"]))
def test_whatever_is_written_a_rating_is_1_to_5(text: str, language: str) -> None:
    found = rating_of(text, language)
    assert found is None or (1 <= found[0] <= 5 and found[1] in text)


@given(st.integers(1, 5), st.sampled_from(["", " ", "!", ".", " thanks", " ok", ", thank you"]))
def test_courtesies_change_nothing(score: int, after: str) -> None:
    assert rating_of(f"{score}{after}") == (score, "")


def test_long_texts_cost_nothing() -> None:
    assert rating_of("1 " + " " * 100_000 + "x") is None
