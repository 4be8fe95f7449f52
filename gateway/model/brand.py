"""Brands and their addresses as decisions read them: many times for each text, so plainly."""

from gateway.model.rows import record


@record
class Brand:
    """Who the customer thinks they talk to. help_contact: URL or phone number in the answers to HELP and STOP.
    holidays: whose public holidays its opening hours mean, such as "US-NY". keywords: words that mean it on an
    address of several brands.
    """

    name: str
    display_name: str
    default_language: str
    timezone: str
    help_contact: str
    holidays: str | None = None
    keywords: tuple[str, ...] = ()


@record
class Sender:
    """An address of ours. carriers: names, in order of preference. shared_with: other brands that write from it."""

    address: str
    brand: str
    carriers: tuple[str, ...]
    shared_with: tuple[str, ...] = ()

    @property
    def brands(self) -> tuple[str, ...]:
        """All brands that write from it, its owner first."""
        return (self.brand, *self.shared_with)
