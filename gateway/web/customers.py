"""Customers over HTTP: the profile, and what they permit, with the ledger that it follows from."""

from functools import partial
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.care import profiles
from gateway.care.rendering import tag_of
from gateway.model.address import BadAddress, parse_address
from gateway.model.customer import Customer
from gateway.store.people import CustomerView, customer
from gateway.web import bodies
from gateway.web.answers import answer, instant
from gateway.web.fields import CONTROLS, Fields
from gateway.web.paging import whole
from gateway.web.problems import Problem
from gateway.web.routes import JSON_TYPE
from gateway.web.services import Services

LONGEST_REFERENCE = 300
LONGEST = {"name": 100, "tier": 30, "language": 35, "timezone": 64, "external_id": 200}
KIND = "invalid-customer"


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
                **_profile(its),
                "addresses": [
                    {"address": f"{one.kind}:{one.value}", "verified_at": instant(one.verified_at)}
                    for one in view.addresses
                ],
                "consent": view.consent,
                "ledger": _ledger(view),
                "since": instant(its.id >> 20),
            }
        )

    async def put(self, request: web.Request) -> web.Response:
        """Sets what is given of a profile, null = not known; a number that we never met becomes a customer."""
        bodies.content_type(request, (JSON_TYPE,))
        document = await bodies.load(await bodies.read(request))
        fields = Fields(bodies.require_sound(document), KIND, profiles.MEMBERS)
        given = {name: _member(fields, name) for name in profiles.MEMBERS if fields.has(name)}
        fields.done()
        known = await self._found(request)
        key = known.customer.key if known is not None else _number(_reference(request))
        own = given.get("external_id")
        other = await self._services.store.read(customer, f"customer:{own}") if own is not None else None
        if other is not None and other.customer.external_id == own and other.customer.key != key:
            said = "is the id of another customer"
            raise Problem(KIND, f"external_id {said}", [("/external_id", said)])
        its = await self._services.engine.ask(key, partial(profiles.put, given=given))
        assert isinstance(its, Customer)
        return answer(_profile(its), 200 if known is not None else 201)

    async def consent(self, request: web.Request) -> web.Response:
        """The ledger, oldest first."""
        return whole(_ledger(await self._view(request)))

    async def _view(self, request: web.Request) -> CustomerView:
        found = await self._found(request)
        if found is None:
            raise _nobody()
        return found

    async def _found(self, request: web.Request) -> CustomerView | None:
        reference = _reference(request)
        if 0 < len(reference) <= LONGEST_REFERENCE and not CONTROLS.search(reference):
            return await self._services.store.read(customer, reference)
        return None


def _reference(request: web.Request) -> str:
    return unquote(request.match_info["ref"]).strip()


def _nobody() -> Problem:
    return Problem("not-found", "no customer has this reference; use our id, +15551234567, or customer:YOUR-ID")


def _number(reference: str) -> str:
    """The key of a customer to be made. Raises Problem: the reference is no phone number."""
    try:
        address = parse_address(reference)
    except BadAddress:
        raise _nobody() from None
    if address.kind != "tel":
        raise _nobody()
    return str(address)


def _member(fields: Fields, name: str) -> str | None:
    """One member of a profile; what is wrong with it is noted."""
    value = fields.name(name, most=LONGEST[name])
    if value is None:
        return None
    if name == "language" and (value := tag_of(value)) is None:
        fields.wrong(name, "must be a language tag such as en or es-MX")
    if name == "timezone" and not _is_zone(str(value)):
        fields.wrong(name, "must be a time zone such as America/New_York")
    return value.strip() if value is not None else None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no zone; no name of one; a folder of zones
        return False
    return True


def _profile(its: Customer) -> dict[str, object]:
    return {
        "id": str(its.id),
        "customer": its.key,
        "external_id": its.external_id,
        "name": its.name,
        "tier": its.tier,
        "language": its.language,
        "guessed_language": its.guessed,
        "timezone": its.timezone,
    }


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
