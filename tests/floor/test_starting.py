"""Agents who write first: in whose name, once for each stanza, and where they may not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.care.playbook import Playbook
from gateway.model.brand import Brand, Sender
from gateway.model.desk import Asked, Heard, Said, Told
from gateway.model.rows import replace
from gateway.settings import Agent, Queue
from tests.doubles.stage import Stage, fresh_database, house

MAX, ANA, BOSS, NEW = "+15551230001", "ana@example.test", "boss@example.test", "new@example.test"


def two_brands() -> Playbook:
    """Ana answers for both; the supervisor for none by name; the new one for none."""
    usual = house()[1]
    return replace(
        usual,
        brands={**usual.brands, "zed": Brand("zed", "Zed Air", "en", "UTC", "https://zed.example/help")},
        senders={**usual.senders, "80008": Sender("80008", "zed", ("sim",))},
        queues={**usual.queues, "flights": Queue(name="flights", brand="zed")},
        agents=(
            Agent(jid=ANA, name="Ana", queues=("billing", "flights")),
            Agent(jid=BOSS, name="Boss", role="supervisor"),
            Agent(jid=NEW, name="New"),
        ),
    )


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db", playbook=two_brands(), chat=True)
    await made.open()
    yield made
    await made.close()


async def says(stage: Stage, text: str, *, agent: str = ANA, to: str = MAX, id: str = "") -> Heard:
    return await stage.do(stage.agents.said(Said(agent, to, id, text)))


async def sent(stage: Stage) -> list[tuple[str, str]]:
    """What went out: (from which address, words)."""
    rows = await stage.rows("SELECT ours, text FROM message WHERE direction = 'mt' ORDER BY id")
    return [(row["ours"], row["text"]) for row in rows]


async def test_where_there_are_two_brands_it_is_asked(stage: Stage) -> None:
    heard = await says(stage, "Hello")
    assert "say which, as in .start acme TEXT" in heard.refused
    assert (await says(stage, ".start zed Hello")).text == f"[desk] sent to {MAX}: Hello"
    assert await sent(stage) == [("80008", "Hello")]
    talk = await stage.conversation(MAX)
    assert (talk["brand"], talk["queue"], talk["agent"]) == ("zed", "flights", ANA)
    assert "answers" not in (await says(stage, ".as acme .start Hello too")).text
    assert await sent(stage) == [("80008", "Hello"), ("70007", "Hello too")]


async def test_words_after_the_close_go_out_in_the_same_name(stage: Stage) -> None:
    await says(stage, ".start zed Hello")
    await says(stage, "/close resolved")
    assert await says(stage, "One more thing") == Heard()
    assert await sent(stage) == [("80008", "Hello"), ("80008", "One more thing")]


async def test_a_brand_that_is_not_theirs(stage: Stage) -> None:
    assert "you answer no queue" in (await says(stage, ".start Hello", agent=NEW)).text
    assert "brand 'zedd' (did you mean 'zed'?)" in (await says(stage, ".as zedd .start Hello")).text
    assert (await says(stage, ".start zed Hello", agent=BOSS)).text.endswith("sent to +15551230001: Hello")


@pytest.mark.parametrize(("to", "line"), [(MAX, ".start zed Hello"), ("", f".start {MAX} zed Hello")])
async def test_the_same_stanza_starts_once(stage: Stage, to: str, line: str) -> None:
    first = await says(stage, line, to=to, id="s1")
    assert await says(stage, line, to=to, id="s1") == first
    assert len(await sent(stage)) == 1
    await stage.restart()
    assert await says(stage, line, to=to, id="s1") == first
    assert len(await sent(stage)) == 1


async def test_words_that_come_twice_start_once(stage: Stage) -> None:
    await says(stage, ".start zed Hello")
    await says(stage, "/close resolved")
    for _ in range(2):
        assert (await says(stage, "Again", id="s1")).refused == ""
    assert [text for _, text in await sent(stage)] == ["Hello", "Again"]


async def test_a_form_asks_for_the_brand(stage: Stage) -> None:
    async def asks(agent: str, **values: str) -> Told:
        return await stage.do(stage.agents.asked(Asked(agent, "", "start", values)))

    told = await asks(ANA, number=MAX)
    assert told.form is not None
    assert [(one.name, one.value) for one in told.form.inputs] == [("number", MAX), ("brand", ""), ("text", "")]
    assert (await asks(ANA, number=MAX, brand="zed", text="Hello")).text == f"sent to {MAX}: Hello"
    assert await sent(stage) == [("80008", "Hello")]


async def test_the_rules_may_forbid_it(stage: Stage) -> None:
    rules = stage.playbook.rules
    talks = rules.conversations.model_copy(update={"agents_may_start": False})
    closed = replace(stage.playbook, rules=rules.model_copy(update={"conversations": talks}))
    stage.playbook = stage.engine.playbook = closed
    for text in ("Hello", ".start zed Hello"):
        assert "agents do not write first here" in (await says(stage, text)).text
    assert await sent(stage) == []
    assert not await stage.rows("SELECT id FROM conversation")


async def test_what_may_not_go_opens_nothing(stage: Stage) -> None:
    rules = stage.playbook.rules
    numbers = rules.numbers.model_copy(update={"deny": ("+1555",)})
    stage.playbook = stage.engine.playbook = replace(
        stage.playbook, rules=rules.model_copy(update={"numbers": numbers})
    )
    assert "outside the allowed prefixes" in (await says(stage, ".start zed Hello")).text
    assert not await stage.rows("SELECT id FROM conversation")
    assert not await stage.rows("SELECT id FROM message")


async def test_of_two_who_write_first_one_does(stage: Stage) -> None:
    """In the customer's own order: the second hears who has it, and their words go nowhere."""
    first = stage.agents.said(Said(ANA, MAX, "a", ".start zed Hello from Ana"))
    second = stage.agents.said(Said(BOSS, MAX, "b", ".start zed Hello from the boss"))

    async def both() -> list[Heard]:
        return list(await asyncio.gather(first, second))

    heard = await stage.do(both())
    assert sorted("not sent: " in one.text for one in heard) == [False, True]
    assert len(await sent(stage)) == 1
