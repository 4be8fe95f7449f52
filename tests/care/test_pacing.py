"""Whose waiting customers hold back which carrier's bulk texts."""

import logging

import pytest

from gateway.care.pacing import Pacing
from gateway.care.playbook import Playbook
from gateway.care.standing import Standing
from gateway.model.brand import Sender
from gateway.model.message import Lane
from gateway.model.rows import replace
from tests.doubles.stage import house


def book(most: int, **waiting: int) -> Playbook:
    """Queues of acme, and one of another brand, with so many who wait."""
    usual = house()[1]
    rules = usual.rules.conversations.model_copy(update={"bulk_pauses_at": most})
    queues = {**usual.queues, "zed": usual.queues["billing"].model_copy(update={"name": "zed", "brand": "zed"})}
    return replace(
        usual,
        queues=queues,
        rules=usual.rules.model_copy(update={"conversations": rules}),
        senders={**usual.senders, "80008": Sender("80008", "zed", ("other",))},
        standings={name: Standing(tuple(range(count))) for name, count in waiting.items()},
    )


def test_from_so_many_on_only_bulk_stands_back() -> None:
    now = book(5, billing=3, travel=1)
    pacing = Pacing("sim", lambda: now)
    assert not pacing.paused(Lane.bulk)
    now = book(5, billing=3, travel=2)
    assert pacing.paused(Lane.bulk)
    assert not pacing.paused(Lane.transactional)
    assert not pacing.paused(Lane.reply)


def test_another_brands_customers_hold_back_their_own_carrier_alone() -> None:
    now = book(5, billing=1, zed=9)
    assert not Pacing("sim", lambda: now).paused(Lane.bulk)
    assert Pacing("other", lambda: now).paused(Lane.bulk)


def test_unless_a_number_is_set_nothing_stands_back() -> None:
    now = book(0, billing=900)
    assert not Pacing("sim", lambda: now).paused(Lane.bulk)


def test_it_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    now = book(2, billing=2)
    pacing = Pacing("sim", lambda: now)
    with caplog.at_level(logging.WARNING, "gateway.care"):
        for _ in range(3):
            pacing.paused(Lane.bulk)
        now = book(2)
        pacing.paused(Lane.bulk)
    assert caplog.messages == [
        "bulk texts stand back over carrier sim: 2 customers wait for agents",
        "bulk texts go on over carrier sim: 0 customers wait for agents",
    ]
