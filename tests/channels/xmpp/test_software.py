"""What the agents' server says it is is asked once for each connection, told, and warned of where it is known."""

import logging
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

import pytest

from gateway.channels.xmpp import Patience
from gateway.model.chat_server import ChatServer, faults
from gateway.model.chat_server import told as as_told
from tests.channels.xmpp.conftest import MakeRoom, Room

VERSION, INFO = "jabber:iq:version", "http://jabber.org/protocol/disco#info"
SERVER = "example.test"
LITTLE = Patience(first=0.01, limit=0.05, answer=0.1, advert=0.01)


def asked(room: Room, space: str) -> ET.Element:
    """The one query of that kind."""
    [found] = [
        one for one in room.server.last.of("iq", type="get", to=SERVER) if one.find(f"{{{space}}}query") is not None
    ]
    return found


async def answers(room: Room, space: str, inner: str, *, sender: str = SERVER, kind: str = "result") -> None:
    await room.until(lambda: room.server.last.of("iq", type="get", to=SERVER))
    about = quoteattr(asked(room, space).get("id", ""))
    room.server.last.send(
        f"<iq type='{kind}' from='{sender}' to='sms.example.test' id={about}>"
        f"<query xmlns='{space}'>{inner}</query></iq>"
    )


async def test_it_is_told_and_warned_of(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    await answers(room, VERSION, "<name>ejabberd</name><version>23.01</version><os>secret</os>")
    await answers(room, INFO, "<identity category='server' type='im' name='ejabberd'/>")
    await room.until(lambda: room.care.servers)
    assert room.care.servers == [ChatServer("ejabberd", "23.01")]
    [warned] = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert warned.startswith("desk sms.example.test: its server is ejabberd 23.01: where it allows PLAIN, whoever has")
    room.server.last.kill()
    await room.welcomed(2)
    await answers(room, VERSION, "<name>ejabberd</name><version>23.01</version>")
    await answers(room, INFO, "")
    await room.until(lambda: len(room.care.servers) == 2)
    assert len([one for one in caplog.records if "its server is" in one.getMessage()]) == 1, "it is warned of once"


async def test_one_that_does_not_tell_its_version(room: Room) -> None:
    await answers(room, VERSION, "", kind="error")
    await answers(room, INFO, "<identity category='pubsub' name='x'/><identity category='server' name='Prosody'/>")
    await room.until(lambda: room.care.servers)
    assert room.care.servers == [ChatServer("Prosody")]


async def test_only_the_server_speaks_for_itself(make_room: MakeRoom, caplog: pytest.LogCaptureFixture) -> None:
    room = await make_room(patience=LITTLE)
    await answers(room, VERSION, "<name>Evil</name><version>1</version>", sender="anna@example.test")
    await answers(room, VERSION, "<name>Evil</name><version>1</version>", sender="other.example.test")
    await room.until(lambda: room.care.servers)
    assert room.care.servers == [ChatServer()], "it did not answer, and that is told"
    assert not [one for one in caplog.records if "its server is" in one.getMessage()]


async def test_a_lost_stream_tells_nothing(make_room: MakeRoom) -> None:
    room = await make_room(patience=LITTLE)
    await answers(room, INFO, "<identity category='server' name='Prosody'/>")
    room.server.last.kill()
    await room.welcomed(2)
    await room.until(lambda: room.care.servers)
    assert room.care.servers == [ChatServer()]


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("Prosody", "0.12.3", ["CVE-2026-43506"]),
        ("Prosody", "0.12.3-1+deb12u1", ["CVE-2026-43506"]),
        ("Prosody", "13.0.4", ["CVE-2026-43506"]),
        ("Prosody", "0.12.6", []),
        ("Prosody", "13.0.5", []),
        ("Prosody", "trunk nightly build 1", []),
        ("Prosody", "", []),
        ("ejabberd", "23.01", ["4601"]),
        ("ejabberd", "24.12", ["4601", "4336"]),
        ("ejabberd", "24.12.1", ["4601", "4336"]),
        ("ejabberd", "26.04", ["4601"]),
        ("ejabberd", "26.07", []),
        ("Openfire", "4.7", []),
    ],
)
def test_what_is_known_of_versions(name: str, version: str, words: list[str]) -> None:
    found = faults(as_told(name, version))
    assert len(found) == len(words)
    for (what, todo), word in zip(found, words, strict=True):
        assert word in what
        assert todo


def test_what_it_says_is_made_harmless() -> None:
    assert as_told("E\x1b[31mvil\n" * 30, "1.0\u202e<b>") == ChatServer(("E31mvil" * 30)[:40], "1.0b")
    assert str(ChatServer()) == "a server that does not say what it is"
