"""Which language a text is in: what is told apart, and all that is left alone. Short texts of people, not of books."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.care.languages import guessing

SPANISH = """hola, cuando llega mi pedido?
no entiendo la factura de este mes
quiero hablar con una persona por favor
mi telefono no funciona desde ayer
necesito cambiar mi vuelo para mañana
me pueden llamar despues de las 5?
no puedo ir el martes, puedo cambiar la cita?
si quiero pero cuanto cuesta
tienen algo mas barato? esto es muy caro"""
ENGLISH = """hi, when will my order arrive?
i don't understand the bill this month
why did you charge me 50 dollars?
need to change my flight to tomorrow
what can i do if i miss the flight
ive been waiting two hours
yes please send it to me"""
NOTHING = """gracias
SÍ
YES
NO
42
REBOOK
Juan Carlos
Opening hours?
Maria Gonzalez, 12 Main St, San Antonio
San Jose to Los Angeles, seat 14C
Calle 8 numero 1450 Miami
123 456 789 012 345
👍👍👍👍 👍👍👍👍 👍👍👍👍 👍👍👍👍
jajajajajajajaja"""
OTHERS = """bonjour, je ne comprends pas la facture
ich verstehe die rechnung nicht
meu telefone nao funciona desde ontem
por que cobraram 50 dolares?
voglio parlare con una persona
どうして請求されたのですか わかりません 教えて ください"""


@pytest.mark.parametrize(
    ("texts", "language"), [(SPANISH, "es"), (ENGLISH, "en"), (NOTHING, None), (OTHERS, None)], ids=str
)
def test_of_english_and_spanish(texts: str, language: str | None) -> None:
    guesser = guessing(("en", "es-MX"))
    assert guesser is not None
    assert {text: guesser.guess(text) for text in texts.splitlines()} == dict.fromkeys(texts.splitlines(), language)


def test_of_another_language_that_texts_are_in() -> None:
    guesser = guessing(("en", "de"))
    assert guesser is not None
    assert guesser.guess("ich verstehe die rechnung nicht") == "de"
    assert guesser.guess("no entiendo la factura de este mes") is None


def test_of_one_language_there_is_nothing_to_guess() -> None:
    assert guessing(("en", "en-GB")) is None


@pytest.mark.parametrize(
    "text",
    [
        "\x00" * 40,
        "half \ud800 of a \udfff pair of them",
        " ".join("\ud7ff" * 5 for _ in range(9)),
        "a " * 4000,
        "\n\n\n \t \r" * 9,
    ],
)
def test_whatever_comes_it_answers(text: str) -> None:
    guesser = guessing(("en", "es"))
    assert guesser is not None
    assert guesser.guess(text) in (None, "en", "es")


@given(st.lists(st.text(st.characters(), max_size=30), min_size=4, max_size=20).map(" ".join))
def test_whatever_anybody_types_it_answers(text: str) -> None:
    """It is a library in C++ that sees what strangers write: half characters, controls, anything."""
    guesser = guessing(("en", "es"))
    assert guesser is not None
    assert guesser.guess(text) in (None, "en", "es")
