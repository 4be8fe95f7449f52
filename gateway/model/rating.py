"""What customers answer when they are asked for 1 to 5.

The number is all that they write ("4!", "four", "4/5", four stars), courtesies apart ("4 thanks"); or a digit comes
first, then a separator and words ("2 - too slow", "5, Ana was great"). All else is a text like any other.
"""

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
# Words need a separator before them: "3 bills were wrong", "2 days ago", "4.5" and "1, 2 and 3" are no ratings.
_SEPARATOR = r"(?:\s*[,.:;!]+|\s*\n|\s+[-\u2013\u2014]+|[-\u2013\u2014]+(?=\s))"
_AND_WORDS = re.compile(rf"\s*([1-5]){_SEPARATOR}\s*+(?!\d)(?=.*[^\W\d])(.+)", re.DOTALL)
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
