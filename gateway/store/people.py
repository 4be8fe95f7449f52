"""Customers as the API shows them: who they are, how they are reached, what they permit and since when."""

from dataclasses import dataclass

import apsw

from gateway.model.customer import ConsentEvent, Customer
from gateway.store.listings import customer_ids
from gateway.store.statements import columns_of
from gateway.store.tables import ConsentEventRow, CustomerRow

MOST_LINES = 1000
_CUSTOMER = ", ".join(columns_of(CustomerRow))
_LEDGER = ", ".join(columns_of(ConsentEventRow))


@dataclass(frozen=True, slots=True)
class Reached:
    """One address of a customer. verified_at: ms."""

    id: int
    kind: str
    value: str
    verified_at: int | None


@dataclass(frozen=True, slots=True)
class CustomerView:
    """A customer. consent: state by brand. ledger: oldest first."""

    customer: Customer
    addresses: tuple[Reached, ...]
    consent: dict[str, str]
    ledger: tuple[ConsentEvent, ...]


def customer(connection: apsw.Connection, reference: str) -> CustomerView | None:
    """By our id, number, canonical address or `customer:EXTERNAL-ID`."""
    ids = customer_ids(connection, reference)
    if not ids:
        return None
    [found] = [Customer(*row) for row in connection.execute(f"SELECT {_CUSTOMER} FROM customer WHERE id = ?", ids[:1])]
    addresses = connection.execute("SELECT id, kind, value, verified_at FROM address WHERE id = ?", (found.address_id,))
    consent = connection.execute("SELECT brand, state FROM consent WHERE address_id = ?", (found.address_id,))
    ledger = connection.execute(
        f"SELECT {_LEDGER} FROM consent_event WHERE address_id = ? ORDER BY id LIMIT ?", (found.address_id, MOST_LINES)
    )
    return CustomerView(
        found,
        tuple(Reached(*row) for row in addresses),
        dict(consent),
        tuple(ConsentEvent(*row) for row in ledger),
    )
