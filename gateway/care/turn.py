"""One input of one customer: what was known, what is decided, and what shall be written, all or nothing."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.care import contacts
from gateway.care.playbook import Playbook
from gateway.model.address import Address, parse_address
from gateway.model.brand import Brand
from gateway.model.channel import Part
from gateway.model.conversation import (
    HAS_FLOOR,
    Conversation,
    ConversationState,
    Dialogue,
    DialogueState,
    may_become,
)
from gateway.model.customer import Customer, Permission
from gateway.model.ids import Ids
from gateway.model.offer import ACTIVE, Offer
from gateway.model.rows import replace
from gateway.store import conversations as writing
from gateway.store import customers, work
from gateway.store.states import CustomerState
from gateway.store.units import Due, Unit

CUSTOMER_LANE = "customer"
LINKED_MS = 7 * 86_400_000
"""A conversation that begins within a week of the last one follows it."""
DESK_LANE, DESK_KEY = "desk", "desk:"
"""What agents shall read; a row that speaks of no customer has the agent in its key, after `DESK_KEY`."""


class Refused(Exception):
    """What was asked cannot be done now; the message says why and what to do. Nothing is written.

    field: which part of what was asked is at fault, as the API names it; "" when none is.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotOwner(Refused):
    """Another owns the conversation (HTTP 409). owner: who, in words."""

    def __init__(self, message: str, owner: str) -> None:
        super().__init__(message)
        self.owner = owner


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets after its commit: a plain value for the API."""

    value: object


@dataclass(slots=True)
class Departure:
    """A part that leaves as soon as the decision that made it is on disk: its attempt is journalled in the same commit,
    and a place in the carrier's window is kept for it."""

    due: Due
    part: Part


Depart = Callable[[Unit, Due], Departure | None]


def for_agent(row_id: int, key: str, kind: str, agent: str, ref: int, now: int, *more: object) -> Due:
    """A row for an agent: relay, since, card, notice, tick, contact or own (`gateway.floor.relaying`)."""
    return Due(row_id, DESK_LANE, key, kind, now, 0, 0, ref, json.dumps([agent, *more]))


class Turn:
    """The working copy of a customer during one decision. Nothing of it counts before the commit.

    now: ms since 1970, the same for the whole turn, so that a replay decides the same.
    """

    def __init__(self, playbook: Playbook, ids: Ids, state: CustomerState, now: int) -> None:
        self.playbook, self.ids, self.now, self.key = playbook, ids, now, state.key
        self._loaded = state
        self.unit = Unit(state.key)
        self._customer = state.customer
        self.consent = dict(state.consent)
        self.conversations = dict(state.conversations)
        self.dialogues = dict(state.dialogues)
        self.offers = dict(state.offers)
        self.promotional = state.promotional
        self.said = state.said
        self.after: list[Callable[[], None]] = []
        self.outgoing: list[Due] = []
        self.departures: list[Departure] = []
        self.desk_changed = False
        self.unsent: frozenset[int] = frozenset()  # texts of open offers that no carrier has accepted
        self.cared = False  # a person has, had or shall have one of them (`gateway.care.promises`)
        # What was put, in order: all that `finish` has to look at.
        self._moved: dict[int, None] = {}
        self._moved_dialogues: dict[int, None] = {}
        self._offers_moved = False
        self._address: Address | None = None
        self._moment: datetime | None = None

    # -- the customer

    @property
    def known(self) -> Customer | None:
        """The customer, if we ever met."""
        return self._customer

    @property
    def customer(self) -> Customer:
        """The customer; made here at the first meeting."""
        if self._customer is None:
            address = self.address
            self._customer = Customer(id=self.ids(), key=self.key, address_id=self.ids())
            customers.add(self.unit, self._customer, address, None)
        return self._customer

    def know(self, customer: Customer) -> None:
        """The customer, changed; whoever changes it writes it."""
        self._customer = customer

    @property
    def address(self) -> Address:
        """Their home address."""
        if self._address is None:
            self._address = parse_address(self.key)
        return self._address

    def revoked(self, brand: str) -> bool:
        """Whether they said STOP to this brand."""
        return self.consent.get(brand) is Permission.revoked

    def language(self, brand: str) -> str:
        """The language to write in."""
        own = self._customer.spoken if self._customer else None
        return own or self.playbook.brands[brand].default_language

    def timezone(self, brand: str) -> str:
        """The zone that times in texts are written in."""
        own = self._customer.timezone if self._customer else None
        return own or self.playbook.brands[brand].timezone

    @property
    def moment(self) -> datetime:
        """`now` as an aware datetime."""
        if self._moment is None:
            self._moment = datetime.fromtimestamp(self.now / 1000, UTC)
        return self._moment

    # -- conversations

    def conversation(self, brand: str) -> Conversation | None:
        """The open conversation with a brand."""
        for conversation in self.conversations.values():
            if conversation.state is not ConversationState.closed and conversation.brand == brand:
                return conversation
        return None

    def last_closed(self, brand: str) -> Conversation | None:
        """The latest one that ended within 7 days."""
        oldest = self.now - LINKED_MS
        closed = [
            c for c in self.conversations.values() if c.brand == brand and not c.open and (c.closed_at or 0) >= oldest
        ]
        return max(closed, key=lambda c: c.closed_at or 0) if closed else None

    def opened(self, brand: Brand, sender: str) -> Conversation:
        """The open conversation with a brand; a new one if there is none, with a sender that the brand can use."""
        found = self.conversation(brand.name)
        if found is not None:
            return found
        last = self.last_closed(brand.name) if self.conversations else None
        fresh = Conversation(
            id=self.ids(),
            customer_id=self.customer.id,
            key=self.key,
            brand=brand.name,
            state=ConversationState.bot,
            owner_id="",
            epoch=1,
            sender=self.playbook.sender_for(brand.name, sender) or "",
            opened_at=self.now,
            changed_at=self.now,
            previous=last.id if last is not None else None,
        )
        self.conversations[fresh.id] = fresh
        self._moved[fresh.id] = None
        return fresh

    def put(self, conversation: Conversation) -> Conversation:
        """Changes a conversation; a change of owner raises its epoch (invariant 3)."""
        before = self.conversations[conversation.id]
        if before.state is not conversation.state or before.owner_id != conversation.owner_id:
            if not may_become(before.state, conversation.state):
                raise AssertionError(f"a conversation never goes from {before.state} to {conversation.state}")
            moved = (before.owner_kind, before.owner_id) != (conversation.owner_kind, conversation.owner_id)
            if moved or before.open != conversation.open:
                last = conversation.agent or conversation.last_agent
                conversation = replace(conversation, epoch=before.epoch + 1, changed_at=self.now, last_agent=last)
        its = conversation
        if its.promises is not None or its.queue is not None or its.agent is not None:
            self.cared = True
        self.conversations[conversation.id] = conversation
        self._moved[conversation.id] = None
        return conversation

    def moved(self) -> list[tuple[Conversation | None, Conversation]]:
        """What was put: each conversation as it was read (None = new), and as this turn left it so far."""
        return [(self._loaded.conversations.get(an_id), self.conversations[an_id]) for an_id in self._moved]

    def fresh(self, conversation: Conversation) -> Conversation:
        """The conversation as this turn left it so far."""
        return self.conversations[conversation.id]

    # -- dialogues and offers

    def floor(self, conversation: Conversation) -> Dialogue | None:
        """The dialogue that may ask."""
        for dialogue in self.dialogues.values():
            if dialogue.conversation_id == conversation.id and dialogue.state in HAS_FLOOR:
                return dialogue
        return None

    def pending(self, conversation: Conversation) -> list[Dialogue]:
        """Dialogues that wait for the floor, next first."""
        its = [
            d
            for d in self.dialogues.values()
            if d.conversation_id == conversation.id and d.state is DialogueState.pending
        ]
        return sorted(its, key=lambda d: (d.rank, d.id))

    def put_dialogue(self, dialogue: Dialogue) -> Dialogue:
        """Changes or adds a dialogue; one that ended takes its timer along."""
        if dialogue.state is DialogueState.done and dialogue.timer is not None:
            work.drop(self.unit, CUSTOMER_LANE, 0, dialogue.timer, dialogue.id)
            dialogue = replace(dialogue, timer=None)
        self.dialogues[dialogue.id] = dialogue
        self._moved_dialogues[dialogue.id] = None
        return dialogue

    def offer(self, offer_id: int | None) -> Offer | None:
        """An offer of this customer, active or of the last 7 days."""
        return self.offers.get(offer_id) if offer_id is not None else None

    def active_offers(self, brand: str) -> list[Offer]:
        """Offers that are open or being fulfilled, oldest first."""
        return [offer for offer in self.offers.values() if offer.brand == brand and offer.state in ACTIVE]

    def put_offer(self, offer: Offer) -> Offer:
        """Changes or adds an offer."""
        self.offers[offer.id] = offer
        self._offers_moved = True
        return offer

    # -- what else is written

    def timer(self, kind: str, due: int, ref: int, body: str | None = None, an_id: int | None = None) -> Due:
        """A timer of this customer: a row that is due later."""
        row = Due(an_id or self.ids(), CUSTOMER_LANE, self.key, kind, due, 0, 0, ref, body)
        work.add(self.unit, row)
        return row

    def note(self, conversation: Conversation, kind: str, author: str, text: str) -> None:
        """A line only the desk sees. What no agent did, the agent who has the conversation is told."""
        writing.add_note(self.unit, self.ids(), conversation.id, kind, author, text)
        if author in ("system", "customer"):
            self.tell(conversation, text)

    def tell(self, conversation: Conversation, text: str) -> None:
        """Tells the agent who has the conversation, if one has, in the chat with the customer."""
        current = self.conversations[conversation.id]
        if current.agent is not None:
            self.to_agent("notice", current.agent, current.id, text)

    def to_agent(self, kind: str, agent: str, ref: int, *more: object) -> int:
        """Queues what an agent shall read (`gateway.floor.relaying`); the id of its row, 0 where there is no desk."""
        if not self.playbook.desk:
            return 0
        row = for_agent(self.ids(), self.key, kind, agent, ref, self.now, *more)
        work.add(self.unit, row)
        return row.id

    def token(self) -> str:
        """An unguessable token for a link: 96 random bits."""
        return secrets.token_urlsafe(12)

    def finish(self, depart: Depart | None = None) -> tuple[Unit, CustomerState]:
        """The unit to commit, and the state that holds once it is committed.

        depart: journals an outgoing part in the unit when it may leave right after the commit (it is then among
        `departures`), else answers None and the part becomes a row of work.
        """
        self._move_contact()
        # First those that give a unique place free, then who takes it.
        open_ones, floors = self._write_ended()
        if self._offers_moved:
            writing.put_offers(self.unit, self.offers.values(), self._loaded.offers)
        if len(open_ones) != 1 or len(floors) != 1 or not self._write_talk(open_ones[0], floors[0]):
            for conversation in open_ones:
                self._write_conversation(conversation)
            for dialogue in floors:
                self._write_dialogue(dialogue)
        waiting: set[str] = set()
        for due in self.outgoing:
            departure = depart(self.unit, due) if depart is not None and due.key not in waiting else None
            if departure is None:
                work.add(self.unit, due)
                if due.due <= self.now:
                    waiting.add(due.key)  # what was said after it stays behind it, however urgent
            else:
                self.departures.append(departure)
        return self.unit, self._state()

    def _move_contact(self) -> None:
        """Who has or had the customer sees their contact as it stands now."""
        if not self.playbook.desk:
            return
        for before, now in self.moved():
            if (
                before is None
                or before.state is not now.state
                or before.agent != now.agent
                or before.queue != now.queue
            ):
                for kind, agent in contacts.changed(before, now):
                    self.to_agent(kind, agent, now.id)

    def _state(self) -> CustomerState:
        """What is remembered: open conversations and the latest closed one of a brand, their dialogues that go on."""
        conversations: dict[int, Conversation] = self.conversations
        if any(c.state is ConversationState.closed for c in conversations.values()):
            conversations = {c.id: c for c in conversations.values() if c.open or c is self.last_closed(c.brand)}
        dialogues = {
            d.id: d
            for d in self.dialogues.values()
            if d.state is not DialogueState.done and d.conversation_id in conversations
        }
        return CustomerState(
            self.key,
            self._customer,
            self.consent,
            conversations,
            dialogues,
            self.offers,
            self.promotional,
            self.said,
        )

    def _write_ended(self) -> tuple[list[Conversation], list[Dialogue]]:
        """Writes those that changed and have no unique place (any more), and gives back those that have one."""
        open_ones: list[Conversation] = []
        floors: list[Dialogue] = []
        for an_id in self._moved:
            conversation = self.conversations[an_id]
            if conversation.open or an_id not in self._loaded.conversations:
                open_ones.append(conversation)
            else:
                self._write_conversation(conversation)
        for an_id in self._moved_dialogues:
            dialogue = self.dialogues[an_id]
            if dialogue.state in HAS_FLOOR:
                floors.append(dialogue)
            else:
                self._write_dialogue(dialogue)
        return open_ones, floors

    def _write_talk(self, conversation: Conversation, dialogue: Dialogue) -> bool:
        """Writes both in one row, if that can hold what changed."""
        old = self._loaded.conversations.get(conversation.id)
        its_old = self._loaded.dialogues.get(dialogue.id)
        if old is None or its_old is None or dialogue.conversation_id != conversation.id:
            return False
        if not writing.only_moved(conversation, dialogue, read=old, read_dialogue=its_old):
            return False
        writing.set_talk(self.unit, conversation, dialogue)
        return True

    def _write_conversation(self, conversation: Conversation) -> None:
        old = self._loaded.conversations.get(conversation.id)
        if old is None:
            writing.add_conversation(self.unit, conversation)
        elif old is not conversation:
            writing.set_conversation(self.unit, conversation, old)

    def _write_dialogue(self, dialogue: Dialogue) -> None:
        old = self._loaded.dialogues.get(dialogue.id)
        if old is None:
            writing.add_dialogue(self.unit, dialogue)
        elif old is not dialogue:
            writing.set_dialogue(self.unit, dialogue, old)
