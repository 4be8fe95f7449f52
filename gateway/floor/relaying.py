"""What agents shall read, from rows to stanzas: a customer's words, cards, notices, and the ticks of agents' bubbles.

The rows are the outbox. A row goes when the server has taken its stanza in, which a ping behind it proves; after a loss
the same stanzas go again under the same ids.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from gateway import failpoints
from gateway.care.dispatch import named
from gateway.care.doubts import NOBODY_KNOWS
from gateway.care.engine import FAULTS, Engine
from gateway.care.promises import NUDGE
from gateway.care.reserving import read as reservation
from gateway.care.reserving import reservation_of
from gateway.care.turn import DESK_KEY
from gateway.floor import cards
from gateway.floor.echoes import Echoes, Sent
from gateway.floor.nudging import Nudging
from gateway.model import desk
from gateway.model.customer import called
from gateway.model.desk import Line, LineKind, own_id
from gateway.model.ids import Ids
from gateway.model.message import Message
from gateway.model.rows import record
from gateway.store import ends, messages, work
from gateway.store.database import Store
from gateway.store.units import Due, Unit
from gateway.store.waiting import contact, dropped, facts, holders

RETRY_MS = 1000
OLD_MS = 5000
AFTER_SETTLING = ("tick", "dropped", NUDGE)
"""A bubble is marked failed on the device that showed it: without one it would be words without a bubble. Who is nudged
is a question of presence, too."""
MOST_UNCONFIRMED = 500
MOST_DROPPED = 100
TO_TAKE = ((".take", "Take it"), (".decline", "Pass it on"))
log = logging.getLogger("gateway.floor.relaying")
Again = list[tuple[Due, int]]
Send = Callable[[Sequence[Line]], Awaitable[bool]]
InRoom = Callable[[str, Message, str], bool]


@record
class Relayed:
    """Customers' words, by id. held: who has or is asked to take their conversations, by id (`store.waiting`)."""

    said: Mapping[int, Message]
    held: Mapping[int, tuple[str, str | None, str | None, str | None]]

    def for_reader(self, message_id: int, agent: str) -> list[Message]:
        """The words, if this agent may read them. A row may be old: others may have the conversation by now (invariant
        10). What is closed may be read by who had it last.
        """
        one = self.said.get(message_id)
        if one is None or one.conversation_id is None or one.conversation_id not in self.held:
            return []
        state, owner, reserved, last = self.held[one.conversation_id]
        readers = (last,) if state == "closed" else (owner, reservation(reserved).agent)
        return [one] if agent in readers else []


class Relaying:
    """The worker of the lane `desk`. send: answers whether the server has taken all of it in. settling: the connection
    is so new that we do not know yet on which devices agents are. in_room: tells in the room what became of a message
    that an agent wrote there; answers whether they read it.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        ids: Ids,
        now: Callable[[], int],
        send: Send,
        echoes: Echoes,
        nudging: Nudging,
        settling: Callable[[], bool] = lambda: False,
        in_room: InRoom = lambda _agent, _message, _text: False,
    ) -> None:
        self._settling, self._in_room = settling, in_room
        self._store, self._engine, self._ids, self._now, self._send = store, engine, ids, now, send
        self._echoes, self._nudging = echoes, nudging

    async def run(self, batch: list[Due]) -> Again:
        """Sends what the rows say, and takes them away."""
        if self._settling():
            early = [(due, RETRY_MS) for due in batch if due.kind in AFTER_SETTLING]
            batch = [due for due in batch if due.kind not in AFTER_SETTLING]
            return early + (await self._run(batch) if batch else [])
        return await self._run(batch)

    async def _run(self, batch: list[Due]) -> Again:
        lines: list[Line] = []
        told: dict[int, list[int]] = {}
        made: list[tuple[Due, list[Line]]] = []
        said = await self._said(batch)
        broken: list[Due] = []
        for due in batch:
            try:
                its, about = await self._lines(due, said)
            except FAULTS:
                # A fault of ours on one row: quarantined with its cause, it holds up no other (invariant 13).
                log.exception("a line of kind %s could not be made", due.kind)
                broken.append(due)
                continue
            lines += its
            made.append((due, its))
            told[due.id] = about
        failpoints.hit("before_lines_sent")
        for due, its in made:
            self._echoes.remember(due, its)  # a bounce, or a receipt, comes before the proof that it was taken in
        if lines and not await self._send(lines):
            self._echoes.forget(lines)
            return [(due, RETRY_MS) for due in batch]
        failpoints.hit("after_lines_sent")
        units = [self._broken(due) if due in broken else self._done(due, told[due.id]) for due in batch]
        results = await self._store.apply(units)
        return [
            (due, RETRY_MS)
            for due, failure in zip(batch, results, strict=True)
            if failure is not None and not work.is_gone(failure)
        ]

    async def again(self, sent: Sequence[Sent]) -> list[Line]:
        """Lines that may have been lost, made anew from what holds now, under their ids; those that are not true any
        more are left out.
        """
        dues = {one.due.id: one.due for one in sent}
        said = await self._said(list(dues.values()))
        lines: list[Line] = []
        for due in dues.values():
            try:
                lines += (await self._lines(due, said))[0]
            except FAULTS:
                log.exception("a line of kind %s could not be made again", due.kind)
        wanted = {(one.line.agent, one.line.id) for one in sent}
        return [line for line in lines if (line.agent, line.id) in wanted]

    async def _said(self, batch: Sequence[Due]) -> Relayed:
        """The customers' words that these rows relay."""
        relays = [due.ref for due in batch if due.kind == "relay"]
        if not relays:
            return Relayed({}, {})
        said = await self._store.read(messages.messages_by_id, relays)
        talks = {one.conversation_id for one in said.values() if one.conversation_id is not None}
        return Relayed(said, await self._store.read(holders, sorted(talks)))

    def _broken(self, due: Due) -> Unit:
        unit = Unit(due.key)
        work.take(unit, due)
        work.bury(unit, due, "this line could not be made; see the log")
        return unit

    def _done(self, due: Due, told: Sequence[int]) -> Unit:
        unit = Unit(due.key)
        work.take(unit, due)
        agent = str(json.loads(due.body or "[]")[0])
        for message_id in told:
            said = f"shown to {agent}"
            messages.add_event(unit, self._ids(), message_id, "agent", code=agent, reason=said, route="xmpp")
        return unit

    async def _lines(self, due: Due, said: Relayed) -> tuple[list[Line], list[int]]:
        """The stanzas of a row, and the customer's messages that they show. said: what the batch relays.

        Who was taken out of the configuration reads nothing any more: the row may be older than that. All that is still
        done there is to take the customer from their contacts.
        """
        lines, about = await self._all_lines(due, said)
        its = [line for line in lines if line.kind is LineKind.ended or self._engine.playbook.lists(line.agent)]
        return its, about if its else []

    async def _all_lines(self, due: Due, said: Relayed) -> tuple[list[Line], list[int]]:
        agent, *more = json.loads(due.body or "[]")
        customer = "" if due.key.startswith(DESK_KEY) else cards.number(due.key)
        match due.kind:
            case "relay":
                return self._words(agent, customer, said.for_reader(due.ref, agent), *map(str, more))
            case "nudge":
                return await self._nudging.lines(due), []
            case "card":
                return await self._card(due, agent, customer, int(more[0])), []
            case "tick":
                about, reason = more
                kind = LineKind.failed if reason else LineKind.delivered
                return [Line(str(due.id), agent, customer, kind, reason, about)], []
            case desk.FATE:
                return await self._fate(due, agent, customer, str(more[1])), []
            case "contact":
                return await self._contact(due, agent, customer, *map(str, more)), []
            case "stands":
                return [Line(str(due.id), agent, customer, LineKind.stands)], []
            case "own":
                return await self._own(due, agent, customer), []
            case "dropped":
                return await self._dropped(due, customer), []
            case "notice":
                late = due.due if self._now() - due.due > OLD_MS else None
                text, *taps = more
                choices = tuple((str(said), str(shown)) for said, shown in (taps[0] if taps else ()))
                return [Line(str(due.id), agent, customer, LineKind.notice, cards.ours(text), "", choices, late)], []
            case _:
                log.error("no line of kind %s is known; a newer program wrote it", due.kind)
                return [], []

    def _words(
        self, agent: str, customer: str, found: Sequence[Message], brand: str = ""
    ) -> tuple[list[Line], list[int]]:
        """brand: whom the customer wrote to, where the agent could mix it up."""
        lines = []
        to = f"(to {brand}) " if brand else ""
        for message in found:
            text, late = to + cards.quoted(message.text), self._late(message.id)
            lines.append(Line(f"m{message.id}", agent, customer, LineKind.text, text, at=late))
        return lines, [message.id for message in found]

    async def _dropped(self, due: Due, customer: str) -> list[Line]:
        """The bubbles of words that a STOP ended before they left."""
        lines = []
        for at, one in enumerate(await self._store.read(dropped, due.ref, MOST_DROPPED)):
            kind, stanza = desk.bubble_of(one, desk=True) or ("", "")
            its, why = f"{due.id}-{at}", one.reason or ""
            if kind == desk.TICK:
                lines.append(Line(its, one.author_id, customer, LineKind.failed, why, stanza))
            elif kind:
                lines += self._told(its, one.author_id, customer, one, f"{named(one.text)} was not sent: {why}")
        return lines

    async def _fate(self, due: Due, agent: str, customer: str, why: str) -> list[Line]:
        """What became of words that were written in a room."""
        found = (await self._store.read(messages.messages_by_id, [due.ref])).get(due.ref)
        if found is None:
            return []
        if why == NOBODY_KNOWS:
            return self._told(str(due.id), agent, customer, found, f"{named(found.text)}: {why}")
        told = self._told(str(due.id), agent, customer, found, f"{named(found.text)} did not arrive: {why}")
        return told if why == ends.BEFORE_IT_LEFT else []  # else a note of the conversation says so in the chat

    def _told(self, id: str, agent: str, customer: str, about: Message, text: str) -> list[Line]:
        """A line where it was written; what is to be said in the chat, where its author does not read that."""
        text = cards.ours(text)
        return [] if self._in_room(agent, about, text) else [Line(id, agent, customer, LineKind.notice, text)]

    async def _contact(self, due: Due, agent: str, customer: str, before: str | None = None) -> list[Line]:
        """Whether it is one of the agent's open chats, as it is now: the row may be old. before: who it was until now,
        where that has changed.
        """
        found = await self._store.read(contact, due.ref, agent)
        if found is None:
            return []
        name, tier, brand_name, has = found
        brand = self._engine.playbook.brands.get(brand_name)
        shown = cards.contact(customer, called(name, tier), brand)
        was = cards.contact(customer, before, brand) if before is not None else ""
        return [Line(str(due.id), agent, customer, LineKind.opened if has else LineKind.ended, shown, was)]

    async def _own(self, due: Due, agent: str, customer: str) -> list[Line]:
        """What was sent in the agent's name another way."""
        found = (await self._store.read(messages.messages_by_id, [due.ref])).get(due.ref)
        if found is None:
            return []
        return [Line(own_id(found.id), agent, customer, LineKind.own, found.text, at=self._late(found.id))]

    def _late(self, an_id: int) -> int | None:
        """When it was said, ms, where that is a while ago (XEP-0203): ids begin with their moment."""
        at = an_id >> 20
        return at if self._now() - at > OLD_MS else None

    async def _card(self, due: Due, agent: str, customer: str, seconds: int) -> list[Line]:
        """Nothing where it is no longer true: while the server was away others may have been asked."""
        known = await self._store.read(facts, due.ref, due.id, cards.SHOWN)
        if known is None:
            return []
        its = known.view.conversation
        asked = reservation_of(its)
        if seconds and asked.agent == agent and asked.card == due.id:
            seconds = max(1, (asked.until - self._now()) // 1000)
        elif its.agent == agent:
            seconds = 0  # claimed before the card went: it is the reader's now
        else:
            return []
        text = cards.card(known, self._engine.playbook, seconds)
        choices = TO_TAKE if seconds else ()
        return [Line(str(due.id), agent, customer, LineKind.notice, text, choices=choices, at=self._late(due.id))]
