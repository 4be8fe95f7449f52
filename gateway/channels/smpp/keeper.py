"""Keeps one session of a carrier bound: connects, binds, waits for its end, waits a while, and begins again."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from gateway.channels.smpp import faults
from gateway.channels.smpp.owner import SessionState
from gateway.channels.smpp.pace import Backoff
from gateway.channels.smpp.profile import CarrierProfile
from gateway.channels.smpp.reach import why_not_reached
from gateway.channels.smpp.session import SmppSession

log = logging.getLogger("gateway.smpp")

_UNBIND_PATIENCE = 2.0  # seconds for the answer to our unbind


class KeeperOwner(Protocol):
    """What a keeper needs of its link."""

    profile: CarrierProfile

    def new_session(self, role: str) -> SmppSession:
        """A session to be connected."""

    def bind_refused(self, status: int) -> bool:
        """The carrier refused our name or password; whether there is any use in going on."""

    def bind_accepted(self) -> None:
        """The carrier let us in."""

    def changed(self) -> None:
        """The state of a bind changed."""


def tls_context(profile: CarrierProfile) -> ssl.SSLContext | None:
    """The TLS set-up of a carrier, None for a plain connection. TLS 1.2 or newer, the peer verified unless the profile
    says not.

    Raises:
        OSError, ssl.SSLError: a file is missing or is no PEM.
    """
    if not profile.tls:
        return None
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=profile.tls_ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if profile.tls_cert_file:
        context.load_cert_chain(profile.tls_cert_file, profile.tls_key_file or None)
    if not profile.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class BindKeeper:
    """One bind of one role. `state`, `reason` and `session` are for operators."""

    def __init__(self, link: KeeperOwner, index: int, role: str, clock: Callable[[], float]) -> None:
        profile = link.profile
        self.index = index
        self.role = role
        self.session: SmppSession | None = None
        self.reason = "not started"
        self._link = link
        self._clock = clock
        self._backoff = Backoff(profile.backoff_first, profile.backoff_limit)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._address = ""  # the last one that answered, for when the name does not resolve

    @property
    def bound(self) -> bool:
        """Whether its session is bound now."""
        return self.session is not None and self.session.state is SessionState.bound

    @property
    def running(self) -> bool:
        """Whether it goes on trying."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begins to connect; nothing if it does already."""
        if not self.running:
            self._stopping.clear()
            self._backoff.reset()
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=f"smpp {self._link.profile.name} {self.index}"
            )

    async def stop(self) -> None:
        """Unbinds and ends."""
        self._stopping.set()
        session = self.session
        if session is not None and self.bound:
            await session.unbind(_UNBIND_PATIENCE)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        if session is not None:
            await session.unbind(0)  # one that was about to bind
            self.session = None

    async def _run(self) -> None:
        while not self._stopping.is_set():
            if not await self._once():
                break
            delay = self._backoff.next()
            self._link.changed()
            try:
                await asyncio.wait_for(self._stopping.wait(), delay)
            except TimeoutError:
                continue
        self._link.changed()

    async def _once(self) -> bool:
        """One life of a session; whether there is any use in another."""
        profile = self._link.profile
        session = self.session = self._link.new_session(self.role)
        try:
            async with asyncio.timeout(profile.bind_timeout):
                await self._connect(session)
                status = await asyncio.shield(session.bound)
        except (OSError, ValueError) as error:  # ValueError: a host name that cannot be one; TimeoutError is an OSError
            self._failed(session, error)
            return True
        if status is None or status != faults.STATUS_OK:
            await session.closed
            self.session = None
            self.reason = session.closed.result()
            log.warning("carrier %s: %s bind %d: %s", profile.name, self.role, self.index, self.reason)
            return status is None or status not in faults.BIND_REFUSALS or self._link.bind_refused(status)
        self.reason = "bound"
        self._link.bind_accepted()
        log.info("carrier %s: %s bind %d is up as %s", profile.name, self.role, self.index, profile.system_id)
        since = self._clock()
        self.reason = await session.closed
        self.session = None
        level = logging.INFO if self._stopping.is_set() else logging.WARNING
        log.log(level, "carrier %s: %s bind %d is down: %s", profile.name, self.role, self.index, self.reason)
        if self._clock() - since >= profile.stable_after:
            self._backoff.reset()
        return True

    def _failed(self, session: SmppSession, error: OSError | ValueError) -> None:
        profile = self._link.profile
        session.close("the bind was not answered in time")
        self.session = None
        session.counters["connect_failed"] += 1
        reason = why_not_reached(error, profile)
        level = logging.DEBUG if reason == self.reason else logging.WARNING  # a carrier that is away is told once
        log.log(level, "carrier %s: %s bind %d does not come up: %s", profile.name, self.role, self.index, reason)
        self.reason = reason

    async def _connect(self, session: SmppSession) -> None:
        profile = self._link.profile
        context = tls_context(profile)
        server_name = (profile.tls_server_name or profile.host) if context else None
        loop = asyncio.get_running_loop()
        session.counters["connects"] += 1
        protocol = cast(asyncio.Protocol, session)  # by its methods, not by descent
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, profile.host, profile.port, ssl=context, server_hostname=server_name
            )
        except socket.gaierror:
            if not self._address:
                raise
            transport, _ = await loop.create_connection(
                lambda: protocol, self._address, profile.port, ssl=context, server_hostname=server_name
            )
        peer = transport.get_extra_info("peername")
        if peer:
            self._address = str(peer[0])
