"""Events that come in batches: checked in turn, put on disk in chunks.

Not compiled: there, what is awaited in a `finally` may raise what somebody else has handled before (mypyc 2.4).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import web

from gateway.store.database import Store
from gateway.store.progress import keys_of_externals
from gateway.web import bodies, cloudevents
from gateway.web.answers import answer
from gateway.web.backlog import Backlog
from gateway.web.chunks import Chunk, externals_of
from gateway.web.problems import Problem
from gateway.web.services import Services

MOST_EVENTS: Final = 10_000
CHUNK: Final = 500


async def known_externals(store: Store, items: Sequence[object]) -> Mapping[str, str | None]:
    """Of the events that name a customer by an id of their own system: whose address that is."""
    names = externals_of(items)
    return await store.read(keys_of_externals, names) if names else {}


class Batches:
    """Takes batches. book: what events are checked against."""

    def __init__(self, services: Services, backlog: Backlog, book: Callable[[], cloudevents.Book]) -> None:
        self._services, self._backlog, self._book = services, backlog, book
        # What takes milliseconds is done in turn, one in a round of the loop: carriers are answered in between, however
        # many batches come at once.
        self._turn = asyncio.Lock()

    async def take(self, body: bytes) -> web.Response:
        """Takes a batch; the answer says what became of each event. Raises Problem."""
        async with self._turn:
            await asyncio.sleep(0)
            items = (await bodies.load(body)).value
        if not isinstance(items, list):
            raise Problem("not-an-object", "a batch must be a list of events", [("", "must be a JSON list")])
        if len(items) > MOST_EVENTS:
            told = f"a batch holds at most {MOST_EVENTS} events, this one {len(items)}"
            raise Problem("too-large", told, [("", told)])
        self._backlog.take(len(items))
        results: list[dict[str, object]] = []
        keeping: asyncio.Task[list[dict[str, object]]] | None = None
        for start in range(0, len(items), CHUNK):
            # These are checked while those before are on their way to the disk, and follow them once they are there:
            # events of one customer are taken in their order.
            try:
                chunk = await self._check(items[start : start + CHUNK])
            finally:
                if keeping is not None:
                    results += await keeping
            keeping = asyncio.create_task(self._keep(chunk))
        if keeping is not None:
            results += await keeping
        return answer({"results": results}, 202)

    async def _check(self, items: Sequence[object]) -> Chunk:
        chunk = Chunk(items, self._services.public_url)
        externals = await known_externals(self._services.store, items)
        async with self._turn:
            await asyncio.sleep(0)
            chunk.check(self._book(), self._services.ids, externals)
        return chunk

    async def _keep(self, chunk: Chunk) -> list[dict[str, object]]:
        """Puts them on disk, copies after what they copy; the answers in order."""
        for group in (chunk.firsts, chunk.copies):
            if group:
                taken = await self._services.taking.many(list(group.values()))
                async with self._turn:
                    await asyncio.sleep(0)
                    chunk.tell(group, taken)
        return chunk.answers()
