"""Brands and their addresses as decisions read them: many times for each text, so plainly."""

from gateway.model.rows import record


@record
class Brand:
    """Who the customer thinks they talk to. help_contact: URL or phone number in the answers to HELP and STOP.
    holidays: whose public holidays its opening hours mean, such as "US-NY".
    """

    name: str
    display_name: str
    default_language: str
    timezone: str
    help_contact: str
    holidays: str | None = None


@record
class Sender:
    """An address of ours. carriers: their names, in order of preference."""

    address: str
    brand: str
    carriers: tuple[str, ...]
