"""The lobby of each queue: a chat room that shows what waits and who has what, and in which an agent takes it.

What is shown is a view, made from the store: nothing of it is kept, and after a lost connection it is right again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.care import escalation
from gateway.care.engine import Engine
from gateway.care.turn import Refused, Turn
from gateway.floor.cards import number
from gateway.floor.lines import Typed, in_slashes, slashed, typed
from gateway.floor.looking import Looking
from gateway.floor.verbs import holder
from gateway.model.desk import RoomPlan, Rooms, RoomSaid
from gateway.settings.gateway_file import Queue
from gateway.store.access import READ_FAULT
from gateway.store.database import Store
from gateway.store.lobby import RESTING, Left, Shown, left, shown
from gateway.store.units import Failure

NICK = "Careline"
LOOK_SECONDS, QUIET_SECONDS = 1.0, 5.0
"""Between looks while things change, and while nothing does."""
RETITLE_MS = 60_000
"""How often the subject is set because of the time alone: many clients show each subject as a line."""
MOST_LINES = 10
MOST_NAMED = 20
MOST_LISTED = 30
WHY_LENGTH = 80
FEWEST_DIGITS = 4
COMMANDS = ("queue", "take", "help")
HELP = (
    "here you can say .queue (what waits), .take NUMBER (its last 4 digits will do), .help; all else is your own talk"
)
log = logging.getLogger("gateway.floor.lobbies")


@dataclass(slots=True)
class _Lobby:
    """Of one queue. known: what was shown last, by id, None = nothing yet. nudged: (id, since) of what waits for long.
    counts: of the subject that is set, () = none is.
    """

    plan: RoomPlan
    queue: str
    known: Mapping[int, Shown] | None = None
    nudged: set[tuple[int, int]] = field(default_factory=set)
    counts: tuple[object, ...] = ()
    titled_at: int = 0


class Lobbies:
    """All of them. rooms: where they are. now: ms. looking: what shows them."""

    def __init__(self, store: Store, engine: Engine, rooms: Rooms, now: Callable[[], int]) -> None:
        self._store, self._engine, self._rooms, self._now = store, engine, rooms, now
        self._lobbies: dict[str, _Lobby] = {}
        self.looking = Looking("the lobbies", self.look, LOOK_SECONDS, QUIET_SECONDS)

    def has(self, jid: str) -> bool:
        """Whether a room is a lobby."""
        return jid in self._lobbies

    def entered(self, jid: str) -> None:
        """We are in, perhaps after a while: all is shown anew."""
        if (lobby := self._lobbies.get(jid)) is not None:
            lobby.counts = ()
            self.looking.poke()

    # -- what is shown

    async def look(self) -> None:
        """Shows what changed since the last look."""
        self._plan()
        if not self._lobbies:
            return
        found = await self._store.read(shown, [lobby.queue for lobby in self._lobbies.values()])
        for lobby in list(self._lobbies.values()):
            mine = {one.id: one for one in found if one.queue == lobby.queue}
            known, lobby.known = lobby.known, mine
            if not self._rooms.inside(lobby.plan.jid):
                continue
            gone = [an_id for an_id in known or () if an_id not in mine]
            went = await self._store.read(left, gone[:MOST_LINES]) if gone else {}
            self._say(lobby, self._changes(known, mine, went) + self._nudges(lobby, mine))
            self._title(lobby, list(mine.values()))

    def _plan(self) -> None:
        """As it is configured now."""
        book = self._engine.playbook
        wanted = {queue.room: queue for queue in book.queues.values() if queue.room is not None}
        for jid in [jid for jid in self._lobbies if jid not in wanted]:
            del self._lobbies[jid]
            self._rooms.forget(jid)
        for jid, queue in wanted.items():
            plan = self._planned(jid, queue)
            lobby = self._lobbies.get(jid)
            if lobby is not None and lobby.queue == queue.name:
                # What was shown is known over a reload; who may be in no more is out before more is said.
                if lobby.plan != plan and self._rooms.keep(plan):
                    lobby.plan = plan
            elif self._rooms.keep(plan):
                self._lobbies[jid] = _Lobby(plan, queue.name)
            elif lobby is None:
                log.error("the lobby of queue %s cannot be: %s is no place for a room", queue.name, jid)

    def _planned(self, jid: str, queue: Queue) -> RoomPlan:
        agents = self._engine.playbook.agents
        admins = tuple(str(one.jid) for one in agents if one.role == "supervisor")
        members = tuple(str(one.jid) for one in agents if queue.name in one.queues and one.jid not in admins)
        return RoomPlan(jid, "", NICK, f"Queue {queue.name}", members, admins)

    def _say(self, lobby: _Lobby, lines: Sequence[str]) -> None:
        for line in lines[:MOST_LINES]:
            self._rooms.say(lobby.plan.jid, line)
        if len(lines) > MOST_LINES:
            self._rooms.say(lobby.plan.jid, f"and {len(lines) - MOST_LINES} changes more; .queue tells what waits")

    def _changes(
        self, known: Mapping[int, Shown] | None, mine: Mapping[int, Shown], went: Mapping[int, Left]
    ) -> list[str]:
        if known is None:
            return []
        lines = []
        for an_id, one in mine.items():
            before, who = known.get(an_id), number(one.key)
            if before is not None and (before.waits, before.agent, before.since) == (one.waits, one.agent, one.since):
                continue
            if not one.waits:
                lines.append(f"{self._name(one.agent)} has {who}")
            elif before is not None and not before.waits:
                lines.append(f"{who} waits again; it was with {self._name(before.agent)}")
            else:
                lines.append(f"{who} waits{_because(one)}")
        for an_id, before in known.items():
            if an_id not in mine:
                lines.append(f"{number(before.key)} {_end(went.get(an_id))}")
        return lines

    def _nudges(self, lobby: _Lobby, mine: Mapping[int, Shown]) -> list[str]:
        nudge = int(self._engine.playbook.rules.conversations.nudge * 1000)
        waits = [one for one in mine.values() if one.waits] if nudge else []
        late = {(one.id, one.since) for one in waits if self._now() - one.since >= nudge}
        fresh, lobby.nudged = late - lobby.nudged, late
        return [f"{number(mine[an_id].key)} waits longer than {_clock(nudge)}" for an_id, _ in sorted(fresh)]

    def _title(self, lobby: _Lobby, mine: Sequence[Shown]) -> None:
        waiting = [one for one in mine if one.waits]
        busy = Counter(self._name(one.agent) for one in mine if not one.waits)
        counts = (len(waiting), *sorted(busy.items()))
        aged = bool(waiting) and self._now() - lobby.titled_at >= RETITLE_MS
        if (counts != lobby.counts or aged) and self._rooms.title(lobby.plan.jid, self._summary(waiting, busy)):
            lobby.counts, lobby.titled_at = counts, self._now()

    def _summary(self, waiting: Sequence[Shown], busy: Counter[str]) -> str:
        text = "nobody waits"
        if waiting:
            verb = "waits" if len(waiting) == 1 else "wait"
            text = f"{len(waiting)} {verb}, longest {_clock(self._now() - waiting[0].since)}"
        named = ", ".join(f"{name} {count}" for name, count in sorted(busy.items())[:MOST_NAMED])
        more = f", {len(busy) - MOST_NAMED} agents more" if len(busy) > MOST_NAMED else ""
        return f"{text} - {named}{more}" if named else text

    def _name(self, agent: str) -> str:
        return escalation.name_of(self._engine.playbook, agent)

    # -- what is said there

    async def said(self, said: RoomSaid) -> str:
        """An agent wrote in a lobby; what the lobby answers, "" for what is colleagues' own talk."""
        line = typed(said.text, COMMANDS)
        lobby = self._lobbies.get(said.room)
        if lobby is None or line is None or line.verb in ("", "note"):
            return ""
        answer = await self._answer(lobby, said, line)
        return in_slashes(answer, (*COMMANDS, line.verb)) if slashed(said.text) else answer

    async def _answer(self, lobby: _Lobby, said: RoomSaid, line: Typed) -> str:
        known = self._engine.playbook.agent(said.agent)
        if known is None or (known.role != "supervisor" and lobby.queue not in known.queues):
            return f"{said.nick}: you do not answer queue {lobby.queue}"
        try:
            answer = await self._do(lobby, said.agent, line.verb, line.rest, all_of_it=known.role == "supervisor")
        except Refused as error:
            answer = f"not taken: {error}"
        except (Failure, READ_FAULT):
            answer = "the store cannot be reached at the moment; nothing was done, try again in a minute"
        return f"{said.nick}: {answer}" if answer else ""

    async def _do(self, lobby: _Lobby, agent: str, name: str, rest: str, *, all_of_it: bool) -> str:
        if name == "help":
            return HELP
        if name not in ("queue", "take"):
            return f"there is no .{name[:40]} here; {HELP}"
        mine = await self._store.read(shown, [lobby.queue])
        waiting = [one for one in mine if one.waits]
        if name == "queue":
            return self._listed(waiting)
        typed, whom = _parted(rest)
        meant = self._engine.playbook.agent(whom)
        if whom and meant is None:
            raise Refused(f"{whom[:40]!r} is no agent: say .take and the number; a supervisor names who has it")
        one = _meant(mine if all_of_it else waiting, mine, typed)
        if not one.waits and not all_of_it:
            raise Refused(f"{self._name(one.agent)} has {number(one.key)}")

        def decide(turn: Turn) -> str:
            its = turn.conversations.get(one.id)
            if its is None or its.queue != lobby.queue:
                raise Refused("it has left this queue")
            has = holder(its, agent)
            if has is not None and all_of_it and (meant is None or meant.jid != has):
                # It waited, perhaps, when the supervisor read of it.
                raise Refused(f"{self._name(has)} has it now: .take {typed} {self._name(has)} takes it over")
            escalation.claim(turn, its, agent)
            return ""

        return str(await self._engine.ask(one.key, decide))  # the lobby shows who has it, and the card tells the agent

    def _listed(self, waiting: Sequence[Shown]) -> str:
        if not waiting:
            return "nobody waits"
        now = self._now()
        lines = [f"{number(one.key)} for {_clock(now - one.since)}{_because(one)}" for one in waiting[:MOST_LISTED]]
        more = [f"and {len(waiting) - MOST_LISTED} more"] if len(waiting) > MOST_LISTED else []
        return "\n".join([f"{len(waiting)} wait{'s' if len(waiting) == 1 else ''}:", *lines, *more])


def _parted(rest: str) -> tuple[str, str]:
    """What was typed of a number, and the words behind it."""
    words = rest.lstrip("+0123456789 -.()/")
    return rest.removesuffix(words).strip(), words.strip()


def _meant(found: Sequence[Shown], others: Sequence[Shown], typed: str) -> Shown:
    """The one whose number ends so; of the others where there is none. Raises Refused."""
    digits = "".join(char for char in typed if char in "0123456789")
    if len(digits) < FEWEST_DIGITS:
        raise Refused(f"say .take and the number, or its last {FEWEST_DIGITS} digits or more")
    whole = typed.startswith("+")

    def fit(those: Sequence[Shown]) -> list[Shown]:
        return [
            one for one in those if number(one.key) == f"+{digits}" or (not whole and number(one.key).endswith(digits))
        ]

    fits = fit(found) or fit(others)
    if not fits:
        raise Refused(f"nobody waits here whose number {'is +' if whole else 'ends with '}{digits[:20]}")
    if len({one.key for one in fits}) > 1:
        raise Refused(f"several numbers end so: {', '.join(number(one.key) for one in fits[:5])}; say more digits")
    return next((one for one in fits if one.waits), fits[0])


def _because(one: Shown) -> str:
    plain = " ".join(one.why.split())
    return f": {plain[:WHY_LENGTH]}{'...' if len(plain) > WHY_LENGTH else ''}" if plain else ""


def _end(where: Left | None) -> str:
    if where is None:
        return "is here no more"
    if where.state == "closed":
        return f"is closed: {where.disposition}"
    if where.state == RESTING:
        return "is owed no answer and waits no more; its agent is gone"
    return "is with the bot again" if where.state == "bot" else f"went to {where.queue}"


def _clock(ms: int) -> str:
    seconds = max(0, ms // 1000)
    hours = f"{seconds // 3600}:" if seconds >= 3600 else ""
    return f"{hours}{seconds % 3600 // 60:{'02d' if hours else 'd'}}:{seconds % 60:02d}"
