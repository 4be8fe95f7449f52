"""What the demo says on the terminal."""

import pytest

from gateway.demo import screen

SESSION = {
    "page": "http://127.0.0.1:8088/", "url": "http://127.0.0.1:8080", "phones": "http://127.0.0.1:2780",
    "billing": "http://127.0.0.1:9100", "key": "ck_secret", "key_file": "var/demo/api.key", "log": "var/demo/log",
    "data": "var/demo/overage.json", "activate": ".venv/bin/activate", "config": " --config /opt/careline/config",
}  # fmt: skip


CHAT = {
    "host": "127.0.0.1", "port": 5222,
    "accounts": [{"jid": "ana@example.test", "name": "Ana", "password": "ana-1f2e3d4c"}],
}  # fmt: skip


def test_where_everything_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    screen.welcome(SESSION, "+15551234567", CHAT, fresh_data=True)
    said = capsys.readouterr().out
    for name in ("page", "url", "phones", "billing", "key_file", "log"):
        assert SESSION[name] in said
    assert "careline trace +15551234567" in said
    assert "--data @var/demo/overage.json --reply YES --config /opt/careline/config" in said
    assert SESSION["key"] not in said
    for words in ("ana@example.test", "ana-1f2e3d4c", "host 127.0.0.1, port 5222, no TLS"):
        assert words in said
    assert all(len(line) <= 80 for line in said.splitlines() if "careline " not in line)
    assert "--fresh" not in said


@pytest.mark.parametrize(("level", "anew"), [("1", "make demo ARGS=--fresh"), ("", "careline demo --fresh")])
def test_how_to_start_clean_as_it_was_started(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, level: str, anew: str
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    if level:
        monkeypatch.setenv("MAKELEVEL", level)
    screen.welcome(SESSION, "+15551234567", CHAT, fresh_data=False)
    assert f"{anew} starts clean" in capsys.readouterr().out


def test_without_an_xmpp_server(capsys: pytest.CaptureFixture[str]) -> None:
    screen.welcome(SESSION, "+15551234567", {"missing": "No agents on XMPP: Prosody is not installed"}, fresh_data=True)
    assert "No agents on XMPP: Prosody is not installed." in capsys.readouterr().out
