"""The state machine of conversations, and who owns the turn in each state."""

import pytest

from gateway.model.conversation import (
    HAS_FLOOR,
    OWNER_OF,
    Conversation,
    ConversationState,
    DialogueState,
    OwnerKind,
    may_become,
)
from gateway.model.rows import replace

S = ConversationState
# The arrows of the picture in design section 4, by hand.
ARROWS = {
    (S.bot, S.queued),
    (S.bot, S.human),
    (S.bot, S.closed),
    (S.queued, S.human),
    (S.queued, S.bot),
    (S.queued, S.closed),
    (S.human, S.waiting),
    (S.human, S.queued),
    (S.human, S.bot),
    (S.human, S.wrapup),
    (S.human, S.closed),
    (S.waiting, S.human),
    (S.waiting, S.queued),
    (S.waiting, S.bot),
    (S.waiting, S.wrapup),
    (S.waiting, S.closed),
    (S.wrapup, S.closed),
    (S.wrapup, S.queued),
    (S.wrapup, S.human),
    (S.closed, S.bot),
    (S.closed, S.queued),
}


@pytest.mark.parametrize("before", list(S))
@pytest.mark.parametrize("after", list(S))
def test_arrows(before: S, after: S) -> None:
    assert may_become(before, after) == (before is after or (before, after) in ARROWS)


def test_every_state_can_be_left_and_closed_in_the_end() -> None:
    reached = {S.closed}
    while more := {before for before, after in ARROWS if after in reached} - reached:
        reached |= more
    assert reached == set(S)


def test_each_state_has_one_kind_of_owner() -> None:
    assert set(OWNER_OF) == set(S)
    assert {state for state, kind in OWNER_OF.items() if kind is OwnerKind.agent} == {S.human, S.waiting, S.wrapup}
    assert OWNER_OF[S.queued] is OwnerKind.queue


def test_the_owner_follows_from_the_state() -> None:
    talk = Conversation(1, 2, "tel:+15551230001", "acme", S.bot, "plan.overage", 1, "70007", 0, 0)
    assert talk.open
    assert talk.owner_kind is OwnerKind.bot
    assert replace(talk, state=S.waiting).owner_kind is OwnerKind.agent
    assert not replace(talk, state=S.closed).open


def test_who_has_the_floor() -> None:
    assert {DialogueState.floor, DialogueState.calling} == HAS_FLOOR
