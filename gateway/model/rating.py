"""What customers answer when they are asked for 1 to 5: "4!", "4 thanks", "four", "4/5", "1 it is still broken"."""

import re

from gateway.model.words import choose

_NUMBERS = (
    ("1", "ONE", "UNO", "UN", "EINS", "UM"),
    ("2", "TWO", "DOS", "DEUX", "ZWEI", "DOIS", "DUE"),
    ("3", "THREE", "TRES", "TROIS", "DREI", "TRE"),
    ("4", "FOUR", "CUATRO", "QUATRE", "VIER", "QUATRO", "QUATTRO"),
    ("5", "FIVE", "CINCO", "CINQ", "FUNF", "CINQUE"),
)
_SCORES = {word: score for score, words in enumerate(_NUMBERS, 1) for word in words}
_CHOICES = tuple(_SCORES)
_OF_FIVE = re.compile(r"\s*([1-5])\s*(?:/|out of|of|de|sur|von|su|em)\s*5\W*", re.IGNORECASE)
_STARS = re.compile("\\s*(?:\u2b50\ufe0f?\\s*){1,5}")
# A number of something is no rating: "2 days ago", "3 of my bills", "1 more thing", "4.5", "5 pm", "1-5".
_UNITS = (
    "days?|hours?|hrs?|minutes?|mins?|weeks?|months?|years?|times?|of|more|am|pm|oclock|people|percent|dollars?|bucks|or|to|"
    "dias?|días?|horas?|minutos?|semanas?|mes(?:es)?|a[nñ]os?|veces|vez|de|m[aá]s|personas?|st|nd|rd|th|x"
)
_AND_WORDS = re.compile(
    rf"\s*([1-5])(?![.,:/-]?\d|\s*(?:[%$€]|(?:{_UNITS})\b))[\s.,!:;)-]+(?=.*[^\W\d])(.+)", re.DOTALL | re.IGNORECASE
)
LONGEST = 1600


def rating_of(text: str, language: str = "en") -> tuple[int, str] | None:
    """The rating that a text begins with, and the words that follow it ("" where it is but a rating, courtesies
    apart); None where it is none.
    """
    if len(text) > LONGEST:
        return None
    word = choose(text, _CHOICES, language)
    if word is not None:
        return _SCORES[word], ""
    if _STARS.fullmatch(text) is not None:
        return text.count("\u2b50"), ""
    if (found := _OF_FIVE.fullmatch(text)) is not None:
        return int(found[1]), ""
    if (found := _AND_WORDS.fullmatch(text)) is not None:
        return int(found[1]), found[2].strip()
    return None
