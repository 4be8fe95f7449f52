"""Every verb of the desk, as a line of chat and as a form, on the contact and on the desk, on both servers. The answers
are the same.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from gateway.floor.beginnings import AS
from gateway.floor.helping import DESK_VERBS, READING
from gateway.floor.picking import WHICH
from gateway.floor.repertoire import VERBS
from gateway.floor.starting import START
from tests.doubles.agent import AgentClient, Answer
from tests.doubles.chat_servers import KINDS
from tests.doubles.prosody import COMPONENT
from tests.interop.servers import Floor, floor
from tests.scenarios.playing import SAMPLES
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
]


@dataclass(frozen=True)
class Verb:
    """line: as it is said in chat. form: what is filled in. says: the answer holds this. before: what must be so first,
    a key of `BEFORE`. by: who says it, else Ana. asks: the form has a choice of these, among others. then: what is
    filled into a second form, which shows what the line answers.
    """

    name: str
    line: str
    says: str
    before: str = "hers"
    form: tuple[tuple[str, str], ...] = ()
    asks: tuple[str, ...] = ()
    then: tuple[tuple[str, str], ...] = ()
    by: str = "ana"


BEN, CLEO = "ben@example.test", "cleo@example.test"
RESOLVED = (("disposition", "resolved"), ("note", "all well"))
ON_A_CUSTOMER: Sequence[Verb] = (
    Verb("take", "/take", "you have this conversation", "offered"),
    Verb("decline", "/decline", "passed on to the next agent", "offered"),
    Verb("card", "/card", "+1555", "offered"),
    Verb(
        "offer",
        "/offer unlimited",
        "offered: Acme Mobile: Unlimited",
        form=(("name", "unlimited"),),
        asks=("unlimited",),
    ),
    Verb(
        "to",
        f"/to {CLEO} she knows",
        "transferred to Cleo",
        form=(("to", CLEO), ("reason", "she knows")),
        asks=("travel", CLEO),
    ),
    Verb("bot", "/bot resolved all well", "closed: resolved", "escalated", RESOLVED, ("resolved",)),
    Verb("close", "/close resolved all well", "closed: resolved", form=RESOLVED, asks=("resolved",)),
    Verb("done", "/done", "done", "wraps up"),
    Verb(
        "optout",
        ".optout no more please",
        "recorded: the customer is unsubscribed",
        form=(("words", "no more please"),),
    ),
    Verb("invite", f"/invite {BEN}", "you and Ben are asked into the room", form=(("who", BEN),), asks=(BEN, CLEO)),
    Verb("monitor", "/monitor", "you are asked into the room", by="ben"),
    Verb("note", "// an old friend", "noted", form=(("text", "an old friend"),)),
    Verb(
        "c",
        "/c refund amount=20",
        "> $20.00 are on their way.",
        form=(("canned.reply", "refund"),),
        asks=("refund",),
        then=(("amount", "20"),),
    ),
    Verb("send", "/send", "sent: $20.00 are on their way.", "previews"),
    Verb("cancel", "/cancel", "dropped: it was not sent", "previews"),
    Verb("tag", "/tag vip refund", "tags: refund, vip", form=(("tags", "vip refund"),)),
    Verb("untag", "/untag old", "no tags", "tagged", form=(("tags", "old"),)),
    Verb("language", "/language es-MX", "language: es-MX", form=(("language", "es-MX"),)),
    Verb("start", ".start Your phone is here.", "sent to +1555", "nobody", form=(("text", "Your phone is here."),)),
    Verb("help", ".help", "What you write here goes to the customer"),
)
NEW = "+15551250001"
ON_THE_DESK: Sequence[Verb] = (
    Verb("queue", "/queue", "nobody waits"),
    Verb("away", ".away", "you are not asked until you say .available"),
    Verb("available", "/available", "you are asked again"),
    Verb(
        "start",
        f".start {NEW} Your phone is here.",
        f"sent to {NEW}",
        form=(("number", NEW), ("text", "Your phone is here.")),
    ),
    Verb("help", ".help", ".queue: What waits"),
)
REFUND = {
    "texts": {"en": "{{ amount }} are on their way."},
    "fields": [{"name": "amount", "type": "money", "currency": "USD"}],
}
BEFORE: dict[str, Sequence[tuple[str, str]]] = {
    "nobody": (),
    "offered": (),
    "hers": (("/take", "you have this conversation"),),
    "escalated": (("/take", "you have this conversation"),),
    "tagged": (("/take", "you have this conversation"), ("/tag old", "tags: old")),
    "previews": (("/take", "you have this conversation"), ("/c refund amount=20", "the customer will read")),
    "wraps up": (
        ("/take", "you have this conversation"),
        ("/to retention", "retention"),
        ("/take", "you have this conversation"),
        ("/close kept", "closed: kept"),
    ),
}
"""What Ana says first, and what the desk answers. `escalated`: by a handler, that takes it back."""
NUMBERS = count(1)


def test_no_verb_is_forgotten() -> None:
    """Whoever adds one says above what it does, by line and by form; `/as BRAND` is below."""
    assert sorted(verb.name for verb in ON_A_CUSTOMER) == sorted({*VERBS, *READING, START})
    assert sorted(verb.name for verb in ON_THE_DESK) == sorted(DESK_VERBS)


@pytest.fixture(params=KINDS)
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(request.param, tmp_path) as its:
        yield its


async def stage(on: Floor, ana: AgentClient, before: str) -> str:
    """A customer of whom that is so: their number."""
    customer = f"+1555124{next(NUMBERS):04d}"
    if before == "escalated":
        await on.run.event("plan.overage", customer, SAMPLES["plan.overage"])
        await on.run.received(customer, 1)
        await on.run.writes(customer, "why so much?")
        await ana.hears("waits in billing", of=customer)
    elif before != "nobody":
        await on.asks(customer, ana)
    for line, answer in BEFORE[before]:
        ana.says(customer, line)
        await ana.hears(answer, of=customer)
    return customer


async def ends(on: Floor, customer: str) -> None:
    """So that Ana has room for the next, and nobody waits: the supervisor takes what is not over, and closes it."""
    talk = await on.run.talk(customer)
    if talk["state"] not in ("closed", "bot"):
        path = f"/v1/conversations/{talk['id']}"
        await on.run.api("POST", f"{path}/claim", {"agent": "Ben"})
        await on.run.api("POST", f"{path}/close", {"disposition": "resolved", "agent": "Ben"})


OTHER = "+15551249001"
"""Whom Ana has all the time, where forms of the desk are tried: there is another who could be meant."""
ALONE = ("decline", "done")
"""What there is one of at a time: nobody is asked which."""


Say = Callable[[AgentClient, str, Verb], Awaitable[str]]


async def by_line(agent: AgentClient, customer: str, verb: Verb) -> str:
    """What the desk answers in the chat."""
    agent.says(customer, verb.line)
    return (await agent.hears(lambda one: verb.says in one.text, of=customer)).text


async def by_form(agent: AgentClient, customer: str, verb: Verb) -> str:
    """The note of the completed command; of one that shows something and asks again, what it shows."""
    return await filled_in(agent, await agent.command(customer, f"careline#{verb.name}"), verb)


async def by_form_of_the_desk(agent: AgentClient, customer: str, verb: Verb) -> str:
    """The same, run on the desk's own JID: which customer is meant is asked first, where it could be another."""
    given = await agent.command("", f"careline#{verb.name}")
    if customer:
        which = given.fields.get(WHICH)
        assert (which is None) == (verb.name in ALONE), (verb.name, given)
        if which is not None:
            assert list(given.fields) == [WHICH]
            assert sorted(which) == sorted(["(none)", OTHER, customer]), which
            given = await agent.complete({WHICH: customer})
        told = await filled_in(agent, given, verb)
        assert told.startswith(customer) or verb.then, told
        return told
    return await filled_in(agent, given, verb)


async def filled_in(agent: AgentClient, given: Answer, verb: Verb) -> str:
    """What comes of the forms of a verb, from the first that it gave."""
    if not verb.form:
        assert not given.asks, f"{verb.name} asks for {given.fields}"
        return given.says
    assert given.asks
    assert [name for name, _ in verb.form] == list(given.fields)
    for choice in verb.asks:
        assert any(choice in choices for choices in given.fields.values()), given.fields
    done = await agent.complete({**given.hidden, **dict(verb.form)})
    if not verb.then:
        assert not done.asks
        return done.says
    assert [name for name, _ in verb.then] == list(done.fields)
    shown = await agent.complete({**done.hidden, **dict(verb.then)})
    assert shown.asks
    return shown.text


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "say", [by_line, by_form, by_form_of_the_desk], ids=["by line", "by form", "by form of the desk"]
)
async def test_every_verb(on: Floor, say: Say) -> None:
    agents = {name: await on.agent(name, show) for name, show in (("ana", ""), ("ben", "dnd"), ("cleo", "away"))}
    ana = agents["ana"]
    await on.present(ana)
    await on.present("ben", "dnd")
    await on.present("cleo", "away")
    await on.run.api("PUT", "/v1/canned/refund", REFUND)
    if say is by_form_of_the_desk:
        await on.asks(OTHER, ana)
        ana.says(OTHER, "/take")
        await ana.hears("you have this conversation", of=OTHER)
    for verb in ON_A_CUSTOMER:
        if say is by_form_of_the_desk and verb.name in DESK_VERBS:
            continue  # asks for a number there
        customer = await stage(on, ana, verb.before)
        supervisor = say is by_form_of_the_desk and verb.name == "take"  # for whom there are two
        assert verb.says in await say(agents["ben" if supervisor else verb.by], customer, verb), verb.name
        await ends(on, customer)
    for verb in ON_THE_DESK:
        assert verb.says in await say(ana, "", verb), verb.name


TWO_BRANDS = """
[[brands]]
name = "zed"
display_name = "Zed Air"
default_language = "en"
timezone = "UTC"
help_contact = "https://zed.example/help"

[[senders]]
address = "80008"
brand = "zed"
carriers = ["sim"]
use_case = "customer_care"

[[queues]]
name = "flights"
brand = "zed"

[[agents]]
jid = "dora@example.test"
name = "Dora"
queues = ["billing", "flights"]
"""


async def states(on: Floor, customer: str) -> dict[str, str]:
    """Of their conversations, by brand."""
    found = await on.run.api("GET", f"/v1/conversations?customer=tel:%2B{customer[1:]}")
    return {one["brand"]: one["state"] for one in found["items"]}


@pytest.mark.parametrize("kind", KINDS)
async def test_which_of_two_brands(tmp_path: Path, kind: str) -> None:
    """As a line it is said first (`/as`), as a form it is asked first."""
    async with floor(kind, tmp_path, ("dora",), more=TWO_BRANDS) as on:
        dora = await on.agent("dora")
        await on.present("dora")
        customer = await stage(on, dora, "nobody")
        for to, queue, brand in (("70007", "billing", "acme"), ("80008", "flights", "zed")):
            await on.run.writes(customer, "agent", to=to)
            await dora.hears(f"waits in {queue}", of=customer)
            dora.says(customer, f"/{AS} {brand} /take")
            await dora.hears("you have this conversation", of=customer)
        dora.says(customer, "/card")
        await dora.hears("say which, as in /as acme /card", of=customer)
        dora.says(customer, f"/{AS} zed // she flies tomorrow")
        await dora.hears("noted", of=customer)
        which = await dora.command(customer, "careline#close")
        assert which.fields == {"brand": ["(none)", "acme", "zed"]}
        asked = await dora.complete({"brand": "acme"})
        assert list(asked.fields) == ["brand", "disposition", "note"]
        done = await dora.complete({"brand": "acme", "disposition": "resolved", "note": ""})
        assert done.says == "closed: resolved"
        await dora.hears("closed: resolved", of=customer)
        assert await states(on, customer) == {"acme": "closed", "zed": "human"}
        dora.says(customer, f"/{AS} zed /close resolved")
        await dora.hears("closed: resolved", of=customer)
        assert await states(on, customer) == {"acme": "closed", "zed": "closed"}


async def test_where_verbs_are_offered(on: Floor) -> None:
    """At the bare JID, at its resource, and at the desk: all that are told of above, and no others."""
    ana = await on.agent("ana")
    await on.present(ana)
    customer = await stage(on, ana, "hers")
    offered = sorted(await ana.commands(customer))
    assert offered == sorted(await ana.commands(f"{customer}@{COMPONENT}/sms"))
    assert offered == sorted(verb.name for verb in ON_A_CUSTOMER)
    assert sorted(await ana.commands("")) == sorted({verb.name for verb in (*ON_THE_DESK, *ON_A_CUSTOMER)})
    for name in [verb.name for verb in ON_A_CUSTOMER if verb.form]:
        given = await ana.command(f"{customer}@{COMPONENT}/sms", f"careline#{name}")
        assert given.asks or given.says, name
    assert not (await ana.command(customer, "careline#nonsense")).asks
