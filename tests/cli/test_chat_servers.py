"""`careline doctor` reads the XMPP server's configuration, and says what loses messages there."""

import asyncio
import json
from pathlib import Path

import apsw
import pytest

from gateway.cli.chat_servers import Unreadable, find, troubles
from gateway.model.chat_server import ChatServer
from gateway.settings import load
from gateway.store.chat_servers import note_server
from gateway.store.database import Store, sqlite_path
from tests.cli.conftest import Run
from tests.doubles.stage import fresh_database

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
        ("prosody.cfg.lua", BAD_PROSODY, ["kick_old", "muc_mam", "archive", "s2s", "privileged_entities"]),
        (
            "ejabberd.yml",
            BAD_EJABBERD,
            [
                "global_routes",
                "domain_balancing",
                "127.0.0.1",
                "s2s_access",
                "PLAIN",
                "default_db",
                "mam: true",
                "managed_entity",
                "roster: {both: RULE}",
            ],
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


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("ejabberd.yml", "/var/lib/ejabberd/ejabberd.sqlite", "{folder}/archive.sqlite"),
        ("prosody.cfg.lua", 'database = "prosody.sqlite"', 'database = "{folder}/archive.sqlite"'),
        ("prosody.cfg.lua", 'database = "prosody.sqlite" }', 'database = "archive.sqlite" }} data_path = "{folder}"'),
    ],
)
def test_a_database_that_is_not_in_wal_mode(tmp_path: Path, name: str, old: str, new: str) -> None:
    path = tmp_path / name
    shipped = (OURS / name).read_text("utf-8")
    assert old in shipped
    path.write_text(shipped.replace(old, new.format(folder=tmp_path)))
    assert troubles(path, DOMAIN) == []
    opened = apsw.Connection(str(tmp_path / "archive.sqlite"))
    opened.execute("CREATE TABLE archive (xml)")
    [(told, todo)] = troubles(path, DOMAIN)
    assert "WAL" in told
    opened.execute(todo.split('"')[1])
    opened.close()
    assert troubles(path, DOMAIN) == []


async def test_doctor_shows_them(careline: Run, config: Path, tmp_path: Path) -> None:
    path = tmp_path / "prosody.cfg.lua"
    path.write_text(BAD_PROSODY)
    arguments = ("doctor", "--config", str(config), "--xmpp-config", str(path), "--json")
    found = json.loads((await asyncio.to_thread(careline, *arguments)).stdout)
    told = [one for one in found if one["what"] == "xmpp server"]
    assert len(told) == 5
    assert all(one["state"] == "warning" and one["todo"] for one in told)


@pytest.mark.parametrize(
    ("server", "state", "words"),
    [
        (
            ChatServer("ejabberd", "23.01"),
            "warning",
            "ejabberd 23.01, as it said at 2026-11-29 20:00 UTC: where it allows",
        ),
        (ChatServer("Prosody", "13.0.5"), "good", "Prosody 13.0.5, as it said at 2026-11-29 20:00 UTC; no fault"),
        (ChatServer("Prosody"), "warning", "Prosody, as it said at"),
        (ChatServer(), "warning", "a server that does not say what it is, as it said at"),
        (None, "skipped", "no gateway has asked the server yet"),
    ],
)
async def test_doctor_shows_what_the_server_says_it_is(
    careline: Run, config: Path, server: ChatServer | None, state: str, words: str
) -> None:
    path = sqlite_path(load(config, {}).settings.store.url)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh_database(path)
    if server is not None:
        store = Store(path)
        await store.open()
        await store.write(note_server(ChatServer("an", "older one"), 0))
        await store.write(note_server(server, 1_795_982_400_000))
        await store.close()
    found = json.loads((await asyncio.to_thread(careline, "doctor", "--config", str(config), "--json")).stdout)
    [told] = [one for one in found if one["what"] == "xmpp server software"]
    assert told["state"] == state
    assert told["told"].startswith(words)
    assert bool(told["todo"]) == (state != "good")
