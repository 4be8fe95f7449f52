"""What a short reply means: compliance words, and the choices of a waiting step.

Two rules decide everything. A text means a word when, normalised, it is that word, or that word and courtesies only
("yes please!", "Stop. Thank you"). All else is free text, for a person: nobody buys by accident ("yes but how much?"),
and nobody is opted out by a sentence that merely holds a stop word ("can't stop laughing").
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Final, Literal, cast

from gateway.model.wordpacks import PACKS

Compliance = Literal["stop", "help", "start"]

LONGEST: Final = 2000  # characters; nothing longer is a word with courtesies
_MOST_TOKENS = 12
_APOSTROPHES = dict.fromkeys(map(ord, "'`\u00b4\u02bc\u2018\u2019\u2032"))
# Of each ASCII character what `normalise` leaves: a quarter of the time of a pattern.
_ASCII = {
    code: char.upper() if char.isalnum() else None if char in "'`" else " "
    for code, char in enumerate(map(chr, range(128)))
}
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]")
_NOT_WORD = re.compile(r"[\W_]+")
_STRETCHED = re.compile(r"(.)\1{2,}")  # yesss, nooo, stooop
_FIRST = itemgetter(1)
# Words that a sentence often holds with another meaning: "cancel my flight", "at the end of the month".
_ORDINARY = frozenset({"CANCEL", "CANCELAR", "END", "ENDE", "ANNULLA", "BASTA", "QUIT", "REVOKE"})
_STOPP = re.compile(r"STOPP+")
# An answer that asks, or shakes its head, is no YES: "yes?" goes to a person, who is cheaper than a wrong sale.
_DOUBT = re.compile("[?\u00bf\u061f\uff1f\U0001f44e\U0001f914]")


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Upper case, no accents, no punctuation, no emoji, single spaces: "¡Sí, por favor!" is "SI POR FAVOR".

    Apostrophes close up ("don't" is "DONT"), other punctuation parts words ("opt-out" is "OPT OUT"). Idempotent.
    """
    if text.isascii():
        return " ".join(text.translate(_ASCII).split())
    text = text.translate(_APOSTROPHES)
    # Upper-casing may compose accents again, and decomposing may bring lower case back: hence twice.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", _INVISIBLE.sub("", text)).upper()).upper()
    text = "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
    return " ".join(_NOT_WORD.sub(" ", text.translate(_APOSTROPHES)).split())


def first_word(text: str) -> str | None:
    """What `normalise` would begin with, where a look tells; None where only `normalise` can tell.

    Most texts are sentences of letters and spaces, and their first word shows that they are no word of ours.
    """
    if not text.isascii():
        return None
    words = text.split(None, 1)
    if not words or not words[0].isalnum():
        return None
    return words[0].upper()


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """The phrases that mean something, those that mean nothing, and by first token how long a phrase may be."""

    meanings: Mapping[str, str]
    courtesies: frozenset[str]
    sizes: Mapping[str, int]


def _lexicon(meanings: Mapping[str, str], courtesies: frozenset[str] = frozenset()) -> _Lexicon:
    sizes: dict[str, int] = {}
    for phrase in (*meanings, *courtesies):
        first, spaces = phrase.partition(" ")[0], phrase.count(" ")
        sizes[first] = max(sizes.get(first, 1), spaces + 1)
    return _Lexicon(meanings, courtesies, sizes)


@lru_cache(maxsize=64)
def _answers(language: str) -> _Lexicon:
    packs = [PACKS["en"], *([PACKS[language]] if language != "en" and language in PACKS else ())]
    meanings: dict[str, str] = {}
    for pack in packs:
        for canonical, words in (("AGENT", pack.agent), ("NO", pack.no), ("YES", pack.yes)):
            meanings.update(dict.fromkeys(words, canonical))
    return _lexicon(meanings, frozenset().union(*(pack.courtesies for pack in packs)))


@lru_cache(maxsize=64)
def _rules(languages: tuple[str, ...]) -> _Lexicon:
    packs = [PACKS["en"], *(PACKS[language] for language in languages if language in PACKS)]
    meanings: dict[str, str] = {}
    for pack in packs:
        for canonical, words in (("start", pack.start), ("help", pack.help), ("stop", pack.stop)):
            meanings.update(dict.fromkeys(words, canonical))
    return _lexicon(meanings, frozenset().union(*(pack.courtesies for pack in packs)))


_ALL = tuple(PACKS)


def _unstretched(token: str) -> str:
    """The word in a drawn-out token: YESSS, STOPPPP. "stoop" stays what it is."""
    if len(token) < 4 or not token.isalpha():
        return token
    if token[0] == "S" and _STOPP.fullmatch(token):
        return "STOP"
    return _STRETCHED.sub(_FIRST, token)


def _begins(token: str, lexicon: _Lexicon, own: _Lexicon) -> bool:
    """Whether any phrase begins with the token, or with the word in it."""
    if token in lexicon.sizes or token in own.sizes:
        return True
    word = _unstretched(token)
    return word in lexicon.sizes or word in own.sizes


def _read(tokens: list[str], lexicon: _Lexicon, own: _Lexicon) -> list[tuple[str, bool]] | None:
    """What each phrase means and whether it is a courtesy too; None when any phrase is neither.

    `own` wins over the lexicon: the choices of a step, an operator's keywords.
    """
    found: list[tuple[str, bool]] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token not in lexicon.sizes and token not in own.sizes:
            token = tokens[at] = _unstretched(token)
        longest = max(lexicon.sizes.get(token, 0), own.sizes.get(token, 0))
        for size in range(min(longest, len(tokens) - at), 0, -1):
            phrase = token if size == 1 else " ".join(tokens[at : at + size])
            meaning = own.meanings.get(phrase) or lexicon.meanings.get(phrase)
            courtesy = phrase in lexicon.courtesies
            if meaning is not None:
                found.append((meaning, courtesy))
            if meaning is not None or courtesy:
                at += size
                break
        else:
            return None
    return found


@lru_cache(maxsize=512)
def _own(choices: tuple[str, ...]) -> _Lexicon:
    return _lexicon({choice: choice for choice in choices})


_NOTHING = _lexicon({})
_operators_last: list[tuple[Mapping[str, Compliance], _Lexicon]] = []


def _operators(extra: Mapping[str, Compliance]) -> _Lexicon:
    """The lexicon of an operator's own words; the last one is kept, since a gateway has one."""
    if not _operators_last or _operators_last[0][0] is not extra:
        _operators_last[:] = [(extra, _lexicon(extra))]
    return _operators_last[0][1]


def base_language(language: str) -> str:
    """The language of a tag: `es` of `es-MX` or `es_MX`."""
    return language.replace("_", "-").partition("-")[0].lower()


def choose(text: str, choices: Collection[str], language: str = "en") -> str | None:
    """The one of `choices` that the reply is, or None for free text.

    Args:
        text: as the customer wrote it.
        choices: upper-case words or phrases, as `normalise` leaves them.
        language: its synonyms of YES, NO and AGENT count beside the English ones (SI, OUI, JA ...), where the step has
            that choice.

    A reply that names two choices is free text. OK is a courtesy unless it is a choice ("ok yes" is YES). Emoji are
    ignored beside a word and mean nothing alone: a thumbs-up often means no more than "seen". A question mark, a
    thumbs-down or a thinking face make any reply free text.
    """
    if not choices:
        return None
    quick = text.strip().upper()
    if quick in choices:
        return quick
    if len(quick) > LONGEST or _DOUBT.search(text):
        return None
    tokens = normalise(text).split()
    if not 0 < len(tokens) <= _MOST_TOKENS:
        return None
    found = _read(tokens, _answers(base_language(language)), _own(tuple(choices)))
    if not found:
        return None
    # Where all that was said are courtesies that are choices here ("ok thanks"), the first one is meant.
    meant = {meaning for meaning, courtesy in found if not courtesy} or {found[0][0]}
    if len(meant) != 1:
        return None
    word = meant.pop()
    return word if word in choices else None


def compliance(
    text: str, languages: Iterable[str] | None = None, extra: Mapping[str, Compliance] | None = None
) -> Compliance | None:
    """Whether a text opts out, asks for help or opts in again.

    Args:
        text: as the customer wrote it.
        languages: whose words count beside the English ones; None = all packs, since a customer may answer in any.
        extra: an operator's own words, normalised; they win over the packs. Not changed after the first use.

    STOP works in every language. Where a text says two things, stop wins over help and help over start.
    """
    lexicon = _rules(_ALL if languages is None else tuple(base_language(language) for language in languages))
    own = _operators(extra) if extra else _NOTHING
    quick = text.strip()
    if len(quick) > LONGEST:
        return None
    quick = quick.upper()
    said = own.meanings.get(quick) or lexicon.meanings.get(quick)
    if said is None:
        first = first_word(quick)
        if first is not None and not _begins(first, lexicon, own):
            return None
        tokens = normalise(text).split()
        if not 0 < len(tokens) <= _MOST_TOKENS:
            return None
        phrases = _read(tokens, lexicon, own)
        if phrases is None:
            return None
        found = {meaning for meaning, _ in phrases}
        said = next((meaning for meaning in ("stop", "help", "start") if meaning in found), None)
    return cast("Compliance | None", said)  # the lexicon's values are the three literals


def hints_at_stop(text: str, language: str = "en") -> bool:
    """Whether a text that is no STOP may ask for it in a sentence: "please stop the delay texts". Only ever a hint to a
    person, who decides (47 CFR 64.1200 (a)(10): by any reasonable means).
    """
    if len(text) > LONGEST:
        return False
    lexicon = _rules((base_language(language),))
    tokens = [_unstretched(token) for token in normalise(text).split()]
    pairs = [" ".join(pair) for pair in pairwise(tokens)]
    return any(lexicon.meanings.get(said) == "stop" and said not in _ORDINARY for said in (*tokens, *pairs))


_THANKS = _lexicon(
    dict.fromkeys(frozenset().union(*(pack.thanks for pack in PACKS.values())), "thanks"),
    frozenset().union(*(pack.courtesies for pack in PACKS.values())),
)
_NOS = _lexicon(dict.fromkeys(frozenset().union(*(pack.no for pack in PACKS.values())), "no"))
# Faces that say the opposite: angry, swearing, a thumb down, a broken heart.
_CROSS = re.compile("[\U0001f44e\U0001f620-\U0001f621\U0001f92c\U0001f624\U0001f494\U0001f595]")


def ends_talk(text: str) -> bool:
    """Whether a text that comes after the close needs no answer: "thanks", "ok, bye", "no thanks", a friendly emoji, in
    any of the languages. A question mark or an angry face needs one, and so does a mere greeting.
    """
    if len(text) > LONGEST or _DOUBT.search(text) or _CROSS.search(text):
        return False
    tokens = normalise(text).split()
    if not tokens:
        return any(unicodedata.category(char) == "So" or char == "\u2764" for char in text)
    if len(tokens) > _MOST_TOKENS:
        return False
    found = _read(tokens, _THANKS, _NOS)
    return found is not None and any(meaning == "thanks" for meaning, _ in found)


AUTOMATIC_LENGTH: Final = 15
"""Nothing shorter is an automatic reply: the choices of steps need not be looked at."""
# What phones and mail gateways answer by themselves; whole beginnings, since customers write of automatic replies, too.
_AUTOMATIC = re.compile(
    r"\W*(?:(?:this is an? )?auto(?:matic|mated)?[ -]?(?:reply|response|responder|message)\b"
    r"|(?:respuesta|resposta|risposta) autom[a\u00e1]tica\b|r[e\u00e9]ponse automatique\b|automatische antwort\b"
    r"|(?:i am|i['\u2019]m) (?:currently )?out of (?:the )?office\b|out of office\b"
    r"|(?:i am|i['\u2019]m) driving (?:right now|with\b.{0,40}\bturned on)"
    r"|estoy conduciendo (?:ahora|con\b.{0,40}\bactivad))",
    re.IGNORECASE,
)


def is_automatic(text: str) -> bool:
    """Whether a phone answered by itself ("I'm driving with Do Not Disturb While Driving turned on ...")."""
    return _AUTOMATIC.match(text) is not None


def is_reserved(word: str) -> bool:
    """Whether a word is taken by the law and the carriers, in any language: no step and no keyword may use it."""
    return compliance(word) is not None
