"""The life of an offer: it ends once, and only an accepted one is fulfilled."""

import pytest

from gateway.model.offer import ACTIVE, OfferState, may_become

Of = OfferState
ENDS = {Of.declined, Of.expired, Of.withdrawn, Of.fulfilled, Of.failed}


def test_active_or_ended() -> None:
    assert set(Of) == ACTIVE | ENDS
    assert not ACTIVE & ENDS


@pytest.mark.parametrize("ended", sorted(ENDS))
@pytest.mark.parametrize("after", list(Of))
def test_an_end_is_an_end(ended: OfferState, after: OfferState) -> None:
    assert not may_become(ended, after)


def test_nothing_is_fulfilled_that_was_not_accepted() -> None:
    assert not may_become(Of.open, Of.fulfilled)
    assert not may_become(Of.open, Of.fulfilling)
    assert may_become(Of.open, Of.accepted)
    assert may_become(Of.accepted, Of.fulfilling)
    assert may_become(Of.fulfilling, Of.failed)


def test_what_is_bought_is_not_withdrawn() -> None:
    for state in (Of.accepted, Of.fulfilling):
        for end in (Of.declined, Of.expired, Of.withdrawn):
            assert not may_become(state, end)
