"""The signed POST: whatever stands in the configuration, the gateway starts and signs."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from gateway.channels.callout import Callout, Peer


@pytest.mark.parametrize(
    "secret", ["whsec_...", "whsec_", "x", "p\u00e4ssword", "whsec_YmVuY2gtYmFjay1vZmZpY2Utc2VjcmV0"]
)
def test_any_secret_signs(secret: str) -> None:
    callout = Callout({"billing": Peer("http://127.0.0.1:1/", secret)}, lambda: 0)
    signature = callout._signers["billing"].sign("id", datetime.now(UTC), "{}")
    assert signature.startswith("v1,")


def test_a_proper_secret_is_used_as_the_standard_says() -> None:
    secret = "whsec_YmVuY2gtYmFjay1vZmZpY2Utc2VjcmV0"
    at = datetime(2026, 11, 22, tzinfo=UTC)
    ours = Callout({"billing": Peer("http://127.0.0.1:1/", secret)}, lambda: 0)._signers["billing"]
    assert ours.sign("id", at, "{}") == Webhook(secret).sign("id", at, "{}")


async def test_nobody_there_is_an_answer_without_status() -> None:
    callout = Callout({"billing": Peer("http://127.0.0.1:1/", "whsec_YmVuY2g=")}, lambda: 0)
    answered = await callout.post("billing", "{}", "key", "id")
    assert answered.status is None
    assert (await callout.post("nobody", "{}", "key", "id")).body == "no back office nobody in gateway.toml"
    await callout.close()
