"""Errors as RFC 9457 `application/problem+json`: a closed list of kinds, each with a page that says what to do next.

No error quotes what was sent: neither values nor texts nor numbers, only the names of fields (invariant 14).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from gateway.care.desk import Unknown
from gateway.care.turn import NotOwner, Refused
from gateway.store.units import Conflict, Failure, Rejected, StoreClosed, StoreFull

TYPE = "application/problem+json"
MOST_ERRORS = 50
Errors = Sequence[tuple[str, str]]
"""(JSON pointer into what was sent, sentence)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem. name: last part of its `type` URI. advice: what its page says to do."""

    name: str
    status: int
    title: str
    advice: str


_LIST = (
    Kind(
        "not-json",
        400,
        "The body is not JSON",
        "Send one JSON text in UTF-8. NaN, Infinity, names that occur twice in an object, half characters"
        " and more than 32 levels of nesting are not JSON to us.",
    ),
    Kind(
        "not-an-object",
        400,
        "The body has the wrong shape",
        "Send a JSON object (for a batch of events: a list of objects).",
    ),
    Kind(
        "invalid-parameter",
        400,
        "A query parameter is wrong",
        "`errors` names the parameter and says what would be right.",
    ),
    Kind(
        "bad-request",
        400,
        "The request is malformed",
        "The request breaks HTTP itself; see `detail`.",
    ),
    Kind(
        "unauthorized",
        401,
        "An API key is needed",
        "Send `Authorization: Bearer KEY`. Keys are made by `careline keys add NAME --role ROLE`.",
    ),
    Kind(
        "forbidden",
        403,
        "This key may not do that",
        "Use a key whose role is among those that `detail` names.",
    ),
    Kind(
        "not-found",
        404,
        "There is no such thing",
        "Check the path and the id; `/docs` lists what there is.",
    ),
    Kind(
        "method-not-allowed",
        405,
        "The path does not know this method",
        "The `Allow` header lists the methods.",
    ),
    Kind(
        "too-slow",
        408,
        "The body did not arrive in time",
        "Send the body without pauses, or in smaller pieces.",
    ),
    Kind(
        "event-clash",
        409,
        "The same source and id were used for another event",
        "An event keeps its `id` for ever. Give the new event an id of its own; repeat the old one with "
        "the same type, subject and data.",
    ),
    Kind(
        "idempotency-clash",
        409,
        "The idempotency key was used for another message",
        "Use a new key for a new message, and the same key only to repeat the same message.",
    ),
    Kind(
        "not-owner",
        409,
        "Another has the conversation",
        "`owner` says who. Claim the conversation while it is queued, or ask its owner.",
    ),
    Kind(
        "not-replayable",
        409,
        "This cannot be replayed",
        "It was replayed already, or nothing can come of it; `detail` says why.",
    ),
    Kind(
        "conflict",
        409,
        "Somebody else was faster",
        "Read it again and decide again.",
    ),
    Kind(
        "gone",
        410,
        "It has ended",
        "It was there once and is no more.",
    ),
    Kind(
        "too-large",
        413,
        "The body is too large",
        "At most 10 MB, and 10,000 events in a batch; send several.",
    ),
    Kind(
        "unsupported-media-type",
        415,
        "This content type is not understood",
        "`detail` lists the content types that this call takes.",
    ),
    Kind(
        "invalid-event",
        422,
        "The event is no CloudEvents 1.0 event that we take",
        "`errors` names each attribute and says what would be right.",
    ),
    Kind(
        "unknown-event-type",
        422,
        "No handler is loaded for this event type",
        "Correct `type`, or load the handler (`handlers.load` in gateway.toml).",
    ),
    Kind(
        "invalid-data",
        422,
        "The event's data does not fit its type",
        "`errors` names each field. The schema of every type is in `/openapi.json`.",
    ),
    Kind(
        "unknown-customer",
        422,
        "No customer has this id",
        "Use `tel:+15551234567`, or make the customer known under this id first.",
    ),
    Kind(
        "unknown-brand",
        422,
        "No brand has this name",
        "Use a name of [[brands]] in gateway.toml.",
    ),
    Kind(
        "unknown-sender",
        422,
        "No such sender of this brand",
        "Use an address of [[senders]] in gateway.toml that belongs to the brand.",
    ),
    Kind(
        "channel-not-there",
        422,
        "This channel is not there yet",
        "Address the customer by telephone number: `tel:+15551234567`.",
    ),
    Kind(
        "invalid-message",
        422,
        "The message cannot be sent like this",
        "`errors` names each field and says what would be right.",
    ),
    Kind(
        "invalid-action",
        422,
        "What is asked of the conversation is not written like this",
        "`errors` names each field and says what would be right.",
    ),
    Kind(
        "invalid-reply",
        422,
        "The canned reply cannot be kept like this",
        "`errors` names each text and field and says what would be right.",
    ),
    Kind(
        "invalid-customer",
        422,
        "The profile cannot be kept like this",
        "`errors` names each field and says what would be right.",
    ),
    Kind(
        "refused",
        422,
        "It cannot be done now",
        "`detail` says why and what to do.",
    ),
    Kind(
        "search-too-wide",
        422,
        "The search looks at too much",
        "Narrow it: by address, customer or disposition, or by `from` and `to`.",
    ),
    Kind(
        "too-many-failures",
        429,
        "Too many requests with a wrong key",
        "Wait as long as `Retry-After` says, and check the key.",
    ),
    Kind(
        "backlog-full",
        429,
        "Too many messages wait to be sent",
        "Nothing was taken. Send it again after `Retry-After` seconds; `limits.queued` sets the bound.",
    ),
    Kind(
        "internal",
        500,
        "A fault of ours",
        "It is in the log, with the request's id if you sent `X-Request-Id`. Repeat it with the same "
        "event id or idempotency key.",
    ),
    Kind(
        "busy",
        503,
        "Too many requests at once",
        "Nothing was taken. Send it again after `Retry-After` seconds, over fewer connections.",
    ),
    Kind(
        "stopping",
        503,
        "The server is stopping",
        "Nothing was taken. Send it again after `Retry-After` seconds.",
    ),
    Kind(
        "store-closed",
        503,
        "The store takes nothing at the moment",
        "Nothing was taken. See `/health/ready` for the reason.",
    ),
    Kind(
        "store-full",
        507,
        "The disk is full",
        "Nothing was taken. Free space on the volume of the database; Careline goes on by itself.",
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _LIST}


class Problem(Exception):
    """An answer that is an error. extra: members beside those of RFC 9457, such as `owner`."""

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: Errors = (),
        *,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail, self.errors = KINDS[kind], detail, errors
        self.extra, self.headers = extra or {}, headers or {}

    def members(self, public_url: str) -> dict[str, object]:
        """The JSON object. Its `type` is a page of this server."""
        kind = self.kind
        told: dict[str, object] = {
            "type": f"{public_url}/problems/{kind.name}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
        }
        if self.errors:
            told["errors"] = [{"pointer": pointer, "detail": said} for pointer, said in self.errors[:MOST_ERRORS]]
        return told | dict(self.extra)

    def body(self, public_url: str) -> bytes:
        """The members as JSON."""
        return orjson.dumps(self.members(public_url))


def wait(seconds: int) -> dict[str, str]:
    """The header that says when to come again."""
    return {"Retry-After": str(seconds)}


def of_care(error: Refused | Unknown | Failure) -> Problem:
    """What the decisions and the store said no with, as an answer."""
    if isinstance(error, NotOwner):
        return Problem("not-owner", str(error), extra={"owner": error.owner})
    if isinstance(error, Refused):
        return Problem("refused", str(error), [(f"/{error.field}", str(error))] if error.field else ())
    if isinstance(error, Unknown):
        return Problem("not-found", str(error))
    if isinstance(error, StoreFull):
        return Problem("store-full", str(error), headers=wait(30))
    if isinstance(error, StoreClosed):
        return Problem("store-closed", "the store takes nothing at the moment", headers=wait(10))
    if isinstance(error, Conflict | Rejected):
        return Problem("conflict", "somebody else changed it at the same moment; read it again and decide again")
    return Problem("internal", "the store did not take it")
