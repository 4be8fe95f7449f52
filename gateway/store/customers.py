"""Customers, their addresses and consent."""

from gateway.model.address import Address
from gateway.model.customer import ConsentEvent, Customer, Permission
from gateway.store.statements import insert, row_of, update
from gateway.store.tables import AddressRow, ConsentEventRow, CustomerRow, RatingRow
from gateway.store.units import Statement, Unit

_ADD = insert(CustomerRow)
_customer_row = row_of(CustomerRow)
_ADD_ADDRESS = insert(AddressRow)
_ADD_CONSENT_EVENT = insert(ConsentEventRow)
_consent_event_row = row_of(ConsentEventRow)
_SET_SURVEY = update(CustomerRow, ("survey",), ("id",))
_SET_GUESSED = update(CustomerRow, ("guessed",), ("id",))
_SET_SHARED = update(CustomerRow, ("shared",), ("id",))
_SET_PROFILE = update(CustomerRow, ("external_id", "name", "language", "timezone", "tier"), ("id",))
_rating_row = row_of(RatingRow)
_RATE = Statement(
    "rating",
    "INSERT INTO rating (conversation_id, brand, queue, agent, score, message_id, at) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (conversation_id) DO UPDATE SET score = excluded.score, message_id = excluded.message_id, "
    "at = excluded.at",
)
_FOLD = Statement(
    "consent",
    "INSERT INTO consent (address_id, brand, state, event_id) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (address_id, brand) DO UPDATE SET state = excluded.state, event_id = excluded.event_id",
)


def add(unit: Unit, customer: Customer, address: Address, verified_at: int | None) -> None:
    """A new customer with their home address. Rejected when the address is somebody's already."""
    unit.add(_ADD, _customer_row(customer))
    row = (customer.address_id, address.kind, address.value, address.value[::-1], customer.id, verified_at)
    unit.add(_ADD_ADDRESS, row)


def set_survey(unit: Unit, customer_id: int, survey: str | None) -> None:
    """What the customer was asked last about how it went."""
    unit.add(_SET_SURVEY, (survey, customer_id))


def set_profile(unit: Unit, its: Customer) -> None:
    """What the business says of a customer. Rejected when its own id is another's."""
    unit.add(_SET_PROFILE, (its.external_id, its.name, its.language, its.timezone, its.tier, its.id))


def set_guessed(unit: Unit, its: Customer) -> None:
    """The language that they seem to write."""
    unit.add(_SET_GUESSED, (its.guessed, its.id))


def set_shared(unit: Unit, customer_id: int, shared: str) -> None:
    """What is known of addresses of several brands."""
    unit.add(_SET_SHARED, (shared, customer_id))


def record_rating(unit: Unit, row: RatingRow) -> None:
    """How satisfied they were; a second word about the same conversation replaces the first."""
    unit.add(_RATE, _rating_row(row))


def record_consent(unit: Unit, event: ConsentEvent) -> None:
    """A line of the ledger, and the state folded from it."""
    unit.add(_ADD_CONSENT_EVENT, _consent_event_row(event))
    state = Permission.revoked if event.act == "revoke" else Permission.granted
    unit.add(_FOLD, (event.address_id, event.brand, state, event.id))
