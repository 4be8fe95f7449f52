"""Looks at the gateway and the billing system over their HTTP, as any program could; makes of it what the page shows.

It asks a few times a second while somebody looks, and tells only what changed.
"""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from gateway.demo import stories

_EVERY = 0.4
_MESSAGES, _CONVERSATIONS, _CALLS = 24, 6, 20
_FRESH = 4  # newest messages whose timeline is read each time: receipts and late answers move them
_BEATS_PER_PING = 30
log = logging.getLogger("gateway.demo")
Json = dict[str, Any]
Cast = tuple[Sequence[stories.Step], Sequence[Json]]
"""The steps of the tour, and the agents."""


class Refused(Exception):
    """The gateway (or billing) said no; status and problem are its answer."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or status))
        self.status, self.problem = status, problem


@dataclass(frozen=True, slots=True)
class Sources:
    """What is looked at. pid: of the gateway's process, while it runs."""

    gateway: str
    billing: str
    key: str
    carrier: str
    pid: Callable[[], int | None] = lambda: None


class Observer:
    """The demo as one JSON document, and what the page may do. cast: what is played, and by whom."""

    def __init__(self, sources: Sources, tour: int, began: Callable[[int], None], cast: Cast) -> None:
        self._sources, self._tour, self._began = sources, tour, began
        self.tour, self._agents = cast
        self._http: aiohttp.ClientSession | None = None
        self._since_ms = time.time_ns() // 1_000_000
        self._details: dict[str, tuple[Json, Json]] = {}
        self._watchers: set[asyncio.Event] = set()
        self._snapshot = ""
        self._looking: asyncio.Task[None] | None = None

    @property
    def phone(self) -> str:
        """The number of this tour."""
        return stories.phone(self._tour)

    async def close(self) -> None:
        """Ends the looking and the connections."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    # -- what the page does

    async def fire(self, name: str) -> Json:
        """Posts a story's event."""
        event_id = f"demo-{uuid.uuid4()}"
        posted = stories.event(stories.STORIES[name], event_id, self.phone, datetime.now(UTC))
        return await self._gateway("POST", "/v1/events", posted, "application/cloudevents+json")

    async def verb(self, conversation: str, verb: str, body: Mapping[str, Any]) -> Json:
        """What the agent does to a conversation."""
        return await self._gateway("POST", f"/v1/conversations/{conversation}/{verb}", body)

    async def billing(self, mode: str) -> Json:
        """Makes billing behave or misbehave."""
        return await self._json("POST", f"{self._sources.billing}/set", {"mode": mode})

    async def begin_again(self) -> None:
        """The tour starts anew with a new phone; what happened stays in the gateway."""
        await self.finish(self.phone)
        self._tour += 1
        self._began(self._tour)
        self._since_ms = time.time_ns() // 1_000_000
        self._details.clear()
        await self.hand_out()
        await self._json("POST", f"{self._sources.billing}/clear", {})

    async def open(self) -> None:
        """Gives the customer the phone of this tour, after the last demo's is put away."""
        await self.hand_out()
        if self._tour:
            await self.finish(stories.phone(self._tour - 1))

    async def finish(self, phone: str) -> None:
        """Closes what still waits for a person, or is with one, as far as it can be: the next tour's card is alone."""
        try:
            listed = await self._gateway("GET", f"/v1/messages?address=%2B{phone[1:]}&limit={_MESSAGES}")
            for one in await self._conversations(listed["items"]):
                if one.get("state") in ("queued", "human", "waiting"):
                    await self._close(one)
        except Refused as problem:
            log.info("a conversation of the tour before stays open: %s", problem)

    async def _close(self, one: Json) -> None:
        by = one.get("agent")
        if by is None:
            able = [agent for agent in self._agents if one.get("queue") in agent["queues"]]
            by = able[0]["name"] if able else stories.CUSTOMER
            await self.verb(one["id"], "claim", {"agent": by})
        await self.verb(one["id"], "close", {"agent": by, "disposition": "resolved"})

    async def hand_out(self) -> None:
        """Gives the customer the phone of this tour."""
        phone = {"number": self.phone, "name": stories.CUSTOMER}
        await self._json("POST", f"{self._sources.carrier}/phones", phone)

    # -- what the page sees

    async def watch(self) -> AsyncIterator[str]:
        """The document now and after each change; "" now and then, so that a dead connection is noticed."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            if self._snapshot:
                yield self._snapshot
            while True:
                try:
                    await asyncio.wait_for(changed.wait(), _EVERY * _BEATS_PER_PING)
                except TimeoutError:
                    yield ""
                    continue
                changed.clear()
                yield self._snapshot
        finally:
            self._watchers.discard(changed)

    async def _look(self) -> None:
        while self._watchers:
            document = json.dumps(await self.document(), ensure_ascii=False)
            if document != self._snapshot:
                self._snapshot = document
                for changed in self._watchers:
                    changed.set()
            await asyncio.sleep(_EVERY)
        self._snapshot = ""

    async def document(self) -> Json:
        """All that the page shows."""
        calls = await self._calls()
        try:
            health = await self._gateway("GET", "/health/ready")
            messages = await self._messages()
            conversations = await self._conversations(messages)
            offers = await self._offers()
        except Refused as problem:
            told = {"status": "down", "reasons": [str(problem)]}
            nothing: Json = {"health": told, "messages": [], "conversations": [], "tour": [], "billing": calls}
            return {**nothing, "phone": self.phone}
        for one in conversations:
            one["offers"] = [offer for offer in offers if offer.get("conversation") == one["id"]]
        recent = [one for one in conversations if self._recent(one["id"])]
        done = stories.progress(self.tour, recent, messages, calls["calls"])
        seen = {"health": health, "messages": messages, "conversations": conversations, "billing": calls}
        return {**seen, "tour": done, "pid": self._sources.pid(), "phone": self.phone}

    def _recent(self, an_id: str) -> bool:
        """Whether a record was made since the tour began: its time stands in its id."""
        return int(an_id) >> 20 >= self._since_ms

    async def _messages(self) -> list[Json]:
        listed = await self._gateway("GET", f"/v1/messages?address=%2B{self.phone[1:]}&limit={_MESSAGES}")
        found = []
        for place, message in enumerate(listed["items"]):
            known = self._details.get(message["id"])
            if known is None or known[0] != message or place < _FRESH or message["disposition"] is None:
                known = (message, await self._gateway("GET", f"/v1/messages/{message['id']}"))
                self._details[message["id"]] = known
            found.append(known[1])
        for gone in self._details.keys() - {message["id"] for message in found}:
            del self._details[gone]
        return found

    async def _conversations(self, messages: Sequence[Json]) -> list[Json]:
        """Those of the messages, newest first."""
        ids = dict.fromkeys(message["conversation"] for message in messages if message.get("conversation"))
        newest = sorted(ids, key=int, reverse=True)[:_CONVERSATIONS]
        return [await self._gateway("GET", f"/v1/conversations/{one}") for one in newest]

    async def _offers(self) -> list[Json]:
        found: list[Json] = (await self._gateway("GET", "/v1/offers?limit=50"))["items"]
        return found

    async def _calls(self) -> Json:
        try:
            found = await self._json("GET", f"{self._sources.billing}/received")
        except Refused:
            return {"mode": "down", "modes": {}, "calls": []}
        since = datetime.fromtimestamp(self._since_ms / 1000, UTC).isoformat(timespec="milliseconds")
        found["calls"] = [call for call in found["calls"] if call["at"] >= since.replace("+00:00", "Z")][-_CALLS:][::-1]
        return found

    # -- HTTP

    async def _gateway(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Json:
        headers = {"Authorization": f"Bearer {self._sources.key}"}
        return await self._json(method, self._sources.gateway + path, body, headers | {"Content-Type": kind})

    async def _json(self, method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Json:
        """One request. Raises Refused, also when nobody answers."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        data = None if body is None else json.dumps(body).encode()
        try:
            async with self._http.request(
                method, url, data=data, headers=(headers if data is not None else _without_type(headers))
            ) as response:
                raw = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise Refused(502, {"title": "not reached", "detail": "the gateway does not answer"}) from problem
        try:
            value = json.loads(raw) if raw else {}
        except ValueError:
            value = {"detail": raw[:200].decode("utf-8", "replace")}
        if status >= 400 and not url.endswith("/health/ready"):
            raise Refused(status, value if isinstance(value, dict) else {})
        return value if isinstance(value, dict) else {}


def _without_type(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (headers or {}).items() if name != "Content-Type"}
