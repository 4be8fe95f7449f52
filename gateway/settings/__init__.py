"""The configuration: a typed schema with help text, and its loader. Unknown keys are errors, secrets are never shown.

`load(folder, environ)` gives the settings and warnings, or raises ConfigError with every problem of every file, each as
`file:line: key: problem (did you mean ...?)`.
"""

from gateway.settings.gateway_file import (
    Agent,
    ApiKey,
    BackOffice,
    Brand,
    Carrier,
    GatewayFile,
    Handlers,
    Http,
    Limits,
    Queue,
    Sender,
    Store,
    Tls,
    Webhook,
    Xmpp,
)
from gateway.settings.hours import BadHours, Hours
from gateway.settings.loader import DEFAULTS, FILES, Loaded, Settings, load
from gateway.settings.policy import (
    Cap,
    Classes,
    ClassRules,
    Compliance,
    Conversations,
    Keyword,
    KeywordsFile,
    Numbers,
    Offer,
    OffersFile,
    QuietHours,
    Rules,
)
from gateway.settings.problem import ConfigError, Problem
from gateway.settings.shapes import FAULTS, MESSAGE_CLASSES, WEBHOOK_EVENTS, nearest

__all__ = [
    "DEFAULTS",
    "FAULTS",
    "FILES",
    "MESSAGE_CLASSES",
    "WEBHOOK_EVENTS",
    "Agent",
    "ApiKey",
    "BackOffice",
    "BadHours",
    "Brand",
    "Cap",
    "Carrier",
    "ClassRules",
    "Classes",
    "Compliance",
    "ConfigError",
    "Conversations",
    "GatewayFile",
    "Handlers",
    "Hours",
    "Http",
    "Keyword",
    "KeywordsFile",
    "Limits",
    "Loaded",
    "Numbers",
    "Offer",
    "OffersFile",
    "Problem",
    "Queue",
    "QuietHours",
    "Rules",
    "Sender",
    "Settings",
    "Store",
    "Tls",
    "Webhook",
    "Xmpp",
    "load",
    "nearest",
]
