"""CloudEvents 1.0: from a parsed item to an event of ours, checked by hand, and compiled, since thousands come in
one request.

The attributes: specversion, id, source, type, subject (the customer), time, datacontenttype, dataschema, data; our
extensions brand, sender, expires. Other extensions are taken as the standard says, type-checked, and not kept.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b

import orjson

from gateway.care.playbook import Playbook
from gateway.model.address import BadAddress, parse_address
from gateway.model.event import Event
from gateway.model.ids import Ids
from gateway.model.rows import record
from gateway.settings import nearest
from gateway.telemetry import redacted
from gateway.triggers import BadData, EventData, Handler, Incoming
from gateway.web.bodies import step
from gateway.web.fields import CONTROLS
from gateway.web.problems import Problem

LONGEST_ID = 255
LONGEST_SOURCE = 512
LONGEST_SUBJECT = 300
LONGEST_EXTENSION = 2048
_TEL = re.compile(r"tel:\+[1-9][0-9]{6,14}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_ATTRIBUTE = re.compile(r"[a-z0-9]{1,40}")
_JSON_TYPE = re.compile(r"(?i)application/([a-z0-9.+-]+\+)?json\s*(;.*)?")
CUSTOMER = "customer:"
JSON = "application/json"
KNOWN = frozenset(
    {
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "dataschema",
        "data",
        "brand",
        "sender",
        "expires",
    }
)
_REQUIRED = frozenset({"specversion", "id", "source", "type", "subject", "data"})
# To copy a hash that has read nothing costs less than to set up a new one.
_UNHASHED = blake2b(digest_size=16)
_EXPECTED = {
    "id": f"a text of 1 to {LONGEST_ID} characters, unique for its source",
    "source": f"a URI reference of 1 to {LONGEST_SOURCE} characters, such as /billing",
    "type": "the name of an event type, such as plan.overage",
    "subject": "the customer: tel:+15551234567 or customer:YOUR-ID",
}


@record
class Book:
    """What the checks need of a playbook, looked up once. handlers: those that events start. brands_of: who writes from
    an address.
    """

    playbook: Playbook
    handlers: Mapping[str, Handler]
    brands_of: Mapping[str, tuple[str, ...]]
    only_brand: str | None


def book_of(playbook: Playbook) -> Book:
    """Handlers of keywords start by a text, never by an event."""
    brands = list(playbook.brands)
    return Book(
        playbook,
        {name: handler for name, handler in playbook.handlers.items() if not issubclass(handler.schema, Incoming)},
        {address: sender.brands for address, sender in playbook.senders.items()},
        brands[0] if len(brands) == 1 else None,
    )


def moment(value: object) -> int | None:
    """Milliseconds of an RFC 3339 time; None for anything else."""
    at = _read_moment(value) if isinstance(value, str) else None
    try:
        return int(at.timestamp() * 1000) if at is not None else None
    except OverflowError:
        return None


def _read_moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    # A leap second is valid and has no number of its own; small letters are valid too.
    plain = text.upper()
    try:
        return datetime.fromisoformat(plain.replace(":60", ":59", 1) if plain[17:19] == "60" else plain)
    except ValueError:
        return None


def accept(item: object, book: Book, ids: Ids, externals: Mapping[str, str | None]) -> tuple[Event, EventData]:
    """An item as an event. externals: customer key by external id, as far as asked. Raises Problem."""
    if type(item) is not dict:
        raise Problem("not-an-object", "an event must be a JSON object", [("", "must be a JSON object")])
    get = item.get
    wrong: list[tuple[str, str]] = []
    if get("specversion") != "1.0":
        wrong.append(("/specversion", 'must be "1.0"' if "specversion" in item else 'is required, and must be "1.0"'))
    event_key = _text(get("id"), "id", LONGEST_ID, wrong)
    source = _text(get("source"), "source", LONGEST_SOURCE, wrong)
    type_ = _text(get("type"), "type", LONGEST_ID, wrong)
    subject = _text(get("subject"), "subject", LONGEST_SUBJECT, wrong)
    sender = brand = expires = None
    if not _REQUIRED.issuperset(item):
        expires = _optional(item, wrong)
        if not KNOWN.issuperset(item):
            _extensions(item, wrong)
        sender, brand = get("sender"), get("brand")
    if wrong:
        pointer, sentence = wrong[0]
        raise Problem("invalid-event", f"{pointer[1:]} {sentence}", wrong)
    key = subject if _TEL.fullmatch(subject) else _customer(subject, externals)
    handler = book.handlers.get(type_)
    if handler is None:
        raise _unknown_type(type_, book)
    if brand is None and sender is None and book.only_brand is not None:
        brand = book.only_brand
    else:
        brand = _brand(brand, sender, book)
    data = get("data")
    try:
        parsed = handler.parse(data)
    except BadData as bad:
        raise _bad_data(bad) from None
    canonical = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    digest = _UNHASHED.copy()
    digest.update(f"{type_}\0{subject}\0".encode() + canonical)
    event = Event(
        ids(), source, event_key, type_, subject, key, brand, sender, canonical.decode(), digest.hexdigest(), expires
    )  # fmt: skip
    return event, parsed


def _text(value: object, name: str, most: int, wrong: list[tuple[str, str]]) -> str:
    if type(value) is str and value.isprintable() and value.strip() and len(value) <= most:
        return value
    if value is None:
        wrong.append((f"/{name}", f"is required: {_EXPECTED[name]}"))
    elif not isinstance(value, str) or not value.strip() or len(value) > most:
        wrong.append((f"/{name}", f"must be {_EXPECTED[name]}"))
    elif CONTROLS.search(value) or any("\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069" for char in value):
        wrong.append((f"/{name}", "must not hold control characters"))
    else:
        return value
    return ""


def _optional(item: Mapping[str, object], wrong: list[tuple[str, str]]) -> int | None:
    """Checks the attributes that need not be there; returns when the event is worthless, ms."""
    get = item.get
    if (time := get("time")) is not None and not (isinstance(time, str) and _read_moment(time)):
        wrong.append(("/time", "must be an RFC 3339 time, such as 2026-11-22T18:40:00Z"))
    kind = get("datacontenttype", JSON)
    if kind != JSON and kind is not None and not (isinstance(kind, str) and _JSON_TYPE.fullmatch(kind)):
        wrong.append(("/datacontenttype", "must be application/json"))
    if (schema := get("dataschema")) is not None and (
        not isinstance(schema, str) or not schema or len(schema) > LONGEST_EXTENSION or not schema.isprintable()
    ):
        wrong.append(("/dataschema", "must be a URI"))
    _name(get("brand"), "/brand", wrong)
    _name(get("sender"), "/sender", wrong)
    until = get("expires")
    if until is None:
        return None
    expires = moment(until)
    if expires is None:
        wrong.append(("/expires", "must be an RFC 3339 time, such as 2026-11-22T18:40:00Z"))
    return expires


def _name(value: object, pointer: str, wrong: list[tuple[str, str]]) -> None:
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= 64):
        wrong.append((pointer, "must be a text of 1 to 64 characters"))


def _extensions(item: Mapping[str, object], wrong: list[tuple[str, str]]) -> None:
    """Attributes that we do not know: names of lower-case letters and digits; a string, a boolean or an integer."""
    for name, value in item.items():
        if name in KNOWN:
            continue
        pointer = step("", name)
        if name == "data_base64":
            wrong.append((pointer, "is not taken: the data of an event is a JSON object in `data`"))
        elif not _ATTRIBUTE.fullmatch(name):
            hint = nearest(name[:60], KNOWN) or "; extension attributes are lower-case letters and digits"
            wrong.append((pointer, f"is no attribute of CloudEvents{hint}"))
        elif isinstance(value, bool) or value is None:
            continue
        elif isinstance(value, int):
            if not -(1 << 31) <= value < 1 << 31:
                wrong.append((pointer, "must be a whole number of 32 bits"))
        elif not isinstance(value, str) or len(value) > LONGEST_EXTENSION:
            wrong.append((pointer, "must be a text, a whole number, true or false; put other things into `data`"))
        elif CONTROLS.search(value):
            wrong.append((pointer, "must not hold control characters"))


def external_of(item: object) -> str | None:
    """The external id that an item names its customer by, to be looked up before `accept`."""
    subject = item.get("subject") if isinstance(item, dict) else None
    return subject[len(CUSTOMER) :] if isinstance(subject, str) and subject.startswith(CUSTOMER) else None


def _customer(subject: str, externals: Mapping[str, str | None]) -> str:
    """The key of a customer who is not named by a plain tel: address."""
    if subject.startswith(CUSTOMER):
        key = externals.get(subject[len(CUSTOMER) :])
        if key is None:
            said = "names no customer that we know; use tel:+15551234567"
            raise Problem("unknown-customer", f"subject {said}", [("/subject", said)])
        return key
    if ":" not in subject:
        said = "must begin with tel: or customer:, such as tel:+15551234567"
        raise Problem("invalid-event", f"subject {said}", [("/subject", said)])
    try:
        address = parse_address(subject)
    except BadAddress as bad:
        said = str(bad)
        if subject.partition(":")[0].lower() not in ("tel", "xmpp", "mailto", "webchat"):
            said = "must be tel:+15551234567 or customer:YOUR-ID"
        raise Problem("invalid-event", f"subject {said}", [("/subject", said)]) from None
    if address.kind != "tel":
        said = f"names a customer by {address.kind}:, a channel that is not there yet; use tel:+15551234567"
        raise Problem("channel-not-there", f"subject {said}", [("/subject", said)])
    return str(address)


def _unknown_type(type_: str, book: Book) -> Problem:
    hint = nearest(type_[:60], book.handlers) or f"; there are {', '.join(sorted(book.handlers)) or 'none'}"
    said = f"has no handler{hint}"
    return Problem("unknown-event-type", f"type {said}", [("/type", said)])


def _brand(brand: str | None, sender: str | None, book: Book) -> str:
    brands = book.playbook.brands
    if brand is None:
        brand = book.only_brand
        if brand is None:
            said = f"is required, since there are several: {', '.join(brands)}"
            raise Problem("unknown-brand", f"brand {said}", [("/brand", said)])
    elif brand not in brands:
        said = f"is not in gateway.toml{nearest(brand, brands) or '; there are ' + ', '.join(brands)}"
        raise Problem("unknown-brand", f"brand {said}", [("/brand", said)])
    if sender is not None and brand not in book.brands_of.get(sender, ()):
        ours = [address for address, its in book.brands_of.items() if brand in its]
        said = f"is no sender of brand {brand}; it has {', '.join(ours) or 'none'}"
        raise Problem("unknown-sender", f"sender {said}", [("/sender", said)])
    return brand


def _bad_data(bad: BadData) -> Problem:
    errors = [(redacted(f"/data{pointer}"), sentence) for pointer, sentence in bad.errors]
    pointer, sentence = errors[0]
    return Problem("invalid-data", f"{pointer} {sentence}", errors)
