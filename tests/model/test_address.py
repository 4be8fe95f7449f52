"""Addresses: the shape of E.164 is checked, never the numbering plan; logs see too little to use."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.address import BadAddress, is_phone, is_sender, mask, parse_address, phone_address


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("tel:+15551234567", "tel:+15551234567"),
        ("+15551234567", "tel:+15551234567"),
        ("TEL:+4915112345678", "tel:+4915112345678"),
        ("mailto:Ann@Example.COM", "mailto:ann@example.com"),
        ("xmpp:Ann@example.test", "xmpp:ann@example.test"),
        ("webchat:abcDEF_-12", "webchat:abcDEF_-12"),
        ("+1234567", "tel:+1234567"),
        ("+123456789012345", "tel:+123456789012345"),
    ],
)
def test_canonical_form(text: str, canonical: str) -> None:
    address = parse_address(text)
    assert str(address) == canonical
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tel:",
        "tel:15551234567",
        "tel:+0123456789",
        "+123456",
        "+1234567890123456",
        "tel:+1555 123 4567",
        "tel:+١٥٥٥١٢٣٤٥٦٧",
        "tel:+15551234567\n",
        "sms:+15551234567",
        "mailto:ann",
        "mailto:a b@example.com",
        "xmpp:ann@example.test/phone",
        "xmpp:@example.test",
        "webchat:short",
        "customer:4711",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_address(text)


def test_a_refusal_says_what_would_be_one() -> None:
    with pytest.raises(
        BadAddress, match=r"^must be \+ and 7 to 15 digits, the first not 0, such as tel:\+15551234567$"
    ):
        phone_address("5551234")


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("70007", True),
        ("AcmeMobile", True),
        ("+15551234567", True),
        ("12", False),
        ("TwelveLetter", False),
        ("", False),
    ],
)
def test_senders(text: str, yes: bool) -> None:
    assert is_sender(text) is yes


@settings(derandomize=True, database=None)
@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse_address(text)
    except BadAddress:
        return
    assert parse_address(str(address)) == address


@settings(derandomize=True, database=None)
@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_mask_hides_a_number(number: str) -> None:
    assert is_phone(number)
    shown = mask(number)
    assert number not in shown
    assert sum(char.isdigit() for char in shown) <= 6
    assert number not in phone_address(number).masked
