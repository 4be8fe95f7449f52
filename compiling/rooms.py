"""Which modules are compiled: all that a text passes on its way in, through a decision, onto disk and out again.

Left out on purpose: what Python must see as it was written (`triggers/handler.py` and `limit.py` look at frames and
tracebacks, `talk.py` takes whatever an author gives it, the codec of `pdu.py` writes Python itself), what libraries
inspect (tables, settings, web), and what no text passes.
"""

ROOMS: dict[str, tuple[str, ...]] = {
    "model": (
        "address",
        "channel",
        "conversation",
        "customer",
        "event",
        "gsm7",
        "ids",
        "message",
        "offer",
        "segments",
        "words",
    ),
    "triggers": ("effects", "moments"),
    "store": (
        "conversations",
        "customers",
        "ends",
        "events",
        "evidence",
        "messages",
        "states",
        "statements",
        "units",
        "work",
        "writer",
    ),
    "jobs": ("lane",),
    "care": (
        "acknowledging",
        "calls",
        "closing",
        "consent",
        "delivery",
        "dialogues",
        "dispatch",
        "doubts",
        "engine",
        "escalation",
        "evidence",
        "inbound",
        "inputs",
        "intake",
        "offers",
        "outbound",
        "playbook",
        "redeliveries",
        "rendering",
        "rules",
        "taking",
        "tracking",
        "turn",
    ),
    "channels/smpp": ("framing", "link", "numbers", "pace", "receipts", "session", "sms", "texts", "udh", "window"),
}
FILES = tuple(f"gateway/{room}/{name}.py" for room, names in ROOMS.items() for name in names)
