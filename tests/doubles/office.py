"""A back office without a network. It answers when and as the test says; until then a call is under way."""

import asyncio
import json
from dataclasses import dataclass, field

from gateway.care.calls import Reply


@dataclass(slots=True)
class Visit:
    """One call that came in. answered: what it gets."""

    key: str
    body: dict[str, object]
    answer: "asyncio.Future[Reply]"

    @property
    def action(self) -> str:
        """What is asked for."""
        return str(self.body["action"])


@dataclass(slots=True)
class FakeOffice:
    """Takes calls. ready: the answer that every call gets at once, None = it waits for `answer`."""

    ready: Reply | None = None
    visits: list[Visit] = field(default_factory=list)

    async def post(self, peer: str, body: str, key: str, message_id: str) -> Reply:
        """The `Post` of `Calls`."""
        visit = Visit(key, json.loads(body), asyncio.get_running_loop().create_future())
        self.visits.append(visit)
        return self.ready if self.ready is not None else await visit.answer

    @property
    def waiting(self) -> list[Visit]:
        """Calls without an answer yet, oldest first."""
        return [visit for visit in self.visits if self.ready is None and not visit.answer.done()]

    def answer(self, visit: Visit, status: int | None, body: object = None) -> None:
        """Answers a call; status None = the network failed."""
        visit.answer.set_result(Reply(status, json.dumps(body) if body is not None else ""))
