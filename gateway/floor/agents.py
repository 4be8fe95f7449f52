"""What agents do in their chat client: words to customers, verbs as lines of chat and as forms, presence.

Each thing that changes something is a decision in the customer's own order, answered after its commit.
"""

import logging
from collections.abc import Mapping, Sequence

from gateway.care import escalation, reserving
from gateway.care.engine import Engine
from gateway.care.playbook import Playbook
from gateway.care.turn import Refused, Turn
from gateway.floor import cards, verbs
from gateway.floor.attendance import Attendance
from gateway.model.conversation import Conversation
from gateway.model.desk import Asked, Form, Heard, Input, Said, Show, Told, key_of
from gateway.settings import nearest
from gateway.store.access import READ_FAULT
from gateway.store.database import Store
from gateway.store.units import Failure, Rejected
from gateway.store.views import message_of_key
from gateway.store.waiting import Room, away, facts, room, set_away

log = logging.getLogger("gateway.floor.agents")
READING: Mapping[str, str] = {"card": "Who it is and what was said", "help": "What can be done here"}
DESK_VERBS: Mapping[str, str] = {
    "available": "Take conversations",
    "away": "Take no conversations",
    "queue": "What waits",
    "help": "What can be done here",
}
MOST_LISTED = 30
NOW = "the store cannot be written at the moment; nothing was done, try again in a minute"


class Agents:
    """The desk behind the chat clients of agents. attendance: who is there."""

    def __init__(self, store: Store, engine: Engine, attendance: Attendance) -> None:
        self._store, self._engine, self.attendance = store, engine, attendance

    async def start(self) -> None:
        """Who said `/away` before the last stop is away still."""
        self.attendance.go_away(await self._store.read(away))

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

    # -- chat

    async def said(self, said: Said) -> Heard:
        """An agent wrote a line."""
        text = said.text.strip()
        if not text:
            return Heard()
        if not said.text.startswith("/"):
            if not said.customer:
                return Heard(self._help(DESK_VERBS, "Write to a customer's contact, or say:"))
            return await self._words(said, text)
        if said.text.startswith("//"):
            return _heard(await self._run(said.agent, said.customer, "note", {"text": text[2:].strip()}))
        name, _, rest = text[1:].partition(" ")
        return _heard(await self._line(said.agent, said.customer, name.lower(), rest.strip()))

    async def _words(self, said: Said, text: str) -> Heard:
        """To the customer, once for each stanza."""
        key = key_of(said.agent, said.customer, said.id) if said.id else None

        def decide(turn: Turn) -> str:
            conversation = verbs.theirs(turn, said.agent)
            if conversation is None:
                raise Refused("not sent: this customer has no conversation yet")
            return verbs.say(turn, conversation, said.agent, text, key)

        try:
            known = await self._store.read(message_of_key, key) if key is not None else None
            if known is not None and known.text == text:
                return Heard()
            if known is not None:
                again = "not sent: your client has used the id of this message before; write it again"
                return Heard(cards.ours(again), again)
            refused = str(await self._engine.ask(f"tel:{said.customer}", decide))
        except Refused as error:
            refused = str(error) if str(error).startswith("not sent") else f"not sent: {error}"
        except Rejected:
            return Heard()  # the same stanza was faster
        except (Failure, READ_FAULT):
            refused = f"not sent: {NOW}"
        return Heard(cards.ours(refused), refused) if refused else Heard()

    async def _line(self, agent: str, customer: str, name: str, rest: str) -> Told:
        if not customer or name in DESK_VERBS:
            return await self._desk(agent, customer, name)
        verb = verbs.VERBS.get(name)
        if verb is None and name not in READING:
            return Told(f"not sent: {self._unknown(name)}", refused=True)
        told = await self._run(agent, customer, name, {}, rest, line=True)
        if told.form is None:
            return told
        return Told(_listed(name, told.form), refused=True)

    def _unknown(self, name: str) -> str:
        known = [*verbs.VERBS, *READING, *DESK_VERBS]
        return (
            f"there is no /{name[:40]}{nearest(name, known)}; /help lists what there is; begin with a space to send it"
        )

    # -- forms

    async def verbs(self, agent: str, customer: str) -> Sequence[tuple[str, str]]:
        """What may be run on a customer's contact, or on the desk."""
        if not customer:
            return list(DESK_VERBS.items())
        return [*((verb.name, verb.title) for verb in verbs.VERBS.values()), *READING.items()]

    async def asked(self, asked: Asked) -> Told:
        """An agent runs a verb from a menu."""
        if not asked.customer or asked.verb in DESK_VERBS:
            return await self._desk(asked.agent, asked.customer, asked.verb)
        if asked.verb not in verbs.VERBS and asked.verb not in READING:
            return Told(f"there is no command {asked.verb[:40]}", refused=True)
        return await self._run(asked.agent, asked.customer, asked.verb, asked.values)

    async def _run(
        self,
        agent: str,
        customer: str,
        name: str,
        values: Mapping[str, str] | None,
        rest: str = "",
        *,
        line: bool = False,
    ) -> Told:
        """values: None = the form was not shown yet. rest: arguments of a line, each word the next of the inputs. line:
        it was said in chat.
        """
        if name == "card":
            return await self._card(agent, customer)

        def decide(turn: Turn) -> Told:
            conversation = self._meant(turn, agent)
            verb = verbs.VERBS[name]
            scene = verbs.Scene(turn, conversation, agent, {})
            inputs = verb.inputs(scene)
            given = _placed(inputs, rest) if rest else dict(values or {})
            missing = any(one.required and not given.get(one.name) for one in inputs)
            if missing or (inputs and values is None):
                return Told(form=Form(verb.title, inputs=tuple(inputs)))
            mine = verb.noticed and line and conversation.agent == agent
            text = verb.do(verbs.Scene(turn, conversation, agent, given))
            return Told("" if mine else text)

        try:
            told = await self._engine.ask(f"tel:{customer}", decide)
        except Refused as error:
            return Told(str(error), refused=True)
        except Failure:
            return Told(NOW, refused=True)
        assert isinstance(told, Told)
        return told

    def _meant(self, turn: Turn, agent: str) -> Conversation:
        conversation = verbs.theirs(turn, agent)
        if conversation is None:
            raise Refused("this customer has no conversation")
        return conversation

    async def _card(self, agent: str, customer: str) -> Told:
        def decide(turn: Turn) -> int:
            conversation = self._meant(turn, agent)
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
                return Told(self._waiting(agent, await self._store.read(room)))
            case "help":
                return Told(self._help(self._helped(customer), "Lines that begin with / are for the desk:"))
            case _:
                known = "a line about a customer is said to their contact" if name in verbs.VERBS else "/help lists all"
                return Told(f"there is no /{name[:40]} here; {known}", refused=True)

    def _shows(self, agent: str) -> str:
        show = self.attendance.show(agent)
        return "unknown" if show is Show.unknown else show.name

    def _helped(self, customer: str) -> Mapping[str, str]:
        if not customer:
            return DESK_VERBS
        own = {f"{verb.name} {verb.usage}".strip(): verb.title for verb in verbs.VERBS.values()}
        return {**own, **READING, **DESK_VERBS}

    def _help(self, known: Mapping[str, str], head: str) -> str:
        return "\n".join([head, *(f"/{name}: {title}" for name, title in known.items())])

    def _waiting(self, agent: str, seen: Room) -> str:
        """What waits in an agent's queues, longest first; a supervisor sees all."""
        known = self._book.agent(agent)
        mine = known.queues if known is not None else ()
        every = known is not None and known.role == "supervisor"
        found = [one for one in seen.waiting if every or one.queue in mine]
        if not found:
            return "nobody waits"
        now = self._engine.now()
        lines = [f"{len(found)} wait{'s' if len(found) == 1 else ''}:"]
        for one in found[:MOST_LISTED]:
            asked = reserving.read(one.reservation).agent
            whose = f", offered to {escalation.name_of(self._book, asked)}" if asked else ""
            lines.append(f"{cards.number(one.key)} in {one.queue} for {_duration(now - one.since)}{whose}")
        if len(found) > MOST_LISTED:
            lines.append(f"and {len(found) - MOST_LISTED} more")
        return "\n".join(lines)


MOST_ID = (1 << 63) - 1


def _heard(told: Told) -> Heard:
    return Heard(cards.ours(told.text)) if told.text else Heard()


def _placed(inputs: Sequence[Input], rest: str) -> dict[str, str]:
    """The words of a line as the values of inputs, in order; the last one has all that is left."""
    given: dict[str, str] = {}
    for at, one in enumerate(inputs):
        if at == len(inputs) - 1:
            given[one.name] = rest
        else:
            given[one.name], _, rest = rest.partition(" ")
            rest = rest.strip()
    return given


def _listed(name: str, form: Form) -> str:
    """What a line must still say."""
    wanted = [one for one in form.inputs if one.required]
    usage = " ".join(one.name.upper() for one in wanted)
    lines = [f"say /{name} {usage}"]
    for one in wanted:
        lines += [f"{value}: {label}" if value else label for value, label in one.choices]
    return "\n".join(lines)


def _duration(ms: int) -> str:
    seconds = max(0, ms // 1000)
    return (
        f"{seconds // 3600} h {seconds % 3600 // 60} min"
        if seconds >= 3600
        else f"{seconds // 60}:{seconds % 60:02d} min"
    )
