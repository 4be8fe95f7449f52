"""The picture of a contact: the colour of XEP-0392's own examples, and a PNG that is whole."""

import xml.etree.ElementTree as ET
import zlib
from base64 import b64decode
from hashlib import sha1
from struct import unpack

import pytest

from gateway.channels.xmpp import avatars
from tests.channels.xmpp.conftest import ANNA, BEN, CONTACT, CUSTOMER, DOMAIN, Room
from tests.channels.xmpp.test_presence import presence
from tests.channels.xmpp.test_queries import ask

V = "{vcard-temp}"


@pytest.mark.parametrize(  # XEP-0392, 13.2: no correction
    ("name", "angle", "colour"),
    [
        ("Romeo", 327.255249, (0.865, 0.000, 0.686)),
        ("juliet@capulet.lit", 209.410400, (0.000, 0.515, 0.573)),
        ("😺", 331.199341, (0.872, 0.000, 0.659)),
        ("council", 359.994507, (0.918, 0.000, 0.394)),
    ],
)
def test_colours(name: str, angle: float, colour: tuple[float, float, float]) -> None:
    assert avatars.angle(name) == pytest.approx(angle, abs=1e-5)
    assert [part / 255 for part in avatars.colour(name)] == pytest.approx(colour, abs=0.004)


def test_picture() -> None:
    """Each chunk has its checksum, and there are as many pixels as the header says."""
    octets = avatars.picture(CONTACT)
    assert len(octets) < 200
    assert octets.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(octets):
        [length] = unpack(">I", octets[at : at + 4])
        kind, data = octets[at + 4 : at + 8], octets[at + 8 : at + 8 + length]
        assert unpack(">I", octets[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, depth, kind_of_colour = unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (width, height, depth, kind_of_colour) == (64, 64, 1, 3)
    assert tuple(chunks[b"PLTE"]) == avatars.colour(CONTACT)
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + width // 8)


async def card(room: Room, to: str, sender: str = f"{ANNA}/phone") -> ET.Element:
    answer = await ask(room, "<vCard xmlns='vcard-temp'/>", to=to, sender=sender)
    assert answer.get("type") == "result"
    return answer[0]


async def test_the_card_and_the_presence_show_the_same_picture(room: Room) -> None:
    for to, seed in ((CONTACT, CONTACT), (DOMAIN, DOMAIN)):
        found = await card(room, to)
        assert found.findtext(f"{V}PHOTO/{V}TYPE") == "image/png"
        octets = b64decode(found.findtext(f"{V}PHOTO/{V}BINVAL") or "")
        assert octets == avatars.picture(seed)
        room.server.last.stanzas.clear()
        room.server.last.send(presence(f"{ANNA}/a", to, type="probe"))
        await room.settle()
        [shown] = room.server.last.of("presence", to=f"{ANNA}/a")
        named = shown.findtext("{vcard-temp:x:update}x/{vcard-temp:x:update}photo")
        assert named == sha1(octets).hexdigest()


async def test_a_name_is_for_those_who_may_read_it(room: Room) -> None:
    hers = await card(room, CONTACT)
    assert hers.findtext(f"{V}FN") == "Ann <Gold>"
    assert hers.findtext(f"{V}TEL/{V}NUMBER") == CUSTOMER
    his = await card(room, CONTACT, f"{BEN}/desk")
    assert his.findtext(f"{V}FN") == CUSTOMER
    assert (await card(room, DOMAIN)).findtext(f"{V}FN") == "Careline"
