"""What agents do in their chat client: words to customers, verbs as lines of chat and as forms, presence.

Each thing that changes something is a decision in the customer's own order, answered after its commit.
"""

import logging
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from gateway.care import escalation, starting
from gateway.care.doubts import NOBODY_KNOWS
from gateway.care.engine import Engine
from gateway.care.playbook import Playbook
from gateway.care.turn import Refused, Turn
from gateway.floor import cards, verbs
from gateway.floor.attendance import Attendance
from gateway.floor.corrections import Correction, corrected
from gateway.floor.lines import DOT, Typed, typed
from gateway.floor.meaning import meant
from gateway.floor.repertoire import VERBS
from gateway.floor.runs import BRAND, Run
from gateway.floor.starting import START, TITLE, Starter, open_with
from gateway.floor.waiting_list import what_waits
from gateway.model.desk import Asked, Form, Heard, Said, Show, Told, key_of
from gateway.model.message import Disposition, MessageState
from gateway.model.rows import replace
from gateway.settings import nearest
from gateway.store import stanzas
from gateway.store.access import READ_FAULT
from gateway.store.database import Store
from gateway.store.tags import tags_of_customer
from gateway.store.units import Failure, Rejected
from gateway.store.views import message_of_key
from gateway.store.waiting import away, elsewhere, facts, set_away

log = logging.getLogger("gateway.floor.agents")
READING: Mapping[str, str] = {"card": "Who it is and what was said", "help": "What can be done here"}
DESK_VERBS: Mapping[str, str] = {
    "available": "Take conversations",
    "away": "Take no conversations",
    "queue": "What waits",
    START: TITLE,
    "help": "What can be done here",
}
MOST_TAPS = 8
NOW = "the store cannot be written at the moment; nothing was done, try again in a minute"


class Agents:
    """The desk behind the chat clients of agents. attendance: who is there."""

    def __init__(self, store: Store, engine: Engine, attendance: Attendance) -> None:
        self._store, self._engine, self.attendance = store, engine, attendance
        self._starter = Starter(store, engine)

    async def start(self) -> None:
        """Who said `/away` before the last stop is away still, and who worked without a client does."""
        self.attendance.go_away(await self._store.read(away))
        self.attendance.are_elsewhere(await self._store.read(elsewhere))

    @property
    def _book(self) -> Playbook:
        return self._engine.playbook

    def listed(self, jid: str) -> bool:
        """Whether a bare JID is an agent's (invariant 11)."""
        return any(agent.jid == jid for agent in self._book.agents)

    def names(self) -> Sequence[str]:
        """All agents, by bare JID."""
        return [str(agent.jid) for agent in self._book.agents]

    def shows(self, agent: str, customer: str) -> str | None:
        """The status line of a contact, as far as it is in memory."""
        if not customer:
            return "the desk: say /help"
        state = self._engine.states.get(f"tel:{customer}")
        talk = next((its for its in state.conversations.values() if its.open), None) if state is not None else None
        if talk is None:
            return ""
        has = escalation.name_of(self._book, talk.agent) if talk.agent else escalation.who_has(talk)
        return f"{'waits in ' if talk.state == 'queued' else 'with '}{has.removeprefix('queue ')}"

    async def named(self, agent: str, customer: str) -> str:
        """A customer's name, as far as it is known and this agent may read it (invariant 10)."""

        def decide(turn: Turn) -> str:
            name = (turn.known.name or "") if turn.known is not None else ""
            for conversation in turn.conversations.values() if name else ():
                with suppress(Refused):
                    verbs.may_read(turn, conversation, agent)
                    return name
            return ""

        try:
            return str(await self._engine.ask(f"tel:{customer}", decide))
        except (Refused, Failure):
            return ""

    # -- chat

    async def said(self, said: Said) -> Heard:
        """An agent wrote a line."""
        line = typed(said.text, {*VERBS, *READING, *DESK_VERBS})
        if line is None:
            return Heard()
        if line.refused:
            return _heard(Told(f"not sent: {line.refused}", refused=True))
        if line.verb and not said.replaces:
            told = await self._line(said, line)
            # Else it would look for ever as if it had not arrived.
            return _heard(told, delivered=bool(said.id) and not told.refused)
        if not said.customer and not said.replaces:
            return Heard(self._help(DESK_VERBS, "Write to a customer's contact, or say:"))
        return await self._words(said, line)

    async def _words(self, said: Said, line: Typed) -> Heard:
        """To the customer, once for each stanza."""
        keyed = partial(key_of, said.agent, said.customer)
        key = keyed(said.id) if said.id else None
        correction: Correction | None = None

        def decide(turn: Turn) -> str:
            if correction is not None:
                return correction.decide(turn)
            conversation = open_with(turn, said.agent, line.brand)
            if conversation is None:
                starting.start(turn, said.agent, line.rest, line.brand, key=key)
                return ""
            return verbs.say(turn, conversation, said.agent, line.rest, key)

        try:
            correction = await corrected(self._store, said, line, keyed)
            if (heard := await self._known(key, line.rest, correction)) is not None:
                return heard
            refused = str(await self._engine.ask(f"tel:{said.customer}", decide))
        except Refused as error:
            refused = str(error) if str(error).startswith("not sent") else f"not sent: {error}"
        except Rejected:
            # The same stanza was faster, or something else is wrong.
            return await self._known(key, line.rest, correction) or _refusal(f"not sent: {NOW}")
        except (Failure, READ_FAULT):
            refused = f"not sent: {NOW}"
        return _refusal(refused) if refused else Heard()

    async def _known(self, key: str | None, words: str, correction: Correction | None) -> Heard | None:
        """What became of a stanza that comes again; None where it is the first time."""
        known = await self._store.read(message_of_key, key) if key is not None else None
        if known is None:
            return None
        if not (correction.made(known) if correction is not None else known.text == words):
            return _refusal("not sent: your client has used the id of this message before; write it again")
        if known.state is not MessageState.final:
            return Heard()
        if known.disposition is Disposition.delivered:
            return Heard(delivered=True)
        if known.disposition is Disposition.unknown:
            return Heard(refused=NOBODY_KNOWS)
        return Heard(refused=known.reason or f"not delivered: {known.disposition}")

    async def _line(self, said: Said, line: Typed) -> Told:
        """A line that is no words, once for each stanza."""
        if line.verb == START:
            return await self._starting(self._starter.line(said, line.brand, line.rest))
        if not said.customer or line.verb in DESK_VERBS:
            return await self._desk(said.agent, said.customer, line.verb)
        verb = VERBS.get(line.verb)
        if verb is None and line.verb not in READING:
            return Told(f"not sent: {self._unknown(line.verb)}", refused=True)
        if verb is None:
            return await self._card(said.agent, said.customer, line.brand)
        key = stanzas.key_of(said.agent, said.customer, said.id) if said.id else ""
        run = Run(said.agent, said.customer, verb, line.brand, line.rest, said.text, key)
        try:
            if (told := await self._ran(run)) is not None:
                return told
            told = await self._run(run)
            if told.refused:
                told = await self._ran(run) or told  # the same stanza was faster
        except Rejected:
            return await self._ran(run) or Told(NOW, refused=True)
        except (Failure, READ_FAULT):
            return Told(NOW, refused=True)
        return told if told.form is None else _asks(line, told.form)

    async def _ran(self, run: Run) -> Told | None:
        """What was answered when this very stanza came before."""
        known = await self._store.read(stanzas.answer_of, run.key, run.line) if run.key else None
        if known is None:
            return None
        same, answer = known
        return Told(answer) if same else Told("not done: your client has used the id of this line before", refused=True)

    def _unknown(self, name: str) -> str:
        known = [*VERBS, *READING, *DESK_VERBS]
        return (
            f"there is no /{name[:40]}{nearest(name, known)}; /help lists what there is; begin with a space to send it"
        )

    # -- forms

    async def verbs(self, agent: str, customer: str) -> Sequence[tuple[str, str]]:
        """What may be run on a customer's contact, or on the desk."""
        if not customer:
            return list(DESK_VERBS.items())
        return [*((verb.name, verb.title) for verb in VERBS.values()), *READING.items(), (START, TITLE)]

    async def asked(self, asked: Asked) -> Told:
        """An agent runs a verb from a menu."""
        if asked.verb == START:
            return await self._starting(self._starter.form(asked))
        if not asked.customer or asked.verb in DESK_VERBS:
            return await self._desk(asked.agent, asked.customer, asked.verb)
        values = dict(asked.values) if asked.values is not None else None
        brand = values.pop(BRAND, "") if values is not None else ""
        if asked.verb == "card":
            return await self._card(asked.agent, asked.customer, brand)
        verb = VERBS.get(asked.verb)
        if verb is None:
            return Told(f"there is no command {asked.verb[:40]}", refused=True)
        try:
            return await self._run(
                Run(asked.agent, asked.customer, verb, brand, values=values if values or not brand else None)
            )
        except (Failure, READ_FAULT):
            return Told(NOW, refused=True)

    async def _starting(self, starts: Awaitable[Told]) -> Told:
        try:
            return await starts
        except (Failure, READ_FAULT):
            return Told(NOW, refused=True)

    async def _run(self, run: Run) -> Told:
        """Raises Failure: nothing is on disk. Rejected: this line was run before."""
        if run.verb.tagged:
            run = replace(run, tags=await self._store.read(tags_of_customer, f"tel:{run.customer}"))

        def decide(turn: Turn) -> Told:
            told = run.decide(turn, self.attendance.show)
            if run.key and not told.refused and told.form is None:
                stanzas.add(turn.unit, run.key, turn.now, run.line, told.text)
            return told

        try:
            told = await self._engine.ask(f"tel:{run.customer}", decide)
        except Refused as error:
            return Told(str(error), refused=True)
        assert isinstance(told, Told)
        return told

    async def _card(self, agent: str, customer: str, brand: str) -> Told:
        def decide(turn: Turn) -> int:
            conversation = meant(turn, agent, "card", brand)
            verbs.may_read(turn, conversation, agent)
            return conversation.id

        try:
            an_id = await self._engine.ask(f"tel:{customer}", decide)
            assert isinstance(an_id, int)
            known = await self._store.read(facts, an_id, MOST_ID, cards.SHOWN)
        except Refused as error:
            return Told(str(error), refused=True)
        except (Failure, READ_FAULT):
            return Told(NOW, refused=True)
        if known is None:
            return Told("this customer has no conversation", refused=True)
        return Told(cards.card(known, self._book, 0).removeprefix(f"{cards.DESK} "))

    # -- the desk itself

    async def _desk(self, agent: str, customer: str, name: str) -> Told:
        try:
            return await self._own(agent, customer, name)
        except (Failure, READ_FAULT):
            return Told(NOW, refused=True)

    async def _own(self, agent: str, customer: str, name: str) -> Told:
        match name:
            case "available":
                await self._store.write(set_away(agent, away=False))
                self.attendance.come_back(agent)
                return Told(f"you are asked again, as long as your client shows you there ({self._shows(agent)})")
            case "away":
                await self._store.write(set_away(agent, away=True))
                self.attendance.go_away([agent])
                return Told("you are not asked until you say /available; what you have stays yours")
            case "queue":
                return Told(await what_waits(self._store, self._engine, agent))
            case "help":
                return Told(self._help(self._helped(customer), "Lines that begin with / are for the desk:"))
            case _:
                known = "a line about a customer is said to their contact" if name in VERBS else "/help lists all"
                return Told(f"there is no /{name[:40]} here; {known}", refused=True)

    def _shows(self, agent: str) -> str:
        show = self.attendance.show(agent)
        return "unknown" if show is Show.unknown else show.name

    def _helped(self, customer: str) -> Mapping[str, str]:
        if not customer:
            return DESK_VERBS
        own = {f"{verb.name} {verb.usage}".strip(): verb.title for verb in VERBS.values()}
        return {**own, **READING, **DESK_VERBS}

    def _help(self, known: Mapping[str, str], head: str) -> str:
        return "\n".join([head, *(f"/{name}: {title}" for name, title in known.items()), DOT])


MOST_ID = (1 << 63) - 1


def _heard(told: Told, *, delivered: bool = False) -> Heard:
    return Heard(cards.ours(told.text) if told.text else "", delivered=delivered, choices=told.choices)


def _refusal(why: str) -> Heard:
    return Heard(cards.ours(why), why)


def _asks(line: Typed, form: Form) -> Told:
    """What a line must still say; with one tap, where it is one of few."""
    wanted = [one for one in form.inputs if one.required]
    usage = " ".join(one.name.upper() for one in wanted)
    lines = [f"say /{line.verb} {usage}"]
    for one in wanted:
        lines += [f"{value}: {label}" if value else label for value, label in one.choices]
    known = [choice for choice in wanted[0].choices if choice[0]] if len(wanted) == 1 else []
    start = f"/as {line.brand} /{line.verb}" if line.brand else f"/{line.verb}"
    taps = tuple((f"{start} {value}", label) for value, label in known) if len(known) <= MOST_TAPS else ()
    return Told("\n".join(lines), refused=True, choices=taps)
