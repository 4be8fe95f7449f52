"""The catalogue: languages, filters, and templates that try to do more than a text may."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.care.rendering import LONGEST, BadText, Catalogue, MissingText
from gateway.model import gsm7
from gateway.settings import DEFAULTS, ConfigError

ZONE = "America/New_York"


def catalogue(folder: Path, **texts: str) -> Catalogue:
    """A catalogue of `en__plan="..."`: one file per argument, `es_MX__plan` for other languages."""
    for name, content in texts.items():
        language, _, file = name.partition("__")
        path = folder / language.replace("_", "-") / f"{file}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return Catalogue.load([folder])


def said(folder: Path, source: str, fields: dict[str, object], language: str = "en") -> str:
    quoted = source.replace("'''", "")
    texts = catalogue(folder, **{f"{language.replace('-', '_')}__t": f"x = '''{quoted}'''"})
    return texts.render("t.x", language, fields, timezone=ZONE)


def test_the_shipped_texts_all_compile_in_all_languages() -> None:
    texts = Catalogue.load([DEFAULTS / "templates"])
    assert set(texts.languages) >= {"en", "es"}
    assert not texts.problems({key: texts.text(key, "en").fields for key in texts.keys})


def test_keys_are_file_and_name_and_nested_tables(tmp_path: Path) -> None:
    texts = catalogue(tmp_path, en__plan='notice = "a"\n[deep.er]\nkey = "b"\n')
    assert texts.keys == {"plan.notice", "plan.deep.er.key"}
    assert texts.render("plan.deep.er.key", "en", {}, timezone=ZONE) == "b"


def test_the_operators_folder_wins_key_by_key(tmp_path: Path) -> None:
    catalogue(tmp_path / "ours", en__plan='a = "ours a"\nb = "ours b"\n')
    catalogue(tmp_path / "theirs", en__plan='b = "theirs"\n')
    texts = Catalogue.load([tmp_path / "ours", tmp_path / "theirs", tmp_path / "not there"])
    assert [texts.render(f"plan.{key}", "en", {}, timezone=ZONE) for key in "ab"] == ["ours a", "theirs"]


@pytest.mark.parametrize(
    ("language", "wanted"),
    [("es-MX", "mx"), ("es-AR", "es"), ("es_mx", "mx"), ("ES", "es"), ("fr", "en"), ("", "en"), ("x\x00y", "en")],
)
def test_the_nearest_language_is_said(tmp_path: Path, language: str, wanted: str) -> None:
    texts = catalogue(tmp_path, en__t='x = "en"', es__t='x = "es"', es_MX__t='x = "mx"')
    assert texts.render("t.x", language, {}, timezone=ZONE) == wanted


def test_a_missing_text_says_what_to_do(tmp_path: Path) -> None:
    texts = catalogue(tmp_path, en__plan='notice = "x"')
    with pytest.raises(MissingText, match=r"no text 'plan.notic' in es or en \(did you mean 'plan.notice'\?\); write"):
        texts.render("plan.notic", "es", {}, timezone=ZONE)


def test_a_text_of_other_languages_only_is_not_its_own_hint(tmp_path: Path) -> None:
    catalogue(tmp_path, en__plan='notice = "x"', es__plan='notice = "x"', fr__plan='notices = "x"')
    texts = Catalogue.load([tmp_path], "fr")
    with pytest.raises(MissingText, match=r"no text 'plan.notice' in fr \(it is there in en, es\); write notice in"):
        texts.render("plan.notice", "fr", {}, timezone=ZONE)


WHEN = "2026-11-22T23:40:00Z"


@pytest.mark.parametrize(
    ("language", "source", "wanted"),
    [
        ("en", "{{ charge | money(currency) }}", "$50.00"),
        ("en", "{{ big | money(currency) }}", "$1,234,567.80"),
        ("en", "{{ charge | money('EUR') }}", "€50.00"),
        ("en", "{{ charge | money('INR') }}", "INR 50.00"),
        ("es", "{{ charge | money(currency) }}", "50,00 US$"),
        ("de", "{{ charge | money('EUR') }}", "50,00 €"),
        ("fr", "{{ big | number }}", "1 234 567,8"),
        ("en", "{{ minutes | number }}", "1,200"),
        ("en", "{{ at | clock }}", "6:40 PM"),
        ("es", "{{ at | clock }}", "18:40"),
        ("en", "{{ at | day }}", "Sun, Nov 22"),
        ("es", "{{ sat | day }}", "sab, 21 nov"),
        ("en", "{{ at | time }}", "Sun, Nov 22, 6:40 PM"),
        ("en", "{{ moment | clock }}", "6:40 PM"),
        ("en", "{{ '2026-11-22T23:40:00+05:30' | clock }}", "1:10 PM"),
        ("en", "{{ name | gsm }}", 'Zoe  "q" ñé-'),
        ("en", "{{ name | upper | trim }}", "ZOË 😀 “Q” ÑÉ–"),
        ("en", "{% if gate %}at {{ gate }}{% else %}soon{% endif %}", "soon"),
        ("en", "{% if offer %}{{ offer.title }}{% endif %}", "Unlimited"),
        ("en", "{{ 'many' if minutes > 100 and currency in ['USD'] else 'few' }}", "many"),
        ("en", "{{ nothing | default('-') }}", "-"),
        ("en", "100% {sure} #1", "100% {sure} #1"),
    ],
)
def test_what_customers_read(tmp_path: Path, language: str, source: str, wanted: str) -> None:
    fields = {
        "charge": "50.00",
        "big": "1234567.8",
        "currency": "USD",
        "minutes": 1200,
        "at": WHEN,
        "sat": "2026-11-21T20:00:00Z",
        "moment": datetime(2026, 11, 22, 23, 40, tzinfo=UTC),
        "name": "Zoë 😀 “q” ñé–",
        "gate": None,
        "offer": {"title": "Unlimited"},
    }
    assert said(tmp_path, source, fields, language) == wanted


@pytest.mark.parametrize("language", ["en", "es", "fr", "de", "it", "pt", "nl", "sv", "pl", "tr", "fi", "cs", "da"])
def test_filters_write_gsm_7(tmp_path: Path, language: str) -> None:
    source = "{{ a | money('USD') }} {{ a | money('PLN') }} {{ a | number }} {{ t | time }} {{ s | time }}"
    text = said(tmp_path, source, {"a": "-1234567.80", "t": WHEN, "s": "2026-02-07T10:00:00Z"}, language)
    assert gsm7.foreign(text) is None, text


@pytest.mark.parametrize(
    ("source", "fields", "wanted"),
    [
        ("{{ a }}", {}, "'a' is undefined; fields given: none"),
        ("{{ a | money('USD') }}", {"b": 1}, "'a' is undefined; fields given: b"),
        ("{% if a %}x{% endif %}", {"a": 0}, "is empty with these fields"),
        ("{{ a.b }}", {"a": {}}, "has no attribute 'b'"),
        ("{{ a }}", {"a": None}, "None would be shown"),
        ("{{ a }}", {"a": True}, "True would be shown"),
        ("{{ a }}", {"a": {"b": 1}}, "a whole list or table would be shown"),
        ("{{ a }}", {"a": "x" * 2001}, "at most 2000"),
        ("{{ a }}{{ a }}", {"a": "x" * 1500}, "is 3000 characters long"),
        ("{{ a | money('USD') }}", {"a": "many"}, "the field is no number"),
        ("{{ a | money('USD') }}", {"a": "1e999999"}, "the field is no number"),
        ("{{ a | clock }}", {"a": "2026-11-22T10:00:00"}, "no RFC 3339 time"),
        ("{{ a | clock }}", {"a": 5}, "no RFC 3339 time"),
        ("{{ a > 1 }}x", {"a": "x"}, "not supported"),
        ("{{ a | length }}", {"a": 1}, "no len"),
    ],
)
def test_wrong_fields_are_told_with_key_language_and_place(
    tmp_path: Path, source: str, fields: dict[str, object], wanted: str
) -> None:
    with pytest.raises(BadText) as caught:
        said(tmp_path, source, fields)
    assert wanted in str(caught.value)
    assert str(caught.value).startswith(f"text 't.x' in 'en' ({tmp_path}/en/t.toml:1): ")


def test_a_wrong_zone_is_told(tmp_path: Path) -> None:
    texts = catalogue(tmp_path, en__t='x = "{{ at | clock }}"')
    with pytest.raises(BadText, match="Mars"):
        texts.render("t.x", "en", {"at": WHEN}, timezone="Mars/Olympus")


ATTACKS = [
    "{% for x in range(1000000000) %}a{% endfor %}",
    "{% for x in a recursive %}{{ loop(a) }}{% endfor %}",
    "{{ range(10) }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ a.__class__ }}",
    "{{ a['__class__'] }}{{ a.b() }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id') }}",
    "{{ a | attr('__class__') }}",
    "{{ a | map('upper') | list }}",
    "{{ 'x' * 1000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ 'a' | replace('a', 'aaaaaaaa') }}",
    "{{ a ~ a ~ a }}",
    "{{ a[b] }}",
    "{{ a[0:5] }}",
    "{% set a = 1 %}",
    "{% set _timezone = 'UTC' %}",
    "{{ _timezone }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% include 'system.toml' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{% block b %}{{ self.b() }}{% endblock %}",
    "{% with a = 1 %}{% endwith %}",
    "{% filter upper %}a{% endfilter %}",
    "{% call a() %}{% endcall %}",
    "{{ a",
    "{% if a %}",
    "{{ }}",
    "{{ a is callable }}",
    "{{ a | nonesuch }}",
    "{{ " + "(" * 900 + "a" + ")" * 900 + " }}",
    "{{ " + "not " * 480 + "a }}",
    "{% if a %}" * 95 + "x" + "{% endif %}" * 60,
    "{{ a" + " or a" * 390 + " }}",
    "{{ " + "[" * 950 + "]" * 950 + " }}",
    "{{ a" + ".b" * 900 + " }}",
    "{{ a" + "|trim" * 380 + " }}",
    "{% raw %}",
    "x" * (LONGEST + 1),
    "   ",
]


@pytest.mark.parametrize("source", ATTACKS, ids=range(len(ATTACKS)))
def test_what_is_more_than_a_text_is_refused_or_harmless(tmp_path: Path, source: str) -> None:
    """Refused when loaded, or when rendered; never a hang, another exception, or more than LONGEST characters."""
    begun = time.perf_counter()
    place = f"{tmp_path}/en/t.toml:1: x: "
    text, problem = "", place
    try:
        text = said(tmp_path, source, {"a": "aaaa"})
    except ConfigError as error:
        problem = str(error)
    except BadText:
        pass
    assert len(text) <= LONGEST
    assert problem.startswith(place)
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize("source", ATTACKS[:36], ids=range(36))
def test_the_plain_attacks_do_not_even_load(tmp_path: Path, source: str) -> None:
    with pytest.raises(ConfigError):
        catalogue(tmp_path, en__t=f"x = '''{source}'''")


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        catalogue(tmp_path, en__a='x = "{{ 1 + 1 }}"\ny = 5\n', en__b="= 1", zz_top__c='x = "x"')
    told = [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]
    assert [problem.split(" ")[0] for problem in told] == ["en/a.toml:1:", "en/a.toml:2:", "en/b.toml:1:", "zz-top:"]


def test_check_names_missing_texts_wrong_fields_and_slips(tmp_path: Path) -> None:
    english = 'notice = "{{ charge }} {{ mintes }}"\ndone = "x"\n'
    texts = catalogue(tmp_path, en__plan=english, es__plan='notice = "{{ brand }}"\ndonne = "x"', es_MX__plan='a = "x"')
    problems = texts.problems({"plan.notice": {"charge", "minutes"}, "plan.done": (), "plan.lost": ()})
    told = [str(problem).removeprefix(f"{tmp_path}/") for problem in problems]
    assert "en/plan.toml:1: plan.notice: field 'mintes' is not given to this text (did you mean 'minutes'?)" in told
    assert "es/plan.toml:2: plan.donne: no text of this key is ever said (did you mean 'plan.done'?)" in told
    assert "es/plan.toml: done: this text is missing (did you mean 'plan.donne'?)" in told
    assert any(problem.startswith("en/plan.toml: lost: this text is missing") for problem in told)


def test_customers_languages_do_not_fill_the_memory(tmp_path: Path) -> None:
    texts = catalogue(tmp_path, en__t='x = "en"')
    for number in range(2000):
        texts.render("t.x", f"q{number}", {}, timezone=ZONE)
    assert len(texts._chains) <= 1000


def test_a_simple_text_takes_microseconds(tmp_path: Path) -> None:
    texts = catalogue(
        tmp_path, en__t='x = "Flight {{ flight }} leaves from {{ gate }}. {% if ask %}Reply OK.{% endif %}"'
    )
    fields = {"flight": "AA12", "gate": "B7", "ask": True}
    best = min(_timed(texts, fields) for _ in range(20))
    assert best < 50e-6  # 6 us on a quiet machine


def _timed(texts: Catalogue, fields: dict[str, object]) -> float:
    begun = time.perf_counter()
    for _ in range(100):
        texts.render("t.x", "en", fields, timezone=ZONE)
    return (time.perf_counter() - begun) / 100
