"""CARELINE_ variables, secrets in files, and secrets that are never shown."""

import traceback
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.settings import ConfigError, load
from tests.settings.conftest import SECRETS


def _problems(folder: Path, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, environ)
    return [str(problem) for problem in caught.value.problems]


def test_variables_win_over_the_files(folder: Path) -> None:
    environ = {
        "CARELINE_CARRIERS__SIM__PASSWORD": "s3cret",
        "CARELINE_HTTP__PORT": "9999",
        "CARELINE_CARRIERS__SIM__TPS": "2.5",
        "CARELINE_WEBHOOKS__CRM__SECRET": "other",  # although secret_file stands in the file
        "CARELINE_SENDERS__70007__USE_CASE": "alerts",
        "CARELINE_API_KEYS__BILLING_SYSTEM__KEY": "k",
        "CARELINE_XMPP__AGENT_DOMAINS": "example.test, b.test",
        "CARELINE_STORE__URL": "sqlite:///elsewhere.db",
        "CARELINE_CONFIG": "anything",
        "HOME": "/",
    }
    settings = load(folder, environ).settings
    assert settings.carriers[0].password.get_secret_value() == "s3cret"
    assert (settings.http.port, settings.carriers[0].tps) == (9999, 2.5)
    assert settings.webhooks[0].secret.get_secret_value() == "other"
    assert settings.senders[0].use_case == "alerts"
    assert settings.api_keys[0].key is not None
    assert settings.api_keys[0].key.get_secret_value() == "k"
    assert settings.xmpp is not None
    assert settings.xmpp.agent_domains == ("example.test", "b.test")
    assert settings.store.url == "sqlite:///elsewhere.db"


def test_tables_that_the_file_leaves_out_can_be_set(tmp_path: Path) -> None:
    brand = 'name = "a"\ndisplay_name = "A"\nhelp_contact = "x"\n'
    (tmp_path / "gateway.toml").write_text(f"[[brands]]\n{brand}", "utf-8")
    settings = load(tmp_path, {"CARELINE_HTTP__PORT": "0", "CARELINE_HANDLERS__LOAD": '["appointment"]'}).settings
    assert (settings.http.port, settings.handlers.load) == (0, ("appointment",))


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("CARELINE_CARRIERS__SIM__PASWORD", "x", "unknown variable (did you mean 'CARELINE_CARRIERS__SIM__PASSWORD'?)"),
        ("CARELINE_CARRIERS__SIN__PORT", "1", "unknown variable (did you mean 'CARELINE_CARRIERS__SIM__PORT'?)"),
        ("CARELINE_CONFIGG", "x", "unknown variable (did you mean 'CARELINE_CONFIG'?)"),
        ("CARELINE_ZZZZZZZZZZZZZZZZZZZZZZ", "x", "unknown variable; entries of lists must stand in gateway.toml"),
        ("CARELINE_HTTP__PORT", "eighty", "must be a number"),
        ("CARELINE_HTTP__PORT", "99999", "must be less than or equal to 65535"),
        ("CARELINE_HTTP__PORT", "true", "must be a whole number"),
        ("CARELINE_BRANDS__ACME__TIMEZONE", "Mars", "'Mars' is no time zone"),
        ("CARELINE_HANDLERS__LOAD", "[1", "must be a list such as"),
        ("CARELINE_CARRIERS__SIM__BIND", "receiver", "must be one of transceiver, transmitter+receiver"),
    ],
)
def test_wrong_variables_are_told_by_name(folder: Path, variable: str, value: str, wanted: str) -> None:
    found = _problems(folder, **{variable: value})
    assert len(found) == 1
    assert found[0].startswith(f"environment: {variable}: {wanted}")


def test_secrets_in_files(folder: Path) -> None:
    settings = load(folder, {}).settings
    assert settings.webhooks[0].secret.get_secret_value() == SECRETS["crm.secret"]
    assert settings.api_keys[0].key is not None
    assert settings.api_keys[0].key.get_secret_value() == SECRETS["billing.key"]
    assert settings.api_keys[0].digest == sha256(SECRETS["billing.key"].encode()).hexdigest()
    assert settings.api_keys[0].key_file == folder / "secrets" / "billing.key"


def test_a_key_by_its_hash(folder: Path) -> None:
    path, digest = folder / "gateway.toml", "ab" * 32
    text = path.read_text("utf-8")
    path.write_text(text.replace('key_file = "secrets/billing.key"', f'hash = "sha256:{digest.upper()}"'), "utf-8")
    settings = load(folder, {}).settings
    assert settings.api_keys[0].digest == digest
    assert digest not in repr(settings)


@pytest.mark.parametrize(
    ("content", "wanted"), [(None, "No such file"), ("", "it is empty"), (b"\xff\xfe", "it is not text")]
)
def test_a_secret_file_that_cannot_be_read(folder: Path, content: str | bytes | None, wanted: str) -> None:
    file = folder / "secrets" / "billing.key"
    file.unlink()
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    found = _problems(folder)
    assert len(found) == 1
    assert "api_keys.billing-system.key_file: " in found[0]
    assert wanted in found[0]


def test_a_secret_and_its_file_are_one_too_many(folder: Path) -> None:
    path = folder / "gateway.toml"
    text = path.read_text("utf-8").replace('secret_file = "secrets/crm.secret"', 'secret_file = "x"\nsecret = "y"')
    path.write_text(text, "utf-8")
    assert ["secret: stands beside secret_file; keep one of them" in problem for problem in _problems(folder)] == [True]


def test_secrets_are_never_shown(folder: Path) -> None:
    path = folder / "gateway.toml"
    hidden = {"hunter2222", "xmpphidden", "whsec_hidden", SECRETS["crm.secret"], SECRETS["billing.key"], "dbpassword"}
    text = path.read_text("utf-8").replace('password = "secret"', 'password = "hunter2222"')
    text = text.replace('secret = "secret"', 'secret = "xmpphidden"').replace("whsec_Y2FyZWx", "whsec_hidden")
    path.write_text(text, "utf-8")
    settings = load(folder, {}).settings
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {settings.carriers[0]!r}"
    assert not [secret for secret in hidden if secret in shown]
    # Neither in errors: of a secret of a wrong kind, beside a secret, or about the database's URL.
    path.write_text(text.replace("sqlite:///var/careline.db", "mysql://me:dbpassword@h/x") + "\nbogus = 1\n", "utf-8")
    for environ in ({}, {"CARELINE_CARRIERS__SIM__PASSWORDD": "hunter2222"}, {"CARELINE_XMPP__PORT": "xmpphidden"}):
        with pytest.raises(ConfigError) as caught:
            load(folder, environ)
        told = "".join(traceback.format_exception(caught.value))
        assert not [secret for secret in hidden if secret in told]


def test_a_secret_of_a_wrong_type_is_not_quoted(folder: Path) -> None:
    path = folder / "gateway.toml"
    path.write_text(path.read_text("utf-8").replace('password = "secret"', "password = 31337133"), "utf-8")
    found = _problems(folder)
    assert any("carriers.sim.password: must be text" in problem for problem in found)
    assert "31337133" not in str(found)
