"""Logs and metrics: nothing that a customer wrote, no whole number, no secret."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.address import mask
from gateway.telemetry import Metrics, redacted, set_up_logging, shown, watch_loop


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where logs go during a test; what pytest had set up comes back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("to +15551234567 now", "to +1555…67 now"),
        ("tel:+15551234567", "tel:+1555…67"),
        ("+15551234567@sms.example.test/phone", "+1555…67@sms.example.test/phone"),
        ("source_addr=15551234567", "source_addr=15551…67"),
        ("/v1/messages?address=%2B15551234567", "/v1/messages?address=+1555…67"),
        ("('+447700900123', '+447700900124')", "('+4477…23', '+4477…24')"),
        ("70007 queued 1000000 in 1.234567890123 s", "70007 queued 1000000 in 1.234567890123 s"),
        ("message 1892345678901234567", "message 1892345678901234567"),
        ("Authorization: Bearer ck_live_abc.def-123", "Authorization: Bearer …"),
        ("secret = 'whsec_QUJDQUJD'", "secret = '…'"),
        ('{"password": "hunter2"}', '{"password": "…"}'),
        ("GET /c/AbC123_-xyz HTTP/1.1", "GET /c/… HTTP/1.1"),
        ("postgresql://careline:pw@db/x", "postgresql://careline:…@db/x"),
        ("mailto:ann@example.test", "mailto:…@example.test"),
        ("[input_value='my pin is 1234', input_type=str]", "[input_value=…, input_type=str]"),
    ],
)
def test_redaction(text: str, wanted: str) -> None:
    assert redacted(text) == wanted


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.text(max_size=20), st.text(max_size=20))
def test_no_whole_number_gets_through(number: str, before: str, after: str) -> None:
    assert redacted(number) == mask(number)
    assert number not in redacted(f"{before} {number} {after}")
    assert number not in str(shown("to", {"nested": [f"<{number}>"]}))


def test_a_line_of_json_has_fields_and_no_texts(stream: io.StringIO) -> None:
    set_up_logging("json", "debug", stream)
    extra = {"to": "+15551234567", "text": "my pin is 1234", "carrier": "sim", "parts": 2, "password": "hunter2"}
    logging.getLogger("careline.test").info("submitted %s to %s", 7, "+15551234567", extra=extra)
    (line,) = lines(stream)
    assert line["message"] == "submitted 7 to +1555…67"
    assert (line["to"], line["text"], line["password"]) == ("+1555…67", "<14 characters>", "…")
    assert (line["carrier"], line["parts"], line["level"], line["logger"]) == ("sim", 2, "info", "careline.test")
    assert str(line["at"]).endswith("Z")


def test_exceptions_are_redacted_too(stream: io.StringIO) -> None:
    set_up_logging("json", "info", stream)
    try:
        raise ValueError("no route to +15551234567, password=hunter2")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "ValueError: no route to +1555…67, password=…" in str(lines(stream)[0]["exception"])


def test_arguments_that_do_not_fit_are_not_shown(stream: io.StringIO) -> None:
    set_up_logging("json", "info", stream)
    logging.getLogger("x").info("one %s", "my pin", "is 1234")  # noqa: PLE1205 - the mistake is what is tested
    assert lines(stream)[0]["message"] == "one %s (its arguments do not fit)"


def test_chatty_libraries_are_kept_quiet(stream: io.StringIO) -> None:
    set_up_logging("json", "debug", stream)
    logging.getLogger("smpplib.client").debug("bind password")
    logging.getLogger("slixmpp.xmlstream").info("<body>hello</body>")
    assert not stream.getvalue()


def test_the_console_is_one_line_for_people(stream: io.StringIO) -> None:
    set_up_logging("console", "info", stream)
    logging.getLogger("x").warning("a\nb", extra={"carrier": "sim"})
    assert stream.getvalue().endswith("warning  x: a\\nb carrier=sim\n")


def test_metrics_have_our_prefix_and_a_registry_of_their_own() -> None:
    metrics = Metrics()
    Metrics()  # a second one does not clash
    metrics.messages.labels("mt", "delivered").inc()
    metrics.receipts.labels("sim", "parked").inc()
    metrics.batch_size.observe(17)
    metrics.queue_depth.labels("outgoing").set(3)
    body, content_type = metrics.exposition()
    text = body.decode()
    assert 'careline_messages_total{direction="mt",disposition="delivered"} 1.0' in text
    assert content_type.startswith("text/plain")
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert all(name.startswith("careline_") for name in names)


async def test_the_loop_is_watched() -> None:
    metrics = Metrics()
    watch = asyncio.create_task(watch_loop(metrics, interval=0.001))
    deadline = asyncio.get_running_loop().time() + 5
    while "careline_loop_lag_worst_seconds 0.0\n" in metrics.exposition()[0].decode():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0)
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch
