"""Every verb of the desk, said as a line of chat and run as a form, on both servers. The answers are the same."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.doubles.agent import AgentClient
from tests.doubles.prosody import COMPONENT
from tests.interop.servers import KINDS, Floor, floor
from tests.scenarios.playing import SAMPLES
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
]


@dataclass(frozen=True)
class Verb:
    """line: as it is said in chat. form: what is filled in. says: the answer begins so. before: what must be so first:
    `offered` to Ana, `hers`, or `escalated` by a handler and hers. asks: the form has a choice of these, among others.
    """

    name: str
    line: str
    says: str
    before: str = "hers"
    form: tuple[tuple[str, str], ...] = ()
    asks: tuple[str, ...] = ()


CLEO = "cleo@example.test"
ON_A_CUSTOMER: Sequence[Verb] = (
    Verb("take", "/take", "you have this conversation", "offered"),
    Verb("decline", "/decline", "passed on to the next agent", "offered"),
    Verb("card", "/card", "+1555", "offered"),
    Verb(
        "offer",
        "/offer unlimited",
        "offered: Acme Mobile: Unlimited plan",
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
    Verb(
        "bot",
        "/bot resolved all well",
        "the bot",
        "escalated",
        form=(("disposition", "resolved"), ("note", "all well")),
        asks=("resolved",),
    ),
    Verb(
        "close",
        "/close resolved all well",
        "closed: resolved",
        form=(("disposition", "resolved"), ("note", "all well")),
        asks=("resolved",),
    ),
    Verb(
        "optout",
        ".optout no more please",
        "recorded: the customer is unsubscribed",
        form=(("words", "no more please"),),
    ),
    Verb("note", "// an old friend", "noted", form=(("text", "an old friend"),)),
    Verb("help", ".help", "What you write here goes to the customer"),
)
ON_THE_DESK: Sequence[Verb] = (
    Verb("queue", "/queue", "nobody waits"),
    Verb("away", ".away", "you are not asked until you say .available"),
    Verb("available", "/available", "you are asked again"),
    Verb("help", ".help", ".queue: What waits"),
)
NUMBERS = count(1)


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
    else:
        await on.asks(customer, ana)
    if before != "offered":
        ana.says(customer, "/take")
        await ana.hears("you have this conversation", of=customer)
    return customer


async def ends(on: Floor, customer: str) -> None:
    """So that Ana has room for the next, and nobody waits: the supervisor takes what is not over, and closes it."""
    talk = await on.run.talk(customer)
    if talk["state"] not in ("closed", "bot"):
        path = f"/v1/conversations/{talk['id']}"
        await on.run.api("POST", f"{path}/claim", {"agent": "Ben"})
        await on.run.api("POST", f"{path}/close", {"disposition": "resolved", "agent": "Ben"})


Say = Callable[[AgentClient, str, Verb], Awaitable[str]]


async def by_line(ana: AgentClient, customer: str, verb: Verb) -> str:
    """What the desk answers in the chat."""
    ana.says(customer, verb.line)
    return (await ana.hears(lambda one: verb.says in one.text, of=customer)).text


async def by_form(ana: AgentClient, customer: str, verb: Verb) -> str:
    """The note of the completed command."""
    given = await ana.command(customer, f"careline#{verb.name}")
    if not verb.form:
        assert not given.asks, f"{verb.name} asks for {given.fields}"
        return given.says
    assert given.asks
    assert [name for name, _ in verb.form] == list(given.fields)
    for choice in verb.asks:
        assert any(choice in choices for choices in given.fields.values()), given.fields
    done = await ana.complete(dict(verb.form))
    assert not done.asks
    return done.says


@pytest.mark.parametrize("say", [by_line, by_form], ids=["by line", "by form"])
async def test_every_verb(on: Floor, say: Say) -> None:
    ana, cleo = await on.agent("ana"), await on.agent("cleo", "away")
    await on.present(ana)
    await on.present(cleo, "away")
    for verb in ON_A_CUSTOMER:
        customer = await stage(on, ana, verb.before)
        assert verb.says in await say(ana, customer, verb), verb.name
        await ends(on, customer)
    for verb in ON_THE_DESK:
        assert verb.says in await say(ana, "", verb), verb.name


async def test_where_verbs_are_offered(on: Floor) -> None:
    """At the bare JID, at its resource, and at the desk; each that is offered does something, those not told of above
    as well."""
    ana = await on.agent("ana")
    await on.present(ana)
    customer = await stage(on, ana, "hers")
    offered = sorted(await ana.commands(customer))
    assert offered == sorted(await ana.commands(f"{customer}@{COMPONENT}/sms"))
    assert {verb.name for verb in ON_A_CUSTOMER} <= set(offered)
    at_the_desk = await ana.commands("")
    assert {verb.name for verb in ON_THE_DESK} <= set(at_the_desk)
    asked = {verb.name for verb in ON_A_CUSTOMER if verb.form}
    for name in offered:
        if name in asked or name not in {verb.name for verb in ON_A_CUSTOMER}:
            given = await ana.command(f"{customer}@{COMPONENT}/sms", f"careline#{name}")
            assert given.asks or given.says, name
    assert not (await ana.command(customer, "careline#nonsense")).asks
