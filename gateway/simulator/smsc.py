"""The SMPP side of the simulated carrier: who is bound, and what each PDU of a gateway leads to."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable
from typing import Any

from gateway.simulator import wire
from gateway.simulator.faults import Faults
from gateway.simulator.outbox import Outbox
from gateway.simulator.phones import Phones
from gateway.simulator.record import Record
from gateway.simulator.session import Session
from gateway.simulator.submits import Submits
from gateway.simulator.texts import Texts

SESSIONS = 1_000
UNBIND_SECONDS = 0.5
_BINDS = ("bind_transmitter", "bind_receiver", "bind_transceiver")


class Smsc:
    """An SMSC on one event loop. `system_id` and `password`, when given, are the only ones that may bind."""

    def __init__(
        self,
        faults: Faults,
        record: Record,
        phones: Phones,
        *,
        system_id: str | None = None,
        password: str | None = None,
        first_id: int | None = None,
    ) -> None:
        self.faults, self.record, self.phones = faults, record, phones
        self._system_id, self._password = system_id, password
        self._sessions: dict[int, Session] = {}
        self.outbox = Outbox(faults, record, self._sessions.values())
        self.submits = Submits(faults, record, phones, self.outbox, self._later, first_id)
        self.texts = Texts(faults, record, phones, self.outbox)
        self.on_state: Callable[[], None] | None = None
        self._server: asyncio.Server | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._connections = 0
        self._empty = asyncio.Event()  # set while nobody is connected
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def sessions(self) -> list[Session]:
        """Connections, in the order they came."""
        return list(self._sessions.values())

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port (that of the system's choice for 0). Raises `OSError`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, host, port)
        self._sweeping()
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Unbind all, wait at most `UNBIND_SECONDS` for them to leave, cut those that stay."""
        if self._server is not None:
            self._server.close()
        for session in self.sessions:
            if session.mode:
                session.write(wire.header("unbind", session.next_sequence()))
            else:
                session.close()
        if self._sessions:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UNBIND_SECONDS):
                    await self._empty.wait()
        for handle in [*self._timers, self._sweep]:
            if handle is not None:
                handle.cancel()
        self.outbox.close()
        for session in self.sessions:
            session.abort()
        if self._server is not None:
            await self._server.wait_closed()
            await asyncio.sleep(0)  # lets aborted connections end before the loop does

    def set(self, changes: dict[str, Any]) -> None:
        """Change faults. Raises `ValueError`."""
        self.faults.put(changes)
        if {"seed", "drop_after"} & changes.keys():
            self.submits.reset()
            self.texts.reset()
        self.outbox.pump_all()
        self._changed()

    def drop(self) -> int:
        """Cut all connections now; returns how many."""
        sessions = self.sessions
        for session in sessions:
            session.abort()
        return len(sessions)

    def raw(self, octets: bytes) -> None:
        """Put bytes onto each bind that receives, whatever they are."""
        for session in self.sessions:
            if session.receives:
                session.write(octets)

    def state(self) -> dict[str, Any]:
        """For `GET /state`: `set`, `sessions` (bound ones) and `submits` as the npm peer has them, and more."""
        bound = [session.as_dict() for session in self.sessions if session.mode]
        return {
            "set": self.faults.as_dict(), "sessions": len(bound), "submits": self.submits.count,
            "binds": bound, "waiting": self.outbox.waiting, "rows": self.record.count,
        }  # fmt: skip

    def _session(self) -> Session:
        self._connections += 1
        session = Session(self._connections, self._pdu, self._bad, self._closed)
        self._sessions[session.number] = session
        self._empty.clear()
        if len(self._sessions) > SESSIONS:
            asyncio.get_running_loop().call_soon(session.abort)
        return session

    def _closed(self, session: Session) -> None:
        self._sessions.pop(session.number, None)
        if not self._sessions:
            self._empty.set()
        self.outbox.lost(session)
        self._changed()
        self.record.note("close", {"session": session.number, "system_id": session.system_id})

    def _bad(self, session: Session, bad: wire.BadPdu) -> None:
        row = {"error": str(bad.args[0]), "sequence": bad.sequence, "status": bad.status, "session": session.number}
        self.record.note("bad_pdu", row)

    def _pdu(self, session: Session, pdu: wire.Pdu) -> None:
        """One PDU of a gateway. What goes wrong here (a full disk under the record) is said, and the link goes on."""
        try:
            self._dispatch(session, pdu)
        except Exception as error:  # noqa: BLE001 - as the docstring says
            session.write(wire.header("generic_nack", pdu.sequence, wire.RSYSERR))
            with contextlib.suppress(OSError):
                self.record.note("error", {"error": f"{type(error).__name__}: {error}", "command": pdu.command})

    def _dispatch(self, session: Session, pdu: wire.Pdu) -> None:
        name = pdu.command
        if name in _BINDS:
            self._bind(session, pdu)
        elif name in ("submit_sm", "data_sm", "query_sm"):
            if not session.submits:
                self._refuse(session, pdu, wire.RINVBNDSTS)
            elif name == "query_sm":
                self.submits.query(session, pdu)
            else:
                self.submits.take(session, pdu)
        elif name in ("deliver_sm_resp", "generic_nack"):
            delivery = session.sent.get(pdu.sequence)
            about = {"what": delivery.what, **(delivery.about or {})} if delivery else {}
            self.record.note(name, self._row(session, pdu) | about)
            self.outbox.answered(session, pdu)
        elif name == "enquire_link":
            self.record.note(name, self._row(session, pdu))
            if self.faults.enquire == "ok":
                session.write(wire.header("enquire_link_resp", pdu.sequence))
        elif name == "unbind":
            self.record.note(name, self._row(session, pdu))
            session.write(wire.header("unbind_resp", pdu.sequence))
            session.close()
        elif name == "unbind_resp":
            self.record.note(name, self._row(session, pdu))
            session.close()
        elif name.endswith("_resp"):
            self.record.note(name, self._row(session, pdu))
        else:
            self._refuse(session, pdu, wire.RINVCMDID)

    def _bind(self, session: Session, pdu: wire.Pdu) -> None:
        system_id = pdu.text("system_id")
        status = wire.RALYBND if session.mode else self._bind_status(system_id, pdu.text("password"))
        row = {"system_id": system_id, "interface_version": pdu.number("interface_version"), "status": status}
        self.record.note(pdu.command, self._row(session, pdu) | row)
        if self.faults.bind == "never":
            return
        if status:
            session.write(wire.build(pdu.command + "_resp", pdu.sequence, status))
            return
        session.mode, session.system_id = pdu.command, system_id
        fields: dict[str, Any] = {"system_id": "careline-sim"}
        if pdu.number("interface_version") >= 0x34:
            fields["sc_interface_version"] = 0x34
        session.write(wire.build(pdu.command + "_resp", pdu.sequence, **fields))
        self._changed()
        self.outbox.pump_all()

    def _bind_status(self, system_id: str, password: str) -> int:
        fault = {"password": wire.RINVPASWD, "system_id": wire.RINVSYSID, "fail": wire.RBINDFAIL}.get(self.faults.bind)
        if fault is not None:
            return fault
        if self._system_id is not None and system_id != self._system_id:
            return wire.RINVSYSID
        if self._password is not None and not hmac.compare_digest(password.encode(), self._password.encode()):
            return wire.RINVPASWD
        return wire.ROK

    def _refuse(self, session: Session, pdu: wire.Pdu, status: int) -> None:
        self.record.note(
            "bad_pdu", {**self._row(session, pdu), "error": wire.status_name(status), "command": pdu.command}
        )
        if status == wire.RINVCMDID:
            session.write(wire.header("generic_nack", pdu.sequence, status))
        else:
            session.write(wire.build(pdu.command + "_resp", pdu.sequence, status))

    @staticmethod
    def _row(session: Session, pdu: wire.Pdu) -> dict[str, Any]:
        return {"sequence": pdu.sequence, "status": pdu.status, "session": session.number}

    def _later(self, milliseconds: float, call: Callable[[], None]) -> None:
        def due() -> None:
            self._timers.discard(handle)
            call()

        handle = asyncio.get_running_loop().call_later(milliseconds / 1000, due)
        self._timers.add(handle)

    def _sweeping(self) -> None:
        loop = asyncio.get_running_loop()
        self.outbox.sweep(loop.time())
        self._sweep = loop.call_later(1.0, self._sweeping)

    def _changed(self) -> None:
        if self.on_state is not None:
            self.on_state()
