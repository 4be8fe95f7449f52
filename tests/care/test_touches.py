"""What most turns change is written in one row: when somebody wrote, in the row of the dialogue that moved."""

import pytest

from gateway.model.conversation import Conversation, Dialogue
from gateway.model.rows import replace
from gateway.store import conversations as writing
from gateway.store import listings
from gateway.store.listings import ConversationFilters
from gateway.store.states import CustomerState, load_states
from gateway.store.units import Conflict, Unit
from tests.care.test_at_once import statements
from tests.doubles.stage import Stage

ANN = "+15551230001"
KEY = f"tel:{ANN}"


async def asked(stage: Stage) -> None:
    """Ann was asked red or blue; she is known, and nothing of her waits."""
    stage.writes(ANN, "HELP")
    await stage.settled()
    await stage.event("colour.asked", ANN, {"what": "x"})
    await stage.advance(minutes=5)


async def loaded(stage: Stage) -> tuple[CustomerState, Conversation, Dialogue]:
    """Ann as the store has her: her one conversation with a floor, and its dialogue."""
    state = (await stage.store.read(load_states, [KEY], stage.now))[KEY]
    [dialogue] = state.dialogues.values()
    return state, state.conversations[dialogue.conversation_id], dialogue


async def shown(stage: Stage) -> Conversation:
    """The same as the API lists it, and shows it alone."""
    [newest, *_], _more = await stage.store.read(listings.conversations, ConversationFilters(customer=ANN), 10)
    alone = await stage.store.read(listings.conversation, newest.conversation.id)
    assert alone is not None
    assert alone.conversation == newest.conversation
    return newest.conversation


async def test_a_reply_that_changes_nothing_else_writes_no_conversation(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(stage)
    seen = statements(stage, monkeypatch)
    stage.writes(ANN, "green")
    await stage.settled()
    assert "update dialogue of a conversation" in seen[0]
    assert not {"update conversation", "update dialogue"} & set(seen[0])
    _, conversation, dialogue = await loaded(stage)
    assert (conversation.last_in, conversation.last_out, dialogue.misses) == (stage.now, stage.now, 1)
    assert await shown(stage) == conversation


async def test_what_the_row_of_the_dialogue_holds_survives_a_restart_and_the_end_of_the_dialogue(stage: Stage) -> None:
    await asked(stage)
    stage.writes(ANN, "green")
    await stage.settled()
    wrote = stage.now
    await stage.restart()
    await stage.advance(hours=1)
    _, conversation, _ = await loaded(stage)
    assert (conversation.last_in, conversation.last_out) == (wrote, wrote)
    stage.writes(ANN, "red")
    await stage.settled()
    ended = await shown(stage)
    assert ended.closed_at == stage.now
    assert (ended.last_in, ended.last_out) == (stage.now, stage.now)


async def test_the_dialogue_is_fenced_by_the_epoch_of_its_conversation(stage: Stage) -> None:
    await asked(stage)
    _, conversation, dialogue = await loaded(stage)
    stale = Unit(KEY)
    writing.set_talk(stale, replace(conversation, epoch=conversation.epoch + 1, last_in=1), replace(dialogue, misses=7))
    [failure] = await stage.store.apply([stale])
    assert isinstance(failure, Conflict)
    assert (await loaded(stage))[2].misses == 0
    right = Unit(KEY)
    writing.set_talk(right, conversation, replace(dialogue, misses=7))
    assert await stage.store.apply([right]) == [None]
    assert (await loaded(stage))[2].misses == 7


async def test_another_of_our_addresses_is_written_to_the_conversation(stage: Stage) -> None:
    await asked(stage)
    _, conversation, dialogue = await loaded(stage)
    moved = replace(dialogue, misses=1)
    assert writing.only_moved(replace(conversation, last_in=stage.now), moved, conversation, dialogue)
    assert not writing.only_moved(replace(conversation, sender="70008"), moved, conversation, dialogue)
    assert not writing.only_moved(replace(conversation, queue="billing"), moved, conversation, dialogue)
    assert not writing.only_moved(conversation, replace(dialogue, offer_id=3), conversation, dialogue)
