"""Who is not an agent: none of these is heard, and none of them ends the stream."""

import pytest

from gateway.channels.xmpp.jids import BadJid, is_agent, is_customer, read_contact, read_sender
from tests.channels.xmpp.conftest import ANNA, CONTACT, DOMAIN, Room, message

_CARBON = (
    "<{0} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'"
    f" from='{ANNA}/phone' to='{CONTACT}' type='chat'><body>spoof</body></message></forwarded></{{0}}>"
)
_FORWARDED = (
    f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{ANNA}/phone' to='{CONTACT}'>"
    "<body>spoof</body></message></forwarded>"
)
_OCCUPANT = f"<x xmlns='http://jabber.org/protocol/muc#user'><item jid='{ANNA}/phone' role='participant'/></x>"
_ADDRESSES = (
    f"<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='{ANNA}/phone'/></addresses>"
)

SENDERS = [
    # nobody, or half of somebody
    *("", "/", "/phone", "@", "@example.test/phone", "example.test", "example.test/phone", "anna", "anna/phone", ANNA),
    *(f"{ANNA}/", "anna@/phone", "anna@example.test@/phone", f"{ANNA}@evil.test/phone", f"evil.test/{ANNA}"),
    # other components, hosts, federated servers, rooms
    *(f"anna@{DOMAIN}/phone", f"{CONTACT}/sms", DOMAIN, "anna@billing.example.test/phone", "billing.example.test"),
    *("anna@rooms.example.test/phone", "lobby@rooms.example.test/anna", "rooms.example.test/anna"),
    *("anna@evil.test/phone", "anna@example.com/phone", "anna@test/phone", "anna@localhost/phone", "anna@[::1]/phone"),
    # agents of ours that are none
    *("eve@example.test/phone", "anna@example.org/phone", "root@example.test/x", "anna.@example.test/phone"),
    # look-alikes: suffix, prefix, subdomain, final dot, letters of other scripts, width, hyphens, IDN
    *("anna@example.test.evil.test/phone", "anna@evilexample.test/phone", "anna@evil-example.test/phone"),
    *(
        "anna@www.example.test/phone",
        "anna@example.test./phone",
        "anna@.example.test/phone",
        "anna@example..test/phone",
    ),
    *("anna@ехample.test/phone", "anna@examp1e.test/phone", "anna@exаmple.test/phone", "аnna@example.test/phone"),
    *("anna@ｅxample.test/phone", "ａnna@example.test/phone", "anna@example。test/phone", "anna@xn--xample-2of.test/p"),
    *("anna@exam\u00adple.test/phone", "anna@exam\u200bple.test/phone", "an\u200dna@example.test/phone"),
    # upper case, blanks, escapes, marks
    *("Anna@example.test/phone", "ANNA@EXAMPLE.TEST/phone", "anna@Example.test/phone", "ANNA@example.test"),
    *(" anna@example.test/phone", "anna @example.test/phone", "anna@example.test /phone", "anna@ example.test/phone"),
    *("anna\\40example.test@evil.test/phone", "anna\\20@example.test/phone", "\u202eanna@example.test/phone"),
    *(
        "anna&apos;@example.test/phone",
        "anna&#10;@example.test/phone",
        "anna@example.test&#9;/phone",
        "anna&lt;@example.test/p",
    ),
    *("xmpp:anna@example.test/phone", "mailto:anna@example.test/phone", "anna%40example.test/phone"),
    "a" * 4000 + "@example.test/phone",
]
STANZAS = [
    *(message(inner=_CARBON.format(kind)) for kind in ("sent", "received")),
    *(message("", inner=_CARBON.format(kind)) for kind in ("sent", "received")),
    *(
        message(sender=sender, inner=_CARBON.format("sent"))
        for sender in (ANNA, "example.test", "eve@evil.test/x", DOMAIN)
    ),
    message(inner=_FORWARDED),
    message("", inner=_FORWARDED),
    message(inner=f"<wrapped xmlns='any'>{_FORWARDED}</wrapped>"),
    message(inner=_OCCUPANT),
    message(sender="lobby@rooms.example.test/anna", inner=_OCCUPANT),
    message(type="groupchat"),
    message(type="headline"),
    message(type="unheard-of"),
    message(type="groupchat", sender="lobby@rooms.example.test/anna"),
    f"<message to='{CONTACT}' id='m'><body>spoof</body></message>",
    "<message><body>spoof</body></message>",
    f"<message xmlns='jabber:server' from='{ANNA}/phone' to='{CONTACT}'><body>spoof</body></message>",
    message(sender="eve@evil.test/x", inner=_ADDRESSES),
    message(sender="eve@evil.test/x", inner=f"<delay xmlns='urn:xmpp:delay' from='{ANNA}/phone'/>"),
]
_MARKS = "<received xmlns='urn:xmpp:receipts' id='l1'/><displayed xmlns='urn:xmpp:chat-markers:0' id='l1'/>"


def test_the_corpus_is_large_enough() -> None:
    assert len(set(SENDERS)) + len(set(STANZAS)) >= 85


async def test_no_message_of_a_spoof_is_heard(room: Room) -> None:
    for sender in SENDERS:
        for to in (CONTACT, DOMAIN):
            room.server.last.send(message(sender=sender, to=to))
            room.server.last.send(message("", sender=sender, to=to, inner=_MARKS) if sender != ANNA else "")
    for stanza in STANZAS:
        room.server.last.send(stanza)
    await room.settle()
    assert room.care.spoken == 0
    assert len(room.server.sessions) == 1
    await room.both_ways()


async def test_no_presence_query_or_error_of_a_spoof_is_heard(room: Room) -> None:
    command = "<command xmlns='http://jabber.org/protocol/commands' node='careline#take' action='execute'/>"
    for sender in SENDERS:
        room.server.last.send(f'<iq type="set" from="{sender}" to="{CONTACT}" id="q">{command}</iq>')
        if sender not in {ANNA, "example.test"}:  # the server may speak for an account, and for itself
            for kind in ("", "type='unavailable'", "type='subscribe'", "type='probe'"):
                room.server.last.send(f'<presence {kind} from="{sender}" to="{CONTACT}"/>')
            room.server.last.send(message("", sender=sender, id="l1", type="error", inner="<error type='cancel'/>"))
    await room.settle()
    assert room.care.spoken == 0
    assert not room.server.last.of("presence", type="subscribed")
    assert not [
        found for found in room.server.last.of("iq", type="result") if not str(found.get("id")).startswith("settle")
    ]
    assert len(room.server.sessions) == 1


async def test_a_stranger_hears_one_word_once(room: Room) -> None:
    stranger = "eve@example.test/x"
    for number, kind in enumerate(("chat", "normal", "", "groupchat", "headline", "error")):
        room.server.last.send(message(sender=stranger, id=f"s{number}", type=kind))
    room.server.last.send(message("", sender=stranger, inner=_MARKS))
    room.server.last.send(message(sender=stranger, to=f"bob@{DOMAIN}", id="s9"))
    await room.settle()
    errors = room.server.last.of("message", type="error")
    assert [stanza.get("id") for stanza in errors] == ["s0", "s1", "s2", "s9"]
    assert {stanza[0][0].tag for stanza in errors} == {"{urn:ietf:params:xml:ns:xmpp-stanzas}forbidden"}
    assert not [text for stanza in errors for text in stanza.itertext() if text.strip()]
    assert room.link.status().counters["refused_strangers"] >= 6


async def test_a_stranger_is_not_subscribed(room: Room) -> None:
    for to in (DOMAIN, CONTACT, f"bob@{DOMAIN}"):
        room.server.last.send(f"<presence type='subscribe' from='eve@evil.test' to='{to}'/>")
        room.server.last.send(f"<presence type='probe' from='eve@evil.test' to='{to}'/>")
    await room.settle()
    told = [stanza for stanza in room.server.last.of("presence") if stanza.get("to") == "eve@evil.test"]
    assert [(stanza.get("type"), stanza.get("from")) for stanza in told] == [
        ("unsubscribed", DOMAIN),
        ("unsubscribed", CONTACT),
        ("unsubscribed", f"bob@{DOMAIN}"),
    ]


RESOURCES = [
    *(
        "💞",
        "\u2067phone\u2069",
        "\u200fphone",
        "\u202e",
        "\ufff9",
        "\U000e0001",
        "\ue000",
        "\u0340",
        "\u06dd",
        "&#x7f;",
        "&#x85;",
    ),
    *("ⓐ\U0001f9d1\u200d\U0001f4bb", "\U0001fae0", "x" * 2000, "\u2028"),
]


async def test_resources_that_slixmpp_does_not_take(room: Room) -> None:
    before = room.link.status().counters.get("poison", 0)
    for resource in RESOURCES:
        sender = f"{ANNA}/{resource}"
        for kind in ("get", "set", "result", "error", "nonsense"):
            room.server.last.send(f'<iq type="{kind}" from="{sender}" to="{CONTACT}" id="q"><x xmlns="any"/></iq>')
        room.server.last.send(message(sender=sender))
        room.server.last.send(message(sender=sender, type="groupchat"))
        room.server.last.send(f'<presence from="{sender}" to="{DOMAIN}"/>')
        room.server.last.send(f'<presence type="probe" from="{sender}" to="{CONTACT}"/>')
    await room.settle()
    assert len(room.server.sessions) == 1
    assert room.link.status().counters["poison"] - before >= 9 * (len(RESOURCES) - 2)
    await room.both_ways()


@pytest.mark.parametrize("resource", ["phone", "Gajim.ABC 12", "Телефон", "a/b/c", "a@b", "é", "日本"])
async def test_resources_that_are_fine(room: Room, resource: str) -> None:
    room.server.last.send(message(sender=f"{ANNA}/{resource}"))
    await room.until(lambda: room.care.said)
    assert room.care.said[0].agent == ANNA


@pytest.mark.parametrize(
    "to", ["", "+155@" + DOMAIN, "15551234567@" + DOMAIN, "+05551234567@" + DOMAIN, f"+1555123456789012@{DOMAIN}",
           f"+1555１234567@{DOMAIN}", "+15551234567@evil.test", f"bob@{DOMAIN}", f"{CONTACT}.evil.test",
           f"+15551234567@@{DOMAIN}"]
)  # fmt: skip
async def test_contacts_that_are_none(room: Room, to: str) -> None:
    room.server.last.send(message(to=to, id="n1"))
    await room.settle()
    assert not room.care.said
    [error] = room.server.last.of("message", type="error", id="n1")
    assert error[0][0].tag.endswith("}item-not-found")


def test_jids() -> None:
    assert read_sender(f"{ANNA}/a/b").resource == "a/b"
    for bad in (None, "", "a@b@c", "A@b/c", "a@b/💞", "a@b/"):
        with pytest.raises(BadJid):
            read_sender(bad)
    contact = read_contact(f"{CONTACT}/sms", DOMAIN)
    assert contact is not None
    assert (contact.customer, contact.resource) == ("+15551234567", "sms")
    assert is_agent(ANNA, ("example.test",))
    assert not is_agent(f"{ANNA}/x", ("example.test",))
    assert not is_agent("example.test", ("example.test",))
    assert is_customer("")
    assert not is_customer("+1555123\n4567")
    assert not is_customer("+15551234567\n")
