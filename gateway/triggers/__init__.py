"""All that a handler may import, and what the gateway needs to run one.

A handler is Python code for one type of event, written as named steps; see `handlers/plan_overage.py` for one to copy.
"""

from gateway.triggers.effects import (
    AcceptOffer,
    Call,
    Close,
    DeclineOffer,
    Effect,
    Escalate,
    Link,
    Plain,
    Remember,
    Say,
    Wait,
)
from gateway.triggers.errors import BadData, HandlerError, NoStep, StepError, StepTooSlow
from gateway.triggers.handler import STEP_LIMIT, Handler
from gateway.triggers.inspection import Mention
from gateway.triggers.limit import limit_step
from gateway.triggers.moments import (
    CallFailed,
    Fulfilled,
    HandedBack,
    OfferFailed,
    Reply,
    Result,
    Start,
    Timeout,
)
from gateway.triggers.play import SILENCE, Play, Silence, Turn, play
from gateway.triggers.registry import Registry
from gateway.triggers.schema import Count, Currency, EventData, Incoming, Moment, Money, Text
from gateway.triggers.script import Script
from gateway.triggers.talk import Talk, days, hours, minutes

__all__ = [
    "SILENCE",
    "STEP_LIMIT",
    "AcceptOffer",
    "BadData",
    "Call",
    "CallFailed",
    "Close",
    "Count",
    "Currency",
    "DeclineOffer",
    "Effect",
    "Escalate",
    "EventData",
    "Fulfilled",
    "HandedBack",
    "Handler",
    "HandlerError",
    "Incoming",
    "Link",
    "Mention",
    "Moment",
    "Money",
    "NoStep",
    "OfferFailed",
    "Plain",
    "Play",
    "Registry",
    "Remember",
    "Reply",
    "Result",
    "Say",
    "Script",
    "Silence",
    "Start",
    "StepError",
    "StepTooSlow",
    "Talk",
    "Text",
    "Timeout",
    "Turn",
    "Wait",
    "days",
    "hours",
    "limit_step",
    "minutes",
    "play",
]
