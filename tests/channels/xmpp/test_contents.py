"""What clients send beside words: refused with a reason, cut, or nothing at all; never sent as it stands there."""

import xml.etree.ElementTree as ET

import pytest

from gateway.channels.xmpp import contents
from gateway.channels.xmpp.contents import LONGEST_LINK
from gateway.model.desk import Said
from tests.channels.xmpp.conftest import ANNA, CONTACT, CUSTOMER, DOMAIN, Room, message
from tests.channels.xmpp.fake_server import NS
from tests.channels.xmpp.test_reading import condition

OMEMO = "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>a</key></header>{}</encrypted>"
RETRACT = "urn:xmpp:message-retract:"
QUOTED = "> why so much?\nIt is the minutes"
UPLOAD = "https://upload.example.test/f/1/bill.pdf"


def oob(*urls: str) -> str:
    return "".join(f"<x xmlns='jabber:x:oob'><url>{url}</url></x>" for url in urls)


def reply(*spans: str, space: str = "urn:xmpp:fallback:0", about: str = "urn:xmpp:reply:0") -> str:
    bodies = "".join(f"<body {span}/>" for span in spans)
    return (
        f"<reply xmlns='urn:xmpp:reply:0' to='{CONTACT}' id='m9'/><fallback xmlns='{space}' for='{about}'>{bodies}"
        "</fallback>"
    )


REFUSED = {
    "OMEMO": ("I sent you an OMEMO encrypted message", OMEMO.format("<payload>x</payload>"), contents.ENCRYPTED),
    "OMEMO without words": ("", OMEMO.format("<payload>x</payload>"), contents.ENCRYPTED),
    "OMEMO 2": ("fallback", "<encrypted xmlns='urn:xmpp:omemo:2'><payload>x</payload></encrypted>", contents.ENCRYPTED),
    "OTR": ("?OTR:AAMDJ+MVmSfjFZcAAAAAAQAAAAIAAADA1g5IjD1ZGLDVQEyCgCyn9hb.", "", contents.ENCRYPTED),
    "OTR query": ("?OTRv23?", "", contents.ENCRYPTED),
    "OpenPGP": ("", "<openpgp xmlns='urn:xmpp:openpgp:0'>BASE64</openpgp>", contents.ENCRYPTED),
    "OpenPGP, before": ("This message is encrypted.", "<x xmlns='jabber:x:encrypted'>a</x>", contents.ENCRYPTED),
    "PGP in words": ("-----BEGIN PGP MESSAGE-----\nabc", "", contents.ENCRYPTED),
    "any encryption": ("fallback", "<encryption xmlns='urn:xmpp:eme:0' namespace='any:new'/>", contents.ENCRYPTED),
    "an encrypted file": ("aesgcm://upload.example.test/1#00ff", "", contents.ENCRYPTED),
    "an encrypted file by URL": ("see this", oob("aesgcm://upload.example.test/1#00ff"), contents.ENCRYPTED),
    "retraction": ("/me retracted a message", f"<retract xmlns='{RETRACT}1' id='m1'/>", contents.RETRACTED),
    "retraction, before": (
        "This person attempted to retract a message",
        f"<apply-to xmlns='urn:xmpp:fasten:0' id='m1'><retract xmlns='{RETRACT}0'/></apply-to>",
        contents.RETRACTED,
    ),
    "reaction": (
        "> why?\n+1",
        "<reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>+1</reaction></reactions>",
        contents.REACTED,
    ),
    "nothing but a quote": ("> why?\n", reply("start='0' end='7'"), contents.ONLY_QUOTE),
    "all of it a quote": ("> why?\nyes", reply(), contents.ONLY_QUOTE),
    "a quote that is longer": (QUOTED, reply("start='0' end='999'"), contents.BAD_QUOTE),
    "a quote from behind": (QUOTED, reply("start='9' end='3'"), contents.BAD_QUOTE),
    "a quote of no numbers": (QUOTED, reply("start='zero' end='3'"), contents.BAD_QUOTE),
    "a quote of other digits": (QUOTED, reply("start='٣' end='9'"), contents.BAD_QUOTE),
    "a negative quote": (QUOTED, reply("start='-3' end='9'"), contents.BAD_QUOTE),
    "a file without TLS": ("http://upload.example.test/1", oob("http://upload.example.test/1"), contents.BAD_LINK),
    "a script": ("see", oob("javascript:alert(1)"), contents.BAD_LINK),
    "a local file": ("file:///etc/passwd", oob("file:///etc/passwd"), contents.BAD_LINK),
    "a link with a password": ("see", oob("https://anna:secret@upload.example.test/1"), contents.BAD_LINK),
    "a link of two": ("see", oob("https://upload.example.test/1 https://evil.test"), contents.BAD_LINK),
    "a long link": ("see", oob(f"https://a.test/{'x' * LONGEST_LINK}"), contents.LONG_LINK),
    "a correction of nothing": ("It is 42", "<replace xmlns='urn:xmpp:message-correct:0'/>", contents.BAD_CORRECTION),
    "a correction of a long id": (
        "It is 42",
        f"<replace xmlns='urn:xmpp:message-correct:0' id='{'x' * 257}'/>",
        contents.BAD_CORRECTION,
    ),
}
TAKEN = {
    "plain": ("Hello", "", "Hello"),
    "a quote": (QUOTED, reply("start='0' end='15'"), "It is the minutes"),
    "a quote without a beginning": (QUOTED, reply("end='15'"), "It is the minutes"),
    "a quote with its line break left": (QUOTED, reply("start='0' end='14'"), "It is the minutes"),
    "a quote, before 0428 had its name": (
        QUOTED,
        reply("start='0' end='15'", space="urn:xmpp:feature-fallback:0"),
        "It is the minutes",
    ),
    "two quotes that overlap": ("aaabbbccc", reply("start='0' end='5'", "start='3' end='6'"), "ccc"),
    "a quote in code points": ("> \U0001f600!\nYes", reply("start='0' end='5'"), "Yes"),
    "a reply without a quote": ("Yes", "<reply xmlns='urn:xmpp:reply:0' to='x' id='m9'/>", "Yes"),
    "what stands for another extension": (UPLOAD, reply("start='0' end='5'", about="urn:xmpp:sfs:0"), UPLOAD),
    "a file": (UPLOAD, oob(UPLOAD), UPLOAD),
    "a file without words": ("", oob(UPLOAD), UPLOAD),
    "a file with words": ("Your bill", oob(UPLOAD), f"Your bill\n{UPLOAD}"),
    "two files": ("", oob(UPLOAD, f"{UPLOAD}?2"), f"{UPLOAD}\n{UPLOAD}?2"),
    "a link that was typed": ("see http://example.test", "", "see http://example.test"),
    "an action": ("/me smiles", "", "/me smiles"),  # a line for the desk, which knows no /me
}
NOTHING = {
    "keys": OMEMO.format(""),
    "a reaction taken back": "<reactions xmlns='urn:xmpp:reactions:0' id='m1'/>",
    "typing": "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
    "an empty correction": "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>",
    "a file without address": oob(""),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(room: Room, name: str) -> None:
    body, inner, reason = REFUSED[name]
    for to in (CONTACT, DOMAIN):
        room.server.last.send(message(body, to=to, inner=inner))
        await room.settle()
        assert condition(room, "m1") == ("cancel", "not-acceptable", reason)
        [line] = room.server.last.of("message", type="chat")
        assert line.findtext(f"{NS}body") == f"[desk] {reason}"
        assert line.get("to") == f"{ANNA}/phone"
        room.server.last.stanzas.clear()
    assert not room.care.said
    assert room.link.status().counters["unfit"] == 2


@pytest.mark.parametrize("name", TAKEN)
async def test_taken(room: Room, name: str) -> None:
    body, inner, text = TAKEN[name]
    room.server.last.send(message(body, inner=inner))
    await room.until(lambda: room.care.said)
    assert room.care.said == [Said(ANNA, CUSTOMER, "m1", text)]
    await room.settle()
    assert not room.server.last.of("message")


async def test_nothing_for_a_person(room: Room) -> None:
    for inner in NOTHING.values():
        room.server.last.send(message("", inner=inner))
    await room.settle()
    assert not room.care.said
    assert not room.server.last.of("message")


async def test_a_correction_says_what_it_corrects(room: Room) -> None:
    replace = "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>"
    room.server.last.send(message("It is 42 cents", id="m2", inner=replace))
    room.server.last.send(message(QUOTED, id="m3", inner=replace + reply("start='0' end='15'")))
    await room.until(lambda: len(room.care.said) == 2)
    assert room.care.said == [
        Said(ANNA, CUSTOMER, "m2", "It is 42 cents", "m1"),
        Said(ANNA, CUSTOMER, "m3", "It is the minutes", "m1"),
    ]


async def test_what_an_account_says_is_our_own(room: Room) -> None:
    """Privileged messages in an agent's name (XEP-0356) come back to us, from the bare JID that no client has."""
    room.server.last.send(message("sent over HTTP", sender=ANNA))
    room.server.last.send(message("", sender=ANNA, inner=OMEMO.format("<payload>x</payload>")))
    await room.settle()
    assert not room.care.said
    assert not room.server.last.of("message")
    assert room.link.status().counters["own"] == 2


def test_links_without_tls_go_out_only_where_the_settings_say_so() -> None:
    """For trying out, with a server on this machine; what only begins alike does not."""
    allowed = ("http://127.0.0.1:5280/",)
    for link, fine in (
        ("http://127.0.0.1:5280/file_share/1/bill.png", True),
        ("http://127.0.0.1:52801/file_share/1/bill.png", False),
        ("http://127.0.0.1:5280@evil.test/1", False),
        ("http://127.0.0.1/1", False),
        (UPLOAD, True),
    ):
        xml = ET.fromstring(f"<message xmlns='jabber:component:accept'><body>{link}</body>{oob(link)}</message>")
        told = contents.read_content(xml, allowed)
        assert (told.text == link, told.refused) == (fine, "" if fine else contents.BAD_LINK), link
        assert contents.read_content(xml, ("http://127.0.0.1:5280",)) == told, "with or without the last slash"
        assert bool(contents.read_content(xml).refused) is (link != UPLOAD)
