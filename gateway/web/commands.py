"""The verbs of the desk over HTTP: those of an agent's chat client, one definition for all (contract section 5)."""

from aiohttp import web

from gateway.care.refusals import Missing
from gateway.model.desk import Form
from gateway.web.answers import answer
from gateway.web.conversations import KIND, Conversations
from gateway.web.fields import LONGEST_NAME, Fields
from gateway.web.messages import idempotency_key
from gateway.web.paging import Query, id_of
from gateway.web.problems import Problem
from gateway.web.services import Services

MOST_VALUES = 50


class Commands:
    """The calls under /v1/conversations/{id}/verbs."""

    def __init__(self, services: Services, talks: Conversations) -> None:
        self._services, self._talks = services, talks

    async def find(self, request: web.Request) -> web.Response:
        """All verbs, with what each asks of this agent just now."""
        query = Query(request, ("agent",))
        fields = Fields({"agent": query.text("agent")}, KIND, ("agent",))
        agent = self._talks.agent_of(fields, request)
        fields.done()
        forms = await self._services.commands.forms(id_of(request), agent)
        return answer({"items": [_verb_object(name, form) for name, form in forms.items()], "next": None})

    async def run(self, request: web.Request) -> web.Response:
        """Runs one."""
        fields = await self._talks.fields_of(request, ("agent", "values", "idempotency_key"))
        agent = self._talks.agent_of(fields, request)
        given = fields.words("values", MOST_VALUES)
        key = idempotency_key(fields, request)
        fields.done()
        values = {name: value.strip() for name, value in given.items()}
        name = request.match_info["verb"][:LONGEST_NAME]
        try:
            told = await self._services.commands.run(id_of(request), agent, name, values, key)
        except Missing as missing:
            errors = [(f"/values/{field}", said) for field, said in missing.fields.items()]
            raise Problem(KIND, f"{errors[0][0]} {errors[0][1]}", errors) from None
        return answer({"text": told})

    async def away(self, request: web.Request) -> web.Response:
        """The agent is not asked any more."""
        return await self._stand(request, away=True)

    async def available(self, request: web.Request) -> web.Response:
        """The agent is asked again."""
        return await self._stand(request, away=False)

    async def _stand(self, request: web.Request, *, away: bool) -> web.Response:
        (await self._talks.fields_of(request, ())).done()
        fields = Fields({"agent": request.match_info["agent"][:LONGEST_NAME]}, KIND, ("agent",))
        agent = self._talks.agent_of(fields, request)
        fields.done()
        await self._services.commands.set_away(agent, away=away)
        return answer({"jid": agent, "presence": self._services.presence(agent)})


def _verb_object(name: str, form: Form) -> dict[str, object]:
    return {
        "name": name,
        "title": form.title,
        "inputs": [
            {
                "name": one.name,
                "label": one.label,
                "required": one.required,
                "choices": [{"value": value, "label": label} for value, label in one.choices if value],
                "value": one.value,
            }
            for one in form.inputs
        ],
    }
