"""What a text costs, and that cutting it loses nothing."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import gsm7
from gateway.model.channel import Encoding
from gateway.model.segments import (
    Alphabet,
    Mode,
    SegmentCount,
    TooLong,
    count,
    encoding_of,
    hide_halves,
    join,
    length,
    split,
)

ROOM = {
    (Encoding.gsm7, "udh8"): 153, (Encoding.gsm7, "udh16"): 152, (Encoding.gsm7, "sar"): 153,
    (Encoding.latin1, "udh8"): 134, (Encoding.latin1, "udh16"): 133, (Encoding.latin1, "sar"): 134,
    (Encoding.ucs2, "udh8"): 67, (Encoding.ucs2, "udh16"): 66, (Encoding.ucs2, "sar"): 67,
}  # fmt: skip
WHOLE = {Encoding.gsm7: 160, Encoding.latin1: 140, Encoding.ucs2: 70}

gsm_text = st.text(alphabet=sorted(gsm7.CHARACTERS), max_size=900)
any_text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400)
modes = st.sampled_from(sorted({mode for _, mode in ROOM}))


@given(gsm_text)
def test_gsm7_both_ways(text: str) -> None:
    octets = gsm7.encode(text)
    assert gsm7.decode(octets) == text
    assert gsm7.septets(text) == len(octets)
    assert gsm7.foreign(text) is None
    assert encoding_of(text) is Encoding.gsm7


@given(any_text)
def test_gsm7_refuses_what_it_lacks(text: str) -> None:
    foreign = gsm7.foreign(text)
    assert (foreign is None) == (gsm7.septets(text) is not None)
    if foreign is None:
        assert gsm7.decode(gsm7.encode(text)) == text
    else:
        with pytest.raises(UnicodeEncodeError) as caught:
            gsm7.encode(text)
        assert text[caught.value.start] == foreign


@given(st.binary(max_size=200), st.integers(0, 4), st.integers(0, 4))
def test_gsm7_reads_any_septets(octets: bytes, locking: int, single: int) -> None:
    septets = bytes(octet & 0x7F for octet in octets)
    assert len(gsm7.decode(septets, locking, single)) <= len(septets)
    if max(octets, default=0) > 0x7F:
        with pytest.raises(UnicodeDecodeError):
            gsm7.decode(octets, locking, single)


def packed(septets: bytes) -> bytes:
    """The other way round than `gsm7.unpack`, septet by septet (TS 23.038 6.1.2.1)."""
    bits = "".join(f"{septet:07b}"[::-1] for septet in septets)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


@given(st.binary(max_size=160))
def test_unpacking(octets: bytes) -> None:
    septets = bytes(octet & 0x7F for octet in octets)
    unpacked = gsm7.unpack(packed(septets))
    # eight septets fill seven octets, so that a last @ cannot be told from padding
    assert unpacked == (septets[:-1] if septets[-1:] == b"\0" and len(septets) % 8 == 0 else septets)


def test_known_texts_of_the_alphabet() -> None:
    assert gsm7.encode("@£$ {}[]~\\|^€") == bytes.fromhex(
        "0001022 01b281b291b3c1b3e1b3d1b2f1b401b141b65".replace(" ", "")
    )
    assert gsm7.decode(b"\x1b\x1b") == " "
    assert gsm7.decode(b"a\x1b") == "a "
    assert gsm7.decode(b"\x1bA") == "A", "an unknown extension shows its basic character"
    assert gsm7.encode("§") == b"\x5f", "smpplib's table has ` there"
    assert gsm7.foreign("a`") == "`"
    assert gsm7.transliterate("“Fish”—it’s 5…\u00a0ok") == '"Fish"-it\'s 5... ok'
    assert gsm7.transliterate("Ü😀é") == "Ü😀é"
    assert gsm7.unpack(bytes.fromhex("e8329bfd06")) == b"hello"


@given(any_text | gsm_text, modes)
def test_split_loses_nothing_and_fits(text: str, mode: Mode) -> None:
    encoding = encoding_of(text)
    try:
        parts = split(text, encoding, mode)
    except TooLong:
        assert len(text) > 66 * 127
        return
    assert "".join(parts) == text
    if len(parts) == 1:
        assert length(text, encoding) <= WHOLE[encoding]
        return
    room = ROOM[encoding, mode]
    sizes = [length(part, encoding) for part in parts]
    assert max(sizes) <= room
    assert min(sizes[:-1]) >= room - 1, "greedy: at most a pair's half is left free"
    assert sum(sizes) == length(text, encoding)


@given(any_text | gsm_text, st.sampled_from(get_args(Alphabet)))
def test_encoding_can_write_the_text(text: str, alphabet: Alphabet) -> None:
    encoding = encoding_of(text, alphabet)
    if encoding is Encoding.gsm7:
        if alphabet == "gsm7":
            gsm7.encode(text)
        else:
            text.encode("latin-1" if alphabet == "latin1" else "ascii")
    elif encoding is Encoding.latin1:
        assert alphabet != "gsm7"
        text.encode("latin-1")
    told = count(text, alphabet)
    assert told.parts == len(split(text, encoding))
    assert (told.forcing is None) == (encoding is Encoding.gsm7)


@pytest.mark.parametrize(
    ("text", "mode", "parts"),
    [
        ("a" * 160, "udh16", [160]),
        ("a" * 161, "udh8", [153, 8]),
        ("a" * 161, "udh16", [152, 9]),
        ("a" * 159 + "€", "udh16", [152, 8]),
        ("a" * 152 + "€" * 10, "udh8", [152, 10]),
        ("a" * 151 + "€" * 10, "udh16", [151, 10]),
        ("й" * 70, "udh8", [70]),
        ("й" * 71, "udh8", [67, 4]),
        ("й" * 71, "udh16", [66, 5]),
        ("й" * 66 + "😀" * 3, "udh8", [66, 3]),
        ("😀" * 36, "udh8", [33, 3]),
        ("a" * 2000, "payload", [2000]),
        ("", "udh16", [0]),
    ],
)
def test_known_cuts(text: str, mode: Mode, parts: list[int]) -> None:
    assert [len(part) for part in split(text, encoding_of(text), mode)] == parts


def test_latin1_cuts() -> None:
    assert [len(part) for part in split("ç" * 141, Encoding.latin1, "udh16")] == [133, 8]
    assert [len(part) for part in split("ç" * 141, Encoding.latin1, "udh8")] == [134, 7]


def test_counts_say_what_forced_them() -> None:
    assert count("hello") == SegmentCount(Encoding.gsm7, 1, 5, None)
    assert count("5€") == SegmentCount(Encoding.gsm7, 1, 3, None)
    assert count("it’s " + "x" * 66) == SegmentCount(Encoding.ucs2, 2, 71, "’")
    assert count("ça", "latin1") == SegmentCount(Encoding.latin1, 1, 2, "ç")
    assert count("é", "latin1").encoding is Encoding.gsm7
    assert count("é", "ascii") == SegmentCount(Encoding.latin1, 1, 1, "é")
    assert count("Δ", "latin1").forcing == "Δ"
    assert count("a" * 500, mode="payload").parts == 4


def test_too_long() -> None:
    with pytest.raises(TooLong):
        split("a" * (152 * 255 + 1), Encoding.gsm7, "udh16")
    with pytest.raises(TooLong):
        split("a" * (153 * 255 + 1), Encoding.gsm7, "payload")
    assert len(split("a" * (152 * 255), Encoding.gsm7, "udh16")) == 255
    with pytest.raises(ValueError, match="☃"):
        split("☃", Encoding.gsm7)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Co"]), max_size=60), st.integers(1, 120))
def test_halves_come_together(text: str, at: int) -> None:
    octets = text.encode("utf-16-be")
    at = min(len(octets), at * 2)
    halves = [hide_halves(piece.decode("utf-16-be", "surrogatepass")) for piece in (octets[:at], octets[at:])]
    for half in halves:
        half.encode()
    assert join(halves) == text
    assert "\ufffd" in join([halves[0]]) or "\ufffd" in text or join([halves[0]]) == text[: len(halves[0])]
