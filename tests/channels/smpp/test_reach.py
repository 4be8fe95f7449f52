"""Why a carrier is not reached, in words that an operator can act on."""

import asyncio
import errno
import socket
import ssl

import pytest

from gateway.channels.smpp import CarrierProfile
from gateway.channels.smpp.reach import why_not_reached
from gateway.model.channel import LinkState
from tests.channels.smpp.conftest import MakeLink, free_port

WHERE = CarrierProfile(
    name="sim", host="smsc.example", port=2775, system_id="x", password="y", bind_timeout=7, tls_ca_file="/x.pem"
)
BOTH = "Multiple exceptions: [Errno 111] Connect call failed ('::1', 2775, 0, 0), [Errno 111] Connect call failed"


def _certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: x (_ssl.c:1)")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "nobody listens at smsc.example:2775"),
        (OSError(BOTH), "nobody listens at smsc.example:2775"),
        (TimeoutError(), "no answer within 7 s from smsc.example:2775"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "no answer from smsc.example:2775"),
        (OSError(errno.EHOSTUNREACH, "x"), "there is no way to smsc.example:2775"),
        (OSError(errno.ENETUNREACH, "x"), "there is no way to smsc.example:2775"),
        (socket.gaierror(socket.EAI_NONAME, "x"), "the name smsc.example cannot be resolved"),
        (UnicodeError("label too long"), "smsc.example is no name of a host"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "smsc.example:2775 broke the connection off"),
        (ConnectionResetError(), "smsc.example:2775 broke the connection off"),
        (_certificate(), "the certificate of smsc.example:2775 is not accepted: self-signed certificate"),
        (
            ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"),
            "no TLS with smsc.example:2775: wrong version number",
        ),
        (FileNotFoundError(errno.ENOENT, "No such file"), "a file of its tls (/x.pem): no such file"),
        (OSError(errno.EMFILE, "Too many open files"), "too many open files"),
    ],
)
def test_an_error_in_words(error: OSError | ValueError, said: str) -> None:
    told = why_not_reached(error, WHERE)
    assert told.startswith(said)
    assert "Error" not in told
    assert "Errno" not in told


async def test_the_state_of_a_link_says_it(make_link: MakeLink) -> None:
    port = free_port()
    link, desk = await make_link(port)
    await desk.until(lambda: link.counters["connect_failed"])
    await asyncio.sleep(0)
    status = link.status()
    assert (status.state, status.reason) == (LinkState.down, f"nobody listens at 127.0.0.1:{port}")
