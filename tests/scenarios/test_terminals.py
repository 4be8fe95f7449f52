"""The interview's story as an agent plays it in a terminal: profanity and poezio from Debian, driven in tmux.

Both keep lines that begin with `/` for themselves; an agent says `.offer` there, or runs the form.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.doubles.prosody import COMPONENT, prosody_or_skip
from tests.doubles.terminal import Terminal, client_or_skip, poezio, profanity
from tests.scenarios.playing import SAMPLES
from tests.scenarios.test_desk_wire import ANN, Scene, scene
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
]
Made = Callable[[Path, str, int], Terminal]
CARD = ("[desk] +15551230001 waits in billing", "Why: why so much?", "customer: why so much?", "/take or just answer")
ANSWER = "Hi Ann, each minute over the plan costs 42 cents."
RED = "\x1b[31m"


@asynccontextmanager
async def desk(client: str, made: Made, folder: Path, *, allows: str = "") -> AsyncIterator[tuple[Scene, Terminal]]:
    """Ana's client, logged in. allows: what she types when the desk asks to see her presence, "" = the server lets it
    (XEP-0356).
    """
    client_or_skip(client)
    prosody_or_skip(privileges=not allows)
    async with scene(folder, privileges=not allows) as on:
        terminal = made(folder / client, "ana", on.server.c2s)
        await terminal.start()
        try:
            if allows:
                await terminal.shows(f"Received authorization request from {COMPONENT}")
                await terminal.types(allows)
            await on.present("ana")
            yield on, terminal
        finally:
            await terminal.stop()


async def waits(on: Scene) -> None:
    """A customer needs a person."""
    await on.run.event("plan.overage", ANN, SAMPLES["plan.overage"])
    await on.run.received(ANN, 1)
    await on.run.writes(ANN, "why so much?")


async def buys(on: Scene, terminal: Terminal) -> None:
    """Both talk; the offer is made, accepted and billed once."""
    run = on.run
    await terminal.types(ANSWER)
    assert (await run.received(ANN, 2))[1] == ANSWER
    await run.talk(ANN, state="waiting", agent="ana@example.test")
    await run.writes(ANN, "ok, and can I avoid it?")
    await terminal.shows("ok, and can I avoid it?")
    await terminal.types("// she sounds annoyed")
    await terminal.shows("[desk] noted")
    await terminal.types(".offer unlimited")
    await terminal.shows("[desk] offered: Acme Mobile: Unlimited plan for $20.00/month.")
    await run.received(ANN, 3)
    await run.writes(ANN, "YES")
    await terminal.shows("YES", "[desk] accepted unlimited", "[desk] unlimited was delivered")
    assert (await run.received(ANN, 4))[3] == "Acme Mobile: done, Unlimited plan is yours now. Thank you!"
    assert len(run.office.calls) == 1


async def test_the_story_in_profanity(tmp_path: Path) -> None:
    async with desk("profanity", profanity, tmp_path, allows=f"/sub allow {COMPONENT}") as (on, terminal):
        await waits(on)
        await terminal.shows("<< chat message")
        await terminal.types(f"/msg {ANN}@{COMPONENT}")
        await terminal.shows(*CARD)
        await terminal.types("/receipts request on")
        await buys(on, terminal)
        # What the phone has not received yet is red, and so is what the desk has not taken.
        ticked = f"me: \x1b[39m{ANSWER}"
        await terminal.colours(lambda seen: ticked in seen, "the tick")
        await terminal.types(".clsoe resolved")
        await terminal.shows("[desk] not sent: there is no /clsoe (did you mean 'close'?)")
        await terminal.colours(lambda seen: f"{RED}me: .clsoe resolved" in seen, "that it was refused")
        await terminal.types("/cmd exec careline#close")
        await terminal.shows("Form title: Close", "[field1] How it ended (required):")
        await terminal.types("/field1 resolved")
        await terminal.types("/form submit")
        await on.run.talk(ANN, state="closed", disposition="resolved")
        await terminal.types(f"/msg {ANN}@{COMPONENT}")
        await terminal.shows("[desk] closed: resolved")
        await on.run.received(ANN, 4)


async def test_every_verb_in_profanity(tmp_path: Path) -> None:
    """As lines; none of them reaches the customer, mistyped or not."""
    async with desk("profanity", profanity, tmp_path) as (on, terminal):
        await waits(on)
        await terminal.shows("<< chat message")
        await terminal.types(f"/msg {ANN}@{COMPONENT}")
        await terminal.shows(*CARD)
        for line, answer in (
            (".decline", "[desk] passed on to the next agent"),
            ("//take", "[desk] you have this conversation"),
            (".card", "What you write here goes to the customer."),
            (".help", "a dot does the same: .take"),
            (".queue", "[desk] nobody waits"),
            (".offer", "[desk] say /offer NAME gift: Free ringtone, 0.00 USD sale:"),
            (".ofer unlimited", "[desk] not sent: there is no /ofer"),
            (".note he calls from a train", "[desk] noted"),
            (".close", "[desk] say /close DISPOSITION resolved: resolved"),
            (".away", "[desk] you are not asked until you say /available"),
            (".available", "[desk] you are asked again"),
            (".to billing needs more time", "[desk] transferred to billing: needs more time"),
            (".take", "[desk] you have this conversation"),
            (".optout enough of it", "[desk] recorded: the customer is unsubscribed"),
        ):
            await terminal.types("/clear")
            await terminal.types(line)
            await terminal.shows(answer)
        await on.run.talk(ANN, state="closed", disposition="opted_out")
        assert not [text for text in await on.run.texts(ANN) if text.startswith((".", "/"))]


async def test_the_story_in_poezio(tmp_path: Path) -> None:
    async with desk("poezio", poezio, tmp_path) as (on, terminal):
        await waits(on)
        await terminal.shows(f"1.{ANN}")
        await terminal.presses("C-n")
        await terminal.shows(*CARD)
        await buys(on, terminal)
        await terminal.shows(f"✔ ana> {ANSWER}", "✔ ana> .offer unlimited")
        await terminal.types(".close resolved she is happy")
        await terminal.shows("[desk] closed: resolved")
        await on.run.talk(ANN, state="closed", disposition="resolved")
        await on.run.received(ANN, 4)
