"""Two brands on one address: what the plays do not show of it (decision 26)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.care.desk import Sending
from gateway.care.sharing import _first, _without
from gateway.model.brand import Sender
from gateway.model.message import MessageClass, ReceiptState
from gateway.model.rows import replace
from gateway.triggers import Talk
from tests.doubles.stage import OURS, Stage, fresh_database, house
from tests.scenarios.brands import sharing

ANN = "+15551230001"
ZED_OWN = "80008"
NAMES = {"ACME": "acme", "ACME MOBILE": "acme", "ZED": "zed", "ZED AIR": "zed", "FLY": "zed"}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    playbook = sharing(house()[1])
    playbook = replace(playbook, senders={**playbook.senders, ZED_OWN: Sender(ZED_OWN, "zed", ("sim",))})
    fresh_database(tmp_path / "stage.db")
    made = Stage(tmp_path / "stage.db", playbook=playbook)
    await made.open()
    yield made
    assert not await made.laws()
    await made.close()


async def writes(stage: Stage, text: str, to: str = OURS) -> None:
    stage.writes(ANN, text, to=to)
    await stage.settled()


async def program(stage: Stage, brand: str, cls: MessageClass = MessageClass.transactional) -> None:
    sending = Sending(ANN, f"News of {brand}.", None, {}, cls, OURS, None, "program", brand)
    await stage.do(stage.desk.send(sending))


async def brands(stage: Stage) -> list[tuple[str, str]]:
    rows = await stage.rows("SELECT brand, text FROM message WHERE direction = 'mo' ORDER BY id")
    return [(row["brand"], row["text"]) for row in rows]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Acme", ("acme", "")),
        ("ACME mobile, why?", ("acme", "why?")),
        ("acme: YES", ("acme", "YES")),
        ("Zed air\nis late", ("zed", "is late")),
        ("Ácme yes", ("acme", "yes")),
        ("why acme", None),
        ("acmeyes", None),
        ("", None),
        ("!!!", None),
    ],
)
def test_the_word_of_a_brand_before_a_text(text: str, wanted: tuple[str, str] | None) -> None:
    assert _first(text, NAMES) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("STOP ACME", (("acme",), "STOP")),
        ("please stop Zed Air, thanks", (("zed",), "PLEASE STOP THANKS")),
        ("stop acme zed", (("acme", "zed"), "STOP")),
        ("stop", ((), "STOP")),
        ("acme " * 13, ((), "")),
    ],
)
def test_the_word_of_a_brand_anywhere_in_a_short_text(text: str, wanted: tuple[tuple[str, ...], str]) -> None:
    assert _without(text, NAMES) == wanted


async def test_the_ledger_says_of_each_brand_what_was_said(stage: Stage) -> None:
    await writes(stage, "Stop")
    await writes(stage, "START ACME")
    rows = await stage.rows("SELECT brand, act, sender, evidence, message_id FROM consent_event ORDER BY id")
    told = [(row["brand"], row["act"], row["sender"], row["evidence"]) for row in rows]
    assert told == [
        ("acme", "revoke", OURS, "Stop"),
        ("zed", "revoke", OURS, "Stop"),
        ("acme", "grant", OURS, "START ACME"),
    ]
    kept = {row["id"] for row in await stage.rows("SELECT id FROM message WHERE direction = 'mo'")}
    assert {row["message_id"] for row in rows} == kept


async def test_quiet_hours_and_consent_stay_those_of_each_brand(stage: Stage) -> None:
    """What is held until the morning has not been written yet."""
    await writes(stage, "START ZED")
    await stage.advance(hours=13)
    await program(stage, "acme")
    await program(stage, "zed", MessageClass.promotional)
    await program(stage, "acme", MessageClass.promotional)
    rows = await stage.rows("SELECT brand, state, disposition FROM message WHERE author_kind = 'api' ORDER BY id")
    assert [(row["brand"], row["state"], row["disposition"]) for row in rows[1:]] == [
        ("zed", "held", None),
        ("acme", "final", "blocked"),
    ]
    await writes(stage, "what is that?")
    await stage.advance(hours=12)
    # The conversation with Acme goes on; a name leads out of it, and once it is closed Zed is who wrote last.
    await stage.advance(hours=30)
    await writes(stage, "which one?")
    assert [brand for brand, _ in await brands(stage)] == ["zed", "acme", "zed"]


async def test_receipts_find_their_text_and_a_text_that_comes_twice_is_one(stage: Stage) -> None:
    await program(stage, "acme")
    await program(stage, "zed")
    for taken, state in zip(stage.carrier.taken, (ReceiptState.undeliverable, ReceiptState.delivered), strict=True):
        stage.report(taken, state)
    part = stage.writes(ANN, "zed: hi")
    await stage.settled()
    stage.carrier.again(part)
    await stage.settled()
    rows = await stage.rows("SELECT brand, disposition FROM message WHERE author_kind = 'api' ORDER BY id")
    assert [(row["brand"], row["disposition"]) for row in rows] == [("acme", "bounced"), ("zed", "delivered")]
    assert await brands(stage) == [("zed", "zed: hi")]


async def test_an_address_of_one_brand_is_that_brands(stage: Stage) -> None:
    """Whatever happened on the shared one; and there, the other conversation is not on the code."""
    await program(stage, "acme")
    await writes(stage, "STOP", to=ZED_OWN)
    assert await brands(stage) == [("zed", "STOP")]
    [row] = await stage.rows("SELECT brand FROM consent WHERE state = 'revoked'")
    assert row["brand"] == "zed"
    await writes(stage, "hours")
    assert stage.carrier.texts(ANN)[-1].startswith("Acme Mobile: we are here")


async def test_a_conversation_elsewhere_is_not_one_on_the_code(stage: Stage) -> None:
    await writes(stage, "agent", to=ZED_OWN)
    await program(stage, "acme")
    await writes(stage, "hours")
    assert await brands(stage) == [("zed", "agent"), ("acme", "hours")]


async def test_a_handler_that_fails_on_what_waited_loses_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(talk: Talk, what: object) -> None:
        raise ZeroDivisionError

    await writes(stage, "my bag is lost")
    functions = house()[1].handlers["welcome"].running.functions
    for step in list(functions):
        monkeypatch.setitem(functions, step, broken)
    await writes(stage, "2")
    assert await brands(stage) == [("acme", "my bag is lost"), ("zed", "2")]
    [talk] = await stage.rows("SELECT brand, state FROM conversation")
    assert (talk["brand"], talk["state"]) == ("zed", "queued")
    await stage.advance(hours=1)
    [row] = await stage.rows("SELECT brand, conversation_id FROM message WHERE text = 'my bag is lost'")
    assert row["brand"] == "zed"
    assert row["conversation_id"] is not None


async def test_an_address_that_is_no_longer_shared_loses_no_text(stage: Stage) -> None:
    await writes(stage, "my bag is lost")
    senders = {**stage.playbook.senders, OURS: Sender(OURS, "acme", ("sim",))}
    stage.playbook = stage.engine.playbook = replace(stage.playbook, senders=senders)
    await stage.advance(hours=1)
    conversation = await stage.conversation(ANN)
    assert (conversation["brand"], conversation["state"]) == ("acme", "queued")
    [row] = await stage.rows("SELECT conversation_id FROM message WHERE direction = 'mo'")
    assert row["conversation_id"] == conversation["id"]


async def test_what_is_not_shared_writes_nothing_down(tmp_path: Path) -> None:
    fresh_database(tmp_path / "alone.db")
    made = Stage(tmp_path / "alone.db")
    await made.open()
    await made.event("notice.only", ANN, {"what": "News"})
    made.writes(ANN, "hours")
    await made.settled()
    assert await made.rows("SELECT shared FROM customer") == [{"shared": None}]
    await made.close()


async def overage(stage: Stage) -> None:
    data = {"plan": "Basic 300", "minutes_over": 120, "charge": "50.00", "currency": "USD"}
    await stage.event("plan.overage", ANN, data)
    await stage.settled()


async def test_a_yes_after_the_text_of_another_brand_buys_nothing_unasked(stage: Stage) -> None:
    await overage(stage)
    await program(stage, "zed")
    await writes(stage, "YES")
    assert "1 Acme Mobile, 2 Zed Air" in stage.carrier.texts(ANN)[-1]
    assert [row["state"] for row in await stage.rows("SELECT state FROM offer")] == ["open"]
    await writes(stage, "1")
    assert [row["state"] for row in await stage.rows("SELECT state FROM offer")] == ["fulfilling"]


async def test_a_yes_after_the_close_means_who_wrote_last(stage: Stage) -> None:
    await overage(stage)
    await stage.advance(hours=25)
    [offer] = await stage.rows("SELECT state FROM offer")
    assert offer["state"] == "open"
    await program(stage, "zed")
    await writes(stage, "YES")
    assert await brands(stage) == [("zed", "YES")]
    assert [row["state"] for row in await stage.rows("SELECT state FROM offer")] == ["open"]
