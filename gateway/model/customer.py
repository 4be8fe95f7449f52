"""Customers and what they permit."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.model.rows import record


class Permission(StrEnum):
    """State of a customer towards one brand, folded from the ledger of consent events. No entry = never asked."""

    granted = "granted"
    revoked = "revoked"


@record
class Customer:
    """A person. key: canonical form of their home address (`tel:+15551234567`); work is serial per key.

    language, timezone: None = the brand's. address_id: id of the home address's row. survey: what they were asked last
    about how it went (`gateway.care.ratings`). shared: what is known of addresses of several brands
    (`gateway.care.codes`). tier: what they are to the business, in a word for agents.
    guessed: the language that they seem to write (`gateway.care.languages`), which counts where `language` is None.
    """

    id: int
    key: str
    address_id: int
    external_id: str | None = None
    name: str | None = None
    language: str | None = None
    timezone: str | None = None
    survey: str | None = None
    shared: str | None = None
    tier: str | None = None
    guessed: str | None = None

    @property
    def spoken(self) -> str | None:
        """Their language, as far as it is known or guessed."""
        return self.language or self.guessed


def called(name: str | None, tier: str | None, number: str = "") -> str:
    """How agents read of a customer: `Ann, gold`; number: what there is without a name."""
    return ", ".join(part for part in (name or number, tier) if part)


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One line of the ledger: who did what, by which words, and how we know.

    act: grant or revoke. method: keyword, agent, api, carrier_code. evidence: the words, or the request.
    """

    id: int
    address_id: int
    brand: str
    sender: str | None
    category: str | None
    act: str
    method: str
    evidence: str
    message_id: int | None
    actor: str
