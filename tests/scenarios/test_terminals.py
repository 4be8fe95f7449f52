"""The interview's story as an agent plays it in a terminal: profanity and poezio from Debian, driven in tmux.

Both keep lines that begin with `/` for themselves; an agent says `.offer` there, or runs the form.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from gateway.model.rows import replace
from tests.doubles.prosody import COMPONENT, prosody_or_skip
from tests.doubles.seats import Seats
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
CLIENTS = pytest.mark.parametrize(("client", "made"), [("profanity", profanity), ("poezio", poezio)])
REFUND = {
    "brand": "acme",
    "title": "Refund to the card",
    "texts": {"en": "{{ agent }} of {{ brand }} here: {{ amount }} goes back to your card."},
    "fields": [{"name": "amount", "type": "money", "currency": "USD"}],
}
ZED = """
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
"""
CARD = ("[desk] +15551230001 waits in billing", "Why: why so much?", "customer: why so much?", ".take or just answer")
ANSWER = "Hi Ann, each minute over the plan costs 42 cents."
RED, BLUE = "\x1b[31m", "\x1b[44m"


@asynccontextmanager
async def desk(
    client: str, made: Made, folder: Path, *, allows: str = "", more: str = ""
) -> AsyncIterator[tuple[Scene, Terminal]]:
    """Ana's client, logged in. allows: what she types when the desk asks to see her presence, "" = the server lets it
    (XEP-0356). more: of gateway.toml.
    """
    client_or_skip(client)
    prosody_or_skip(privileges=not allows)
    async with scene(folder, privileges=not allows, more=more) as on:
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


async def opens(on: Scene, terminal: Terminal, client: str) -> None:
    """Ana goes to the chat with Ann, who waits, and takes it."""
    if client == "profanity":
        await terminal.shows("<< chat message")
        await terminal.types(f"/msg {ANN}@{COMPONENT}")
    else:
        await terminal.shows(f"1.{ANN}")
        await terminal.presses("C-n")
    await terminal.shows(f"[desk] {ANN} waits in billing")
    await says(terminal, ".take", "[desk] you have this conversation")


async def says(terminal: Terminal, line: str, *answer: str) -> None:
    """Ana types a line, where she can on a screen that is empty; what she sees then."""
    if terminal.clearing:
        await terminal.types(terminal.clearing)
    await terminal.types(line)
    await terminal.shows(*answer)


def shows_it(what: str, seen: str) -> bool:
    return what in seen


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
        await terminal.shows("[desk] not sent: there is no .clsoe (did you mean 'close'?)")
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
            ("//optout she never said that", "not done: some clients turn // into /, so this could be a note."),
            ("//offer unlimited was refused", "[desk] not done: 'was refused' is too much; a note is /note TEXT"),
            (".card", "What you write here goes to the customer."),
            (".help", "A / does what the dot does, where your client lets it through"),
            (".queue", "[desk] nobody waits"),
            (".offer", "[desk] say .offer NAME gift: Free ringtone, 0.00 USD sale:"),
            (".ofer unlimited", "[desk] not sent: there is no .ofer"),
            (".note he calls from a train", "[desk] noted"),
            (".close", "[desk] say .close OUTCOME [note] one of resolved, answered,"),
            (".away", "[desk] you are not asked until you say .available"),
            (".available", "[desk] you are asked again"),
            (".to billing needs more time", "[desk] transferred to billing: needs more time"),
            (".take", "[desk] you have this conversation"),
            (".optout enough of it", "[desk] recorded: the customer is unsubscribed"),
        ):
            await says(terminal, line, answer)
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


@CLIENTS
async def test_a_canned_reply_tags_wrap_up_and_writing_first(client: str, made: Made, tmp_path: Path) -> None:
    async with desk(client, made, tmp_path) as (on, terminal):
        run = on.run
        await run.api("PUT", "/v1/canned/refund", REFUND)
        await run.writes(ANN, "agent")
        await opens(on, terminal, client)
        await says(terminal, ".c", "say .c NAME", "refund amount=MONEY: Refund to the card")
        await says(terminal, ".c refund", "say .c refund amount=MONEY", "amount: an amount in USD such as 20.00")
        words = "Ana of Acme Mobile here: $20.00 goes back to your card."
        look = ("the customer will read (1 part, GSM-7):", f"> {words}", ".send sends it, .cancel drops it")
        await says(terminal, ".c refund amount=20", *look)
        await says(terminal, ".send", f"[desk] sent: {words}")
        assert (await run.received(ANN, 2))[1] == words
        await says(terminal, ".tag refund angry", "[desk] tags: angry, refund")
        await says(terminal, ".to retention", "[desk] transferred to retention")
        await says(terminal, ".take", "Tags: angry, refund", "What you write here goes to")
        await says(terminal, ".close kept", "[desk] closed: kept; 60 s to wrap up, .done ends it")
        await says(terminal, ".done", "[desk] done: you may be asked for the next one")
        await run.talk(ANN, state="closed", disposition="kept")
        await says(terminal, "//start with the refund", "this could be a note. .start ... writes to the customer")
        await says(terminal, ".start One more thing, Ann.", "[desk] sent to +15551230001: One more thing, Ann.")
        assert (await run.received(ANN, 3))[2] == "One more thing, Ann."


@CLIENTS
async def test_a_room_with_a_supervisor(client: str, made: Made, tmp_path: Path) -> None:
    async with desk(client, made, tmp_path) as (on, terminal):
        run = on.run
        ben = await on.agent("ben")
        await on.present(ben)
        await run.writes(ANN, "agent")
        await opens(on, terminal, client)
        await says(terminal, ".invite", "say .invite NAME", "Ben (supervisor), online")
        his = Seats(ben)
        await says(terminal, ".invite Ben", "[desk] you and Ben are asked into the room")
        await his.until(lambda: bool(his.invited), "Ben is invited")
        [room] = his.invited
        await terminal.types(f"/join {room}")
        await terminal.shows(f"{ANN} is with Ana: what Ana writes here", "customer: agent")
        await his.enters(room)
        await terminal.types("Hello from the room")
        assert (await run.received(ANN, 2))[1] == "Hello from the room"
        await terminal.types("// she sounds angry")
        await terminal.shows("[desk] ana: noted")
        his.says(room, "I say this")
        await terminal.shows("[desk] ben: not sent: Ana has this conversation; whisper to Ana")
        await terminal.types(".leave")
        await terminal.shows("Ana ended the room; the conversation goes on as before")
        await run.received(ANN, 2)


@CLIENTS
async def test_a_customer_of_two_brands(client: str, made: Made, tmp_path: Path) -> None:
    async with desk(client, made, tmp_path, more=ZED) as (on, terminal):
        run, book = on.run, on.run.gateway.playbook
        every = tuple(agent.model_copy(update={"queues": tuple(book.queues)}) for agent in book.agents)
        run.gateway.take_playbook(replace(book, agents=every))
        await run.writes(ANN, "agent")
        await opens(on, terminal, client)
        await run.writes(ANN, "agent", to="80008")
        await terminal.shows(f"[desk] {ANN} waits in flights, Zed Air")
        await says(terminal, ".take", "in the name of Zed Air")
        which = "this customer talks with Acme Mobile (acme) and Zed Air (zed): say which, as in .as acme"
        await says(terminal, "Your flight is booked", f"[desk] not sent: {which} TEXT")
        await says(terminal, ".close", f"[desk] {which} .close")
        await says(terminal, ".as zed Your flight is booked", "Your flight is booked")
        assert (await run.received(ANN, 3))[2] == "Your flight is booked"
        await says(terminal, ".as zed .close", "say .as zed .close OUTCOME [note]")
        await says(terminal, ".as zed .close resolved", "[desk] closed: resolved")


async def test_forms_in_profanity(tmp_path: Path) -> None:
    """It dies of a choice without a value, so each has one; what is missing stands in the form."""
    async with desk("profanity", profanity, tmp_path) as (on, terminal):
        await waits(on)
        await opens(on, terminal, "profanity")
        await terminal.types("/cmd exec careline#bot")
        await terminal.shows("Form title: Hand back to the bot", "[field1] How it went:")
        await terminal.types("/form cancel")
        await terminal.types(f"/msg {ANN}@{COMPONENT}")
        await terminal.types("/cmd exec careline#offer")
        await terminal.shows("Form title: Make an offer", "[field1] Offer (required):")
        await terminal.types("/form submit")
        await terminal.shows("Form title: Make an offer: not done: fill in Offer")
        await terminal.types("/field1 lounge")
        await terminal.types("/form submit")
        await terminal.types(f"/msg {ANN}@{COMPONENT}")
        await terminal.shows("careline#offer completed", "offered: Acme Mobile: Airport lounge pass for $25.00.")
        assert "Airport lounge pass" in (await on.run.received(ANN, 2))[1]


async def test_forms_in_poezio(tmp_path: Path) -> None:
    """It chooses the first of a list by itself: that is no offer."""
    async with desk("poezio", poezio, tmp_path) as (on, terminal):
        await waits(on)
        await opens(on, terminal, "poezio")
        await terminal.types(f"/ad-hoc {ANN}@{COMPONENT}")
        await terminal.shows("careline#take", "careline#offer")
        for verb in ("decline", "offer"):
            await terminal.presses("Down")
            await terminal.colours(partial(shows_it, f"{BLUE}careline#{verb}"), f"{verb} chosen")
        await terminal.presses("Enter")
        await terminal.shows("Make an offer", "choose one", "Ctrl+Y: send form")
        await terminal.presses("C-y")
        await terminal.shows("Make an offer: not done: fill in Offer")
        await on.run.received(ANN, 1)
        await terminal.presses("Right")
        await terminal.shows("Free ringtone, 0.00 USD")
        await terminal.presses("C-y")
        await terminal.shows("Free ringtone for $0.00. Reply YES")
        assert "Free ringtone" in (await on.run.received(ANN, 2))[1]


MAX = "+15551230002"


async def two_wait(on: Scene, terminal: Terminal, client: str) -> None:
    """Ana has Ann, and is offered Max."""
    await waits(on)
    await opens(on, terminal, client)
    await on.run.writes(MAX, "agent")
    await on.run.received(MAX, 1)


async def test_forms_of_the_desk_in_profanity(tmp_path: Path) -> None:
    """Which customer is meant, the form, done: three steps."""
    async with desk("profanity", profanity, tmp_path) as (on, terminal):
        await two_wait(on, terminal, "profanity")
        await terminal.types(f"/msg {COMPONENT}")
        await terminal.types("/cmd exec careline#note")
        await terminal.shows("Form title: Internal note", "[field1] Conversation (required):")
        await terminal.types(f"/field1 {ANN}")
        await terminal.types("/form submit")
        await terminal.shows(f"Form title: Internal note: {ANN}", "[field1] Note (required):")
        await terminal.types("/field1 add an old friend")
        await terminal.types("/form submit")
        await terminal.types(f"/msg {COMPONENT}")
        await terminal.shows("careline#note completed", f"{ANN}: noted")
        await terminal.types("/cmd exec careline#take")
        await terminal.shows("careline#take completed", f"{MAX}: you have this conversation")
        await on.run.talk(MAX, agent="ana@example.test")


async def test_forms_of_the_desk_in_poezio(tmp_path: Path) -> None:
    async with desk("poezio", poezio, tmp_path) as (on, terminal):
        await two_wait(on, terminal, "poezio")
        await terminal.types(f"/ad-hoc {COMPONENT}")
        await terminal.shows("careline#available", "careline#take")
        for verb in ("away", "queue", "start", "help", "take", "decline", "offer", "to"):
            await terminal.presses("Down")
            await terminal.colours(partial(shows_it, f"{BLUE}careline#{verb}"), f"{verb} chosen")
        await terminal.presses("Enter")
        await terminal.shows("Transfer", "choose one", "Ctrl+Y: send form")
        await terminal.presses("Right")
        await terminal.shows(f"{ANN}: with you")
        await terminal.presses("C-y")
        await terminal.shows(f"Transfer: {ANN}", "choose one")
        await terminal.presses("Right")
        await terminal.shows("queue billing")
        await terminal.presses("C-y")
        await terminal.shows(f"{ANN}: transferred to billing")
        await on.run.talk(ANN, state="queued")
