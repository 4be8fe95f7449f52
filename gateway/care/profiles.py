"""What the business says of a customer: name, tier, language, time zone, its own id (`PUT /v1/customers/{ref}`)."""

from collections.abc import Mapping

from gateway.care.turn import Turn
from gateway.model.customer import Customer, called
from gateway.model.rows import replace
from gateway.store import customers

MEMBERS = ("name", "tier", "language", "timezone", "external_id")


def put(turn: Turn, given: Mapping[str, str | None]) -> Customer:
    """Sets the members that are given, None = unknown; a customer whom we never met is made. Agents who have them see
    the new name.
    """
    had = turn.customer
    now = replace(
        had,
        name=given.get("name", had.name),
        tier=given.get("tier", had.tier),
        language=given.get("language", had.language),
        timezone=given.get("timezone", had.timezone),
        external_id=given.get("external_id", had.external_id),
    )
    if now == had:
        return had
    turn.know(now)
    customers.set_profile(turn.unit, now)
    before = called(had.name, had.tier)
    if called(now.name, now.tier) != before:
        for its in turn.conversations.values():
            if its.open and its.agent is not None:
                turn.to_agent("contact", its.agent, its.id, before)
    return now
