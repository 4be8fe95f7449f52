"""What comes back of the lines that agents were sent: their client has it, or the server could not deliver it."""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Sequence

from gateway.care import escalation, reserving
from gateway.care.engine import Engine
from gateway.care.turn import DESK_KEY, Refused, Turn
from gateway.model.desk import Bounced, Seen
from gateway.model.ids import Ids
from gateway.store import messages
from gateway.store.database import Store
from gateway.store.units import Due, Failure, Unit

MOST_REMEMBERED = 20_000
MOST_UNDER_WAY = 1000
log = logging.getLogger("gateway.care.echoes")


class Echoes:
    """Only lines of which this process knows that it sent them count: nobody can invent a receipt."""

    def __init__(self, store: Store, engine: Engine, ids: Ids) -> None:
        self._store, self._engine, self._ids = store, engine, ids
        self._sent: OrderedDict[str, tuple[str, Due]] = OrderedDict()  # by the line's id: to whom, and its row
        self._tasks: set[asyncio.Task[None]] = set()

    def remember(self, batch: Sequence[Due]) -> None:
        """These were sent."""
        for due in batch:
            line = f"m{due.ref}" if due.kind == "relay" else str(due.id)
            self._sent[line] = str(json.loads(due.body or "[]")[0]), due
        while len(self._sent) > MOST_REMEMBERED:
            self._sent.popitem(last=False)

    def seen(self, seen: Seen) -> None:
        """A client has a customer's words: it stands in their timeline, once for all devices of the agent."""
        agent, due = self._sent.get(seen.about, ("", None))
        if due is None or due.kind != "relay" or agent != seen.agent:
            return
        del self._sent[seen.about]
        self._spawn(self._note_seen(due.ref, agent))

    async def _note_seen(self, message_id: int, agent: str) -> None:
        unit = Unit("desk")
        messages.add_event(
            unit,
            self._ids(),
            message_id,
            "agent",
            code=agent,
            reason=f"received by the client of {agent}",
            route="xmpp",
        )
        try:
            await self._store.write(unit)
        except Failure as failure:
            log.warning("that a client has a line could not be written: %s", failure)

    def bounced(self, bounced: Bounced) -> None:
        """The server cannot reach this agent: what is offered to them goes to others, what they have waits again."""
        agent, due = self._sent.get(bounced.about, ("", None))
        # A server that cannot deliver says so in its own name.
        if due is None or bounced.agent not in (agent, agent.partition("@")[2]):
            return
        del self._sent[bounced.about]
        if not due.key.startswith(DESK_KEY):
            log.warning("a line for an agent came back: %s", bounced.reason[:200])
            self._spawn(self._give_up(due.key, agent, bounced.reason))

    async def _give_up(self, key: str, agent: str, reason: str) -> None:
        try:
            await self._engine.ask(key, lambda turn: unreachable(turn, agent, reason))
        except (Refused, Failure) as error:
            log.warning("what an agent cannot be told stays with them: %s", error)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        if len(self._tasks) >= MOST_UNDER_WAY:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Waits for what is being written."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def unreachable(turn: Turn, agent: str, reason: str) -> None:
    """An agent cannot be reached: their conversations with this customer go to others."""
    for conversation in list(turn.conversations.values()):
        if not conversation.open:
            continue
        if conversation.agent == agent:
            escalation.requeue(turn, conversation, f"{agent} cannot be reached: {reason}"[:300])
        elif reserving.reservation_of(conversation).agent == agent:
            reserving.pass_on(turn, conversation)
