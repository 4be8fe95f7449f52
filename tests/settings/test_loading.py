"""Loading: the shipped example, the contract's sample, defaults, merges, cross checks."""

import re
from pathlib import Path

import pytest

from gateway.model.channel import Fault
from gateway.model.message import MessageClass
from gateway.settings import DEFAULTS, FAULTS, MESSAGE_CLASSES, Classes, ConfigError, load

EXAMPLE = Path(__file__).parents[2] / "config"

GATEWAY = """\
[[brands]]
name = "acme"
display_name = "Acme"
help_contact = "https://acme.example/help"
"""


def problems_of(folder: Path, **environ: str) -> list[str]:
    """What load() complains about, the folder's own path taken off."""
    with pytest.raises(ConfigError) as caught:
        load(folder, environ)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def test_the_words_of_the_schema_are_those_of_the_model() -> None:
    assert set(FAULTS) == {fault.name for fault in Fault}
    assert [cls.name for cls in MessageClass] == list(MESSAGE_CLASSES) == list(Classes.model_fields)


def test_the_shipped_example_loads_as_it_is() -> None:
    loaded = load(EXAMPLE, {})
    settings = loaded.settings
    assert settings.carriers[0].tps == 100
    assert settings.senders[0].address == "70007"
    assert {queue.name for queue in settings.queues} == {"billing", "travel"}
    assert {offer.name for offer in settings.offers} == {"unlimited", "lounge"}
    assert settings.handler_modules[:3] == ("flight_delay", "plan_overage", "appointment")
    assert not loaded.warnings


def test_every_commented_key_of_the_example_is_a_key(folder: Path) -> None:
    settings = load(folder, {}).settings
    assert settings.carriers[0].errors == {0x0B: "bad_number", 0x0400: "blocked"}
    assert settings.carriers[0].country == "1"
    assert settings.webhooks[0].name == "crm"
    assert settings.api_keys[0].key is not None
    assert settings.rules.brands["acme"].default_queue == "billing"
    assert settings.keywords.compliance_words("stop") == {"KONIEC"}
    assert len(settings.offers) == 2


def test_what_is_commented_as_shipped_rule_is_the_shipped_rule(folder: Path) -> None:
    """Else the comments lie to operators."""
    assert load(folder, {}).settings.rules.classes == load(EXAMPLE, {}).settings.rules.classes
    assert load(folder, {}).settings.rules.conversations == load(EXAMPLE, {}).settings.rules.conversations
    assert load(folder, {}).settings.rules.numbers == load(EXAMPLE, {}).settings.rules.numbers


def test_a_word_means_one_brand_of_a_shared_address(tmp_path: Path) -> None:
    carrier = '[[carriers]]\nname = "sim"\nhost = "127.0.0.1"\nsystem_id = "us"\npassword = "secret"\n'
    sender = '[[senders]]\naddress = "70007"\nbrand = "acme"\nshared_with = ["zed"]\ncarriers = ["sim"]\n'
    other = GATEWAY.replace('"acme"', '"zed"').replace('"Acme"', '"Zed"')
    write(tmp_path, "gateway.toml", GATEWAY + other + 'keywords = ["FLY"]\n' + carrier + sender)
    assert load(tmp_path, {}).settings.senders[0].shared_with == ("zed",)
    write(tmp_path, "gateway.toml", GATEWAY + other + 'keywords = ["FLY", "Acmé!"]\n' + carrier + sender)
    assert problems_of(tmp_path) == [
        "gateway.toml:18: senders.70007.shared_with[0]: a text 'Acmé!' to 70007 could mean 'acme' or 'zed'"
    ]


def test_the_least_configuration_is_one_brand(tmp_path: Path) -> None:
    write(tmp_path, "gateway.toml", GATEWAY)
    loaded = load(tmp_path, {})
    assert loaded.settings.xmpp is None
    assert loaded.settings.default_queue("acme") is None
    assert loaded.settings.rules.of("promotional").doubt == "at_most_once"
    assert loaded.settings.rules.of("emergency").caps == ()
    assert loaded.settings.keywords.default_of("acme") == "welcome"
    assert all("fulfils this offer" in warning.text for warning in loaded.warnings)


def test_only_gateway_toml_must_be_there(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == ["gateway.toml: is not there; name the configuration folder by --config DIR"]


def test_rules_are_merged_key_by_key(tmp_path: Path) -> None:
    write(tmp_path, "gateway.toml", GATEWAY)
    write(tmp_path, "rules.toml", '[classes.promotional]\nttl = "2h"\ncaps = []\n[conversations]\nwait = 5\n')
    rules = load(tmp_path, {}).settings.rules
    assert rules.of("promotional").ttl == 7200
    assert rules.of("promotional").caps == ()
    assert rules.of("promotional").quiet is not None
    assert (rules.conversations.wait, rules.conversations.misses) == (5, 2)


def test_an_offer_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    write(tmp_path, "gateway.toml", GATEWAY)
    offer = 'name = "unlimited"\nfamily = "plan"\ntitle = "All"\nprice = "19.00"\ncurrency = "EUR"'
    write(tmp_path, "offers.toml", f"[[offers]]\n{offer}\n")
    settings = load(tmp_path, {}).settings
    assert [offer.name for offer in settings.offers] == ["unlimited", "lounge"]
    found = settings.offer("unlimited", "acme")
    assert found is not None
    assert (found.price, found.promotional, found.expires) == ("19.00", True, 172_800)


def test_all_problems_of_all_files_come_at_once(folder: Path) -> None:
    write(folder, "rules.toml", "[classes.bulk]\nttl = 1\n")
    write(folder, "offers.toml", '[[offers]]\nname = "x"\nfamily = "plan"\ntitle = "X"\nprice = 5\ncurrency = "USD"\n')
    write(folder, "keywords.toml", '[[keywords]]\nwords = ["Hi"]\n')
    text = (folder / "gateway.toml").read_text("utf-8").replace("port = 2775", "port = 99999").replace("tps =", "tsp =")
    write(folder, "gateway.toml", text)
    found = problems_of(folder)
    assert [problem.split(":")[0] for problem in found] == ["gateway.toml"] * 2 + [
        "keywords.toml",
        "offers.toml",
        "rules.toml",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "wanted"),
    [
        ("gateway.toml", 'brand = "acme"\ncarr', 'brand = "amce"\ncarr', r"senders.70007.brand: 'amce' .*mean 'acme'"),
        ("gateway.toml", 'carriers = ["sim"]', 'carriers = ["sin"]', r"70007.carriers\[0\]: 'sin' .*mean 'sim'"),
        ("gateway.toml", 'queues = ["billing"]', 'queues = ["biling"]', r"agents.Ana.queues\[0\]: .*mean 'billing'"),
        ("gateway.toml", "ana@example.test", "ana@exmaple.test", r"agents.Ana.jid: .*mean 'example.test'"),
        ("gateway.toml", "shared_with = []", 'shared_with = ["acne"]', r"70007.shared_with\[0\]: 'acne' .*mean 'acme'"),
        ("gateway.toml", "shared_with = []", 'shared_with = ["acme"]', r"70007.shared_with\[0\]: 'acme' has the"),
        ("gateway.toml", 'name = "travel"', 'name = "billing"', r"queues.billing.name: 'billing' stands here twice"),
        ("gateway.toml", "America/New_York", "America/New_Yrok", r"brands.acme.timezone: .*mean 'America/New_York'"),
        ("gateway.toml", '"transceiver"', '"tranceiver"', r"carriers.sim.bind: must be .*mean 'transceiver'"),
        ("gateway.toml", "port = 2775", "port = 0", r"carriers.sim.port: must be greater than or equal to 1"),
        ("gateway.toml", '"http://127.0.0.1:8080"', '"127.0.0.1:8080"', r"http.public_url: must be a URL"),
        ("gateway.toml", '"http://127.0.0.1:9100/fulfil"', '"http://me:pw@h/"', r"billing.url: must be a URL"),
        ("gateway.toml", '"http://127.0.0.1:9100/fulfil"', '"http://h:99999/"', r"billing.url: must be a URL"),
        ("gateway.toml", '"message.*"', '"mesage.*"', r"webhooks.crm.events\[0\]: .*mean 'message.\*'"),
        ("gateway.toml", "Mo-Fr 08:00", "Mo-Fri 08:00", r"queues.billing.hours: 'Mo-Fri .* is not understood"),
        ("gateway.toml", 'backup = "travel"', 'backup = "travle"', r"queues.billing.backup: .*mean 'travel'"),
        (
            "gateway.toml",
            'name = "travel"',
            'name = "travel"\nroom = "Billing@rooms.example.test"',
            r"queues.travel.room: .* is the lobby of queue 'billing' already; each queue has its own",
        ),
        ("gateway.toml", 'backup = "travel"', 'backup = "billing"', r"queues.billing.backup: .* back itself up"),
        ("gateway.toml", 'holidays = "US-NY"', 'holidays = "US-NX"', r"brands.acme.holidays: US has no part 'NX'"),
        ("gateway.toml", 'holidays = "US"', 'holidays = "USA"', r"queues.billing.holidays: .* no holidays of 'USA'"),
        ("gateway.toml", '"bad_number"', '"bad_nummer"', r"carriers.sim.errors: .*mean 'bad_number'"),
        ("gateway.toml", "0x0B =", "oops =", r"carriers.sim.errors: 'oops' is no code"),
        ("gateway.toml", "sqlite:///var/careline.db", "postgresql://me@h/db", r"store.url: PostgreSQL is not"),
        ("gateway.toml", "sqlite:///", "mysql://", r"store.url: must be sqlite:///FILE or postgresql"),
        ("gateway.toml", 'country = "US"', 'country = "ZZ"', r"carriers.sim.country: 'ZZ' is no country"),
        ("gateway.toml", 'folders = []', 'folders = ["nowhere"]', r"handlers.folders\[0\]: .*nowhere' is no folder"),
        ("gateway.toml", 'key_file = "secrets/billing.key"', "", r"billing-system: needs exactly one"),
        ("gateway.toml", 'languages = ["en", "es"]', 'languages = ["xx-yy-zz-q"]', r"languages\[0\]: .*no language"),
        ("keywords.toml", '"SALDO"', '"Stop!"', r"keywords\[0\].words\[1\]: 'Stop!' is a compliance word"),
        ("keywords.toml", '"SALDO"', '"balance."', r"keywords\[0\].words\[1\]: 'balance.' stands here twice"),
        ("keywords.toml", 'sender = "70007"', 'sender = "70008"', r"keywords\[0\].sender: .*mean '70007'"),
        ("keywords.toml", "[brands.acme]", "[brands.amce]", r"brands.amce: .*mean 'acme'"),
        ("offers.toml", 'brand = "acme"', 'brand = "acne"', r"offers.unlimited.brand: .*mean 'acme'"),
        ("offers.toml", 'backoffice = "billing"', 'backoffice = "biling"', r"unlimited.backoffice: .*mean 'billing'"),
        ("offers.toml", '"20.00"', '"NaN"', r"offers.unlimited.price: must be an amount"),
        ("offers.toml", '"USD"', '"USB"', r"offers.unlimited.currency: 'USB' is no currency"),
        ("offers.toml", '"48h"', '"48 hrs"', r"offers.unlimited.expires: must be a duration"),
        ("rules.toml", 'from = "21:00"', 'from = "9pm"', r"classes.promotional.quiet.from: must be a time of day"),
        ("rules.toml", 'doubt = "at_most_once"', 'doubt = "at_most_one"', r"promotional.doubt: .*mean 'at_most_once'"),
        ("rules.toml", 'default_queue = "billing"', 'default_queue = "b"', r"acme.default_queue: 'b' is no \[\[queues"),
        ("rules.toml", "max = 3", "max = 0", r"classes.promotional.caps\[0\].max: must be greater"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_where_it_stands(folder: Path, file: str, old: str, new: str, wanted: str) -> None:
    text = (folder / file).read_text("utf-8")
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    write(folder, file, text.replace(old, new, 1))
    found = problems_of(folder)
    assert any(re.search(wanted, problem) for problem in found), found
    told = [problem for problem in found if re.search(wanted, problem)]
    assert all(abs(int(problem.split(":")[1]) - line) <= 2 for problem in told), (line, told)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[store]\nurl = \n", "gateway.toml:2: no TOML: "),
        ("[store\n", "gateway.toml:1: no TOML: "),
        ('x = "\n\n', "gateway.toml:1: no TOML: "),
        ("a = 1\na = 2\n", "gateway.toml:2: no TOML: "),
        ("x = " + "[" * 20_000, "gateway.toml:1: no TOML"),
        ("# é\n[store]\nurl = 0442\n", "gateway.toml:3: no TOML: "),
        ("[carriers]\nname = 'x'\n", "gateway.toml:1: carriers: must be a list"),
        ("brands = 5\n", "gateway.toml:1: brands: must be a list"),
        ("[brands.acme]\nname = 'x'\n", "gateway.toml:1: brands: must be a list"),
    ],
)
def test_broken_toml_is_told_by_line(tmp_path: Path, text: str, wanted: str) -> None:
    write(tmp_path, "gateway.toml", text)
    assert any(problem.startswith(wanted) for problem in problems_of(tmp_path))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_bytes(b"[store]\nurl = '\xff'\n")
    assert problems_of(tmp_path) == ["gateway.toml:2: is not UTF-8 text"]


def test_a_misspelt_file_name_is_a_warning(folder: Path) -> None:
    (folder / "rule.toml").write_text("", "utf-8")
    assert any("rule.toml: is not read (did you mean 'rules.toml'?)" in str(w) for w in load(folder, {}).warnings)


def test_unknown_keys_are_told_their_home(tmp_path: Path) -> None:
    write(tmp_path, "gateway.toml", "tps = 5\n" + GATEWAY + "[limits]\nzzz = 1\n")
    assert problems_of(tmp_path) == [
        "gateway.toml:1: tps: unknown key (it belongs into [carriers])",
        "gateway.toml:7: limits.zzz: unknown key (known here: queued)",
    ]


def test_tls_is_a_switch_or_a_table(folder: Path) -> None:
    text = (folder / "gateway.toml").read_text("utf-8")
    for written, verify in (("true", True), ('{ ca_file = "ca.pem", verify = false }', False)):
        write(folder, "gateway.toml", re.sub(r"tls = false.*", f"tls = {written}", text))
        tls = load(folder, {}).settings.carriers[0].tls
        assert tls is not None
        assert tls.verify is verify
        assert tls.ca_file in (None, folder / "ca.pem")
    write(folder, "gateway.toml", re.sub(r"tls = false.*", "tls = { ca_fil = 'x' }", text))
    assert "carriers.sim.tls.ca_fil: unknown key (did you mean 'ca_file'?)" in problems_of(folder)[0]


def test_warnings_of_what_is_not_there_yet(folder: Path) -> None:
    text = (folder / "gateway.toml").read_text("utf-8").replace('queues = ["travel", "billing"]', "queues = []")
    write(folder, "gateway.toml", text)
    warnings = {warning.key: warning.text for warning in load(folder, {}).warnings}
    assert "not delivered yet" in warnings["webhooks.crm"]
    assert "no agent answers" in warnings["queues.travel"]


def test_somebody_has_the_skills_of_a_queue(folder: Path) -> None:
    """Billing is answered by Ana and Ben."""
    text = re.sub(r"(?m)^skills = .*\n", "", (folder / "gateway.toml").read_text("utf-8"))
    asks = text.replace('name = "billing"\nbrand', 'name = "billing"\nskills = ["refunds", "business"]\nbrand', 1)
    assert asks != text
    halves = asks.replace('name = "Ana"\n', 'name = "Ana"\nskills = ["refunds"]\n')
    for lacking in (asks, halves.replace('name = "Ben"\n', 'name = "Ben"\nskills = ["business"]\n')):
        write(folder, "gateway.toml", lacking)
        told = "no agent of this queue or its backup has all of them: refunds, business"
        assert any(f"queues.billing.skills: {told}" in line for line in problems_of(folder))
    write(folder, "gateway.toml", halves.replace('name = "Ben"\n', 'name = "Ben"\nskills = ["business", "refunds"]\n'))
    warnings = [warning.text for warning in load(folder, {}).warnings]
    assert "is never asked for 'billing': lacks business" in warnings


def test_holidays_and_back_up_fit_the_brand(folder: Path) -> None:
    text = (folder / "gateway.toml").read_text("utf-8")
    without = re.sub(r'holidays = "US(-NY)?"', "", text)
    write(folder, "gateway.toml", without.replace('"Mo-Fr 08:00-20:00" ', '"Mo-Fr 08:00-20:00; PH off" '))
    assert any("queues.billing.hours: PH needs to know whose holidays" in line for line in problems_of(folder))
    other = '[[brands]]\nname = "zed"\ndisplay_name = "Zed"\nhelp_contact = "x"\n'
    away = text.replace('name = "travel"\nbrand = "acme"', 'name = "travel"\nbrand = "zed"')
    write(folder, "gateway.toml", away.replace("\n[[brands]]\n", f"\n{other}\n[[brands]]\n", 1))
    assert any("'travel' answers for brand 'zed', this queue for 'acme'" in line for line in problems_of(folder))


def test_numbers_longest_prefix_decides(folder: Path) -> None:
    write(folder, "rules.toml", '[numbers]\nallow = ["+1", "+1900555"]\ndeny = ["+1900"]\n')
    numbers = load(folder, {}).settings.rules.numbers
    assert numbers.may_send("+15551234567")
    assert not numbers.may_send("+19001234567")
    assert numbers.may_send("+19005551234")
    assert not numbers.may_send("+447700900123")


def test_the_defaults_are_where_the_wheel_has_them() -> None:
    assert {path.name for path in DEFAULTS.iterdir()} >= {"offers.toml", "keywords.toml", "rules.toml", "templates"}


def test_a_brands_language_needs_texts(folder: Path) -> None:
    file = folder / "gateway.toml"
    file.write_text(file.read_text("utf-8").replace('default_language = "en"', 'default_language = "fr"'), "utf-8")
    with pytest.raises(ConfigError, match=r"gateway\.toml:\d+: brands\.acme\.default_language: no texts in 'fr'"):
        load(folder, {})
    own = folder / "templates" / "fr"
    own.mkdir()
    (own / "system.toml").write_text('parked = "Merci."\n', "utf-8")
    load(folder, {})  # which of them are missing is for the catalogue to say
