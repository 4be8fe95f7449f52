"""Customers over HTTP: the profile, and what they permit, with the ledger that it follows from."""

from urllib.parse import unquote

from aiohttp import web

from gateway.store.people import CustomerView, customer
from gateway.web.answers import answer, instant
from gateway.web.fields import CONTROLS
from gateway.web.paging import whole
from gateway.web.problems import Problem
from gateway.web.services import Services

LONGEST_REFERENCE = 300


class Customers:
    """The calls under /v1/customers."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: web.Request) -> web.Response:
        """Profile, addresses, consent."""
        view = await self._view(request)
        its = view.customer
        return answer(
            {
                "id": str(its.id),
                "customer": its.key,
                "external_id": its.external_id,
                "name": its.name,
                "language": its.language,
                "timezone": its.timezone,
                "addresses": [
                    {"address": f"{one.kind}:{one.value}", "verified_at": instant(one.verified_at)}
                    for one in view.addresses
                ],
                "consent": view.consent,
                "ledger": _ledger(view),
                "since": instant(its.id >> 20),
            }
        )

    async def consent(self, request: web.Request) -> web.Response:
        """The ledger, oldest first."""
        return whole(_ledger(await self._view(request)))

    async def _view(self, request: web.Request) -> CustomerView:
        reference = unquote(request.match_info["ref"]).strip()
        found = None
        if 0 < len(reference) <= LONGEST_REFERENCE and not CONTROLS.search(reference):
            found = await self._services.store.read(customer, reference)
        if found is None:
            said = "no customer has this reference; use our id, +15551234567, or customer:YOUR-ID"
            raise Problem("not-found", said)
        return found


def _ledger(view: CustomerView) -> list[dict[str, object]]:
    return [
        {
            "at": instant(line.id >> 20),
            "address": view.customer.key,
            "brand": line.brand,
            "sender": line.sender,
            "category": line.category,
            "act": line.act,
            "method": line.method,
            "evidence": line.evidence,
            "message": str(line.message_id) if line.message_id is not None else None,
            "actor": line.actor,
        }
        for line in view.ledger
    ]
