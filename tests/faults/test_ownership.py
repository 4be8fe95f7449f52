"""The judge of the care floor sees what it is there to see."""

import pytest

from tests.faults.ownership import Noted, ownership

ANA, BEN = "ana@example.test", "ben@example.test"
NAMES = {"Ana": ANA, "Ben": BEN}
CLAIMED: Noted = (1, 10, "claimed", ANA, "")
SAID: Noted = (1, 20, "said", ANA, "hello")


@pytest.mark.parametrize(
    "more",
    [
        (),
        ((1, 30, "claimed", BEN, f"taken from {ANA}"), (1, 40, "said", BEN, "hi")),
        ((1, 30, "requeued", "system", "Ana went offline"), (1, 40, "claimed", BEN, ""), (1, 50, "said", BEN, "hi")),
        ((1, 30, "transferred", ANA, "to Ben: knows it"), (1, 40, "said", BEN, "hi")),
        ((1, 30, "closed", ANA, "resolved"), (1, 40, "reopened", "system", ""), (1, 50, "claimed", BEN, "")),
        ((2, 30, "claimed", BEN, ""), (2, 40, "said", BEN, "hi"), (1, 50, "said", ANA, "again")),
    ],
)
def test_one_owner_at_a_time(more: tuple[Noted, ...]) -> None:
    assert ownership([CLAIMED, SAID, *more], NAMES, {BEN}).wrong == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (((1, 30, "claimed", BEN, ""),), f"{BEN} claimed 1, which {ANA} had"),
        (((1, 30, "claimed", ANA, ""),), f"{ANA} claimed 1, which {ANA} had"),
        (((1, 30, "claimed", BEN, f"taken from {ANA}"),), f"{BEN} claimed 1, which {ANA} had"),  # no supervisor
        (((1, 30, "started", BEN, "wrote first"),), f"{BEN} started 1, which {ANA} had"),
        (((1, 30, "said", BEN, "hi"),), f"{BEN} said 'hi' in 1, which {ANA} had"),
        (((1, 30, "closed", ANA, "resolved"), (1, 40, "said", ANA, "bye")), "which nobody had"),
        (((1, 30, "requeued", "system", ""), (1, 40, "said", ANA, "bye")), "which nobody had"),
        (((1, 30, "transferred", ANA, "to sales"), (1, 40, "said", ANA, "bye")), "which nobody had"),
        (((2, 30, "said", ANA, "hi"),), "in 2, which nobody had"),
    ],
)
def test_what_must_never_be(more: tuple[Noted, ...], words: str) -> None:
    [wrong] = ownership([CLAIMED, SAID, *more], NAMES).wrong
    assert words in wrong


def test_who_had_it_from_then_on() -> None:
    its = ownership(
        [CLAIMED, (1, 30, "requeued", "system", ""), (1, 40, "claimed", BEN, ""), (1, 50, "closed", BEN, "")], NAMES
    )
    assert its.owners(1) == {ANA, BEN}
    assert [its.since(1, at) for at in (5, 15, 35, 45, 55)] == [{ANA, BEN}, {ANA, BEN}, {BEN}, {BEN}, set()]
    assert its.since(2, 5) == set()
