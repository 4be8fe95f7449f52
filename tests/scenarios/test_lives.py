"""Random lives can be lived again: what a rule draws, and whether it may, depends on what was drawn before alone.

Hypothesis plays the same beginnings over and over, and stops with FlakyStrategyDefinition where they go another way.
How far the house has come when it is not at rest is a matter of threads.
"""

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from tests.scenarios.test_laws import House
from tests.scenarios.test_laws_of_brands import SharedCode

MACHINES = [House, SharedCode]


class Outside:
    """What a rule may know of the house: what was drawn (`chat`), and the clock, which rules alone move."""

    chat, now = None, 0

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"how far the house has come decides: {name}")


@pytest.mark.parametrize("machine", MACHINES)
def test_no_rule_asks_the_house_whether_it_may(machine: type[RuleBasedStateMachine]) -> None:
    life = object.__new__(machine)
    for name, value in (("stage", Outside()), ("written", []), ("last_written", 0)):
        setattr(life, name, value)
    asked = [(rule, precondition) for rule in machine.setup_state().rules for precondition in rule.preconditions]
    assert asked
    for _, precondition in asked:
        precondition(life)


@pytest.mark.parametrize("machine", MACHINES)
def test_no_rule_draws_from_the_house(machine: type[RuleBasedStateMachine]) -> None:
    for rule in machine.setup_state().rules:
        assert "data()" not in map(repr, rule.arguments.values()), f"{rule.function.__name__} draws while it runs"
