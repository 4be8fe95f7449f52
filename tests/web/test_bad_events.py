"""Every kind of bad event is refused with a problem that names what is wrong, and nothing of it is taken."""

import json
from typing import Any

import pytest

from tests.web.conftest import OVERAGE, World, event

STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def text(**changes: Any) -> bytes:
    """A structured event as JSON."""
    return json.dumps(event(**changes)).encode()


def raw(data: str, whole: str = '{"specversion":"1.0","id":"1","source":"/s","type":"plan.overage",') -> bytes:
    """An event whose data is written by hand."""
    return f'{whole}"subject":"tel:+15551234567","data":{data}}}'.encode()


def data(**changes: Any) -> bytes:
    """An event whose data differs in some members; None takes one away."""
    whole = {name: value for name, value in {**OVERAGE, **changes}.items() if value is not None}
    return text(data=whole)


DEEP = '{"a":' * 40 + "1" + "}" * 40
# name: (body, status, kind of problem, pointer that must be named)
BAD: dict[str, tuple[bytes, int, str, str]] = {
    "empty body": (b"", 400, "not-json", ""),
    "no JSON": (b"hello", 400, "not-json", ""),
    "cut off": (text()[:-1], 400, "not-json", ""),
    "two texts": (text() + b"{}", 400, "not-json", ""),
    "a list": (b"[]", 400, "not-an-object", ""),
    "a string": (b'"event"', 400, "not-an-object", ""),
    "null": (b"null", 400, "not-an-object", ""),
    "byte order mark": (b"\xef\xbb\xbf" + text(), 400, "not-json", ""),
    "UTF-16": (text().decode().encode("utf-16"), 400, "not-json", ""),
    "broken UTF-8": (raw('{"plan":"\xff"}').decode().encode("latin-1"), 400, "not-json", "/data/plan"),
    "half a surrogate": (raw('{"plan":"\\ud800"}'), 400, "not-json", "/data/plan"),
    "half a surrogate in a name": (raw('{"\\udc00":1}'), 400, "not-json", "/data"),
    "NaN": (raw('{"minutes_over":NaN}'), 400, "not-json", "/data/minutes_over"),
    "Infinity": (raw('{"minutes_over":-Infinity}'), 400, "not-json", "/data/minutes_over"),
    "beyond double": (raw('{"minutes_over":1e999}'), 400, "not-json", "/data/minutes_over"),
    "a number of 5000 digits": (raw('{"minutes_over":' + "9" * 5000 + "}"), 400, "not-json", "/data/minutes_over"),
    "name twice": (raw("{}", '{"id":"2","id":"1","specversion":"1.0","source":"/s",'), 400, "not-json", "/id"),
    "name twice in data": (raw('{"plan":"a","plan" :"b"}'), 400, "not-json", "/data/plan"),
    "name twice by escape": (raw('{"plan":"a","\\u0070lan":"b"}'), 400, "not-json", "/data/plan"),
    "control character unescaped": (raw('{"plan":"a\x01b"}'), 400, "not-json", ""),
    "too deep": (raw(DEEP), 400, "not-json", "/data" + "/a" * 31),
    "very deep": (raw("[" * 100_000), 400, "not-json", ""),
    "single quotes": (b"{'specversion':'1.0'}", 400, "not-json", ""),
    "a comment": (b"{/*hi*/}", 400, "not-json", ""),
    "a million values": (raw("[" + "1," * 1_000_001 + "1]"), 400, "not-json", ""),
    "over 10 MB": (raw('{"plan":"' + "a" * 10_000_000 + '"}'), 413, "too-large", ""),
    "no specversion": (text(specversion=None), 422, "invalid-event", "/specversion"),
    "specversion 0.3": (text(specversion="0.3"), 422, "invalid-event", "/specversion"),
    "specversion as number": (text(specversion=1.0), 422, "invalid-event", "/specversion"),
    "no id": (text(id=None), 422, "invalid-event", "/id"),
    "id of blanks": (text(id="  "), 422, "invalid-event", "/id"),
    "id as number": (text(id=7), 422, "invalid-event", "/id"),
    "id too long": (text(id="x" * 256), 422, "invalid-event", "/id"),
    "id with a line break": (text(id="a\nb"), 422, "invalid-event", "/id"),
    "id with a right-to-left override": (text(id="a\u202eb"), 422, "invalid-event", "/id"),
    "id with NUL": (text(id="a\u0000"), 422, "invalid-event", "/id"),
    "no source": (text(source=None), 422, "invalid-event", "/source"),
    "empty source": (text(source=""), 422, "invalid-event", "/source"),
    "source too long": (text(source="/" * 513), 422, "invalid-event", "/source"),
    "no type": (text(type=None), 422, "invalid-event", "/type"),
    "type is a list": (text(type=["plan.overage"]), 422, "invalid-event", "/type"),
    "unknown type": (text(type="plan.overages"), 422, "unknown-event-type", "/type"),
    "the type of a keyword's handler": (text(type="welcome"), 422, "unknown-event-type", "/type"),
    "no subject": (text(subject=None), 422, "invalid-event", "/subject"),
    "subject without scheme": (text(subject="+15551234567"), 422, "invalid-event", "/subject"),
    "subject too short a number": (text(subject="tel:+12345"), 422, "invalid-event", "/subject"),
    "subject too long a number": (text(subject="tel:+1234567890123456"), 422, "invalid-event", "/subject"),
    "subject with separators": (text(subject="tel:+1-555-123-4567"), 422, "invalid-event", "/subject"),
    "subject with a line break": (text(subject="tel:+15551234567\n"), 422, "invalid-event", "/subject"),
    "subject in Arabic digits": (text(subject="tel:+١٥٥٥١٢٣٤٥٦٧"), 422, "invalid-event", "/subject"),
    "subject of another scheme": (text(subject="sip:a@b"), 422, "invalid-event", "/subject"),
    "subject mailto": (text(subject="mailto:ana@example.test"), 422, "channel-not-there", "/subject"),
    "subject xmpp": (text(subject="xmpp:ana@example.test"), 422, "channel-not-there", "/subject"),
    "unknown customer": (text(subject="customer:C-404"), 422, "unknown-customer", "/subject"),
    "customer without id": (text(subject="customer:"), 422, "unknown-customer", "/subject"),
    "time without zone": (text(time="2026-11-22T14:59:00"), 422, "invalid-event", "/time"),
    "time as number": (text(time=1795359600), 422, "invalid-event", "/time"),
    "the 30th of February": (text(time="2026-02-30T00:00:00Z"), 422, "invalid-event", "/time"),
    "time by week": (text(time="2026-W47-7T14:59:00Z"), 422, "invalid-event", "/time"),
    "expires is no time": (text(expires="tomorrow"), 422, "invalid-event", "/expires"),
    "expires in year 0": (text(expires="0000-01-01T00:00:00Z"), 422, "invalid-event", "/expires"),
    "datacontenttype is XML": (text(datacontenttype="text/xml"), 422, "invalid-event", "/datacontenttype"),
    "dataschema is empty": (text(dataschema=""), 422, "invalid-event", "/dataschema"),
    "data_base64": (text(data=None, data_base64="e30="), 422, "invalid-event", "/data_base64"),
    "unknown brand": (text(brand="acne"), 422, "unknown-brand", "/brand"),
    "brand is an object": (text(brand={}), 422, "invalid-event", "/brand"),
    "unknown sender": (text(sender="70008"), 422, "unknown-sender", "/sender"),
    "sender is a number": (text(sender=70007), 422, "invalid-event", "/sender"),
    "attribute in upper case": (text(Brand="acme"), 422, "invalid-event", "/Brand"),
    "attribute with a dash": (text(**{"trace-parent": "x"}), 422, "invalid-event", "/trace-parent"),
    "extension is an object": (text(traceparent={"a": 1}), 422, "invalid-event", "/traceparent"),
    "extension is a fraction": (text(sampledrate=0.5), 422, "invalid-event", "/sampledrate"),
    "extension beyond 32 bits": (text(sequence=1 << 31), 422, "invalid-event", "/sequence"),
    "extension with control characters": (text(note="a\u0007"), 422, "invalid-event", "/note"),
    "no data": (text(data=None), 422, "invalid-data", "/data"),
    "data is a string": (text(data="{}"), 422, "invalid-data", "/data"),
    "data is a list": (text(data=[]), 422, "invalid-data", "/data"),
    "data member missing": (data(charge=None), 422, "invalid-data", "/data/charge"),
    "data member unknown": (data(curency="USD"), 422, "invalid-data", "/data/curency"),
    "charge as number": (data(charge=50), 422, "invalid-data", "/data/charge"),
    "charge is NaN in a string": (data(charge="NaN"), 422, "invalid-data", "/data/charge"),
    "charge with a comma": (data(charge="50,00"), 422, "invalid-data", "/data/charge"),
    "currency unknown": (data(currency="XYZ1"), 422, "invalid-data", "/data/currency"),
    "minutes negative": (data(minutes_over=-1), 422, "invalid-data", "/data/minutes_over"),
    "minutes in a string": (data(minutes_over="120"), 422, "invalid-data", "/data/minutes_over"),
    "minutes are true": (data(minutes_over=True), 422, "invalid-data", "/data/minutes_over"),
    "minutes beyond 64 bits": (data(minutes_over=1 << 70), 422, "invalid-data", "/data/minutes_over"),
    "minutes a fraction": (data(minutes_over=1.5), 422, "invalid-data", "/data/minutes_over"),
    "plan is empty": (data(plan=""), 422, "invalid-data", "/data/plan"),
    "plan with control characters": (data(plan="a\u0000b"), 422, "invalid-data", "/data/plan"),
    "plan with a right-to-left override": (data(plan="\u202eabc"), 422, "invalid-data", "/data/plan"),
    "plan too long": (data(plan="x" * 101), 422, "invalid-data", "/data/plan"),
}


def named(problem: dict[str, Any]) -> set[str]:
    """The pointers of a problem."""
    return {error["pointer"] for error in problem.get("errors", [])}


def check(problem: dict[str, Any], status: int, kind: str, pointer: str) -> None:
    """A problem as RFC 9457 wants it, and as we promise it."""
    assert problem["status"] == status
    assert problem["type"] == f"http://care.example/problems/{kind}"
    assert problem["title"]
    assert problem["detail"]
    assert not pointer or pointer in named(problem), problem
    # Never what was sent: no whole number, no text of the data (invariant 14).
    assert "15551234567" not in json.dumps(problem["detail"]).replace("tel:+15551234567", "")
    assert "Basic 300" not in json.dumps(problem)


@pytest.mark.parametrize("name", list(BAD))
async def test_a_bad_event_is_refused_and_the_field_named(world: World, name: str) -> None:
    body, status, kind, pointer = BAD[name]
    response = await world.ask("POST", "/v1/events", body, "integrator", headers=STRUCTURED)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.status == status
    check(json.loads(await response.read()), status, kind, pointer)
    await world.settled()
    assert not world.sends


# What is wrong with the whole body is wrong with the batch; the rest is one item's own.
_WHOLE = {name for name, (_, _, kind, pointer) in BAD.items() if kind in ("not-json", "too-large") and not pointer}


async def test_a_bad_event_of_a_batch_harms_no_other(world: World) -> None:
    for name in BAD.keys() - _WHOLE:
        body, status, kind, pointer = BAD[name]
        batch = b"[" + text(id=f"before {name}") + b"," + body + b"," + text(id=f"after {name}") + b"]"
        told = await world.json("POST", "/v1/events", batch, status=202, role="integrator", headers=BATCH)
        first, bad, last = told["results"]
        assert first["duplicate"] is False, name
        assert last["duplicate"] is False, name
        assert "event" not in bad, name
        check(bad["problem"], status, kind, pointer)


async def test_a_hint_names_the_nearest_type_and_brand(world: World) -> None:
    problem = await world.event(type="plan.overrage", status=422)
    assert "plan.overage" in problem["detail"]
    problem = await world.event(brand="acne", status=422)
    assert "acme" in problem["detail"]


async def test_all_that_is_wrong_is_told_at_once(world: World) -> None:
    problem = await world.event(specversion="2", source="", time="now", status=422)
    assert named(problem) == {"/specversion", "/source", "/time"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/cloudevents+avro"}, 415),
        ({"Content-Type": "application/cloudevents+json; charset=latin-1"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/cloudevents+json; charset=UTF-8"}, 202),
        ({"Content-Type": "Application/CloudEvents+JSON"}, 202),
        ({"Content-Type": "application/json"}, 202),
    ],
)
async def test_content_types(world: World, headers: dict[str, str], status: int) -> None:
    response = await world.ask("POST", "/v1/events", text(), "integrator", headers=headers)
    assert response.status == status
