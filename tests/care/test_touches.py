"""What most turns change is written in one row: when somebody wrote, in the row of the dialogue that moved."""

import pytest

from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState
from gateway.model.rows import replace
from gateway.store import conversations as writing
from gateway.store import listings
from gateway.store.listings import ConversationFilters
from gateway.store.loading import load_states
from gateway.store.states import CustomerState
from gateway.store.units import Conflict, Statement, Unit
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


async def test_what_a_dialogue_remembers_goes_along(stage: Stage) -> None:
    await asked(stage)
    _, conversation, dialogue = await loaded(stage)
    unit = Unit(KEY)
    writing.set_talk(unit, conversation, replace(dialogue, step="other", slots={"n": 2**70}, timer=5, deadline=6))
    assert await stage.store.apply([unit]) == [None]
    after = (await loaded(stage))[2]
    assert after == replace(dialogue, step="other", slots={"n": 2**70}, timer=5, deadline=6)


@pytest.mark.parametrize(
    ("own", "dialogues", "latest"),
    [
        ((None, None), [(None, None)], (None, None)),
        ((7, 3), [(None, None)], (7, 3)),
        ((7, None), [(5, 9)], (7, 9)),
        ((1, 2), [(5, 3), (4, 9)], (5, 9)),
        ((None, None), [(5, None), (None, 4)], (5, 4)),
    ],
)
async def test_the_latest_time_counts_wherever_it_stands(
    stage: Stage,
    own: tuple[int | None, int | None],
    dialogues: list[tuple[int | None, int | None]],
    latest: tuple[int | None, int | None],
) -> None:
    await asked(stage)
    _, conversation, dialogue = await loaded(stage)
    unit = Unit(KEY)
    unit.add(
        Statement("own", "UPDATE conversation SET last_in = ?, last_out = ? WHERE id = ?"), (*own, conversation.id)
    )
    unit.add(
        Statement("clear", "UPDATE dialogue SET last_in = NULL, last_out = NULL WHERE id = ?"),
        (dialogue.id,),
    )
    for number, times in enumerate(dialogues):
        ended = replace(dialogue, id=number + 1, state=DialogueState.done)
        writing.add_dialogue(unit, ended)
        unit.add(Statement("touch", "UPDATE dialogue SET last_in = ?, last_out = ? WHERE id = ?"), (*times, ended.id))
    assert set(await stage.store.apply([unit])) == {None}
    assert [(c.last_in, c.last_out) for c in ((await loaded(stage))[1], await shown(stage))] == [latest, latest]


async def test_what_else_changed_is_written_where_it_belongs(stage: Stage) -> None:
    await asked(stage)
    _, conversation, dialogue = await loaded(stage)

    def only_moved(c: Conversation, d: Dialogue) -> bool:
        return writing.only_moved(c, d, read=conversation, read_dialogue=dialogue)

    moved = replace(dialogue, step="x", slots={"a": 1}, deadline=1, misses=1, timer=2)
    assert only_moved(replace(conversation, last_in=stage.now, last_out=1), moved)
    others: dict[str, object] = {
        "state": ConversationState.queued,
        "epoch": 9,
        "sender": "70008",
        "queue": "billing",
        "agent": "bob",
        "channel": "web",
        "disposition": "x",
        "closed_at": 1,
        "why": "x",
        "told_waiting": True,
        "rejoin": 1,
    }
    assert not [name for name, value in others.items() if only_moved(replace(conversation, **{name: value}), moved)]
    fields: dict[str, object] = {
        "state": DialogueState.calling,
        "offer_id": 3,
        "call_id": 3,
        "pending": {},
        "parked": (1,),
        "rank": 9,
    }
    assert not [name for name, value in fields.items() if only_moved(conversation, replace(moved, **{name: value}))]
