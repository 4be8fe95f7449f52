"""What agents do in their chat client: words to customers, verbs as lines of chat and as forms, presence.

Each thing that changes something is a decision in the customer's own order, answered after its commit.
"""

import logging
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from functools import partial

from gateway.care import starting
from gateway.care.doubts import NOBODY_KNOWS
from gateway.care.engine import Engine
from gateway.care.playbook import Playbook
from gateway.care.turn import Refused, Turn
from gateway.floor import cards, verbs
from gateway.floor.attendance import Attendance
from gateway.floor.corrections import Correction, corrected
from gateway.floor.helping import (
    DESK_VERBS,
    MENTIONED,
    NAMES,
    READING,
    elsewhere_said,
    help_at_the_desk,
    help_here,
    wanted,
)
from gateway.floor.lines import Typed, doubtful, in_slashes, slashed, typed
from gateway.floor.meaning import meant
from gateway.floor.picking import CARD, Picking
from gateway.floor.repertoire import VERBS
from gateway.floor.runs import BRAND, Run, alone
from gateway.floor.starting import START, TITLE, Starter, open_with
from gateway.floor.statuses import status
from gateway.floor.waiting_list import what_waits
from gateway.model.customer import called
from gateway.model.desk import Asked, Heard, Said, Show, Told, key_of
from gateway.model.message import Disposition, MessageState
from gateway.model.rows import replace
from gateway.settings import nearest
from gateway.store import stanzas
from gateway.store.access import READ_FAULT
from gateway.store.database import Store
from gateway.store.listings import loads
from gateway.store.tags import tags_of_customer
from gateway.store.units import Failure, Rejected
from gateway.store.views import message_of_key
from gateway.store.waiting import away, elsewhere, facts, set_away

log = logging.getLogger("gateway.floor.agents")
NOW = "the store cannot be written at the moment; nothing was done, try again in a minute"


class Agents:
    """The desk behind the chat clients of agents. attendance: who is there."""

    def __init__(self, store: Store, engine: Engine, attendance: Attendance) -> None:
        self._store, self._engine, self.attendance = store, engine, attendance
        self._starter = Starter(store, engine)
        self._picking = Picking(store, engine, partial(self._about, here="there"), self.named)

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
            return "the desk: say .help"
        return status(self._engine.states.get(f"tel:{customer}"), self._book, agent)

    async def named(self, agent: str, customer: str) -> str:
        """A customer's name, as far as it is known and this agent may read it (invariant 10)."""

        def decide(turn: Turn) -> str:
            name = called(turn.known.name, turn.known.tier) if turn.known is not None else ""
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
        """An agent wrote a line; who types slashes is answered with slashes."""
        line = typed(said.text, NAMES)
        if line is None:
            return Heard()
        why, sure = doubtful(said.text, line)
        if why:
            heard = _heard(Told(why, refused=True, choices=((sure, "Do it"),)))
            return heard if line.verb else replace(heard, refused=why)
        heard = await self._said(said, line)
        if not slashed(said.text):
            return heard
        known = {*MENTIONED, line.verb} if line.verb else MENTIONED
        return replace(heard, text=in_slashes(heard.text, known), refused=in_slashes(heard.refused, known))

    async def _said(self, said: Said, line: Typed) -> Heard:
        if line.refused:
            return _heard(Told(f"not sent: {line.refused}", refused=True))
        if line.verb and not said.replaces:
            told = await self._line(said, line)
            # Else it would look for ever as if it had not arrived.
            return _heard(told, delivered=bool(said.id) and not told.refused)
        if not said.customer and not said.replaces:
            return Heard(help_at_the_desk("This is the desk, and no customer. Say:"), ours=True)
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
            correction = await corrected(self._store, said, line, keyed, said.replaces)
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
        same = known.text == words
        if correction is not None:
            same = bool(await self._engine.ask(known.key, lambda turn: correction.made(turn, known)))
        if not same:
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
        if line.rest and (line.verb in DESK_VERBS or line.verb in READING):
            return Told(alone(line.verb), refused=True)
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
        return told if told.form is None else wanted(line.verb, line.brand, told.form)

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
            f"there is no .{name[:40]}{nearest(name, known)}; .help lists what there is; begin with a space to send it"
        )

    # -- forms

    async def verbs(self, agent: str, customer: str) -> Sequence[tuple[str, str]]:
        """What may be run on a customer's contact, or on the desk."""
        its = [(verb.name, verb.title) for verb in VERBS.values()]
        if not customer:
            return [*DESK_VERBS.items(), *its, (CARD, READING[CARD])]
        return [*its, *READING.items(), (START, TITLE)]

    async def asked(self, asked: Asked) -> Told:
        """An agent runs a verb from a menu."""
        if asked.verb == START:
            return await self._starting(self._starter.form(asked))
        if asked.verb in DESK_VERBS:
            return await self._desk(asked.agent, asked.customer, asked.verb)
        try:
            return await (self._about(asked) if asked.customer else self._picking.asked(asked))
        except (Failure, READ_FAULT):
            return Told(NOW, refused=True)

    async def _about(self, asked: Asked, here: str = "here") -> Told:
        """A verb on a customer. here: as of `Scene`. Raises Failure, or what a read raises."""
        values = dict(asked.values) if asked.values is not None else None
        brand = values.pop(BRAND, "") if values is not None else ""
        if asked.verb == CARD:
            return await self._card(asked.agent, asked.customer, brand)
        verb = VERBS.get(asked.verb)
        if verb is None:
            return Told(f"there is no command {asked.verb[:40]}", refused=True)
        values = values if values or not brand else None
        return await self._run(Run(asked.agent, asked.customer, verb, brand, values=values, here=here))

    async def _starting(self, starts: Awaitable[Told]) -> Told:
        try:
            return await starts
        except (Failure, READ_FAULT):
            return Told(NOW, refused=True)

    async def _run(self, run: Run) -> Told:
        """Raises Failure: nothing is on disk. Rejected: this line was run before."""
        if run.verb.tagged:
            run = replace(run, tags=await self._store.read(tags_of_customer, f"tel:{run.customer}"))
        if run.verb.counted:
            run = replace(run, busy=(await self._store.read(loads)).busy)

        def decide(turn: Turn) -> Told:
            told = run.decide(turn, self.attendance.appears)
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
        return Told(cards.card(known, self._book, 0, agent).removeprefix(f"{cards.DESK} "))

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
                return Told("you are not asked until you say .available; what you have stays yours")
            case "queue":
                return Told(await what_waits(self._store, self._engine, agent))
            case "help":
                return Told(self._help(agent) if customer else help_at_the_desk())
            case _:
                return Told(elsewhere_said(name), refused=True)

    def _shows(self, agent: str) -> str:
        show = self.attendance.show(agent)
        return "unknown" if show is Show.unknown else show.name

    def _help(self, agent: str) -> str:
        known = self._book.agent(agent)
        supervisor = known is None or known.role == "supervisor"
        return help_here(supervisor=supervisor, brands=len(self._book.brands))


MOST_ID = (1 << 63) - 1


def _heard(told: Told, *, delivered: bool = False) -> Heard:
    return Heard(cards.ours(told.text) if told.text else "", delivered=delivered, choices=told.choices, ours=True)


def _refusal(why: str) -> Heard:
    return Heard(cards.ours(why), why)
