"""TLS to a carrier: verified by default, never given up for a plain connection."""

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from gateway.channels.smpp import BadProfile, CarrierProfile, read_errors
from gateway.channels.smpp.keeper import tls_context
from gateway.model.channel import Fault, LinkState
from gateway.model.message import Outcome
from tests.channels.smpp.conftest import MakeLink
from tests.doubles.raw_smsc import RawSmsc

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A certificate for localhost, signed by itself, and its key."""
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    assert OPENSSL is not None
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [OPENSSL, *made.split(" "), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    return cert, key


def server_context(certificate: tuple[str, str], *, client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate[0])
    return context


@needs_openssl
@pytest.mark.parametrize("client", [False, True])
async def test_round_trip_over_tls(make_link: MakeLink, certificate: tuple[str, str], client: bool) -> None:
    cert, key = certificate
    own = {"tls_cert_file": cert, "tls_key_file": key} if client else {}
    async with RawSmsc(tls=server_context(certificate, client=client)) as smsc:
        link, desk = await make_link(smsc.port, host="localhost", tls=True, tls_ca_file=cert, **own)
        await desk.up()
        [answer] = await desk.send(desk.part())
        assert answer.outcome is Outcome.accepted
        await link.stop(1)


@needs_openssl
async def test_an_unknown_certificate_or_a_plain_server_is_no_carrier(
    make_link: MakeLink, certificate: tuple[str, str]
) -> None:
    async with RawSmsc(tls=server_context(certificate)) as smsc:
        link, desk = await make_link(smsc.port, host="localhost", tls=True)
        await desk.until(lambda: link.counters["connect_failed"] >= 2)
        assert "certificate" in link.status().reason.lower()
        wrong, desk = await make_link(smsc.port, host="127.0.0.1", tls=True, tls_ca_file=certificate[0])
        await desk.until(lambda: wrong.counters["connect_failed"] >= 2)
        named, desk = await make_link(
            smsc.port, host="127.0.0.1", tls=True, tls_ca_file=certificate[0], tls_server_name="localhost"
        )
        await desk.up()
        await named.stop(0)
        open_door, desk = await make_link(smsc.port, tls=True, tls_verify=False)
        await desk.up()
        await open_door.stop(0)
    async with RawSmsc() as plain:
        link, desk = await make_link(plain.port, host="localhost", tls=True, bind_timeout=1)
        await desk.until(lambda: link.counters["connect_failed"] >= 1)
        assert plain.attempts == 0
        assert link.status().state is LinkState.down


@needs_openssl
async def test_a_peer_that_reads_nothing_over_tls_is_left(
    make_link: MakeLink, certificate: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with RawSmsc(tls=server_context(certificate)) as smsc:
        link, desk = await make_link(smsc.port, tls=True, tls_verify=False, window=200_000, response_timeout=0.3)
        await desk.up()
        smsc.may_read.clear()
        while link.room() and not link.counters["write_timeout"]:
            link.submit([desk.part("x" * 160) for _ in range(500)])
            await asyncio.sleep(0)
        await desk.until(lambda: link.counters["write_timeout"])
        await desk.until(lambda: len(desk.answers) >= link.counters["submitted"])
        smsc.may_read.set()
        await desk.up()
        await link.stop(1)
    assert link.counters["write_timeout"] == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_tls_settings(tmp_path: Path) -> None:
    profile = CarrierProfile("c", "h", 1, "u", tls=True)
    context = tls_context(profile)
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert tls_context(CarrierProfile("c", "h", 1, "u")) is None
    with pytest.raises(OSError, match="No such file"):
        tls_context(CarrierProfile("c", "h", 1, "u", tls=True, tls_ca_file=str(tmp_path / "none.pem")))


async def test_a_missing_file_is_told_and_crashes_nothing(make_link: MakeLink) -> None:
    link, desk = await make_link(1, tls=True, tls_ca_file="/nowhere/ca.pem")
    await desk.until(lambda: link.counters["connect_failed"] >= 2)
    assert link.status().reason == "a file of its tls (/nowhere/ca.pem): no such file or directory"


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0}, {"port": 70000}, {"password": "x" * 9}, {"system_id": "a\0b"}, {"binds": 0},
        {"window": 0}, {"tps": -1}, {"interface_version": "4.0"}, {"enquire_interval": 0}, {"bind_timeout": -1},
        {"country": "+1"}, {"bind": "both"}, {"long_messages": "udh"}, {"default_alphabet": "utf8"},
        {"message_id": "x"},
    ],
)  # fmt: skip
def test_profiles_that_cannot_work(wrong: dict[str, object]) -> None:
    with pytest.raises(BadProfile):
        CarrierProfile(**({"name": "c", "host": "h", "port": 1, "system_id": "u"} | wrong))  # type: ignore[arg-type]


def test_profile_keeps_its_secret_and_reads_errors() -> None:
    assert "hunter2" not in repr(CarrierProfile("c", "h", 1, "u", "hunter2"))
    assert read_errors({"0x0B": "bad_number", "1025": "throttled"}) == {0x0B: Fault.bad_number, 1025: Fault.throttled}
    for bad in ({"x": "bad_number"}, {"1": "nonsense"}):
        with pytest.raises(BadProfile):
            read_errors(bad)
