"""Offers over HTTP: the life of each, who accepted it by which words, the price as shown, and its fulfilment."""

from aiohttp import web

from gateway.model.offer import OfferState
from gateway.store.listings import OfferFilters, offer, offers
from gateway.store.search import TooWide
from gateway.web.answers import answer
from gateway.web.objects import offer_object
from gateway.web.paging import Query, id_of, page
from gateway.web.problems import Problem
from gateway.web.services import Services

FILTERS = ("customer", "conversation", "state", "name")


class Offers:
    """The calls under /v1/offers."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def find(self, request: web.Request) -> web.Response:
        """A page of them, newest first."""
        query = Query(request, FILTERS)
        filters = OfferFilters(
            customer=query.customer("customer"),
            conversation=query.number("conversation"),
            state=query.choice("state", tuple(OfferState)),
            name=query.text("name"),
            before=query.cursor,
        )
        try:
            views, more = await self._services.store.read(offers, filters, query.limit)
        except TooWide:
            raise Problem("search-too-wide", "the list takes too long; narrow it by customer") from None
        return page([offer_object(view) for view in views], views[-1].offer.id if views else None, more=more)

    async def get(self, request: web.Request) -> web.Response:
        """One offer."""
        view = await self._services.store.read(offer, id_of(request))
        if view is None:
            raise Problem("not-found", "no offer has this id")
        return answer(offer_object(view))
