"""Kannel at the other end: its SMSC (`drive_smpp`) as the carrier of our link, and its bearerbox as the ESME of our
simulated carrier. Everything on loopback, in a folder of the test's own, ended by process id.
"""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.model.channel import Encoding
from gateway.model.message import Outcome
from gateway.model.segments import split
from gateway.simulator import Faults, SimulatedCarrier
from tests.channels.smpp.conftest import MakeLink, free_port

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

BEARERBOX, SMSBOX = Path("/usr/sbin/bearerbox"), Path("/usr/sbin/smsbox")
DRIVE_SMPP = Path("/usr/lib/kannel/test/drive_smpp")
DRIVE_BOX_PORT = 13001  # compiled into drive_smpp: it ends itself when nothing listens there for 3 s
KILL_AFTER = 10.0  # a bearerbox with reports in line outlives SIGTERM for a while
PHONE = "+15551234567"
DELIVERED, UNDER_WAY, TAKEN = "1", "4", "8"  # Kannel's user guide, dlr-mask
LONG = "Your flight AA12 now leaves at 18:40 from gate B7. " * 6
CONFIG = """
group = core
admin-port = {admin}
admin-interface = "127.0.0.1"
admin-password = secret
smsbox-port = {box}
smsbox-interface = "127.0.0.1"
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
dlr-storage = internal
store-type = file
store-location = "{folder}/store"

group = smsc
smsc = smpp
smsc-id = sim
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = kannel
smsc-password = pw
system-type = ""
msg-id-type = 0x00
enquire-link-interval = 30

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {send}
sendsms-interface = "127.0.0.1"
global-sender = 70007

group = sendsms-user
username = u
password = p
concatenation = true
max-messages = 10

group = sms-service
keyword = default
text = "You wrote: %a"
catch-all = true
concatenation = true
max-messages = 3
"""


def needs(*programs: Path) -> pytest.MarkDecorator:
    """Skips by name where Kannel cannot be installed."""
    missing = [str(program) for program in programs if not program.exists()]
    return pytest.mark.skipif(bool(missing), reason=f"kannel is not installed ({', '.join(missing)})")


@asynccontextmanager
async def program(path: Path, *arguments: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running program of Kannel's; what it says goes to `log`."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            path, *arguments, cwd=log.parent, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        # By its number: `process.terminate` may reap one that just ended, and the loop then wonders where it went.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), KILL_AFTER)
        except TimeoutError:
            process.kill()
            await process.wait()


def said(log: Path) -> str:
    """All that a program said so far."""
    return log.read_text("utf-8", "replace")


async def until(what: str, so: Callable[[], object], log: Path, seconds: float = 30) -> None:
    """Waits until it is so, looking every 20 ms. Raises AssertionError with the end of what the program said."""
    begun = time.monotonic()
    while not so():
        assert time.monotonic() - begun < seconds, f"not within {seconds:g} s: {what}\n{said(log)[-3000:]}"
        assert "PANIC" not in said(log), said(log)[-3000:]
        await asyncio.sleep(0.02)  # between two looks


# -- Kannel as the carrier


@needs(DRIVE_SMPP)
async def test_kannel_as_the_carrier_of_our_link(make_link: MakeLink, tmp_path: Path) -> None:
    """Texts both ways over a transmitter and a receiver, which is all that this SMSC knows; a long one in its parts."""
    log, port = tmp_path / "drive_smpp.log", free_port()
    try:
        box = await asyncio.start_server(_silent_box, "127.0.0.1", DRIVE_BOX_PORT)
    except OSError as error:
        pytest.skip(f"port {DRIVE_BOX_PORT}, which Kannel's drive_smpp insists on, is taken: {error}")
    async with box, program(DRIVE_SMPP, "-v", "0", "-p", str(port), "-m", "20", log=log):
        link, desk = await make_link(port, bind="transmitter+receiver")
        await desk.up()
        await desk.until(lambda: len(desk.texts) == 20)
        assert [text.text for text in desk.texts] == [str(number) for number in range(1, 21)]
        assert {(text.sender, text.to) for text in desk.texts} == {("456", "123")}
        await until("all is answered", lambda: said(log).count("of type deliver_sm_resp") == 20, log)
        assert said(log).count("of type enquire_link_resp") == 20

        cut = split(LONG, Encoding.gsm7, "udh16")
        long = [desk.part(text, part=n, parts=len(cut), reference=7) for n, text in enumerate(cut, 1)]
        answers = await desk.send(desk.part("Your code is 4711"), *long)
        assert {answer.outcome for answer in answers} == {Outcome.accepted}
        taken = re.findall(r"submit_sm: short_message = <([^>]*)>", said(log))
        assert taken[0] == "Your code is 4711"
        assert len(taken) == 1 + len(cut) == 4
        assert "ERROR: Unhandled" not in said(log)
        await link.stop(1)


async def _silent_box(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Stands for the bearerbox whose smsbox drive_smpp also plays."""
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


# -- Kannel as the ESME of the simulated carrier


@dataclass
class Kannel:
    """A bearerbox and a smsbox that are bound to the simulated carrier. reports: (type, text) of each receipt."""

    folder: Path
    session: aiohttp.ClientSession
    ports: dict[str, int]
    reports: list[tuple[str, str]] = field(default_factory=list)

    async def status(self) -> str:
        """What the bearerbox says of itself; "" while it does not answer."""
        try:
            async with self.session.get(f"http://127.0.0.1:{self.ports['admin']}/status.txt?password=secret") as got:
                return await got.text()
        except aiohttp.ClientError:
            return ""

    async def send(self, text: str) -> str:
        """A text by the smsbox's HTTP interface, with receipts of all kinds wanted (dlr-mask 31)."""
        report = f"http://127.0.0.1:{self.ports['reports']}/report?type=%d&text=%A"
        query = {"username": "u", "password": "p", "from": "70007", "to": PHONE, "text": text}
        more = {"dlr-mask": "31", "dlr-url": report}
        async with self.session.get(
            f"http://127.0.0.1:{self.ports['send']}/cgi-bin/sendsms", params=query | more
        ) as got:
            assert got.status == 202, await got.text()
            return await got.text()

    def kinds(self) -> set[str]:
        """The kinds of receipts that came."""
        return {kind for kind, _ in self.reports}

    async def report(self, request: web.Request) -> web.Response:
        """Where Kannel tells what became of a text."""
        self.reports.append((request.query["type"], request.query["text"]))
        return web.Response(text="ok")


@asynccontextmanager
async def kannel(carrier: SimulatedCarrier, folder: Path) -> AsyncIterator[Kannel]:
    """A running Kannel that is bound."""
    ports = {name: free_port() for name in ("admin", "box", "send")}
    config = folder / "kannel.conf"
    config.write_text(CONFIG.format(folder=folder, smsc=carrier.port, **ports), "utf-8")
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        running = Kannel(folder, session, ports)
        app = web.Application()
        app.router.add_get("/report", running.report)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports["reports"] = runner.addresses[0][1]
        logs = [folder / "bearerbox.log", folder / "smsbox.log"]
        await stack.enter_async_context(program(BEARERBOX, str(config), log=logs[0]))
        await _online(running, logs[0], "(online")
        await stack.enter_async_context(program(SMSBOX, str(config), log=logs[1]))
        await _online(running, logs[1], "smsbox:")
        yield running


async def _online(running: Kannel, log: Path, sign: str) -> None:
    """Waits for the bearerbox to say that somebody is there."""
    begun = time.monotonic()
    while sign not in await running.status():
        assert time.monotonic() - begun < 30, said(log)[-3000:]
        assert "PANIC" not in said(log), said(log)[-3000:]
        await asyncio.sleep(0.02)  # between two looks


@needs(BEARERBOX, SMSBOX)
@pytest.mark.parametrize("form", ["text", "tlv", "both"])
async def test_kannel_as_the_esme_of_the_simulated_carrier(tmp_path: Path, form: str) -> None:
    """A text out with its receipts, a long one, and a text in that Kannel answers; receipts in three forms."""
    faults, log = Faults(dlr_ms=0, dlr_form=form), tmp_path / "smsbox.log"
    async with SimulatedCarrier(faults=faults, http_port=None) as carrier, kannel(carrier, tmp_path) as peer:
        await peer.send("Hello")
        await until("it is delivered", lambda: peer.kinds() >= {DELIVERED}, log)
        assert peer.kinds() == {TAKEN, UNDER_WAY, DELIVERED}
        peer.reports.clear()
        await peer.send(LONG.strip())
        await carrier.wait_rows("submit_sm", 3)
        await until("the long one is delivered", lambda: peer.kinds() >= {DELIVERED}, log)
        answer = await carrier.mo(PHONE, "70007", "yes")
        assert answer.status == 0
        await carrier.wait_rows("submit_sm", 4)
        shown = [(bubble["text"], bubble["state"]) for bubble in carrier.phones.messages(PHONE.lstrip("+"))]
        assert [text for text, _ in shown] == ["Hello", LONG.strip(), "yes", "You wrote: yes"]
        # Kannel asks for the receipt of a long text's first part alone.
        assert [state for _, state in shown[:2]] == ["DELIVRD", "accepted"]
    assert carrier.record.counts["unbind"] == 1
