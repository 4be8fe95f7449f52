"""The verbs of the desk for programs that show them as they like: the console, and whoever builds a desk over HTTP.

The same definitions as in the chat client: what a verb asks, what it does, and what it answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.care import elsewhere, escalation
from gateway.care.desk import Unknown
from gateway.care.engine import Engine
from gateway.care.refusals import Missing
from gateway.care.turn import Refused, Turn
from gateway.floor.repertoire import VERBS
from gateway.floor.verbs import Scene, Verb, may_read
from gateway.model.desk import Form, Show, own_key
from gateway.settings import nearest
from gateway.store import stanzas, waiting
from gateway.store.database import Store
from gateway.store.listings import loads
from gateway.store.tags import tags_of
from gateway.store.units import Rejected
from gateway.store.views import key_of_conversation

_VERBS: Mapping[str, Verb] = {name: verb for name, verb in VERBS.items() if verb.steps is None}
"""What is asked in steps has calls of its own."""


class Commands:
    """show: how much an agent is there, by JID."""

    def __init__(self, store: Store, engine: Engine, show: Callable[[str], Show] = lambda _: Show.unknown) -> None:
        self._store, self._engine, self._show = store, engine, show

    async def forms(self, conversation_id: int, agent: str) -> Mapping[str, Form]:
        """What each verb asks of this agent about this conversation just now. Raises Unknown, Failure."""

        tags = await self._store.read(tags_of, [conversation_id])

        def ask(turn: Turn) -> Mapping[str, Form]:
            scene = self._scene(turn, conversation_id, agent, {}, tags)
            may_read(turn, scene.conversation, agent)
            return {verb.name: _form(verb, scene) for verb in _VERBS.values()}

        return await self._decide(conversation_id, ask)  # type: ignore[return-value]

    async def run(self, conversation_id: int, agent: str, name: str, values: Mapping[str, str], key: str | None) -> str:
        """Does it; what was done, as a sentence. key: the caller's own, with which it is done once.

        Raises:
            Unknown: no such conversation, or verb.
            Missing: values are missing, or are none that it asks for.
            Refused, NotOwner: not now, with the reason. Failure: the store.
        """
        verb = _VERBS.get(name)
        if verb is None:
            raise Unknown(f"there is no verb {name[:40]}{nearest(name[:40], _VERBS)}; there are {', '.join(_VERBS)}")
        line = f"{name} {sorted(values.items())}"
        stanza = stanzas.key_of(agent, str(conversation_id), f"http:{key}") if key is not None else None

        tags = await self._store.read(tags_of, [conversation_id])

        busy = (await self._store.read(loads)).busy if verb.counted else {}

        def decide(turn: Turn) -> str:
            scene = replace(self._scene(turn, conversation_id, agent, values, tags), busy=busy)
            verb.may(turn, scene.conversation, scene.agent)
            _require(verb, scene)
            told = verb.do(scene)
            elsewhere.works_over_http(turn, self._engine.presence, escalation.agent_named(turn.playbook, agent))
            if stanza is not None:
                stanzas.add(turn.unit, stanza, turn.now, line, told)
            return told

        if (known := await self._known(stanza, line)) is not None:
            return known
        try:
            return str(await self._decide(conversation_id, decide))
        except (Refused, Rejected):
            if (known := await self._known(stanza, line)) is None:
                raise
            return known

    async def set_away(self, agent: str, *, away: bool) -> None:
        """As `.away` and `.available` to the desk: whether the agent (bare JID) is asked. Who says that they are
        available, and has no client that shows them there, works over HTTP. Raises Failure.
        """
        unit, presence = waiting.set_away(agent, away=away), self._engine.presence
        unseen = presence is not None and not away and presence.without_client(agent)
        if unseen:
            waiting.set_elsewhere(unit, agent, elsewhere=True)
        await self._store.write(unit)
        if presence is not None and away:
            presence.go_away([agent])
        elif presence is not None:
            presence.come_back(agent)
            if unseen:
                presence.are_elsewhere([agent])

    async def _known(self, stanza: str | None, line: str) -> str | None:
        """What was answered when it was asked with this key before. Raises Refused."""
        found = await self._store.read(stanzas.answer_of, stanza, line) if stanza is not None else None
        if found is None:
            return None
        same, told = found
        if not same:
            raise Refused("the idempotency key was used before, for something else", "idempotency_key")
        return told

    def _scene(
        self,
        turn: Turn,
        conversation_id: int,
        agent: str,
        values: Mapping[str, str],
        tags: Mapping[int, tuple[str, ...]],
    ) -> Scene:
        conversation = turn.conversations.get(conversation_id)
        if conversation is None:
            raise escalation.closed_long_ago()
        return Scene(turn, conversation, agent, values, self._show, tags, own_key(turn.ids()))

    async def _decide(self, conversation_id: int, decide: Callable[[Turn], object]) -> object:
        key = await self._store.read(key_of_conversation, conversation_id)
        if key is None:
            raise Unknown(f"no conversation {conversation_id}")
        return await self._engine.ask(key, decide)


def _form(verb: Verb, scene: Scene) -> Form:
    return Form(verb.title, inputs=tuple(verb.inputs(scene)))


def _require(verb: Verb, scene: Scene) -> None:
    form = _form(verb, scene)
    names = {one.name for one in form.inputs}
    wrong = {one.name: "is required" for one in form.inputs if one.required and not scene.values.get(one.name)}
    wrong |= {
        name: f"is not asked; it asks {', '.join(names) or 'nothing'}" for name in scene.values if name not in names
    }
    if wrong:
        raise Missing(wrong)
