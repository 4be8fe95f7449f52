"""What comes over the stream cannot end the gateway, hold it up or fill it, whatever it is."""

import random
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from gateway.channels.xmpp import Patience
from gateway.channels.xmpp.sessions import Sessions
from gateway.model.desk import DeskState
from tests.channels.xmpp.conftest import ANNA, CONTACT, CUSTOMER, DOMAIN, MakeRoom, Room, message
from tests.channels.xmpp.fake_server import HEADER

SHORT = Patience(first=0.01, limit=0.05, session=0.2, advert=0.01)
COMMANDS = "http://jabber.org/protocol/commands"
SESSION = Sessions("s3cret", ANNA, CUSTOMER).begun("careline#close")
COMMAND = f"<command xmlns='{COMMANDS}' node='careline#close' action='{{0}}' sessionid='{SESSION}'>{{1}}</command>"
ADVERT = "<privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege>"
VERBS = f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>"
FORM = "<x xmlns='jabber:x:data' type='submit'><field var='note'><value>one</value><value>two</value></field></x>"
VALID = [
    message(
        "hello", inner="<request xmlns='urn:xmpp:receipts'/><active xmlns='http://jabber.org/protocol/chatstates'/>"
    ),
    message("Привет 😀 &amp; &lt;b>", to=DOMAIN, type="normal", inner="<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"),
    message("", inner="<received xmlns='urn:xmpp:receipts' id='l1'/>"),
    message("", inner="<displayed xmlns='urn:xmpp:chat-markers:0' id='l1'/>"),
    message("", type="error", inner="<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"),
    message("spoof", inner="<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'/></sent>"),
    f"<message from='example.test' to='{DOMAIN}'>{ADVERT}</message>",
    f"<presence from='{ANNA}/phone' to='{DOMAIN}'><show>away</show><priority>5</priority></presence>",
    f"<presence from='{ANNA}' to='{CONTACT}' type='subscribe'/>",
    f"<presence from='{ANNA}/phone' to='{CONTACT}' type='probe'/>",
    f"<presence from='{ANNA}/phone' to='{DOMAIN}' type='unavailable'/>",
    f"<iq type='get' from='{ANNA}/phone' to='{CONTACT}' id='i1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    f"<iq type='get' from='{ANNA}/phone' to='{CONTACT}' id='i2'>{VERBS}</iq>",
    f"<iq type='get' from='{ANNA}/phone' to='{CONTACT}/sms' id='i3'><vCard xmlns='vcard-temp'/></iq>",
    f"<iq type='set' from='{ANNA}/phone' to='{CONTACT}' id='i4'>{COMMAND.format('execute', '')}</iq>",
    f"<iq type='set' from='{ANNA}/phone' to='{CONTACT}' id='i5'>{COMMAND.format('complete', FORM)}</iq>",
    f"<iq type='result' from='example.test' to='{DOMAIN}' id='i6'/>",
]
PIECES = [
    *(
        "",
        "💞",
        "\u2067",
        "\u200b",
        "\x00",
        "\x1b",
        "\x7f",
        "\ud800",
        "\ufffe",
        "&",
        "&#0;",
        "&#x1b;",
        "&amp;",
        "&bad;",
        "<",
        ">",
        "/>",
    ),
    *(
        "'",
        '"',
        "<!--x-->",
        "<?x y?>",
        "<!DOCTYPE a>",
        "<![CDATA[x]]>",
        "</message>",
        "<message>",
        "<x xmlns='y'/>",
        "]]>",
    ),
    *(
        " xmlns='jabber:client'",
        " type='error'",
        " type='groupchat'",
        " from='eve@evil.test/x'",
        " id=''",
        "@",
        "/",
        "//",
        "x" * 500,
    ),
]


def mutant(chance: random.Random) -> str:
    """A valid stanza in which something went wrong, once to four times."""
    stanza = chance.choice(VALID)
    for _ in range(chance.randint(1, 4)):
        at, until = sorted((chance.randrange(len(stanza) + 1), chance.randrange(len(stanza) + 1)))
        until = min(until, at + chance.randint(0, 12))
        stanza = chance.choice((
            lambda s, a, u: s[:a] + chance.choice(PIECES) + s[a:],
            lambda s, a, u: s[:a] + s[u:],
            lambda s, a, u: s[:a] + s[a:u] * 3 + s[u:],
            lambda s, a, u: s[:a] + chance.choice(PIECES) + s[u:],
            lambda s, a, u: s[:a] + "".join(chance.sample(s[a:u], len(s[a:u]))) + s[u:],
        ))(stanza, at, until)  # fmt: skip
    return stanza


def well_formed(octets: bytes) -> bool:
    """Whether it is one stanza or several, and nothing that RFC 6120, 11.1 forbids."""
    document = HEADER.format(domain=DOMAIN, id="x").encode() + octets + b"</stream:stream>"
    parser: Any = ET.XMLPullParser(("comment", "pi"))
    try:
        parser.feed(document)
        parser.close()
        return not list(parser.read_events())
    except ET.ParseError:
        return False


async def test_mutants_that_are_xml_keep_the_stream(room: Room) -> None:
    chance = random.Random(114)
    sent = 0
    while sent < 6000:
        octets = mutant(chance).encode("utf-8", "replace")
        if well_formed(octets):
            room.server.last.send(octets)
            sent += 1
        if sent % 500 == 0:
            await room.settle()
    await room.settle()
    assert len(room.server.sessions) == 1
    assert not any(said.agent != ANNA for said in room.care.said)
    await room.both_ways()


async def test_mutants_of_any_kind_do_not_end_the_link(room: Room) -> None:
    chance = random.Random(6120)
    for _ in range(50):
        session = room.server.last
        for _ in range(25):
            session.send(mutant(chance).encode("utf-8", "surrogatepass"))
        session.send("</stream:stream>")
        await room.until(lambda session=session: room.server.last is not session)  # type: ignore[misc]
        await room.up()
    await room.settle()
    await room.both_ways()
    assert room.link.status().counters["reconnects"] >= 50


BOMB = "<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"


@pytest.mark.parametrize(
    "greeting",
    [
        BOMB + "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='&b;'>",
        "<!-- x -->" + HEADER.format(domain=DOMAIN, id="x"),
        "<?x y?>" + HEADER.format(domain=DOMAIN, id="x"),
        BOMB.encode("utf-16") + HEADER.format(domain=DOMAIN, id="x").encode("utf-16-le"),
        b"<?xml version='1.0' encoding='cp037'?>" + BOMB.encode("cp037"),
        HEADER.format(domain=DOMAIN, id="x").encode("utf-16"),
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html>",
        "<stream id='x'>",
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>" + " " * 300_000,
        b"\xff\xfe\x00",
        " " * 300_000,
        "<",
    ],
)
async def test_greetings_that_are_none(make_room: MakeRoom, greeting: str | bytes) -> None:
    room = await make_room(up=False, greeting=greeting, patience=SHORT)
    await room.until(lambda: len(room.server.sessions) >= 2)
    assert room.link.status().state is DeskState.down
    room.server.greeting = None
    await room.welcomed()
    await room.both_ways()


@pytest.mark.parametrize(
    "octets",
    [
        f"<message from='{ANNA}/phone' to='{CONTACT}'><body>" + "x" * 4_300_000,
        f"<message from='{ANNA}/phone' to='{CONTACT}' id='" + "x" * 4_300_000,
        f"<message from='{ANNA}/phone' to='{CONTACT}'>" + "<a/>" * 1_080_000,
        " " * 300_000,
        "<!-- a comment -->",
        "<?php x?>",
        "<!DOCTYPE x>",
        "<message>&lol;</message>",
        b"<message>\xff\xfe</message>",
        "<message>\x1b</message>",
        "<message></iq>",
        "</stream:stream>",
    ],
)
async def test_what_ends_the_stream(room: Room, octets: str | bytes) -> None:
    room.server.last.send(octets)
    await room.welcomed(2)
    assert not room.care.said
    await room.both_ways()


async def test_what_does_not_end_the_stream(room: Room) -> None:
    room.server.last.send(message("x" * 200_000))
    room.server.last.send(f"<message from='{ANNA}/phone' to='{CONTACT}'>" + "<a>" * 60 + "</a>" * 60 + "</message>")
    room.server.last.send(
        "<unknown/><handshake/>text<message xmlns='other'/><stream:features/><iq/><presence/><message/>"
    )
    room.server.last.send("<message/>" * 20_000)
    await room.settle()
    assert len(room.server.sessions) == 1
    assert room.link.status().counters["poison"] >= 20_000
    await room.both_ways()


@pytest.mark.parametrize(
    "inner",
    [
        "<body>words</body>" + "<a>" * 100 + "</a>" * 100,
        "<a>" * 87_000 + "</a>" * 87_000,
        "<body>" + "x" * 300_000 + "</body>",
        "<body>" + "&apos;" * 250_000 + "</body>",
        "<body>words</body>" + "<a/>" * 80_000,
        f"<a b='{'&apos;' * 50_000}'/><body>words</body>",
    ],
    ids=["deep", "deepest", "long", "grown", "many", "attribute"],
)
@pytest.mark.parametrize("sender", [ANNA, "eve@example.test"])
async def test_what_anybody_can_send_ends_no_stream(room: Room, inner: str, sender: str) -> None:
    """RFC 6120, 8.3.3.12: it is refused by itself, and what comes around it is taken."""
    said = f"<message from='{sender}/phone' to='{CONTACT}' id='big' type='chat'>{inner}</message>"
    asked = f"<iq from='{sender}/phone' to='{CONTACT}' id='ask' type='get'>{inner}</iq>"
    room.server.last.send(message("before") + said + asked + message("after"))
    await room.until(lambda: len(room.care.said) == 2 and room.server.last.of("iq", type="error"))
    assert [one.text for one in room.care.said] == ["before", "after"]
    assert len(room.server.sessions) == 1
    assert room.link.counters["oversized"] == 2
    refused = [*room.server.last.of("message", type="error"), *room.server.last.of("iq", type="error")]
    assert {one.get("id"): one[0][0].tag for one in refused} == dict.fromkeys(
        ("big", "ask"), "{urn:ietf:params:xml:ns:xmpp-stanzas}policy-violation"
    )
    await room.both_ways()


async def test_one_octet_at_a_time(room: Room) -> None:
    session = room.server.last
    stream = room.link._stream
    assert stream is not None
    for octet in message("slow 😀").encode():
        stream.data_received(bytes([octet]))
    await room.until(lambda: room.care.said)
    assert room.care.said[0].text == "slow 😀"
    assert room.server.last is session


async def test_many_stanzas_leave_the_loop_to_others(room: Room) -> None:
    """No more than 100 are handled in one turn, and reading stops meanwhile."""
    stream = room.link._stream
    assert stream is not None
    stream.data_received(b"<message/>" * 1000)
    assert room.link.counters["poison"] == 100
    await room.settle()
    assert room.link.counters["poison"] == 1000
