"""Lines as stanzas: what each kind holds, and that no text breaks the stream or is changed on the way."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.xmpp import writing
from gateway.model.desk import LineKind, own_id
from tests.channels.xmpp.conftest import ANNA, CONTACT, DOMAIN, line
from tests.channels.xmpp.fake_server import NS

ANY_TEXT = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=60)
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def parse(stanzas: str) -> list[ET.Element]:
    """As the server reads them: in a stream with that default namespace."""
    octets = f"<stream xmlns='jabber:component:accept'>{stanzas}</stream>".encode()
    return list(ET.fromstring(octets))


@pytest.mark.parametrize("kind", [LineKind.text, LineKind.notice])
def test_text(kind: LineKind) -> None:
    [stanza] = parse(writing.render(line("l1", kind, text="a < b & c"), DOMAIN))
    assert dict(stanza.attrib) == {"type": "chat", "from": f"{CONTACT}/sms", "to": ANNA, "id": "l1"}
    assert stanza.findtext(f"{NS}body") == "a < b & c"
    assert [child.tag for child in stanza] == [
        f"{NS}body",
        "{urn:xmpp:sid:0}origin-id",
        "{urn:xmpp:receipts}request",
        "{urn:xmpp:chat-markers:0}markable",
        "{http://jabber.org/protocol/chatstates}active",
    ]
    assert stanza[1].get("id") == "l1"


def test_words_in_the_agents_name() -> None:
    """All of the inner message is in the clients' namespace, else clients would show nothing."""
    said = line("o1", LineKind.own, text="sent <over> HTTP", at=1_000)
    [stanza] = parse(writing.render(said, DOMAIN, speak=True))
    assert dict(stanza.attrib) == {"from": DOMAIN, "to": "example.test", "id": "o1"}
    [privilege] = stanza
    assert privilege.tag == "{urn:xmpp:privilege:2}privilege"
    [inner] = privilege[0]
    assert privilege[0].tag == "{urn:xmpp:forward:0}forwarded"
    assert inner.tag == "{jabber:client}message"
    assert dict(inner.attrib) == {"type": "chat", "from": ANNA, "to": CONTACT, "id": "o1"}
    assert inner.findtext("{jabber:client}body") == "sent <over> HTTP"
    delay = inner.find("{urn:xmpp:delay}delay")
    assert delay is not None
    assert delay.get("stamp") == "1970-01-01T00:00:01.000Z"
    assert inner.find("{urn:xmpp:receipts}request") is None


def test_words_in_the_agents_name_where_we_may_not_speak_for_them() -> None:
    [stanza] = parse(writing.render(line("o1", LineKind.own, text="Hello"), DOMAIN))
    assert (stanza.get("from"), stanza.get("to")) == (f"{CONTACT}/sms", ANNA)
    assert stanza.findtext(f"{NS}body") == "[desk] sent over the console: Hello"


def test_the_desk_speaks_from_its_domain() -> None:
    [stanza] = parse(writing.render(line(customer="", text="hello"), DOMAIN))
    assert stanza.get("from") == DOMAIN


def test_choices_and_moment() -> None:
    said = line(text="Take it?", at=1_700_000_000_123, choices=(("/take", "Take"), ('/decline "x"', "No & no")))
    [stanza] = parse(writing.render(said, DOMAIN))
    delay = stanza.find("{urn:xmpp:delay}delay")
    assert delay is not None
    assert dict(delay.attrib) == {"from": DOMAIN, "stamp": "2023-11-14T22:13:20.123Z"}
    choices = [dict(found.attrib) for found in stanza.findall("{urn:xmpp:tmp:quick-response}response")]
    assert choices == [{"value": "/take", "label": "Take"}, {"value": '/decline "x"', "label": "No & no"}]


def test_a_moment_outside_every_calendar() -> None:
    [stanza] = parse(writing.render(line(text="x", at=10**30), DOMAIN))
    assert stanza.find("{urn:xmpp:delay}delay") is None


def test_delivered() -> None:
    [stanza] = parse(writing.render(line("d1", LineKind.delivered, about="m7"), DOMAIN))
    assert (stanza.get("type"), stanza.get("id"), stanza.get("from")) == ("chat", "d1", f"{CONTACT}/sms")
    received = stanza.find("{urn:xmpp:receipts}received")
    assert received is not None
    assert received.get("id") == "m7"
    assert stanza.find(f"{NS}body") is None


def test_what_was_sent_another_way_fails_in_words_where_it_is_no_bubble() -> None:
    """Where we may not speak in the agent's name (XEP-0356) it was shown as a notice, which no client marks."""
    failed = line("f1", LineKind.failed, about=own_id(7), text="no such number")
    [stanza] = parse(writing.render(failed, DOMAIN, ("phone",)))
    assert (stanza.get("type"), stanza.get("to")) == ("chat", failed.agent)
    assert stanza.findtext(f"{NS}body") == "[desk] not delivered: no such number"
    [marked] = parse(writing.render(failed, DOMAIN, ("phone",), speak=True))
    assert (marked.get("type"), marked.get("id")) == ("error", "o7")


def test_failed() -> None:
    failed = line("f1", LineKind.failed, about="m7", text="no <such> number")
    stanzas = parse(writing.render(failed, DOMAIN, ("phone", "Anna's <desk>")))
    assert [stanza.get("to") for stanza in stanzas] == [f"{ANNA}/phone", f"{ANNA}/Anna's <desk>"]
    for stanza in stanzas:
        assert (stanza.get("type"), stanza.get("id"), stanza.get("from")) == ("error", "m7", f"{CONTACT}/sms")
        error = stanza.find(f"{NS}error")
        assert error is not None
        assert error.get("type") == "cancel"
        assert error[0].tag == "{urn:ietf:params:xml:ns:xmpp-stanzas}recipient-unavailable"
        assert error[1].text == "no <such> number"
    [stanza] = parse(writing.render(failed, DOMAIN))
    assert (stanza.get("type"), stanza.get("id")) == ("chat", "f1")
    assert stanza.findtext(f"{NS}body") == "Not delivered: no <such> number"
    told, error = parse(writing.render(failed, DOMAIN, last="phone"))
    assert (told.get("type"), told.get("to")) == ("chat", ANNA)
    assert (error.get("type"), error.get("to"), error.get("id")) == ("error", f"{ANNA}/phone", "m7")


def test_a_very_long_text_is_cut() -> None:
    [stanza] = parse(writing.render(line(text="x" * 200_000), DOMAIN))
    assert len(stanza.findtext(f"{NS}body") or "") == 30_001


@given(ANY_TEXT)
def test_any_text_survives(text: str) -> None:
    [stanza] = parse(writing.render(line(text=text), DOMAIN))
    assert (stanza.findtext(f"{NS}body") or "") == ILLEGAL.sub("", text)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, st.sampled_from(LineKind))
def test_any_words_at_any_place(first: str, second: str, third: str, kind: LineKind) -> None:
    said = line(first, kind, text=second, about=third, choices=((second, third),))
    for stanza in parse(writing.render(said, DOMAIN, (first,), second)):
        assert stanza.tag == f"{NS}message"
    [stanza] = parse(writing.render(line(text="x", choices=((second, third),)), DOMAIN))
    assert dict(stanza[-1].attrib) == {"value": ILLEGAL.sub("", second), "label": ILLEGAL.sub("", third)}


@given(ANY_TEXT, ANY_TEXT)
def test_any_answer(first: str, second: str) -> None:
    parse(writing.chat(first, second, first))
    parse(writing.error("iq", first, second, first, ("wait", "gone"), second))
    parse(writing.presence(first, second, "", first, "away"))
    parse(writing.result(first, second, second))
    parse(writing.ping(first, second, second))
