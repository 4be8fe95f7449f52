"""The channel of one carrier: its binds as one link, one rate over all of them, one window for each."""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from gateway.channels.smpp import faults
from gateway.channels.smpp.keeper import BindKeeper
from gateway.channels.smpp.owner import SessionState
from gateway.channels.smpp.pace import Pace
from gateway.channels.smpp.profile import CarrierProfile
from gateway.channels.smpp.session import SmppSession, Token
from gateway.channels.smpp.sms import BadPart, SubmitWriter
from gateway.model.channel import (
    ChannelEvents,
    InboundPart,
    LinkState,
    LinkStatus,
    Part,
    PartAnswer,
    Receipt,
)
from gateway.model.message import Outcome

log = logging.getLogger("gateway.smpp")

# what a bind is made with; a change of anything else needs no new bind
_IDENTITY = (
    *("name", "host", "port", "system_id", "password", "system_type", "address_range", "addr_ton", "addr_npi"),
    *("interface_version", "bind", "binds", "backoff_first", "backoff_limit"),
    *("tls", "tls_verify", "tls_ca_file", "tls_cert_file", "tls_key_file", "tls_server_name"),
)
_REFUSALS = 3  # authentication refusals in a row after which we no longer knock
_SHORTEST_WAKE = 0.02  # seconds; at high rates the tokens of so long are waited for together


class _SessionNumbers:
    """Start of a session in ms, unique in this process even for two in one ms, and whatever the wall clock does."""

    newest = 0

    def next(self, wall: Callable[[], float]) -> int:
        self.newest = max(self.newest + 1, int(wall() * 1000))
        return self.newest


_numbers = _SessionNumbers()


class SmppLink:
    """A `Channel` over SMPP. Everything runs on the event loop it was started on.

    clock: monotonic seconds. wall: seconds since the epoch, for session numbers. counters: name -> count since start,
    one namespace over all binds.
    """

    def __init__(
        self,
        profile: CarrierProfile,
        events: ChannelEvents,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.profile = profile
        self.name = profile.name
        self.counters: Counter[str] = Counter()
        self._events = events
        self._clock = clock
        self._wall = wall
        self._writer = SubmitWriter(profile)
        self._pace = Pace(profile.tps, clock)
        self._keepers: list[BindKeeper] = []
        self._senders: list[SmppSession] = []  # bound and allowed to submit
        self._refusals = 0
        self._refused = ""
        self._stopping = False
        self._starved = True
        self._wake: asyncio.TimerHandle | None = None
        self._drained = asyncio.Event()
        self._left_unanswered = (0, -math.inf)

    # Channel

    async def start(self) -> None:
        """Begins to connect, and returns at once. Called again after a refusal, it tries again."""
        self._refusals, self._refused, self._stopping = 0, "", False
        if not self._keepers:
            roles = [role for _ in range(self.profile.binds) for role in self.profile.roles]
            self._keepers = [BindKeeper(self, index, role, self._clock) for index, role in enumerate(roles, start=1)]
        for keeper in self._keepers:
            keeper.start()

    async def stop(self, drain: float) -> None:
        """Stops sending and taking texts, waits up to `drain` seconds for open answers, those of the carrier and ours,
        unbinds, and reports what is left as in doubt.
        """
        self._stopping = True
        for keeper in self._keepers:
            if keeper.session is not None:
                keeper.session.taking = False
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        self._drained.clear()
        if not self._quiet():
            try:
                await asyncio.wait_for(self._drained.wait(), drain)
            except TimeoutError:
                log.warning("carrier %s: %d parts have no answer yet", self.name, self._in_flight())
        await asyncio.gather(*(keeper.stop() for keeper in self._keepers))

    def reload(self, profile: CarrierProfile) -> bool:
        """Takes a changed profile over without dropping a bind.

        False, and nothing changed, where it is about who and where we are or how many binds: that takes a new link.
        """
        if any(getattr(profile, name) != getattr(self.profile, name) for name in _IDENTITY):
            return False
        self.profile = profile
        self._writer = SubmitWriter(profile)
        self._pace.reset(profile.tps)
        for keeper in self._keepers:
            if keeper.session is not None:
                keeper.session.reconfigure(profile, self._writer)
        self._tell_ready()
        return True

    def room(self) -> int:
        """How many parts may be handed over now: free window slots, bounded by TPS tokens. 0 while no bind may send."""
        if self._stopping or not self._senders:
            return 0
        free = 0
        for session in self._senders:
            free += session.free
        room = self._pace.room(free) if free else 0
        if not room:
            self._starved = True
            if free:
                self._wake_later()
        return room

    def submit(self, parts: Sequence[Part]) -> None:
        """Takes at most `room()` parts whose attempts are journalled, and writes them in one go.

        A part that fits nowhere is answered in the next turn: refused when it is itself at fault, unsent when it was
        one too many.
        """
        turned_down: list[PartAnswer] = []
        taken = 0
        for part in parts:
            session = None if self._stopping else self._pick(part)
            if session is None:
                self.counters["unsent"] += 1
                turned_down.append(PartAnswer(part.attempt, Outcome.unsent))
                continue
            try:
                session.submit(part)
            except BadPart as bad:
                self.counters["refused"] += 1
                log.warning("carrier %s: a part cannot be written: %s", self.name, bad.fault)
                turned_down.append(PartAnswer(part.attempt, Outcome.refused, fault=bad.fault))
            else:
                taken += 1
        self._pace.take(taken)
        self.counters["submitted"] += taken
        if turned_down:
            asyncio.get_running_loop().call_soon(self._events.answers, turned_down)

    def acknowledge(self, tokens: Sequence[object], *, accepted: bool) -> None:
        """Answers inbound texts and receipts: accepted, or "try again later". Called after the commit.

        Tokens of connections that are gone, and those answered before, are ignored: the carrier delivers again.
        """
        status = faults.STATUS_OK if accepted else faults.TRY_LATER
        for token in tokens:
            if isinstance(token, Token):
                token.session.acknowledge(token, status)
        if self._stopping and self._quiet():
            self._drained.set()

    def postpone(self, tokens: Sequence[object]) -> None:
        """These are committed and will be acknowledged within moments: they keep no session from reading on."""
        for token in tokens:
            if isinstance(token, Token):
                token.session.postpone(token)

    def left_unanswered(self, seconds: float) -> bool:
        """Whether a connection was lost so lately with texts that had no answer: the carrier may bring them again."""
        return self._clock() - self._left_unanswered[1] < seconds

    def sessions(self) -> frozenset[int]:
        """Numbers of the sessions that are bound now."""
        return frozenset(k.session.number for k in self._keepers if k.bound and k.session is not None)

    def status(self) -> LinkStatus:
        """For operators."""
        state, reason = self._state()
        return LinkStatus(
            name=self.name,
            state=state,
            reason=reason,
            binds=tuple(self._describe(keeper) for keeper in self._keepers),
            window=self.profile.window * max(1, len(self._senders)),
            in_flight=self._in_flight(),
            tps=self._pace.rate,
            counters=dict(self.counters),
        )

    # SessionOwner and KeeperOwner

    def new_session(self, role: str) -> SmppSession:
        """A session to be connected."""
        return SmppSession(self.profile, role, _numbers.next(self._wall), self, self._writer, self._clock)

    def session_bound(self) -> None:
        """It may send from now on."""
        self._count_senders()
        self.changed()

    def session_read(self, inbound: list[InboundPart | Receipt], answers: list[PartAnswer]) -> None:
        """One read of one socket: one call for its texts, one for its answers."""
        if answers:
            if not self._pace.rate:  # what a carrier takes is only measured where nobody said it
                self._pace.accepted(sum(answer.outcome is Outcome.accepted for answer in answers))
            self._events.answers(answers)
        if inbound:
            self._events.inbound(inbound)
        if answers:
            self._freed()

    def session_lost(self, answers: list[PartAnswer]) -> None:
        """Its parts are accounted for; the other binds go on."""
        if (unanswered := self.counters["lost_unacknowledged"]) != self._left_unanswered[0]:
            self._left_unanswered = (unanswered, self._clock())
        self._count_senders()
        if answers:
            self._events.answers(answers)
            self._freed()
        self.changed()

    def session_throttled(self, status: int) -> None:
        """The whole link pauses: the carrier counts us as one."""
        self.counters["throttled"] += 1
        if self._pace.throttled():
            self.counters["slowed"] += 1
            log.warning("carrier %s: %s; %.3g parts a second now", self.name, faults.describe(status), self._pace.rate)
        self._starved = True
        self._wake_later()

    def session_ready(self) -> None:
        """The kernel takes again."""
        if self._starved and not self._stopping:
            self._tell_ready()

    def bind_refused(self, status: int) -> bool:
        """Counts refusals over all binds; the third in a row ends all tries, so that a carrier does not lock us out."""
        self._refusals += 1
        if self._refusals < _REFUSALS:
            return True
        if not self._refused:
            self._refused = faults.describe(status)
            log.error(
                "ALARM carrier %s refused the bind %d times (%s) and is not tried again: check system_id, password,"
                " system_type and the allowed addresses with the carrier, then reload or restart",
                self.name,
                self._refusals,
                self._refused,
            )
        return False

    def bind_accepted(self) -> None:
        """The name and the password are right."""
        self._refusals, self._refused = 0, ""

    def changed(self) -> None:
        """A bind came or went."""
        if not self._stopping:
            self._tell_ready()

    # inside

    def _count_senders(self) -> None:
        sessions = [keeper.session for keeper in self._keepers if keeper.bound and keeper.role != "receiver"]
        self._senders = [session for session in sessions if session is not None]

    def _pick(self, part: Part) -> SmppSession | None:
        """The bind for a part: texts to one phone over one bind while it has room, so that they stay in order."""
        senders = self._senders
        if len(senders) == 1:
            return senders[0] if senders[0].free else None
        if not senders:
            return None
        session = senders[hash(part.to) % len(senders)]
        if session.free:
            return session
        session = max(senders, key=lambda candidate: candidate.free)
        return session if session.free else None

    def _in_flight(self) -> int:
        return sum(len(session.window) for session in self._senders)

    def _quiet(self) -> bool:
        """Nobody waits for an answer: no part of ours, and no text of the carrier's that was taken."""
        if self._in_flight():
            return False
        return not any(keeper.session.waiting for keeper in self._keepers if keeper.bound and keeper.session)

    def _freed(self) -> None:
        if self._stopping:
            if self._quiet():
                self._drained.set()
        elif self._starved:
            self._tell_ready()

    def _tell_ready(self) -> None:
        self._starved = False
        self._events.ready(self.name)

    def _wake_later(self) -> None:
        """Tells care when tokens are back, or the pause is over."""
        if self._wake is None and not self._stopping:
            delay = max(self._pace.wait() or 0.0, _SHORTEST_WAKE)
            self._wake = asyncio.get_running_loop().call_later(delay, self._woken)

    def _woken(self) -> None:
        self._wake = None
        self._tell_ready()

    def _state(self) -> tuple[LinkState, str]:
        bound = [keeper for keeper in self._keepers if keeper.bound]
        useful = [keeper for keeper in bound if keeper.role != "receiver" or self.profile.bind == "receiver"]
        down = next((keeper.reason for keeper in self._keepers if not keeper.bound), "not started")
        if useful and len(bound) == len(self._keepers):
            return LinkState.up, ""
        if useful:
            return LinkState.degraded, down
        if self._refused and not any(keeper.running for keeper in self._keepers):
            return LinkState.refused, f"the carrier refuses the bind: {self._refused}"
        return LinkState.down, down

    def _describe(self, keeper: BindKeeper) -> Mapping[str, object]:
        session = keeper.session
        return {
            "bind": keeper.index,
            "role": keeper.role,
            "state": str(session.state if session is not None else SessionState.closed),
            "reason": keeper.reason,
            "session": session.number if session is not None else None,
            "in_flight": len(session.window) if session is not None else 0,
            "unacknowledged": session.waiting if session is not None else 0,
        }
