"""The route: one row of the table that registers the calls with aiohttp and writes the OpenAPI document.

Both are made of the same rows, so they cannot drift apart.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from gateway.web.auth import Caller

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
CALLER = web.RequestKey("caller", Caller)
JSON_TYPE = "application/json"

EVERYBODY: frozenset[str] = frozenset()
READERS = frozenset({"viewer", "agent", "supervisor", "integrator"})
STAFF = frozenset({"viewer", "agent", "supervisor"})
SENDERS = frozenset({"integrator"})
DESK = frozenset({"agent", "supervisor"})
SUPERVISORS = frozenset({"supervisor"})
ADMINS = frozenset({"admin"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query or path parameter, as the document shows it."""

    name: str
    what: str
    schema: Mapping[str, object] = field(default_factory=lambda: {"type": "string"})
    where: str = "query"
    example: object = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a call takes, by content type: (schema, example)."""

    content: Mapping[str, tuple[Mapping[str, object], object]]


@dataclass(frozen=True, slots=True)
class Route:
    """One call.

    roles: who may (admin always may); none = open, without a key. answers: (schema, description) by status.

    problems: names of the kinds that it may answer beside those that every call may.
    """

    method: str
    path: str
    name: str
    handle: Handle
    roles: frozenset[str]
    summary: str
    tag: str
    what: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: Mapping[int, tuple[Mapping[str, object] | None, str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    media: str = JSON_TYPE
    hidden: bool = False
