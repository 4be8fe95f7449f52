"""The verbs of people and programs: claim, say, transfer, close, hand back, note, send, resend.

One definition for HTTP, the console and the XMPP desk. Each is decided in the customer's own order and answered after
the commit. Raises: Unknown (no such thing), Refused and NotOwner (not now, with the reason), Failure (the store).
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.care import canned, elsewhere, escalation, handing_back, inputs, offers, outbound, starting, tagging
from gateway.care.engine import Engine
from gateway.care.turn import Refused, Turn
from gateway.model.conversation import Conversation
from gateway.model.desk import own_key
from gateway.model.message import Author, Direction, Message, MessageClass
from gateway.store import messages, work
from gateway.store.database import Store
from gateway.store.tags import tags_of
from gateway.store.units import Due, Rejected, Unit
from gateway.store.views import key_of_conversation, message_of_key

T = TypeVar("T")


class Unknown(Exception):
    """There is no such conversation, message or customer."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A message that a program asks for. text, or template with values. cls None = promotional. brand: None = the one
    that owns the sender.
    """

    to: str
    text: str | None
    template: str | None
    values: dict[str, object]
    cls: MessageClass
    sender: str | None
    idempotency_key: str | None
    by: str
    brand: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What was made of it: the message's id; known: the idempotency key was used before."""

    message_id: int
    known: bool = False


class Desk:
    """What people and programs can do to a conversation."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine, self._store = engine, store

    async def claim(self, conversation_id: int, agent: str) -> Conversation:
        """The agent takes a waiting conversation; the first commit wins, the loser hears who has it."""
        return await self._on(conversation_id, lambda turn, talk: escalation.claim(turn, talk, agent), agent)

    async def say(self, conversation_id: int, agent: str, text: str, idempotency_key: str | None = None) -> Message:
        """The agent's words to the customer, committed only if the agent owns the turn."""
        key = idempotency_key
        says = self._on(
            conversation_id,
            lambda turn, talk: _say(turn, talk, agent, text, key),
            agent,
        )
        return await self._once(key, says)

    async def start(self, to: str, agent: str, text: str, brand: str, idempotency_key: str | None = None) -> Message:
        """The agent writes first to a number; brand "" = the one that the agent has."""
        key = idempotency_key
        starts = self._engine.ask(
            f"tel:{to}", lambda turn: starting.start(turn, agent, text, brand, key=key, card=True)
        )
        return await self._once(key, starts)

    async def say_canned(
        self, conversation_id: int, agent: str, name: str, values: Mapping[str, str], idempotency_key: str | None = None
    ) -> Message:
        """A canned reply in the agent's name, its fields filled in."""

        def say(turn: Turn, talk: Conversation) -> Message:
            jid = escalation.agent_named(turn.playbook, agent)
            reply = canned.named(turn.playbook, talk, name)
            text = canned.words(turn, talk, jid, reply, values)
            return _say(turn, talk, jid, text, idempotency_key)

        return await self._once(idempotency_key, self._on(conversation_id, say, agent))

    async def _once(self, key: str | None, asks: Coroutine[object, object, object]) -> Message:
        """The message of an idempotency key; made at the first time."""
        known = await self._store.read(message_of_key, key) if key is not None else None
        if known is not None:
            asks.close()
            return known
        try:
            made = await asks
        except Rejected:
            known = await self._store.read(message_of_key, key or "")
            if known is None:
                raise
            return known
        assert isinstance(made, Message)
        return made

    # as_agent: `by` is an agent, bound by what agents may do; False: the key of a supervisor or admin, who is not.

    async def transfer(
        self, conversation_id: int, to: str, reason: str, by: str, *, as_agent: bool = True
    ) -> Conversation:
        """To a queue or another agent; an agent's only to one who is there."""

        def move(turn: Turn, talk: Conversation) -> Conversation:
            moved = escalation.transfer(turn, talk, to, reason, by, as_agent=as_agent)
            if as_agent:
                elsewhere.refuse_absent(turn, self._engine.presence, to)
            return moved

        return await self._on(conversation_id, move)

    async def close(
        self, conversation_id: int, by: str, disposition: str, note: str, *, as_agent: bool = True
    ) -> Conversation:
        """The person is done."""
        return await self._on(
            conversation_id,
            lambda turn, talk: escalation.close_by_agent(turn, talk, by, disposition, note, as_agent=as_agent),
        )

    async def hand_back(
        self, conversation_id: int, by: str, disposition: str, *, as_agent: bool = True
    ) -> Conversation:
        """The handler goes on."""
        return await self._on(
            conversation_id, lambda turn, talk: handing_back.hand_back(turn, talk, by, disposition, as_agent=as_agent)
        )

    async def note(self, conversation_id: int, by: str, text: str) -> None:
        """A line only the desk sees."""
        await self._on(conversation_id, lambda turn, talk: turn.note(talk, "note", by, text))

    async def tag(self, conversation_id: int, add: Sequence[str], remove: Sequence[str]) -> None:
        """Adds tags and takes others away."""
        had = (await self._store.read(tags_of, [conversation_id])).get(conversation_id, ())
        await self._on(conversation_id, lambda turn, talk: tagging.change(turn, talk, had, add, remove))

    async def send(self, sending: Sending) -> Sent:
        """One message, through all gates; the same idempotency key sends once."""
        if sending.idempotency_key is not None:
            known = await self._store.read(message_of_key, sending.idempotency_key)
            if known is not None:
                return Sent(known.id, known=True)
        try:
            message = await self._engine.ask(f"tel:{sending.to}", lambda turn: _send(turn, sending))
        except Rejected:
            known = await self._store.read(message_of_key, sending.idempotency_key or "")
            if known is None:
                raise
            return Sent(known.id, known=True)
        assert isinstance(message, Message)
        return Sent(message.id)

    async def resend(self, message_id: int, by: str) -> Message:
        """A new message with the same words, linked to the old one, through all gates."""
        found = (await self._store.read(messages.messages_by_id, [message_id])).get(message_id)
        if found is None:
            raise Unknown(f"no message {message_id}")
        if found.direction is not Direction.mt:
            raise Refused("only messages to a customer can be sent again")
        made = await self._engine.ask(found.key, lambda turn: _resend(turn, found, by))
        assert isinstance(made, Message)
        return made

    async def replay(self, dead_letter_id: int) -> Due:
        """Queues a dead letter again, after its cause is mended.

        Raises: Unknown, Conflict (replayed already), Refused (nothing can come of it).
        """
        rows = await self._store.read(work.dead_letters, [dead_letter_id], 1)
        if not rows:
            raise Unknown(f"no dead letter {dead_letter_id}")
        kept = await self._store.read(messages.messages_by_id, [dead_letter_id])
        due = _revived(rows[0], self._engine.now(), kept=bool(kept))
        unit = Unit(due.key)
        work.revive(unit, due, dead_letter_id)
        await self._store.write(unit)
        self._engine.push(due)
        return due

    async def _on(self, conversation_id: int, verb: Callable[[Turn, Conversation], T], agent: str | None = None) -> T:
        """agent: who takes or answers it over HTTP."""
        key = await self._store.read(key_of_conversation, conversation_id)
        if key is None:
            raise Unknown(f"no conversation {conversation_id}")

        def decide(turn: Turn) -> T:
            conversation = turn.conversations.get(conversation_id)
            if conversation is None:
                raise escalation.closed_long_ago()
            answer = verb(turn, conversation)
            if agent is not None:
                elsewhere.works_over_http(turn, self._engine.presence, escalation.agent_named(turn.playbook, agent))
            return answer

        return await self._engine.ask(key, decide)  # type: ignore[return-value]


def _say(turn: Turn, conversation: Conversation, agent: str, text: str, key: str | None) -> Message:
    key = key or own_key(turn.ids())
    message = escalation.agent_says(turn, conversation, agent, text, idempotency_key=key)
    elsewhere.show_own(turn, message)
    return message


def _send(turn: Turn, sending: Sending) -> Message:
    playbook = turn.playbook
    if sending.sender is not None and sending.sender not in playbook.senders:
        known = ", ".join(playbook.senders) or "none"
        raise Refused(f"sender {sending.sender} is not in gateway.toml; known: {known}", "sender")
    brand = playbook.brand_for(sending.brand, sending.sender)
    message_id = turn.ids()
    conversation = turn.conversation(brand.name)
    text = sending.text
    if text is None:
        text = outbound.render(
            turn, brand, sending.template or "", sending.values, conversation=conversation, message_id=message_id
        )
    draft = outbound.Draft(
        text,
        sending.cls,
        Author("api", sending.by),
        message_id=message_id,
        idempotency_key=sending.idempotency_key,
        sender=sending.sender,
    )
    return outbound.send(turn, conversation, brand, draft)


def _resend(turn: Turn, old: Message, by: str) -> Message:
    brand = turn.playbook.brands.get(old.brand)
    if brand is None:
        raise Refused(f"brand {old.brand} is not configured any more")
    conversation = turn.conversation(brand.name)
    draft = outbound.Draft(
        old.text,
        MessageClass(old.cls),
        Author("api", by),
        event_id=old.event_id,
        offer_id=old.offer_id,
        parent_id=old.id,
        sender=old.ours if old.ours in turn.playbook.senders else None,
    )
    made = outbound.send(turn, conversation, brand, draft)
    offers.sent_again(turn, old, made)
    messages.add_event(turn.unit, turn.ids(), old.id, "resend", reason=f"sent again as {made.id} by {by}")
    return made


def _revived(row: Mapping[str, object], now: int, *, kept: bool) -> Due:
    """A dead letter as work that is due now. kept: a customer's text became a message when it died, and is only routed
    again. Raises Refused.
    """
    kind, an_id, ref = str(row["kind"]), int(str(row["id"])), int(str(row["ref"]))
    if kind == inputs.TEXT and ":" not in str(row["key"]):
        raise Refused("the sender of this text is no phone number: nobody can be answered; it stays here to be read")
    if kind == inputs.TEXT and kept:
        kind, ref = inputs.PARKED, an_id
    body = row["body"]
    prio = 1 if kind == inputs.EVENT else 0
    return Due(
        an_id, str(row["lane"]), str(row["key"]), kind, now, prio, 0, ref, str(body) if body is not None else None
    )
