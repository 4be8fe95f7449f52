"""How messages end: one by one, and all that waited for a customer who said STOP or for an event that was replaced."""

from gateway.model.message import Disposition
from gateway.store.units import Statement, Unit

ALL: tuple[Disposition, ...] = tuple(end for end in Disposition if end is not Disposition.in_doubt)


def _ending(name: str, end: Disposition, rest: str, sets: str = "") -> Statement:
    """An UPDATE that ends messages, each counted as one more of its disposition. sets, rest: more of the statement."""
    sql = f"UPDATE message SET state = 'final', disposition = '{end}'{sets} {rest}"
    return Statement(name, sql, exact=False, tally=end.value)


# Only a receipt tells more than an end that is known for certain: of other ends the first holds.
_OPEN = "WHERE id = ? AND (state <> 'final' OR disposition = 'unknown' AND '{end}' <> 'unknown')"
_FINISH = {end: _ending("message finished", end, _OPEN.format(end=end), ", error = ?, reason = ?") for end in ALL}
# A late receipt may better a final disposition (expired -> delivered), never worsen it: the caller decided by rank.
_OTHER = "WHERE id = ? AND (state <> 'final' OR disposition <> '{end}')"
_CORRECT = {end: _ending("message corrected", end, _OTHER.format(end=end), ", error = ?, reason = ?") for end in ALL}
BEFORE_IT_LEFT = "the customer said STOP before it left"
BEFORE_ALL_LEFT = "the customer said STOP before all of it left"
NOT_AGAIN = "the carrier never answered; not sent again, the customer said STOP"
CARRIER_OPT_OUT = "the carrier says the customer opted out"
BY_STOP = frozenset({BEFORE_IT_LEFT, BEFORE_ALL_LEFT, NOT_AGAIN, CARRIER_OPT_OUT})
"""The reasons of messages that a STOP ended."""

# Parts that have left, or may have.
_LEFT = (
    "EXISTS (SELECT 1 FROM attempt WHERE attempt.message_id = message.id "
    "AND (outcome IS NULL OR outcome IN ('accepted', 'in_doubt')))"
)
_HOW_FAR = f", reason = CASE WHEN {_LEFT} THEN ? ELSE ? END"
# What waits is what a STOP ends: a text whose parts have all left runs its course.
_WAITING = (
    "WHERE id IN (SELECT ref FROM work WHERE key = ? AND kind = 'send'{more}) AND address_id = ? AND brand = ? "
    "AND direction = 'mt' AND state IN ('held', 'queued') AND cls > 0 AND author_id <> 'compliance'"
)
_OPT_OUT = _ending(
    "drop messages of an opted-out customer",
    Disposition.opted_out,
    _WAITING.format(more=" AND (body IS NULL OR body NOT LIKE '%d')"),
    _HOW_FAR,
)
_OPT_OUT_DOUBTS = _ending(
    "leave doubts of an opted-out customer", Disposition.unknown, _WAITING.format(more=""), ", reason = ?"
)
_STOPPED = _ending(
    "message of an opted-out customer", Disposition.opted_out, _OPEN.format(end=Disposition.opted_out), _HOW_FAR
)
_DROP_SENDS = Statement(
    "drop queued texts",
    "DELETE FROM work WHERE key = ? AND kind = 'send' AND EXISTS (SELECT 1 FROM message WHERE message.id = work.ref "
    "AND address_id = ? AND brand = ? AND direction = 'mt' AND cls > 0 AND author_id <> 'compliance')",
    exact=False,
)
_REPLACED = _ending(
    "drop messages of a replaced event",
    Disposition.expired,
    "WHERE id IN (SELECT ref FROM work WHERE key = ? AND kind = 'send') AND event_id = ? AND direction = 'mt' "
    f"AND state IN ('held', 'queued') AND NOT {_LEFT}",
    ", reason = 'replaced by a newer event of the same matter'",
)
_DROP_REPLACED = Statement(
    "drop texts of a replaced event",
    "DELETE FROM work WHERE key = ? AND kind = 'send' AND EXISTS (SELECT 1 FROM message WHERE message.id = work.ref "
    "AND event_id = ? AND state = 'final')",
    exact=False,
)


def finish(unit: Unit, message_id: int, disposition: Disposition, error: str | None, reason: str | None) -> None:
    """How it ended, unless that is known; error is the raw code, reason the sentence that a person reads."""
    unit.add(_FINISH[disposition], (error, reason, message_id))


def correct(unit: Unit, message_id: int, disposition: Disposition, error: str | None, reason: str | None) -> None:
    """How it ended, as a receipt says that tells more than what was known."""
    unit.add(_CORRECT[disposition], (error, reason, message_id))


def opt_out(unit: Unit, key: str, address_id: int, brand: str, *, by_carrier: bool = False) -> None:
    """Ends what waits for a customer who said STOP, and what waits of a text whose first part has left; what left as a
    whole runs its course. Not the emergency, not the confirmation. by_carrier: the carrier says so.
    """
    reasons = (CARRIER_OPT_OUT, CARRIER_OPT_OUT) if by_carrier else (BEFORE_ALL_LEFT, BEFORE_IT_LEFT)
    unit.add(_OPT_OUT, (*reasons, key, address_id, brand))
    unit.add(_OPT_OUT_DOUBTS, (NOT_AGAIN, key, address_id, brand))
    unit.add(_DROP_SENDS, (key, address_id, brand))


def stopped(unit: Unit, message_id: int, *, again: bool) -> None:
    """Ends one text of which a part came up to leave after a STOP. again: it would have been the second time."""
    if again:
        finish(unit, message_id, Disposition.unknown, None, NOT_AGAIN)
    else:
        unit.add(_STOPPED, (BEFORE_ALL_LEFT, BEFORE_IT_LEFT, message_id))


def replace_unsent(unit: Unit, key: str, event_id: int) -> None:
    """Ends the texts of an event that a newer one replaces, those of which nothing has left."""
    unit.add(_REPLACED, (key, event_id))
    unit.add(_DROP_REPLACED, (key, event_id))
