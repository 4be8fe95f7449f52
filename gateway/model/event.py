"""Business events: facts from back-office systems (CloudEvents 1.0) that start handlers."""

from enum import StrEnum

from gateway.model.rows import record


class EventState(StrEnum):
    """What is stored of an event's life. `running`, `waiting` and `done` are read from its dialogue once it started."""

    accepted = "accepted"
    started = "started"
    done = "done"
    expired = "expired"
    suppressed = "suppressed"
    failed = "failed"


@record
class Event:
    """One event, as accepted.

    source + event_key: the sender's own identity of it, unique for ever. key: the customer it is about (canonical
    address). data: JSON text, valid against the handler's schema. digest: hash of type, subject and data, tells a
    repetition from a clash. expires_at: ms since 1970, None = never.
    """

    id: int
    source: str
    event_key: str
    type: str
    subject: str
    key: str
    brand: str
    sender: str | None
    data: str
    digest: str
    expires_at: int | None
    state: EventState = EventState.accepted
    problem: str | None = None
    conversation_id: int | None = None
