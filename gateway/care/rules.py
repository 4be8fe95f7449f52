"""The gates.

May this message go to this customer now? Each gate passes, holds until a time, or blocks, and says why.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import NumberParseException, parse
from phonenumbers.timezone import time_zones_for_number

from gateway.care.turn import Turn
from gateway.model.brand import Brand
from gateway.model.customer import Permission
from gateway.model.message import Disposition, MessageClass
from gateway.model.rows import record
from gateway.settings.policy import ClassRules, QuietHours, Rules

GATES = ("suppression", "numbers", "consent", "quiet_hours", "caps", "channel", "render")
PASSED = "passed"


@record
class Verdict:
    """What the gates say. gate: the one that held or blocked, "" = all passed. until: ms, when a held message may go.

    disposition: of a blocked message.
    """

    gate: str = ""
    reason: str = ""
    until: int | None = None
    disposition: Disposition | None = None

    @property
    def blocked(self) -> bool:
        """It is not sent at all."""
        return self.disposition is not None

    def trail(self) -> str | None:
        """What the timeline keeps: None while all gates passed, else `gate|held or blocked|reason`."""
        if not self.gate:
            return None
        return f"{self.gate}|{'blocked' if self.blocked else 'held'}|{self.reason}"


ALL_PASSED = Verdict()


@record
class _Known:
    """What rules.toml says, by class, and whether any number may be texted: asked for each message."""

    source: Rules
    classes: Mapping[MessageClass, ClassRules]
    everywhere: bool


_latest: list[_Known] = []


def _known(rules: Rules) -> _Known:
    """The rules in use; the last ones are kept, since a gateway has one set."""
    if not _latest or _latest[0].source is not rules:
        _latest[:] = [_Known(rules, {cls: rules.of(cls.name) for cls in MessageClass}, rules.numbers.everywhere)]
    return _latest[0]


def of_class(rules: Rules, cls: MessageClass) -> ClassRules:
    """What rules.toml says of a message class."""
    return _known(rules).classes[cls]


def weigh(turn: Turn, brand: Brand, cls: MessageClass, *, answering: bool, narrow: bool, sender: str | None) -> Verdict:
    """Weighs one message against consent, law and policy, in the order of GATES.

    answering: it answers the customer's own text of this conversation. narrow: it is the confirmation of STOP, START or
    HELP, which suppression cannot swallow (47 CFR 64.1200 (a)(12)).
    """
    if turn.revoked(brand.name) and cls is not MessageClass.emergency and not narrow:
        return Verdict(
            "suppression", "the customer said STOP; only START brings them back", None, Disposition.opted_out
        )
    rules = turn.playbook.rules
    if not _known(rules).everywhere and not rules.numbers.may_send(turn.address.value):
        return Verdict("numbers", "the number is outside the allowed prefixes of rules.toml", None, Disposition.blocked)
    if sender is None:
        reason = f"brand {brand.name} has no sender in gateway.toml"
        return Verdict("channel", reason, None, Disposition.blocked)
    if narrow:
        return ALL_PASSED
    opted_in = turn.consent.get(brand.name) is Permission.granted
    if cls is MessageClass.promotional and not opted_in and not answering:
        reason = "promotional texts need the customer's opt-in; set `class` if it is none"
        return Verdict("consent", reason, None, Disposition.blocked)
    return _timing(turn, brand, cls)


def _timing(turn: Turn, brand: Brand, cls: MessageClass) -> Verdict:
    """Quiet hours, then frequency caps."""
    rules = of_class(turn.playbook.rules, cls)
    until = turn.now
    if rules.quiet is not None and rules.quiet.start != rules.quiet.end:
        until = max(_quiet_end(turn.now, zone, rules.quiet) for zone in _zones(turn, brand))
        if until > turn.now:
            return Verdict("quiet_hours", f"quiet hours of the customer; held until {_iso(until)}", until)
    for cap in rules.caps:
        window = turn.now - int(cap.per * 1000)
        sent = [at for at in turn.promotional if at > window] if cls is MessageClass.promotional else []
        if len(sent) >= cap.max:
            again = sent[-cap.max] + int(cap.per * 1000)
            return Verdict("caps", f"at most {cap.max} in {int(cap.per)} s; held until {_iso(again)}", again)
    return ALL_PASSED


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quiet_end(now: int, zone: str, quiet: QuietHours) -> int:
    local = datetime.fromtimestamp(now / 1000, ZoneInfo(zone))
    end = quiet.over(local)
    return now if end == local else int(end.timestamp() * 1000)


def _zones(turn: Turn, brand: Brand) -> tuple[str, ...]:
    """Where the customer may be.

    Their own zone, else those of the number (all of them must allow), else the brand's.
    """
    known = turn.known
    if known is not None and known.timezone:
        return (known.timezone,)
    return zones_of_number(turn.address.value) or (brand.timezone,)


@lru_cache(100_000)
def zones_of_number(number: str) -> tuple[str, ...]:
    """IANA zones a number may be in (libphonenumber's data); none where nothing is known."""
    try:
        zones = time_zones_for_number(parse(number))
    except NumberParseException:
        return ()
    return tuple(zone for zone in zones if _exists(zone))


@lru_cache(1000)
def _exists(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return zone != "Etc/Unknown"
