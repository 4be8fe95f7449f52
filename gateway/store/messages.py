"""Writing messages, attempts and receipts, and the look-ups that delivery needs."""

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from gateway.model.channel import Receipt
from gateway.model.message import Attempt, Direction, Disposition, Message, MessageClass, MessageState, Outcome
from gateway.model.rows import record, replace
from gateway.store.statements import columns_of, insert, insert_of, row_of, update
from gateway.store.tables import AttemptRow, MessageEventRow, MessageRow, MoPartRow
from gateway.store.units import Conflict, Failure, Statement, Unit

MESSAGE_COLUMNS = columns_of(MessageRow)
STOPPED = "stopped"
_message_row = row_of(MessageRow)
_ADD = insert(MessageRow)
# One that a gate blocks ends as it is made, and is counted like any other end.
_ADD_ENDED = {end: Statement(_ADD.name, _ADD.sql, _ADD.exact, end.value) for end in Disposition}
# Each bound value costs, a None as much as a short text: the everyday shapes bind only what differs.
_COMMON = ("id", "key", "address_id", "ours", "theirs", "brand", "text")
_ADD_MO = insert_of(
    MessageRow,
    (
        *_COMMON,
        "conversation_id",
        "carrier",
        "reason",
        "digest",
        "session",
        "sequence",
    ),
    channel="sms",
    direction="mo",
    cls=int(MessageClass.conversational),
    state="final",
    author_kind="customer",
    author_id="",
    parts=1,
    reference=0,
    possible_duplicate=0,
    lane=0,
)
_ADD_MT = insert_of(
    MessageRow,
    (
        *_COMMON,
        "cls",
        "author_kind",
        "author_id",
        "conversation_id",
        "event_id",
        "offer_id",
        "carrier",
        "encoding",
        "expires_at",
        "lane",
    ),
    channel="sms",
    direction="mt",
    state="queued",
    parts=1,
    reference=0,
    possible_duplicate=0,
)
_ADD_EVENT = insert(MessageEventRow)
_DOUBT = Statement(
    "message in doubt",
    "UPDATE message SET disposition = 'in_doubt', reason = ? WHERE id = ? AND state <> 'final'",
    exact=False,
)
_UNDOUBT = Statement(
    "message no longer in doubt",
    "UPDATE message SET disposition = NULL, reason = NULL "
    "WHERE id = ? AND state <> 'final' AND disposition = 'in_doubt' AND NOT EXISTS (SELECT 1 FROM attempt AS doubtful "
    "WHERE message_id = message.id AND outcome = 'in_doubt' AND NOT EXISTS (SELECT 1 FROM attempt AS good "
    "WHERE good.message_id = message.id AND good.part = doubtful.part AND good.outcome = 'accepted'))",
    exact=False,
)
_MARK_DUPLICATE = Statement("mark duplicate", "UPDATE message SET possible_duplicate = 1 WHERE id = ?")
_GIVE = update(MessageRow, ("brand", "conversation_id"), ("id",))
_ADD_ATTEMPT = insert_of(AttemptRow, ("message_id", "part", "attempt", "carrier", "at", "possible_duplicate"))
_SETTLE = Statement(
    "attempt settled",
    "UPDATE attempt SET outcome=?,answered_at=?,status=?,remote_id=?,remote_key=?,fault=? "
    "WHERE message_id=? AND part=? AND attempt=? AND(outcome IS NULL OR outcome='in_doubt')",
)
_OUTCOMES = {outcome: outcome.value for outcome in Outcome}
_RECEIPT = update(AttemptRow, ("receipt", "receipt_at", "receipt_error"), ("message_id", "part", "attempt"))
_ALL_IN_DOUBT = Statement(
    "attempts in doubt",
    "UPDATE attempt SET outcome = 'in_doubt', answered_at = ?, fault = ? WHERE outcome IS NULL",
    exact=False,
)
_ADD_PART = insert(MoPartRow)
# Kept for a while, so that a redelivery of a part is told after the whole text was made.
_JOIN_PART = Statement("joined part", "UPDATE mo_part SET joined = 1 WHERE id = ? AND joined = 0")


def add(unit: Unit, message: Message) -> None:
    """A new message. Rejected when its idempotency key is known."""
    m = message
    common = (m.id, m.key, m.address_id, m.ours, m.theirs, m.brand, m.text)
    if m.direction is Direction.mo and m.author_kind == "customer" and m.parts == 1:
        unit.add(_ADD_MO, (*common, m.conversation_id, m.carrier, m.reason, m.digest, m.session, m.sequence))
    elif _is_everyday(m):
        encoding = str(m.encoding) if m.encoding is not None else None
        who = (int(m.cls), m.author_kind, m.author_id, m.conversation_id, m.event_id, m.offer_id)
        unit.add(_ADD_MT, (*common, *who, m.carrier, encoding, m.expires_at, int(m.lane)))
    else:
        unit.add(_ADD if m.disposition is None else _ADD_ENDED[m.disposition], _message_row(message))


def _is_everyday(m: Message) -> bool:
    """One part that passed all gates, of nobody's idempotency key."""
    return (
        m.direction is Direction.mt
        and m.state is MessageState.queued
        and m.parts == 1
        and m.disposition is None
        and m.parent_id is None
        and m.idempotency_key is None
        and m.gates is None
    )


def give(unit: Unit, message_id: int, brand: str, conversation_id: int | None) -> None:
    """Whose a customer's text is became known after it came."""
    unit.add(_GIVE, (brand, conversation_id, message_id))


def add_event(
    unit: Unit,
    event_id: int,
    message_id: int,
    kind: str,
    *,
    code: str | None = None,
    reason: str | None = None,
    segment: int | None = None,
    route: str | None = None,
    remote_id: str | None = None,
) -> None:
    """A line of a message's timeline."""
    unit.add(_ADD_EVENT, (event_id, message_id, kind, code, reason, segment, route, remote_id))


def doubt(unit: Unit, message_id: int, reason: str) -> None:
    """Nobody can know whether the carrier has it."""
    unit.add(_DOUBT, (reason, message_id))


def undoubt(unit: Unit, message_id: int) -> None:
    """Evidence settled the doubt."""
    unit.add(_UNDOUBT, (message_id,))


def mark_duplicate(unit: Unit, message_id: int) -> None:
    """It is about to be submitted again after a doubt."""
    unit.add(_MARK_DUPLICATE, (message_id,))


def add_attempt(unit: Unit, attempt: Attempt) -> None:
    """Journals a try, before the bytes leave."""
    unit.add(
        _ADD_ATTEMPT,
        (
            attempt.message_id,
            attempt.part,
            attempt.attempt,
            attempt.carrier,
            attempt.at,
            int(attempt.possible_duplicate),
        ),
    )


def settle(
    unit: Unit,
    attempt: tuple[int, int, int],
    outcome: Outcome,
    at: int,
    status: int,
    remote_id: str | None,
    fault: str | None,
) -> None:
    """Records how a try ended; once, except that a doubt may be settled later."""
    unit.add(
        _SETTLE,
        (_OUTCOMES[outcome], at, status, remote_id, remote_key(remote_id) if remote_id else None, fault, *attempt),
    )


def is_settled(failure: Failure | None) -> bool:
    """Whether a unit failed because the try had its outcome already."""
    return isinstance(failure, Conflict) and failure.statement is _SETTLE


def receipt(unit: Unit, attempt: tuple[int, int, int], state: str, at: int, error: str) -> None:
    """Records what the carrier's receipt said of one part."""
    unit.add(_RECEIPT, (state, at, error or None, *attempt))


def all_open_in_doubt(unit: Unit, at: int) -> None:
    """At start-up: tries without an outcome are in doubt (invariant 6)."""
    unit.add(_ALL_IN_DOUBT, (at, STOPPED))


def add_part(unit: Unit, row: Sequence[object]) -> None:
    """Keeps a part of a long text from a phone; the columns of MoPartRow."""
    unit.add(_ADD_PART, row)


def join_parts(unit: Unit, ids: Iterable[int]) -> None:
    """The parts have become a message; Conflict when another made one of them."""
    for part_id in ids:
        unit.add(_JOIN_PART, (part_id,))


def message_of(row: Sequence[object]) -> Message:
    """A row of MESSAGE_COLUMNS as a Message."""
    values: dict[str, Any] = dict(zip(MESSAGE_COLUMNS, row, strict=True))
    values["direction"] = Direction(values["direction"])
    values["cls"] = MessageClass(values["cls"])
    values["state"] = MessageState(values["state"])
    values["disposition"] = Disposition(values["disposition"]) if values["disposition"] is not None else None
    values["possible_duplicate"] = bool(values["possible_duplicate"])
    return Message(**values)


def messages_by_id(connection: apsw.Connection, ids: Sequence[int]) -> dict[int, Message]:
    """Messages, those that exist."""
    rows = connection.execute(
        f"SELECT {', '.join(MESSAGE_COLUMNS)} FROM message WHERE id IN ({','.join('?' * len(ids))})", tuple(ids)
    )
    return {message.id: message for message in map(message_of, rows)}


def standing(connection: apsw.Connection, messages: Sequence[Message]) -> list[Message]:
    """The same messages; of those that have not ended, what the journal of attempts says: `sent` when each part was
    accepted, `sending` while a carrier has one and has not answered for it.
    """
    waiting = [message.id for message in messages if message.state in ("queued", "held")]
    if not waiting:
        return list(messages)
    accepted: dict[int, set[int]] = {}
    open_: set[int] = set()
    sql = f"SELECT message_id, part, outcome FROM attempt WHERE message_id IN ({','.join('?' * len(waiting))})"
    for message_id, part, outcome in connection.execute(sql, waiting):
        if outcome == "accepted":
            accepted.setdefault(message_id, set()).add(part)
        elif outcome is None or outcome == "in_doubt":
            open_.add(message_id)

    def now(message: Message) -> Message:
        if len(accepted.get(message.id, ())) == message.parts:
            return replace(message, state=MessageState.sent)
        return replace(message, state=MessageState.sending) if message.id in open_ else message

    return [now(message) for message in messages]


def unsent(connection: apsw.Connection, ids: Sequence[int]) -> set[int]:
    """Those of the messages that their customers cannot have seen: they failed, or nothing of them has gone to a
    carrier yet. What is under way or in doubt may have been seen.
    """
    sql = (
        f"SELECT id FROM message WHERE id IN ({','.join('?' * len(ids))}) AND ("
        "coalesce(disposition, 'unknown') NOT IN ('delivered', 'unknown', 'in_doubt') OR disposition IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM attempt WHERE message_id = message.id "
        "AND coalesce(outcome, 'in_doubt') IN ('accepted', 'in_doubt')))"
    )
    return {an_id for (an_id,) in connection.execute(sql, ids)}


def parts_of_set(
    connection: apsw.Connection, carrier: str, theirs: str, ours: str, reference: int, parts: int, newer_than: int
) -> list[tuple[int, int, str]]:
    """What is here of one long text: (id, part, text), oldest first."""
    rows = connection.execute(
        "SELECT id, part, text FROM mo_part WHERE carrier = ? AND theirs = ? AND ours = ? AND reference = ? "
        "AND parts = ? AND id > ? AND joined = 0 ORDER BY id",
        (carrier, theirs, ours, reference, parts, newer_than),
    )
    return [(int(row[0]), int(row[1]), str(row[2])) for row in rows]


@record
class Traced:
    """The part that a receipt speaks of, and how its sister parts stand: (part, attempt, receipt, outcome)."""

    attempt: tuple[int, int, int]
    outcome: str | None
    receipt: str | None
    message: Message
    siblings: tuple[tuple[int, int, str | None, str | None], ...]


def remote_key(remote_id: str) -> str:
    """A carrier's id in the form that is compared: case and leading zeros say nothing (carriers change both)."""
    return remote_id.strip().lower().lstrip("0") or "0"


def trace_receipts(connection: apsw.Connection, wanted: Sequence[Receipt]) -> list[Traced | None]:
    """For each receipt the part that it means, or None."""
    return [_trace(connection, receipt) for receipt in wanted]


def _trace(connection: apsw.Connection, receipt: Receipt) -> Traced | None:
    """The id as written wins; its other forms (hex, decimal) count only for the phone that the receipt names."""
    keys = list(dict.fromkeys(remote_key(remote_id) for remote_id in receipt.remote_ids))
    for place, key in enumerate(keys):
        for row in connection.execute(
            "SELECT message_id, part, attempt, outcome, receipt FROM attempt WHERE carrier = ? AND remote_key = ? "
            "ORDER BY message_id DESC LIMIT 3",
            (receipt.carrier, key),
        ):
            [message] = messages_by_id(connection, [row[0]]).values()
            same_phone = message.theirs in (receipt.sender, receipt.to)
            if same_phone or place == 0:
                siblings = tuple(
                    connection.execute(
                        "SELECT part, attempt, receipt, outcome FROM attempt WHERE message_id = ?", (row[0],)
                    )
                )
                return Traced((row[0], row[1], row[2]), row[3], row[4], message, siblings)
    return None


Try = tuple[int, int, str | None, str | None, str | None]


def attempts_of(connection: apsw.Connection, message_id: int) -> list[Try]:
    """(part, attempt, outcome, receipt, fault) of a message's tries, oldest first."""
    return list(
        connection.execute(
            "SELECT part, attempt, outcome, receipt, fault FROM attempt WHERE message_id = ? ORDER BY part, attempt",
            (message_id,),
        )
    )


def in_doubt(connection: apsw.Connection) -> list[tuple[int, int, int, str]]:
    """Tries without an outcome, as found at start-up: (message, part, attempt, carrier)."""
    return list(connection.execute("SELECT message_id, part, attempt, carrier FROM attempt WHERE outcome IS NULL"))


def recent_inbound(connection: apsw.Connection, newer_than: int) -> list[tuple[str, int, int, int]]:
    """Digests of the latest MOs: (digest, session, sequence, id), to tell a redelivery after a restart."""
    return list(
        connection.execute(
            "SELECT digest, session, sequence, id FROM message WHERE id > ? AND direction = 'mo' "
            "AND digest IS NOT NULL "
            "UNION ALL SELECT digest, session, sequence, id FROM mo_part WHERE id > ?",
            (newer_than, newer_than),
        )
    )
