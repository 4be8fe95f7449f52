"""Queries have exactly one answer; commands and their forms."""

import asyncio
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import count

import pytest

from gateway.model.desk import Asked, Form, Input, Told
from tests.channels.xmpp.conftest import ANNA, CONTACT, CUSTOMER, DOMAIN, Room
from tests.channels.xmpp.fake_server import NS

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"
COMMANDS = "http://jabber.org/protocol/commands"
C = f"{{{COMMANDS}}}"
X = "{jabber:x:data}"
STRANGER = "eve@evil.test/x"
_ids = count(1)

FORM = Form(
    "Close",
    "How did it end?",
    (
        Input("disposition", "How", required=True, choices=(("done", "Done"), ("lost", "Lost & gone")), value="done"),
        Input("note", "Note", lines=True, value="one\ntwo"),
        Input("code", "Code", value="<7>"),
    ),
)


async def ask(
    room: Room, payload: str, *, to: str = CONTACT, sender: str = f"{ANNA}/phone", type: str = "get"
) -> ET.Element:
    """The one answer to a query."""
    name = f"q{next(_ids)}"
    room.server.last.send(f"<iq type='{type}' from='{sender}' to='{to}' id='{name}'>{payload}</iq>")
    await room.until(lambda: room.server.last.of("iq", id=name))
    await room.settle()
    [answer] = room.server.last.of("iq", id=name)
    assert (answer.get("from"), answer.get("to")) == (to, sender)
    return answer


def condition(answer: ET.Element) -> str:
    assert answer.get("type") == "error"
    return answer[0][0].tag.partition("}")[2]


async def command(
    room: Room, inner: str = "", *, node: str = "careline#close", to: str = CONTACT, **more: str
) -> ET.Element:
    attributes = "".join(f" {name}='{value}'" for name, value in more.items())
    return await ask(
        room, f"<command xmlns='{COMMANDS}' node='{node}'{attributes}>{inner}</command>", to=to, type="set"
    )


async def begun(room: Room, node: str = "careline#close", to: str = CONTACT) -> str:
    """The session of a command that was run just now."""
    session = (await command(room, node=node, to=to))[0].get("sessionid", "")
    room.care.asked.clear()
    return session


def submitted(*fields: tuple[str, str], type: str = "submit") -> str:
    inner = "".join(f"<field var='{name}'><value>{value}</value></field>" for name, value in fields)
    return f"<x xmlns='jabber:x:data' type='{type}'>{inner}</x>"


@pytest.mark.parametrize("to", [DOMAIN, CONTACT, f"{CONTACT}/sms"])
async def test_ping(room: Room, to: str) -> None:
    for sender in (f"{ANNA}/phone", STRANGER, "example.test"):
        answer = await ask(room, "<ping xmlns='urn:xmpp:ping'/>", to=to, sender=sender)
        assert answer.get("type") == "result"


async def test_info(room: Room) -> None:
    for to, identity in (
        (DOMAIN, {"category": "gateway", "type": "sms", "name": "Careline"}),
        (CONTACT, {"category": "client", "type": "sms", "name": CUSTOMER}),
    ):
        query = (await ask(room, f"<query xmlns='{INFO}'/>", to=to))[0]
        assert dict(query[0].attrib) == identity
        features = {found.get("var") for found in query.findall(f"{{{INFO}}}feature")}
        assert {INFO, ITEMS, COMMANDS, "urn:xmpp:ping"} <= features
        chat = {"urn:xmpp:receipts", "urn:xmpp:chat-markers:0", "http://jabber.org/protocol/chatstates"}
        assert (chat <= features) == (to == CONTACT)
        assert "urn:xmpp:message-correct:0" not in features
    for node, kind in ((COMMANDS, "command-list"), ("careline#take", "command-node")):
        query = (await ask(room, f"<query xmlns='{INFO}' node='{node}'/>"))[0]
        assert (query.get("node"), query[0].get("type")) == (node, kind)
    assert condition(await ask(room, f"<query xmlns='{INFO}' node='other'/>")) == "item-not-found"


async def test_items(room: Room) -> None:
    for to in (DOMAIN, CONTACT):
        assert len((await ask(room, f"<query xmlns='{ITEMS}'/>", to=to))[0]) == 0
    for to in (DOMAIN, CONTACT, f"{CONTACT}/sms"):
        query = (await ask(room, f"<query xmlns='{ITEMS}' node='{COMMANDS}'/>", to=to))[0]
        assert [dict(found.attrib) for found in query] == [
            {"jid": to, "node": "careline#take", "name": "Take it"},
            {"jid": to, "node": "careline#close", "name": "Close it"},
        ]
    assert condition(await ask(room, f"<query xmlns='{ITEMS}' node='other'/>")) == "item-not-found"


async def test_card_and_version(room: Room) -> None:
    assert (await ask(room, "<vCard xmlns='vcard-temp'/>"))[0].findtext("{vcard-temp}FN") == "Ann <Gold>"
    assert (await ask(room, "<vCard xmlns='vcard-temp'/>", to=DOMAIN))[0].findtext("{vcard-temp}FN") == "Careline"
    version = await ask(room, "<query xmlns='jabber:iq:version'/>", to=DOMAIN, sender=STRANGER)
    assert version[0].findtext("{jabber:iq:version}name") == "Careline"


async def test_how_long_it_is_up(room: Room) -> None:
    """A client that wrote before then, and heard nothing, knows that it may be lost (XEP-0012)."""
    up = await ask(room, "<query xmlns='jabber:iq:last'/>", to=DOMAIN)
    assert 0 <= int(up[0].get("seconds", "")) < 60
    assert condition(await ask(room, "<query xmlns='jabber:iq:last'/>", to=DOMAIN, sender=STRANGER)) == "forbidden"


@pytest.mark.parametrize(
    ("payload", "type", "to", "wanted"),
    [
        ("<query xmlns='jabber:iq:last'/>", "get", CONTACT, "service-unavailable"),
        ("<ping xmlns='urn:xmpp:ping'/>", "set", CONTACT, "service-unavailable"),
        ("<vCard xmlns='vcard-temp'/>", "set", CONTACT, "service-unavailable"),
        ("<ping xmlns='urn:xmpp:ping'/>", "get", f"{CONTACT}/other", "service-unavailable"),
        ("<ping xmlns='urn:xmpp:ping'/>", "get", f"bob@{DOMAIN}", "item-not-found"),
        ("", "get", CONTACT, "bad-request"),
        ("<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>", "get", CONTACT, "bad-request"),
    ],
)
async def test_what_we_do_not_know(room: Room, payload: str, type: str, to: str, wanted: str) -> None:
    assert condition(await ask(room, payload, type=type, to=to)) == wanted


@pytest.mark.parametrize("sender", [STRANGER, "eve@example.test/x", ANNA, f"anna@{DOMAIN}/x"])
async def test_strangers(room: Room, sender: str) -> None:
    command = f"<command xmlns='{COMMANDS}' node='careline#take' action='execute'/>"
    for payload, kind, to in (
        (command, "set", CONTACT),
        (command, "set", DOMAIN),
        (f"<query xmlns='{INFO}'/>", "get", CONTACT),
        (f"<query xmlns='{ITEMS}' node='{COMMANDS}'/>", "get", CONTACT),
        ("<vCard xmlns='vcard-temp'/>", "get", CONTACT),
        ("<query xmlns='jabber:iq:last'/>", "get", DOMAIN),
        (f"<query xmlns='{INFO}'/>", "get", f"bob@{DOMAIN}"),
    ):
        assert condition(await ask(room, payload, sender=sender, type=kind, to=to)) == "forbidden"
    info = await ask(room, f"<query xmlns='{INFO}'/>", sender=sender, to=DOMAIN)
    assert info.get("type") == "result"
    assert not room.care.asked


async def test_answers_are_not_answered(room: Room) -> None:
    before = len(room.server.last.of("iq"))
    for kind in ("result", "error", "nonsense"):
        room.server.last.send(f"<iq type='{kind}' from='{ANNA}/phone' to='{CONTACT}' id='r1'><x xmlns='any'/></iq>")
    await room.settle()
    assert len(room.server.last.of("iq")) == before + 1


@pytest.mark.parametrize("to", [CONTACT, f"{CONTACT}/sms", DOMAIN])
async def test_a_command_without_a_form(room: Room, to: str) -> None:
    answer = (await command(room, node="careline#take", to=to, action="execute"))[0]
    assert (answer.get("node"), answer.get("status")) == ("careline#take", "completed")
    assert answer.get("sessionid")
    note = answer.find(f"{C}note")
    assert note is not None
    assert (note.get("type"), note.text) == ("info", "done")
    assert room.care.asked == [Asked(ANNA, "" if to == DOMAIN else CUSTOMER, "take")]


async def test_a_refused_command_is_completed(room: Room) -> None:
    room.care.told = Told("Ben has it & keeps it", refused=True)
    answer = (await command(room))[0]
    note = answer.find(f"{C}note")
    assert note is not None
    assert (answer.get("status"), note.get("type"), note.text) == ("completed", "error", "Ben has it & keeps it")


async def test_a_form(room: Room) -> None:
    room.care.told = Told(form=FORM)
    answer = (await command(room, action="execute"))[0]
    assert answer.get("status") == "executing"
    actions = answer.find(f"{C}actions")
    assert actions is not None
    assert actions.get("execute") == "complete"
    assert [found.tag for found in actions] == [f"{C}complete"]
    form = answer.find(f"{X}x")
    assert form is not None
    assert form.get("type") == "form"
    assert (form.findtext(f"{X}title"), form.findtext(f"{X}instructions")) == ("Close", "How did it end?")
    fields = form.findall(f"{X}field")
    assert [(field.get("var"), field.get("type"), field.get("label")) for field in fields] == [
        ("disposition", "list-single", "How"),
        ("note", "text-multi", "Note"),
        ("code", "text-single", "Code"),
    ]
    assert [field.find(f"{X}required") is not None for field in fields] == [True, False, False]
    assert [[value.text for value in field.findall(f"{X}value")] for field in fields] == [
        ["done"],
        ["one", "two"],
        ["<7>"],
    ]
    options = [(found.get("label"), found.findtext(f"{X}value")) for found in fields[0].findall(f"{X}option")]
    assert options == [("Done", "done"), ("Lost & gone", "lost")]


async def test_a_form_behind_which_another_may_come(room: Room) -> None:
    """`next` is what comes of it by itself; `complete` is for clients that know no other (XEP-0050, 3.4)."""
    room.care.told = Told(form=replace(FORM, more=True))
    answer = (await command(room, action="execute"))[0]
    assert answer.get("status") == "executing"
    actions = answer.find(f"{C}actions")
    assert actions is not None
    assert actions.get("execute") == "next"
    assert [found.tag for found in actions] == [f"{C}next", f"{C}complete"]
    for action in ("next", "complete", "execute"):
        await command(room, submitted(("a", "b")), sessionid=answer.get("sessionid", ""), action=action)
        assert room.care.asked[-1].values == {"a": "b"}


async def test_a_list_from_which_nobody_chose_begins_with_no_choice(room: Room) -> None:
    """Some clients choose the first by themselves; and profanity dies of an option without a value."""
    known, none = (("done", "Done"),), (("", "Nothing"), ("done", "Done"))
    asked = (Input("a", "A", True, known), Input("b", "B", False, known), Input("c", "C", True, none))
    room.care.told = Told(form=Form("Close", inputs=asked))
    answer = (await command(room, action="execute"))[0]
    options = [
        [(option.get("label"), option.findtext(f"{X}value")) for option in field.findall(f"{X}option")]
        for field in answer.iter(f"{X}field")
    ]
    nothing = ("Nothing", "(none)")
    assert options == [[("choose one", "(none)"), ("Done", "done")], [("Done", "done")], [nothing, ("Done", "done")]]
    room.care.told = Told("done")
    await command(room, submitted(("a", "(none)"), ("b", "done")), sessionid=answer.get("sessionid", ""))
    assert room.care.asked[-1].values == {"a": "", "b": "done"}


async def test_what_is_wrong_with_a_form_stands_where_each_client_shows_it(room: Room) -> None:
    room.care.told = Told("not done: fill in How", FORM, refused=True)
    answer = (await command(room, submitted(), sessionid=await begun(room)))[0]
    note, form = answer.find(f"{C}note"), answer.find(f"{X}x")
    assert note is not None
    assert form is not None
    assert (answer.get("status"), note.get("type"), note.text) == ("executing", "error", "not done: fill in How")
    assert form.findtext(f"{X}title") == "Close: not done: fill in How"
    assert form.findtext(f"{X}instructions") == "not done: fill in How\nHow did it end?"


@pytest.mark.parametrize("action", ["complete", "next", "execute", ""])
async def test_a_form_comes_back(room: Room, action: str) -> None:
    more = {"action": action} if action else {}
    note = "<field var='note'><value>one</value><value/><value>two</value></field>"
    nameless = "<field><value>no name</value></field>"
    form = submitted(("disposition", "done"), ("code", "&lt;7>")).replace("</x>", f"{note}{nameless}</x>")
    session = await begun(room)
    answer = (await command(room, form, sessionid=session, **more))[0]
    assert (answer.get("status"), answer.get("sessionid")) == ("completed", session)
    [asked] = room.care.asked
    assert asked.values == {"disposition": "done", "code": "<7>", "note": "one\n\ntwo"}


async def test_completed_without_a_form(room: Room) -> None:
    await command(room, action="complete", sessionid=await begun(room))
    assert room.care.asked == [Asked(ANNA, CUSTOMER, "close", {})]


async def test_cancelled(room: Room) -> None:
    session = await begun(room)
    for inner, action in (("", "cancel"), (submitted(type="cancel"), "complete")):
        answer = (await command(room, inner, action=action, sessionid=session))[0]
        assert (answer.get("status"), answer.get("sessionid"), len(answer)) == ("canceled", session, 0)
    assert not room.care.asked


async def test_a_session_is_for_one_command_contact_and_agent(room: Room) -> None:
    """XEP-0050, 4.4: with any other nothing is done. `close` was opened, an empty `optout` came."""
    room.care.told = Told(form=FORM)
    close, desk = await begun(room), await begun(room, to=DOMAIN)
    other = CONTACT.replace(CUSTOMER[-1] + "@", "0@")
    assert other != CONTACT
    wrong = [
        await command(room, submitted(), node="careline#optout", sessionid=close),
        await command(room, node="careline#optout", sessionid=close, action="complete"),
        await command(room, submitted(), to=other, sessionid=close),
        await command(room, submitted(), sessionid=desk),
        await command(room, submitted(), to=DOMAIN, sessionid=close),
        await command(room, submitted(), sessionid="s"),
        await command(room, submitted(), sessionid=f"{close}0"),
        await command(room, action="complete"),
        await command(room, action="cancel", sessionid="s"),
        await command(room, sessionid="x" * 300),
    ]
    for answer in wrong:
        assert condition(answer) == "bad-request"
        assert answer[0].find(f"{C}bad-sessionid") is not None
        assert "open the command again" in "".join(answer.itertext())
    assert not room.care.asked
    await command(room, submitted(("a", "b")), to=f"{CONTACT}/sms", sessionid=close)
    await command(room, submitted(("a", "b")))  # filled in at once, it can be for nothing else
    assert [asked.verb for asked in room.care.asked] == ["close", "close"]


async def test_commands_that_are_none(room: Room) -> None:
    session = await begun(room)
    for node in ("", "take", "other#take", "careline#", "careline#../x", "careline#" + "x" * 70, "careline#Take"):
        assert condition(await command(room, node=node)) == "item-not-found"
    assert condition(await command(room, action="prev")) == "bad-request"
    assert condition(await command(room, sessionid="x" * 300)) == "bad-request"
    assert (
        condition(
            await command(room, submitted(*((f"f{n}", "x") for n in range(51))), action="complete", sessionid=session)
        )
        == "policy-violation"
    )
    assert (
        condition(await command(room, submitted(("f", "x" * 10_001)), action="complete", sessionid=session))
        == "policy-violation"
    )
    assert not room.care.asked
    await command(room, submitted(*((f"f{n}", "x") for n in range(50))), action="complete", sessionid=session)
    assert len(room.care.asked) == 1


async def test_care_that_fails_is_told(room: Room) -> None:
    room.care.told = None  # type: ignore[assignment]
    answer = await command(room)
    assert condition(answer) == "internal-server-error"
    room.care.told = Told("done")
    assert (await command(room))[0].get("status") == "completed"
    assert answer.tag == f"{NS}iq"


async def test_a_flood_of_queries_is_refused(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()

    async def asked(_: Asked) -> Told:
        room.care.asked.append(_)
        await gate.wait()
        return Told("done")

    monkeypatch.setattr(room.link, "events", replace(room.link.events, asked=asked))
    payload = f"<command xmlns='{COMMANDS}' node='careline#take'/>"
    for number in range(60):
        room.server.last.send(f"<iq type='set' from='{ANNA}/phone' to='{CONTACT}' id='f{number}'>{payload}</iq>")
        if not number:
            await room.until(lambda: room.care.asked)
    await room.settle()
    errors = room.server.last.of("iq", type="error")
    assert [found.get("id") for found in errors] == [f"f{number}" for number in range(51, 60)]
    assert {condition(found) for found in errors} == {"resource-constraint"}
    gate.set()
    await room.until(lambda: len(room.server.last.of("iq", type="result", to=f"{ANNA}/phone")) == 51)
