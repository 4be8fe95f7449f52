"""Addresses on the wire (TON and NPI, SMPP v3.4 5.2.5 and 5.2.6) and in the house (`+15551234567`, `70007`, `ACME`)."""

from typing import Final

from gateway.channels.smpp.profile import CarrierProfile

OWN_LEAST: Final = 9  # a short code of ours may have eight digits
# types of number
INTERNATIONAL: Final = 1
NATIONAL: Final = 2
ALPHANUMERIC: Final = 5


def _digits(text: str) -> bool:
    return text.isdigit() and text.isascii()


def _e164(digits: str) -> bool:
    return 7 <= len(digits) <= 15 and digits[0] != "0"


def read_address(address: str, ton: int, country: str, *, least: int = 8) -> str:
    """The address of a text in the house's form: `+` and the whole number where it is one, else as it came.

    ton: type of number as the carrier wrote it, which is often 0 for "do not know". country: calling code of the
    carrier's country, "" = national numbers stay as they are. least: digits from which an address of unknown type is a
    whole number (`OWN_LEAST` for an address of ours). Short codes and names are never touched.
    """
    if ton == ALPHANUMERIC:
        return address.strip() or address
    plus = address.startswith("+")
    digits = address[1:] if plus else address
    if not _digits(digits):
        return address
    if plus:
        return f"+{digits}" if _e164(digits) else address
    if digits.startswith("00") and _e164(digits[2:]) and ton in (0, INTERNATIONAL):
        return f"+{digits[2:]}"
    if ton == INTERNATIONAL:
        return f"+{digits}" if _e164(digits) else address
    if ton == NATIONAL:
        return _national(address, digits, country)
    if ton == 0 and len(digits) >= least:
        return _guess(address, digits, country)
    return address


def _national(address: str, digits: str, country: str) -> str:
    """A national number, with or without the trunk 0 in front of it, or (against the book) with the country."""
    if not country or len(digits) < 7:
        return address
    if country == "1" and len(digits) == 11 and digits[0] == "1":
        return f"+{digits}"
    local = digits.removeprefix("0")
    whole = country + local
    return f"+{whole}" if local[0] != "0" and _e164(whole) else address


def _guess(address: str, digits: str, country: str) -> str:
    """Eight digits or more of unknown type: international, unless they look national for the carrier's country."""
    if digits[0] == "0":
        return _national(address, digits, country)
    if len(digits) == 10 and country == "1":
        return f"+1{digits}"
    return f"+{digits}" if _e164(digits) else address


def write_sender(address: str, profile: CarrierProfile) -> tuple[int, int, str]:
    """TON, NPI and wire form of a sender of ours: number, short code or name."""
    if address.startswith("+"):
        return profile.international_ton, profile.international_npi, address[1:]
    if _digits(address) and len(address) <= 8:
        return profile.short_code_ton, profile.short_code_npi, address
    if _digits(address):
        return profile.international_ton, profile.international_npi, address
    return profile.alphanumeric_ton, profile.alphanumeric_npi, address


def write_recipient(address: str, profile: CarrierProfile) -> tuple[int, int, str]:
    """TON, NPI and wire form of a customer: a whole number, or whatever short code a test network has."""
    if address.startswith("+"):
        return profile.international_ton, profile.international_npi, address[1:]
    return profile.short_code_ton, profile.short_code_npi, address
