"""What a short reply means: the acceptance corpus of the anchors, the choices, and the promises of normalisation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.wordpacks import PACKS
from gateway.model.words import (
    AUTOMATIC_LENGTH,
    LONGEST,
    Compliance,
    choose,
    compliance,
    ends_talk,
    first_word,
    hints_at_stop,
    is_automatic,
    is_reserved,
    normalise,
)

YES_NO = ("YES", "NO")

# One reply a line.
OUT = [
    "stop",
    "Stop.",
    "STOP!!",
    "Stop. Thank you",
    '"STOP"',
    "stpo",
    "please stopppp",
    "stop texting me",
    "take me off your list",
    "no más",
    "arrêt",
    "STOP ALL",
    "opt-out",
    "Unsubcribe",
    "StopAll",
    "cancel",
    "END",
    "quit",
    "revoke",
    "optout",
    "remove",
    "“Stop”",
    "ＳＴＯＰ",
    "stop 🙏",
    "S\u200btop",
    "stop, please!",
    "hello, stop",
    "Stop. Stop. Stop.",
    "please opt me out",
    "Don't text me",
    "DON’T TEXT ME AGAIN",
    "baja",
    "ALTO",
    "parar",
    "cancelar",
    "fin",
    "arrete svp",
    "stopp",
    "abmelden bitte",
    "sair",
    "ferma",
    "basta grazie",
    "STOP HELP",
]
NOT_OUT = [
    "cancel my order",
    "please cancel flight AA12",
    "end of June works",
    "we have got to STOP this terrible bill",
    "can't stop laughing",
    "bus stop?",
    "quit smoking plan?",
    "what is the end date",
    "enough",
    "leave me alone",
    "wrong number",
    "stoop",
    "stp",
    "spot",
    "STOP NEWS",
    "STOP 12345",
    "yes",
    "no",
    "thank you",
    "please",
    "",
    "🛑",
    "?!",
    "do not stop",
    "stop it from charging me",
]


@pytest.mark.parametrize("text", OUT)
def test_opts_out(text: str) -> None:
    assert compliance(text) == "stop"


@pytest.mark.parametrize("text", NOT_OUT)
def test_does_not_opt_out(text: str) -> None:
    assert compliance(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((text, "help") for text in ("Help!", "info", "ayuda", "Hilfe, bitte", "aide svp", "help start")),
        *((text, "start") for text in ("START", "unstop", "Subscribe please")),
        *((text, None) for text in ("help me with my bill", "start my plan", "YES", "Y")),
    ],
)
def test_help_and_start(text: str, said: str | None) -> None:
    assert compliance(text) == said


def test_stop_works_in_every_language_and_others_only_in_theirs() -> None:
    assert all(compliance("Stop", (language,)) == "stop" for language in (*PACKS, "ja", "es-MX"))
    assert compliance("baja", ("es-MX",)) == "stop"
    assert compliance("baja", ("de",)) is None


def test_an_operators_own_words_win() -> None:
    own: dict[str, Compliance] = {"ADIOS AMIGO": "stop", "INFO": "start", "GENUG": "stop"}
    assert compliance("¡Adiós, amigo!", None, own) == "stop"
    assert compliance("info", None, own) == "start"
    assert compliance("genug, danke", ("de",), own) == "stop"
    assert compliance("info") == "help"


@pytest.mark.parametrize(
    ("text", "language", "choice"),
    [
        ("yes please!", "en", "YES"),
        ("no thanks", "en", "NO"),
        ("ok yes", "en", "YES"),
        ("YES", "en", "YES"),
        ("  y ", "en", "YES"),
        ("yeah", "en", "YES"),
        ("Yesss!!!", "en", "YES"),
        ("yes 👍", "en", "YES"),
        ("“Yes.”", "en", "YES"),
        ("Nope", "en", "NO"),
        ("Sí, por favor", "es", "YES"),
        ("si", "es-MX", "YES"),
        ("No, gracias.", "es", "NO"),
        ("Oui, s'il vous plaît", "fr", "YES"),
        ("Ja bitte", "de", "YES"),
        ("não obrigado", "pt_BR", "NO"),
        ("certo", "it", "YES"),
        ("yes", "ja", "YES"),
        ("yes but how much?", "en", None),
        ("yes?", "en", None),
        ("yes 👎", "en", None),
        ("yes no", "en", None),
        ("no yes", "en", None),
        ("ok", "en", None),
        ("thanks", "en", None),
        ("👍", "en", None),
        ("", "en", None),
        ("sim", "en", None),
        ("I said yes to nothing", "en", None),
        ("yes " * 13, "en", None),
        ("Liked “Get Unlimited plan? Reply YES”", "en", None),
    ],
)
def test_choices(text: str, language: str, choice: str | None) -> None:
    assert choose(text, YES_NO, language) == choice


def test_a_courtesy_can_be_a_choice_itself() -> None:
    choices = ("OK", "REBOOK", "YES")
    assert choose("ok thanks", choices) == "OK"
    assert choose("ok yes", choices) == "YES"
    assert choose("rebook please", choices) == "REBOOK"
    assert choose("rebook yes", choices) is None


def test_phrases_and_digits_are_choices_too() -> None:
    assert choose("More info, please", ("MORE INFO", "1")) == "MORE INFO"
    assert choose("1.", ("MORE INFO", "1")) == "1"
    assert choose("1️⃣", ("MORE INFO", "1")) == "1"
    assert choose("more", ("MORE INFO", "1")) is None


def test_agent_has_synonyms() -> None:
    assert choose("a real person please", ("AGENT",)) is None
    assert choose("Human!", ("AGENT",)) == "AGENT"
    assert choose("agente por favor", ("AGENT", "YES"), "es") == "AGENT"
    assert choose("agent", YES_NO) is None


def test_what_is_longer_than_a_text_is_no_word() -> None:
    assert compliance("stop" + "!" * LONGEST) is None
    assert choose("yes" + "!" * LONGEST, YES_NO) is None
    assert compliance(" " * LONGEST + "stop" + " " * LONGEST) == "stop"


def test_packs_are_written_as_normalise_leaves_them() -> None:
    for pack in PACKS.values():
        for words in (pack.stop, pack.help, pack.start, pack.yes, pack.no, pack.agent, pack.courtesies):
            assert [word for word in words if normalise(word) != word] == []


def test_no_answer_and_no_courtesy_is_a_compliance_word() -> None:
    for pack in PACKS.values():
        assert [word for word in pack.yes | pack.no | pack.agent | pack.courtesies if is_reserved(word)] == []


def test_reserved() -> None:
    assert all(map(is_reserved, ("STOP", "CANCEL", "END", "HELP", "START", "CANCELAR", "FIN")))
    assert not any(map(is_reserved, ("YES", "NO", "REBOOK", "C", "R", "OK", "AGENT")))


def test_normalise_every_character_once_and_for_all() -> None:
    for point in range(0x30000):
        once = normalise(chr(point))
        assert normalise(once) == once, hex(point)


@given(st.text(max_size=60))
def test_normalise_is_idempotent(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


@given(st.text(alphabet=st.characters(max_codepoint=0x7F), max_size=20) | st.text(max_size=20))
def test_a_first_word_is_what_normalise_begins_with(text: str) -> None:
    word = first_word(text)
    assert word is None or normalise(text).split(" ")[0] == word


def test_the_first_word_of_most_texts_is_seen() -> None:
    assert [first_word(text) for text in ("hello there, you", "  Stop\tnow", "don't", "né", "", "\x1cHI\x1fyou")] == [
        "HELLO",
        "STOP",
        None,
        None,
        None,
        "HI",
    ]


_OWN: dict[str, Compliance] = {"ZQ12": "stop", "HELLO NOW": "help", "PLEASE": "start"}
_PHRASES = sorted(set().union(*(pack.courtesies | pack.stop | pack.help | pack.start for pack in PACKS.values())))


@given(
    st.lists(st.sampled_from([*_PHRASES, "STOOOP", "pleaseee", "hello", "now", "zq12", "OPT"]), min_size=1, max_size=4),
    st.sampled_from([" ", "  ", "\t", "\n", ", ", "-", "'", "\x1c"]),
    st.booleans(),
)
def test_a_look_at_the_first_word_changes_no_meaning(phrases: list[str], between: str, lower: bool) -> None:
    text = between.join(phrases)
    text = text.lower() if lower else text
    # What nobody sees parts no words, and takes the long way.
    assert compliance(text) == compliance("\u200b" + text)
    assert compliance(text, None, _OWN) == compliance("\u200b" + text, None, _OWN)


@given(st.text(), st.sampled_from([*PACKS, "", "x", "es-MX"]))
def test_nothing_raises(text: str, language: str) -> None:
    assert choose(text, YES_NO, language) in ("YES", "NO", None)
    assert compliance(text, (language,)) in ("stop", "help", "start", None)


@given(st.sampled_from(["yes", "no", "stop"]), st.text(alphabet="abcdefgh", min_size=4, max_size=8), st.booleans())
def test_an_unknown_word_makes_free_text(word: str, other: str, first: bool) -> None:
    text = f"{other} {word}" if first else f"{word} {other}"
    known = set().union(*(pack.courtesies | pack.stop for pack in PACKS.values()))
    if other.upper() not in known:
        assert choose(text, YES_NO) is None
        assert compliance(text) is None


@given(
    st.text(alphabet=" .,!;:-*\"'()👍🙏\u200d\ufe0f", max_size=6), st.sampled_from(["", "please", "Thank you", "OK"])
)
def test_punctuation_and_courtesies_change_nothing(noise: str, courtesy: str) -> None:
    assert choose(f"{noise} yes {noise} {courtesy} {noise}", YES_NO) == "YES"
    assert compliance(f"{noise} {courtesy} {noise} stop {noise}") == "stop"


@pytest.mark.parametrize(
    "text", ["please stop the delay texts", "I want to opt out of this", "unsubscribe me now!!", "STOPPPP it"]
)
def test_a_sentence_may_hint_at_stop(text: str) -> None:
    assert compliance(text) is None
    assert hints_at_stop(text)


@pytest.mark.parametrize(
    "text", ["cancel my flight", "at the end of the month", "hello", "", "x" * 5000, "stopped working"]
)
def test_ordinary_sentences_hint_at_nothing(text: str) -> None:
    assert not hints_at_stop(text)


def test_the_hint_speaks_the_customers_language() -> None:
    assert hints_at_stop("por favor parar con esto", "pt")
    assert not hints_at_stop("por favor parar con esto", "en")


@pytest.mark.parametrize(
    "text",
    [
        "thanks", "Thank you!", "ok thanks", "OK", "k", "no thanks", "hi, thanks", "bye", "perfect, thank you so much",
        "gracias", "Muchas gracias!", "no, gracias", "merci beaucoup", "Vielen Dank", "alles klar, danke", "obrigada",
        "valeu", "grazie mille", "va bene", "\U0001f44d", "\u2764\ufe0f", "\U0001f64f\U0001f64f", "thanks \U0001f600",
    ],
)  # fmt: skip
def test_what_ends_a_talk(text: str) -> None:
    assert ends_talk(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "...", "no", "yes", "yes thanks", "hello", "hola", "please", "thanks?", "ok but when?",
        "it is still broken", "thanks, but it is still broken", "\U0001f44e", "\U0001f621", "thanks \U0001f44e", "4",
        "STOP", "ok?",
    ],
)  # fmt: skip
def test_what_needs_an_answer(text: str) -> None:
    assert not ends_talk(text)


@given(st.text(max_size=300))
def test_what_ends_a_talk_asks_nothing(text: str) -> None:
    assert not (ends_talk(text) and ("?" in text or "\U0001f44e" in text))


def test_what_ends_a_talk_is_a_courtesy_in_its_language() -> None:
    for language, pack in PACKS.items():
        assert pack.thanks <= pack.courtesies | PACKS["en"].courtesies, language
        assert all(ends_talk(word) for word in pack.thanks), language


@pytest.mark.parametrize(
    "text",
    [
        "I'm driving with Do Not Disturb While Driving turned on. I'll see your message when I get to where I'm going.",
        "I\u2019m driving with Focus turned on. I\u2019ll see your message when I get where I\u2019m going.",
        "I'm driving right now",
        "Auto-reply: I am away until Monday.",
        "[Auto reply] back soon",
        "This is an automated response.",
        "Automatic reply: Out of office",
        "Out of office until 3 Jan",
        "Respuesta autom\u00e1tica: estoy fuera",
        "Automatische Antwort: bin im Urlaub",
    ],
)
def test_what_phones_answer_by_themselves(text: str) -> None:
    assert len(text) >= AUTOMATIC_LENGTH
    assert is_automatic(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I'm driving to the airport, rebook me",
        "why do I get an automatic reply?",
        "automatic payments are wrong",
        "my office is out of order",
        "stop the auto replies",
    ],
)
def test_what_people_write_is_not_automatic(text: str) -> None:
    assert not is_automatic(text)
