"""A conversation's verb that is run on the desk itself: which conversation is meant is asked first, then it goes on as
on that customer's contact.

What comes back of the form is only whose contact is meant. What the agent may do there, and read of it, is decided as
if it had been run on that contact, in the customer's own order: a forged value reaches nothing else.
"""

from collections.abc import Awaitable, Callable, Sequence

from gateway.care import escalation
from gateway.care.engine import Engine
from gateway.care.playbook import Playbook
from gateway.floor import cards
from gateway.floor.forms import asked_again
from gateway.floor.helping import READING
from gateway.floor.repertoire import VERBS
from gateway.floor.verbs import ANY, Whose
from gateway.model.address import BadAddress, parse_address
from gateway.model.customer import called
from gateway.model.desk import Asked, Form, Input, Told
from gateway.model.rows import replace
from gateway.store.at_hand import AtHand, held_by, offered_to, waiting_in
from gateway.store.database import Store

CARD = "card"
WHICH, CHOSEN = "desk.which", "desk.chosen"
"""Fields of the forms: which is asked, and what was chosen. No other field of ours, or of a reply, begins so."""
MOST_SHOWN = 50
_NOBODY = {
    Whose.own: "you have no conversation now",
    Whose.offered: "nothing is offered to you now",
    Whose.waits: "nobody waits in your queues",
    Whose.wrapup: "you are not wrapping up",
    Whose.others: "no colleague has a conversation now",
}
_IMPLIED = {Whose.wrapup: Whose.own, Whose.offered: Whose.waits}
"""What need not be said beside what includes it."""

OnContact = Callable[[Asked], Awaitable[Told]]
Named = Callable[[str, str], Awaitable[str]]


class Picking:
    """run: runs a verb on a customer's contact. named: what a customer is called, "" where an agent may not know."""

    def __init__(self, store: Store, engine: Engine, run: OnContact, named: Named) -> None:
        self._store, self._engine, self._run, self._named = store, engine, run, named

    async def asked(self, asked: Asked) -> Told:
        """One step. Raises Failure, or what a read raises: nothing was done."""
        if asked.verb not in VERBS and asked.verb != CARD:
            return Told(f"there is no command {asked.verb[:40]}", refused=True)
        values = dict(asked.values or {})
        shown = WHICH in values
        chosen, picked = values.pop(CHOSEN, ""), values.pop(WHICH, "")
        if not chosen and not picked:
            choices = await self._choices(asked)
            if len(choices) != 1 or shown:
                return _which(asked, choices)
            picked, values = choices[0][0], {}  # what was filled in was not said of this one
        if not _is_number(chosen or picked):
            return Told("not done: choose one of the conversations", refused=True)
        # Shown for the first time, it asks; nothing filled in is an answer as well.
        its = replace(asked, customer=chosen or picked, values=values if values or chosen else None)
        who = _who(await self._named(its.agent, its.customer), its.customer)
        told = await self._run(its)
        return told if its.verb == CARD else _carried(told, its.customer, who)

    async def _choices(self, asked: Asked) -> Sequence[tuple[str, str]]:
        """The customers that this can be about, each (number, how it stands); one more than are shown."""
        book = self._engine.playbook
        on = _on(asked.verb)
        found: dict[str, list[tuple[AtHand, Whose]]] = {}
        for one in await self._at_hand(asked.agent, on):
            whose = _whose(one, asked.agent)
            if whose in on and one.key.startswith("tel:"):
                found.setdefault(cards.number(one.key), []).append((one, whose))
        return [(number, _label(number, its, book)) for number, its in found.items()]

    async def _at_hand(self, agent: str, on: frozenset[Whose]) -> Sequence[AtHand]:
        """Their own first, then what is offered to them, what waits for them, and of supervisors what others have."""
        book = self._engine.playbook
        known = book.agent(agent)
        supervises = known is not None and known.role == "supervisor"
        most = MOST_SHOWN + 1
        held: list[AtHand] = []
        if on & {Whose.own, Whose.wrapup, Whose.others}:
            others = supervises and Whose.others in on
            held = await self._store.read(held_by, agent, most, others=others)
        queued = await self._store.read(offered_to, agent, most) if Whose.offered in on else []
        if Whose.waits in on and known is not None:
            point = int(book.rules.conversations.ageing * 1000)
            answered = [queue for queue in book.queues.values() if supervises or book.answers(known, queue.name)]
            ahead = {queue.name: queue.priority * point for queue in answered}
            queued += [one for one in await self._store.read(waiting_in, ahead, point, most) if one not in queued]
        own = [one for one in held if one.agent == agent]
        return [*own, *queued, *held[len(own) :]]


def _on(verb: str) -> frozenset[Whose]:
    return VERBS[verb].on if verb in VERBS else ANY


def _whose(one: AtHand, agent: str) -> Whose:
    if one.state == "queued":
        return Whose.offered if one.asked == agent else Whose.waits
    if one.agent != agent:
        return Whose.others
    return Whose.wrapup if one.state == "wrapup" else Whose.own


def _is_number(text: str) -> bool:
    """Whether it is what a customer's contact is called."""
    try:
        address = parse_address(text)
    except BadAddress:
        return False
    return address.kind == "tel" and address.value == text


def _who(name: str, number: str) -> str:
    return f"{name} ({number})" if name else number


def _label(number: str, its: Sequence[tuple[AtHand, Whose]], book: Playbook) -> str:
    """`Ann, gold (+15551234567): waits in billing`; of a customer of two brands both."""
    several = len(book.brands) > 1
    stands = "; ".join(
        f"{book.brands[one.brand].display_name} {_stands(one, whose, book)}" if several else _stands(one, whose, book)
        for one, whose in its
    )
    return f"{_who(called(its[0][0].name, its[0][0].tier), number)}: {stands}"


def _stands(one: AtHand, whose: Whose, book: Playbook) -> str:
    match whose:
        case Whose.own:
            return "with you"
        case Whose.wrapup:
            return "closed, you wrap up"
        case Whose.offered:
            return "offered to you"
        case Whose.waits:
            return f"waits in {one.queue}"
        case Whose.others:
            return f"with {escalation.name_of(book, one.agent or '')}"


def _which(asked: Asked, choices: Sequence[tuple[str, str]]) -> Told:
    on = _on(asked.verb)
    if not choices:
        said = [why for whose, why in _NOBODY.items() if whose in on and _IMPLIED.get(whose) not in on]
        return Told(f"not done: {said[0]}", refused=True)
    more = "There are more: run it on the customer's own contact." if len(choices) > MOST_SHOWN else ""
    which = Input(WHICH, "Conversation", True, tuple(choices[:MOST_SHOWN]))
    title = VERBS[asked.verb].title if asked.verb in VERBS else READING[CARD]
    return asked_again(Form(title, more, (which,), more=True), asked.values)


def _carried(told: Told, customer: str, who: str) -> Told:
    """A form brings back whom it is about, and says so; so does an answer."""
    if told.form is None:
        return replace(told, text=f"{who}: {told.text}" if told.text else "")
    chosen = Input(CHOSEN, "", value=customer, hidden=True)
    return replace(told, form=replace(told.form, title=f"{told.form.title}: {who}", inputs=(chosen, *told.form.inputs)))
