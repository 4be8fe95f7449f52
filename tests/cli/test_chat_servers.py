"""`careline doctor` reads the XMPP server's configuration, and says what loses messages there."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.cli.chat_servers import Unreadable, find, troubles
from tests.cli.conftest import Run

OURS = Path(__file__).parents[2] / "config" / "xmpp"
DOMAIN = "sms.example.test"
BAD_PROSODY = f"""
modules_enabled = {{ "roster", "mam" }} -- storage = "sql" would be better
VirtualHost "example.test"
Component "{DOMAIN}"
  component_secret = "x"
Component "rooms.example.test" "muc"
"""
BAD_EJABBERD = f"""
hosts: [example.test]
listen:
  - port: 5347
    module: ejabberd_service
    hosts: {{"{DOMAIN}": {{password: "x"}}}}
    domain_balancing: {{"{DOMAIN}": {{type: random}}}}
# s2s_access: none
modules:
  mod_mam: {{}}
  mod_muc: {{}}
  mod_privilege: {{presence: {{managed_entity: all}}}}
"""


@pytest.mark.parametrize("name", ["prosody.cfg.lua", "ejabberd.yml"])
def test_what_we_ship_reads_well(name: str) -> None:
    assert troubles(OURS / name, DOMAIN) == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("prosody.cfg.lua", BAD_PROSODY, ["kick_old", "archive", "s2s", "muc_mam", "privileged_entities"]),
        (
            "ejabberd.yml",
            BAD_EJABBERD,
            ["global_routes", "domain_balancing", "default_db", "mam: true", "s2s_access", "PLAIN", "managed_entity"],
        ),
    ],
)
def test_each_trouble_is_named_with_what_to_do(name: str, text: str, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    found = troubles(path, DOMAIN)
    assert len(found) == len(words), found
    for (told, todo), word in zip(found, words, strict=True):
        assert word in f"{told} {todo}"


def test_a_component_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "prosody.cfg.lua"
    path.write_text(BAD_PROSODY)
    assert troubles(path, "other.example.test")[0][0] == "no Component other.example.test"
    assert find("other.example.test", (path,)) is None
    assert find(DOMAIN, (tmp_path / "none.lua", path)) == path


def test_what_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "some.yml"
    path.write_bytes(b"\xff\xfe nothing")
    with pytest.raises(Unreadable, match="neither"):
        troubles(path, DOMAIN)


async def test_doctor_shows_them(careline: Run, config: Path, tmp_path: Path) -> None:
    path = tmp_path / "prosody.cfg.lua"
    path.write_text(BAD_PROSODY)
    arguments = ("doctor", "--config", str(config), "--xmpp-config", str(path), "--json")
    found = json.loads((await asyncio.to_thread(careline, *arguments)).stdout)
    told = [one for one in found if one["what"] == "xmpp server"]
    assert len(told) == 5
    assert all(one["state"] == "warning" and one["todo"] for one in told)
