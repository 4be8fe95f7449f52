"""GSM 03.38 by its own table, splitting, packing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator import alphabets

GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà\f^{}\\[~]|€"
)


def test_the_table() -> None:
    assert len(GSM) == 137
    assert alphabets.decode_gsm7(alphabets.encode_gsm7(GSM)) == GSM
    assert alphabets.encode_gsm7("§`".replace("`", "à") + "€") == b"\x5f\x7f\x1be"
    for missing in "`ł😀\x1b":
        with pytest.raises(UnicodeError):
            alphabets.encode_gsm7(missing)


def test_strange_octets_show_something() -> None:
    assert alphabets.decode_gsm7(b"a\x1b") == "a"
    assert alphabets.decode_gsm7(b"\x1bA\xff\x1b\x1b") == "A� "


@given(st.text(alphabet=GSM + "łż😀", max_size=1200), st.sampled_from([1, 2]))
def test_no_part_is_too_long_and_no_character_is_cut(text: str, reference: int) -> None:
    encoded = alphabets.split(text, "gsm7", reference_octets=reference)
    decoded = [alphabets.decode(part, encoded.data_coding, "gsm7") for part in encoded.parts]
    assert "".join(decoded) == text
    assert "�" not in "".join(decoded)
    room = 140 - 5 - reference if len(encoded.parts) > 1 else 140
    for part in encoded.parts:
        assert len(part) <= (room if encoded.data_coding == 8 else room * 8 // 7)


@given(st.binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets)), st.sampled_from([0, 6, 7]))
def test_packing_round_trip(septets: bytes, header: int) -> None:
    fill = alphabets.fill_bits(header)
    assert (header * 8 + fill) % 7 == 0
    back = alphabets.unpack(alphabets.pack(septets, fill), fill)
    assert back in (septets, septets[:-1], septets + b"\0")  # a last @ may be padding: 03.38 6.1.2.3.1 knows no better


@pytest.mark.parametrize(
    ("octets", "coding", "shown"),
    [
        (b"\xe9", 3, "é"),
        (b"caf\x05", 0x10, "café"),
        (b"\x00A", 0x18, "A"),
        (b"caf\x05", 0xF1, "café"),
        (b"\x01\x02", 4, "[01 02]"),
        (b"\xe9", 1, "�"),
        (b"\xd8\x3d", 8, "�"),
    ],
)
def test_data_codings(octets: bytes, coding: int, shown: str) -> None:
    assert alphabets.decode(octets, coding, "gsm7") == shown
