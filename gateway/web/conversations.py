"""Conversations over HTTP: who has the turn, and what an agent can do on IM, with the same rules.

Every verb is decided in the customer's own order; when another owns the conversation the answer is 409 and says who.
"""

from aiohttp import web

from gateway.care.canned import LONGEST_VALUE, MOST_FIELDS
from gateway.care.tagging import MOST_TAGS
from gateway.floor.helping import MENTIONED
from gateway.floor.lines import unfit
from gateway.model.conversation import ConversationState
from gateway.settings import nearest
from gateway.store.listings import ConversationFilters, conversation, conversations, notes
from gateway.store.search import TooWide
from gateway.web import bodies
from gateway.web.answers import answer
from gateway.web.fields import Fields
from gateway.web.messages import idempotency_key, number_of
from gateway.web.objects import conversation_object, note_object
from gateway.web.paging import Query, id_of, page
from gateway.web.problems import Problem
from gateway.web.routes import CALLER, JSON_TYPE
from gateway.web.services import Services

FILTERS = ("state", "queue", "agent", "customer", "brand", "tag")
KIND = "invalid-action"
_SPACED = "a space before what only looks like a command makes it words"


class Conversations:
    """The calls under /v1/conversations."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def find(self, request: web.Request) -> web.Response:
        """A page of them, newest first."""
        query = Query(request, FILTERS)
        agent = query.text("agent")
        known = self._services.book.agent(agent) if agent else None
        filters = ConversationFilters(
            state=query.choice("state", tuple(ConversationState)),
            queue=query.text("queue"),
            agent=str(known.jid) if known else agent,
            customer=query.customer("customer"),
            brand=query.text("brand"),
            before=query.cursor,
            tag=query.text("tag"),
        )
        try:
            views, more = await self._services.store.read(conversations, filters, query.limit)
        except TooWide:
            raise Problem("search-too-wide", "the list takes too long; narrow it by customer or state") from None
        items = [conversation_object(view) for view in views]
        return page(items, views[-1].conversation.id if views else None, more=more)

    async def get(self, request: web.Request) -> web.Response:
        """One of them. Notes are for people of the desk, never for a back office (invariant 10)."""
        return answer(await self._object(id_of(request), notes_too=request[CALLER].role != "integrator"))

    async def _object(self, conversation_id: int, *, notes_too: bool = True) -> dict[str, object]:
        view = await self._services.store.read(conversation, conversation_id)
        if view is None:
            raise Problem("not-found", "no conversation has this id")
        told = conversation_object(view)
        if notes_too:
            lines = await self._services.store.read(notes, conversation_id)
            told["notes"] = [note_object(line) for line in lines]
        return told

    # -- the verbs

    async def say(self, request: web.Request) -> web.Response:
        """The agent's words to the customer."""
        fields = await self.fields_of(request, ("agent", "text", "idempotency_key"), "invalid-message")
        text = _words(fields)
        agent = self.agent_of(fields, request)
        key = idempotency_key(fields, request)
        fields.done()
        conversation_id = id_of(request)
        message = await self._services.desk.say(conversation_id, agent, text or "", key)
        if message.conversation_id != conversation_id or message.text != (text or "").strip():
            said = "the idempotency key was used before, for another message"
            raise Problem("idempotency-clash", said, [("/idempotency_key", said)])
        return answer({"message": str(message.id)}, 202)

    async def start(self, request: web.Request) -> web.Response:
        """An agent writes first, to a number that has no open conversation."""
        fields = await self.fields_of(request, ("to", "text", "agent", "brand", "idempotency_key"), "invalid-message")
        text = _words(fields)
        to = number_of(fields)
        brand = fields.name("brand", most=64)
        agent = self.agent_of(fields, request)
        key = idempotency_key(fields, request)
        fields.done()
        message = await self._services.desk.start(to, agent, text or "", brand or "", key)
        if message.theirs != to or message.text != (text or "").strip() or message.conversation_id is None:
            said = "the idempotency key was used before, for another message"
            raise Problem("idempotency-clash", said, [("/idempotency_key", said)])
        return answer(await self._object(message.conversation_id), 201)

    async def say_canned(self, request: web.Request) -> web.Response:
        """A canned reply in the agent's name."""
        fields = await self.fields_of(request, ("agent", "name", "values", "idempotency_key"), "invalid-message")
        name, values = fields.name("name", required=True), fields.words("values", MOST_FIELDS, LONGEST_VALUE)
        agent = self.agent_of(fields, request)
        key = idempotency_key(fields, request)
        fields.done()
        conversation_id = id_of(request)
        message = await self._services.desk.say_canned(conversation_id, agent, name or "", values, key)
        if message.conversation_id != conversation_id:
            said = "the idempotency key was used before, for another message"
            raise Problem("idempotency-clash", said, [("/idempotency_key", said)])
        told = {"message": str(message.id), "text": message.text, "encoding": message.encoding}
        return answer({**told, "segments": message.parts}, 202)

    async def claim(self, request: web.Request) -> web.Response:
        """The agent takes a waiting conversation; the first commit wins."""
        fields = await self.fields_of(request, ("agent",))
        agent = self.agent_of(fields, request)
        fields.done()
        claimed = await self._services.desk.claim(id_of(request), agent)
        return answer(await self._object(claimed.id))

    async def transfer(self, request: web.Request) -> web.Response:
        """To a queue or another agent."""
        fields = await self.fields_of(request, ("to", "reason", "agent"))
        to, reason = fields.name("to", required=True), fields.text("reason", most=500)
        by, as_agent = self._actor(fields, request)
        fields.done()
        desk = self._services.desk
        moved = await desk.transfer(id_of(request), to or "", reason or "", by, as_agent=as_agent)
        return answer(await self._object(moved.id))

    async def close(self, request: web.Request) -> web.Response:
        """The person is done."""
        fields = await self.fields_of(request, ("disposition", "note", "agent"))
        disposition, note = fields.name("disposition", required=True, most=64), fields.text("note")
        by, as_agent = self._actor(fields, request)
        fields.done()
        desk = self._services.desk
        closed = await desk.close(id_of(request), by, disposition or "", note or "", as_agent=as_agent)
        return answer(await self._object(closed.id))

    async def hand_back(self, request: web.Request) -> web.Response:
        """The handler goes on."""
        fields = await self.fields_of(request, ("disposition", "agent"))
        disposition = fields.name("disposition", most=64)
        by, as_agent = self._actor(fields, request)
        fields.done()
        back = await self._services.desk.hand_back(id_of(request), by, disposition or "", as_agent=as_agent)
        return answer(await self._object(back.id))

    async def note(self, request: web.Request) -> web.Response:
        """A line that never leaves the desk."""
        fields = await self.fields_of(request, ("text", "agent"))
        text = fields.text("text", required=True)
        by = self._by(fields, request)
        fields.done()
        conversation_id = id_of(request)
        await self._services.desk.note(conversation_id, by, text or "")
        return answer(await self._object(conversation_id), 201)

    async def tag(self, request: web.Request) -> web.Response:
        """Adds tags and takes others away."""
        fields = await self.fields_of(request, ("add", "remove"))
        add, remove = fields.lines("add", MOST_TAGS), fields.lines("remove", MOST_TAGS)
        fields.done()
        conversation_id = id_of(request)
        await self._services.desk.tag(conversation_id, add, remove)
        return answer(await self._object(conversation_id))

    # -- who speaks

    async def fields_of(self, request: web.Request, known: tuple[str, ...], kind: str = KIND) -> Fields:
        """The body; none at all counts as an empty object."""
        body = b""
        if request.can_read_body:
            bodies.content_type(request, (JSON_TYPE,))
            body = await bodies.read(request)
        document = await bodies.load(body or b"{}")
        return Fields(bodies.require_sound(document), kind, known)

    def agent_of(self, fields: Fields, request: web.Request) -> str:
        """The agent who speaks: named, or the one whose key it is.

        Raises Problem 403 where an agent's own key speaks for another.
        """
        named = fields.name("agent")
        caller = request[CALLER]
        own = self._services.book.agent(caller.name)
        other = named is not None and self._services.book.agent(named) is not own
        if own is not None and caller.role == "agent" and other:
            raise Problem("forbidden", f"this key is {own.name}'s, who cannot speak for another agent")
        if named is None:
            if own is None and not fields.given("agent"):
                fields.wrong("agent", "is required: the name or JID of an agent of gateway.toml")
            return str(own.jid) if own else ""
        agents = self._services.book.agents
        known = self._services.book.agent(named)
        if known is None and agents:
            names = [agent.name for agent in agents]
            hint = nearest(named, [*names, *(agent.jid for agent in agents)])
            fields.wrong("agent", f"is no agent of gateway.toml{hint or '; there are ' + ', '.join(names[:10])}")
        return str(known.jid) if known else named

    def _actor(self, fields: Fields, request: web.Request) -> tuple[str, bool]:
        """Who decides, and whether as an agent; the key of a supervisor or admin may decide without one."""
        if fields.given("agent") or request[CALLER].role != "agent":
            return self._by(fields, request), fields.given("agent")
        if not self._services.book.agents:
            # Any name is an agent's where none are configured, so the key's own is one too.
            return str(request[CALLER].name), True
        return self.agent_of(fields, request), True

    def _by(self, fields: Fields, request: web.Request) -> str:
        """Who did it, for the notes: the agent if one is named, else the key."""
        if fields.given("agent") or self._services.book.agent(request[CALLER].name) is not None:
            return self.agent_of(fields, request)
        return str(request[CALLER].name)


def _words(fields: Fields) -> str | None:
    """An agent's words to the customer. As in the chat, no note and no line for the desk is sent as such."""
    text = fields.text("text", required=True)
    if text is not None and (why := unfit(text, MENTIONED)):
        notes, verbs = "POST /v1/conversations/{id}/notes", "POST /v1/conversations/{id}/verbs/{verb}"
        fields.wrong("text", f"is not sent: {why}; a note goes to {notes}, a command to {verbs}; {_SPACED}")
    return text
