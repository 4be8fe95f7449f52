"""What operators look at: carriers, queues, agents, dead letters, health and metrics."""

from collections.abc import Mapping

from aiohttp import web

from gateway.care import opening
from gateway.care.turn import CUSTOMER_LANE, Refused
from gateway.model.channel import LinkStatus
from gateway.store.listings import DeadLetter, Loads, dead_letters, loads
from gateway.store.units import Conflict
from gateway.web.answers import HEADERS, answer, instant
from gateway.web.paging import Query, id_of, page, whole
from gateway.web.problems import Problem
from gateway.web.services import Services


class Operations:
    """The calls that show how the gateway does."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def carriers(self, request: web.Request) -> web.Response:
        """Binds, window, TPS, errors, receipts of each carrier."""
        Query(request)
        return whole([_carrier(link, self._services.receipts(link.name)) for link in self._services.carriers()])

    async def queues(self, request: web.Request) -> web.Response:
        """Who waits where, and since when."""
        Query(request)
        now = await self._services.store.read(loads)
        book = self._services.book
        names = [*book.queues, *(name for name in now.waiting if name not in book.queues)]
        return whole([self._queue(name, now) for name in names])

    def _queue(self, name: str, now: Loads) -> dict[str, object]:
        book = self._services.book
        queue = book.queues.get(name)
        count, since = now.waiting.get(name, (0, 0))
        agents = [agent for agent in book.agents if name in agent.queues and book.skilled(agent, name)]
        return {
            "name": name,
            "brand": queue.brand if queue else None,
            "hours": queue.hours if queue else None,
            "waiting": count,
            "oldest": instant(since) if count else None,
            "agents": [agent.name for agent in agents],
            "configured": queue is not None,
            "priority": queue.priority if queue else None,
            "backup": queue.backup if queue else None,
            "skills": list(queue.skills) if queue else [],
            "wait_minutes": self._minutes(name, count),
        }

    def _minutes(self, queue: str, count: int) -> int | None:
        """About how long whoever comes now would wait, None where that is not known."""
        book, now = self._services.book, self._services.now()
        standing = book.standings.get(queue) if opening.is_open(book, queue, now) else None
        return (standing.minutes(count + 1, now) or None) if standing is not None else None

    async def agents(self, request: web.Request) -> web.Response:
        """Who answers, and how many conversations each has."""
        Query(request)
        now = await self._services.store.read(loads)
        configured = self._services.book.agents
        items: list[dict[str, object]] = [
            {
                "jid": agent.jid,
                "name": agent.name,
                "role": agent.role,
                "queues": list(agent.queues),
                "languages": list(agent.languages),
                "skills": list(agent.skills),
                "capacity": agent.capacity,
                "load": now.busy.get(agent.jid, 0),
                "presence": self._services.presence(agent.jid),
            }
            for agent in configured
        ]
        known = {agent.jid for agent in configured}
        for name, load in now.busy.items():
            if name not in known:
                nothing: dict[str, object] = {"queues": [], "languages": [], "skills": []}
                presence = self._services.presence(name)
                items.append({"jid": name, "name": name, **nothing, "load": load, "presence": presence})
        return whole(items)

    # -- dead letters

    async def dead(self, request: web.Request) -> web.Response:
        """Work that was given up, with its cause; newest first."""
        query = Query(request)
        found = await self._services.store.read(dead_letters, query.cursor, query.limit + 1)
        items: list[dict[str, object]] = [
            {
                "id": str(one.id),
                "at": instant(one.id >> 20),
                "lane": one.lane,
                "kind": one.kind,
                **_whose(one),
                "ref": str(one.ref) if one.ref else None,
                "cause": one.cause,
                "state": one.state,
            }
            for one in found[: query.limit]
        ]
        last = found[: query.limit][-1].id if items else None
        return page(items, last, more=len(found) > query.limit)

    async def replay(self, request: web.Request) -> web.Response:
        """Queues a dead letter again, once."""
        letter_id = id_of(request)
        try:
            await self._services.desk.replay(letter_id)
        except Conflict:
            raise Problem("not-replayable", "it was replayed before") from None
        except Refused as refused:
            raise Problem("not-replayable", str(refused)) from None
        return answer({"id": str(letter_id), "state": "replayed"}, 202)

    # -- health

    async def live(self, request: web.Request) -> web.Response:
        """The process answers."""
        return answer({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """Whether it takes work. A carrier that is down is no reason to send events elsewhere."""
        works, reasons = self._services.ready()
        status = ("degraded" if reasons else "ok") if works else "unavailable"
        return answer({"status": status, "reasons": reasons}, 200 if works else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus text."""
        self._measure()
        body, kind = self._services.metrics.exposition()
        return web.Response(body=body, headers={**HEADERS, "Content-Type": kind})

    def _measure(self) -> None:
        services, metrics = self._services, self._services.metrics
        metrics.queue_depth.labels("send").set(services.queued())
        for link in services.carriers():
            metrics.links.labels(link.name).set(link.state in ("up", "degraded"))


def _whose(letter: DeadLetter) -> dict[str, str | None]:
    """Customer and carrier of a dead letter, as far as it has one.

    A text whose sender is no phone number has no customer: it is kept under the name of the carrier that brought it.
    """
    if letter.lane != CUSTOMER_LANE:
        return {"customer": None, "carrier": None}
    if ":" in letter.key:
        return {"customer": letter.key, "carrier": None}
    return {"customer": None, "carrier": letter.key}


def _carrier(link: LinkStatus, receipts: Mapping[str, int]) -> dict[str, object]:
    matched = receipts.get("matched", 0) + receipts.get("stale", 0)
    told = matched + receipts.get("unknown", 0)
    return {
        "name": link.name,
        "state": link.state,
        "reason": link.reason or None,
        "binds": [dict(bind) for bind in link.binds],
        "window": link.window,
        "in_flight": link.in_flight,
        "tps": link.tps,
        "errors": dict(link.counters),
        "receipts": {**receipts, "match_rate": round(matched / told, 4) if told else None},
    }
