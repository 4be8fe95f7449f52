"""A customer of two brands, and one agent for both: nothing goes out in the wrong brand's name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.model.brand import Brand, Sender
from gateway.model.desk import Asked, Heard, Line, LineKind, Said, Show, Told
from gateway.model.rows import replace
from gateway.settings import Agent, Queue
from tests.doubles.stage import Stage, fresh_database, house

MAX, ANA = "+15551230001", "ana@example.test"
ACME, ZED = "70007", "80008"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    usual = house()[1]
    brands = {**usual.brands, "zed": Brand("zed", "Zed Air", "en", "UTC", "https://zed.example/help")}
    playbook = replace(
        usual,
        brands=brands,
        senders={**usual.senders, ZED: Sender(ZED, "zed", ("sim",))},
        queues={**usual.queues, "flights": Queue(name="flights", brand="zed")},
        agents=(Agent(jid=ANA, name="Ana", queues=("billing", "flights")),),
    )
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db", playbook=playbook, chat=True)
    await made.open()
    made.attendance.tell(ANA, Show.online)
    yield made
    await made.close()


class Desk:
    """Ana's client, in the chat with Max."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.typed = stage, 0

    async def types(self, text: str) -> Heard:
        self.typed += 1
        return await self.stage.do(self.stage.agents.said(Said(ANA, MAX, f"s{self.typed}", text)))

    def lines(self) -> list[Line]:
        assert self.stage.chat is not None
        return self.stage.chat.lines.get(ANA, [])

    async def max_writes(self, text: str, to: str) -> None:
        self.stage.writes(MAX, text, to=to)
        await self.stage.settled()
        await self.stage.settled()  # now somebody is asked

    async def sent(self) -> list[tuple[str, str]]:
        """Ana's words that went out: (from which address, words)."""
        rows = await self.stage.rows("SELECT ours, text FROM message WHERE author_kind = 'agent' ORDER BY id")
        return [(row["ours"], row["text"]) for row in rows]


@pytest.fixture
def desk(stage: Stage) -> Desk:
    return Desk(stage)


async def both(desk: Desk) -> None:
    """Ana has Max's conversation with Acme, and is asked to take the one with Zed."""
    await desk.max_writes("agent", ACME)
    assert (await desk.types("/take")).text.endswith("in the name of Acme Mobile")
    await desk.max_writes("agent", ZED)


async def test_the_card_names_the_brand(desk: Desk) -> None:
    await both(desk)
    cards = [line.text.splitlines()[0] for line in desk.lines() if "waits in" in line.text]
    assert cards == [
        f"[desk] {MAX} waits in billing, Acme Mobile",
        f"[desk] {MAX} waits in flights, Zed Air",
    ]


async def test_words_that_could_mean_either_go_nowhere(desk: Desk) -> None:
    await both(desk)
    heard = await desk.types("Your flight is booked")
    assert heard.refused == (
        "not sent: this customer talks with Acme Mobile (acme) and Zed Air (zed): say which, as in .as acme TEXT"
    )
    assert await desk.sent() == []
    assert await desk.types(".as zed Your flight is booked") == Heard()
    assert await desk.types(".as acme Your bill is paid") == Heard()
    assert await desk.sent() == [(ZED, "Your flight is booked"), (ACME, "Your bill is paid")]


async def test_take_and_decline_mean_what_is_offered(desk: Desk) -> None:
    await both(desk)
    assert (await desk.types("/decline")).text == "[desk] passed on to the next agent"
    assert [row["state"] for row in await desk.stage.rows("SELECT state FROM conversation ORDER BY id")] == [
        "human",
        "queued",
    ]
    assert (await desk.types("/take")).text.endswith("in the name of Zed Air")


async def test_the_customers_words_say_whom_they_are_for(desk: Desk) -> None:
    await both(desk)
    await desk.types("/take")
    await desk.max_writes("when does it leave?", ZED)
    await desk.max_writes("and my bill?", ACME)
    words = [line.text for line in desk.lines() if line.kind is LineKind.text]
    assert words == ["(to Zed Air) when does it leave?", "(to Acme Mobile) and my bill?"]


async def test_a_verb_says_which_as_a_line_and_as_a_form(desk: Desk) -> None:
    await both(desk)
    await desk.types("/take")
    heard = await desk.types("/close resolved")
    assert "say which" in heard.text
    told = await desk.stage.do(desk.stage.agents.asked(Asked(ANA, MAX, "close")))
    assert told.form is not None
    assert told.form.inputs[0].choices == (("acme", "Acme Mobile"), ("zed", "Zed Air"))
    told = await desk.stage.do(desk.stage.agents.asked(Asked(ANA, MAX, "close", {"brand": "zed"})))
    assert told.form is not None
    assert [(one.name, one.value) for one in told.form.inputs[:2]] == [("brand", "zed"), ("disposition", "")]
    values = {"brand": "zed", "disposition": "resolved"}
    told = await desk.stage.do(desk.stage.agents.asked(Asked(ANA, MAX, "close", values)))
    assert told.text == "closed: resolved"
    rows = await desk.stage.rows("SELECT brand, state FROM conversation ORDER BY id")
    assert [(row["brand"], row["state"]) for row in rows] == [("acme", "human"), ("zed", "closed")]
    # Now there is one, and words mean it.
    assert await desk.types("Your bill is paid") == Heard()
    assert await desk.sent() == [(ACME, "Your bill is paid")]


async def test_a_queue_of_the_other_brand_takes_nothing(desk: Desk) -> None:
    await desk.max_writes("agent", ACME)
    await desk.types("/take")
    assert (await desk.types("/to flights")).text == (
        "[desk] queue flights answers for zed, this conversation is with acme"
    )


async def test_an_unknown_brand_is_refused(desk: Desk) -> None:
    await both(desk)
    assert (await desk.types(".as zad hello")).refused.startswith("not sent: there is no brand 'zad'")


async def test_words_meant_for_what_just_ended_do_not_go_to_the_other_brand(desk: Desk) -> None:
    """STOP to Acme while Ana types; Zed's conversation waits for her."""
    await both(desk)
    await desk.max_writes("STOP", ACME)
    assert "say which" in (await desk.types("About your Acme bill: you owe 50")).refused
    assert "say which" in (await desk.types("/close resolved")).text
    assert await desk.sent() == []
    assert "STOP" in (await desk.types(".as acme About your bill")).refused or await desk.sent() == []
    assert (await desk.types("/take")).text.endswith("in the name of Zed Air")
    assert await desk.types("Hello from Zed") == Heard()
    assert await desk.sent() == [(ZED, "Hello from Zed")]


async def test_no_more_texts_of_which_brand_is_asked(desk: Desk) -> None:
    await both(desk)
    await desk.types("/take")
    await desk.types("/as zed /close resolved")
    await desk.types("/close resolved")
    assert "say which" in (await desk.types("/optout")).text
    told = await desk.types(".as acme .optout he said so")
    assert told.text == "[desk] recorded: the customer is unsubscribed from Acme Mobile, and told so once"


async def test_a_form_of_the_desk_asks_who_and_then_which_brand(desk: Desk) -> None:
    """Of one customer there are two: with whom they talk is asked as on their contact."""
    await both(desk)
    await desk.types("/take")
    who = await asks(desk, "close")
    assert who.form is not None
    assert [one.name for one in who.form.inputs] == ["desk.chosen", "brand"], "it can be nobody else"
    kept = {"desk.chosen": MAX}
    again = await asks(desk, "close", {**kept, "brand": ""})
    assert again.text == "not done: fill in Brand"
    form = (await asks(desk, "close", {**kept, "brand": "zed"})).form
    assert form is not None
    assert [one.name for one in form.inputs] == ["desk.chosen", "brand", "disposition", "note"]
    told = await asks(desk, "close", {**kept, "brand": "zed", "disposition": "resolved"})
    assert told.text == f"{MAX}: closed: resolved"
    rows = await desk.stage.rows("SELECT brand, state FROM conversation ORDER BY id")
    assert [(row["brand"], row["state"]) for row in rows] == [("acme", "human"), ("zed", "closed")]


async def test_the_desk_says_both_brands_of_a_customer(desk: Desk) -> None:
    await both(desk)
    desk.stage.writes("+15551230002", "agent", to=ACME)
    await desk.stage.settled()
    told = await asks(desk, "note")
    assert told.form is not None
    assert told.form.inputs[0].choices == (
        (MAX, f"{MAX}: Acme Mobile with you; Zed Air offered to you"),
        ("+15551230002", "+15551230002: Acme Mobile waits in billing"),
    )


async def asks(desk: Desk, verb: str, values: dict[str, str] | None = None) -> Told:
    """What a verb that is run on the desk answers."""
    told = await desk.stage.do(desk.stage.agents.asked(Asked(ANA, "", verb, values)))
    await desk.stage.settled()
    return told
